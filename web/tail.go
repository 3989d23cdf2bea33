package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"
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
	Q string `query:"q" maxLength:"1024" doc:"Only records that this query selects"`
}

// PublishRecords tells the clients of /api/tail which records were stored. It
// never waits. The hits must not be changed afterwards.
func (s *Server) PublishRecords(hits []Hit) {
	for len(hits) > 0 {
		n := min(len(hits), tailBatch)
		s.tail.send(hits[:n:n])
		hits = hits[n:]
	}
}

// registerTail registers GET /api/tail.
func (s *Server) registerTail() {
	sse.Register(s.api, huma.Operation{
		OperationID: "tail", Method: http.MethodGet, Path: "/api/tail", Tags: []string{"live"},
		Summary:     "Records as they arrive (Server-Sent Events)",
		Middlewares: huma.Middlewares{s.checkTail},
	}, map[string]any{"hello": Hello{}, "records": Records{}, "alive": Alive{}, "skipped": Skipped{}},
		func(ctx context.Context, in *tailIn, send sse.Sender) {
			match, err := s.compile(in.Q)
			if err != nil {
				return // checkTail has answered
			}
			c := s.tail.join(func(h []Hit) int { return len(h) })
			if c == nil {
				return
			}
			defer s.tail.leave(c)
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
				case hits, ok := <-c.queue:
					if !ok {
						return
					}
					if l := matching(hits, match); len(l) > 0 {
						err = send.Data(Records{Records: l})
					}
				case <-ping.C:
					err = send.Data(Alive{Time: s.cfg.Clock().UTC()})
				}
				if n := c.skipped.Swap(0); err == nil && n > 0 {
					s.metrics.skipped.Add(float64(n))
					err = send.Data(Skipped{N: n})
				}
				if err != nil {
					return
				}
			}
		})
}

// checkTail answers a query that cannot be understood before the stream begins.
func (s *Server) checkTail(c huma.Context, next func(huma.Context)) {
	if _, err := s.compile(c.Query("q")); err != nil {
		st := s.problem(err).(huma.StatusError)
		_ = huma.WriteErr(s.api, c, st.GetStatus(), st.Error())
		return
	}
	next(c)
}

func (s *Server) compile(q string) (Match, error) {
	if q = strings.TrimSpace(q); q == "" || len(q) > 1024 {
		return func(*Hit) bool { return true }, nil
	}
	if s.cfg.Compile == nil {
		return nil, huma.Error501NotImplemented("This service was started without live queries.")
	}
	return s.cfg.Compile(q)
}

func matching(hits []Hit, match Match) []Record {
	var l []Record
	for i := range hits {
		if match(&hits[i]) {
			l = append(l, show(&hits[i], listText))
		}
	}
	return l
}
