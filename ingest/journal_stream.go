package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"culprit"
	"culprit/parsers"
)

// A Journal is a systemd journal that is followed by a journalctl of its own.
type Journal struct {
	Name string   // as it goes into the records
	Args []string // what selects it: nothing for this machine's, --directory=DIR, --file=FILE

	// Command makes the process, for tests; default exec.CommandContext.
	Command func(ctx context.Context, args ...string) *exec.Cmd
}

func (j Journal) key() string { return "journal#" + j.Name }

func (j Journal) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(append([]string(nil), j.Args...), args...)
	var cmd *exec.Cmd
	if j.Command != nil {
		cmd = j.Command(ctx, args...)
	} else {
		cmd = exec.CommandContext(ctx, journalctl, args...)
	}
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	return cmd
}

const (
	probeEvery   = time.Minute // a quiet journal is normal, so ask now and then whether it is
	probeWithin  = 10 * time.Second
	backOffFirst = time.Second
	backOffLast  = time.Minute
)

// A journalStream follows one journal. The process is started again whenever it
// ends, with growing pauses; every start begins at the checkpoint and compares
// the first entry with it, because journalctl does not say when the entry that
// it was to begin at is gone.
type journalStream struct {
	f  *Follower
	j  Journal
	cp checkpoint
	q  *queue
	ps *parsers.Stream

	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}

	arrived atomic.Int64 // entries since the start
	said    atomic.Pointer[string]
	lastCur string // cursor of the last parsed entry
	lastUS  int64
	no      int
	last    time.Time
	read    time.Time
	gaps    []culprit.Gap
	gapOf   chan culprit.Gap
}

func newJournalStream(f *Follower, j Journal, cp *checkpoint) *journalStream {
	s := &journalStream{f: f, j: j, gapOf: make(chan culprit.Gap, 16), ended: make(chan struct{})}
	s.cp = checkpoint{Source: j.Name}
	if cp != nil {
		s.cp = *cp
	}
	s.q = newQueue(f.notify)
	o := f.opts.Parse(Place{Pattern: j.Name, What: "journal"}, j.Name, nil)
	o.Source, o.After = j.Name, s.cp.After
	s.ps = parsers.NewStream(o)
	s.no = s.cp.Line
	s.lastCur, s.lastUS = s.cp.Cursor, s.cp.Micros
	return s
}

// startJournals starts the process of every journal.
func (f *Follower) startJournals(ctx context.Context) {
	for _, s := range f.journals {
		s.ctx, s.cancel = context.WithCancel(ctx) //nolint:fatcontext // each has its own
		go s.run()
	}
}

func (s *journalStream) halt() {
	if s.cancel != nil {
		s.cancel()
		s.q.close()
		<-s.ended
	}
}

// A journalPlace is where a start of journalctl begins.
type journalPlace struct {
	cursor  string
	include bool  // the entry at the cursor was not committed
	micros  int64 // its receive time
	since   bool  // begin by time: the cursor leads nowhere
}

func (p journalPlace) args(now time.Time) []string {
	args := []string{"--follow", "--no-tail"}
	switch {
	case p.cursor != "" && !p.since:
		return append(args, "--cursor="+p.cursor)
	case p.micros == 0 || p.micros > now.UnixMicro():
		// The clock was ahead when the last entry was written: what came after
		// it has an earlier time, and only its number tells it from the rest.
		return args
	}
	return append(args, "--since=@"+strconv.FormatInt(p.micros/1e6-60, 10))
}

