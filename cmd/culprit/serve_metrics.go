package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// registerMetrics registers what /metrics tells beside the web's own counts.
func registerMetrics(reg *prometheus.Registry, s *service) {
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &serviceMetrics{s})
}

var (
	recordsDesc   = prometheus.NewDesc("culprit_records", "Records that can be found.", nil, nil)
	eventsDesc    = prometheus.NewDesc("culprit_events", "Events that are stored.", nil, nil)
	incidentsDesc = prometheus.NewDesc("culprit_incidents", "Incidents that are stored.", nil, nil)
	bytesDesc     = prometheus.NewDesc("culprit_store_bytes", "Bytes of the store on disk.", []string{"part"}, nil)
	freeDesc      = prometheus.NewDesc("culprit_store_free_bytes", "Bytes left on the disk of the store.", nil, nil)
	lagDesc       = prometheus.NewDesc("culprit_index_lag_blocks", "Blocks that the index does not know yet.", nil, nil)
	behindDesc    = prometheus.NewDesc("culprit_source_behind_bytes", "Bytes of a source that are not read yet.", []string{"source"}, nil)
	healthDesc    = prometheus.NewDesc("culprit_sources", "Sources by health.", []string{"health"}, nil)
)

// serviceMetrics asks the store and the follower when it is asked.
type serviceMetrics struct{ s *service }

func (m *serviceMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{recordsDesc, eventsDesc, incidentsDesc, bytesDesc, freeDesc, lagDesc, behindDesc, healthDesc} {
		ch <- d
	}
}

func (m *serviceMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if t, err := m.s.store.Stats(ctx); err == nil {
		gauge(recordsDesc, float64(t.Records))
		gauge(eventsDesc, float64(t.Events))
		gauge(incidentsDesc, float64(t.Incidents))
		gauge(bytesDesc, float64(t.DatabaseBytes), "database")
		gauge(bytesDesc, float64(t.IndexBytes), "index")
		gauge(freeDesc, float64(t.FreeBytes))
		gauge(lagDesc, float64(t.IndexLag))
	}
	list, err := m.s.sources.Sources(ctx)
	if err != nil {
		return
	}
	health := map[string]int{"ok": 0, "lag": 0, "unreadable": 0}
	for _, src := range list {
		health[string(src.Health)]++
		if src.Behind > 0 {
			gauge(behindDesc, float64(src.Behind), src.Path)
		}
	}
	for h, n := range health {
		gauge(healthDesc, float64(n), h)
	}
}
