package correlate_test

import (
	"testing"
	"time"

	"culprit"
	"culprit/correlate"
)

// TestReport_OutageOfDays: failures that are too many to be kept are summed up,
// and still counted one by one; a pause among them parts two incidents at the
// second.
func TestReport_OutageOfDays(t *testing.T) {
	c := correlate.New(culprit.Topology{})
	line := 0
	fail := func(second int, upstream string) {
		line++
		r := &culprit.Record{
			Source: "/var/log/nginx/error.log", LineFrom: line, LineTo: line, Time: t0.Add(time.Duration(second) * time.Second),
			Kind: culprit.KindUpstreamConnectFailed, Severity: culprit.SeverityError, Text: []byte("connect() failed"),
		}
		r.Attrs.Add("client", "203.0.113.7")
		r.Attrs.Add("server", "shop.example.com")
		r.Attrs.Add("upstream", "http://"+upstream+"/")
		r.Attrs.AddInt("errno", 111)
		c.Add(r)
	}
	const days, pause, again = 150_000, 60, 300
	for s := range days {
		fail(s, "127.0.0.1:3000")
		fail(s, "127.0.0.1:3001")
	}
	for s := range again {
		fail(days-1+pause+s, "127.0.0.1:3000")
	}
	rep := c.Report(t0.Add((days + pause + 2*again) * time.Second))
	failed := map[string]int{}
	for _, i := range rep.Incidents {
		failed[i.Upstreams[0]] += i.Failures.Failed
	}
	if failed["127.0.0.1:3000"] != days+again || failed["127.0.0.1:3001"] != days {
		t.Errorf("failed requests: %v", failed)
	}
	last := rep.Incidents[0]
	for _, i := range rep.Incidents {
		if i.Start.After(last.Start) {
			last = i
		}
	}
	if from, to := (days-1+pause)*time.Second, (days-1+pause+again-1)*time.Second; !last.Start.Equal(t0.Add(from)) || !last.End.Equal(t0.Add(to)) {
		t.Errorf("the last incident is from %s to %s after the begin, want %s to %s", last.Start.Sub(t0), last.End.Sub(t0), from, to)
	}
}
