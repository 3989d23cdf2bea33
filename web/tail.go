package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"culprit/internal/query"
)

// tailBatch bounds the records of one message.
const tailBatch = 200

// Records are records that arrived, in order.
type Records struct {
	Records []Record `json:"records"`
}

// Alive is sent where nothing matched for a while.
type Alive struct {
	Time time.Time `json:"time"`
}

type tailIn struct {
	Q string `query:"q" maxLength:"4096" doc:"Only records that this query selects"`
}

// followers counts the clients of /api/tail and ends them all at once.
type followers struct {
	n    atomic.Int64
	once sync.Once
	done chan struct{}
}

func (f *followers) close() { f.once.Do(func() { close(f.done) }) }

// registerTail registers GET /api/tail.
func (s *Server) registerTail() {
	sse.Register(s.api, huma.Operation{
		OperationID: "tail", Method: http.MethodGet, Path: "/api/tail", Tags: []string{"live"},
		Summary:     "Records as they are stored (Server-Sent Events)",
		Middlewares: huma.Middlewares{s.checkTail},
	}, map[string]any{"hello": Hello{}, "records": Records{}, "alive": Alive{}, "skipped": Skipped{}},
		func(ctx context.Context, in *tailIn, send sse.Sender) {
			q, err := query.Parse(strings.TrimSpace(in.Q))
			if err != nil {
				return // checkTail has answered
			}
			s.follow(ctx, q, send)
		})
}

// follow sends what matches until the client leaves or the service stops. The
// store is read by a goroutine of its own, which never waits for the client:
// what does not fit into the queue is counted and told.
func (s *Server) follow(ctx context.Context, q *query.Query, send sse.Sender) {
	s.tail.n.Add(1)
	defer s.tail.n.Add(-1)
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	queue := make(chan Hit, s.cfg.Queue)
	var skipped atomic.Int64
	ended := make(chan error, 1)
	reader.Go(func() {
		ended <- s.cfg.Reader.Follow(ctx, q, func(h Hit) error {
			select {
			case queue <- h:
			default:
				skipped.Add(1)
			}
			return ctx.Err()
		})
	})
	if send.Data(s.hello()) != nil {
		return
	}
	ping := time.NewTicker(s.cfg.Ping)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-s.tail.done:
			return
		case err := <-ended:
			if err != nil && ctx.Err() == nil {
				s.log.Warn("live tail ended", "error", err)
			}
			return
		case h := <-queue:
			l := []Record{show(&h, listText)}
			for len(l) < tailBatch && len(queue) > 0 {
				h := <-queue
				l = append(l, show(&h, listText))
			}
			err = send.Data(Records{Records: l})
		case <-ping.C:
			err = send.Data(Alive{Time: s.cfg.Clock().UTC()})
		}
		if n := skipped.Swap(0); err == nil && n > 0 {
			s.metrics.skipped.Add(float64(n))
			err = send.Data(Skipped{N: n})
		}
		if err != nil {
			return
		}
	}
}

// checkTail answers a query that cannot be understood, or one client too many,
// before the stream begins.
func (s *Server) checkTail(c huma.Context, next func(huma.Context)) {
	_, err := query.Parse(strings.TrimSpace(c.Query("q")))
	if err == nil && s.tail.n.Load() >= maxClients {
		err = errBusy
	}
	if err != nil {
		s.refuse(c, err)
		return
	}
	next(c)
}

// refuse answers a request for a stream before it begins.
func (s *Server) refuse(c huma.Context, err error) {
	err = s.problem(err)
	status := http.StatusInternalServerError
	if st, ok := errors.AsType[huma.StatusError](err); ok {
		status = st.GetStatus()
	}
	if h, ok := errors.AsType[huma.HeadersError](err); ok {
		for k, v := range h.GetHeaders() {
			c.SetHeader(k, v[0])
		}
	}
	_ = huma.WriteErr(s.api, c, status, err.Error())
}
