package web

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"culprit"
	"culprit/internal/query"
)

// Memory is what is known of the memory of the service.
type Memory struct {
	Entity   string    `json:"entity"`
	Limit    float64   `json:"limit_bytes" doc:"0 if none is known"`
	LimitBy  string    `json:"limit_by" doc:"The setting, as written"`
	Readings []Reading `json:"readings" doc:"In order of time"`
}

// A Reading is one statement of a log about memory.
type Reading struct {
	Time   time.Time `json:"time"`
	Bytes  float64   `json:"bytes"`
	Text   string    `json:"text" doc:"The record, verbatim"`
	Source string    `json:"source"`
	Line   int       `json:"line"`
	Seq    int64     `json:"seq"`
}

// readings of one kind, with the unit of the log's own words. RE2: linear time.
var (
	appRSS      = regexp.MustCompile(`(?i)\brss\b[^0-9\n]{0,3}(\d{1,15}(?:\.\d{1,6})?) ?(b|bytes|k|kb|kib|m|mb|mib|g|gb|gib)\b`)
	cgroupUsage = regexp.MustCompile(`memory: usage (\d{1,15})kB, limit (\d{1,15})kB`)
	managerRSS  = regexp.MustCompile(`\((\d{4,15}) bytes RSS\)|memory_usage (\d{4,15})`)
)

var unitBytes = map[string]float64{"b": 1, "bytes": 1, "k": 1e3, "kb": 1e3, "kib": 1 << 10, "m": 1e6, "mb": 1e6, "mib": 1 << 20, "g": 1e9, "gb": 1e9, "gib": 1 << 30}

// reading finds a statement about memory in a text; limit is 0 unless it
// stands there.
func reading(text string) (bytes, limit float64, ok bool) {
	if len(text) > listText {
		text = text[:listText]
	}
	if m := cgroupUsage.FindStringSubmatch(text); m != nil {
		u, _ := strconv.ParseFloat(m[1], 64)
		l, _ := strconv.ParseFloat(m[2], 64)
		return u * 1024, l * 1024, true
	}
	if m := appRSS.FindStringSubmatch(text); m != nil {
		u, err := strconv.ParseFloat(m[1], 64)
		u *= unitBytes[strings.ToLower(m[2])]
		return u, 0, err == nil && !math.IsInf(u, 0)
	}
	if m := managerRSS.FindStringSubmatch(text); m != nil {
		u, err := strconv.ParseFloat(m[1]+m[2], 64)
		return u, 0, err == nil
	}
	return 0, 0, false
}

// memory collects readings from the events of the service and from its own log
// lines, and the limit from configuration or from the kernel's report.
func (s *Server) memory(ctx context.Context, inc *culprit.Incident, events []*culprit.Event, tl *Timeline) (Memory, error) {
	m := Memory{Entity: inc.Service, Readings: []Reading{}}
	if inc.Service == "" {
		return m, nil
	}
	add := func(t time.Time, text, source string, line int, seq int64) {
		b, limit, ok := reading(text)
		if !ok || t.IsZero() {
			return
		}
		if limit > 0 && limit < 1<<50 { // a cgroup without a limit says 2^63
			m.Limit = limit
		}
		m.Readings = append(m.Readings, Reading{Time: t.UTC(), Bytes: b, Text: cut(text, listText), Source: source, Line: line, Seq: seq})
	}
	for _, e := range events {
		if !own(inc, e) || len(e.Places) == 0 {
			continue
		}
		p := e.Places[0]
		if kb, limit := e.Attrs.GetInt("usage_kb"), e.Attrs.GetInt("limit_kb"); kb > 0 && !e.Time.IsZero() {
			if limit > 0 && limit < 1<<40 {
				m.Limit = float64(limit) * 1024
			}
			m.Readings = append(m.Readings, Reading{Time: e.Time.UTC(), Bytes: float64(kb) * 1024, Text: cut(e.Text, listText), Source: p.Source, Line: p.Line, Seq: p.Seq})
			continue
		}
		add(e.Time, e.Text, p.Source, p.Line, p.Seq)
	}
	rss, err := query.Parse("rss")
	if err != nil {
		return m, err
	}
	page, err := s.cfg.Searcher.Search(ctx, Search{Query: Query{Query: rss, Since: tl.FullFrom, Until: tl.FullTo}, OldestFirst: true, Limit: 500})
	if err != nil {
		return m, err
	}
	for _, h := range page.Hits {
		if h.Service == inc.Service || h.Record.Unit == inc.Service+".service" || h.Record.Process == inc.Service {
			add(h.Record.Time, string(h.Record.Text), h.Record.Source, h.Record.LineFrom, h.Seq)
		}
	}
	for _, svc := range s.cfg.Topology().Services {
		if svc.Name == inc.Service && svc.Memory > 0 {
			m.Limit, m.LimitBy = float64(svc.Memory), svc.MemoryBy
		}
	}
	slices.SortStableFunc(m.Readings, func(a, b Reading) int { return a.Time.Compare(b.Time) })
	m.Readings = slices.CompactFunc(m.Readings, func(a, b Reading) bool { return a.Time.Equal(b.Time) && a.Bytes == b.Bytes })
	return m, nil
}
