package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"culprit"
)

// A Writer takes the records of one source. What it was given becomes visible and
// lasting with [Writer.Commit]. Its methods may be called from several goroutines,
// but the order of records is that of the calls.
type Writer struct {
	s      *Store
	mu     sync.Mutex
	source source // as it will be after the next commit
	rest   *builder
	first  int64 // number of the first record in rest

	pending []*pendingBlock
	bytes   int // of pending

	stored  int // rows of rest that are in open_records
	chunks  int // rows of open_records that they take
	rewrite bool

	growing    *builder
	hasGrowing bool // the last commit stored growing records
	newGrowing bool // SetOpen was called since

	events       eventBatch
	ownSequences bool
	closed       bool
}

// A pendingBlock is a full block that was not committed yet.
type pendingBlock struct {
	info     blockInfo
	position int64
	columns  []byte
	text     []byte
	filter   []byte
	doc      document
}

// A maker holds what it takes to make a block of a builder. Making one needs a
// few megabytes, so writers share them.
type maker struct {
	terms      *terms
	filter     filterBuilder
	compressor *compressor
}

var makers = sync.Pool{}

func getMaker() (*maker, error) {
	if m, ok := makers.Get().(*maker); ok {
		return m, nil
	}
	c, err := newCompressor()
	if err != nil {
		return nil, err
	}
	return &maker{terms: newTerms(), compressor: c}, nil
}

// Writer returns the writer of a source. Two files of one name (before and after a
// rotation, or a truncation) differ in generation, which is any short text that
// identifies the file; positions count anew in each. It may be empty where a
// source has only one, such as a journal. Format is the name of the source's format
// and may be set later by [Writer.SetFormat].
//
// There is one Writer of a source at a time; it is released by Close.
func (s *Store) Writer(ctx context.Context, name, generation, format string) (*Writer, error) {
	w := &Writer{s: s, rest: newBuilder(), growing: newBuilder()}
	s.writerMu.Lock()
	defer s.writerMu.Unlock()
	for o := range s.writers {
		if o.source.name == name && o.source.generation == generation {
			return nil, fmt.Errorf("write %s: it has a writer: %w", name, culprit.ErrLocked)
		}
	}
	src := s.sources.find(name, generation)
	if src == nil {
		src = &source{name: name, generation: generation, next: 1, position: -1, sequences: map[string]int64{}}
	}
	w.source = *src
	if format != "" {
		w.source.format = format
	}
	w.first = w.source.next
	if src.id != 0 {
		if err := w.load(ctx); err != nil {
			return nil, s.classify(fmt.Errorf("write %s: %w", name, err))
		}
	}
	w.events.reset()
	s.writers[w] = struct{}{}
	return w, nil
}

// load takes the final records that are in no block yet back into memory.
func (w *Writer) load(ctx context.Context) error {
	rows, err := w.s.reads.QueryContext(ctx, "SELECT growing, first, records, columns, text FROM open_records WHERE source = ? ORDER BY first", w.source.id)
	if err != nil {
		return fmt.Errorf("read open records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var growing, first, records int64
		var columns, text []byte
		if err := rows.Scan(&growing, &first, &records, &columns, &text); err != nil {
			return fmt.Errorf("read open records: %w", err)
		}
		if growing == 1 {
			w.hasGrowing = true
			continue
		}
		if w.rest.len() == 0 {
			w.first = first
		}
		b := &block{source: w.source.name}
		if err := errors.Join(b.decode(columns), b.setText(text)); err != nil {
			return fmt.Errorf("read open records: %w", err)
		}
		for i := range b.rows {
			r, service, upstream := b.record(i)
			w.rest.add(r, service, upstream)
		}
		w.chunks++
	}
	w.stored = w.rest.len()
	w.source.next = w.first + int64(w.stored)
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read open records: %w", err)
	}
	return nil
}

// SetFormat names the source's format once it is known.
func (w *Writer) SetFormat(format string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.source.format != format {
		w.source.format = format
	}
}

