package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	bleve "github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	bleveindex "github.com/blevesearch/bleve_index_api"

	"culprit"
)

// maxOpenShards bounds the memory of the index: a shard takes a few megabytes.
const maxOpenShards = 4

var markKey = []byte("mark")

// An index is the folder of bleve shards. Shard n holds the blocks with ids from
// n*4096+1 on.
type index struct {
	s *Store

	mu     sync.Mutex
	shards map[int64]*shard
	clock  int64 // counts uses, to know the least recent one
	queue  []indexedDocument
	lost   bool // the queue was full: what is missing is read from the operations table
	signal chan struct{}
	room   chan struct{} // closed when the queue gets shorter, then renewed
	hurry  int           // somebody waits for the index
	runs   atomic.Bool
}

// A shard is one bleve index.
type shard struct {
	id     int64
	folder string

	through atomic.Int64 // blocks up to this id are in the index, if they are in the shard

	mark atomic.Int64 // last operation that is in the index

	opening sync.Mutex // held while the shard is opened, closed or begun anew
	since   int64      // operations up to this one are of an index that was put aside

	// Under index.mu.
	bleve  bleve.Index
	reader *shardReader
	used   int64
	refs   int
	broken bool
}

// A shardReader is a state of a shard, with the block of each of its documents.
type shardReader struct {
	bleveindex.IndexReader
	blocks []int64
	refs   int
	stale  bool
}

func openIndex(ctx context.Context, s *Store) (*index, error) {
	x := &index{s: s, shards: map[int64]*shard{}, signal: make(chan struct{}, 1), room: make(chan struct{}), lost: true}
	if err := os.MkdirAll(s.path("index"), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of index: %w", err)
	}
	rows, err := s.writes.QueryContext(ctx, "SELECT id, folder, mark FROM shards")
	if err != nil {
		return nil, fmt.Errorf("read shards: %w", err)
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		sh := &shard{}
		var mark int64
		if err := rows.Scan(&sh.id, &sh.folder, &mark); err != nil {
			return nil, fmt.Errorf("read shards: %w", err)
		}
		sh.mark.Store(mark)
		sh.through.Store(min((sh.id+1)*shardBlocks, s.nextID.block-1))
		x.shards[sh.id] = sh
		known[sh.folder] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read shards: %w", err)
	}
	// What has an operation may be missing in the index.
	pending, err := s.writes.QueryContext(ctx, "SELECT shard, min(block) FROM operations WHERE put = 1 GROUP BY shard")
	if err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	defer pending.Close()
	for pending.Next() {
		var id, block int64
		if err := pending.Scan(&id, &block); err != nil {
			return nil, fmt.Errorf("read operations: %w", err)
		}
		if sh := x.shards[id]; sh != nil {
			sh.through.Store(block - 1)
		}
	}
	if err := pending.Err(); err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	// Folders that no shard names were put aside, or dropped in a crash.
	if entries, err := os.ReadDir(s.path("index")); err == nil {
		for _, e := range entries {
			if !known[e.Name()] {
				if err := os.RemoveAll(s.path("index", e.Name())); err != nil {
					s.log.Warn("old folder of the index could not be removed", "folder", e.Name(), "error", err)
				}
			}
		}
	}
	return x, nil
}

// through returns the block up to which a shard of the index is complete.
func (x *index) through(id int64) int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sh := x.shards[id]; sh != nil {
		return sh.through.Load()
	}
	return id * shardBlocks
}

// guard calls f and makes an error of a panic: bleve panics on damaged files.
func guard(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: panic: %v: %w\n%s", what, p, culprit.ErrCorrupt, firstLines(debug.Stack(), 20))
		}
	}()
	return f()
}

func firstLines(b []byte, n int) []byte {
	lines := strings.SplitAfterN(string(b), "\n", n+1)
	return []byte(strings.Join(lines[:min(n, len(lines))], ""))
}

var bleveConfig = map[string]any{
	"bolt_timeout":       "2s", // else a second open waits for ever
	"numSnapshotsToKeep": 1,
	// Batches come every few seconds at most and each waits until it is on disk.
	"scorchPersisterOptions": map[string]any{"NumPersisterWorkers": 1, "PersisterNapTimeMSec": 0},
	// By default segments of less than 2000 documents are merged into one as soon
	// as there are two: an import would write each document ten times.
	"scorchMergePlanOptions": map[string]any{"FloorSegmentSize": batchLimit},
}

