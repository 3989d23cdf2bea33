package web

import (
	"sync"
	"sync/atomic"
)

// maxClients bounds the clients of one kind of stream.
const maxClients = 64

// A hub hands messages to the clients of a stream. A client that does not keep
// up loses messages and is told how many; the sender never waits.
type hub struct {
	size int // messages that wait for one client

	mu      sync.Mutex
	clients map[*client]struct{}
	closed  bool
}

// A client is one reader of a hub.
type client struct {
	queue   chan any
	skipped atomic.Int64
}

// join adds a client; nil if there are too many or the hub is closed. leave
// must be called in the end.
func (h *hub) join() *client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= maxClients {
		return nil
	}
	c := &client{queue: make(chan any, h.size)}
	if h.clients == nil {
		h.clients = map[*client]struct{}{}
	}
	h.clients[c] = struct{}{}
	return c
}

// full reports whether join would refuse a client.
func (h *hub) full() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed || len(h.clients) >= maxClients
}

// leave removes a client.
func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// send hands m to every client that has room for it.
func (h *hub) send(m any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		select {
		case c.queue <- m:
		default:
			c.skipped.Add(1)
		}
	}
}

// close ends every client's queue; nobody can join any more.
func (h *hub) close() {
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
func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}
