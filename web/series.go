package web

import (
	"slices"
	"time"

	"culprit"
)

// seriesBins bounds a series: an incident of days is drawn in wider steps.
const seriesBins = 2_000

// A Series counts failures by phase over time, in columns of equal length.
type Series struct {
	Start    time.Time `json:"start"`
	Step     float64   `json:"step_seconds"`
	Refused  []int     `json:"refused" doc:"111 and the like: nobody listened"`
	Reset    []int     `json:"reset" doc:"104, or closed early"`
	TimedOut []int     `json:"timed_out" doc:"110, connecting or reading"`
	Other    []int     `json:"other" doc:"Any other failure, and failed requests without an error line"`
	Lines    bool      `json:"lines" doc:"Counted from error lines; false: from failed requests in the access log"`
}

// phase is the column of a failure, -1 if the event is none.
func phase(k culprit.Kind, errno string) int {
	switch k {
	case culprit.KindUpstreamConnectFailed:
		if errno == "2" || errno == "13" {
			return 3 // no socket, no permission: told apart in by_phase
		}
		return 0
	case culprit.KindUpstreamReset, culprit.KindUpstreamPrematureClose:
		return 1
	case culprit.KindUpstreamTimeout:
		return 2
	case culprit.KindUpstreamNoLive, culprit.KindUpstreamSSLFailed, culprit.KindUpstreamHeaderTooBig, culprit.KindUpstreamBadResponse, culprit.KindResolveFailed:
		return 3
	}
	return -1
}

// failures counts the failures of all upstreams of an incident in the whole
// range of its timeline. Without error lines, the requests that failed count.
func failures(inc *culprit.Incident, events []*culprit.Event, tl *Timeline) Series {
	step := time.Second
	for tl.FullTo.Sub(tl.FullFrom)/step >= seriesBins {
		step *= 2
	}
	begin := tl.FullFrom.Truncate(step)
	n := int(tl.FullTo.Sub(begin)/step) + 1
	s := Series{Start: begin, Step: step.Seconds(), Lines: true}
	cols := [4][]int{}
	for i := range cols {
		cols[i] = make([]int, n)
	}
	mine := map[string]bool{}
	for _, u := range inc.Upstreams {
		mine[u] = true
	}
	total := 0
	for _, e := range events {
		p := phase(e.Kind, e.Attrs.Get("errno"))
		if p < 0 || len(mine) > 0 && e.Upstream != "" && !mine[e.Upstream] && e.Kind != culprit.KindUpstreamNoLive {
			continue
		}
		if i := int(e.Time.Sub(begin) / step); i >= 0 && i < n {
			cols[p][i] += max(e.Count, 1)
			total += max(e.Count, 1)
		}
	}
	if total == 0 {
		s.Lines = false
		bin := time.Duration(max(inc.Failures.BinSeconds, 1)) * time.Second
		for i, v := range inc.Failures.PerSecond {
			if k := int(inc.Start.Add(time.Duration(i)*bin).Sub(begin) / step); k >= 0 && k < n {
				cols[3][k] += v
			}
		}
	}
	s.Refused, s.Reset, s.TimedOut, s.Other = cols[0], cols[1], cols[2], cols[3]
	return s
}

// first returns when each phase began, the busiest phase first; zero for those
// that did not occur. Of a long run of the busiest one it is a moment in its
// first third, clear of what happened as it began.
func (s *Series) first() [4]time.Time {
	type run struct {
		t   time.Time
		sum int
	}
	var runs [4]run
	for c, col := range [][]int{s.Refused, s.Reset, s.TimedOut, s.Other} {
		for i, v := range col {
			if v > 0 && runs[c].sum == 0 {
				runs[c].t = s.Start.Add(time.Duration(float64(i) * s.Step * float64(time.Second)))
			}
			runs[c].sum += v
		}
	}
	top := 0
	for c := range runs {
		if runs[c].sum > runs[top].sum {
			top = c
		}
	}
	out := [4]time.Time{runs[top].t}
	col := [][]int{s.Refused, s.Reset, s.TimedOut, s.Other}[top]
	a := slices.IndexFunc(col, func(v int) bool { return v > 0 })
	b := len(col) - 1
	for b > a && col[b] == 0 {
		b--
	}
	if b-a > 6 {
		for i := a + (b-a)*3/10; i <= b; i++ {
			if col[i] > 0 {
				out[0] = s.Start.Add(time.Duration(float64(i) * s.Step * float64(time.Second)))
				break
			}
		}
	}
	k := 1
	for c := range runs {
		if c != top {
			out[k] = runs[c].t
			k++
		}
	}
	return out
}