// Add takes a record that is final. Records come in the order of their first
// positions; one that is stored already, as after a crash, is dropped. It copies
// what it needs.
func (w *Writer) Add(r *culprit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fmt.Errorf("store record: writer is closed: %w", culprit.ErrUnavailable)
	}
	if !w.advance(r) {
		return nil
	}
	if w.rest.full(len(r.Text)) {
		if err := w.finish(); err != nil {
			return err
		}
	}
	service, upstream := w.s.opts.Resolve(r)
	w.rest.add(r, service, upstream)
	number := w.source.next
	w.source.next++
	src := &w.source
	src.records++
	src.bytes += int64(len(r.Text)) + 1
	m := &w.rest.rows[w.rest.len()-1]
	if !r.Time.IsZero() {
		if src.first == 0 || m.time < src.first {
			src.first = m.time
		}
		src.last = max(src.last, m.time)
	}
	if r.Kind != "" {
		w.events.add(w.rest, r, m, service, upstream, number)
	}
	return nil
}

// advance reports whether a record is new, and notes its position.
func (w *Writer) advance(r *culprit.Record) bool {
	if r.Start.Cursor == "" {
		if r.Start.Offset <= w.source.position {
			return false
		}
		w.source.position = r.Start.Offset
		return true
	}
	id, from, ok := ParseCursor(r.Start.Cursor)
	if !ok {
		return true // a source whose cursors say nothing keeps its own order
	}
	_, to, ok := ParseCursor(r.End.Cursor)
	if !ok || to < from {
		to = from
	}
	last, known := w.source.sequences[id]
	if known && from <= last {
		return false
	}
	// The map is shared with the committed state, which must not change yet.
	if !w.ownSequences {
		w.ownSequences = true
		m := make(map[string]int64, len(w.source.sequences)+1)
		for k, v := range w.source.sequences {
			m[k] = v
		}
		w.source.sequences = m
	}
	w.source.sequences[id] = to
	return true
}

// SetOpen replaces the records that may still grow: those after the ones that were
// added. They are found by searches, have the sequence numbers that they will have
// when they are final, and make no events.
func (w *Writer) SetOpen(records []*culprit.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.growing.reset()
	for _, r := range records {
		if w.growing.len() == blockRecords || w.growing.bytes > 4*blockBytes {
			break // they will be found once they are final
		}
		service, upstream := w.s.opts.Resolve(r)
		w.growing.add(r, service, upstream)
	}
	w.newGrowing = true
}

// AddUnparsed counts records that no parser understood.
func (w *Writer) AddUnparsed(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.source.unparsed += int64(n)
}

// Pending returns the bytes of text that wait for a commit. A reader that commits
// when it has read a few megabytes, or a second after the first record, gets most
// out of a transaction.
func (w *Writer) Pending() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes + w.rest.bytes
}

// Records returns the number of records that the source has, those included that
// were added since the last commit.
func (w *Writer) Records() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.source.records
}

// Close releases the source. What was not committed is given up, and will be read
// again from the checkpoint.
func (w *Writer) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.s.writerMu.Lock()
	defer w.s.writerMu.Unlock()
	delete(w.s.writers, w)
}

// finish makes a block of the rest.
func (w *Writer) finish() error {
	n := w.rest.len()
	if n == 0 {
		return nil
	}
	p, err := makeBlock(w.rest, w.first)
	if err != nil {
		return err
	}
	w.pending = append(w.pending, p)
	w.bytes += int(p.info.bytes)
	w.first += int64(n)
	w.stored, w.chunks = 0, 0
	w.rewrite = true
	w.rest.next()
	return nil
}

// makeBlock writes the records of b.
func makeBlock(b *builder, first int64) (*pendingBlock, error) {
	m, err := getMaker()
	if err != nil {
		return nil, err
	}
	defer makers.Put(m)
	m.terms.collect(b)
	n := b.len()
	p := &pendingBlock{info: blockInfo{first: first, records: int32(n), crowded: m.terms.crowded, bytes: int32(len(b.text)), stats: string(m.terms.stats)}}
	p.position = b.rows[0].start
	p.info.since, p.info.until, p.info.observed = b.times(0, n)
	p.columns, p.text = m.compressor.columns(b, 0, n), m.compressor.residue(&m.terms.residue)
	p.info.stored = int32(len(p.columns) + len(p.text))
	if p.filter, err = m.filter.append(nil, m.terms.keys); err != nil {
		return nil, err
	}
	p.doc = m.terms.document()
	return p, nil
}

// times returns the bounds of the rows' times and the latest time of storing.
func (b *builder) times(from, to int) (since, until, observed int64) {
	since, until = b.rows[from].time, b.rows[from].time
	for _, r := range b.rows[from:to] {
		since, until, observed = min(since, r.time), max(until, r.time), max(observed, r.observed)
	}
	return since, until, observed
}
