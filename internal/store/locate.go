package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"culprit"
	"culprit/internal/query"
)

// A locator finds the block or row that holds a record, and keeps the last ones
// of a few sources.
type locator struct {
	v      *snapshot
	places map[int64][]stored // of each source, by first
	loaded map[int64]*loaded
}

type loaded struct {
	stored stored
	block  block
}

func (v *snapshot) locator() (*locator, error) {
	open, err := v.openRecords()
	if err != nil {
		return nil, err
	}
	l := &locator{v: v, places: map[int64][]stored{}, loaded: map[int64]*loaded{}}
	for i := range v.blocks {
		b := v.blocks[i].ref()
		l.places[b.source] = append(l.places[b.source], b)
	}
	for _, o := range open {
		l.places[o.source] = append(l.places[o.source], o)
	}
	for _, list := range l.places {
		slices.SortFunc(list, func(a, b stored) int { return cmp.Compare(a.first, b.first) })
	}
	return l, nil
}

// find returns the block that holds a record and the record's place in it, nil if
// it is not stored (any more).
func (l *locator) find(source, number int64) (*loaded, int, error) {
	list := l.places[source]
	i, ok := slices.BinarySearchFunc(list, number, func(s stored, n int64) int { return cmp.Compare(s.first, n) })
	if !ok {
		i--
	}
	if i < 0 || number >= list[i].first+list[i].records {
		return nil, 0, nil
	}
	return l.load(list[i], number)
}

func (l *locator) load(o stored, number int64) (*loaded, int, error) {
	at := l.loaded[o.source]
	if at == nil {
		if len(l.loaded) >= 16 {
			clear(l.loaded)
		}
		at = &loaded{}
		l.loaded[o.source] = at
	}
	if at.stored != o {
		at.stored = stored{}
		at.block.rows = at.block.rows[:0]
		if err := l.v.load(o, &at.block); err != nil {
			return nil, 0, err
		}
		at.stored = o
	}
	i := int(number - o.first)
	if i >= at.block.Len() {
		return nil, 0, nil
	}
	return at, i, nil
}

func (l *loaded) hit(i int) *Hit {
	h := l.block.hit(i, place{l.block.rows[i].time, l.stored.source, l.stored.first + int64(i)})
	h.Open = l.stored.growing
	return h
}

// Record returns the record with a sequence number, culprit.ErrNotFound if it is
// not stored. Source may be empty; else it has to be the record's.
func (s *Store) Record(ctx context.Context, source string, seq int64) (*Hit, error) {
	hits, err := s.Surroundings(ctx, source, seq, 0, 0)
	if err != nil {
		return nil, err
	}
	return hits[0], nil
}

// maxSurroundings bounds the records on either side.
const maxSurroundings = 1000

// Surroundings returns a record with those before and after it in its source, in
// the order of the source.
func (s *Store) Surroundings(ctx context.Context, source string, seq int64, before, after int) ([]*Hit, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	v, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	hits, err := v.surroundings(source, seq, min(max(before, 0), maxSurroundings), min(max(after, 0), maxSurroundings))
	if err != nil {
		return nil, s.classify(fmt.Errorf("read record %d: %w", seq, err))
	}
	return hits, nil
}

func (v *snapshot) surroundings(source string, seq int64, before, after int) ([]*Hit, error) {
	id, number := splitSeq(seq)
	src := v.s.sources.get(id)
	if src == nil || source != "" && src.name != source {
		return nil, culprit.ErrNotFound
	}
	l, err := v.locator()
	if err != nil {
		return nil, err
	}
	if at, _, err := l.find(id, number); err != nil || at == nil {
		return nil, cmp.Or(err, culprit.ErrNotFound)
	}
	var hits []*Hit
	for n := max(1, number-int64(before)); n <= number+int64(after); n++ {
		at, i, err := l.find(id, n)
		if err != nil {
			return nil, err
		}
		if at != nil {
			hits = append(hits, at.hit(i))
		}
	}
	return hits, nil
}

// Follow calls yield for the records that match and are committed from now on, in
// the order in which they are, until ctx ends or yield fails. A record that may
// still grow is shown once it is final.
func (s *Store) Follow(ctx context.Context, q *query.Query, yield func(*Hit) error) error {
	seen := map[int64]int64{} // source -> number of the next record
	first := true
	for {
		changed := s.changed.wait()
		if err := s.follow(ctx, q, seen, first, yield); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if first && s.onFollow != nil {
			s.onFollow()
		}
		first = false
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-s.life.Done():
			return fmt.Errorf("follow: the store is closed: %w", culprit.ErrUnavailable)
		}
	}
}

// follow shows what came since the last call.
func (s *Store) follow(ctx context.Context, q *query.Query, seen map[int64]int64, first bool, yield func(*Hit) error) error {
	type span struct{ from, to int64 }
	fresh := map[int64]span{}
	for _, src := range s.sources.all() {
		from, ok := seen[src.id]
		if !ok {
			from = 1
		}
		if first {
			from = src.next
		}
		if from < src.next {
			fresh[src.id] = span{from, src.next}
		}
		seen[src.id] = src.next
	}
	if len(fresh) == 0 {
		return nil
	}
	read, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	v, err := s.snapshot(read)
	if err != nil {
		return err
	}
	var hits []*Hit
	err = func() error {
		defer v.close()
		l, err := v.locator()
		if err != nil {
			return err
		}
		for id, span := range fresh {
			// Only the latest are shown if there are very many.
			for n := max(span.from, span.to-MaxLimit); n < span.to; {
				at, i, err := l.find(id, n)
				if err != nil {
					return err
				}
				if at == nil {
					n++
					continue
				}
				set := q.Match(&at.block)
				for ; i < at.block.Len() && n < span.to; i, n = i+1, n+1 {
					if set.Has(i) {
						hits = append(hits, at.hit(i))
					}
				}
			}
		}
		return nil
	}()
	if err != nil {
		return s.classify(fmt.Errorf("follow: %w", err))
	}
	slices.SortFunc(hits, func(a, b *Hit) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq)) })
	for _, h := range hits {
		if err := yield(h); err != nil {
			return err
		}
	}
	return nil
}

// Changed returns a channel that is closed at the next commit.
func (s *Store) Changed() <-chan struct{} { return s.changed.wait() }
