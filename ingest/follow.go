package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"culprit"
	"culprit/parsers"
)

// FollowOptions say what a [Follower] follows. Zero values mean the defaults.
type FollowOptions struct {
	// Places returns where logs lie. It is asked at every scan, so that a site
	// or a service that is added is followed from then on.
	Places func() []Place

	// Parse returns how to read a file: path is where it lies, head its
	// beginning. Source, Ref and After are set by the follower.
	Parse func(p Place, path string, head []byte) parsers.Options

	// Ignore tells which files are never read, such as our own.
	Ignore func(path string) bool

	Journals []Journal // journals to follow

	// Backfill is how far back to begin with a source that was never read;
	// default 24 h.
	Backfill time.Duration

	// Quiet is how long a file that was rotated away must not have grown to be
	// taken for finished; default 5 s. nginx writes to the old file until it
	// is told to reopen it.
	Quiet time.Duration

	// Idle is how long a file must not have grown to be let go of until it
	// grows again; default 1 h.
	Idle time.Duration

	Log *slog.Logger

	// For tests: the clock, what wakes the scan (default: every second) and
	// how to wait (default: time.After).
	Now   func() time.Time
	Scan  <-chan time.Time
	After func(time.Duration) <-chan time.Time
}

// A Follower reads sources while they grow and hands what they hold to a Sink,
// each line exactly once: across rotation by renaming, late writers, restarts
// and kills. What truncation in place (copytruncate) destroys is reported as a
// gap.
//
// It finds the files itself, once a second, and knows them by inode, beginning
// and the bytes before the position; nxadm/tail reads the lines of a file that
// is held open, under /proc/self/fd, where neither renaming nor deleting
// matters. One goroutine owns all state, parses and commits; a goroutine per
// file reads and waits when the commits do not keep up.
type Follower struct {
	opts FollowOptions
	sink Sink
	log  *slog.Logger

	wake     chan struct{}
	streams  map[string]*fileStream // by key; finished ones as well, to recognize their files
	journals []*journalStream
	catch    chan struct{}     // bounds the files that are caught up with at a time
	extra    []Batch           // to be committed with the next flush
	told     map[string]bool   // files of which was said that they may not be read
	known    map[string]bool   // sources that are there, and whether they were read before this run
	unsure   map[string]bool   // sources with a file that could not be looked at in this scan
	names    map[string]string // of the files of each source and their inodes, as of the last scan
	scans    int

	mu     sync.Mutex
	status []SourceStatus
}

// SourceStatus is the state of one source that is followed.
type SourceStatus struct {
	Source  string
	Path    string    // of the file that is read, "" of a journal
	Offset  int64     // bytes of it that were read and committed
	Size    int64     // bytes that it has
	Last    time.Time // time of the newest record, zero if none has one
	Read    time.Time // when the last lines were committed
	Problem string    // why it is not read, "" if it is
}

