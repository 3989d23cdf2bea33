package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

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
	} else if s.holdsHeld(file) {
		return file, nil
	}
	file.Close()
	return nil, nil
}

// holdsHeld reports whether a file begins with the lines that were read and not
// stored before the stream's first commit.
func (s *fileStream) holdsHeld(file *os.File) bool {
	if !s.broken || len(s.held) == 0 {
		return false
	}
	z, err := codingAt(file).decode(io.NewSectionReader(file, 0, 1<<62), defaultStreamBytes)
	if err != nil {
		return false
	}
	defer z.Close()
	b := make([]byte, s.held[len(s.held)-1].end) // what a queue takes, so it is bounded
	n, err := io.ReadFull(z, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	for _, l := range s.held {
		if !bytes.HasPrefix(b[min(l.start, int64(n)):n], l.text) {
			return false
		}
	}
	return true
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
