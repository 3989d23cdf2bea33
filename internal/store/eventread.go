package store

import (
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

// eventPage is the number of events read at a time.
const eventPage = 1000

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
	w := newWindow(f.Since, f.Until)
	at, id := w.since, int64(-1)
	if f.Newest {
		at, id = w.until, math.MaxInt64
	}
	left := f.Limit
	for {
		n := eventPage
		if f.Limit > 0 {
			n = min(n, left)
		}
		events, err := s.eventPage(ctx, &f, &w, &at, &id, n)
		if err != nil {
			return s.classify(fmt.Errorf("read events: %w", err))
		}
		for _, e := range events {
			if err := yield(e); err != nil {
				return err
			}
		}
		left -= len(events)
		if len(events) < n || f.Limit > 0 && left == 0 {
			return nil
		}
	}
}

// eventPage reads the next events after the one at (at, id).
func (s *Store) eventPage(ctx context.Context, f *EventFilter, w *window, at, id *int64, limit int) ([]*culprit.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	v, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	compare, order := ">", "ASC"
	if f.Newest {
		compare, order = "<", "DESC"
	}
	args := []any{*at, *id, w.since, w.until}
	kinds := ""
	if len(f.Kinds) > 0 {
		list, err := json.Marshal(f.Kinds)
		if err != nil {
			return nil, err
		}
		kinds = " AND s.kind IN (SELECT value FROM json_each(?))"
		args = append(args, string(list))
	}
	rows, err := v.tx.QueryContext(ctx, `SELECT r.time, r.id, r.pid, r.count, r.source, r.seq, r.line, coalesce(r.line_to, 0), r.known,
		coalesce(r.not_before, 0), coalesce(r.not_after, 0), r.places, s.kind, s.severity, s.service, s.upstream, s.host, s.process, s.unit, s.attributes
		FROM event_rows r JOIN event_shapes s ON s.id = r.shape
		WHERE (r.time, r.id) `+compare+` (?, ?) AND r.time >= ? AND r.time <= ?`+kinds+` ORDER BY r.time `+order+`, r.id `+order+` LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	type origin struct{ source, number int64 }
	var events []*culprit.Event
	var origins []origin
	for rows.Next() {
		e := &culprit.Event{}
		var o origin
		var known bool
		var notBefore, notAfter int64
		var line, lineTo int
		var places sql.NullString
		var attributes string
		if err := rows.Scan(at, id, &e.PID, &e.Count, &o.source, &o.number, &line, &lineTo, &known, &notBefore, &notAfter, &places,
			&e.Kind, &e.Severity, &e.Service, &e.Upstream, &e.Host, &e.Process, &e.Unit, &attributes); err != nil {
			return nil, err
		}
		e.ID = *id
		if known {
			e.Time = time.Unix(0, *at).UTC()
		}
		e.NotBefore, e.NotAfter = timeAt(notBefore), timeAt(notAfter)
		e.Places = []culprit.Place{v.place(o.source, o.number, line, lineTo)}
		if places.Valid {
			var more []twinPlace
			if err := json.Unmarshal([]byte(places.String), &more); err != nil {
				return nil, fmt.Errorf("places of event %d: %w: %w", e.ID, culprit.ErrCorrupt, err)
			}
			for _, p := range more {
				e.Places = append(e.Places, v.place(p.Source, p.Number, p.Line, p.LineTo))
			}
		}
		if e.Attrs, err = parseAttributes(attributes); err != nil {
			return nil, fmt.Errorf("attributes of event %d: %w: %w", e.ID, culprit.ErrCorrupt, err)
		}
		events, origins = append(events, e), append(origins, o)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	l, err := v.locator()
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		from, k, err := l.find(origins[i].source, origins[i].number)
		if err != nil {
			if errors.Is(err, culprit.ErrCorrupt) {
				continue // the event is still there
			}
			return nil, err
		}
		if from != nil {
			r, _, _ := from.block.record(k)
			e.Text, e.Message, e.Attrs = string(r.Text), r.Message, r.Attrs
		}
	}
	return events, nil
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
