// Package logsample makes log lines for benchmarks and for trying things out at
// size: as many as asked for, the same for the same seed on every machine and Go
// version, shaped as the lines of real machines are.
//
// It is no test data: what a parser must understand stands in golden files of
// real lines.
package logsample

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of log that can be made.
const (
	NginxError    = "nginx_error"    // error log: failures at an upstream, 295 bytes a line on average
	NginxAccess   = "nginx_access"   // access log in the format combined
	JournalExport = "journal_export" // journal entries as journalctl -o export writes them
	NodeTrace     = "node_trace"     // an app's log without times: Nest's lines and traces of many lines
)

// Kinds returns the names that [New] takes.
func Kinds() []string { return []string{NginxError, NginxAccess, JournalExport, NodeTrace} }

// ErrUnknownKind is returned for a name that is none of [Kinds].
var ErrUnknownKind = errors.New("unknown kind of log")

// Start is the time of the first record; a million of them span about five
// hours.
var Start = time.Date(2026, time.November, 22, 8, 0, 0, 0, time.UTC)

// A Generator makes one log.
type Generator struct {
	random random
	append func(g *Generator, dst []byte) []byte
	now    time.Time
	stamp  []byte // now in the format of the log
	second int64  // of stamp
	serial uint64 // of a connection, or an entry's sequence number
	pid    int
}

// New returns a generator of one kind of log.
func New(kind string, seed uint64) (*Generator, error) {
	g := &Generator{random: random(seed), now: Start, serial: 1_000, pid: 1485}
	switch kind {
	case NginxError:
		g.append = (*Generator).nginxError
	case NginxAccess:
		g.append = (*Generator).nginxAccess
	case JournalExport:
		g.append = (*Generator).journalExport
	case NodeTrace:
		g.append = (*Generator).nodeTrace
	default:
		return nil, fmt.Errorf("%w: %q; there are %q", ErrUnknownKind, kind, Kinds())
	}
	return g, nil
}

// Append appends the next record to dst, with its newline: one line of nginx,
// one journal entry with its empty line, one trace of several lines.
func (g *Generator) Append(dst []byte) []byte {
	// 55 records a second on average, in bursts as users make them.
	g.now = g.now.Add(time.Duration(g.random.below(36_000)) * time.Microsecond)
	return g.append(g, dst)
}

// random is SplitMix64 (Steele, Lea, Flood 2014): math/rand does not promise the
// same numbers for a seed in every version.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// few returns a number from 0 to n-1, low ones far more often: a handful of
// clients makes most of the requests.
func (r *random) few(n int) int {
	return int(uint64(r.below(n)) * uint64(r.below(n)) / uint64(n))
}

func pick[T any](r *random, list []T) T { return list[r.below(len(list))] }

// weighted returns an index by weights that sum to 100.
func (r *random) weighted(weights []int) int {
	at := r.below(100)
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

// timestamp appends now in a layout, formatting once a second.
func (g *Generator) timestamp(dst []byte, layout string) []byte {
	if s := g.now.Unix(); s != g.second || g.stamp == nil {
		g.second = s
		g.stamp = g.now.AppendFormat(g.stamp[:0], layout)
	}
	return append(dst, g.stamp...)
}

// reserve makes room for one record, so that append grows once.
func reserve(dst []byte) []byte { return slices.Grow(dst, 1_024) }
