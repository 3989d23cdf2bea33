package ingest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"culprit/parsers"
)

// A zoneSample is an offset that a log states for one of its times.
type zoneSample struct {
	wall   int64 // the digits of the time read as UTC
	offset int   // seconds east of UTC
	pos    int64 // in the file
}

var (
	// nginx's $time_local and Apache's %t: [22/Nov/2026:08:28:29 +0100]
	commonTime = regexp.MustCompile(`\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d) ([+-]\d{4})\]`)
	// nginx's $time_iso8601, rsyslog's file format: 2026-11-22T08:28:29+01:00
	isoTime = regexp.MustCompile(`(?:^|["\s\[=])(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?([+-]\d\d:?\d\d)\b`)
)

// offsetsIn returns the first offset that b states after each of its newlines,
// at most n.
func offsetsIn(b []byte, at int64, n int) (common, iso []zoneSample) {
	for len(b) > 0 && (len(common) < n || len(iso) < n) {
		line := b
		if k := bytes.IndexByte(b, '\n'); k >= 0 {
			line = b[:k+1]
		}
		short := line[:min(len(line), 1024)]
		if m := commonTime.FindSubmatch(short); m != nil && len(common) < n {
			if s, ok := sampleOf("02/Jan/2006:15:04:05", "-0700", m); ok {
				s.pos = at
				common = append(common, s)
			}
		} else if m := isoTime.FindSubmatch(short); m != nil && len(iso) < n {
			if s, ok := sampleOf("2006-01-02T15:04:05", "-0700", m); ok {
				s.pos = at
				iso = append(iso, s)
			}
		}
		at += int64(len(line))
		b = b[len(line):]
	}
	return common, iso
}

func sampleOf(layout, zone string, m [][]byte) (zoneSample, bool) {
	w, err := time.Parse(layout, string(m[1]))
	if err != nil {
		return zoneSample{}, false
	}
	o, err := time.Parse(zone, strings.ReplaceAll(string(m[2]), ":", ""))
	if err != nil {
		return zoneSample{}, false
	}
	_, off := o.Zone()
	return zoneSample{wall: w.Unix(), offset: off}, true
}

// offsets samples the offsets that a file states from its beginning to its end.
func (i *Input) offsets() (common, iso []zoneSample) {
	if i.pipe != nil || i.Class != ClassLog {
		return nil, nil
	}
	if i.coding != codingNone {
		return offsetsIn(i.head, 0, 1)
	}
	f, err := os.Open(i.Paths[0])
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	const probes = 16
	for k := range int64(probes) {
		c, s := offsetsAt(f, i.Size*k/probes)
		common, iso = append(common, c...), append(iso, s...)
		if k == 0 && len(c)+len(s) == 0 {
			return nil, nil
		}
		if i.Size < 8<<10 {
			break
		}
	}
	c, s := lastOffsets(f, i.Size)
	common, iso = append(common, c...), append(iso, s...)
	return refine(f, common, false), refine(f, iso, true)
}

// offsetsAt returns the first offset stated at or after a byte.
func offsetsAt(f io.ReaderAt, at int64) (common, iso []zoneSample) {
	b := make([]byte, 8<<10)
	n, _ := f.ReadAt(b, at)
	b = b[:n]
	if at > 0 {
		k := bytes.IndexByte(b, '\n')
		if k < 0 {
			return nil, nil
		}
		b, at = b[k+1:], at+int64(k)+1
	}
	return offsetsIn(b, at, 1)
}

func lastOffsets(f io.ReaderAt, size int64) (common, iso []zoneSample) {
	at := max(size-(8<<10), 0)
	b := make([]byte, size-at)
	n, _ := f.ReadAt(b, at)
	b = b[:n]
	if at > 0 {
		k := bytes.IndexByte(b, '\n')
		b, at = b[k+1:], at+int64(k)+1
	}
	common, iso = offsetsIn(b, at, 1<<20)
	return common[max(len(common)-1, 0):], iso[max(len(iso)-1, 0):]
}

