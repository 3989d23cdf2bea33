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
