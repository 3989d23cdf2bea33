package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"culprit"
)

const (
	queueLimit = 1024 // documents that wait for the indexer, some kilobytes each
	batchLimit = 192  // documents of one batch; the last may have half as many more

	// gather is how long the indexer waits for more: each batch is a segment,
	// and segments have to be merged.
	gather = time.Second
)

// enqueue hands documents to the indexer. If that lags it waits for a moment, so
// that an import is slowed down rather than indexed twice; then the documents are
// made again from the blocks later.
func (x *index) enqueue(ctx context.Context, docs []indexedDocument) {
	if len(docs) == 0 {
		return
	}
	x.mu.Lock()
	if len(x.queue)+len(docs) > queueLimit && x.runs.Load() {
		timeout := time.NewTimer(2 * time.Second)
		defer timeout.Stop()
		for len(x.queue) > 0 && len(x.queue)+len(docs) > queueLimit {
			room := x.room
			x.mu.Unlock()
			expired := false
			select {
			case <-room:
			case <-timeout.C:
				expired = true
			case <-ctx.Done():
				expired = true
			}
			x.mu.Lock()
			if expired {
				break
			}
		}
	}
	if x.lost || len(x.queue)+len(docs) > queueLimit+batchLimit || !x.runs.Load() {
		x.lost = true
		x.queue = nil
	} else {
		x.queue = append(x.queue, docs...)
	}
	x.mu.Unlock()
	select {
	case x.signal <- struct{}{}:
	default:
	}
}

// take returns the next documents of one shard, and whether the operations table
// has to be asked instead.
func (x *index) take() (docs []indexedDocument, lost bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.lost {
		x.queue = nil
		return nil, true
	}
	limit := batchLimit
	if len(x.queue) < batchLimit*3/2 { // rather than a small batch, and a small segment, for the rest
		limit = len(x.queue)
	}
	n := 0
	for n < len(x.queue) && n < limit && shardOf(x.queue[n].block) == shardOf(x.queue[0].block) {
		n++
	}
	docs = x.queue[:n:n]
	x.queue = x.queue[n:]
	close(x.room)
	x.room = make(chan struct{})
	return docs, false
}

