package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"culprit"
)

const (
	maxGaps = 500                 // that are kept
	gapAge  = 30 * 24 * time.Hour // for how long
)

// A gapFile keeps the stretches that could not be read, over restarts. There are
// few, so it is one small JSON file that is written anew.
type gapFile struct {
	path string
	mu   sync.Mutex
	all  []notedGap
}

// A notedGap is a gap and when it was noticed.
type notedGap struct {
	culprit.Gap
	Noticed time.Time `json:"noticed"`
}

// openGaps reads the file of a data folder, which need not be there. One that is damaged is begun
// anew: it is not worth keeping the service from starting.
func openGaps(dir string) (*gapFile, error) {
	g := &gapFile{path: filepath.Join(dir, "gaps.json")}
	b, err := os.ReadFile(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read gaps: %w", err)
	}
	if json.Unmarshal(b, &g.all) != nil {
		g.all = nil
	}
	return g, nil
}

// add notes a gap unless it is noted already.
func (g *gapFile) add(gap culprit.Gap, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	same := func(n notedGap) bool {
		return n.Source == gap.Source && n.Reason == gap.Reason && sameTime(n.From, gap.From) && sameTime(n.To, gap.To)
	}
	if slices.ContainsFunc(g.all, same) {
		return nil
	}
	g.all = append(g.all, notedGap{gap, now})
	g.all = slices.DeleteFunc(g.all, func(n notedGap) bool { return now.Sub(n.Noticed) > gapAge })
	g.all = g.all[max(0, len(g.all)-maxGaps):]
	b, err := json.Marshal(g.all)
	if err != nil {
		return err
	}
	return replaceFile(g.path, append(bytes.TrimSpace(b), '\n'))
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// list returns all gaps.
func (g *gapFile) list() []culprit.Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []culprit.Gap
	for _, n := range g.all {
		out = append(out, n.Gap)
	}
	return out
}

// near returns the gaps that may bear on an incident; the report sorts them out.
func (g *gapFile) near(inc *culprit.Incident) []culprit.Gap {
	return g.between(inc.Start.Add(-time.Hour), inc.End.Add(time.Minute))
}

// between returns the gaps that overlap a stretch; one without times does if it
// was noticed there or later, for it may concern all that came before.
func (g *gapFile) between(since, until time.Time) []culprit.Gap {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []culprit.Gap
	for _, n := range g.all {
		switch {
		case n.From != nil && n.From.After(until), n.To != nil && n.To.Before(since):
		case n.From == nil && n.To == nil && n.Noticed.Before(since):
		default:
			out = append(out, n.Gap)
		}
	}
	return out
}
