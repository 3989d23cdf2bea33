package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"culprit"
	"culprit/ingest"
	"culprit/internal/store"
	"culprit/web"
)

// A sourceList tells how well each source is read: what is followed, what the
// store holds of it, and what cannot be read. It implements web.Sources.
type sourceList struct {
	machine  *machine
	stored   func() []store.SourceStat
	followed func() []ingest.SourceStatus
	gaps     *gapFile
	now      func() time.Time

	mu     sync.Mutex
	closed []culprit.Gap        // what may not be read, as of the last look
	behind map[string]time.Time // since when a source is behind
	looked time.Time
}

const (
	lookEvery = 30 * time.Second // for what may not be read
	lagAfter  = 5 * time.Second  // behind for so long is told
)

// watch tells when the health of a source changes.
func (l *sourceList) watch(ctx context.Context, after func(time.Duration) <-chan time.Time, publish func([]web.SourceState)) error {
	var was map[string]web.Health
	for {
		list, err := l.Sources(ctx)
		if err != nil {
			return err
		}
		now := map[string]web.Health{}
		for _, s := range list {
			now[s.Path] = s.Health
		}
		if was != nil && !maps.Equal(was, now) {
			publish(list)
		}
		was = now
		select {
		case <-ctx.Done():
			return nil
		case <-after(2 * time.Second):
		}
	}
}

// Sources implements web.Sources.
func (l *sourceList) Sources(context.Context) ([]web.SourceState, error) {
	now := l.now()
	stored := map[string]store.SourceStat{}
	for _, s := range l.stored() {
		stored[s.Name] = s
	}
	byPath := map[string]*web.SourceState{}
	get := func(name string) *web.SourceState {
		s := byPath[name]
		if s == nil {
			st := stored[name]
			s = &web.SourceState{Path: name, Format: st.Format, Health: web.HealthOK, Records: st.Records, Last: st.Last}
			byPath[name] = s
		}
		return s
	}
	for name := range stored {
		get(name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind == nil {
		l.behind = map[string]time.Time{}
	}
	lagging := map[string]bool{}
	for _, f := range l.followed() {
		s := get(f.Source)
		if n := f.Size - f.Offset; f.Path != "" && n > 0 {
			s.Behind += n
		}
		if f.Problem != "" {
			s.Health, s.Reason = web.HealthUnreadable, f.Problem
		}
	}
	for name, s := range byPath {
		if s.Behind == 0 || s.Health == web.HealthUnreadable {
			continue
		}
		lagging[name] = true
		if l.behind[name].IsZero() {
			l.behind[name] = now
		}
		// What is not read yet came after what was: since when is known, not
		// how old it is.
		s.Lag = now.Sub(l.behind[name]).Seconds()
		if lag := now.Sub(l.behind[name]); lag > lagAfter {
			s.Health, s.Reason = web.HealthLag, "it grows faster than it is read, or its last line has no end yet"
		}
	}
	maps.DeleteFunc(l.behind, func(name string, _ time.Time) bool { return !lagging[name] })
	if now.Sub(l.looked) > lookEvery {
		l.closed, l.looked = l.machine.unreadable(), now
	}
	for _, g := range l.closed {
		s := get(g.Source)
		s.Health, s.Reason, s.Remedy = web.HealthUnreadable, g.Reason, g.Remedy
	}
	out := make([]web.SourceState, 0, len(byPath))
	for _, s := range byPath {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b web.SourceState) int {
		return cmp.Or(cmp.Compare(rankOf(a.Health), rankOf(b.Health)), cmp.Compare(a.Path, b.Path))
	})
	return out, nil
}

// rankOf puts what needs somebody first.
func rankOf(h web.Health) int {
	return slices.Index([]web.Health{web.HealthUnreadable, web.HealthLag, web.HealthOK}, h)
}
