package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"culprit"
)

// numberBits is the number of bits of a sequence number that count the records of
// a source; the bits above are the source's id. Browsers hold both in a float.
const numberBits = 32

func seqOf(source, number int64) int64 { return source<<numberBits | number }

func splitSeq(seq int64) (source, number int64) {
	return seq >> numberBits, seq & (1<<numberBits - 1)
}

// A source is the committed state of a row of sources.
type source struct {
	id                       int64
	name, generation, format string
	checkpoint               []byte
	next                     int64
	position                 int64
	sequences                map[string]int64
	records, events          int64
	unparsed, bytes          int64
	first, last, observed    int64 // 0 if unknown
}

// sourceSet holds all sources. A source in it is replaced, never changed.
type sourceSet struct {
	mu   sync.RWMutex
	byID map[int64]*source
}

func loadSources(ctx context.Context, db *sql.DB) (*sourceSet, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, name, generation, format, checkpoint, next, position, sequences, records, events, unparsed, bytes,
		coalesce(first, 0), coalesce(last, 0), coalesce(observed, 0) FROM sources`)
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	defer rows.Close()
	set := &sourceSet{byID: map[int64]*source{}}
	for rows.Next() {
		var s source
		var sequences string
		if err := rows.Scan(&s.id, &s.name, &s.generation, &s.format, &s.checkpoint, &s.next, &s.position, &sequences, &s.records, &s.events,
			&s.unparsed, &s.bytes, &s.first, &s.last, &s.observed); err != nil {
			return nil, fmt.Errorf("read sources: %w", err)
		}
		if err := json.Unmarshal([]byte(sequences), &s.sequences); err != nil {
			return nil, fmt.Errorf("read sources: sequences of %s: %w: %w", s.name, culprit.ErrCorrupt, err)
		}
		set.byID[s.id] = &s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return set, nil
}

func (l *sourceSet) get(id int64) *source {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.byID[id]
}

// find returns the source of a name and generation, nil if there is none.
func (l *sourceSet) find(name, generation string) *source {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.byID {
		if s.name == name && s.generation == generation {
			return s
		}
	}
	return nil
}

func (l *sourceSet) put(s *source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[s.id] = s
}

func (l *sourceSet) all() []*source {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.SortedFunc(maps.Values(l.byID), func(a, b *source) int { return cmp.Compare(a.id, b.id) })
}

// A SourceStat says what is stored of a source, its generations taken together.
type SourceStat struct {
	Name       string     `json:"name"`
	Format     string     `json:"format"`
	Records    int64      `json:"records"` // ever stored
	Events     int64      `json:"events"`
	Unparsed   int64      `json:"unparsed"`
	Bytes      int64      `json:"bytes"`    // of text
	First      *time.Time `json:"first"`    // of the records that have a time
	Last       *time.Time `json:"last"`     // likewise
	Observed   *time.Time `json:"observed"` // when the last record was stored
	Generation string     `json:"generation"`
}

// Sources returns what is stored of each source, by name.
func (s *Store) Sources() []SourceStat {
	byName := map[string]*SourceStat{}
	for _, src := range s.sources.all() {
		t := byName[src.name]
		if t == nil {
			t = &SourceStat{Name: src.name}
			byName[src.name] = t
		}
		if src.format != "" {
			t.Format = src.format
		}
		t.Generation = src.generation
		t.Records += src.records
		t.Events += src.events
		t.Unparsed += src.unparsed
		t.Bytes += src.bytes
		if f := timeAt(src.first); src.first != 0 && (t.First == nil || f.Before(*t.First)) {
			t.First = &f
		}
		if l := timeAt(src.last); src.last != 0 && (t.Last == nil || l.After(*t.Last)) {
			t.Last = &l
		}
		if o := timeAt(src.observed); src.observed != 0 && (t.Observed == nil || o.After(*t.Observed)) {
			t.Observed = &o
		}
	}
	list := make([]SourceStat, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name])
	}
	return list
}

// Checkpoint returns what was last committed for a source, nil if there is nothing.
// Generation is that of [Store.Writer].
func (s *Store) Checkpoint(name, generation string) []byte {
	if src := s.sources.find(name, generation); src != nil {
		return slices.Clone(src.checkpoint)
	}
	return nil
}

// Checkpoints returns the last checkpoint of every source, by generation: a reader
// that follows files gives each its own. Those without one, and those that were
// told to be forgotten, are left out.
func (s *Store) Checkpoints() map[string][]byte {
	all := map[string][]byte{}
	for _, src := range s.sources.all() {
		if src.checkpoint != nil {
			all[src.generation] = slices.Clone(src.checkpoint)
		}
	}
	return all
}

// A Generation is one file or journal among those that share a source's name.
type Generation struct {
	Name       string
	Generation string
	Records    int64
	Checkpoint []byte // nil if there is none
}

// Generations returns all generations of all sources, the first stored first.
func (s *Store) Generations() []Generation {
	var list []Generation
	for _, src := range s.sources.all() {
		list = append(list, Generation{src.name, src.generation, src.records, slices.Clone(src.checkpoint)})
	}
	return list
}
