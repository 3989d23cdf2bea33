package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"culprit/internal/terminal"
)

// A figure is the timeline of an incident to scale: one row a link of the chain,
// from the root at the top down to the failed requests. It is drawn twice, for
// paper and for a phone.
type figure struct {
	Label        string // what it shows, in a sentence
	Caption      string
	Wide, Narrow *drawing
}

// A drawing is a figure at one width. Coordinates are pixels.
type drawing struct {
	ID           string // distinguishes the patterns of two drawings on one page
	W, H         float64
	Wash         rect // the incident
	Gaps         []hole
	Marks        []mark
	Links        []string // paths of arrows from mark to mark
	Bars         []rect
	Labels       []label
	Ticks        []tick
	AxisY, PeakY float64
	Top          float64 // of the field of bars
	Peak         string
	Break        bool // the first mark lies before the scale begins
}

type (
	rect struct {
		X, Y, W, H float64
		Class      string
		Cuts       []float64 // y of the cut lines of a reset
	}
	mark struct {
		X, Y  float64
		N     string
		Class string
		Text  string // beside the mark
		TextX float64
		End   bool // the text ends at TextX
		Time  string
	}
	// A hole is a stretch that a source does not cover.
	hole struct {
		rect
		Text  string
		TextX float64
		End   bool
	}
	label struct {
		X, Y, ToY, LineX float64
		Text, Class      string
		End              bool
	}
	tick struct {
		X      float64
		Text   string
		Anchor string // start, middle or end, so that it stays inside
	}
)

// newFigure draws an incident, nil if it has neither links with a time nor
// counts over time.
func newFigure(v *view) *figure {
	f := &v.inc.Failures
	if len(f.PerSecond) == 0 && !slices.ContainsFunc(v.links, func(l link) bool { return l.time != nil }) {
		return nil
	}
	peak := 0
	for _, n := range f.PerSecond {
		peak = max(peak, n)
	}
	fig := &figure{Wide: draw(v, "w", 676), Narrow: draw(v, "n", 328)}
	each := "each second"
	if f.BinSeconds > 1 {
		each = "each " + shortDuration(f.BinSeconds)
	}
	fig.Caption = "To scale: failed requests below, what led to them above."
	fig.Label = one(fmt.Sprintf("Timeline: %s. Failed requests %s from %s to %s, at most %d.", v.title, each,
		v.clock.second(v.inc.Start), v.clock.second(v.inc.End), peak))
	return fig
}

const (
	rowHeight   = 30.0
	barHeight   = 96.0
	labelHeight = 17.0
	axisHeight  = 24.0
	charWidth   = 6.8 // of the 12 px font, rather too much than too little
	gutter      = 34.0
)

// scale maps time to pixels.
type scale struct {
	from, to time.Time
	x0, x1   float64
}

