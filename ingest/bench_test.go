package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nxadm/tail/watch"

	"culprit"
	"culprit/ingest"
)

func init() { watch.POLL_DURATION = time.Millisecond }

// A memory is a sink that keeps everything. It outlives followers, as a
// database outlives the process.
type memory struct {
	mu      sync.Mutex
	changed *sync.Cond
	streams map[string]*kept
	order   []string
	gaps    []culprit.Gap
	commits int
	dead    bool // the process was killed: nothing is stored any more
	fail    func(commit int) error
}

type kept struct {
	source     string
	closed     []*culprit.Record
	open       []*culprit.Record
	checkpoint []byte
	positions  map[culprit.Position]bool
}

func newMemory() *memory {
	m := &memory{streams: map[string]*kept{}}
	m.changed = sync.NewCond(&m.mu)
	return m
}

func (m *memory) Checkpoints(context.Context) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for k, s := range m.streams {
		if s.checkpoint != nil {
			out[k] = s.checkpoint
		}
	}
	return out, nil
}

func (m *memory) Commit(ctx context.Context, batches []ingest.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits++
	if m.dead {
		return errors.New("killed")
	}
	if m.fail != nil {
		if err := m.fail(m.commits); err != nil {
			return err
		}
	}
	for _, b := range batches {
		m.gaps = append(m.gaps, b.Gaps...)
		if b.Stream == "" {
			continue
		}
		s := m.streams[b.Stream]
		if s == nil {
			s = &kept{source: b.Source, positions: map[culprit.Position]bool{}}
			m.streams[b.Stream] = s
			m.order = append(m.order, b.Stream)
		}
		for _, r := range b.Closed {
			if s.positions[r.Start] {
				panic(fmt.Sprintf("%s: the record at %+v comes twice: %q", b.Stream, r.Start, r.Text))
			}
			s.positions[r.Start] = true
		}
		s.closed = append(s.closed, b.Closed...)
		s.open = b.Open
		if b.Checkpoint != nil {
			s.checkpoint = b.Checkpoint
		}
		if b.Forget {
			s.checkpoint = nil
		}
	}
	m.changed.Broadcast()
	return nil
}

// lines returns all lines of a source, those of one stream after the other.
func (m *memory) lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.linesLocked()
}

func (m *memory) linesLocked() []string {
	var out []string
	for _, k := range m.order {
		s := m.streams[k]
		for _, r := range slices.Concat(s.closed, s.open) {
			out = append(out, strings.Split(string(r.Text), "\n")...)
		}
	}
	return out
}

// await blocks until ok, which is asked after every commit.
func (m *memory) await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.changed.Broadcast()
	})
	defer late.Stop()
	start := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for !ok() {
		if time.Since(start) > 29*time.Second {
			t.Fatalf("%s did not happen; gaps %v", what, m.gaps)
		}
		m.changed.Wait()
	}
}

// awaitLines blocks until as many lines are stored.
func (m *memory) awaitLines(t testing.TB, n int) {
	t.Helper()
	m.await(t, fmt.Sprintf("storing of %d lines", n), func() bool { return len(m.linesLocked()) >= n })
}

// A bench runs followers on a folder, one after the other.
type bench struct {
	t    testing.TB
	dir  string
	m    *memory
	now  time.Time
	mu   sync.Mutex
	scan chan time.Time
	stop context.CancelFunc
	done chan error
	f    *ingest.Follower
	opts ingest.FollowOptions
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, dir: t.TempDir(), m: newMemory(), now: time.Now()}
	b.opts.Places = func() []ingest.Place { return []ingest.Place{{Pattern: filepath.Join(b.dir, "*.log")}} }
	t.Cleanup(func() {
		if b.stop != nil {
			b.kill()
		}
	})
	return b
}

