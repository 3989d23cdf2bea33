package webtest

import (
	"fmt"
	"time"

	"culprit"
	"culprit/web"
)

// Storm adds an incident with n refused requests, each with its error line, in
// the ten minutes before the clock, and returns it.
func (a *Archive) Storm(n int) *culprit.Incident {
	a.mu.Lock()
	end := a.now.Add(-20 * time.Minute).Truncate(time.Second)
	begin := end.Add(-10 * time.Minute)
	per := make([]int, 600)
	hits := make([]web.Hit, 0, n+len(a.hits))
	for i := range n {
		t := begin.Add(time.Duration(i) * 10 * time.Minute / time.Duration(n)).Truncate(time.Second)
		per[int(t.Sub(begin)/time.Second)]++
		text := fmt.Sprintf(`%s [error] 287#287: *%d connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.%d, server: shop.example.com, request: "GET /api/products/%d HTTP/1.1", upstream: "http://127.0.0.1:3000/products/%d", host: "shop.example.com"`,
			t.Add(time.Hour).Format("2006/01/02 15:04:05"), 9000+i, i%250, i, i)
		rec := &culprit.Record{Source: "/var/log/nginx/error.log.1", LineFrom: i + 1, LineTo: i + 1, Text: []byte(text), Time: t, ObservedTime: t, Severity: culprit.SeverityError,
			Host: "web-01", Process: "nginx", PID: 287, Message: text[20:], Kind: culprit.KindUpstreamConnectFailed}
		rec.Attrs.AddInt("errno", 111)
		hits = append(hits, web.Hit{Record: rec, Seq: int64(1_000_000 + i), Service: "nginx", Upstream: "127.0.0.1:3000"})
	}
	a.hits = append(hits, a.hits...)
	a.mu.Unlock()
	first := &hits[0]
	t := first.Record.Time
	inc := &culprit.Incident{
		ID: "shop-api-storm", Start: begin, End: end.Add(-time.Second), Upstreams: []string{"127.0.0.1:3000"}, Service: "shop-api",
		Title:    "shop-api was killed: we do not know who sent the signal",
		Failures: culprit.Failures{Failed: n, Of: n, Status: map[string]int{"502": n}, ErrorLines: n, ByPhase: culprit.ByPhase{Refused: n}, PerSecond: per, BinSeconds: 1},
		Verdict:  culprit.VerdictKilled, Tier: culprit.TierLikely, Confidence: 0.7,
		Trigger: culprit.Link{Kind: "killed", Entity: "shop-api", Time: &t}, Root: culprit.Link{Kind: "killed", Entity: "shop-api", Time: &t},
		Causes: []culprit.Cause{{Kind: culprit.VerdictKilled, Entity: "shop-api", Time: &t, Confidence: 0.7,
			Evidence: []culprit.Evidence{{Source: first.Record.Source, Line: 1, Time: &t, Text: string(first.Record.Text), Role: "effect", Seq: first.Seq}}}},
		Chain: []culprit.ChainLink{{Time: &t, Kind: "upstream_failures", Entity: "127.0.0.1:3000", Text: fmt.Sprintf("%d requests failed, all with 502.", n), Role: "impact", Evidence: []int{0}}},
	}
	a.AddIncident(inc)
	return inc
}
