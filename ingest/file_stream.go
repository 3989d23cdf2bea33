package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nxadm/tail"
	"github.com/nxadm/tail/watch"

	"culprit"
	"culprit/parsers"
)

func init() {
	// How often tail looks whether a file has grown. It looks at inodes that
	// are held open, which costs a few microseconds.
	watch.POLL_DURATION = 200 * time.Millisecond
}

// A fileStream is one file from its creation to its end. It outlives its
// reading: a finished one is how its file is recognized later.
type fileStream struct {
	f   *Follower
	key string
	cp  checkpoint // as of the last commit, or of the batch under way

	// Where the last scan found it.
	path    string
	current bool // under the name that its writer opens
	present bool
	size    int64 // -1 if it was not looked at yet
	mod     time.Time
	changed time.Time // when it was last seen to have grown
	coding  coding

	// While it is read.
	file     *os.File
	q        *queue
	r        *fileReader
	ps       *parsers.Stream
	next     int64     // end of the last line that was parsed
	nextNo   int       // number of the line there
	parsed   bool      // a line was parsed since it was opened
	recent   []byte    // the bytes before next, from guardSize before the checkpoint on
	begin    []byte    // the first bytes of the file, at most headSize
	marks    []lineAt  // lines from the checkpoint to next
	last     time.Time // newest time of a record
	read     time.Time
	broken   bool // its content is no longer what was read: truncated
	held     []queued
	brokenAt int // scan before which it was found out
	lostAt   int // scan in which its file was missed, 0 if it is there
	ending   bool
	closing  bool // the batch under way is its last
	gaps     []culprit.Gap
	dirty    bool // the checkpoint has to be written even without lines
}

type lineAt struct {
	off int64
	no  int
}

// open begins or goes on to read the stream's file, which stays held.
func (s *fileStream) open(file *os.File, p Place) {
	s.file = file
	s.cp.State = stateOpen
	var head [sampleSize]byte
	n, _ := file.ReadAt(head[:], 0)
	o := s.f.opts.Parse(p, s.path, head[:n])
	o.Source, o.Ref, o.After = s.cp.Source, s.mod, s.cp.After
	s.ps = parsers.NewStream(o)
	s.next, s.nextNo = s.cp.Offset, max(s.cp.Line, 1)
	s.recent, s.begin = nil, nil
	torn := false
	if s.coding == codingNone && s.next > 0 {
		s.recent = make([]byte, min(s.next, guardSize))
		s.begin = make([]byte, min(s.next, headSize))
		_, err := file.ReadAt(s.recent, s.next-int64(len(s.recent)))
		_, err2 := file.ReadAt(s.begin, 0)
		torn = err != nil && !errors.Is(err, io.EOF) || err2 != nil && !errors.Is(err2, io.EOF) || !s.cp.guarded(file, s.next)
	}
	s.marks = nil
	s.broken, s.ending, s.closing, s.parsed, s.held, s.lostAt = false, false, false, false, nil, 0
	s.changed = s.f.opts.Now()
	s.q = newQueue(s.f.notify)
	s.start(s.next, s.nextNo, false)
	if torn { // truncated since it was looked at
		s.shatter(nil)
	}
}

// start runs a reader from a position on.
func (s *fileStream) start(off int64, no int, cut bool) {
	s.r = &fileReader{
		file: s.file, coding: s.coding, q: s.q, pos: off, no: no, cut: cut,
		done: make(chan struct{}), catch: s.f.catch, wake: s.f.notify,
	}
	s.r.ctx, s.r.cancel = context.WithCancel(context.Background())
	go s.r.run()
}

// halt stops the reader. What it has queued stays.
func (s *fileStream) halt() {
	if s.r != nil {
		s.r.stop()
	}
}

// release closes the file.
func (s *fileStream) release() {
	if s.file != nil {
		s.file.Close()
		s.file, s.r, s.ps, s.q, s.marks, s.recent, s.begin = nil, nil, nil, nil, nil, nil, nil
	}
}