// openShard opens or makes a shard's folder.
func (x *index) openShard(sh *shard) (bleve.Index, error) {
	var idx bleve.Index
	path := x.s.path("index", sh.folder)
	mark := sh.mark.Load()
	err := guard("open shard", func() error {
		var err error
		if _, statErr := os.Stat(path); errors.Is(statErr, os.ErrNotExist) {
			if mark > sh.since {
				return fmt.Errorf("open shard: folder is missing: %w", culprit.ErrCorrupt)
			}
			idx, err = bleve.NewUsing(path, bleve.NewIndexMapping(), scorch.Name, scorch.Name, bleveConfig)
			return err
		}
		idx, err = bleve.OpenUsing(path, bleveConfig)
		if err != nil {
			return err
		}
		stored, err := idx.GetInternal(markKey)
		if err != nil {
			return err
		}
		if have := decodeMark(stored); have < mark && mark > sh.since {
			return fmt.Errorf("open shard: it is at operation %d, but was at %d: %w", have, mark, culprit.ErrCorrupt)
		}
		// bleve goes on with less if a file is missing. It may know more than
		// the blocks up to through: those that are removed, or were added last.
		docs, err := idx.DocCount()
		if err != nil {
			return err
		}
		if want := x.s.blocks.Load().between(sh.id*shardBlocks+1, sh.through.Load()); docs < uint64(want) {
			return fmt.Errorf("open shard: it holds %d blocks of %d: %w", docs, want, culprit.ErrCorrupt)
		}
		return nil
	})
	if err != nil {
		if idx != nil {
			_ = guard("close shard", idx.Close)
		}
		return nil, fmt.Errorf("open %s: %w", sh.folder, err)
	}
	return idx, nil
}

// use returns an open shard; release has to be called. A shard that does not open
// is put aside, and nil is returned until it is built anew.
func (x *index) use(sh *shard) (idx bleve.Index, release func()) {
	sh.opening.Lock()
	defer sh.opening.Unlock()
	x.mu.Lock()
	x.clock++
	sh.used = x.clock
	if sh.broken {
		x.mu.Unlock()
		return nil, func() {}
	}
	if sh.bleve == nil {
		x.mu.Unlock()
		x.evict(sh)
		opened, err := x.openShard(sh)
		x.mu.Lock()
		if err != nil {
			x.breakShard(sh, err)
			x.mu.Unlock()
			return nil, func() {}
		}
		sh.bleve = opened
	}
	sh.refs++
	idx = sh.bleve
	x.mu.Unlock()
	return idx, func() {
		x.mu.Lock()
		sh.refs--
		x.mu.Unlock()
	}
}

// breakShard marks a shard as not usable. Its blocks are looked at one by one
// until the indexer has built it anew. Under x.mu.
func (x *index) breakShard(sh *shard, err error) {
	if sh.broken {
		return
	}
	sh.broken = true
	sh.through.Store(sh.id * shardBlocks)
	x.s.log.Error("a part of the index is damaged and will be built anew", "folder", sh.folder, "error", err)
	select {
	case x.signal <- struct{}{}:
	default:
	}
}

// evict closes the shards that were used least recently and are not in use.
func (x *index) evict(but *shard) {
	for {
		x.mu.Lock()
		var oldest *shard
		open := 0
		for _, sh := range x.shards {
			if sh.bleve == nil || sh == but {
				continue
			}
			open++
			if sh.refs == 0 && (oldest == nil || sh.used < oldest.used) {
				oldest = sh
			}
		}
		if open < maxOpenShards || oldest == nil || !oldest.opening.TryLock() {
			x.mu.Unlock()
			return
		}
		idx := x.detach(oldest)
		x.mu.Unlock()
		if err := guard("close shard", idx.Close); err != nil {
			x.s.log.Warn("a part of the index did not close", "folder", oldest.folder, "error", err)
		}
		oldest.opening.Unlock()
	}
}

// detach takes bleve's index out of a shard. Under x.mu.
func (x *index) detach(sh *shard) bleve.Index {
	if r := sh.reader; r != nil {
		sh.reader = nil
		r.stale = true
		if r.refs == 0 {
			_ = guard("close reader", r.Close)
		}
	}
	idx := sh.bleve
	sh.bleve = nil
	return idx
}

