package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"culprit"
	"culprit/internal/query"
)

// A Bucket is a stretch of a histogram: from Start to the next one's.
type Bucket struct {
	Start time.Time `json:"start"`
	Count int64     `json:"count"`
}

// MaxBuckets bounds a histogram.
const MaxBuckets = 2000

// Count returns the number of records that match from since to until (not
// included), exactly. Zero times set no bound.
func (s *Store) Count(ctx context.Context, q *query.Query, since, until time.Time) (int64, error) {
	counts := make([]int64, 1)
	w := newWindow(since, until)
	if err := s.tally(ctx, q, &w, counts, func(int64) int { return 0 }); err != nil {
		return 0, s.classify(fmt.Errorf("count: %w", err))
	}
	return counts[0], nil
}

// Histogram returns the number of matching records in n stretches of equal length
// from since to until, which must be set.
func (s *Store) Histogram(ctx context.Context, q *query.Query, since, until time.Time, n int) ([]Bucket, error) {
	w := newWindow(since, until)
	if since.IsZero() || until.IsZero() || w.until < w.since || n < 1 || n > MaxBuckets {
		return nil, fmt.Errorf("%w: a histogram needs a stretch of time and 1 to %d bars", culprit.ErrQuery, MaxBuckets)
	}
	width := max(1, (w.until-w.since)/int64(n)+1)
	counts := make([]int64, n)
	if err := s.tally(ctx, q, &w, counts, func(t int64) int { return int((t - w.since) / width) }); err != nil {
		return nil, s.classify(fmt.Errorf("histogram: %w", err))
	}
	buckets := make([]Bucket, n)
	for i := range buckets {
		buckets[i] = Bucket{time.Unix(0, w.since+int64(i)*width).UTC(), counts[i]}
	}
	return buckets, nil
}

// Bounds returns the times of the earliest and the latest record, zero if there is
// none.
func (s *Store) Bounds(ctx context.Context) (first, last time.Time, err error) {
	v, err := s.snapshot(ctx)
	if err != nil {
		return first, last, err
	}
	defer v.close()
	since, until := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range v.blocks {
		since, until = min(since, v.blocks[i].since), max(until, v.blocks[i].until)
	}
	open, err := v.openRecords()
	if err != nil {
		return first, last, s.classify(err)
	}
	for _, o := range open {
		since, until = min(since, o.since), max(until, o.until)
	}
	if since > until {
		return first, last, nil
	}
	return time.Unix(0, since).UTC(), time.Unix(0, until).UTC(), nil
}

// tally adds the matching records of the window to counts, where bucket says. What
// the index counts itself is taken from it where a block lies in one bucket; the
// others are opened.
func (s *Store) tally(ctx context.Context, q *query.Query, w *window, counts []int64, bucket func(t int64) int) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	v, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	todo, err := v.openIn(w)
	if err != nil {
		return err
	}
	term := countedTerm(q.Root)
	var failed error
	v.eachShard(w, func(shard int64, blocks []blockInfo, base query.Bits, _, _ int64) {
		if failed != nil {
			return
		}
		p := v.newPlan(shard, blocks, base)
		defer p.close()
		if term == nil {
			var set query.Bits
			if set, failed = p.candidates(q.Root); failed == nil {
				todo = appendRefs(todo, blocks, set)
			}
			return
		}
		whole := func(i int) bool {
			b := &blocks[i]
			return w.covers(b.since, b.until) && bucket(b.since) == bucket(b.until)
		}
		if term.all {
			left := query.NewBits(len(blocks))
			for i := range blocks {
				switch {
				case !base.Has(i):
				case !whole(i):
					left.Set(i)
				case term.sources == nil || term.sources(s, blocks[i].source):
					counts[bucket(blocks[i].since)] += int64(blocks[i].records)
				}
			}
			todo = appendRefs(todo, blocks, left)
			return
		}
		set, err := p.candidates(q.Root)
		if err != nil {
			failed = err
			return
		}
		// What the index counts is known, whole and not crowded.
		direct := query.NewBits(len(blocks))
		for i := range blocks {
			if set.Has(i) && p.known.Has(i) && !p.crowded.Has(i) && whole(i) {
				direct.Set(i)
			}
		}
		sums := make([]int64, len(counts))
		if p.reader != nil && p.failed == nil {
			err = p.reader.postings(v.ctx, term.field, term.value, func(block, records int64) {
				if i, ok := p.find(block); ok && direct.Has(i) {
					sums[bucket(blocks[i].since)] += records
				}
			})
		}
		if err != nil {
			s.index.damaged(shard, err)
			clear(direct)
			clear(sums)
		}
		for i, n := range sums {
			counts[i] += n
		}
		for i := range set {
			set[i] &^= direct[i]
		}
		todo = appendRefs(todo, blocks, set)
	})
	if failed != nil {
		return failed
	}
	return v.scan(q, todo, func(o stored, b *block, set query.Bits) {
		for i := range b.rows {
			if t := b.rows[i].time; set.Has(i) && t >= w.since && t <= w.until {
				counts[bucket(t)]++
			}
		}
	})
}

