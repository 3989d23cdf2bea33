package store

import (
	"context"
	"fmt"

	"culprit"
)

// Check looks through the whole database for damage, which reads all of it, and
// returns culprit.ErrCorrupt with what is wrong if there is some.
func (s *Store) Check(ctx context.Context) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var result string
	if err := s.reads.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return s.classify(fmt.Errorf("check database: %w", err))
	}
	if result != "ok" {
		return fmt.Errorf("check database: %s: %w", result, culprit.ErrCorrupt)
	}
	return nil
}
