package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
)

// A crash is tried in a process of its own: the test binary runs itself, told by
// this variable, and is killed.
const crashEnv = "CULPRIT_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := appendUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashLine is line n of a source; each differs and tells its number.
func crashLine(source string, n int64) string {
	return fmt.Sprintf("2026/11/22 08:00:00 [error] %s number %d connect refused %s", source, n, strings.Repeat("x", int(n*7%200)))
}

// crashOffset is where line n begins.
func crashOffset(n int64) int64 { return n * 1000 }

// appendUntilKilled stores lines of two sources without end, from their
// checkpoints on, with commits of random size; some lines are open for a while.
func appendUntilKilled(dir string) error {
	ctx := context.Background()
	st, err := store.Open(ctx, dir, store.Options{Ballast: -1})
	if err != nil {
		return err
	}
	go func() { _ = st.Run(ctx) }()
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	type feed struct {
		w    *store.Writer
		name string
		next int64
	}
	var feeds []*feed
	for _, name := range []string{"one", "two"} {
		w, err := st.Writer(ctx, name, "", "nginx_error")
		if err != nil {
			return err
		}
		f := &feed{w: w, name: name}
		if c := st.Checkpoint(name, ""); c != nil {
			f.next = int64(binary.BigEndian.Uint64(c))
			// A reader may also begin earlier: what is stored is dropped.
			f.next = max(0, f.next-int64(r.IntN(20)))
		}
		feeds = append(feeds, f)
	}
	record := func(f *feed, n int64) *culprit.Record {
		text := crashLine(f.name, n)
		rec := &culprit.Record{Source: f.name, Text: []byte(text), LineFrom: int(n) + 1, LineTo: int(n) + 1, Severity: culprit.SeverityError, Kind: culprit.KindUpstreamConnectFailed, Message: text}
		rec.Start.Offset, rec.End.Offset = crashOffset(n), crashOffset(n)+int64(len(text))+1
		rec.Time = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond)
		rec.Attrs.AddInt("connection", n)
		return rec
	}
	fmt.Println("ready")
	for {
		var parts []store.Part
		for _, f := range feeds {
			for range r.IntN(400) {
				if err := f.w.Add(record(f, f.next)); err != nil {
					return err
				}
				f.next++
			}
			f.w.SetOpen([]*culprit.Record{record(f, f.next), record(f, f.next+1)}[:r.IntN(3)])
			parts = append(parts, store.Part{Writer: f.w, Checkpoint: binary.BigEndian.AppendUint64(nil, uint64(f.next))})
		}
		if err := st.Commit(ctx, parts...); err != nil {
			return err
		}
	}
}

// TestKill kills a process that stores lines at random instants, again and again:
// afterwards every line up to the checkpoint is there exactly once, in the records,
// in the index and in the counts of events.
func TestKill(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	if s := os.Getenv("CULPRIT_KILLS"); s != "" {
		if _, err := fmt.Sscan(s, &rounds); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(11, 12))
	for round := range rounds {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), crashEnv+"="+dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 16)); err != nil {
			t.Fatalf("round %d: the child did not begin: %v %s", round, err, stderr.String())
		}
		// The instant is the point of the test; nothing waits for it.
		<-time.After(time.Duration(r.IntN(400)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("round %d: the child ended by itself: %v %s", round, err, stderr.String())
		}
		if round%10 == 9 || round == rounds-1 {
			checkCrashed(t, dir)
		}
	}
}

func checkCrashed(t *testing.T, dir string) {
	t.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, dir, store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	indexAll(t, st)
	for _, name := range []string{"one", "two"} {
		c := st.Checkpoint(name, "")
		if c == nil {
			t.Fatalf("%s has no checkpoint", name)
		}
		want := int64(binary.BigEndian.Uint64(c))
		q, err := query.Parse("source:" + name)
		if err != nil {
			t.Fatal(err)
		}
		var n, growing int64
		o := store.SearchOptions{Order: store.Oldest, Limit: store.MaxLimit}
		for {
			page, err := st.Search(ctx, q, o, func(h *store.Hit) error {
				if string(h.Record.Text) != crashLine(name, n+growing) {
					return fmt.Errorf("record %d of %s is %q", n+growing, name, h.Record.Text)
				}
				if h.Seq&(1<<32-1) != n+growing+1 {
					return fmt.Errorf("record %d of %s has number %d", n, name, h.Seq&(1<<32-1))
				}
				if h.Open {
					growing++
				} else {
					n++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if o.Cursor = page.Cursor; o.Cursor == "" {
				break
			}
		}
		if n != want {
			t.Fatalf("%s has %d records, its checkpoint says %d", name, n, want)
		}
		words, err := query.Parse("refused " + q.Text)
		if err != nil {
			t.Fatal(err)
		}
		if count, err := st.Count(ctx, words, time.Time{}, time.Time{}); err != nil || count != n+growing {
			t.Fatalf("the index counts %d records of %s (%v), there are %d", count, name, err, n+growing)
		}
		id, err := query.Parse(fmt.Sprintf("%s number %d", name, want/2))
		if err != nil {
			t.Fatal(err)
		}
		id.Root.Kids = append(id.Root.Kids, q.Root)
		if want > 0 {
			if count, err := st.Count(ctx, id, time.Time{}, time.Time{}); err != nil || count < 1 {
				t.Fatalf("line %d of %s is not found: %d, %v", want/2, name, count, err)
			}
		}
		var events int64
		err = st.Events(ctx, store.EventFilter{}, func(e *culprit.Event) error {
			if e.Places[0].Source == name {
				events += int64(e.Count)
			}
			return nil
		})
		if err != nil || events != n {
			t.Fatalf("events of %s stand for %d records (%v), there are %d", name, events, err, n)
		}
	}
}
