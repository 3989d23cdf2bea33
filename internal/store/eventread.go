package store

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"culprit"
)

// eventPage is the number of rows, and of events, that are read at a time.
const eventPage = 500

// EventFilter bounds what Events returns. Since is included, Until is not; an
// event without a time counts with the nearest bound that is known of it.
type EventFilter struct {
	Since, Until time.Time
	Kinds        []culprit.Kind // none means all
	Newest       bool           // the latest first
	Limit        int            // 0 means all
}

// Events calls yield for the events in the order of their times, all fields set.
// Where the records of an event were dropped, its text and message are empty.
// Events that are stored meanwhile may or may not be among them.
func (s *Store) Events(ctx context.Context, f EventFilter, yield func(*culprit.Event) error) error {
	r := &eventReader{s: s, filter: f, window: newWindow(f.Since, f.Until)}
	r.window.oldest = !f.Newest
	r.at, r.id = math.MinInt64, -1
	if r.window.since > math.MinInt64+stormSpan*1e9 {
		r.at = r.window.since - stormSpan*1e9 // a storm that began before may reach into the window
	}
	if f.Newest {
		r.at, r.id = r.window.until, math.MaxInt64
	}
	for left := f.Limit; f.Limit == 0 || left > 0; {
		n := eventPage
		if f.Limit > 0 {
			n = min(n, left)
		}
		events, err := r.page(ctx, n)
		if err != nil {
			return s.classify(fmt.Errorf("read events: %w", err))
		}
		if len(events) == 0 {
			return nil
		}
		for _, e := range events {
			if err := yield(e); err != nil {
				return err
			}
		}
		left -= len(events)
	}
	return nil
}

// An eventReader reads rows of events in order and takes storms apart: a row of a
// storm reaches a minute beyond its time, so its seconds wait for the rows that
// lie between.
type eventReader struct {
	s      *Store
	filter EventFilter
	window window

	at, id int64 // of the last row
	ended  bool  // there are no more rows
	wait   eventHeap
}

// An eventRow is a row of event_rows with its shape.
type eventRow struct {
	event        culprit.Event
	source       int64
	line, lineTo int
	places       []twinPlace
	shape        string // attributes
}

// A waiting event is one second of a row.
type waitingEvent struct {
	row    *eventRow
	time   int64
	id     int64
	count  int
	number int64
	first  bool // of its row
}

// page returns the next events, at most n.
func (r *eventReader) page(ctx context.Context, n int) ([]*culprit.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	v, err := r.s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	r.wait.oldest = r.window.oldest
	var ready []waitingEvent
	for len(ready) < n {
		if len(r.wait.list) > 0 && (r.ended || r.settled(r.wait.list[0].time)) {
			ready = append(ready, heap.Pop(&r.wait).(waitingEvent))
			continue
		}
		if r.ended {
			break
		}
		if err := r.rows(v); err != nil {
			return nil, err
		}
	}
	if len(ready) == 0 {
		return nil, nil
	}
	return v.fill(ready)
}

// settled reports whether no row that is still to be read has an event before this
// time.
func (r *eventReader) settled(at int64) bool {
	if r.window.oldest {
		return at < r.at
	}
	return at > r.at+stormSpan*1e9
}

// rows reads the next rows.
func (r *eventReader) rows(v *snapshot) error {
	compare, order, bound := ">", "ASC", "r.time <= ?"
	args := []any{r.at, r.id, r.window.until}
	if r.filter.Newest {
		compare, order, bound = "<", "DESC", "r.time >= ?"
		args[2] = max(r.window.since, math.MinInt64+stormSpan*1e9) - stormSpan*1e9
	}
	kinds := ""
	if len(r.filter.Kinds) > 0 {
		list, err := json.Marshal(r.filter.Kinds)
		if err != nil {
			return err
		}
		kinds = " AND s.kind IN (SELECT value FROM json_each(?))"
		args = append(args, string(list))
	}
	rows, err := v.tx.QueryContext(v.ctx, `SELECT r.time, r.id, r.pid, r.count, r.source, r.seq, r.line, coalesce(r.line_to, 0), r.known,
		coalesce(r.not_before, 0), coalesce(r.not_after, 0), r.places, r.seconds, s.kind, s.severity, s.service, s.upstream, s.host, s.process, s.unit, s.attributes
		FROM event_rows r JOIN event_shapes s ON s.id = r.shape
		WHERE (r.time, r.id) `+compare+` (?, ?) AND `+bound+kinds+` ORDER BY r.time `+order+`, r.id `+order+` LIMIT ?`, append(args, eventPage)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
		if err := r.row(rows); err != nil {
			return err
		}
	}
	r.ended = n < eventPage
	return rows.Err()
}

