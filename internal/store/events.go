package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"culprit"
	"culprit/internal/query"
)

// storms are the kinds of which a second may bring thousands that differ in the
// request only: they are one event if they agree in what inStorm says. Others are one if
// they are equal in all that they say.
var storms = map[culprit.Kind]bool{
	culprit.KindUpstreamConnectFailed: true, culprit.KindUpstreamReset: true, culprit.KindUpstreamPrematureClose: true,
	culprit.KindUpstreamTimeout: true, culprit.KindUpstreamNoLive: true, culprit.KindUpstreamDisabled: true,
	culprit.KindUpstreamSSLFailed: true, culprit.KindUpstreamHeaderTooBig: true, culprit.KindUpstreamBadResponse: true,
	culprit.KindUpstreamStderr: true, culprit.KindResolveFailed: true, culprit.KindFileError: true, culprit.KindRateLimited: true,
	culprit.KindTLSFailed: true, culprit.KindBodyTooLarge: true, culprit.KindBufferedToDisk: true, culprit.KindAuthFailed: true,
	culprit.KindLuaError: true, culprit.KindWAF: true, culprit.KindHTTPRequest: true, culprit.KindHTTP5xx: true,
	culprit.KindHTTPClientClosed: true,
}

// inStorm reports whether events of a storm differ by an attribute. Which server
// block it was counts where the upstream is not known; which worker never does.
func inStorm(key, upstream string) bool {
	switch key {
	case "errno", "phase", "status", "syscall":
		return true
	case "server":
		return upstream == ""
	}
	return false
}

// eventSeed makes the keys of groups different in every process, so that nobody
// can write lines that fall into one.
var eventSeed = rand.Uint64()

// A pendingEvent is a group of equal records of one second.
type pendingEvent struct {
	key                 uint64
	time                int64
	known               bool
	notBefore, notAfter int64

	kind                culprit.Kind
	severity            culprit.Severity
	service, upstream   string
	host, process, unit string
	attributes          []byte // JSON
	pid                 int
	twin                int64 // 0 if it has no twins elsewhere

	count        int
	number       int64
	line, lineTo int
	id           int64 // of the row, once it is stored
	added        int   // records since it was stored
	notStored    bool
}

// An eventBatch collects the events of a writer between two commits.
type eventBatch struct {
	list   []*pendingEvent
	byKey  map[uint64]*pendingEvent
	last   *pendingEvent
	recent int64 // latest second
	buf    []byte
}

func (e *eventBatch) reset() { e.byKey = map[uint64]*pendingEvent{} }

// groupKey returns the key of the group that a record belongs to. The builder has
// seen the record last.
func (e *eventBatch) groupKey(r *culprit.Record, m *row, service, upstream string, storm bool) uint64 {
	second := m.time / 1e9
	if m.time < 0 {
		second--
	}
	h := eventSeed
	add := func(n uint64) { h = mixKey(h, n) }
	str := func(s string) { h = mixKey(h, hashString(s)) }
	add(uint64(second))
	add(uint64(uint8(r.Severity)))
	if !storm {
		add(uint64(r.PID))
	}
	str(string(r.Kind))
	str(service)
	str(upstream)
	str(r.Host)
	str(r.Process)
	str(r.Unit)
	for i := range r.Attrs {
		a := &r.Attrs[i]
		if storm && !inStorm(a.Key, upstream) {
			continue
		}
		str(a.Key)
		if a.Value.Type() == culprit.TypeInt {
			n, _ := a.Value.Int()
			add(uint64(n))
		} else {
			str(a.Value.String())
		}
	}
	if !storm {
		str(r.Message)
		str(view(r.Text))
	}
	return h
}

