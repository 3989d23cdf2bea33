package ingest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"culprit"
)

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

// unreadable reports once that a file may not be read.
func (f *Follower) unreadable(x found, err error) {
	if f.told[x.path] {
		return
	}
	f.told[x.path] = true
	f.extra = append(f.extra, Batch{Source: x.source, Gaps: []culprit.Gap{unreadable(x.path, x.path, err)}})
	f.notify()
}