// intact reports whether the file still holds what was parsed last, or if
// nothing was, the first of items. A file that was truncated and has grown again
// beyond its old size is found by this only.
func (s *fileStream) intact(items []queued) bool {
	if s.coding != codingNone {
		return true
	}
	want := s.recent[max(0, len(s.recent)-guardSize):]
	at := s.next - int64(len(want))
	if len(want) == 0 {
		if len(items) == 0 {
			return true
		}
		want, at = items[0].text, items[0].end-int64(len(items[0].text))-1
		if at < items[0].start {
			at = items[0].start
		}
	}
	b := make([]byte, len(want))
	n, err := s.file.ReadAt(b, at)
	return n == len(b) && (err == nil || errors.Is(err, io.EOF)) && bytes.Equal(b, want)
}

// shatter notes that the file was truncated. Of the lines that came since the
// last look some may be of the new content: what the file holds now will be read
// again from there, the rest is kept.
func (s *fileStream) shatter(items []queued) {
	s.halt()
	s.broken, s.brokenAt = true, s.f.scans
	s.held = s.notInFile(append(items, s.q.take()...))
	s.f.notify()
}

// restart reads on from a position with a new reader. Lines in the queue that
// lie behind it are dropped.
func (s *fileStream) restart(off int64, no int) {
	s.halt()
	var keep []queued
	for _, l := range s.q.take() {
		if l.end <= off {
			keep = append(keep, l)
		}
	}
	cut := len(keep) > 0 && keep[len(keep)-1].mark&culprit.MarkTruncated != 0
	s.q = newQueue(s.f.notify)
	for _, l := range keep {
		s.q.items = append(s.q.items, l)
		s.q.bytes += l.size()
	}
	s.start(off, no, cut)
	s.f.notify()
}

// step parses what was read and returns what there is to commit.
func (s *fileStream) step(now time.Time) (Batch, bool) {
	if s.file == nil {
		if !s.dirty {
			return Batch{}, false
		}
		s.dirty = false
		return Batch{Source: s.cp.Source, Stream: s.key, Checkpoint: s.cp.marshal()}, true
	}
	if s.broken {
		if !s.ending {
			return Batch{}, false // the next scan decides where the rest is
		}
		items := s.held
		s.held = nil
		return s.parse(items, true), true
	}
	items := s.q.take()
	if lost := s.r.lost.Load(); lost || len(items) > 0 {
		switch {
		case !s.intact(items):
			s.shatter(items)
			return Batch{}, false
		case lost:
			// Somebody cut off the end that was not parsed yet.
			s.restart(s.next, s.nextNo)
			items = nil
		}
	}
	if len(items) == 0 && !s.ending && len(s.gaps) == 0 && !s.dirty {
		return Batch{}, false
	}
	if len(items) > 0 {
		s.read = now
	}
	if s.ending {
		items, s.held = append(items, s.held...), nil
	}
	return s.parse(items, s.ending), true
}

// parse runs lines through the parsers and makes the batch of what came out.
func (s *fileStream) parse(items []queued, end bool) Batch {
	b := Batch{Source: s.cp.Source, Stream: s.key, Gaps: s.gaps}
	s.gaps, s.dirty = nil, false
	observed := s.f.opts.Now()
	own := func(list *[]*culprit.Record) func(*culprit.Record) {
		return func(r *culprit.Record) {
			c := r.Clone()
			c.ObservedTime = observed
			if c.Time.After(s.last) {
				s.last = c.Time
			}
			*list = append(*list, c)
		}
	}
	closed, open := own(&b.Closed), own(&b.Open)
	for k := range items {
		l := &items[k]
		s.marks = append(s.marks, lineAt{l.start, l.no})
		s.ps.Push(parsers.Line{
			Text: l.text, No: l.no, Mark: l.mark, Start: culprit.Position{Offset: l.start}, End: culprit.Position{Offset: l.end},
		}, closed)
		s.remember(l)
		s.next, s.nextNo, s.parsed = l.end, l.no, true
		if l.mark&culprit.MarkTruncated == 0 {
			s.nextNo++
		}
	}
	if end {
		s.ps.Close(closed)
		s.cp.Offset, s.cp.Line = s.next, s.nextNo
		s.cp.State = stateDone
		s.closing = true
	} else {
		s.ps.Open(open)
		s.resumeAt(s.ps.Resume().Offset)
	}
	s.cp.After = s.ps.Last()
	s.cp.Path = s.path
	if s.broken {
		s.cp.Inode = inode{} // the file goes on as another stream
	} else {
		s.fingerprint()
	}
	b.Checkpoint = s.cp.marshal()
	return b
}