func (s scale) x(t time.Time) float64 {
	return round(s.x0 + (s.x1-s.x0)*float64(t.Sub(s.from))/float64(s.to.Sub(s.from)))
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

func draw(v *view, id string, width float64) *drawing {
	d := &drawing{ID: id, W: width}
	s, early := d.window(v)
	d.rows(v, s, early)
	d.gaps(v, s)
	phases := d.bars(v, s)
	d.label(phases, s)
	d.H = d.AxisY + axisHeight
	d.Wash = rect{X: s.x(v.inc.Start), Y: 0, W: max(s.x(v.inc.End.Add(time.Second))-s.x(v.inc.Start), 1), H: d.AxisY}
	d.ticks(v, s)
	return d
}

// maxHoles bounds how many gaps are drawn; all of them are listed below.
const maxHoles = 4

// gaps gives each stretch without evidence a lane of its own, hatched, between
// the causes and the failures.
func (d *drawing) gaps(v *view, s scale) {
	for _, g := range v.gaps {
		if g.From == nil || g.To == nil || !g.To.After(s.from) || !g.From.Before(s.to) || len(d.Gaps) == maxHoles {
			continue
		}
		a, b := s.x(later(*g.From, s.from)), s.x(earlier(*g.To, s.to))
		h := hole{rect: rect{X: a, Y: d.Top - 8, W: round(max(b-a, 2)), H: 10}, TextX: b + 6}
		text, room := "not seen: "+one(g.Source), d.W-b-6
		if left := a - 6; left > room && float64(len(text))*charWidth > room {
			h.TextX, h.End, room = a-6, true, left
		}
		if room < 12*charWidth { // below the hatch
			h.TextX, h.End, room = a, false, d.W-a
			h.Y -= 3
			d.Top += 12
			h.Text = terminal.Clip(text, int(room/charWidth))
			d.Gaps = append(d.Gaps, h)
			d.Top += 22
			continue
		}
		h.Text = terminal.Clip(text, int(room/charWidth))
		d.Gaps = append(d.Gaps, h)
		d.Top += 20
	}
}

// Below says that the text of a hole stands under it.
func (h hole) Below() bool { return h.TextX == h.X }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// window chooses the stretch of time that is drawn: the incident and what came
// shortly before. What lies farther back than three times its length is put
// left of the scale, behind a break: links up to early.
func (d *drawing) window(v *view) (s scale, early map[int]bool) {
	length := max(v.inc.End.Sub(v.inc.Start), 5*time.Second)
	from, to := v.inc.Start, v.inc.End.Add(time.Second)
	limit := from.Add(-max(3*length, 30*time.Second))
	early = map[int]bool{}
	for i, l := range v.links {
		switch {
		case l.time == nil:
		case l.time.Before(limit):
			early[i] = true
		default:
			from, to = earlier(from, *l.time), later(to, earlier(*l.time, v.inc.End.Add(length)))
		}
	}
	pad := max(to.Sub(from)/25, 500*time.Millisecond)
	s = scale{from: from.Add(-pad), to: to.Add(pad), x0: 10, x1: d.W - 10}
	if len(early) > 0 {
		d.Break = true
		s.x0 += gutter
	}
	return s, early
}

// rows places the links of the chain, each on a row of its own with its text on
// the side where there is more room.
func (d *drawing) rows(v *view, s scale, early map[int]bool) {
	y := 18.0
	for i, l := range v.links {
		if l.role == "impact" {
			continue
		}
		m := mark{Y: y, N: fmt.Sprint(l.n), Class: l.role}
		if v.calm {
			m.Class = "calm"
		}
		if l.role == "recovery" {
			m.Class = l.role
			if l.time == nil || early[i] {
				continue
			}
			m.N = "✓"
		}
		switch {
		case early[i]:
			m.X = 12
			m.Time = longAgo(v.inc.Start.Sub(*l.time))
		case l.time != nil:
			m.X = s.x(*l.time)
			m.Time = v.clock.at(l.time, v.inc.Start)
		case len(d.Marks) > 0: // not known when: below its cause, marked as such
			m.X = d.Marks[len(d.Marks)-1].X
			m.Time, m.Class = "time not known", l.role+" untimed"
		default:
			m.X, m.Time, m.Class = s.x0, "time not known", l.role+" untimed"
		}
		text := l.label + ": " + one(l.text)
		if l.role == "recovery" || d.W < 400 {
			text = one(l.text)
		}
		right, left := d.W-m.X-18, m.X-18
		m.TextX, m.End = m.X+15, false
		room := right
		if fits := float64(terminal.Width(text)) * charWidth; left > right && fits > right {
			m.TextX, m.End, room = m.X-15, true, left
		}
		m.Text = terminal.Clip(text, int(room/charWidth))
		d.Marks = append(d.Marks, m)
		y += rowHeight
	}
	for i := 1; i < len(d.Marks); i++ {
		if a, b := d.Marks[i-1], d.Marks[i]; b.Class != "recovery" {
			d.Links = append(d.Links, arrow(a, b))
		}
	}
	d.Top = y
}

// longAgo says how far before the incident something lies.
func longAgo(t time.Duration) string { return duration(t) + " before" }

// arrow is the path from one mark down to the next; it crosses between the rows,
// where no text stands.
func arrow(a, b mark) string {
	const r = 9.0
	if a.X == b.X {
		return fmt.Sprintf("M%g %gV%g", a.X, a.Y+r, b.Y-r-1)
	}
	return fmt.Sprintf("M%g %gV%gH%gV%g", a.X, a.Y+r, a.Y+rowHeight/2-1, b.X, b.Y-r-1)
}

// A drawnPhase is where the label of a phase points to.
type drawnPhase struct {
	words, class string
	x, top       float64
}

// bars draws the failed requests on a linear scale, stacked by phase.
func (d *drawing) bars(v *view, s scale) []drawnPhase {
	f := &v.inc.Failures
	bin := time.Duration(max(f.BinSeconds, 1)) * time.Second
	start := v.inc.Start.Truncate(time.Second)
	// Bars narrower than three pixels are put together.
	per := 1
	for len(f.PerSecond) > 0 && s.x(start.Add(bin*time.Duration(per)))-s.x(start) < 3 && per < len(f.PerSecond) {
		per++
	}
	n := (len(f.PerSecond) + per - 1) / per
	total := make([]int, n)
	peak := 0
	for i, k := range f.PerSecond {
		total[i/per] += k
		peak = max(peak, total[i/per])
	}
	series := f.PhaseSeries
	if len(series) == 0 && len(v.phases) == 1 {
		series = map[string][]int{v.phases[0].key: f.PerSecond}
	}
	var order []phaseCount
	for _, p := range v.phases {
		if len(series[p.key]) > 0 {
			order = append(order, p)
		}
	}
	rowsOfLabels := float64(max(min(len(order), 4), 1))
	d.PeakY = round(d.Top + rowsOfLabels*labelHeight + 8)
	d.AxisY = d.PeakY + barHeight
	if peak == 0 {
		return nil
	}
	d.Peak = number(peak) + " a second"
	if each := per * max(f.BinSeconds, 1); each > 1 {
		d.Peak = number(peak) + " in " + shortDuration(each)
	}
	height := func(k int) float64 { return float64(k) / float64(peak) * barHeight }
	width := s.x(start.Add(bin*time.Duration(per))) - s.x(start)
	gap := min(2, width/4)
	out := make([]drawnPhase, len(order))
	best := make([]int, len(order))
	for i := range n {
		x := round(s.x(start.Add(bin*time.Duration(per*i))) + gap/2)
		y, left := d.AxisY, total[i]
		for k, p := range order {
			c := 0
			of := series[p.key]
			for _, m := range of[min(i*per, len(of)):min((i+1)*per, len(of))] {
				c += m
			}
			if c = min(c, left); c <= 0 {
				continue
			}
			left -= c
			h := height(c)
			y -= h
			class := phaseClass(p.key)
			r := rect{X: x, Y: round(y), W: round(width - gap), H: round(max(h, 1)), Class: class}
			if class == "reset" {
				for q := r.Y + 6; q < r.Y+r.H-2; q += 6 {
					r.Cuts = append(r.Cuts, round(q))
				}
			}
			d.Bars = append(d.Bars, r)
			if c > best[k] {
				best[k] = c
				out[k] = drawnPhase{words: number(p.n) + " " + strings.TrimLeft(p.words, "0123456789 "), class: class, x: x + (width-gap)/2, top: y}
			}
		}
		if left > 0 {
			h := height(left)
			d.Bars = append(d.Bars, rect{X: x, Y: round(y - h), W: round(width - gap), H: round(max(h, 1)), Class: "other"})
		}
	}
	return slices.DeleteFunc(out, func(p drawnPhase) bool { return p.words == "" })
}

// phaseClass groups the phases into the three fill styles and one for the rest.
func phaseClass(key string) string {
	switch key {
	case "refused", "socket", "no_live":
		return "refused"
	case "reset", "closed_early":
		return "reset"
	case "read_timeout", "connect_timeout":
		return "timeout"
	}
	return "other"
}

// label writes the name of each phase above its highest bar, on the lowest row
// where it does not touch another.
func (d *drawing) label(phases []drawnPhase, s scale) {
	type span struct{ row, from, to float64 }
	var taken []span
	slices.SortFunc(phases, func(a, b drawnPhase) int { return int(b.x - a.x) })
	for _, p := range phases {
		w := float64(len(p.words))*charWidth + 8
		from, end := p.x-4, false
		if from+w > d.W {
			from, end = p.x+4-w, true
		}
		from = max(from, 0)
		row := 0.0
		for slices.ContainsFunc(taken, func(t span) bool {
			return t.row == row && from < t.to && t.from < from+w
		}) {
			row++
		}
		taken = append(taken, span{row, from, from + w})
		y := d.PeakY - 8 - row*labelHeight
		x := from + 4
		if end {
			x = from + w - 4
		}
		d.Labels = append(d.Labels, label{X: round(x), Y: round(y), LineX: round(p.x), ToY: round(max(p.top-2, y+3)), Text: p.words, Class: p.class, End: end})
	}
}

// steps are the distances between ticks.
var steps = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}

func (d *drawing) ticks(v *view, s scale) {
	most := (s.x1 - s.x0) / 84
	step := steps[len(steps)-1]
	for _, st := range steps {
		if float64(s.to.Sub(s.from))/float64(st) <= most {
			step = st
			break
		}
	}
	for float64(s.to.Sub(s.from))/float64(step) > most { // months
		step *= 2
	}
	layout := "15:04:05"
	if step >= 24*time.Hour {
		layout = "2 Jan"
	} else if step >= time.Minute {
		layout = "15:04"
	}
	// Ticks stand on full steps of the reader's own clock.
	_, off := v.clock.zoneTime(s.from).Zone()
	shift := time.Duration(off) * time.Second
	for t := s.from.Add(shift).Truncate(step).Add(-shift); !t.After(s.to); t = t.Add(step) {
		if t.Before(s.from) {
			continue
		}
		k := tick{X: s.x(t), Text: v.clock.zoneTime(t).Format(layout), Anchor: "middle"}
		switch half := float64(len(k.Text)) * charWidth / 2; {
		case k.X-half < 0:
			k.Anchor = "start"
		case k.X+half > d.W:
			k.Anchor = "end"
		}
		d.Ticks = append(d.Ticks, k)
	}
}
