package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"culprit"
)

// chunkLimit is the number of rows of open_records that a source may take before
// they are written as one.
const chunkLimit = 16

// A Part is one source's share of a commit.
type Part struct {
	Writer     *Writer
	Checkpoint []byte // where to read on; nil keeps the one before
	Forget     bool   // the checkpoint is of no more use; the records stay

	upkeep bool // nothing new: stored records move into a block
}

// Commit makes what the writer was given visible and lasting, in one transaction
// with the checkpoint. If it fails nothing of it is stored; it may be tried again,
// or the writer closed and the source read again from its last checkpoint. A full
// disk is culprit.ErrDiskFull.
func (w *Writer) Commit(ctx context.Context, checkpoint []byte) error {
	return w.s.Commit(ctx, Part{Writer: w, Checkpoint: checkpoint})
}

// Commit commits several writers in one transaction.
func (s *Store) Commit(ctx context.Context, parts ...Part) error {
	for _, p := range parts {
		p.Writer.mu.Lock()
		defer p.Writer.mu.Unlock()
		if p.Writer.closed {
			return fmt.Errorf("commit: writer is closed: %w", culprit.ErrUnavailable)
		}
	}
	docs, err := s.commitParts(ctx, parts)
	if err != nil {
		return err
	}
	s.index.enqueue(ctx, docs)
	return nil
}

func (s *Store) commitParts(ctx context.Context, parts []Part) ([]indexedDocument, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Load() {
		return nil, fmt.Errorf("commit: the store is closed: %w", culprit.ErrUnavailable)
	}
	t, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer t.rollback()
	for _, p := range parts {
		if err := t.part(p); err != nil {
			return nil, s.failed(fmt.Errorf("commit %s: %w", p.Writer.source.name, err))
		}
	}
	if err := t.finishFilters(); err != nil {
		return nil, s.failed(fmt.Errorf("commit: %w", err))
	}
	if err := t.commit(); err != nil {
		return nil, s.failed(fmt.Errorf("commit: %w", err))
	}
	s.full.Store(false)
	return t.docs, nil
}

// failed notes a full disk and says what an error means.
func (s *Store) failed(err error) error {
	err = s.classify(err)
	if isFull(err) && !s.full.Swap(true) {
		s.log.Error("the disk of the data folder is full", "error", err)
		s.nudge()
	}
	return err
}

// nudge wakes the work in the background.
func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// A transaction is one commit. After the first error it must only be rolled back:
// SQLite may have done so itself, and what is executed then is kept.
type transaction struct {
	s      *Store
	ctx    context.Context
	tx     *sql.Tx
	now    int64
	block  int64 // next id
	event  int64
	events bool

	added   []blockInfo
	removed map[int64]bool
	docs    []indexedDocument
	filters []byte
	first   int64 // block of the first filter in filters
	count   int

	stmts  map[string]*sql.Stmt // of the store, bound to tx
	shapes map[int64]int64      // added to event_shapes
	done   []func()             // what to do once it is committed
	ended  bool
}

func (s *Store) begin(ctx context.Context) (*transaction, error) {
	// A cancelled context would roll back behind our back; the statements are
	// short, so only the beginning waits for it.
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	tx, err := s.writes.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, s.failed(fmt.Errorf("begin transaction: %w", err))
	}
	return &transaction{
		s: s, ctx: context.WithoutCancel(ctx), tx: tx, now: s.opts.Now().UnixNano(), filters: s.filterRow,
		block: s.nextID.block, event: s.nextID.event, stmts: map[string]*sql.Stmt{}, shapes: map[int64]int64{}, removed: map[int64]bool{},
	}, nil
}

