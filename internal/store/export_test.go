package store

import "context"

// IndexSome lets the indexer do n steps.
func (s *Store) IndexSome(ctx context.Context, n int) error {
	for range n {
		docs, err := s.index.replay(ctx)
		if err != nil || len(docs) == 0 {
			return err
		}
		if err := s.index.apply(ctx, docs[:1]); err != nil {
			return err
		}
	}
	return nil
}

// FollowStarted returns a channel that is closed once a Follow waits for commits.
func (s *Store) FollowStarted() <-chan struct{} {
	c := make(chan struct{})
	s.onFollow = func() { close(c) }
	return c
}

// IndexedBlocks returns the number of documents in all shards.
func (s *Store) IndexedBlocks() (n uint64, err error) {
	for _, id := range s.index.shardIDs() {
		r, release := s.index.read(id)
		if r == nil {
			release()
			return 0, errBlock
		}
		c, err := r.DocCount()
		release()
		if err != nil {
			return 0, err
		}
		n += c
	}
	return n, nil
}

// SetShardBlocks makes shards of n blocks until the test ends.
func SetShardBlocks(t interface{ Cleanup(func()) }, n int64) {
	before := shardBlocks
	shardBlocks = n
	t.Cleanup(func() { shardBlocks = before })
}
