package store

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// sliceBlocks and sliceRows bound what one transaction deletes, so that the
// write-ahead log stays small and writers wait for moments only.
const (
	sliceBlocks = 128
	sliceRows   = 5000
)

// retain drops what is older than the retention says, or the oldest that do not
// fit its size. A shard of the index whose blocks are all dropped is dropped as a
// folder.
func (s *Store) retain(ctx context.Context) error {
	r := s.opts.Retention
	var errs []error
	if r.Age > 0 {
		before := s.opts.Now().Add(-r.Age).UnixNano()
		errs = append(errs, s.dropBlocks(ctx, func(b *blockInfo) bool { return b.observed < before }), s.dropOpen(ctx, before))
	}
	if r.Bytes > 0 {
		errs = append(errs, s.dropToFit(ctx, r.Bytes))
	}
	if r.Age > 0 || r.Bytes > 0 {
		errs = append(errs, s.dropEvents(ctx))
	}
	return errors.Join(errs...)
}

// usedBytes is the size of what is in use: pages that are free in the database are
// used again.
func (s *Store) usedBytes(ctx context.Context) (int64, error) {
	var pages, free, size int64
	for pragma, n := range map[string]*int64{"page_count": &pages, "freelist_count": &free, "page_size": &size} {
		if err := s.reads.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(n); err != nil {
			return 0, s.classify(fmt.Errorf("ask for size of database: %w", err))
		}
	}
	return (pages-free)*size + s.index.size(), nil
}

// dropToFit drops the oldest blocks until nine tenths of the size are used, so that
// it need not be done all the time.
func (s *Store) dropToFit(ctx context.Context, size int64) error {
	used, err := s.usedBytes(ctx)
	if err != nil || used <= size {
		return err
	}
	blocks := s.blocks.Load().blocks
	var stored int64
	for i := range blocks {
		stored += int64(blocks[i].stored)
	}
	if stored == 0 {
		return nil
	}
	// What one byte of a block takes with its share of all the rest.
	share := float64(used) / float64(stored)
	excess := float64(used - size/10*9)
	last := int64(0)
	for i := 0; i < len(blocks) && excess > 0; i++ {
		excess -= float64(blocks[i].stored) * share
		last = blocks[i].id
	}
	return s.dropBlocks(ctx, func(b *blockInfo) bool { return b.id <= last })
}

// dropBlocks removes blocks in small transactions.
func (s *Store) dropBlocks(ctx context.Context, drop func(*blockInfo) bool) error {
	for {
		var ids []int64
		blocks := s.blocks.Load().blocks
		for i := 0; i < len(blocks) && len(ids) < sliceBlocks; i++ {
			if drop(&blocks[i]) {
				ids = append(ids, blocks[i].id)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("drop records: %w", err)
		}
		if err := s.inTransaction(ctx, func(t *transaction) error { return t.removeBlocks(ids) }); err != nil {
			return fmt.Errorf("drop records: %w", err)
		}
	}
}

// removeBlocks takes blocks out of the tables and tells the index.
func (t *transaction) removeBlocks(ids []int64) error {
	for _, id := range ids {
		for _, q := range []string{"DELETE FROM blocks WHERE id = ?", "DELETE FROM block_data WHERE id = ?"} {
			if _, err := t.exec(q, id); err != nil {
				return fmt.Errorf("remove block: %w", err)
			}
		}
		res, err := t.exec("INSERT INTO operations (shard, block, put) VALUES (?, ?, 0)", shardOf(id), id)
		if err != nil {
			return fmt.Errorf("note operation: %w", err)
		}
		op, err := res.LastInsertId()
		if err != nil {
			return fmt.Errorf("note operation: %w", err)
		}
		t.removed[id] = true
		t.docs = append(t.docs, indexedDocument{op: op, block: id})
	}
	docs := t.docs
	t.done = append(t.done, func() { t.s.index.later(docs) })
	// Filters of blocks that are all gone.
	_, err := t.exec("DELETE FROM filters WHERE NOT EXISTS (SELECT 1 FROM blocks WHERE id BETWEEN filters.first AND filters.last) AND first <= ?", ids[len(ids)-1])
	if err != nil {
		return fmt.Errorf("remove filters: %w", err)
	}
	return nil
}

// later hands removals to the indexer without waiting.
func (x *index) later(docs []indexedDocument) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.lost || !x.runs.Load() || len(x.queue)+len(docs) > queueLimit+batchLimit {
		x.lost, x.queue = true, nil
	} else {
		x.queue = append(x.queue, docs...)
	}
	select {
	case x.signal <- struct{}{}:
	default:
	}
}