// prepared returns the statement, which is prepared once.
func (t *transaction) prepared(query string) (*sql.Stmt, error) {
	if stmt, ok := t.stmts[query]; ok {
		return stmt, nil
	}
	stmt, ok := t.s.stmts[query]
	if ok {
		stmt = t.tx.StmtContext(t.ctx, stmt)
	} else {
		var err error
		if stmt, err = t.tx.PrepareContext(t.ctx, query); err != nil {
			return nil, err
		}
		// Prepared within the transaction, it ends with it; the next one
		// prepares it on the pool's only connection.
		t.done = append(t.done, func() {
			if _, ok := t.s.stmts[query]; ok {
				return
			}
			if again, err := t.s.writes.PrepareContext(context.WithoutCancel(t.ctx), query); err == nil { //nolint:sqlclosecheck // kept until the store is closed
				t.s.stmts[query] = again
			}
		})
	}
	t.stmts[query] = stmt
	return stmt, nil
}

func (t *transaction) exec(query string, args ...any) (sql.Result, error) {
	stmt, err := t.prepared(query) //nolint:sqlclosecheck // ends with the transaction
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(t.ctx, args...)
}

func (t *transaction) rollback() {
	if !t.ended {
		t.ended = true
		// It may be rolled back already, after which there is nothing to say.
		_ = t.tx.Rollback()
	}
}

// commit makes the transaction visible to searches together with the catalogue.
func (t *transaction) commit() error {
	if t.events {
		if _, err := t.exec("INSERT OR REPLACE INTO state (key, value) VALUES ('event', ?)", t.event-1); err != nil {
			return err
		}
	}
	s := t.s
	s.commit.Lock()
	t.ended = true
	if err := t.tx.Commit(); err != nil {
		s.commit.Unlock()
		_ = t.tx.Rollback()
		return err
	}
	c := s.blocks.Load()
	if len(t.removed) > 0 {
		c = c.without(t.removed)
	}
	s.blocks.Store(c.with(t.added))
	s.nextID.block, s.nextID.event = t.block, t.event
	for _, done := range t.done {
		done()
	}
	s.commit.Unlock()
	if len(s.shapes)+len(t.shapes) > 1<<14 {
		clear(s.shapes)
	}
	maps.Copy(s.shapes, t.shapes)
	s.changed.send()
	return nil
}

// part writes what one writer has.
func (t *transaction) part(p Part) error {
	w := p.Writer
	src := w.source
	if p.Checkpoint != nil {
		src.checkpoint = slices.Clone(p.Checkpoint)
	}
	if p.Forget {
		src.checkpoint = nil
	}
	added := !p.upkeep && (w.rest.len() > w.stored || len(w.pending) > 0)
	if added {
		src.observed = t.now
	}
	if src.id == 0 {
		res, err := t.exec("INSERT INTO sources (name, generation, format) VALUES (?, ?, ?)", src.name, src.generation, src.format)
		if err != nil {
			return fmt.Errorf("add source: %w", err)
		}
		if src.id, err = res.LastInsertId(); err != nil {
			return fmt.Errorf("add source: %w", err)
		}
	}
	for _, b := range w.pending {
		if err := t.putBlock(src.id, b, src.observed); err != nil {
			return err
		}
	}
	if w.rewrite || w.chunks >= chunkLimit && added {
		if _, err := t.exec("DELETE FROM open_records WHERE source = ? AND growing = 0", src.id); err != nil {
			return fmt.Errorf("move open records: %w", err)
		}
		if err := t.putOpen(src.id, w.rest, 0, w.first, 0); err != nil {
			return err
		}
	} else if err := t.putOpen(src.id, w.rest, w.stored, w.first+int64(w.stored), 0); err != nil {
		return err
	}
	rewritten := w.rewrite || w.chunks >= chunkLimit && added
	if w.newGrowing || w.hasGrowing && added {
		if w.hasGrowing {
			if _, err := t.exec("DELETE FROM open_records WHERE source = ? AND growing = 1", src.id); err != nil {
				return fmt.Errorf("replace open records: %w", err)
			}
		}
		if w.newGrowing {
			if err := t.putOpen(src.id, w.growing, 0, src.next, 1); err != nil {
				return err
			}
		}
	}
	events, settle, err := t.putEvents(src.id, w)
	if err != nil {
		return err
	}
	src.events += int64(events)
	sequences, err := json.Marshal(src.sequences)
	if err != nil {
		return fmt.Errorf("note sequences: %w", err)
	}
	if _, err := t.exec(`UPDATE sources SET format = ?, checkpoint = ?, next = ?, position = ?, sequences = ?, records = ?, events = ?, unparsed = ?,
		bytes = ?, first = nullif(?, 0), last = nullif(?, 0), observed = nullif(?, 0) WHERE id = ?`,
		src.format, src.checkpoint, src.next, src.position, string(sequences), src.records, src.events, src.unparsed, src.bytes, src.first, src.last, src.observed, src.id); err != nil {
		return fmt.Errorf("note checkpoint: %w", err)
	}
	t.done = append(t.done, func() {
		kept := src
		t.s.sources.put(&kept)
		w.source = src
		clear(w.pending)
		w.pending, w.bytes = w.pending[:0], 0
		if rewritten {
			w.chunks = 0
		}
		if w.rest.len() > 0 && (rewritten || w.rest.len() > w.stored) {
			w.chunks++
		}
		w.stored = w.rest.len()
		w.rewrite = false
		if w.newGrowing {
			w.hasGrowing = w.growing.len() > 0
		} else if added {
			w.hasGrowing = false
		}
		w.newGrowing, w.ownSequences = false, false
		settle()
	})
	return nil
}

