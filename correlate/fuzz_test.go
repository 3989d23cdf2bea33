package correlate_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"culprit"
	"culprit/correlate"
)

// FuzzCorrelator feeds records of every kind with names, pids and times that
// collide, and holds the report to what must always be true.
func FuzzCorrelator(f *testing.F) {
	f.Add([]byte("seed"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23})
	for i := range scenarios { // the kinds of each scenario, in order
		l := &log{}
		scenarios[i].write(l)
		var b []byte
		for _, r := range l.records[:min(len(l.records), 400)] {
			for k, kind := range culprit.Kinds() {
				if kind == r.Kind {
					b = append(b, byte(k), byte(r.Time.Sub(t0)/time.Second), byte(r.PID), 0)
				}
			}
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 8000 {
			return
		}
		records := soup(b)
		first := report(records)
		second := report(records)
		if first != second {
			t.Fatalf("the same records gave two reports:\n%s\n%s", first, second)
		}
		var rep culprit.Report
		if err := json.Unmarshal([]byte(first), &rep); err != nil {
			t.Fatal(err)
		}
		for _, inc := range rep.Incidents {
			total := 0
			for _, n := range inc.Failures.PerSecond {
				total += n
			}
			switch {
			case inc.End.Before(inc.Start):
				t.Errorf("ends before it starts: %s to %s", inc.Start, inc.End)
			case total != inc.Failures.Failed:
				t.Errorf("%d failures by second, %d in all", total, inc.Failures.Failed)
			case inc.Failures.Of != 0 && inc.Failures.Of < inc.Failures.Failed:
				t.Errorf("%d of %d", inc.Failures.Failed, inc.Failures.Of)
			case inc.Title == "" || inc.Verdict == "" || inc.Tier == "" || inc.ID == "":
				t.Errorf("incomplete: %+v", inc)
			case inc.Verdict == culprit.VerdictInconclusive && inc.KnownTo == "":
				t.Error("inconclusive, and it does not say what is known")
			case inc.Verdict != culprit.VerdictInconclusive && (len(inc.Causes) == 0 || len(inc.Causes[0].Evidence) == 0):
				t.Errorf("%s without evidence", inc.Verdict)
			}
			for _, c := range inc.Chain {
				for _, i := range c.Evidence {
					if i < 0 || i >= len(inc.Causes[0].Evidence) {
						t.Errorf("chain cites evidence %d of %d", i, len(inc.Causes[0].Evidence))
					}
				}
			}
		}
	})
}

func report(records []*culprit.Record) string {
	c := correlate.New(culprit.Topology{
		Groups:   []culprit.UpstreamGroup{{Name: "app", Servers: []string{"127.0.0.1:3000", "127.0.0.1:3001"}}},
		Services: []culprit.Service{{Name: "shop", Manager: "systemd", Unit: "shop.service", Listen: []string{":3000"}}},
	})
	for _, r := range records {
		c.Add(r)
	}
	b, err := json.Marshal(c.Report(c.Newest()))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// soup makes a record of each four bytes.
func soup(b []byte) []*culprit.Record {
	kinds := culprit.Kinds()
	names := []string{"shop", "batch", "admin", "supervisor", "a@1", ""}
	ups := []string{"http://127.0.0.1:3000/", "127.0.0.1:3001", "http://app/", "unix:/run/a.sock", "-", ""}
	sources := []string{"error.log", "access.log", "journal", "supervisord.log", "err.log"}
	var out []*culprit.Record
	for i := 0; i+4 <= len(b); i += 4 {
		k, at, pid, mix := b[i], b[i+1], int(b[i+2]), int(b[i+3])
		r := culprit.Record{
			Kind: kinds[int(k)%len(kinds)], Source: sources[mix%len(sources)], LineFrom: i/4 + 1, LineTo: i/4 + 1, PID: pid,
			Process: names[mix%len(names)], Severity: culprit.Severity(mix % 8), Text: fmt.Appendf(nil, "%d %d", k, mix), Message: "shop: message " + names[pid%len(names)],
		}
		if at != 255 {
			r.Time = t0.Add(time.Duration(at) * time.Second)
		}
		if mix%3 == 0 && names[mix%len(names)] != "" {
			r.Unit = names[mix%len(names)] + ".service"
		}
		if mix%2 == 0 {
			r.Service = names[pid%len(names)]
		}
		r.Attrs = attrs("client", fmt.Sprint(mix%7), "method", "GET", "path", fmt.Sprint(pid%5), "host", "a.example", "status", []int{200, 499, 502, 503, 504}[pid%5],
			"upstream", ups[mix%len(ups)], "errno", []int{111, 104, 110, 13, 2}[mix%5], "exit_code_kind", []string{"exited", "killed", "dumped"}[pid%3],
			"signal", []string{"", "SIGKILL", "SIGTERM"}[mix%3], "exit_status", mix%3, "victim_pid", pid, "app_id", mix%2, "request_time", "6.000")
		out = append(out, &r)
	}
	return out
}
