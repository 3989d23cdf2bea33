package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"culprit/internal/store"
)

// A rotatedLog is a log that is written and rotated by renaming, as nginx and
// logrotate do: for a while lines still go to the old file.
type rotatedLog struct {
	path    string
	written int
	files   []*os.File // the current one last
	r       *rand.Rand
}

// write adds lines, some of them in two pieces.
func (l *rotatedLog) write(n int) error {
	f := l.files[len(l.files)-1]
	if len(l.files) > 1 && l.r.IntN(2) == 0 {
		f = l.files[0] // a worker that has not reopened its log yet
	}
	for range n {
		at := time.Date(2026, 11, 22, 10, 0, l.written/20, 0, time.UTC) // twenty a second
		line := fmt.Sprintf("%s [error] 77#77: *%d connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: shop.example, "+
			"request: \"GET /line/%d HTTP/1.1\", upstream: \"http://127.0.0.1:3000/line/%d\", host: \"shop.example\"\n", at.Format("2006/01/02 15:04:05"), l.written, l.written, l.written)
		cut := len(line)
		if l.r.IntN(8) == 0 {
			cut = l.r.IntN(len(line))
		}
		for _, part := range []string{line[:cut], line[cut:]} {
			if _, err := f.WriteString(part); err != nil {
				return err
			}
		}
		l.written++
	}
	return nil
}

// lineNumber returns which of a rotatedLog's lines a text is, if it is a whole one.
func lineNumber(text string) (int, bool) {
	_, rest, ok := strings.Cut(text, "/line/")
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(number)
	return n, ok && err == nil && strings.HasSuffix(text, `host: "shop.example"`)
}

// rotate renames the files; the old one is written on until settle.
func (l *rotatedLog) rotate(keep int) error {
	for i := keep; i >= 1; i-- {
		from := l.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		if err := os.Rename(from, l.path+"."+strconv.Itoa(i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return l.open()
}

func (l *rotatedLog) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	l.files = append(l.files, f)
	return nil
}

// settle lets go of the old files: every worker has reopened its log.
func (l *rotatedLog) settle() error {
	for len(l.files) > 1 {
		if err := l.files[0].Close(); err != nil {
			return err
		}
		l.files = l.files[1:]
	}
	return nil
}

// TestServe_KilledAtRandomInstants kills the whole program again and again while
// logs are written and rotated: every line is stored, once.
func TestServe_KilledAtRandomInstants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	kills := kills(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))

	dir := t.TempDir()
	data, settings := filepath.Join(dir, "data"), filepath.Join(dir, "culprit.yaml")
	text := fmt.Sprintf("data_dir: %s\nlisten: none\ndiscover: false\njournals: []\nzone: UTC\ntopology: %s\nlog_level: warn\nsources:\n  - path: %s\n",
		data, filepath.Join(dir, "none"), filepath.Join(dir, "*.log"))
	for _, err := range []error{os.WriteFile(settings, []byte(text), 0o644), os.Mkdir(filepath.Join(dir, "none"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}

	var logs []*rotatedLog
	var mu sync.Mutex // over the logs
	for _, name := range []string{"error.log", "shop.error.log"} {
		l := &rotatedLog{path: filepath.Join(dir, name), r: rand.New(rand.NewPCG(seed, uint64(len(name))))}
		if err := l.open(); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	// The writer goes on all the time. It rotates whenever a child was killed,
	// sometimes twice while none runs.
	ctx, stop := context.WithCancel(t.Context())
	wrote := make(chan error, 1)
	go func() {
		wrote <- func() error {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				<-tick.C
				mu.Lock()
				for _, l := range logs {
					if err := l.write(2); err != nil {
						mu.Unlock()
						return err
					}
				}
				mu.Unlock()
			}
			return nil
		}()
	}()
	each := func(do func(*rotatedLog) error) {
		mu.Lock()
		defer mu.Unlock()
		for _, l := range logs {
			if err := do(l); err != nil {
				t.Fatal(err)
			}
		}
	}

	var said bytes.Buffer
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "serve", "--config", settings)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	const keep = 200 // rotated files: none may be deleted before it is read
	for k := range kills {
		cmd := start()
		wait := time.Duration(50+r.IntN(1000)) * time.Millisecond
		half := time.After(wait / 2)
		end := time.After(wait)
		<-half
		each(func(l *rotatedLog) error { return l.rotate(keep) })
		<-end
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		each((*rotatedLog).settle)
		if k%3 == 0 {
			each(func(l *rotatedLog) error { return l.rotate(keep) })
		}
	}
	stop()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	each((*rotatedLog).settle)

	// The last one reads all there is, and stops when it is told to.
	want := int64(0)
	for _, l := range logs {
		want += int64(l.written)
	}
	cmd := start()
	stored := int64(-1)
	for deadline := time.Now().Add(2 * patience); stored < want; {
		if time.Now().After(deadline) {
			t.Errorf("%d of %d records after %s; it said:\n%s", stored, want, 2*patience, &said)
			break
		}
		<-time.After(50 * time.Millisecond)
		if a := dialService(t.Context(), socketIn(data)); a != nil {
			var h struct{ Total int64 }
			if err := a.get(t.Context(), "/api/histogram", map[string][]string{"q": {""}, "bins": {"1"}}, &h); err == nil {
				stored = h.Total
			}
			_ = a.Close()
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the service ended with %v; it said:\n%s", err, &said)
	}

	st, err := store.Open(t.Context(), data, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	seen := map[string]map[int]int{}
	broken := 0
	all(t, st, func(h *store.Hit) {
		text := string(h.Record.Text)
		n, ok := lineNumber(text)
		if !ok {
			if broken++; broken < 5 {
				t.Errorf("a line that nobody wrote: %q", text)
			}
			return
		}
		if seen[h.Source] == nil {
			seen[h.Source] = map[int]int{}
		}
		seen[h.Source][n]++
	})
	for _, l := range logs {
		lost, doubled := 0, 0
		for n := range l.written {
			switch c := seen[l.path][n]; {
			case c == 0:
				lost++
			case c > 1:
				doubled++
			}
		}
		if lost+doubled > 0 || len(seen[l.path]) != l.written {
			t.Errorf("%s: of %d lines %d are lost and %d doubled", filepath.Base(l.path), l.written, lost, doubled)
		}
		t.Logf("%s: %d lines, %d kills", filepath.Base(l.path), l.written, kills)
	}
}