func appendRefs(todo []stored, blocks []blockInfo, set query.Bits) []stored {
	for i := range blocks {
		if set.Has(i) {
			todo = append(todo, blocks[i].ref())
		}
	}
	return todo
}

// openIn returns the rows of open_records in the window.
func (v *snapshot) openIn(w *window) ([]stored, error) {
	open, err := v.openRecords()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(open, func(o stored) bool { return !w.overlaps(o.since, o.until) }), nil
}

// A termCount is what the index counts for a query.
type termCount struct {
	field   string
	value   []byte
	all     bool // every record of the sources
	sources func(s *Store, id int64) bool
}

// countedTerm returns the term whose records are those that match, nil if the
// query is not that simple. A test of the source beside it holds for a block or
// does not, which the plan has seen to.
func countedTerm(n *query.Node) *termCount {
	bySource := func(n *query.Node) bool { return n.Op == query.OpField && (n.Field == "source" || n.Field == "format") }
	switch {
	case n.Op == query.OpAll:
		return &termCount{all: true}
	case bySource(n):
		return &termCount{all: true, sources: func(s *Store, id int64) bool { return s.sourceMatches(n, id) }}
	case n.Op == query.OpWord && len(n.Tokens) == 1 && !n.Prefix && n.Lookup[0].Kind == query.KindWord:
		return &termCount{field: wordsField, value: n.Tokens[0]}
	case n.Op == query.OpField && query.Counted(n.Field) && !n.Prefix:
		return &termCount{field: n.Field, value: n.Value}
	case n.Op == query.OpRange && n.Min == n.Max && (query.Counted(n.Field) || n.Class == query.ClassSeverity):
		return &termCount{field: n.Field, value: strconv.AppendInt(nil, n.Min, 10)}
	case n.Op == query.OpAnd:
		var term *termCount
		for _, kid := range n.Kids {
			if bySource(kid) {
				continue
			}
			if term != nil {
				return nil
			}
			if term = countedTerm(kid); term == nil || term.all {
				return nil
			}
		}
		return term
	}
	return nil
}

// scan evaluates the query on blocks, with all processors, and calls yield for
// each, one at a time.
func (v *snapshot) scan(q *query.Query, todo []stored, yield func(o stored, b *block, set query.Bits)) error {
	if len(todo) == 0 {
		return nil
	}
	type work struct {
		stored        stored
		columns, text []byte
	}
	workers := min(runtime.GOMAXPROCS(0), 4, len(todo))
	feed := make(chan *work)
	spare := make(chan *work, workers+1)
	for range workers + 1 {
		spare <- &work{}
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			b := getBlock()
			defer b.release()
			for job := range feed {
				err := b.decode(job.columns)
				if err == nil {
					err = b.setText(job.text)
				}
				if err != nil {
					v.s.log.Error("records could not be read", "block", job.stored.id, "error", err)
					spare <- job
					continue
				}
				if src := v.s.sources.get(job.stored.source); src != nil {
					b.source, b.format = src.name, src.format
				}
				set := q.Match(b)
				mu.Lock()
				yield(job.stored, b, set)
				mu.Unlock()
				spare <- job
			}
		})
	}
	var failed error
	for _, o := range todo {
		if failed = v.ctx.Err(); failed != nil {
			break
		}
		job := <-spare
		found := false
		job.stored = o
		failed = v.fetch(o, func(columns, text []byte) error {
			job.columns, job.text = append(job.columns[:0], columns...), append(job.text[:0], text...)
			found = true
			return nil
		})
		if failed != nil {
			break
		}
		if found {
			feed <- job
		} else {
			spare <- job
		}
	}
	close(feed)
	group.Wait()
	return failed
}

// A FacetValue is a value of a field and the number of matching records that have
// it.
type FacetValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// A Facet tells the values of a field, the most frequent first.
type Facet struct {
	Field    string       `json:"field"`
	Values   []FacetValue `json:"values"`
	Complete bool         `json:"complete"` // else only the newest records were counted
}

// facetBlocks bounds the blocks that are opened for facets: a million records.
const facetBlocks = 2048