// run brings the index up to date until ctx ends.
func (x *index) run(ctx context.Context) error {
	x.runs.Store(true)
	defer x.runs.Store(false)
	pause := time.Second
	for ctx.Err() == nil {
		busy, err := x.step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			x.s.log.Warn("index could not be brought up to date", "error", err, "again in", pause)
			x.mu.Lock()
			x.lost, x.queue = true, nil
			x.mu.Unlock()
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, time.Minute)
		case !busy:
			pause = time.Second
			select {
			case <-x.signal:
				x.gather(ctx)
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// hasten tells that somebody waits for the index, or does so no more.
func (x *index) hasten(n int) {
	x.mu.Lock()
	x.hurry += n
	x.mu.Unlock()
	select {
	case x.signal <- struct{}{}:
	default:
	}
}

// gather waits until there is enough for a batch, or for a moment.
func (x *index) gather(ctx context.Context) {
	timeout := time.NewTimer(gather)
	defer timeout.Stop()
	for ctx.Err() == nil {
		x.mu.Lock()
		enough := x.lost || len(x.queue) >= batchLimit || x.hurry > 0
		x.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-x.signal:
		case <-timeout.C:
			return
		case <-ctx.Done():
		}
	}
}

// step does one piece of work and reports whether there was any.
func (x *index) step(ctx context.Context) (busy bool, err error) {
	if sh := x.brokenShard(); sh != nil {
		// One that breaks again before anything is in it is not the fault of its
		// files: the disk is full, or broken.
		vain := sh.since > 0 && sh.mark.Load() == sh.since
		if err := x.rebuild(ctx, sh); err != nil {
			return true, err
		}
		if vain {
			return true, fmt.Errorf("begin %s anew: %w", sh.folder, errVain)
		}
		return true, nil
	}
	docs, lost := x.take()
	if lost {
		// From now on the queue is filled again; what comes into it while the
		// table is read is applied twice, which does no harm.
		x.mu.Lock()
		x.lost = false
		x.mu.Unlock()
		for {
			docs, err := x.replay(ctx)
			if err != nil {
				return true, err
			}
			if len(docs) == 0 {
				return true, nil
			}
			if err := x.apply(ctx, docs); err != nil {
				return true, err
			}
			if x.brokenShard() != nil { // first it has to be begun anew
				x.mu.Lock()
				x.lost = true
				x.mu.Unlock()
				return true, nil
			}
		}
	}
	if len(docs) == 0 {
		return false, nil
	}
	return true, x.apply(ctx, docs)
}

var errVain = errors.New("the one before could not be written, either")

func (x *index) brokenShard() *shard {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, sh := range x.shards {
		if sh.broken {
			return sh
		}
	}
	return nil
}

// apply writes documents of one shard into it, with the mark.
func (x *index) apply(ctx context.Context, docs []indexedDocument) error {
	sh, err := x.shard(ctx, shardOf(docs[0].block))
	if err != nil {
		return err
	}
	idx, release := x.use(sh)
	defer release()
	if idx == nil {
		return nil // it is broken, which the next step sees
	}
	before := sh.mark.Load()
	mark, through := before, int64(0)
	err = guard("write shard", func() error {
		batch := idx.NewBatch()
		for i := range docs {
			d := &docs[i]
			if d.op <= before {
				continue
			}
			mark = d.op
			if d.removes() {
				batch.Delete(fmt.Sprint(d.block))
				continue
			}
			through = d.block
			if err := d.addTo(batch); err != nil {
				return err
			}
		}
		if mark == before {
			return nil
		}
		batch.SetInternal(markKey, encodeMark(mark))
		return idx.Batch(batch)
	})
	if err != nil {
		if errors.Is(err, culprit.ErrCorrupt) {
			x.damaged(sh.id, err)
			return nil
		}
		return fmt.Errorf("write to index: %w", err)
	}
	if mark > before {
		x.mu.Lock()
		if r := sh.reader; r != nil {
			sh.reader = nil
			r.stale = true
			if r.refs == 0 {
				_ = guard("close reader", r.Close)
			}
		}
		x.mu.Unlock()
		sh.mark.Store(mark)
	}
	if through > sh.through.Load() {
		sh.through.Store(through)
	}
	// Even if the index knew all of it: the transaction may have failed the last
	// time.
	return x.s.inTransaction(ctx, func(t *transaction) error {
		if _, err := t.exec("UPDATE shards SET mark = ? WHERE id = ?", mark, sh.id); err != nil {
			return fmt.Errorf("note mark: %w", err)
		}
		if _, err := t.exec("DELETE FROM operations WHERE shard = ? AND id <= ?", sh.id, mark); err != nil {
			return fmt.Errorf("remove operations: %w", err)
		}
		return nil
	})
}

// shard returns a shard, which may be new.
func (x *index) shard(ctx context.Context, id int64) (*shard, error) {
	x.mu.Lock()
	sh := x.shards[id]
	x.mu.Unlock()
	if sh != nil {
		return sh, nil
	}
	sh = &shard{id: id, folder: folderName(id, 1)}
	sh.through.Store(id * shardBlocks)
	err := x.s.inTransaction(ctx, func(t *transaction) error {
		_, err := t.exec("INSERT INTO shards (id, folder, mark) VALUES (?, ?, 0)", id, sh.folder)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("add shard: %w", err)
	}
	x.mu.Lock()
	x.shards[id] = sh
	x.mu.Unlock()
	return sh, nil
}

// replay makes the documents of the first operations of one shard.
func (x *index) replay(ctx context.Context) ([]indexedDocument, error) {
	rows, err := x.s.reads.QueryContext(ctx, `SELECT o.id, o.block, o.put, d.columns, d.text FROM operations o LEFT JOIN block_data d ON d.id = o.block AND o.put = 1
		WHERE o.shard = (SELECT shard FROM operations ORDER BY id LIMIT 1) ORDER BY o.id LIMIT ?`, batchLimit/8)
	if err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	defer rows.Close()
	var docs []indexedDocument
	b, blk := newBuilder(), &block{}
	m, err := getMaker()
	if err != nil {
		return nil, err
	}
	defer makers.Put(m)
	for rows.Next() {
		var op, id int64
		var put bool
		var columns, text sql.RawBytes
		if err := rows.Scan(&op, &id, &put, &columns, &text); err != nil {
			return nil, fmt.Errorf("read operations: %w", err)
		}
		d := indexedDocument{op: op, block: id}
		if put && columns != nil {
			if err := blk.rebuild(b, columns, text); err != nil {
				// What cannot be read cannot be found; the index goes on without it.
				x.s.log.Error("a block is damaged", "block", id, "error", err)
				d.document = document{words: []byte{0}}
			} else {
				m.terms.collect(b)
				d.document = m.terms.document()
			}
		}
		docs = append(docs, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	return docs, nil
}

// rebuild fills b with the records of a stored block.
func (b *block) rebuild(into *builder, columns, text []byte) error {
	if err := b.decode(columns); err != nil {
		return err
	}
	if err := b.setText(text); err != nil {
		return err
	}
	into.reset()
	for i := range b.rows {
		r, service, upstream := b.record(i)
		into.add(r, service, upstream)
	}
	return nil
}

// rebuild puts a damaged shard aside and begins it anew in another folder; every
// block of it gets an operation, which replay then works off.
func (x *index) rebuild(ctx context.Context, sh *shard) error {
	sh.opening.Lock()
	defer sh.opening.Unlock()
	folder := nextFolder(sh.folder, sh.id)
	var last int64
	err := x.s.inTransaction(ctx, func(t *transaction) error {
		if _, err := t.exec("DELETE FROM operations WHERE shard = ?", sh.id); err != nil {
			return err
		}
		if err := t.tx.QueryRowContext(t.ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'operations'").Scan(&last); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO operations (shard, block, put) SELECT ?, id, 1 FROM blocks WHERE id > ? AND id <= ? ORDER BY id",
			sh.id, sh.id*shardBlocks, (sh.id+1)*shardBlocks); err != nil {
			return err
		}
		_, err := t.exec("UPDATE shards SET folder = ?, mark = ? WHERE id = ?", folder, last, sh.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("put shard aside: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if sh.bleve != nil {
		// A search may still read it, so it is left to its fate: a damaged
		// bleve may also wait for ever when it is closed.
		x.detach(sh)
	}
	x.s.log.Info("a part of the index is built anew", "old", sh.folder, "new", folder)
	sh.mark.Store(last)
	sh.folder, sh.since, sh.broken = folder, last, false
	x.lost, x.queue = true, nil
	return nil
}

// lag returns the number of operations that the index does not know yet.
func (s *Store) lag(ctx context.Context) (n int64, err error) {
	if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM operations").Scan(&n); err != nil {
		return 0, fmt.Errorf("count operations: %w", err)
	}
	return n, nil
}

// inTransaction runs f in a transaction of its own.
func (s *Store) inTransaction(ctx context.Context, f func(*transaction) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Load() {
		return fmt.Errorf("the store is closed: %w", culprit.ErrUnavailable)
	}
	t, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer t.rollback()
	if err := f(t); err != nil {
		return s.failed(err)
	}
	if err := t.finishFilters(); err != nil {
		return s.failed(err)
	}
	if err := t.commit(); err != nil {
		return s.failed(err)
	}
	return nil
}
