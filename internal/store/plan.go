package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"culprit/internal/query"
)

// A plan says which blocks of one shard may hold records that match.
type plan struct {
	ctx    context.Context
	v      *snapshot
	shard  int64
	blocks []blockInfo // of the shard
	base   query.Bits  // those that are asked for

	reader  *shardReader // nil if the index cannot be used
	release func()
	known   query.Bits // blocks that the index knows
	crowded query.Bits // known blocks whose filter holds words and values, too
	keys    map[uint64]query.Bits
	failed  error

	anyCrowded bool
}

// newPlan prepares a plan for the blocks of a shard; close has to be called.
func (v *snapshot) newPlan(shard int64, blocks []blockInfo, base query.Bits) *plan {
	p := &plan{ctx: v.ctx, v: v, shard: shard, blocks: blocks, base: base, keys: map[uint64]query.Bits{}}
	// The reader first: what the index learns later does no harm.
	p.known, p.crowded = query.NewBits(len(blocks)), query.NewBits(len(blocks))
	through := v.s.index.through(shard)
	p.reader, p.release = v.s.index.read(shard)
	if p.reader == nil {
		return p
	}
	for i := range blocks {
		if blocks[i].id <= through {
			p.known.Set(i)
			if blocks[i].crowded {
				p.crowded.Set(i)
				p.anyCrowded = true
			}
		}
	}
	return p
}

func (p *plan) close() { p.release() }

// candidates returns the blocks of base that may hold records that match.
func (p *plan) candidates(root *query.Node) (query.Bits, error) {
	p.collect(root)
	if err := p.readFilters(); err != nil {
		return nil, err
	}
	set := p.of(root)
	if p.failed != nil {
		// A damaged index narrows nothing.
		p.v.s.index.damaged(p.shard, p.failed)
		clear(p.known)
		clear(p.crowded)
		p.failed, p.reader = nil, nil
		set = p.of(root)
	}
	for i := range set {
		set[i] &= p.base[i]
	}
	return set, nil
}

// collect notes the keys that the filters have to be asked for.
func (p *plan) collect(n *query.Node) {
	want := func(h uint64) {
		if p.keys[h] == nil {
			p.keys[h] = query.NewBits(len(p.blocks))
		}
	}
	switch n.Op {
	case query.OpAnd, query.OpOr:
		for _, kid := range n.Kids {
			p.collect(kid)
		}
	case query.OpWord:
		for _, t := range n.Lookup {
			if t.Kind != query.KindWord || p.anyCrowded {
				want(t.Hash)
			}
		}
	case query.OpField:
		switch {
		case n.Field == "source" || n.Field == "format":
		case query.Counted(n.Field):
			if p.anyCrowded {
				want(query.HashField(n.Field, n.Value))
			}
		default:
			for _, t := range n.Lookup {
				want(t.Hash)
			}
		}
	case query.OpRange:
		for _, t := range rangeTokens(n) {
			want(t.Hash)
		}
	}
}

// rangeTokens returns the token of a single number.
func rangeTokens(n *query.Node) []query.Token {
	if n.Min != n.Max || n.Class != query.ClassNumber || query.Counted(n.Field) {
		return nil
	}
	digits := strconv.AppendInt(nil, n.Min, 10)
	return query.Tokens(nil, digits, 0, len(digits))
}

