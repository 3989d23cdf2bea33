package web

import (
	"sync"
	"sync/atomic"
)

// maxClients bounds the clients of one hub.
const maxClients = 64

// A hub hands messages to the clients of a stream. A client that does not keep
// up loses messages and is told how many; the sender never waits.
type hub[T any] struct {
	size int // messages that wait for one client

	mu      sync.Mutex
	clients map[*client[T]]struct{}
	closed  bool
}

// A client is one reader of a hub.
type client[T any] struct {
	queue   chan T
	skipped atomic.Int64
	weigh   func(T) int // how many things a lost message holds
}

// join adds a client; nil if there are too many or the hub is closed. leave
// must be called in the end.
func (h *hub[T]) join(weigh func(T) int) *client[T] {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= maxClients {
		return nil
	}
	c := &client[T]{queue: make(chan T, h.size), weigh: weigh}
	if h.clients == nil {
		h.clients = map[*client[T]]struct{}{}
	}
	h.clients[c] = struct{}{}
	return c
}

// leave removes a client.
func (h *hub[T]) leave(c *client[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// send hands m to every client that has room for it.
func (h *hub[T]) send(m T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		select {
		case c.queue <- m:
		default:
			c.skipped.Add(int64(c.weigh(m)))
		}
	}
}

// close ends every client's queue; nobody can join any more.
func (h *hub[T]) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for c := range h.clients {
		close(c.queue)
	}
	h.clients = nil
}

// count returns how many clients there are.
func (h *hub[T]) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}