// row reads one row, and puts its events in the window on the heap.
func (r *eventReader) row(rows *sql.Rows) error {
	w := &eventRow{}
	e := &w.event
	var known bool
	var count, number, notBefore, notAfter int64
	var places sql.NullString
	var seconds sql.RawBytes
	if err := rows.Scan(&r.at, &r.id, &e.PID, &count, &w.source, &number, &w.line, &w.lineTo, &known, &notBefore, &notAfter, &places, &seconds,
		&e.Kind, &e.Severity, &e.Service, &e.Upstream, &e.Host, &e.Process, &e.Unit, &w.shape); err != nil {
		return err
	}
	if known {
		e.Time = time.Unix(0, r.at).UTC()
	}
	e.NotBefore, e.NotAfter = timeAt(notBefore), timeAt(notAfter)
	if places.Valid {
		if err := json.Unmarshal([]byte(places.String), &w.places); err != nil {
			return fmt.Errorf("places of event %d: %w: %w", r.id, culprit.ErrCorrupt, err)
		}
	}
	put := func(x waitingEvent) {
		if x.time >= r.window.since && x.time <= r.window.until {
			heap.Push(&r.wait, x)
		}
	}
	if len(seconds) == 0 {
		put(waitingEvent{row: w, time: r.at, id: r.id, count: int(count), number: number, first: true})
		return nil
	}
	list, err := parseSeconds(seconds, floorSecond(r.at), number)
	if err != nil {
		return fmt.Errorf("event %d: %w", r.id, err)
	}
	for _, s := range list {
		x := waitingEvent{row: w, time: s.second * 1e9, id: r.id, count: int(s.count), number: s.number}
		if s.number == number {
			x.time, x.first = r.at, true
		}
		put(x)
	}
	return nil
}

// fill makes the events, with what their records say.
func (v *snapshot) fill(list []waitingEvent) ([]*culprit.Event, error) {
	l, err := v.locator()
	if err != nil {
		return nil, err
	}
	events := make([]*culprit.Event, len(list))
	for i := range list {
		x := &list[i]
		e := x.row.event
		events[i] = &e
		// A row has at most one event of each second of a minute.
		e.ID = x.id*stormSpan + (floorSecond(x.time)%stormSpan+stormSpan)%stormSpan
		e.Count = x.count
		if !x.first {
			e.Time = time.Unix(0, x.time).UTC()
		}
		line, lineTo := x.row.line, x.row.lineTo
		from, k, err := l.find(x.row.source, x.number)
		switch {
		case errors.Is(err, culprit.ErrCorrupt):
			from = nil // the event is still there
		case err != nil:
			return nil, err
		}
		if from != nil {
			r, _, _ := from.block.record(k)
			e.Text, e.Message, e.Attrs, e.PID = string(r.Text), r.Message, r.Attrs, r.PID
			line, lineTo = r.LineFrom, r.LineTo
			if !x.first {
				e.Time, e.NotBefore, e.NotAfter = r.Time, r.NotBefore, r.NotAfter
			}
		} else if e.Attrs, err = parseAttributes(x.row.shape); err != nil {
			return nil, fmt.Errorf("attributes of event %d: %w: %w", x.id, culprit.ErrCorrupt, err)
		} else if !x.first {
			line, lineTo = 0, 0
		}
		e.Places = []culprit.Place{v.place(x.row.source, x.number, line, lineTo)}
		if x.first {
			for _, p := range x.row.places {
				e.Places = append(e.Places, v.place(p.Source, p.Number, p.Line, p.LineTo))
			}
		}
	}
	return events, nil
}

// eventHeap is a heap of events in order.
type eventHeap struct {
	list   []waitingEvent
	oldest bool
}

func (h *eventHeap) Len() int { return len(h.list) }
func (h *eventHeap) Less(i, j int) bool {
	a, b := &h.list[i], &h.list[j]
	c := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id))
	return c < 0 && h.oldest || c > 0 && !h.oldest
}
func (h *eventHeap) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *eventHeap) Push(x any)    { h.list = append(h.list, x.(waitingEvent)) }
func (h *eventHeap) Pop() any {
	n := len(h.list) - 1
	x := h.list[n]
	h.list[n] = waitingEvent{}
	h.list = h.list[:n]
	return x
}

func (v *snapshot) place(source, number int64, line, lineTo int) culprit.Place {
	p := culprit.Place{Line: line, LineTo: max(line, lineTo), Seq: seqOf(source, number)}
	if src := v.s.sources.get(source); src != nil {
		p.Source = src.name
	}
	return p
}

// parseAttributes reads what appendAttributes wrote, in its order.
func parseAttributes(s string) (culprit.Attrs, error) {
	var attrs culprit.Attrs
	d := json.NewDecoder(strings.NewReader(s))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("key %v", key)
		}
		var value culprit.Value
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		attrs = append(attrs, culprit.Attr{Key: name, Value: value})
	}
	return attrs, nil
}
