package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"culprit/internal/store"
)

// kills is how often a test kills the program: 10 times, or CULPRIT_KILLS.
func kills(t *testing.T) int {
	t.Helper()
	v := os.Getenv("CULPRIT_KILLS")
	if v == "" {
		return 10
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestImport_KilledAtRandomInstants kills an import again and again, while the log
// grows and is rotated between the attempts: every line is stored, once.
func TestImport_KilledAtRandomInstants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	logs, data := filepath.Join(dir, "logs"), filepath.Join(dir, "data")
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	l := &rotatedLog{path: filepath.Join(logs, "error.log"), r: r}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}

	var said bytes.Buffer
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "import", "--data-dir", data, "--tz", "UTC", logs)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	n := kills(t)
	killed, attempts := 0, 0
	for ; killed < n; attempts++ { // some imports end before
		if attempts == 4*n {
			t.Fatalf("of %d imports only %d were killed while they ran", attempts, killed)
		}
		// Some 8 MB: a few commits.
		if err := l.write(30_000); err != nil {
			t.Fatal(err)
		}
		cmd := start()
		<-time.After(time.Duration(20+r.IntN(600)) * time.Millisecond)
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed++
		}
		if attempts%3 == 2 {
			if err := l.rotate(4 * n); err != nil {
				t.Fatal(err)
			}
			if err := l.settle(); err != nil {
				t.Fatal(err)
			}
		}
		if attempts == n/2 {
			pack(t, l.path+".1")
		}
	}
	if err := start().Wait(); err != nil {
		t.Fatalf("the last import ended with %v; it said:\n%s", err, &said)
	}

	st, err := store.Open(t.Context(), data, store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	seen := make([]int, l.written)
	all(t, st, func(h *store.Hit) {
		i, ok := lineNumber(string(h.Record.Text))
		if !ok || i >= len(seen) {
			t.Errorf("a line that nobody wrote: %q", h.Record.Text)
			return
		}
		seen[i]++
	})
	lost, doubled := 0, 0
	for _, c := range seen {
		switch {
		case c == 0:
			lost++
		case c > 1:
			doubled++
		}
	}
	if lost+doubled > 0 {
		t.Errorf("of %d lines %d are lost and %d doubled", l.written, lost, doubled)
	}
	t.Logf("%d lines, %d attempts, %d of them killed", l.written, attempts, killed)
}

// pack compresses a file as logrotate does.
func pack(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{w.Close(), os.WriteFile(name+".gz", packed.Bytes(), 0o644), os.Remove(name)} {
		if err != nil {
			t.Fatal(fmt.Errorf("pack %s: %w", name, err))
		}
	}
}
