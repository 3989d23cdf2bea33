package main

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
)

// An evidenceKey names a record that is evidence.
type evidenceKey struct {
	source string
	line   int
	text   string
}

func keyOfEvidence(e *culprit.Evidence) evidenceKey {
	return evidenceKey{e.Source, e.Line, e.Text[:min(len(e.Text), 200)]}
}

// A locator finds the records of evidence in a store: a sequence number makes
// evidence a link.
type locator struct {
	store *store.Store
	seqs  map[evidenceKey]int64
}

func newLocator(s *store.Store) *locator {
	return &locator{store: s, seqs: map[evidenceKey]int64{}}
}

// learn takes over the numbers that an incident states.
func (l *locator) learn(inc *culprit.Incident) {
	for i := range inc.Causes {
		for k := range inc.Causes[i].Evidence {
			if e := &inc.Causes[i].Evidence[k]; e.Seq != 0 {
				l.seqs[keyOfEvidence(e)] = e.Seq
			}
		}
	}
}

// number sets the sequence numbers of evidence that are known.
func (l *locator) number(inc *culprit.Incident) {
	for i := range inc.Causes {
		for k := range inc.Causes[i].Evidence {
			e := &inc.Causes[i].Evidence[k]
			e.Seq = cmp.Or(e.Seq, l.seqs[keyOfEvidence(e)])
		}
	}
}

const (
	maxLocated = 200   // pieces of evidence that are looked for at a time
	maxSeqs    = 20000 // that are remembered
)

// locate sets the sequence numbers of all evidence.
func (l *locator) locate(ctx context.Context, inc *culprit.Incident) {
	l.number(inc)
	if len(l.seqs) > maxSeqs {
		clear(l.seqs)
	}
	n := 0
	for i := range inc.Causes {
		for k := range inc.Causes[i].Evidence {
			e := &inc.Causes[i].Evidence[k]
			if e.Seq != 0 || n >= maxLocated {
				continue
			}
			n++
			if e.Seq = l.find(ctx, inc, e); e.Seq != 0 {
				l.seqs[keyOfEvidence(e)] = e.Seq
			}
		}
	}
}

// find looks for the record of a piece of evidence in its source, at its time and
// then a little around it: of an entry that stands in two sources the finer time
// is told. One without a time is looked for around the incident; where a log
// states no time at all, in all of it.
func (l *locator) find(ctx context.Context, inc *culprit.Incident, e *culprit.Evidence) (seq int64) {
	q, err := query.Parse(`source:"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e.Source) + `"`)
	if err != nil {
		return 0 // a name that no query can say
	}
	look := func(since, until time.Time) bool {
		o := store.SearchOptions{Limit: store.MaxLimit, Order: store.Oldest, Since: since, Until: until}
		_, err := l.store.Search(ctx, q, o, func(h *store.Hit) error {
			r := h.Record
			if h.Source == e.Source && r.LineFrom <= e.Line && e.Line <= max(r.LineFrom, r.LineTo) && !h.Open {
				seq = h.Seq
				return errFound
			}
			return nil
		})
		return err == nil && seq == 0
	}
	if e.Time == nil {
		if look(inc.Start.Add(-farFrom), inc.End.Add(farFrom)) {
			look(time.Time{}, time.Time{})
		}
	} else if at := *e.Time; look(at, at.Add(1)) {
		look(at.Add(-nearTo), at.Add(nearTo))
	}
	return seq
}

// How far around evidence its record is looked for.
const (
	nearTo  = 4 * time.Second // the journal reads the kernel's lines late
	farFrom = 10 * time.Minute
)

var errFound = errors.New("found")
