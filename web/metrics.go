package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the counts that /metrics shows of this package; other packages
// register theirs in the same registry.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	skipped  prometheus.Counter
}

func newMetrics(reg *prometheus.Registry, s *Server) *metrics {
	m := &metrics{
		registry: reg,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "culprit_http_requests_total", Help: "Answered API requests."}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "culprit_http_request_seconds", Help: "Time to answer an API request; streams are left out.",
			Buckets: []float64{.005, .02, .1, .5, 2, 5}}, []string{"operation"}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{Name: "culprit_stream_skipped_total", Help: "Messages that clients of streams were too slow for."}),
	}
	reg.MustRegister(m.requests, m.seconds, m.skipped,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "culprit_stream_clients", Help: "Open streams."}, func() float64 { return float64(int64(s.live.count()) + s.tail.n.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "culprit_searches", Help: "Searches that run."}, func() float64 { return float64(len(s.slots)) }))
	return m
}

// observe counts every request of the API.
func (m *metrics) observe(c huma.Context, next func(huma.Context)) {
	begun := time.Now()
	next(c)
	op := c.Operation()
	status := c.Status()
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(op.OperationID, strconv.Itoa(status)).Inc()
	if op.OperationID != "live" && op.OperationID != "tail" {
		m.seconds.WithLabelValues(op.OperationID).Observe(time.Since(begun).Seconds())
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