// add counts a record that has a kind.
func (e *eventBatch) add(b *builder, r *culprit.Record, m *row, service, upstream string, number int64) {
	storm := storms[r.Kind]
	key := e.groupKey(r, m, service, upstream, storm)
	g := e.last
	if g == nil || g.key != key {
		g = e.byKey[key]
	}
	if g != nil {
		g.count++
		g.added++
		e.last = g
		return
	}
	g = &pendingEvent{
		key: key, time: m.time, known: !r.Time.IsZero(), notBefore: nanos(r.NotBefore), notAfter: nanos(r.NotAfter),
		kind: culprit.Kind(strings.Clone(string(r.Kind))), severity: r.Severity, service: strings.Clone(service), upstream: strings.Clone(upstream),
		host: strings.Clone(r.Host), process: strings.Clone(r.Process), unit: strings.Clone(r.Unit), pid: r.PID,
		count: 1, added: 1, number: number, line: r.LineFrom, lineTo: r.LineTo, notStored: true,
	}
	e.buf = appendAttributes(e.buf[:0], r.Attrs, storm, upstream)
	g.attributes = append([]byte(nil), e.buf...)
	if !storm && r.Process != "" && r.Source != "" {
		g.twin = twinOf(r)
	}
	e.list = append(e.list, g)
	e.byKey[key] = g
	e.last = g
	e.recent = max(e.recent, m.time/1e9)
}

// appendAttributes writes the attributes of an event's shape as JSON.
func appendAttributes(dst []byte, attrs culprit.Attrs, storm bool, upstream string) []byte {
	dst = append(dst, '{')
	for i := range attrs {
		if storm && !inStorm(attrs[i].Key, upstream) {
			continue
		}
		key, err := json.Marshal(attrs[i].Key)
		if err != nil {
			continue
		}
		value, err := attrs[i].Value.MarshalJSON()
		if err != nil {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, key...), ':'), value...)
	}
	return append(dst, '}')
}

// twinOf is the same for the same entry of the journal and of a syslog file.
func twinOf(r *culprit.Record) int64 {
	h := sha256.New()
	for _, s := range []string{string(r.Kind), r.Process, r.Message} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	var pid [8]byte
	binary.LittleEndian.PutUint64(pid[:], uint64(r.PID))
	h.Write(pid[:])
	var sum [sha256.Size]byte
	n := int64(binary.LittleEndian.Uint64(h.Sum(sum[:0])))
	if n == 0 {
		n = 1
	}
	return n
}

// twinWindow is how far the times of one entry may lie apart in two sources: a
// syslog file has whole seconds.
const twinWindow = 2e9

// putEvents writes the groups that are new or have grown. Settle is to be called
// once it is committed.
func (t *transaction) putEvents(source int64, w *Writer) (records int, settle func(), err error) {
	e := &w.events
	ids := make([]int64, len(e.list))
	for i, g := range e.list {
		if g.added == 0 {
			continue
		}
		records += g.added
		if !g.notStored {
			if _, err := t.exec("UPDATE event_rows SET count = count + ? WHERE time = ? AND id = ?", g.added, g.time, g.id); err != nil {
				return 0, nil, fmt.Errorf("store event: %w", err)
			}
			continue
		}
		t.events = true
		if g.twin != 0 {
			merged, err := t.mergeTwin(source, w.source.name, g)
			if err != nil {
				return 0, nil, fmt.Errorf("store event: %w", err)
			}
			if merged != 0 {
				ids[i] = -1
				continue
			}
		}
		shape, err := t.shapeOf(g)
		if err != nil {
			return 0, nil, fmt.Errorf("store event: %w", err)
		}
		ids[i] = t.event
		t.event++
		var lineTo any
		if g.lineTo > g.line {
			lineTo = g.lineTo
		}
		if _, err := t.exec(`INSERT INTO event_rows (time, id, shape, pid, count, source, seq, line, line_to, known, not_before, not_after)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0))`,
			g.time, ids[i], shape, g.pid, g.count, source, g.number, g.line, lineTo, g.known, g.notBefore, g.notAfter); err != nil {
			return 0, nil, fmt.Errorf("store event: %w", err)
		}
		if g.twin != 0 {
			if _, err := t.exec("INSERT INTO event_twins (twin, time, id) VALUES (?, ?, ?)", g.twin, g.time, ids[i]); err != nil {
				return 0, nil, fmt.Errorf("store event: %w", err)
			}
		}
	}
	return records, func() {
		kept := e.list[:0]
		for i, g := range e.list {
			if g.notStored {
				g.id = ids[i]
			}
			g.added, g.notStored = 0, false
			// Records of the latest seconds may still come.
			if g.id < 0 || g.time/1e9 < e.recent-2 || len(kept) >= 1024 {
				delete(e.byKey, g.key)
				continue
			}
			kept = append(kept, g)
		}
		clear(e.list[len(kept):])
		e.list = kept
		e.last = nil
	}, nil
}