// readFilters asks the filters of the shard for all keys in one pass.
func (p *plan) readFilters() error {
	if len(p.keys) == 0 || len(p.blocks) == 0 {
		return nil
	}
	at := map[int64]int{}
	first, last := int64(-1), int64(-1)
	for i := range p.blocks {
		if p.base.Has(i) {
			if first < 0 {
				first = p.blocks[i].id
			}
			last = p.blocks[i].id
			at[p.blocks[i].id] = i
		}
	}
	if first < 0 {
		return nil
	}
	rows, err := p.v.tx.QueryContext(p.ctx, `SELECT data FROM filters WHERE first <= ? AND last >= ? AND
		first >= (SELECT coalesce(max(first), 0) FROM filters WHERE first <= ?)`, last, first, first)
	if err != nil {
		return fmt.Errorf("read filters: %w", err)
	}
	defer rows.Close()
	seen := query.NewBits(len(p.blocks))
	for rows.Next() {
		var data sql.RawBytes
		if err := rows.Scan(&data); err != nil {
			return fmt.Errorf("read filters: %w", err)
		}
		err := eachFilter(data, func(block int64, filter []byte) error {
			i, ok := at[block]
			if !ok {
				return nil
			}
			f, err := openFilter(filter)
			if err != nil {
				return nil // not seen: it excludes nothing
			}
			seen.Set(i)
			if f != nil {
				for h, set := range p.keys {
					if f.Contains(h) {
						set.Set(i)
					}
				}
			}
			return nil
		})
		if err != nil {
			p.v.s.log.Warn("a row of filters is damaged", "error", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read filters: %w", err)
	}
	// A block without a filter may hold anything.
	for i := range p.blocks {
		if !seen.Has(i) {
			for _, set := range p.keys {
				set.Set(i)
			}
		}
	}
	return nil
}

func (p *plan) all() query.Bits {
	set := query.NewBits(len(p.blocks))
	copy(set, p.base)
	return set
}

// of returns the blocks that may hold records that match n: never too few.
func (p *plan) of(n *query.Node) query.Bits {
	switch n.Op {
	case query.OpAnd:
		set := p.all()
		for _, kid := range n.Kids {
			and(set, p.of(kid))
		}
		return set
	case query.OpOr:
		set := query.NewBits(len(p.blocks))
		for _, kid := range n.Kids {
			or(set, p.of(kid))
		}
		return set
	case query.OpWord:
		set := p.all()
		for _, t := range n.Lookup {
			if t.Kind == query.KindWord {
				and(set, p.word(n.Value[t.Start:t.End], t, false))
			} else {
				and(set, p.keys[t.Hash])
			}
		}
		return set
	case query.OpField:
		return p.field(n)
	case query.OpRange:
		return p.numbers(n)
	}
	return p.all()
}

// word returns the blocks that may hold a word. A field's value may also be known
// to the filter only.
func (p *plan) word(word []byte, t query.Token, field bool) query.Bits {
	set := p.term(wordsField, word)
	inFilter := p.keys[t.Hash]
	if inFilter == nil { // no block's filter holds words
		return set
	}
	for i := range set {
		if field {
			set[i] |= inFilter[i]
		} else {
			set[i] |= p.crowded[i] & inFilter[i]
		}
	}
	return set
}

// term returns the blocks in which the index finds a term, and those that it does
// not know.
func (p *plan) term(field string, term []byte) query.Bits {
	set := query.NewBits(len(p.blocks))
	for i := range set {
		set[i] = p.base[i] &^ p.known[i]
	}
	if p.reader == nil || p.failed != nil {
		return set
	}
	err := p.reader.postings(p.ctx, field, term, func(block, _ int64) {
		if i, ok := p.find(block); ok {
			set.Set(i)
		}
	})
	if err != nil {
		p.failed = err
	}
	return set
}

// find returns the place of a block in the shard. Ids are dense, so it is near its
// place in a list without holes.
func (p *plan) find(block int64) (int, bool) {
	low, high := 0, len(p.blocks)
	if high == 0 {
		return 0, false
	}
	if guess := int(block - p.blocks[0].id); guess >= 0 && guess < high {
		if p.blocks[guess].id == block {
			return guess, true
		}
		high = guess // holes only make the place lower
	}
	for low < high {
		mid := (low + high) / 2
		if p.blocks[mid].id < block {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(p.blocks) && p.blocks[low].id == block
}

func (p *plan) field(n *query.Node) query.Bits {
	switch {
	case n.Field == "source" || n.Field == "format":
		set := query.NewBits(len(p.blocks))
		for i := range p.blocks {
			if p.v.s.sourceMatches(n, p.blocks[i].source) {
				set.Set(i)
			}
		}
		return set
	case query.Counted(n.Field):
		var set query.Bits
		if !n.Prefix {
			set = p.term(n.Field, n.Value)
			inFilter := p.keys[query.HashField(n.Field, n.Value)]
			if inFilter == nil {
				return set
			}
			for i := range set {
				set[i] |= p.crowded[i] & inFilter[i]
			}
			return set
		}
		set = p.anyTerm(n.Field, n.Value, func([]byte) bool { return true })
		or(set, p.crowded)
		return set
	}
	set := p.all()
	for _, t := range n.Lookup {
		if t.Kind == query.KindWord {
			and(set, p.word(n.Value[t.Start:t.End], t, true))
		} else {
			and(set, p.keys[t.Hash])
		}
	}
	return set
}

// anyTerm returns the blocks that hold one of the terms of a field.
func (p *plan) anyTerm(field string, prefix []byte, accept func([]byte) bool) query.Bits {
	set := query.NewBits(len(p.blocks))
	for i := range set {
		set[i] = p.base[i] &^ p.known[i]
	}
	if p.reader == nil || p.failed != nil {
		return set
	}
	terms, err := p.reader.terms(field, prefix)
	if err != nil {
		p.failed = err
		return set
	}
	for _, term := range terms {
		if accept(term) {
			or(set, p.term(field, term))
		}
	}
	return set
}

func (p *plan) numbers(n *query.Node) query.Bits {
	if n.Class == query.ClassSeverity || query.Counted(n.Field) {
		set := p.anyTerm(n.Field, nil, func(term []byte) bool { return inRange(n, term) })
		for i := range set {
			set[i] |= p.crowded[i]
		}
		return set
	}
	set := query.NewBits(len(p.blocks))
	for i := range p.blocks {
		if p.base.Has(i) && inStats(p.blocks[i].stats, n.Field, n.Min, n.Max) {
			set.Set(i)
		}
	}
	for _, t := range rangeTokens(n) {
		and(set, p.keys[t.Hash])
	}
	return set
}

// inRange reports whether a term is a number of the node's range.
func inRange(n *query.Node, term []byte) bool {
	v, err := strconv.ParseInt(string(term), 10, 64)
	return err == nil && v >= n.Min && v <= n.Max
}

// sourceMatches evaluates a test of the source or its format.
func (s *Store) sourceMatches(n *query.Node, id int64) bool {
	src := s.sources.get(id)
	if src == nil {
		return false
	}
	value := src.name
	if n.Field == "format" {
		value = src.format
	}
	folded := query.Fold(nil, []byte(value))
	return len(folded) > 0 && n.Accepts(folded)
}

func and(set, with query.Bits) {
	for i := range set {
		set[i] &= with[i]
	}
}

func or(set, with query.Bits) {
	for i := range set {
		set[i] |= with[i]
	}
}