// resumeAt moves the checkpoint to a position, which is that of a line.
func (s *fileStream) resumeAt(off int64) {
	if !s.parsed {
		return
	}
	k := 0
	for k < len(s.marks) && s.marks[k].off < off {
		k++
	}
	s.cp.Offset = off
	if k < len(s.marks) && off < s.next {
		s.cp.Line = s.marks[k].no
	} else if off == s.next {
		s.cp.Line = s.nextNo
	}
	s.marks = append(s.marks[:0], s.marks[k:]...)
}

// remember keeps the bytes of a line that was parsed. The digests of the next
// checkpoint are made of them and not of the file, which may have been truncated
// since.
func (s *fileStream) remember(l *queued) {
	newline := l.end-l.start > int64(len(l.text))
	if l.start != s.next { // a hole lies before it
		s.recent = s.recent[:0]
	}
	if free := headSize - len(s.begin); free > 0 && l.start == int64(len(s.begin)) {
		s.begin = append(s.begin, l.text[:min(free, len(l.text))]...)
		if newline && len(s.begin) < headSize {
			s.begin = append(s.begin, '\n')
		}
	}
	s.recent = append(s.recent, l.text...)
	if newline {
		s.recent = append(s.recent, '\n')
	}
}

// fingerprint renews the digests of the checkpoint and drops what the next ones
// will not need.
func (s *fileStream) fingerprint() {
	if s.coding != codingNone {
		return // a packed file does not change; its digest is that of its content
	}
	if n := min(int64(len(s.begin)), s.cp.Offset); int(n) != s.cp.Head.Len {
		s.cp.Head = digestOf(s.begin[:n])
	}
	before := s.recent[:max(0, int64(len(s.recent))-(s.next-s.cp.Offset))]
	before = before[max(0, len(before)-guardSize):]
	s.cp.Guard = digestOf(before)
	keep := int64(len(before)) + s.next - s.cp.Offset
	if drop := len(s.recent) - int(min(keep, int64(len(s.recent)))); drop > 0 {
		s.recent = append(s.recent[:0], s.recent[drop:]...)
	}
}

// notInFile returns the lines that the file does not hold at their positions.
func (s *fileStream) notInFile(items []queued) []queued {
	var out []queued
	for _, l := range items {
		b := make([]byte, l.end-l.start)
		n, _ := s.file.ReadAt(b, l.start)
		if !bytes.Equal(bytes.TrimSuffix(b[:n], []byte("\n")), l.text) {
			out = append(out, l)
			continue
		}
		break // from here on all are of the new content
	}
	return out
}

// committed is called when the batch of the last step is stored.
func (s *fileStream) committed() {
	if s.closing {
		s.closing, s.ending = false, false
		s.halt()
		s.release()
	}
}

// end makes the next step the stream's last.
func (s *fileStream) end() {
	s.ending = true
	s.f.notify()
}

// status describes a stream that is read.
func (s *fileStream) status() (SourceStatus, bool) {
	if s.file == nil {
		return SourceStatus{}, false
	}
	return SourceStatus{Source: s.cp.Source, Path: s.path, Offset: s.cp.Offset, Size: s.size, Last: s.last, Read: s.read}, true
}

// A fileReader reads the lines of one file that is held open and queues them:
// first what is there, in large pieces, then with nxadm/tail what is added.
type fileReader struct {
	file   *os.File
	coding coding
	q      *queue
	pos    int64 // after the last queued line
	no     int   // number of the line at pos
	cut    bool  // pos is in the middle of a line

	at     atomic.Int64 // pos, for the scan
	tails  atomic.Bool  // all that was there has been queued
	lost   atomic.Bool  // positions do not fit: the file was truncated
	ended  atomic.Bool  // a packed file was read to its end
	failed atomic.Pointer[error]
	ctx    context.Context // of this reader alone
	cancel context.CancelFunc
	done   chan struct{}
	catch  chan struct{}
	wake   func()
}

