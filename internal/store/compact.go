package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"culprit"
)

// compact joins neighbours of one source that fit into one block.
func (s *Store) compact(ctx context.Context) error {
	for ctx.Err() == nil {
		group := s.neighbours()
		if len(group) == 0 {
			return nil
		}
		err := s.join(ctx, group)
		if errors.Is(err, culprit.ErrCorrupt) {
			// It stays as it is, and is not tried again.
			s.log.Error("blocks could not be joined", "first", group[0].id, "error", err)
			for i := range group {
				s.unjoined[group[i].id] = true
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("join blocks: %w", err)
		}
	}
	return nil
}

// neighbours returns blocks of one source that follow one another and fit into
// one.
func (s *Store) neighbours() []blockInfo {
	blocks := slices.Clone(s.blocks.Load().blocks)
	blocks = slices.DeleteFunc(blocks, func(b blockInfo) bool { return b.records > blockRecords/2 || b.bytes > blockBytes/2 })
	slices.SortFunc(blocks, func(a, b blockInfo) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.first, b.first))
	})
	for i := 0; i < len(blocks); {
		records, bytes, k := blocks[i].records, blocks[i].bytes, i+1
		for k < len(blocks) {
			a, b := &blocks[k-1], &blocks[k]
			if a.source != b.source || a.first+int64(a.records) != b.first || records+b.records > blockRecords || bytes+b.bytes > blockBytes/4*3 {
				break
			}
			records += b.records
			bytes += b.bytes
			k++
		}
		if k-i > 1 {
			return blocks[i:k]
		}
		i = k
	}
	return nil
}

// join replaces blocks by one.
func (s *Store) join(ctx context.Context, group []blockInfo) error {
	b := newBuilder()
	err := func() error {
		v, err := s.snapshot(ctx)
		if err != nil {
			return err
		}
		defer v.close()
		blk := &block{}
		for i := range group {
			blk.rows = blk.rows[:0]
			if err := v.load(group[i].ref(), blk); err != nil {
				return err
			}
			if blk.Len() != int(group[i].records) {
				return fmt.Errorf("block %d: %w", group[i].id, culprit.ErrCorrupt)
			}
			for k := range blk.rows {
				r, service, upstream := blk.record(k)
				b.add(r, service, upstream)
			}
		}
		return nil
	}()
	if err != nil {
		return err
	}
	if b.len() > blockRecords {
		return fmt.Errorf("%d records: %w", b.len(), culprit.ErrCorrupt)
	}
	p, err := makeBlock(b, group[0].first)
	if err != nil {
		return err
	}
	var ids []int64
	for i := range group {
		ids = append(ids, group[i].id)
		p.info.observed = max(p.info.observed, group[i].observed)
	}
	return s.inTransaction(ctx, func(t *transaction) error {
		if err := t.removeBlocks(ids); err != nil {
			return err
		}
		t.docs = nil
		if err := t.putBlock(group[0].source, p, p.info.observed); err != nil {
			return err
		}
		docs := t.docs
		t.done = append(t.done, func() { s.index.later(docs) })
		return nil
	})
}

// joinFilters makes rows of 64 filters of smaller ones: a source that is followed
// commits its blocks one by one.
func (s *Store) joinFilters(ctx context.Context) error {
	for ctx.Err() == nil {
		joined, err := s.joinFilterRows(ctx)
		if err != nil {
			return fmt.Errorf("join filters: %w", err)
		}
		if !joined {
			return nil
		}
	}
	return nil
}

// joinFilterRows joins one run of small rows and reports whether there was one.
func (s *Store) joinFilterRows(ctx context.Context) (bool, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT first, last FROM filters WHERE last - first < ? ORDER BY first", filterGroup/2)
	if err != nil {
		return false, s.classify(err)
	}
	defer rows.Close()
	var first, last int64 // of the run
	count := 0
	found := false
	for rows.Next() {
		var a, b int64
		if err := rows.Scan(&a, &b); err != nil {
			return false, s.classify(err)
		}
		if count > 0 && (b-first >= filterGroup || a > last+1) {
			if found = count >= 8; found {
				break
			}
			count = 0
		}
		if count == 0 {
			first = a
		}
		last = b
		count++
	}
	if err := rows.Err(); err != nil {
		return false, s.classify(err)
	}
	if err := rows.Close(); err != nil {
		return false, s.classify(err)
	}
	if !found && count < 8 {
		return false, nil
	}
	err = s.inTransaction(ctx, func(t *transaction) error {
		rows, err := t.tx.QueryContext(t.ctx, "SELECT data FROM filters WHERE first BETWEEN ? AND ? ORDER BY first", first, last)
		if err != nil {
			return err
		}
		defer rows.Close()
		alive := map[int64]bool{}
		for _, b := range s.blocks.Load().blocks {
			if b.id >= first && b.id <= last {
				alive[b.id] = true
			}
		}
		var all []byte
		for rows.Next() {
			var data []byte
			if err := rows.Scan(&data); err != nil {
				return err
			}
			err := eachFilter(data, func(block int64, filter []byte) error {
				if alive[block] {
					all = binary.AppendUvarint(all, uint64(block))
					all = binary.AppendUvarint(all, uint64(len(filter)))
					all = append(all, filter...)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if err := rows.Close(); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM filters WHERE first BETWEEN ? AND ?", first, last); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO filters (first, last, data) VALUES (?, ?, ?)", first, last, all)
		return err
	})
	return err == nil, err
}