// dropOpen removes old records that are in no block, of sources that nobody
// writes; others get a block in time.
func (s *Store) dropOpen(ctx context.Context, before int64) error {
	s.writerMu.Lock()
	defer s.writerMu.Unlock()
	busy := map[int64]bool{}
	for w := range s.writers {
		if src := s.sources.find(w.source.name, w.source.generation); src != nil {
			busy[src.id] = true
		}
	}
	return s.inTransaction(ctx, func(t *transaction) error {
		for _, src := range s.sources.all() {
			if src.observed < before && !busy[src.id] {
				if _, err := t.exec("DELETE FROM open_records WHERE source = ?", src.id); err != nil {
					return fmt.Errorf("drop open records: %w", err)
				}
			}
		}
		return nil
	})
}

// dropEvents removes the events that are older than all records that are left.
func (s *Store) dropEvents(ctx context.Context) error {
	oldest := int64(forever)
	for _, b := range s.blocks.Load().blocks {
		oldest = min(oldest, b.since)
	}
	var open int64
	if err := s.reads.QueryRowContext(ctx, "SELECT coalesce(min(since), ?) FROM open_records", int64(forever)).Scan(&open); err != nil {
		return s.classify(fmt.Errorf("drop events: %w", err))
	}
	oldest = min(oldest, open)
	if oldest == forever {
		return nil
	}
	for {
		var n int64
		err := s.inTransaction(ctx, func(t *transaction) error {
			res, err := t.exec("DELETE FROM event_rows WHERE (time, id) IN (SELECT time, id FROM event_rows WHERE time < ? ORDER BY time LIMIT ?)", oldest, sliceRows)
			if err != nil {
				return err
			}
			if n, err = res.RowsAffected(); err != nil || n == sliceRows {
				return err
			}
			if n == 0 {
				return nil
			}
			if _, err := t.exec("DELETE FROM event_twins WHERE time < ?", oldest); err != nil {
				return err
			}
			if _, err := t.exec("DELETE FROM event_shapes WHERE id NOT IN (SELECT shape FROM event_rows)"); err != nil {
				return err
			}
			t.done = append(t.done, func() { clear(s.shapes) })
			return nil
		})
		if err != nil {
			return fmt.Errorf("drop events: %w", err)
		}
		if n < sliceRows {
			return nil
		}
	}
}

// shrink gives free pages of the database back to the disk, in slices. The pragma
// does its work row by row, so all have to be read.
func (s *Store) shrink(ctx context.Context) error {
	for range 200 {
		var free int64
		if err := s.reads.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
			return s.classify(fmt.Errorf("shrink database: %w", err))
		}
		if free < 2000 { // 8 MB stay for what comes next
			break
		}
		if err := s.vacuum(ctx); err != nil {
			return s.failed(fmt.Errorf("shrink database: %w", err))
		}
	}
	return nil
}

func (s *Store) vacuum(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Load() {
		return nil
	}
	rows, err := s.writes.QueryContext(ctx, "PRAGMA incremental_vacuum(500)")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// dropEmpty removes the folders of shards that have no blocks left and get none.
func (x *index) dropEmpty(ctx context.Context) error {
	blocks := x.s.blocks.Load().blocks
	used := map[int64]bool{}
	for i := range blocks {
		used[shardOf(blocks[i].id)] = true
	}
	x.s.writing.Lock()
	newest := shardOf(x.s.nextID.block)
	x.s.writing.Unlock()
	for _, id := range x.shardIDs() {
		if used[id] || id >= newest {
			continue
		}
		if err := x.drop(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// drop removes one shard.
func (x *index) drop(ctx context.Context, id int64) error {
	x.mu.Lock()
	sh := x.shards[id]
	x.mu.Unlock()
	sh.opening.Lock()
	defer sh.opening.Unlock()
	x.mu.Lock()
	if sh.refs > 0 {
		x.mu.Unlock()
		return nil // the next time
	}
	delete(x.shards, id)
	idx := x.detach(sh)
	x.mu.Unlock()
	if idx != nil {
		if err := guard("close shard", idx.Close); err != nil {
			x.s.log.Warn("a part of the index did not close", "folder", sh.folder, "error", err)
		}
	}
	err := x.s.inTransaction(ctx, func(t *transaction) error {
		if _, err := t.exec("DELETE FROM operations WHERE shard = ?", id); err != nil {
			return err
		}
		_, err := t.exec("DELETE FROM shards WHERE id = ?", id)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop shard: %w", err)
	}
	if err := os.RemoveAll(x.s.path("index", sh.folder)); err != nil {
		return fmt.Errorf("drop shard: %w", err)
	}
	return nil
}
