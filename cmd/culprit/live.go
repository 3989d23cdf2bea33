package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"culprit"
	"culprit/correlate"
	"culprit/ingest"
	"culprit/internal/query"
	"culprit/internal/store"
	"culprit/parsers"
)

// followed marks the generations of sources that serve follows; import has others.
const followed = "follow:"

// live takes what the follower reads: it stores it, hands it to the correlator and
// tells incidents as they change. What is stored and what is correlated are
// always the same, so that a restart says what was said before it.
type live struct {
	store  *store.Store
	log    *slog.Logger
	window time.Duration
	now    func() time.Time
	after  func(time.Duration) <-chan time.Time
	own    func(*culprit.Record) bool                 // our own words, which are not read
	tell   func(change string, inc *culprit.Incident) // after it was stored
	gaps   *gapFile

	// What was there at the start: whether files are being read that are far
	// behind, and whether anything is.
	backlog, behind func() bool

	changed chan struct{} // records came since the last report
	pacing  pacing

	mu      sync.Mutex // held over a commit, so that a rebuild sees all of it or nothing
	topo    *culprit.Topology
	names   *attribution
	c       *correlate.Correlator
	writers map[string]*streamWriter
	failed  error // of the last commit

	// reopened are the sources of which records that may still grow came from
	// the store; they count until the follower has read them again.
	reopened map[string]bool

	telling  sync.Mutex // one report at a time; before mu
	evidence *locator
	told     map[string]*told // incidents, by id
}

// A streamWriter is the store's writer of one stream.
type streamWriter struct {
	w    *store.Writer
	used time.Time
}

// idleWriter is for how long a stream without a line keeps its writer.
const idleWriter = 10 * time.Minute

func newLive(s *store.Store, topo culprit.Topology, window time.Duration) *live {
	l := &live{
		store: s, log: slog.New(slog.DiscardHandler), window: window, now: time.Now, after: time.After,
		own: func(*culprit.Record) bool { return false }, tell: func(string, *culprit.Incident) {}, backlog: func() bool { return false }, behind: func() bool { return false },
		changed: make(chan struct{}, 1), writers: map[string]*streamWriter{},
		told: map[string]*told{}, evidence: newLocator(s),
	}
	l.use(topo)
	return l
}

// use sets the topology of a correlator that begins anew.
func (l *live) use(topo culprit.Topology) {
	l.topo, l.names = &topo, newAttribution(&topo)
	l.c = correlate.New(topo)
}

// resolve implements store.Options.Resolve. The store calls it while it adds
// records, which only Commit does, or while nothing is followed.
func (l *live) resolve(r *culprit.Record) (service, upstream string) { return l.names.resolve(r) }

// Checkpoints implements ingest.Sink.
func (l *live) Checkpoints(context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	for generation, c := range l.store.Checkpoints() {
		if stream, ok := strings.CutPrefix(generation, followed); ok {
			out[stream] = c
		}
	}
	return out, nil
}