// NewFollower returns a follower that commits to sink.
func NewFollower(sink Sink, o FollowOptions) *Follower {
	if o.Backfill == 0 {
		o.Backfill = 24 * time.Hour
	}
	if o.Quiet == 0 {
		o.Quiet = 5 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Places == nil {
		o.Places = func() []Place { return nil }
	}
	if o.Parse == nil {
		o.Parse = func(Place, string, []byte) parsers.Options { return parsers.Options{} }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Follower{
		opts: o, sink: sink, log: o.Log,
		wake: make(chan struct{}, 1), streams: map[string]*fileStream{}, catch: make(chan struct{}, 4), told: map[string]bool{}, unsure: map[string]bool{},
	}
}

const (
	scanEvery   = time.Second
	commitEvery = 100 * time.Millisecond // at most so often: a commit costs the same for one line and a thousand
	stopWithin  = 3 * time.Second
)

// Run follows until ctx ends, then commits what was read and returns nil. It
// returns an error only if the sink cannot say where to begin.
func (f *Follower) Run(ctx context.Context) error {
	if err := f.restore(ctx); err != nil {
		return err
	}
	tick := f.opts.Scan
	if tick == nil {
		t := time.NewTicker(scanEvery)
		defer t.Stop()
		tick = t.C
	}
	defer f.stop()
	f.startJournals(ctx)
	f.scan()
	for {
		f.flush(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			f.scan()
		case <-f.wake:
			select {
			case <-f.opts.After(commitEvery):
			case <-ctx.Done():
			}
		}
	}
}

// restore loads the checkpoints.
func (f *Follower) restore(ctx context.Context) error {
	all, err := f.sink.Checkpoints(ctx)
	if err != nil {
		return fmt.Errorf("load checkpoints: %w", err)
	}
	journals := map[string]*checkpoint{}
	for key, b := range all {
		c, err := parseCheckpoint(b)
		if err != nil {
			return fmt.Errorf("stream %s: %w: %w", key, culprit.ErrCorrupt, err)
		}
		if c.Cursor != "" {
			journals[key] = c
			continue
		}
		f.streams[key] = &fileStream{f: f, key: key, cp: *c, size: -1}
	}
	for _, j := range f.opts.Journals {
		f.journals = append(f.journals, newJournalStream(f, j, journals[j.key()]))
	}
	return nil
}

// notify wakes the loop.
func (f *Follower) notify() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// flush commits what the streams have read. A sink that fails is asked again
// with the same batches until it succeeds or ctx ends; meanwhile all readers
// wait, and files that are held open stay readable.
func (f *Follower) flush(ctx context.Context) {
	batches := f.extra
	f.extra = nil
	now := f.opts.Now()
	var done []func()
	for _, s := range f.sorted() {
		if b, ok := s.step(now); ok {
			batches = append(batches, b)
			done = append(done, s.committed)
		}
	}
	for _, j := range f.journals {
		if b, ok := j.step(now); ok {
			batches = append(batches, b)
			done = append(done, j.committed)
		}
	}
	if len(batches) == 0 {
		return
	}
	wait := commitEvery
	for {
		err := f.sink.Commit(ctx, batches)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			// Stopping: one last try with time of its own.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			err = f.sink.Commit(last, batches)
			cancel()
			if err != nil {
				f.log.Error("commit at the end", "error", err)
			}
			return
		}
		f.log.Error("commit", "error", err, "again_in", wait)
		f.report(fmt.Sprintf("what is read cannot be stored: %v", err))
		select {
		case <-f.opts.After(wait):
			wait = min(2*wait, 10*time.Second)
		case <-ctx.Done():
		}
	}
	for _, d := range done {
		d()
	}
	f.report("")
}

// sorted returns the streams in the order of their birth, so that the commits of
// a run can be repeated.
func (f *Follower) sorted() []*fileStream {
	out := make([]*fileStream, 0, len(f.streams))
	for _, s := range f.streams {
		out = append(out, s)
	}
	sort.Slice(out, func(a, b int) bool {
		if out[a].cp.Born != out[b].cp.Born {
			return out[a].cp.Born < out[b].cp.Born
		}
		return out[a].key < out[b].key
	})
	return out
}

// stop ends all readers and commits what they had read.
func (f *Follower) stop() {
	for _, s := range f.streams {
		s.halt()
	}
	for _, j := range f.journals {
		j.halt()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	f.flush(ctx)
	for _, s := range f.streams {
		s.release()
	}
}

// report renews what Status says.
func (f *Follower) report(problem string) {
	var out []SourceStatus
	for _, s := range f.sorted() {
		if st, ok := s.status(); ok {
			out = append(out, st)
		}
	}
	for _, j := range f.journals {
		out = append(out, j.status())
	}
	if problem != "" {
		for k := range out {
			out[k].Problem = problem
		}
	}
	f.mu.Lock()
	f.status = out
	f.mu.Unlock()
}

// Status returns the state of every source that is followed, as of the last
// commit or scan. It may be called at any time.
func (f *Follower) Status() []SourceStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]SourceStatus(nil), f.status...)
}

// gap makes the gap of a source.
func gapOf(source string, from time.Time, reason, remedy string) culprit.Gap {
	g := culprit.Gap{Source: source, Reason: reason, Remedy: remedy}
	if !from.IsZero() {
		g.From = &from
	}
	return g
}

var errStopped = errors.New("stopped")