func (r *fileReader) stop() {
	r.cancel()
	r.q.close()
	<-r.done
}

func (r *fileReader) run() {
	defer close(r.done)
	defer r.wake()
	r.at.Store(r.pos)
	select {
	case r.catch <- struct{}{}:
	case <-r.ctx.Done():
		return
	}
	err := r.catchUp()
	<-r.catch
	if err == nil && r.coding == codingNone {
		r.tails.Store(true)
		err = r.follow()
	}
	if err != nil && !errors.Is(err, errStopped) && r.ctx.Err() == nil {
		r.failed.Store(&err)
	}
}

// catchUp queues the lines that are there now.
func (r *fileReader) catchUp() error {
	var src io.Reader
	if r.coding == codingNone {
		fi, err := r.file.Stat()
		if err != nil {
			return err
		}
		if fi.Size() <= r.pos {
			return nil
		}
		src = io.NewSectionReader(r.file, r.pos, fi.Size()-r.pos)
	} else {
		if _, err := r.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		z, err := r.coding.decode(r.file, defaultStreamBytes)
		if err != nil {
			return err
		}
		defer z.Close()
		if _, err := io.CopyN(io.Discard, z, r.pos); err != nil {
			return err
		}
		src = z
	}
	c := newCutter(r.pos, r.no)
	c.follow, c.cont = r.coding == codingNone, r.cut
	err := c.run(r.ctx, src, func(l parsers.Line) error {
		return r.put(queued{text: bytes.Clone(l.Text), no: l.No, start: l.Start.Offset, end: l.End.Offset, mark: l.Mark})
	})
	r.cut = c.cont
	if err == nil && r.coding != codingNone {
		r.ended.Store(true)
	}
	return err
}

func (r *fileReader) put(l queued) error {
	if !r.q.put(l) {
		return errStopped
	}
	r.pos, r.no = l.end, l.no
	if r.cut = l.mark&culprit.MarkTruncated != 0; !r.cut {
		r.no++
	}
	r.at.Store(l.end)
	return nil
}

// follow queues the lines that are added.
func (r *fileReader) follow() error {
	t, err := tail.TailFile("/proc/self/fd/"+strconv.Itoa(int(r.file.Fd())), tail.Config{
		Follow: true, Poll: true, MustExist: true, CompleteLines: true,
		Location: &tail.SeekInfo{Offset: r.pos}, Logger: tail.DiscardingLogger,
	})
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	defer func() { _ = t.Stop() }()
	for {
		select {
		case <-r.ctx.Done():
			return errStopped
		case l, ok := <-t.Lines:
			if !ok {
				return fmt.Errorf("follow: ended: %w", t.Err())
			}
			if l.Err != nil {
				continue // tail's own words, not the log's
			}
			if l.SeekInfo.Offset != r.pos+int64(len(l.Text))+1 {
				r.lost.Store(true)
				return errStopped
			}
			if err := r.pieces([]byte(l.Text)); err != nil {
				return err
			}
		}
	}
}

// pieces queues a line as the cutter would: without the NUL bytes of a hole in
// front of it, and in parts if it is too long.
func (r *fileReader) pieces(text []byte) error {
	var mark culprit.Mark
	if n := leadingNULs(text); n > 0 && !r.cut {
		text = text[n:]
		r.pos += int64(n)
		mark = culprit.MarkNUL
	}
	for len(text) > parsers.MaxBytes {
		p := wholeRunes(text[:parsers.MaxBytes])
		if err := r.put(queued{text: p, no: r.no, start: r.pos, end: r.pos + int64(len(p)), mark: mark | culprit.MarkTruncated}); err != nil {
			return err
		}
		text = text[len(p):]
	}
	return r.put(queued{text: text, no: r.no, start: r.pos, end: r.pos + int64(len(text)) + 1, mark: mark})
}
