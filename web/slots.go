package web

import (
	"context"
	"errors"
	"time"
)

// errBusy says that no slot came free in time.
var errBusy = errors.New("too many searches at a time")

// slotWait is how long a search waits for its turn.
const slotWait = 2 * time.Second

// slots bounds how many searches run at a time: culprit is a guest on a machine
// that may be in trouble.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// bounded runs f in a slot, with a bound on its time.
func bounded[T any](ctx context.Context, s *Server, f func(ctx context.Context) (T, error)) (T, error) {
	var zero T
	wait := time.NewTimer(slotWait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
	case <-wait.C:
		return zero, s.problem(errBusy)
	case <-ctx.Done():
		return zero, s.problem(ctx.Err())
	}
	defer func() { <-s.slots }()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	v, err := f(ctx)
	if err != nil {
		return zero, s.problem(err)
	}
	return v, nil
}
