package main

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

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
			if e.Seq = l.find(ctx, e); e.Seq != 0 {
				l.seqs[keyOfEvidence(e)] = e.Seq
			}
		}
	}
}

// find looks for a record at its time, then a little around it: of an entry that
// stands in two sources the finer time is told. One without a time is looked for
// by its words.
func (l *locator) find(ctx context.Context, e *culprit.Evidence) (seq int64) {
	look := func(q *query.Query, o store.SearchOptions) bool {
		o.Limit = store.MaxLimit
		_, err := l.store.Search(ctx, q, o, func(h *store.Hit) error {
			if h.Record.LineFrom == e.Line && h.Source == e.Source && !h.Open {
				seq = h.Seq
				return errFound
			}
			return nil
		})
		return err == nil && seq == 0
	}
	if e.Time == nil {
		if q, err := query.Parse(wordsOf(e.Text)); err == nil {
			look(q, store.SearchOptions{})
		}
		return seq
	}
	at := *e.Time
	if look(query.All(), store.SearchOptions{Since: at, Until: at.Add(1)}) {
		const around = 4 * time.Second
		look(query.All(), store.SearchOptions{Since: at.Add(-around), Until: at.Add(around)})
	}
	return seq
}

// wordsOf is a query for the first words of a text.
func wordsOf(text string) string {
	words := strings.FieldsFunc(text[:min(len(text), 400)], func(r rune) bool {
		return r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	})
	return strings.ToLower(strings.Join(words[:min(len(words), 10)], " "))
}

var errFound = errors.New("found")