// run keeps a journalctl running until the stream is halted.
func (s *journalStream) run() {
	defer close(s.ended)
	at := journalPlace{cursor: s.cp.Cursor, include: s.cp.Include, micros: s.cp.Micros}
	if at.cursor == "" && s.f.opts.Backfill > 0 {
		// A journal that was never read: by time, and nothing to compare with.
		at.micros = s.f.opts.Now().Add(-s.f.opts.Backfill).UnixMicro()
	}
	pause := backOffFirst
	for s.ctx.Err() == nil {
		next, stuck, err := s.once(at)
		if s.ctx.Err() != nil {
			return
		}
		moved := next.cursor != at.cursor
		at = next
		switch {
		case stuck:
			at.since = at.cursor != ""
		case moved:
			pause, at.since = backOffFirst, false
		}
		why := "journalctl ended"
		if err != nil {
			why = err.Error()
		}
		s.said.Store(&why)
		s.f.log.Warn("journal", "name", s.j.Name, "ended", why, "again_in", pause)
		select {
		case <-s.f.opts.After(pause):
			pause = min(2*pause, backOffLast)
		case <-s.ctx.Done():
		}
	}
}

// once runs one journalctl and queues what it prints. It returns where the next
// one has to begin, and whether this one gave nothing although there was
// something.
func (s *journalStream) once(at journalPlace) (next journalPlace, stuck bool, err error) {
	next = at
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	args := append(at.args(s.f.opts.Now()), "--merge", "--all", "--no-pager", "--quiet", "--output=export")
	cmd := s.j.command(ctx, args...)
	errs := &lastBytes{max: 4 << 10}
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return next, false, err
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			s.tell(gapOf(s.j.Name, time.Time{}, "the journal is not followed: there is no journalctl", "install systemd's journalctl"))
		}
		return next, false, fmt.Errorf("start journalctl: %w", err)
	}

	var last atomic.Pointer[string] // cursor of the newest entry that came
	last.Store(&at.cursor)
	var hung atomic.Bool
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ctx, &last, &hung, cancel)
	}()

	r := parsers.NewExportReader(out)
	first := true
	for {
		e := new(parsers.JournalEntry)
		rerr := r.Next(e)
		if rerr != nil {
			if !errors.Is(rerr, io.EOF) {
				err = rerr
			}
			break
		}
		if e.Mark&culprit.MarkUnterminated != 0 {
			break // killed in the middle of an entry: it comes again
		}
		cursor := strings.Clone(e.Cursor())
		last.Store(&cursor)
		if first && at.cursor != "" && !at.since && missing(at.cursor, cursor) {
			s.tell(gapOf(s.j.Name, time.UnixMicro(at.micros).UTC(),
				"entries after the last one that was read are gone from the journal (vacuumed or rotated away)",
				"raise SystemMaxUse= in /etc/systemd/journald.conf"))
		}
		first = false
		if at.cursor != "" && !after(cursor, at) {
			continue
		}
		if !s.q.put(queued{entry: e}) {
			break
		}
		s.arrived.Add(1)
		us, _ := strconv.ParseInt(e.Field("__REALTIME_TIMESTAMP"), 10, 64)
		next = journalPlace{cursor: cursor, micros: us}
		s.said.Store(nil)
	}
	cancel()
	werr := cmd.Wait()
	<-watched
	if err == nil {
		err = werr
	}
	if t := strings.TrimSpace(errs.String()); t != "" && err != nil {
		err = fmt.Errorf("%w: %s", err, firstLine(t, nil))
		if strings.Contains(t, "insufficient permissions") || strings.Contains(t, "not seeing messages") {
			s.tell(gapOf(s.j.Name, time.Time{}, "this user may not read all of the journal", "sudo usermod -aG systemd-journal $USER"))
		}
		if strings.Contains(t, "seek to cursor") {
			return next, true, err
		}
	}
	return next, hung.Load() && next.cursor == at.cursor, err
}

// watch asks from time to time whether entries are there that did not come, and
// ends a journalctl that hangs.
func (s *journalStream) watch(ctx context.Context, last *atomic.Pointer[string], hung *atomic.Bool, end func()) {
	for {
		before := s.arrived.Load()
		select {
		case <-ctx.Done():
			return
		case <-s.f.opts.After(probeEvery):
		}
		if s.arrived.Load() != before {
			continue
		}
		newest, err := s.newest(ctx)
		if err != nil || newest == "" || newest == *last.Load() || s.arrived.Load() != before {
			continue
		}
		s.f.log.Warn("journal hangs", "name", s.j.Name)
		hung.Store(true)
		end()
		return
	}
}