// Commit implements ingest.Sink: one transaction for closed records, open ones
// and checkpoints; then the same records go to the correlator.
func (l *live) Commit(ctx context.Context, batches []ingest.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range batches {
		b := &batches[i]
		b.Closed = slices.DeleteFunc(b.Closed, l.own)
		b.Open = slices.DeleteFunc(b.Open, l.own)
		// A gap is noted first: a crash in between leaves one too many, not one
		// too few.
		for _, g := range b.Gaps {
			if err := l.gaps.add(g, l.now()); err != nil {
				l.log.Error("note gap", "error", err)
			}
		}
	}
	added := make([][]*culprit.Record, len(batches))
	if l.failed = l.keep(ctx, batches, added); l.failed != nil {
		// The writers hold records that are not stored; the same come again.
		for _, b := range batches {
			l.release(b.Stream)
		}
		return l.failed
	}
	for i := range batches {
		b := &batches[i]
		for _, r := range added[i] {
			l.c.Add(r)
		}
		if b.Checkpoint != nil {
			l.c.SetOpen(b.Stream, b.Open)
			if l.reopened[b.Source] {
				l.c.SetOpen(reopened+b.Source, nil)
				delete(l.reopened, b.Source)
			}
		}
		for _, g := range b.Gaps {
			l.c.AddGap(g)
		}
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return nil
}

// keep stores batches. It sets in added which records of each were not stored
// before.
func (l *live) keep(ctx context.Context, batches []ingest.Batch, added [][]*culprit.Record) error {
	var parts []store.Part
	now := l.now()
	for i := range batches {
		b := &batches[i]
		if b.Stream == "" || b.Checkpoint == nil && !b.Forget && len(b.Closed) == 0 {
			continue
		}
		s, err := l.writer(ctx, b)
		if err != nil {
			return err
		}
		s.used = now
		unparsed := 0
		fresh := b.Closed[:0:0]
		for _, r := range b.Closed {
			n := s.w.Records()
			if err := s.w.Add(r); err != nil {
				return fmt.Errorf("store record: %w", err)
			}
			if s.w.Records() == n {
				continue // stored before: a journal is read again after a step of the clock
			}
			fresh = append(fresh, r)
			if r.Kind == "" && r.Time.IsZero() && r.Process == "" && r.Severity == culprit.SeverityNone {
				unparsed++
			}
		}
		if unparsed > 0 {
			s.w.AddUnparsed(unparsed)
		}
		if b.Checkpoint != nil {
			s.w.SetOpen(b.Open)
		}
		added[i] = fresh
		parts = append(parts, store.Part{Writer: s.w, Checkpoint: b.Checkpoint, Forget: b.Forget})
	}
	if len(parts) == 0 {
		return nil
	}
	if err := l.store.Commit(ctx, parts...); err != nil {
		return err
	}
	for i := range batches {
		if batches[i].Forget {
			l.release(batches[i].Stream)
		}
	}
	for stream, s := range l.writers {
		if now.Sub(s.used) > idleWriter {
			l.release(stream)
		}
	}
	return nil
}

// writer returns the writer of a batch's stream.
func (l *live) writer(ctx context.Context, b *ingest.Batch) (*streamWriter, error) {
	if s := l.writers[b.Stream]; s != nil {
		return s, nil
	}
	w, err := l.store.Writer(ctx, b.Source, followed+b.Stream, formatOf(b))
	if err != nil {
		return nil, err
	}
	s := &streamWriter{w: w}
	l.writers[b.Stream] = s
	return s, nil
}

func (l *live) release(stream string) {
	if s := l.writers[stream]; s != nil {
		s.w.Close()
		delete(l.writers, stream)
	}
}

// formatOf tells the format of a stream by its first records.
func formatOf(b *ingest.Batch) string {
	if strings.HasPrefix(b.Stream, "journal#") {
		return "journal"
	}
	var sample []byte
	for _, r := range slices.Concat(b.Closed, b.Open) {
		if sample = append(append(sample, r.Text...), '\n'); len(sample) > 16<<10 {
			break
		}
	}
	format, _ := parsers.Detect(sample)
	return format
}

// rebuildPage is the number of records that are read from the store at a time.
const rebuildPage = 5000

// lastingAge is how far back the changes are looked for that may be the root of
// what fails today.
const lastingAge = 30 * 24 * time.Hour

// setTopology begins a new correlator and gives it what the store holds of the
// window. It is called before anything is followed, and again when configuration
// has changed; meanwhile commits wait.
func (l *live) setTopology(ctx context.Context, topo culprit.Topology, gaps []culprit.Gap) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := struct {
		topo  *culprit.Topology
		names *attribution
		c     *correlate.Correlator
	}{l.topo, l.names, l.c}
	l.use(topo)
	if err := l.rebuild(ctx); err != nil {
		l.topo, l.names, l.c = old.topo, old.names, old.c
		return fmt.Errorf("correlate what is stored: %w", err)
	}
	for _, g := range slices.Concat(l.gaps.list(), gaps) {
		l.c.AddGap(g)
	}
	return nil
}

// reopened stands before a source instead of the key of a stream.
const reopened = "stored "

// rebuild adds what is stored to the correlator.
func (l *live) rebuild(ctx context.Context) error {
	begun := time.Now()
	since := l.now().Add(-l.window)
	err := l.store.Events(ctx, store.EventFilter{Since: since.Add(-lastingAge), Until: since, Kinds: correlate.Lasting}, func(e *culprit.Event) error {
		l.c.Add(l.recordOf(e))
		return nil
	})
	if err != nil {
		return err
	}
	n, open := 0, map[string][]*culprit.Record{}
	o := store.SearchOptions{Limit: rebuildPage, Order: store.Oldest, Since: since}
	for {
		page, err := l.store.Search(ctx, query.All(), o, func(h *store.Hit) error {
			l.names.restore(h.Record, h.Service)
			if h.Open {
				open[h.Source] = append(open[h.Source], h.Record)
				return nil
			}
			l.c.Add(h.Record)
			n++
			return nil
		})
		if err != nil {
			return err
		}
		if o.Cursor = page.Cursor; o.Cursor == "" {
			break
		}
	}
	l.reopened = map[string]bool{}
	for source, records := range open {
		l.reopened[source] = true
		l.c.SetOpen(reopened+source, records)
	}
	l.log.Info("correlated what is stored", "records", n, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// recordOf is the record that an event was made of.
func (l *live) recordOf(e *culprit.Event) *culprit.Record {
	r := &culprit.Record{
		Text: []byte(e.Text), Time: e.Time, NotBefore: e.NotBefore, NotAfter: e.NotAfter, Severity: e.Severity,
		Host: e.Host, Process: e.Process, PID: e.PID, Unit: e.Unit, Message: e.Message, Kind: e.Kind, Attrs: e.Attrs,
	}
	if len(e.Places) > 0 {
		r.Source, r.LineFrom, r.LineTo = e.Places[0].Source, e.Places[0].Line, e.Places[0].LineTo
	}
	l.names.restore(r, e.Service)
	return r
}

// close releases the writers.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for stream := range l.writers {
		l.release(stream)
	}
}
