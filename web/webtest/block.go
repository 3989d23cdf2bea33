package webtest

import (
	"strconv"

	"culprit"
	"culprit/internal/query"
	"culprit/web"
)

// A block is some hits on which a query is evaluated; it is a [query.Block].
type block struct {
	hits   []web.Hit
	folded []byte
	ends   []int
}

func newBlock(hits []web.Hit) *block { return &block{hits: hits} }

// Len implements [query.Block].
func (b *block) Len() int { return len(b.hits) }

// Text implements [query.Block].
func (b *block) Text() ([]byte, []int) {
	if b.ends == nil { // only words need it
		b.ends = make([]int, len(b.hits))
		for i := range b.hits {
			b.folded = query.Fold(b.folded, b.hits[i].Record.Text)
			b.ends[i] = len(b.folded)
			b.folded = append(b.folded, '\n')
		}
	}
	return b.folded, b.ends
}

// MatchValue implements [query.Block].
func (b *block) MatchValue(field string, ok func([]byte) bool, set query.Bits) {
	var buf []byte
	for i := range b.hits {
		for _, v := range values(&b.hits[i], field) {
			if buf = query.Fold(buf[:0], []byte(v)); len(buf) > 0 && ok(buf) {
				set.Set(i)
			}
		}
	}
}

// MatchNumber implements [query.Block].
func (b *block) MatchNumber(field string, low, high int64, set query.Bits) {
	for i := range b.hits {
		if n, ok := number(&b.hits[i], field); ok && n >= low && n <= high {
			set.Set(i)
		}
	}
}

// values returns the values of a field of the query language.
func values(h *web.Hit, field string) []string {
	r := h.Record
	switch field {
	case "severity":
		return []string{r.Severity.String()}
	case "kind":
		return []string{string(r.Kind)}
	case "service":
		return []string{h.Service}
	case "upstream":
		return []string{h.Upstream}
	case "source":
		return []string{r.Source}
	case "host":
		return []string{r.Host}
	case "process":
		return []string{r.Process}
	case "unit":
		return []string{r.Unit}
	case "message":
		return []string{r.Message}
	case "pid":
		if r.PID != 0 {
			return []string{strconv.Itoa(r.PID)}
		}
		return nil
	}
	v, ok := r.Attrs.Lookup(field)
	if !ok {
		return nil
	}
	if l := v.List(); l != nil {
		return l
	}
	return []string{v.String()}
}

func number(h *web.Hit, field string) (int64, bool) {
	switch field {
	case "severity":
		return int64(h.Record.Severity), h.Record.Severity != culprit.SeverityNone
	case "pid":
		return int64(h.Record.PID), h.Record.PID != 0
	}
	v, ok := h.Record.Attrs.Lookup(field)
	if !ok {
		return 0, false
	}
	return v.Int()
}
