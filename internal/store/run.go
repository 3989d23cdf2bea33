package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"culprit"
)

const (
	upkeepEvery = time.Minute
	idleAfter   = time.Hour // records that wait that long for a block get one
)

// Run does the work in the background until ctx ends: it keeps the index up to
// date, joins small blocks, drops what retention says, and cares for a full disk.
// Without it all is stored and found, but searches get slower.
func (s *Store) Run(ctx context.Context) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.index.run(ctx) })
	g.Go(func() error {
		every := time.NewTicker(upkeepEvery)
		defer every.Stop()
		for {
			if err := s.Upkeep(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("upkeep of the store failed", "error", err)
			}
			select {
			case <-every.C:
			case <-s.wake:
				// A full disk: not more than once a second.
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	if err := g.Wait(); err != nil {
		return fmt.Errorf("run store: %w", err)
	}
	return nil
}

// Upkeep does once what Run does every minute beside indexing.
func (s *Store) Upkeep(ctx context.Context) error {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	var errs []error
	if s.full.Load() {
		// Without room SQLite can neither delete nor write back its log.
		errs = append(errs, s.dropBallast())
	}
	errs = append(errs, s.retain(ctx))
	if !s.full.Load() {
		errs = append(errs, s.closeIdle(ctx), s.compact(ctx), s.joinFilters(ctx))
	}
	errs = append(errs, s.shrink(ctx), s.index.dropEmpty(ctx))
	if s.full.Load() {
		if free, err := freeSpace(s.dir); err == nil && free > max(4*s.opts.Ballast, 8<<20) {
			s.full.Store(false)
		}
	} else {
		errs = append(errs, s.fillBallast())
	}
	return errors.Join(errs...)
}

// Indexed waits until the index knows all that was committed before the call. Run
// has to be running.
func (s *Store) Indexed(ctx context.Context) error {
	s.index.hasten(1)
	defer s.index.hasten(-1)
	for {
		changed := s.changed.wait()            // the indexer commits its mark
		broken := s.index.brokenShard() != nil // before the count: then its blocks are counted
		n, err := s.lag(ctx)
		if err != nil || n == 0 && !broken {
			return err
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for index: %w", ctx.Err())
		}
	}
}

// Stats tells the state of the store.
type Stats struct {
	Records   int64 `json:"records"` // that can be found
	Blocks    int64 `json:"blocks"`
	Open      int64 `json:"open_records"` // in no block yet
	Events    int64 `json:"events"`       // rows; each may stand for several records
	Incidents int64 `json:"incidents"`
	TextBytes int64 `json:"text_bytes"` // of the records in blocks, not compressed

	DatabaseBytes int64 `json:"database_bytes"`
	IndexBytes    int64 `json:"index_bytes"`
	FreeBytes     int64 `json:"free_bytes"` // on the disk

	IndexLag int64 `json:"index_lag"` // blocks that the index does not know yet
	DiskFull bool  `json:"disk_full"`
}

// Stats returns the state of the store.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return Stats{}, err
	}
	defer leave()
	t := Stats{DiskFull: s.full.Load()}
	for _, b := range s.blocks.Load().blocks {
		t.Blocks++
		t.Records += int64(b.records)
		t.TextBytes += int64(b.bytes)
	}
	for q, n := range map[string]*int64{
		"SELECT coalesce(sum(records), 0) FROM open_records": &t.Open,
		"SELECT count(*) FROM event_rows":                    &t.Events,
		"SELECT count(*) FROM incidents":                     &t.Incidents,
	} {
		if err := s.reads.QueryRowContext(ctx, q).Scan(n); err != nil {
			return Stats{}, s.classify(fmt.Errorf("read state: %w", err))
		}
	}
	t.Records += t.Open
	if t.IndexLag, err = s.lag(ctx); err != nil {
		return Stats{}, s.classify(err)
	}
	t.DatabaseBytes, t.IndexBytes = s.databaseSize(), s.index.size()
	t.FreeBytes, err = freeSpace(s.dir)
	return t, err
}

// databaseSize returns the bytes of the database's files.
func (s *Store) databaseSize() (n int64) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(s.path("culprit.db" + suffix)); err == nil {
			n += info.Size()
		}
	}
	return n
}

// closeIdle makes blocks of the records that have waited for long, for open
// records are looked at by every search.
func (s *Store) closeIdle(ctx context.Context) error {
	rows, err := s.reads.QueryContext(ctx, "SELECT source, max(observed) FROM open_records WHERE growing = 0 GROUP BY source HAVING max(observed) < ?", s.opts.Now().Add(-idleAfter).UnixNano())
	if err != nil {
		return s.classify(fmt.Errorf("look for idle records: %w", err))
	}
	defer rows.Close()
	var idle []int64
	for rows.Next() {
		var id, observed int64
		if err := rows.Scan(&id, &observed); err != nil {
			return s.classify(fmt.Errorf("look for idle records: %w", err))
		}
		idle = append(idle, id)
	}
	if err := rows.Err(); err != nil {
		return s.classify(fmt.Errorf("look for idle records: %w", err))
	}
	if err := rows.Close(); err != nil {
		return s.classify(err)
	}
	for _, id := range idle {
		if err := s.closeRest(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// closeRest makes a block of what a source has in open_records.
func (s *Store) closeRest(ctx context.Context, id int64) error {
	src := s.sources.get(id)
	if src == nil {
		return nil
	}
	w, err := s.Writer(ctx, src.name, src.generation, "")
	if errors.Is(err, culprit.ErrLocked) {
		s.writerMu.Lock()
		for o := range s.writers {
			if o.source.name == src.name && o.source.generation == src.generation {
				w = o
			}
		}
		s.writerMu.Unlock()
		if w == nil {
			return nil // it was closed just now; the next time
		}
	} else if err != nil {
		return err
	} else {
		defer w.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || !w.settled() || w.rest.len() == 0 {
		return nil
	}
	if err := w.finish(); err != nil {
		return err
	}
	docs, err := s.commitParts(ctx, []Part{{Writer: w, upkeep: true}})
	if err != nil {
		return err
	}
	s.index.enqueue(ctx, docs)
	return nil
}

// settled reports whether a writer has nothing that was not committed: only then
// may somebody else commit it, for the checkpoint has to fit.
func (w *Writer) settled() bool {
	if w.stored != w.rest.len() || len(w.pending) > 0 || w.newGrowing || w.ownSequences {
		return false
	}
	for _, g := range w.events.list {
		if g.added > 0 {
			return false
		}
	}
	return true
}

const forever = math.MaxInt64
