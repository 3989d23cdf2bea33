package store

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"culprit"
	"culprit/internal/query"
)

// Order is the order of hits.
type Order uint8

// The orders, by time.
const (
	Newest Order = iota // the latest first
	Oldest
)

// Bounds of a search.
const (
	DefaultLimit = 100
	MaxLimit     = 10000
	maxSpans     = 64 // marked parts of one hit
)

// SearchOptions bound a search. Since is included, Until is not; a record without
// a time counts with the nearest bound that is known of it.
type SearchOptions struct {
	Limit  int // DefaultLimit if 0, at most MaxLimit
	Order  Order
	Since  time.Time
	Until  time.Time
	Cursor string // of a page, to get the next; with the same order
}

// A Hit is a record that matches. Source and Seq are its permalink.
type Hit struct {
	Source   string
	Format   string
	Seq      int64
	Record   *culprit.Record // shares no memory
	Service  string
	Upstream string
	Time     time.Time    // by which it is ordered: its own or the nearest bound
	Open     bool         // it may still grow
	Spans    []query.Span // parts of Record.Text that the query's words match
}

// A Page says how a search ended.
type Page struct {
	Cursor string // for the next page, "" if there is none
	Hits   int
}

// A place orders records: by time, then by source and number.
type place struct{ time, source, number int64 }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.time, q.time), cmp.Compare(p.source, q.source), cmp.Compare(p.number, q.number))
}

func (p place) cursor() string {
	b := binary.AppendVarint(nil, p.time)
	b = binary.AppendVarint(b, p.source)
	return base64.RawURLEncoding.EncodeToString(binary.AppendVarint(b, p.number))
}

func parseCursor(s string) (p place, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	r := reader{b: b}
	p = place{r.varint(), r.varint(), r.varint()}
	if err != nil || r.bad || len(r.b) > 0 {
		return place{}, fmt.Errorf("%w: cursor %.40q is not one of a page", culprit.ErrQuery, s)
	}
	return p, nil
}

// A window is the part of time and order that is asked for.
type window struct {
	since, until int64 // both included
	oldest       bool
	after        *place // only what comes after this
}

func newWindow(since, until time.Time) window {
	w := window{since: math.MinInt64, until: math.MaxInt64}
	if !since.IsZero() {
		w.since = nanos(since)
	}
	if !until.IsZero() {
		w.until = nanos(until) - 1
	}
	return w
}

// overlaps reports whether something from since to until can lie in the window.
func (w *window) overlaps(since, until int64) bool {
	if w.after != nil && (!w.oldest && since > w.after.time || w.oldest && until < w.after.time) {
		return false
	}
	return until >= w.since && since <= w.until
}

// covers reports whether all from since to until lies in the window.
func (w *window) covers(since, until int64) bool {
	return w.after == nil && since >= w.since && until <= w.until
}

func (w *window) holds(p place) bool {
	if p.time < w.since || p.time > w.until {
		return false
	}
	if w.after == nil {
		return true
	}
	c := p.compare(*w.after)
	return !w.oldest && c < 0 || w.oldest && c > 0
}

// before reports whether a comes before b in the order of the window.
func (w *window) before(a, b place) bool {
	if w.oldest {
		return a.compare(b) < 0
	}
	return a.compare(b) > 0
}

// edge returns the first time that can come from something of since to until.
func (w *window) edge(since, until int64) int64 {
	if w.oldest {
		return since
	}
	return until
}

// Search calls yield for the records that match, in order, until the limit; it
// ends early if yield fails. It reads a state of the store that does not change,
// holds up no writer, and ends with an error when ctx does, or after 10 seconds.
func (s *Store) Search(ctx context.Context, q *query.Query, o SearchOptions, yield func(*Hit) error) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	w := newWindow(o.Since, o.Until)
	w.oldest = o.Order == Oldest
	if o.Cursor != "" {
		after, err := parseCursor(o.Cursor)
		if err != nil {
			return Page{}, err
		}
		w.after = &after
	}
	limit := o.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	v, err := s.snapshot(ctx)
	if err != nil {
		return Page{}, err
	}
	defer v.close()
	m := &merge{v: v, q: q, window: w, limit: limit + 1, block: getBlock()} // one more tells whether there is a next page
	defer m.block.release()
	if err := m.begin(); err != nil {
		return Page{}, s.classify(fmt.Errorf("search: %w", err))
	}
	var page Page
	var last place
	for page.Hits <= limit {
		h, err := m.next()
		if err != nil {
			return page, s.classify(fmt.Errorf("search: %w", err))
		}
		if h == nil {
			return page, nil
		}
		if page.Hits == limit {
			break
		}
		if err := yield(h.hit); err != nil {
			return page, err
		}
		page.Hits++
		last = h.place
	}
	page.Cursor = last.cursor()
	return page, nil
}

// A merge gets hits in order from blocks whose times overlap: it opens the block
// that can hold the next hit, until the best hit so far cannot be beaten.
type merge struct {
	v      *snapshot
	q      *query.Query
	window window
	limit  int

	todo  tasks
	found found
	block *block
	given int
}

// A task is something that may hold hits, the first of them at edge: a shard that
// was not asked yet, or a block.
type task struct {
	edge   int64
	stored stored
	shard  int64
	blocks []blockInfo
	base   query.Bits
}

type result struct {
	place place
	hit   *Hit
}

