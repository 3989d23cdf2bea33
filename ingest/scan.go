package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
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
		if !x.current && !still[x.source] {
			continue
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

// resume looks at a file that is not held and has changed, or was not looked at
// since the start. It reads on if there is more, and reports false if it is not
// the stream's file after all.
func (f *Follower) resume(s *fileStream, x found) bool {
	file, err := os.Open(x.path)
	if err != nil {
		s.saw(x)
		return true // not now
	}
	keep := false
	defer func() {
		if !keep {
			file.Close()
		}
	}()
	if fi, err := file.Stat(); err != nil || inodeOf(fi) != x.inode {
		s.saw(x)
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

// shrunk reports whether the file that is held was truncated.
func (s *fileStream) shrunk() bool {
	if s.coding != codingNone {
		return false
	}
	fi, err := s.file.Stat()
	return err == nil && fi.Size() < s.r.at.Load() || !s.intact(nil)
}

// mend decides what becomes of a truncated file's stream: it goes on in a copy
// that holds its position, or it ends here. Its inode is that of a new stream.
func (f *Follower) mend(s *fileStream, fresh, files []found, now time.Time) []found {
	const remedy = "use create instead of copytruncate in /etc/logrotate.d"
	var candidates []found
	for _, x := range fresh {
		if x.source == s.cp.Source && !x.current {
			candidates = append(candidates, x)
		}
	}
	for _, c := range f.sorted() {
		if c.cp.State == stateCopy && c.cp.Source == s.cp.Source && c.present {
			candidates = append(candidates, found{path: c.path, source: c.cp.Source, inode: c.cp.Inode, size: c.size, mod: c.mod})
		}
	}
	var copied *os.File
	var in found
	for _, x := range candidates {
		if now.Sub(x.mod) < f.opts.Quiet && isPacked(x.path) && f.scans-s.brokenAt < missScans {
			return fresh // perhaps still being packed
		}
		file, err := f.holds(s, x)
		if err != nil {
			return fresh // renamed at this moment; the next scan decides
		}
		if file != nil {
			copied, in = file, x
			break
		}
	}
	for _, x := range files {
		if x.inode == s.cp.Inode {
			fresh = append(fresh, x)
			break
		}
	}
	s.cp.Inode = inode{}
	if copied == nil {
		f.log.Debug("truncated", "path", s.path, "stream", s.key, "at", s.next, "looked_at", len(candidates))
		s.gaps = append(s.gaps, gapOf(s.cp.Source, s.last, fmt.Sprintf("truncated in place: lines behind byte %d may be lost", s.next), remedy))
		s.end()
		return fresh
	}
	for _, c := range f.sorted() {
		if c.cp.State == stateCopy && c.cp.Inode == in.inode {
			f.forget(c)
		}
	}
	f.adopt(s, in, copied)
	s.gaps = append(s.gaps, gapOf(s.cp.Source, s.last, "truncated in place: what was written between the copy and the truncation is lost", remedy))
	return slices.DeleteFunc(fresh, func(x found) bool { return x.inode == in.inode })
}

// holds opens a file if it holds what the stream has read, up to its checkpoint;
// else the file is nil. The error says that it is not at its path any more.
func (f *Follower) holds(s *fileStream, x found) (*os.File, error) {
	file, err := os.Open(x.path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, nil
		}
		return nil, err
	}
	fi, err := file.Stat()
	if err != nil || inodeOf(fi) != x.inode {
		file.Close()
		return nil, errMoved
	}
	if s.cp.Offset > 0 {
		if cod := codingAt(file); cod == codingNone {
			if s.cp.begins(file, fi.Size()) && s.cp.guarded(file, fi.Size()) {
				return file, nil
			}
		} else if unpackedHolds(file, cod, &s.cp) {
			return file, nil
		}
	}
	file.Close()
	return nil, nil
}

// errMoved says that a file is not at its path any more.
var errMoved = errors.New("renamed")

// adopt lets a stream go on in another file that holds the same.
func (f *Follower) adopt(s *fileStream, x found, file *os.File) {
	f.log.Debug("goes on", "path", x.path, "stream", s.key, "at", s.cp.Offset)
	s.halt()
	s.release()
	s.cp.Inode = x.inode
	s.size = -1
	s.coding = codingAt(file)
	s.mod = x.mod
	s.path, s.current, s.present = x.path, x.current, true
	s.open(file, x.place)
	s.dirty = true
}

// welcome decides about a file that no stream knows.
func (f *Follower) welcome(x found, open []*fileStream, known bool, now time.Time) {
	if x.size == 0 {
		return // there is nothing yet to recognize it by
	}
	file, err := os.Open(x.path)
	if err != nil {
		f.unreadable(x, err)
		return
	}
	keep := false
	defer func() {
		if !keep {
			file.Close()
		}
	}()
	fi, err := file.Stat()
	if err != nil || inodeOf(fi) != x.inode {
		return // renamed at this moment
	}
	cod := codingAt(file)
	if cod != codingNone {
		_, err := os.Lstat(strings.TrimSuffix(x.path, filepath.Ext(x.path)))
		if err == nil || now.Sub(fi.ModTime()) < f.opts.Quiet {
			return // still being packed
		}
		if len(unpackedHead(file, cod)) == 0 {
			return
		}
	}

	// A stream whose file is gone: restored, packed or copied while we were down.
	for _, s := range open {
		if s.cp.Source == x.source && s.file == nil && s.cp.Offset > 0 {
			have, err := f.holds(s, x)
			if err != nil {
				return
			}
			if have != nil {
				f.adopt(s, x, have)
				return
			}
		}
	}

	if f.twin(x, file, fi, cod, now) {
		return
	}
	if !known && now.Sub(fi.ModTime()) > f.opts.Backfill {
		f.note(x, stateSkipped, file, now)
		return
	}
	if cod == codingNone && !complete(file, x.size) && now.Sub(fi.ModTime()) < f.opts.Quiet {
		return // not one whole line to recognize it by
	}
	s := f.add(x, now)
	f.log.Debug("new file", "path", x.path, "stream", s.key)
	if cod == codingNone && !known {
		s.cp.Offset, s.cp.Line = f.begin(x, file, now)
	}
	s.fingerprintOf(file)
	keep = true
	s.coding = cod
	s.open(file, x.place)
}

// twin recognizes a file that holds what a stream of its source has read or reads:
// it was packed, or copied. It reports whether there is nothing more to do in
// this scan; if the stream goes on in the file, it opens it itself.
func (f *Follower) twin(x found, file *os.File, fi fs.FileInfo, cod coding, now time.Time) bool {
	move := func(s *fileStream) bool {
		if have, err := f.holds(s, x); err != nil {
			return true
		} else if have != nil {
			if more := cod == codingNone && x.size > s.cp.Offset || cod == codingGzip && unpackedSize(have, fi.Size()) != uint32(s.cp.Offset); more {
				f.adopt(s, x, have)
				return true
			}
			have.Close()
		}
		s.cp.Inode, s.cp.Path, s.coding = x.inode, x.path, cod
		s.saw(x)
		s.dirty = true
		f.notify()
		return true
	}
	for _, s := range f.sorted() {
		if s.cp.Source != x.source || s.cp.Offset == 0 || s.broken || s.coding != codingNone || x.current {
			continue
		}
		if cod != codingNone {
			switch {
			case s.cp.State == stateCopy || s.cp.State == stateSkipped || !unpackedBegins(file, cod, &s.cp):
			case s.file != nil && !s.present:
				return true // it was packed and deleted, and is not finished yet
			case s.file == nil && s.cp.State == stateDone && !s.present:
				return move(s)
			case timed(bytes.NewReader(unpackedHead(file, cod))) && unpackedHolds(file, cod, &s.cp):
				f.note(x, stateCopy, file, now)
				return true
			}
			continue
		}
		if s.file == nil {
			switch {
			case s.cp.State != stateDone || !s.cp.begins(file, x.size) || !s.cp.guarded(file, x.size):
			case !s.present: // truncated after it was copied, while nobody read it
				return move(s)
			case timed(file): // else a program that dies at every start writes the same into each of its logs
				f.note(x, stateCopy, file, now)
				return true
			}
			continue
		}
		if !s.current {
			continue
		}
		// copytruncate copies first and truncates then.
		same := sameBeginning(file, s.file, min(x.size, s.cp.Offset, headSize))
		if same && x.size < s.cp.Offset {
			if now.Sub(fi.ModTime()) < f.opts.Quiet {
				return true // the copy may grow
			}
			same = sameEnd(file, s.file, x.size)
		} else if same {
			same = s.cp.guarded(file, x.size)
		}
		if s.shrunk() {
			return true // compared with what is there after the truncation
		}
		if same {
			f.note(x, stateCopy, file, now)
			return true
		}
	}
	return false
}

// begin returns where to enter a file of a source that was never read.
func (f *Follower) begin(x found, file *os.File, now time.Time) (int64, int) {
	var head [sampleSize]byte
	n, _ := file.ReadAt(head[:], 0)
	i := Input{Options: f.opts.Parse(x.place, x.path, head[:n]), Since: now.Add(-f.opts.Backfill)}
	i.Options.Ref = x.mod
	off, no := i.entry(file)
	if no == 0 {
		lines, err := countLines(file, off)
		if err != nil {
			return 0, 1
		}
		no = lines + 1
	}
	return off, no
}

// add makes the stream of a new file.
func (f *Follower) add(x found, now time.Time) *fileStream {
	born := now.UnixNano()
	key := x.source + "#" + strconv.FormatUint(x.inode.Ino, 36) + "." + strconv.FormatInt(born, 36)
	for n := 1; f.streams[key] != nil; n++ {
		key = key + "." + strconv.Itoa(n)
	}
	s := &fileStream{f: f, key: key, cp: checkpoint{Source: x.source, Path: x.path, Inode: x.inode, Line: 1, Born: born}, size: -1}
	s.saw(x)
	f.streams[key] = s
	return s
}

// note remembers a file that is not read.
func (f *Follower) note(x found, st state, file *os.File, now time.Time) {
	f.log.Debug("not read", "path", x.path, "because", st)
	s := f.add(x, now)
	s.cp.State = st
	s.cp.Offset = x.size
	s.fingerprintOf(file)
	s.size = x.size
	s.dirty = true
	f.notify()
}

// fingerprintOf sets the digests of the checkpoint from a file.
func (s *fileStream) fingerprintOf(file *os.File) {
	if cod := codingAt(file); cod != codingNone {
		s.cp.Head = digestOf(unpackedHead(file, cod))
		return
	}
	if d, err := headOf(file, min(s.cp.Offset, headSize)); err == nil {
		s.cp.Head = d
	}
	if d, err := guardOf(file, s.cp.Offset, min(s.cp.Offset, guardSize)); err == nil {
		s.cp.Guard = d
	}
}

// unreadable reports once that a file may not be read.
func (f *Follower) unreadable(x found, err error) {
	if f.told[x.path] {
		return
	}
	f.told[x.path] = true
	f.extra = append(f.extra, Batch{Source: x.source, Gaps: []culprit.Gap{unreadable(x.path, x.path, err)}})
	f.notify()
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

// maxPartial bounds the line without an end that tail may hold in memory.
const maxPartial = 1 << 20

// newlineWithin reports whether there is a newline in n bytes from a position on.
func newlineWithin(f io.ReaderAt, off, n int64) bool {
	b := make([]byte, n)
	k, _ := f.ReadAt(b, off)
	return bytes.IndexByte(b[:k], '\n') >= 0
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

// complete reports whether a file has one whole line, or enough to be recognized by.
func complete(f io.ReaderAt, size int64) bool {
	return size >= headSize || newlineWithin(f, 0, min(size, headSize))
}

// codingAt returns how an open file is packed.
func codingAt(f *os.File) coding {
	var b [16]byte
	n, _ := f.ReadAt(b[:], 0)
	return codingOf(b[:n])
}

// timed reports whether the beginning of a file holds a date, so that other
// files do not hold the same by chance.
func timed(f io.ReaderAt) bool {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	return hasDate.Match(b[:n])
}

// sameBeginning reports whether two files hold the same up to a position.
func sameBeginning(a, b io.ReaderAt, n int64) bool {
	x, err := headOf(a, n)
	if err != nil {
		return false
	}
	y, err := headOf(b, n)
	return err == nil && x == y
}

// sameEnd reports whether two files hold the same before a position.
func sameEnd(a, b io.ReaderAt, off int64) bool {
	n := min(off, guardSize)
	x, err := guardOf(a, off, n)
	if err != nil {
		return false
	}
	y, err := guardOf(b, off, n)
	return err == nil && x == y
}

// isPacked says from its name whether a file is packed.
func isPacked(path string) bool { return unpackedName(path) != path }

// unpackedHead returns the beginning of what a packed file holds.
func unpackedHead(f *os.File, cod coding) []byte {
	z, err := cod.decode(io.NewSectionReader(f, 0, 1<<62), defaultStreamBytes)
	if err != nil {
		return nil
	}
	defer z.Close()
	b, _ := readHead(z, headSize)
	return b
}

// unpackedSize returns the size modulo 2^32 that stands at the end of a gzip
// file of one member.
func unpackedSize(f io.ReaderAt, size int64) uint32 {
	var b [4]byte
	if _, err := f.ReadAt(b[:], size-4); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b[:])
}

// unpackedBegins reports whether a packed file has the beginning of a checkpoint.
func unpackedBegins(f *os.File, cod coding, c *checkpoint) bool {
	b := unpackedHead(f, cod)
	return len(b) >= c.Head.Len && c.Head.Len > 0 && digestOf(b[:c.Head.Len]) == c.Head
}

// unpackedHolds reports whether a packed file holds all that a checkpoint says
// was read.
func unpackedHolds(f *os.File, cod coding, c *checkpoint) bool {
	if !unpackedBegins(f, cod, c) {
		return false
	}
	z, err := cod.decode(io.NewSectionReader(f, 0, 1<<62), defaultStreamBytes)
	if err != nil {
		return false
	}
	defer z.Close()
	n := int64(c.Guard.Len)
	if n == 0 || n > c.Offset {
		return false
	}
	if _, err := io.CopyN(io.Discard, z, c.Offset-n); err != nil {
		return false
	}
	b := make([]byte, n)
	_, err = io.ReadFull(z, b)
	return err == nil && digestOf(b) == c.Guard
}