func (b *bench) start() {
	b.scan = make(chan time.Time)
	o := b.opts
	if os.Getenv("INGEST_LOG") != "" {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	o.Scan = b.scan
	o.Now = func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.now
	}
	if o.After == nil {
		o.After = b.atOnce
	}
	b.f = ingest.NewFollower(b.m, o)
	ctx, cancel := context.WithCancel(context.Background())
	b.stop, b.done = cancel, make(chan error, 1)
	go func(f *ingest.Follower, done chan error) { done <- f.Run(ctx) }(b.f, b.done)
}

// atOnce lets nobody wait.
func (b *bench) atOnce(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c
}

// halt stops the follower in good order.
func (b *bench) halt() {
	b.t.Helper()
	b.stop()
	b.stop = nil
	if err := <-b.done; err != nil {
		b.t.Fatal(err)
	}
}

// kill ends the follower so that nothing is stored any more.
func (b *bench) kill() {
	b.t.Helper()
	b.m.mu.Lock()
	b.m.dead = true
	b.m.mu.Unlock()
	b.halt()
	b.m.mu.Lock()
	b.m.dead = false
	b.m.mu.Unlock()
}

// tick lets the follower scan, at least once from beginning to end.
func (b *bench) tick() {
	b.scan <- time.Time{}
	b.scan <- time.Time{}
}

// later moves the clock and lets the follower look around.
func (b *bench) later(d time.Duration) {
	b.mu.Lock()
	b.now = b.now.Add(d)
	b.mu.Unlock()
	b.tick()
	b.tick()
}

// until lets the follower scan until something is so.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for start := time.Now(); !ok(); b.tick() {
		if time.Since(start) > 30*time.Second {
			b.t.Fatalf("%s did not happen", what)
		}
	}
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// append writes to a file like a program that opens it for each write.
func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(b.t, err)
	_, err = f.WriteString(text)
	must(b.t, err)
	must(b.t, f.Close())
}

func (b *bench) rename(from, to string) { b.t.Helper(); must(b.t, os.Rename(b.path(from), b.path(to))) }
func (b *bench) remove(name string)     { b.t.Helper(); must(b.t, os.Remove(b.path(name))) }

// numbered returns n lines that differ.
func numbered(from, n int) string {
	var b strings.Builder
	for k := from; k < from+n; k++ {
		fmt.Fprintf(&b, "line %d of many\n", k)
	}
	return b.String()
}

// wantLines compares what is stored with the lines from 0 to n, in any order of
// the streams.
func (b *bench) wantLines(n int) {
	b.t.Helper()
	b.until(fmt.Sprintf("storing of %d lines", n), func() bool { return len(b.m.lines()) >= n })
	b.tick()
	got := b.m.lines()
	seen := map[string]int{}
	for _, l := range got {
		seen[l]++
	}
	for k := range n {
		l := fmt.Sprintf("line %d of many", k)
		if seen[l] != 1 {
			b.t.Errorf("%q is stored %d times", l, seen[l])
		}
		delete(seen, l)
	}
	for l := range seen {
		b.t.Errorf("%q was never written", l)
	}
	if b.t.Failed() {
		for _, k := range b.m.order {
			s := b.m.streams[k]
			b.t.Logf("%s: %d closed, %d open, %s", k, len(s.closed), len(s.open), s.checkpoint)
			for _, r := range slices.Concat(s.closed, s.open) {
				b.t.Logf("   %d-%d at %d to %d mark %b: %.90q", r.LineFrom, r.LineTo, r.Start.Offset, r.End.Offset, r.Mark, r.Text)
			}
		}
	}
}

func (b *bench) wantGaps(n int, part string) {
	b.t.Helper()
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	if len(b.m.gaps) != n {
		b.t.Errorf("%d gaps %v, want %d", len(b.m.gaps), b.m.gaps, n)
	}
	for _, g := range b.m.gaps {
		if !strings.Contains(g.Reason, part) || g.Remedy == "" {
			b.t.Errorf("gap %+v, want one about %q with a remedy", g, part)
		}
	}
}