// shapeOf returns the id of the row of event_shapes.
func (t *transaction) shapeOf(g *pendingEvent) (int64, error) {
	h := sha256.New()
	for _, s := range []string{string(g.kind), g.severity.String(), g.service, g.upstream, g.host, g.process, g.unit, view(g.attributes)} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	var sum [sha256.Size]byte
	hash := int64(binary.LittleEndian.Uint64(h.Sum(sum[:0])))
	if id, ok := t.s.shapes[hash]; ok {
		return id, nil
	}
	if id, ok := t.shapes[hash]; ok {
		return id, nil
	}
	stmt, err := t.prepared("SELECT id FROM event_shapes WHERE hash = ?")
	if err != nil {
		return 0, err
	}
	var id int64
	err = stmt.QueryRowContext(t.ctx, hash).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		var res sql.Result
		res, err = t.exec(`INSERT INTO event_shapes (hash, kind, severity, service, upstream, host, process, unit, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			hash, string(g.kind), int(g.severity), g.service, g.upstream, g.host, g.process, g.unit, string(g.attributes))
		if err == nil {
			id, err = res.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	t.shapes[hash] = id
	return id, nil
}

// A twinPlace is one more place of an event, in event_rows.places.
type twinPlace struct {
	Source int64 `json:"source"`
	Number int64 `json:"number"`
	Line   int   `json:"line"`
	LineTo int   `json:"line_to,omitempty"`
	Count  int   `json:"count"`
}

// mergeTwin adds g to the event of the same entry in another source, the nearest
// in time that has no place in this one, and returns its id; 0 if there is none.
func (t *transaction) mergeTwin(source int64, name string, g *pendingEvent) (int64, error) {
	stmt, err := t.prepared(`SELECT r.time, r.id, r.source, r.count, r.places FROM event_twins w JOIN event_rows r ON r.time = w.time AND r.id = w.id
		WHERE w.twin = ? AND w.time BETWEEN ? AND ?`)
	if err != nil {
		return 0, err
	}
	rows, err := stmt.QueryContext(t.ctx, g.twin, g.time-twinWindow, g.time+twinWindow)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var best struct {
		id, time, count, distance int64
		places                    []twinPlace
	}
	for rows.Next() {
		var at, id, other, count int64
		var places sql.NullString
		if err := rows.Scan(&at, &id, &other, &count, &places); err != nil {
			return 0, err
		}
		var list []twinPlace
		if places.Valid {
			if err := json.Unmarshal([]byte(places.String), &list); err != nil {
				return 0, fmt.Errorf("read places: %w: %w", culprit.ErrCorrupt, err)
			}
		}
		mine := t.sameSource(other, source, name)
		for _, p := range list {
			mine = mine || t.sameSource(p.Source, source, name)
		}
		distance := max(at-g.time, g.time-at)
		if !mine && (best.id == 0 || distance < best.distance) {
			best.id, best.time, best.count, best.distance, best.places = id, at, count, distance, list
		}
	}
	if err := rows.Err(); err != nil || best.id == 0 {
		return 0, err
	}
	place := twinPlace{Source: source, Number: g.number, Line: g.line, Count: g.count}
	if g.lineTo > g.line {
		place.LineTo = g.lineTo
	}
	places, err := json.Marshal(append(best.places, place))
	if err != nil {
		return 0, err
	}
	if err := rows.Close(); err != nil {
		return 0, err
	}
	_, err = t.exec("UPDATE event_rows SET places = ?, count = max(count, ?) WHERE time = ? AND id = ?", string(places), g.count, best.time, best.id)
	return best.id, err
}

// sameSource reports whether two rows of sources are generations of one.
func (t *transaction) sameSource(a, b int64, name string) bool {
	if a == b {
		return true
	}
	src := t.s.sources.get(a)
	return src != nil && src.name == name
}

func mixKey(h, n uint64) uint64 { return query.Mix(h^n, 0x9e3779b97f4a7c15) }

func hashString(s string) uint64 { return query.Hash(viewString(s)) }
