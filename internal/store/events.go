package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"culprit"
	"culprit/internal/query"
)

// storms are the kinds of which a second may bring thousands that differ in the
// request only: they are one event a second if they agree in what stormAttr says, and a minute of
// them is one row. Others are one if
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

// When an attribute tells events of a storm apart.
const (
	stormNever uint8 = iota
	stormAlways
	stormNoUpstream // where the upstream is not known
)

// stormAttr says when events of a storm differ by an attribute: what failed and
// how, not who asked for what, and never which worker it was.
func stormAttr(key string) uint8 {
	switch key {
	case "errno", "phase", "status", "syscall":
		return stormAlways
	case "server":
		return stormNoUpstream
	}
	return stormNever
}

// inStorm reports whether an attribute belongs to the shape of a storm.
func inStorm(key, upstream string) bool {
	when := stormAttr(key)
	return when == stormAlways || when == stormNoUpstream && upstream == ""
}

// eventSeed makes the keys of groups different in every process, so that nobody
// can write lines that fall into one.
var eventSeed = rand.Uint64()

// A pendingEvent is a group of equal records: of one second, or in a storm of one
// minute, with the count of each second.
type pendingEvent struct {
	key                 uint64
	time                int64 // of the first record
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
	number       int64 // of the first record
	line, lineTo int
	seconds      []stormSecond // of a storm

	id        int64 // of the row, once it is stored
	added     int   // records since it was stored
	notStored bool
}

// A stormSecond is one second of a storm.
type stormSecond struct {
	second int64 // Unix time
	count  int64
	number int64 // of its first record
}

// stormSpan is the length in seconds of what one row of a storm tells.
const stormSpan = 60

// An eventBatch collects the events of a writer between two commits.
type eventBatch struct {
	list   []*pendingEvent
	byKey  map[uint64]*pendingEvent
	last   [16]*pendingEvent // by key: the groups of a storm come in turns
	recent int64             // latest second
	buf    []byte
	spare  [][]stormSecond // memory of groups that are done
}

func (e *eventBatch) reset() { e.byKey = map[uint64]*pendingEvent{} }

// add counts a record that has a kind, and that the builder has just taken.
func (e *eventBatch) add(b *builder, r *culprit.Record, m *row, service, upstream string, number int64) {
	kind := b.kind()
	second := floorSecond(m.time)
	key := b.eventKey(r)
	if kind.storm {
		minute := second / stormSpan
		if second%stormSpan < 0 {
			minute--
		}
		key = mixKey(key, uint64(minute))
	} else {
		key = mixKey(mixKey(key, uint64(second)), uint64(r.PID))
		for i := range r.Attrs {
			key = mixKey(mixKey(key, hashString(r.Attrs[i].Key)), hashString(r.Attrs[i].Value.String()))
		}
		key = mixKey(mixKey(key, hashString(r.Message)), query.Hash(r.Text))
	}
	last := &e.last[key%uint64(len(e.last))]
	g := *last
	if g == nil || g.key != key {
		if g = e.byKey[key]; g == nil {
			g = e.begin(kind, r, m, service, upstream, number, key)
		}
		*last = g
	}
	g.count++
	g.added++
	if kind.storm {
		g.tick(second, number)
	}
}

// begin begins a group.
func (e *eventBatch) begin(kind *label, r *culprit.Record, m *row, service, upstream string, number int64, key uint64) *pendingEvent {
	g := &pendingEvent{
		key: key, time: m.time, known: !r.Time.IsZero(), notBefore: nanos(r.NotBefore), notAfter: nanos(r.NotAfter),
		kind: culprit.Kind(kind.s), severity: r.Severity, service: strings.Clone(service), upstream: strings.Clone(upstream),
		host: strings.Clone(r.Host), process: strings.Clone(r.Process), unit: strings.Clone(r.Unit),
		number: number, line: r.LineFrom, lineTo: r.LineTo, notStored: true,
	}
	e.buf = appendAttributes(e.buf[:0], r.Attrs, kind.storm, upstream)
	g.attributes = append([]byte(nil), e.buf...)
	if !kind.storm {
		g.pid = r.PID
		if r.Process != "" {
			g.twin = twinOf(r)
		}
	}
	if n := len(e.spare); kind.storm && n > 0 {
		g.seconds, e.spare = e.spare[n-1], e.spare[:n-1]
	}
	e.list = append(e.list, g)
	e.byKey[key] = g
	e.recent = max(e.recent, m.time/1e9)
	return g
}

// tick counts one record of a storm; they come nearly in order.
func (g *pendingEvent) tick(second, number int64) {
	i := len(g.seconds)
	for i > 0 && g.seconds[i-1].second > second {
		i--
	}
	if i > 0 && g.seconds[i-1].second == second {
		g.seconds[i-1].count++
		return
	}
	g.seconds = slices.Insert(g.seconds, i, stormSecond{second, 1, number})
}

// appendSeconds writes the seconds of a storm, each as its distance in seconds from
// the one before, its count, and the distance of its first record.
func appendSeconds(dst []byte, list []stormSecond, second, number int64) []byte {
	for _, s := range list {
		dst = binary.AppendVarint(dst, s.second-second)
		dst = binary.AppendUvarint(dst, uint64(s.count))
		dst = binary.AppendVarint(dst, s.number-number)
		second, number = s.second, s.number
	}
	return dst
}

func parseSeconds(b []byte, second, number int64) ([]stormSecond, error) {
	var list []stormSecond
	r := reader{b: b}
	for len(r.b) > 0 {
		second += r.varint()
		count := r.uvarint()
		number += r.varint()
		if r.bad || len(list) > stormSpan || count > math.MaxInt32 {
			return nil, fmt.Errorf("read seconds of event: %w", culprit.ErrCorrupt)
		}
		list = append(list, stormSecond{second, int64(count), number})
	}
	return list, nil
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
			if _, err := t.exec("UPDATE event_rows SET count = ?, seconds = ? WHERE time = ? AND id = ?", g.count, g.packed(), g.time, g.id); err != nil {
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
		if _, err := t.exec(`INSERT INTO event_rows (time, id, shape, pid, count, source, seq, line, line_to, known, not_before, not_after, seconds)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0), ?)`,
			g.time, ids[i], shape, g.pid, g.count, source, g.number, g.line, lineTo, g.known, g.notBefore, g.notAfter, g.packed()); err != nil {
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
			if g.id < 0 || g.time/1e9 < e.recent-stormSpan || len(kept) >= 1024 {
				delete(e.byKey, g.key)
				if g.seconds != nil && len(e.spare) < 64 {
					e.spare = append(e.spare, g.seconds[:0])
				}
				continue
			}
			kept = append(kept, g)
		}
		clear(e.list[len(kept):])
		e.list = kept
		clear(e.last[:])
	}, nil
}

// packed returns the seconds of a storm as they are stored, nil if it is none or
// has one only.
func (g *pendingEvent) packed() []byte {
	if len(g.seconds) == 0 || len(g.seconds) == 1 && g.seconds[0].number == g.number {
		return nil
	}
	return appendSeconds(nil, g.seconds, floorSecond(g.time), g.number)
}

func floorSecond(ns int64) int64 {
	second := ns / 1e9
	if ns%1e9 < 0 {
		second--
	}
	return second
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
	stmt, err := t.prepared("SELECT id FROM event_shapes WHERE hash = ?") //nolint:sqlclosecheck // ends with the transaction
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
	//nolint:sqlclosecheck // ends with the transaction
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