// refine narrows down where the offset changes between two samples, by halves.
func refine(f io.ReaderAt, s []zoneSample, iso bool) []zoneSample {
	for k := 0; k+1 < len(s); k++ {
		for s[k].offset != s[k+1].offset && s[k+1].pos-s[k].pos > 512 {
			c, i := offsetsAt(f, s[k].pos+(s[k+1].pos-s[k].pos)/2)
			if iso {
				c = i
			}
			if len(c) == 0 || c[0].pos >= s[k+1].pos || c[0].pos <= s[k].pos {
				break
			}
			if c[0].offset == s[k].offset {
				s[k] = c[0]
			} else {
				s[k+1] = c[0]
			}
		}
	}
	return s
}

// familiar are the zones that are tried to explain a change of offsets, so that
// it lies at the hour where the law puts it; most servers stand in one of them.
var familiar = []string{
	"Europe/Berlin", "Europe/London", "Europe/Helsinki", "Europe/Lisbon", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
	"America/Halifax", "America/St_Johns", "Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland", "America/Santiago", "America/Havana", "Asia/Jerusalem", "Asia/Beirut",
	"Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "Europe/Chisinau", "Australia/Lord_Howe",
}

// stepZone makes a zone of samples. Between two that differ the change is put
// where a familiar zone has it, else in the middle.
func stepZone(s []zoneSample) parsers.Zone {
	sort.SliceStable(s, func(a, b int) bool { return s[a].wall-int64(s[a].offset) < s[b].wall-int64(s[b].offset) })
	s = slices.CompactFunc(s, func(a, b zoneSample) bool { return a.wall == b.wall && a.offset == b.offset })
	same := true
	for _, x := range s {
		same = same && x.offset == s[0].offset
	}
	if same {
		off := s[0].offset
		return func(int64) int { return off }
	}
	for _, name := range familiar {
		loc, err := time.LoadLocation(name)
		if err != nil {
			continue
		}
		if explains(loc, s) {
			return parsers.ZoneOf(loc)
		}
	}
	return func(wall int64) int {
		k := sort.Search(len(s), func(k int) bool { return s[k].wall > wall })
		switch {
		case k == 0:
			return s[0].offset
		case k == len(s):
			return s[k-1].offset
		case wall-s[k-1].wall <= s[k].wall-wall:
			return s[k-1].offset
		}
		return s[k].offset
	}
}

func explains(loc *time.Location, s []zoneSample) bool {
	for _, x := range s {
		if _, off := time.Unix(x.wall-int64(x.offset), 0).In(loc).Zone(); off != x.offset {
			return false
		}
	}
	return true
}

// A zoneSource is a log that states offsets.
type zoneSource struct {
	dir     string
	rank    int // lower is better
	samples []zoneSample
}

// zoneSources finds the logs that tell the machine's zone. An access log of
// nginx does. The standard output of an app may look like one and be in UTC
// (morgan), so it is asked last; ISO times of syslog come in between.
func (in *Inputs) zoneSources() []zoneSource {
	var out []zoneSource
	for _, i := range in.Logs {
		common, iso := i.offsets()
		dir, base := filepath.Split(i.base)
		access := isAccess(base)
		app := i.Options.Service != "" || strings.Contains("/"+filepath.ToSlash(dir), "/apps/")
		switch {
		case len(common) > 0 && access:
			out = append(out, zoneSource{dir, 0, common})
		case len(iso) > 0 && access:
			out = append(out, zoneSource{dir, 1, iso})
		case len(common) > 0 && !app:
			out = append(out, zoneSource{dir, 2, common})
		case len(iso) > 0 && !app:
			out = append(out, zoneSource{dir, 3, iso})
		case len(common) > 0:
			out = append(out, zoneSource{dir, 4, common})
		}
	}
	return out
}

// zoneFor picks the sources that are best and nearest to a folder and makes a
// zone of them; nil if there is none.
func zoneFor(sources []zoneSource, dir string) parsers.Zone {
	best, near := 1<<10, -1
	var s []zoneSample
	for _, z := range sources {
		n := shared(z.dir, dir)
		switch {
		case z.rank > best || z.rank == best && n < near:
			continue
		case z.rank < best || n > near:
			best, near, s = z.rank, n, nil
		}
		s = append(s, z.samples...)
	}
	if len(s) == 0 {
		return nil
	}
	return stepZone(s)
}

// shared counts the leading folders that two paths have in common.
func shared(a, b string) int {
	x, y := strings.Split(filepath.Clean(a), "/"), strings.Split(filepath.Clean(b), "/")
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}