func (m *merge) begin() error {
	m.todo.window, m.found.window = &m.window, &m.window
	open, err := m.v.openRecords()
	if err != nil {
		return err
	}
	for _, o := range open {
		if m.window.overlaps(o.since, o.until) {
			m.todo.list = append(m.todo.list, task{edge: m.window.edge(o.since, o.until), stored: o})
		}
	}
	m.v.eachShard(&m.window, func(shard int64, blocks []blockInfo, base query.Bits, since, until int64) {
		m.todo.list = append(m.todo.list, task{edge: m.window.edge(since, until), shard: shard, blocks: blocks, base: base})
	})
	heap.Init(&m.todo)
	return nil
}

// eachShard calls yield for each shard that has blocks in the window, with their
// bounds.
func (v *snapshot) eachShard(w *window, yield func(shard int64, blocks []blockInfo, base query.Bits, since, until int64)) {
	for rest := v.blocks; len(rest) > 0; {
		shard := shardOf(rest[0].id)
		n, _ := slices.BinarySearchFunc(rest, (shard+1)*shardBlocks+1, func(b blockInfo, id int64) int { return cmp.Compare(b.id, id) })
		blocks := rest[:n]
		rest = rest[n:]
		var base query.Bits
		since, until := int64(math.MaxInt64), int64(math.MinInt64)
		for i := range blocks {
			if b := &blocks[i]; w.overlaps(b.since, b.until) {
				if base == nil {
					base = query.NewBits(len(blocks))
				}
				base.Set(i)
				since, until = min(since, b.since), max(until, b.until)
			}
		}
		if base != nil {
			yield(shard, blocks, base, since, until)
		}
	}
}

// next returns the next hit, nil if there is none.
func (m *merge) next() (*result, error) {
	for len(m.todo.list) > 0 {
		if len(m.found.list) > 0 {
			// Of equal times the source decides, so such a block has to be opened.
			if t, e := m.found.list[0].place.time, m.todo.list[0].edge; m.window.oldest && t < e || !m.window.oldest && t > e {
				break
			}
		}
		t := heap.Pop(&m.todo).(task)
		if err := m.v.ctx.Err(); err != nil {
			return nil, err
		}
		if t.blocks != nil {
			if err := m.plan(&t); err != nil {
				return nil, err
			}
			continue
		}
		if err := m.open(&t); err != nil {
			return nil, err
		}
	}
	if len(m.found.list) == 0 {
		return nil, nil
	}
	r := heap.Pop(&m.found).(result)
	m.given++
	return &r, nil
}

// plan asks the index which blocks of a shard to look at.
func (m *merge) plan(t *task) error {
	p := m.v.newPlan(t.shard, t.blocks, t.base)
	defer p.close()
	set, err := p.candidates(m.q.Root)
	if err != nil {
		return err
	}
	for i := range t.blocks {
		if set.Has(i) {
			b := &t.blocks[i]
			heap.Push(&m.todo, task{edge: m.window.edge(b.since, b.until), stored: b.ref()})
		}
	}
	return nil
}

// open evaluates the query on a block and keeps the best hits.
func (m *merge) open(t *task) error {
	b := m.block
	b.rows = b.rows[:0]
	if err := m.v.load(t.stored, b); err != nil {
		if errors.Is(err, culprit.ErrCorrupt) {
			m.v.s.log.Error("records could not be read", "error", err)
			return nil // the others can still be found
		}
		return err
	}
	if b.Len() == 0 {
		return nil
	}
	set := m.q.Match(b)
	var places []place
	for i := range b.rows {
		if !set.Has(i) {
			continue
		}
		p := place{b.rows[i].time, t.stored.source, t.stored.first + int64(i)}
		if m.window.holds(p) {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(x, y place) int {
		if m.window.oldest {
			return x.compare(y)
		}
		return y.compare(x)
	})
	folded, _ := b.Text()
	for _, p := range places[:min(len(places), m.limit-m.given)] {
		i := int(p.number - t.stored.first)
		h := b.hit(i, p)
		h.Open = t.stored.growing
		h.Spans = m.q.Spans(folded[b.start(i):b.rows[i].textEnd], maxSpans)
		heap.Push(&m.found, result{p, h})
	}
	return nil
}

// hit makes the hit of record i.
func (b *block) hit(i int, p place) *Hit {
	r, service, upstream := b.record(i)
	return &Hit{
		Source: b.source, Format: b.format, Seq: seqOf(p.source, p.number), Record: r, Service: service, Upstream: upstream,
		Time: time.Unix(0, p.time).UTC(),
	}
}

// tasks and found are heaps in the order of the window.
type tasks struct {
	list   []task
	window *window
}

func (t *tasks) Len() int { return len(t.list) }
func (t *tasks) Less(i, j int) bool {
	if t.window.oldest {
		return t.list[i].edge < t.list[j].edge
	}
	return t.list[i].edge > t.list[j].edge
}
func (t *tasks) Swap(i, j int) { t.list[i], t.list[j] = t.list[j], t.list[i] }
func (t *tasks) Push(x any)    { t.list = append(t.list, x.(task)) }
func (t *tasks) Pop() any {
	n := len(t.list) - 1
	x := t.list[n]
	t.list[n] = task{}
	t.list = t.list[:n]
	return x
}

type found struct {
	list   []result
	window *window
}

func (f *found) Len() int           { return len(f.list) }
func (f *found) Less(i, j int) bool { return f.window.before(f.list[i].place, f.list[j].place) }
func (f *found) Swap(i, j int)      { f.list[i], f.list[j] = f.list[j], f.list[i] }
func (f *found) Push(x any)         { f.list = append(f.list, x.(result)) }
func (f *found) Pop() any {
	n := len(f.list) - 1
	x := f.list[n]
	f.list[n] = result{}
	f.list = f.list[:n]
	return x
}