// putBlock writes one block with its operation; its filter waits for others.
func (t *transaction) putBlock(source int64, p *pendingBlock, observed int64) error {
	b := p.info
	b.id, b.source = t.block, source
	b.observed = observed
	if _, err := t.exec(`INSERT INTO blocks (id, source, first, records, position, since, until, observed, crowded, parser, bytes, stored, stats)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.id, source, b.first, b.records, p.position, b.since, b.until, b.observed, b.crowded, t.s.opts.Parser, b.bytes, b.stored, []byte(b.stats)); err != nil {
		return fmt.Errorf("store block: %w", err)
	}
	if _, err := t.exec("INSERT INTO block_data (id, columns, text) VALUES (?, ?, ?)", b.id, p.columns, p.text); err != nil {
		return fmt.Errorf("store block: %w", err)
	}
	res, err := t.exec("INSERT INTO operations (shard, block, put) VALUES (?, ?, 1)", shardOf(b.id), b.id)
	if err != nil {
		return fmt.Errorf("note operation: %w", err)
	}
	op, err := res.LastInsertId()
	if err != nil {
		return fmt.Errorf("note operation: %w", err)
	}
	if t.count == filterGroup {
		if err := t.finishFilters(); err != nil {
			return err
		}
	}
	if t.count == 0 {
		t.first = b.id
	}
	t.filters = appendFilterOf(t.filters, b.id, p.filter)
	t.count++
	t.block++
	t.added = append(t.added, b)
	t.docs = append(t.docs, indexedDocument{op: op, block: b.id, document: p.doc})
	return nil
}

// finishFilters writes the filters that wait as one row.
func (t *transaction) finishFilters() error {
	if t.count == 0 {
		return nil
	}
	if _, err := t.exec("INSERT INTO filters (first, last, data) VALUES (?, ?, ?)", t.first, t.block-1, t.filters); err != nil {
		return fmt.Errorf("store filters: %w", err)
	}
	t.filters, t.count = t.filters[:0], 0
	t.s.filterRow = t.filters
	return nil
}

// putOpen writes the rows from the given one on to open_records.
func (t *transaction) putOpen(source int64, b *builder, from int, first int64, growing int) error {
	n := b.len()
	if from >= n {
		return nil
	}
	m, err := getMaker()
	if err != nil {
		return err
	}
	defer makers.Put(m)
	start := 0
	if from > 0 {
		start = b.rows[from-1].textEnd + 1
	}
	columns, text := m.compressor.columns(b, from, n), m.compressor.text(b.text[start:])
	since, until, _ := b.times(from, n)
	if _, err := t.exec(`INSERT INTO open_records (source, growing, first, records, position, since, until, observed, bytes, columns, text)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, source, growing, first, n-from, b.rows[from].start, since, until, t.now, len(b.text)-start, columns, text); err != nil {
		return fmt.Errorf("store open records: %w", err)
	}
	return nil
}