// read returns the newest state of a shard, nil if it cannot be used.
func (x *index) read(id int64) (r *shardReader, release func()) {
	x.mu.Lock()
	sh := x.shards[id]
	x.mu.Unlock()
	if sh == nil {
		return nil, func() {}
	}
	idx, done := x.use(sh)
	if idx == nil {
		return nil, done
	}
	x.mu.Lock()
	r = sh.reader
	if r != nil {
		r.refs++
	}
	x.mu.Unlock()
	if r == nil {
		opened, err := newShardReader(idx)
		x.mu.Lock()
		if err != nil {
			x.breakShard(sh, err)
			x.mu.Unlock()
			done()
			return nil, func() {}
		}
		if old := sh.reader; old != nil { // another search was faster
			old.stale = true
			if old.refs == 0 {
				_ = guard("close reader", old.Close)
			}
		}
		sh.reader = opened
		opened.refs++
		r = opened
		x.mu.Unlock()
	}
	return r, func() {
		x.mu.Lock()
		r.refs--
		if r.stale && r.refs == 0 {
			_ = guard("close reader", r.Close)
		}
		x.mu.Unlock()
		done()
	}
}

// damaged tells that reading a shard failed.
func (x *index) damaged(id int64, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sh := x.shards[id]; sh != nil {
		x.breakShard(sh, err)
	}
}

func newShardReader(idx bleve.Index) (r *shardReader, err error) {
	err = guard("read shard", func() error {
		advanced, err := idx.Advanced()
		if err != nil {
			return err
		}
		reader, err := advanced.Reader()
		if err != nil {
			return err
		}
		r = &shardReader{IndexReader: reader}
		ids, err := reader.DocIDReaderAll()
		if err != nil {
			return errors.Join(err, reader.Close())
		}
		defer ids.Close()
		for {
			id, err := ids.Next()
			if err != nil {
				return errors.Join(err, reader.Close())
			}
			if id == nil {
				return nil
			}
			name, err := reader.ExternalID(id)
			if err != nil {
				return errors.Join(err, reader.Close())
			}
			block, err := strconv.ParseInt(name, 10, 64)
			if err != nil {
				return errors.Join(fmt.Errorf("document %q: %w", name, culprit.ErrCorrupt), reader.Close())
			}
			n := int(id.Value())
			for len(r.blocks) <= n {
				r.blocks = append(r.blocks, 0)
			}
			r.blocks[n] = block
		}
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// postings calls yield for each block that holds the term, with the number of its
// records that do.
func (r *shardReader) postings(ctx context.Context, field string, term []byte, yield func(block int64, records int64)) error {
	return guard("read shard", func() error {
		list, err := r.TermFieldReader(ctx, term, field, true, false, false)
		if err != nil {
			return err
		}
		defer list.Close()
		var doc bleveindex.TermFieldDoc
		for {
			d, err := list.Next(doc.Reset())
			if err != nil || d == nil {
				return err
			}
			if n := int(d.ID.Value()); n < len(r.blocks) && r.blocks[n] != 0 {
				yield(r.blocks[n], int64(d.Freq))
			}
		}
	})
}

// terms returns the terms of a field that begin with a prefix.
func (r *shardReader) terms(field string, prefix []byte) (list [][]byte, err error) {
	err = guard("read shard", func() error {
		dict, err := r.FieldDictPrefix(field, prefix)
		if err != nil {
			return err
		}
		defer dict.Close()
		for {
			e, err := dict.Next()
			if err != nil || e == nil {
				return err
			}
			list = append(list, []byte(e.Term))
		}
	})
	return list, err
}

func (x *index) close() error {
	x.mu.Lock()
	var open []bleve.Index
	for _, sh := range x.shards {
		if sh.bleve != nil {
			open = append(open, x.detach(sh))
		}
	}
	x.mu.Unlock()
	var errs []error
	for _, idx := range open {
		errs = append(errs, guard("close shard", idx.Close))
	}
	return errors.Join(errs...)
}

// folderName names the folder of a shard: its number and the number of times that
// it was begun.
func folderName(id int64, attempt int) string { return fmt.Sprintf("%06d-%d", id, attempt) }

func nextFolder(old string, id int64) string {
	attempt := 0
	if i := strings.LastIndexByte(old, '-'); i >= 0 {
		attempt, _ = strconv.Atoi(old[i+1:])
	}
	return folderName(id, attempt+1)
}

// size returns the bytes of all files of the index.
func (x *index) size() (n int64) {
	_ = filepath.WalkDir(x.s.path("index"), func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return nil // a file that was merged away meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// shardIDs returns the shards that the index knows, in order.
func (x *index) shardIDs() []int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	var ids []int64
	for id := range x.shards {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
