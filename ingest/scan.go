package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"time"

	"culprit"
)

// A found file is what a scan saw at a path.
type found struct {
	path    string
	source  string // the name that the files of a source share
	place   Place
	current bool // the name that its writer opens, not one of a rotated file
	inode   inode
	size    int64
	mod     time.Time
}

const (
	// keepDone is how many finished files of a source are remembered, to
	// recognize them when they are renamed or packed.
	keepDone = 64

	// missScans is for how many scans a file may be missing before it counts
	// as gone: packing a rotated file takes a while.
	missScans = 10
)

// scan looks at every place and brings the streams up to what is there: new
// files, renamed, truncated, packed and deleted ones.
func (f *Follower) scan() {
	now := f.opts.Now()
	f.scans++
	files := f.look()
	still := f.still(files)

	byInode := map[inode][]*fileStream{}
	for _, s := range f.sorted() {
		if s.cp.Inode != (inode{}) {
			byInode[s.cp.Inode] = append(byInode[s.cp.Inode], s)
		}
		s.present = false
	}
	f.meet(files)
	clear(f.unsure)

	var fresh []found
	for _, x := range files {
		if !f.recognize(x, byInode[x.inode]) {
			fresh = append(fresh, x)
		}
	}

	// What a truncated file held may go on in a copy of it.
	for _, s := range f.sorted() {
		if s.file == nil {
			continue
		}
		if fi, err := s.file.Stat(); err == nil {
			if fi.Size() != s.size {
				s.changed = now
			}
			s.size, s.mod = fi.Size(), fi.ModTime()
		}
		if !s.broken && s.shrunk() {
			s.shatter(s.q.take())
		}
		// Only a listing that was made after the truncation shows all copies.
		if s.broken && !s.ending && s.brokenAt < f.scans && still[s.cp.Source] {
			fresh = f.mend(s, fresh, files, now)
		}
		if s.broken && !s.ending {
			still[s.cp.Source] = false // its files wait for that
		}
	}

	var open []*fileStream
	for _, s := range f.sorted() {
		if s.cp.State == stateOpen && s.file == nil && !s.present {
			open = append(open, s)
		}
	}
	sort.SliceStable(fresh, func(a, b int) bool { return fresh[a].mod.Before(fresh[b].mod) })
	for _, x := range fresh {
		if f.unsure[x.source] || !x.current && !still[x.source] {
			continue // it may be known after all
		}
		f.welcome(x, open, f.known[x.source], now)
	}

	f.miss(open)
	for _, s := range f.sorted() {
		if s.file != nil && !s.broken {
			f.tend(s, now, still[s.cp.Source])
		}
	}
	f.prune()
	f.report("")
}

// meet notes which sources are new to the sink: of those, what is old is left alone.
func (f *Follower) meet(files []found) {
	if f.known == nil {
		f.known = map[string]bool{}
		for _, s := range f.streams {
			f.known[s.cp.Source] = true
		}
	}
	for _, x := range files {
		if _, met := f.known[x.source]; !met {
			f.known[x.source] = false
		}
	}
}

// still tells of which sources the same files have the same names as in the scan
// before. While files are renamed, a listing shows some twice and others not at
// all, so what is decided by it waits until it is over.
func (f *Follower) still(files []found) map[string]bool {
	names := map[string]string{}
	for _, x := range files {
		names[x.source] += fmt.Sprintf("%d:%d %s\n", x.inode.Dev, x.inode.Ino, x.path)
	}
	out := map[string]bool{}
	for source, n := range names {
		out[source] = f.names[source] == n
	}
	for source := range f.names {
		if _, ok := names[source]; !ok {
			out[source] = false
		}
	}
	f.names = names
	return out
}

// recognize finds the stream of a file among those that had its inode, and
// reports whether there is one. The others were of files that are gone.
func (f *Follower) recognize(x found, had []*fileStream) bool {
	for _, s := range had {
		switch {
		case s.file != nil:
			if !s.present { // else this is a second name
				s.saw(x)
			}
			return true
		case s.present:
			return true
		}
	}
	for _, s := range had {
		if s.size == x.size && s.mod.Equal(x.mod) {
			s.saw(x)
			return true
		}
	}
	for _, s := range had {
		if f.resume(s, x) {
			return true
		}
		s.cp.Inode = inode{}
	}
	return false
}

// look lists the files of all places, current names before rotated ones.
func (f *Follower) look() []found {
	var out []found
	seen := map[string]bool{}
	add := func(p Place, path string, current bool) {
		if seen[path] || f.opts.Ignore != nil && f.opts.Ignore(path) {
			return
		}
		seen[path] = true
		fi, err := os.Stat(path)
		if err != nil || !fi.Mode().IsRegular() {
			return
		}
		dir, base := filepath.Split(path)
		out = append(out, found{
			path: path, source: dir + family(base), place: p, current: current, inode: inodeOf(fi), size: fi.Size(), mod: fi.ModTime(),
		})
	}
	type older struct {
		p     Place
		files []string
	}
	var rotated []older
	for _, p := range f.opts.Places() {
		current, _ := glob(p.Pattern)
		for _, path := range current {
			add(p, path, true)
		}
		rotated = append(rotated, older{p, p.older(current)})
	}
	for _, o := range rotated {
		for _, path := range o.files {
			add(o.p, path, false)
		}
	}
	return out
}

// saw notes where a stream's file is.
func (s *fileStream) saw(x found) {
	s.path, s.current, s.present = x.path, x.current, true
	s.lostAt = 0
	if s.file == nil {
		s.size, s.mod = x.size, x.mod
	}
}