// newest returns the cursor of the newest entry.
func (s *journalStream) newest(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	out, err := s.j.command(ctx, "--merge", "--no-pager", "--quiet", "--output=export", "--output-fields=PRIORITY", "--lines=1").Output()
	if err != nil {
		return "", err
	}
	v, _, _ := strings.Cut(strings.TrimPrefix(string(out), exportMagic), "\n")
	return v, nil
}

// missing reports whether entries may be missing between the one that journalctl
// was to begin with and the first that it printed. The numbers of one journald
// have no holes.
func missing(asked, got string) bool {
	s, i, ok := sequence(asked)
	t, k, ok2 := sequence(got)
	return asked != got && (!ok || !ok2 || s != t || k > i+1)
}

// after reports whether an entry comes after a place in the order of one
// journald: its sequence number is higher. Entries of another sequence do.
func after(cursor string, at journalPlace) bool {
	s, i, ok := sequence(cursor)
	t, k, ok2 := sequence(at.cursor)
	if !ok || !ok2 || s != t {
		return true
	}
	return i > k || i == k && at.include
}

// sequence returns the id and the number of an entry in its cursor.
func sequence(cursor string) (id string, n uint64, ok bool) {
	for part := range strings.SplitSeq(cursor, ";") {
		if v, is := strings.CutPrefix(part, "s="); is {
			id = v
		}
		if v, is := strings.CutPrefix(part, "i="); is {
			var err error
			n, err = strconv.ParseUint(v, 16, 64)
			ok = err == nil
		}
	}
	return id, n, ok && id != ""
}

// tell passes a gap to the goroutine that commits.
func (s *journalStream) tell(g culprit.Gap) {
	select {
	case s.gapOf <- g:
	default: // it was said often enough
	}
	s.f.notify()
}

// step parses what was read and returns what there is to commit.
func (s *journalStream) step(now time.Time) (Batch, bool) {
	for {
		select {
		case g := <-s.gapOf:
			s.gaps = append(s.gaps, g)
			continue
		default:
		}
		break
	}
	items := s.q.take()
	if len(items) == 0 && len(s.gaps) == 0 {
		return Batch{}, false
	}
	b := Batch{Source: s.j.Name, Stream: s.j.key(), Gaps: s.gaps}
	s.gaps = nil
	own := func(list *[]*culprit.Record) func(*culprit.Record) {
		return func(r *culprit.Record) {
			c := r.Clone()
			c.ObservedTime = now
			if c.Time.After(s.last) {
				s.last = c.Time
			}
			*list = append(*list, c)
		}
	}
	closed, open := own(&b.Closed), own(&b.Open)
	for _, l := range items {
		line := l.entry.Line()
		s.no++
		line.No = s.no
		s.lastCur = strings.Clone(l.entry.Cursor())
		s.lastUS, _ = strconv.ParseInt(l.entry.Field("__REALTIME_TIMESTAMP"), 10, 64)
		s.ps.Push(line, closed)
	}
	if len(items) > 0 {
		s.read = now
		s.ps.Open(open)
		s.cp.Cursor, s.cp.Micros, s.cp.Include, s.cp.Line = s.lastCur, s.lastUS, false, s.no
		if len(b.Open) > 0 {
			s.cp.Cursor, s.cp.Include = strings.Clone(s.ps.Resume().Cursor), true
			s.cp.Line = b.Open[0].LineFrom - 1
		}
		s.cp.After = s.ps.Last()
		b.Checkpoint = s.cp.marshal()
	}
	return b, true
}

func (s *journalStream) committed() {}

func (s *journalStream) status() SourceStatus {
	st := SourceStatus{Source: s.j.Name, Last: s.last, Read: s.read}
	if p := s.said.Load(); p != nil {
		st.Problem = *p
	}
	return st
}