// Facets returns the most frequent values of fields among the matching records.
// Fields are those for which query.Counted holds, and source and format.
func (s *Store) Facets(ctx context.Context, q *query.Query, since, until time.Time, fields []string, limit int) ([]Facet, error) {
	for _, f := range fields {
		if !query.Counted(f) && f != "source" && f != "format" {
			return nil, fmt.Errorf("%w: the values of %.40q are not counted", culprit.ErrQuery, f)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	v, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	facets, err := v.facets(q, newWindow(since, until), fields, limit)
	if err != nil {
		return nil, s.classify(fmt.Errorf("facets: %w", err))
	}
	return facets, nil
}

func (v *snapshot) facets(q *query.Query, w window, fields []string, limit int) ([]Facet, error) {
	counts := make([]map[string]int64, len(fields))
	for i := range counts {
		counts[i] = map[string]int64{}
	}
	todo, err := v.openIn(&w)
	if err != nil {
		return nil, err
	}
	term := countedTerm(q.Root)
	direct := term != nil && term.all
	var failed error
	v.eachShard(&w, func(shard int64, blocks []blockInfo, base query.Bits, _, _ int64) {
		if failed != nil {
			return
		}
		p := v.newPlan(shard, blocks, base)
		defer p.close()
		set, err := p.candidates(q.Root)
		if err != nil {
			failed = err
			return
		}
		if direct {
			counted := query.NewBits(len(blocks))
			for i := range blocks {
				if set.Has(i) && p.known.Has(i) && !p.crowded.Has(i) && w.covers(blocks[i].since, blocks[i].until) {
					counted.Set(i)
				}
			}
			if err := p.countTerms(counted, fields, counts); err == nil {
				for i := range set {
					set[i] &^= counted[i]
				}
			} else if !errors.Is(err, culprit.ErrCorrupt) {
				failed = err
				return
			}
		}
		todo = appendRefs(todo, blocks, set)
	})
	if failed != nil {
		return nil, failed
	}
	complete := true
	if len(todo) > facetBlocks {
		slices.SortFunc(todo, func(a, b stored) int { return cmp.Compare(b.until, a.until) })
		todo, complete = todo[:facetBlocks], false
	}
	err = v.scan(q, todo, func(o stored, b *block, set query.Bits) {
		for i := range b.rows {
			if t := b.rows[i].time; t < w.since || t > w.until {
				set[i>>6] &^= 1 << (i & 63)
			}
		}
		for k, field := range fields {
			b.countValues(field, set, counts[k])
		}
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		complete = false
	case err != nil:
		return nil, err
	}
	facets := make([]Facet, len(fields))
	for k, field := range fields {
		f := Facet{Field: field, Complete: complete, Values: make([]FacetValue, 0, len(counts[k]))}
		for value, n := range counts[k] {
			f.Values = append(f.Values, FacetValue{value, n})
		}
		slices.SortFunc(f.Values, func(a, b FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		f.Values = f.Values[:min(len(f.Values), limit)]
		facets[k] = f
	}
	return facets, nil
}

// countTerms adds what the index counts in some blocks. If it fails nothing is
// added.
func (p *plan) countTerms(blocks query.Bits, fields []string, counts []map[string]int64) error {
	if p.reader == nil || blocks.Count() == 0 {
		return nil
	}
	sums := make([]map[string]int64, len(fields))
	for k, field := range fields {
		sums[k] = map[string]int64{}
		if field == "source" || field == "format" {
			for i := range p.blocks {
				if src := p.v.s.sources.get(p.blocks[i].source); blocks.Has(i) && src != nil {
					value := src.name
					if field == "format" {
						value = src.format
					}
					sums[k][value] += int64(p.blocks[i].records)
				}
			}
			continue
		}
		terms, err := p.reader.terms(field, nil)
		if err != nil {
			p.v.s.index.damaged(p.shard, err)
			return fmt.Errorf("%w: %w", culprit.ErrCorrupt, err)
		}
		for _, term := range terms {
			err := p.reader.postings(p.ctx, field, term, func(block, records int64) {
				if i, ok := p.find(block); ok && blocks.Has(i) {
					sums[k][string(term)] += records
				}
			})
			if err != nil {
				p.v.s.index.damaged(p.shard, err)
				return fmt.Errorf("%w: %w", culprit.ErrCorrupt, err)
			}
		}
	}
	for k := range sums {
		for value, n := range sums[k] {
			counts[k][value] += n
		}
	}
	return nil
}

// countValues adds the values of a counted field of some records, folded as the
// index has them.
func (b *block) countValues(field string, set query.Bits, counts map[string]int64) {
	if field == "source" || field == "format" {
		value := b.source
		if field == "format" {
			value = b.format
		}
		if n := set.Count(); n > 0 {
			counts[value] += int64(n)
		}
		return
	}
	if field == "severity" {
		for i := range b.rows {
			if t := &b.templates[b.rows[i].template]; set.Has(i) && t.severity != culprit.SeverityNone {
				counts[strconv.Itoa(int(t.severity))]++
			}
		}
		return
	}
	one := query.NewBits(len(b.rows))
	values := map[string]query.Bits{}
	b.eachValue(field, func(i int, value []byte) {
		if !set.Has(i) || len(value) == 0 {
			return
		}
		of := values[view(value)]
		if of == nil {
			of = slices.Clone(one)
			values[string(value)] = of
		}
		of.Set(i)
	})
	for value, of := range values {
		counts[value] += int64(of.Count())
	}
}