// missed notes that a stream's file seems to be there and could not be looked at:
// the next scan has to.
func (s *fileStream) missed(x found) {
	s.saw(x)
	s.size = -1
}

// resume looks at a file that is not held and has changed, or was not looked at
// since the start. It reads on if there is more, and reports false if it is not
// the stream's file after all.
func (f *Follower) resume(s *fileStream, x found) bool {
	file, err := os.Open(x.path)
	if err != nil {
		s.missed(x)
		f.unsure[s.cp.Source] = errors.Is(err, fs.ErrNotExist)
		return true // not now
	}
	keep := false
	defer func() {
		if !keep {
			file.Close()
		}
	}()
	if fi, err := file.Stat(); err != nil || inodeOf(fi) != x.inode {
		s.missed(x)
		f.unsure[s.cp.Source] = true
		return true // renamed at this moment; the next scan sees it
	}
	cod := codingAt(file)
	if cod != codingNone {
		// A packed file does not grow: it is known, or it is another one.
		if !unpackedBegins(file, cod, &s.cp) {
			return false
		}
		s.saw(x)
		if s.cp.State != stateOpen {
			return true
		}
	} else if !s.cp.begins(file, x.size) || !s.cp.guarded(file, x.size) {
		return false
	}
	s.saw(x)
	if s.cp.State == stateCopy || s.cp.State != stateOpen && x.size <= s.cp.Offset {
		return true
	}
	if s.cp.State == stateSkipped {
		// It was old when it was first seen, and now it grows.
		n, err := countLines(file, s.cp.Offset)
		if err != nil {
			return true
		}
		s.cp.Line = n + 1
	}
	keep = true
	s.coding = cod
	s.open(file, x.place)
	return true
}

// miss gives up streams whose files are nowhere.
func (f *Follower) miss(open []*fileStream) {
	for _, s := range open {
		if s.file != nil {
			continue
		}
		if s.lostAt == 0 {
			s.lostAt = f.scans
		}
		if f.scans-s.lostAt < missScans {
			continue
		}
		if fi, err := os.Lstat(s.cp.Path); err == nil && inodeOf(fi) == s.cp.Inode {
			continue // it is there; nobody asks for it any more
		}
		if s.cp.Offset == 0 {
			f.forget(s)
			continue
		}
		s.cp.State, s.cp.Inode = stateDone, inode{}
		f.extra = append(f.extra, Batch{
			Source: s.cp.Source, Stream: s.key, Checkpoint: s.cp.marshal(),
			Gaps: []culprit.Gap{gapOf(s.cp.Source, s.cp.After,
				fmt.Sprintf("%s was rotated away and deleted while it was not followed: what it held behind byte %d was not read", s.cp.Path, s.cp.Offset),
				"keep more rotated files (rotate 7 in /etc/logrotate.d)")},
		})
		f.notify()
	}
}

// tend looks after a file that is read: revives its reader, and lets go of it
// when it is finished or idle.
func (f *Follower) tend(s *fileStream, now time.Time, still bool) {
	at := s.r.at.Load()
	if p := s.r.failed.Swap(nil); p != nil {
		f.log.Warn("read file", "path", s.path, "error", *p)
		if s.coding != codingNone {
			s.gaps = append(s.gaps, gapOf(s.cp.Source, s.last, "damaged, read in part ("+(*p).Error()+")", s.coding.test(s.path)))
			s.finish(at)
			return
		}
		s.restart(at, s.r.no)
		return
	}
	if s.coding != codingNone {
		if s.r.ended.Load() {
			s.finish(at)
		}
		return
	}
	if !s.r.tails.Load() || at != s.next {
		return // there is still something to parse
	}
	if s.size-at > maxPartial && !newlineWithin(s.file, at, maxPartial) {
		// tail would hold all of the line in memory.
		s.restart(at, s.nextNo)
		return
	}
	quiet := now.Sub(s.changed)
	switch {
	case quiet < f.opts.Quiet || !still && s.present:
	case !s.present || !s.current:
		s.halt()
		if s.r.at.Load() != s.next || len(s.q.items) > 0 {
			s.restart(s.r.at.Load(), s.r.no)
			return
		}
		if rest := s.size - s.next; rest > 0 {
			b := make([]byte, rest)
			if _, err := io.ReadFull(io.NewSectionReader(s.file, s.next, rest), b); err == nil {
				if bytes.IndexByte(b, '\n') >= 0 { // the reader has not come to it yet
					s.restart(s.next, s.nextNo)
					return
				}
				s.held = []queued{{text: b, no: s.nextNo, start: s.next, end: s.size, mark: culprit.MarkUnterminated}}
			}
		}
		s.end()
	case quiet >= f.opts.Idle:
		s.end()
	}
}

// finish ends a stream whose file has been read to its end, once all is parsed.
func (s *fileStream) finish(at int64) {
	if at == s.next {
		s.end()
	}
}

// prune forgets the oldest finished files of a source.
func (f *Follower) prune() {
	by := map[string][]*fileStream{}
	for _, s := range f.sorted() {
		if s.file == nil && s.cp.State != stateOpen && !s.present {
			by[s.cp.Source] = append(by[s.cp.Source], s)
		}
	}
	for _, list := range by {
		for len(list) > keepDone {
			f.forget(list[0])
			list = list[1:]
		}
	}
}

func (f *Follower) forget(s *fileStream) {
	delete(f.streams, s.key)
	f.extra = append(f.extra, Batch{Source: s.cp.Source, Stream: s.key, Forget: true})
	f.notify()
}
