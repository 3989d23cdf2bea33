package ingest

import (
	"sync"

	"culprit"
	"culprit/parsers"
)

// maxQueued bounds the bytes of lines that were read and not committed, for
// each stream. Whoever reads waits when it is reached: that is the back-pressure.
const maxQueued = 1 << 20

// A queue hands lines from the goroutine that reads to the one that commits.
type queue struct {
	mu     sync.Mutex
	space  *sync.Cond
	items  []queued
	bytes  int
	closed bool
	wake   func() // tells the consumer that something is there
}

// A queued line owns its text. A journal entry is a whole one.
type queued struct {
	text  []byte
	no    int
	start int64
	end   int64
	mark  culprit.Mark
	entry *parsers.JournalEntry
}

func newQueue(wake func()) *queue {
	q := &queue{wake: wake}
	q.space = sync.NewCond(&q.mu)
	return q
}

// put waits for space and reports false if the queue was closed.
func (q *queue) put(l queued) bool {
	q.mu.Lock()
	for q.bytes >= maxQueued && !q.closed {
		q.space.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return false
	}
	first := len(q.items) == 0
	q.items = append(q.items, l)
	q.bytes += l.size()
	q.mu.Unlock()
	if first {
		q.wake()
	}
	return true
}

// size is what a line counts against the bound.
func (l *queued) size() int {
	const overhead = 64
	if l.entry != nil {
		return overhead + len(l.entry.Message()) + 512
	}
	return overhead + len(l.text)
}

// take returns all that is queued.
func (q *queue) take() []queued {
	q.mu.Lock()
	items := q.items
	q.items, q.bytes = nil, 0
	q.mu.Unlock()
	q.space.Broadcast()
	return items
}

// close makes put fail from now on; what is queued can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.space.Broadcast()
}
