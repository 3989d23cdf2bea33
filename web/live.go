package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"culprit"
)

// Hello is the first message of a stream.
type Hello struct {
	Version string    `json:"version"`
	Host    string    `json:"host"`
	Time    time.Time `json:"time"`
}

// IncidentChange says that an incident is new or has changed.
type IncidentChange struct {
	Change   string            `json:"change" enum:"new,changed,ended"`
	Incident *culprit.Incident `json:"incident"`
}

// Counts are sent as a sign of life.
type Counts struct {
	Time    time.Time `json:"time" doc:"Now, at the service"`
	Open    int       `json:"open_incidents"`
	Sources int       `json:"sources"`
	Lag     float64   `json:"lag_seconds" doc:"Of the source that is furthest behind"`
	Trouble int       `json:"trouble" doc:"Sources that lag or cannot be read"`
	Records int64     `json:"records" doc:"Records stored"`
}

// SourcesChange carries the sources after one of them changed its health.
type SourcesChange struct {
	Sources []SourceState `json:"sources"`
}

// Skipped says how many messages this client was too slow for. What is shown
// should be asked for again.
type Skipped struct {
	N int64 `json:"n"`
}

// PublishIncident tells the clients of /api/live that inc is new, has changed
// or has ended. It never waits.
func (s *Server) PublishIncident(change string, inc *culprit.Incident) {
	s.live.send(IncidentChange{Change: change, Incident: complete(inc)})
}

// PublishSources tells them that the health of a source has changed.
func (s *Server) PublishSources(l []SourceState) {
	s.live.send(SourcesChange{Sources: orEmpty(l)})
}

// registerLive registers GET /api/live.
func (s *Server) registerLive() {
	sse.Register(s.api, huma.Operation{
		OperationID: "live", Method: http.MethodGet, Path: "/api/live", Tags: []string{"live"},
		Summary:     "What changes: incidents, sources, counts (Server-Sent Events)",
		Middlewares: huma.Middlewares{s.checkLive},
	}, map[string]any{"hello": Hello{}, "incident": IncidentChange{}, "counts": Counts{}, "sources": SourcesChange{}, "skipped": Skipped{}},
		func(ctx context.Context, _ *struct{}, send sse.Sender) {
			c := s.live.join()
			if c == nil {
				return
			}
			defer s.live.leave(c)
			if send.Data(s.hello()) != nil || send.Data(s.counts(ctx)) != nil {
				return
			}
			ping := time.NewTicker(s.cfg.Ping)
			defer ping.Stop()
			for {
				var err error
				select {
				case <-ctx.Done():
					return
				case m, ok := <-c.queue:
					if !ok {
						return
					}
					err = send.Data(m)
				case <-ping.C:
					err = send.Data(s.counts(ctx))
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

// checkLive answers one client too many before the stream begins.
func (s *Server) checkLive(c huma.Context, next func(huma.Context)) {
	if s.live.full() {
		s.refuse(c, errBusy)
		return
	}
	next(c)
}

func (s *Server) hello() Hello {
	return Hello{Version: s.cfg.Version, Host: s.cfg.Host, Time: s.cfg.Clock().UTC()}
}

// counts gathers the sign of life; what cannot be asked stays zero.
func (s *Server) counts(ctx context.Context) Counts {
	c := Counts{Time: s.cfg.Clock().UTC()}
	if l, err := s.cfg.Sources.Sources(ctx); err == nil {
		c.Sources = len(l)
		for _, src := range l {
			c.Records += src.Records
			if src.Health != HealthOK {
				c.Trouble++
			}
			if src.Health != HealthUnreadable {
				c.Lag = max(c.Lag, src.Lag)
			}
		}
	}
	if l, err := s.cfg.Incidents.Incidents(ctx, time.Time{}, time.Time{}, 20); err == nil {
		for _, inc := range l {
			if inc.Ongoing {
				c.Open++
			}
		}
	}
	return c
}
