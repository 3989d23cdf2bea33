package ingest_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"culprit"
	"culprit/ingest"
)

// A journalWriter is a journal file that grows, written by the real thing.
type journalWriter struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	at   time.Time
	boot string
	mono int64
}

func newJournalWriter(t *testing.T, path, boot string, at time.Time) *journalWriter {
	t.Helper()
	const remote = "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(remote); err != nil {
		t.Skip("no systemd-journal-remote")
	}
	w := &journalWriter{t: t, boot: boot, at: at, mono: at.Sub(bootTime).Microseconds(), cmd: exec.Command(remote, "--output="+path, "--split-mode=none", "-")}
	in, err := w.cmd.StdinPipe()
	must(t, err)
	w.in = in
	must(t, w.cmd.Start())
	t.Cleanup(w.close)
	return w
}

func (w *journalWriter) add(messages ...string) {
	w.t.Helper()
	for _, m := range messages {
		_, err := fmt.Fprintf(w.in, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n_TRANSPORT=stdout\nSYSLOG_IDENTIFIER=app\n_PID=77\n_SYSTEMD_UNIT=app.service\nPRIORITY=6\nMESSAGE=%s\n\n",
			w.at.UnixMicro(), w.mono, w.boot, m)
		must(w.t, err)
		w.at = w.at.Add(time.Millisecond)
		w.mono += 1000
	}
}

func (w *journalWriter) close() {
	if w.in != nil {
		w.in.Close()
		w.in = nil
		_ = w.cmd.Wait()
	}
}

// A journalBench follows a folder of journals.
type journalBench struct {
	*bench
	mu     sync.Mutex
	cmds   []*exec.Cmd
	pauses []time.Duration
	probe  chan time.Time // lets the watchdog look
	fail   bool           // journalctl cannot run
}

func newJournalBench(t *testing.T) *journalBench {
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip("no journalctl")
	}
	j := &journalBench{bench: newBench(t), probe: make(chan time.Time)}
	j.opts.Places = nil
	j.opts.Backfill = 1000 * 24 * time.Hour
	j.opts.Journals = []ingest.Journal{{Name: "journal", Args: []string{"--directory=" + j.dir}, Command: j.command}}
	j.opts.After = func(d time.Duration) <-chan time.Time {
		j.mu.Lock()
		defer j.mu.Unlock()
		if d == time.Minute && !j.fail { // the watchdog's, or the last pause
			return j.probe
		}
		if d >= time.Second {
			j.pauses = append(j.pauses, d)
		}
		c := make(chan time.Time, 1)
		c <- time.Time{}
		return c
	}
	return j
}

func (j *journalBench) command(ctx context.Context, args ...string) *exec.Cmd {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail {
		return exec.CommandContext(ctx, "sh", "-c", "echo Bad message >&2; exit 1")
	}
	cmd := exec.CommandContext(ctx, "journalctl", args...)
	if slices.Contains(args, "--follow") {
		j.cmds = append(j.cmds, cmd)
	}
	return cmd
}

// running returns the journalctl that follows now.
func (j *journalBench) running() *os.Process {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cmds[len(j.cmds)-1].Process
}

func (j *journalBench) messages() []string {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	var out []string
	for _, k := range j.m.order {
		for _, r := range slices.Concat(j.m.streams[k].closed, j.m.streams[k].open) {
			out = append(out, strings.Split(r.Message, "\n")...)
		}
	}
	return out
}

func (j *journalBench) want(messages ...string) {
	j.t.Helper()
	j.m.awaitLines(j.t, len(messages))
	if got := j.messages(); !slices.Equal(got, messages) {
		j.t.Errorf("stored %q, want %q", got, messages)
	}
}

func entries(from, n int) []string {
	var out []string
	for k := from; k < from+n; k++ {
		out = append(out, fmt.Sprintf("entry %d", k))
	}
	return out
}

const boot2 = "9d1c0b6a5f4e4d3c8b2a190817263544"

func TestFollowJournal_EntriesOnceAcrossKills(t *testing.T) {
	j := newJournalBench(t)
	w := newJournalWriter(t, j.path("app.journal"), boot1, time.Now().Add(-time.Hour))
	n := 0
	for round := range 6 {
		w.add(entries(n, 20)...)
		n += 20
		j.start()
		j.want(entries(0, n)...)
		w.add(entries(n, 5)...)
		n += 5
		j.want(entries(0, n)...)
		if round%2 == 0 {
			j.kill()
		} else {
			j.halt()
		}
	}
	j.wantGaps(0, "")
	for _, s := range j.m.streams {
		for k, r := range s.closed {
			if r.LineFrom != k+1 || r.Source != "journal" || r.Start.Cursor == "" || r.Unit != "app.service" {
				t.Fatalf("record %d: %+v", k, r)
			}
		}
	}
}

// A trace over many entries that is cut by a kill after each of them gives the
// record of a reading without one.
func TestFollowJournal_TraceCutAtEveryEntry(t *testing.T) {
	lines := append(append([]string{"before"}, strings.Split(strings.TrimSpace(strings.ReplaceAll(trace, "\n\n", "\n")), "\n")...), "after")
	for cut := range lines {
		j := newJournalBench(t)
		w := newJournalWriter(t, j.path("app.journal"), boot1, time.Now().Add(-time.Hour))
		if cut > 0 {
			w.add(lines[:cut]...)
			j.start()
			j.m.awaitLines(t, cut)
			j.kill()
		}
		w.add(lines[cut:]...)
		j.start()
		j.m.awaitLines(t, len(lines))
		j.halt()
		var kinds []culprit.Kind
		for _, s := range j.m.streams {
			for _, r := range slices.Concat(s.closed, s.open) {
				kinds = append(kinds, r.Kind)
				if r.Kind == culprit.KindModuleNotFound && (r.LineFrom != 2 || r.LineTo != len(lines)-1) {
					t.Errorf("cut after %d: the trace is entries %d to %d", cut, r.LineFrom, r.LineTo)
				}
			}
		}
		if !slices.Contains(kinds, culprit.KindModuleNotFound) {
			t.Errorf("cut after %d: kinds %q", cut, kinds)
		}
		w.close()
	}
}

func TestFollowJournal_VacuumedWhileStopped(t *testing.T) {
	j := newJournalBench(t)
	journal(t, j.path("a.journal"), time.Now().Add(-2*time.Hour), boot1, entries(0, 10)...)
	j.start()
	j.want(entries(0, 10)...)
	j.halt()
	journal(t, j.path("b.journal"), time.Now().Add(-time.Hour), boot2, entries(11, 10)...)
	j.remove("a.journal")
	j.start()
	j.want(append(entries(0, 10), entries(11, 10)...)...)
	j.wantGaps(1, "vacuumed")
}

func TestFollowJournal_RotatedAndRebootedWhileStopped(t *testing.T) {
	j := newJournalBench(t)
	journal(t, j.path("a.journal"), time.Now().Add(-2*time.Hour), boot1, entries(0, 10)...)
	j.start()
	j.want(entries(0, 10)...)
	j.kill()
	journal(t, j.path("b.journal"), time.Now().Add(-90*time.Minute), boot1, entries(10, 5)...)
	journal(t, j.path("c.journal"), time.Now().Add(-time.Hour), boot2, entries(15, 5)...)
	j.start()
	j.want(entries(0, 20)...)
	j.wantGaps(0, "")
}

func TestFollowJournal_ClockWasAheadAndTheEntryIsGone(t *testing.T) {
	j := newJournalBench(t)
	journal(t, j.path("a.journal"), time.Now().Add(48*time.Hour), boot1, entries(0, 3)...)
	j.start()
	j.want(entries(0, 3)...)
	j.halt()
	j.remove("a.journal")
	journal(t, j.path("b.journal"), time.Now().Add(-time.Minute), boot2, entries(3, 4)...)
	j.start()
	j.probe <- time.Time{} // nothing comes, so the watchdog looks
	j.want(entries(0, 7)...)
}

func TestFollowJournal_JournalctlIsKilled(t *testing.T) {
	j := newJournalBench(t)
	w := newJournalWriter(t, j.path("app.journal"), boot1, time.Now().Add(-time.Hour))
	w.add(entries(0, 3)...)
	j.start()
	j.want(entries(0, 3)...)
	for k := range 5 {
		must(t, j.running().Kill())
		w.add(entries(3+k, 1)...)
		j.want(entries(0, 4+k)...)
	}
	j.wantGaps(0, "")
}

func TestFollowJournal_JournalctlHangs(t *testing.T) {
	j := newJournalBench(t)
	w := newJournalWriter(t, j.path("app.journal"), boot1, time.Now().Add(-time.Hour))
	w.add(entries(0, 3)...)
	j.start()
	j.want(entries(0, 3)...)
	j.probe <- time.Time{} // quiet is not hanging
	must(t, j.running().Signal(syscall.SIGSTOP))
	w.add(entries(3, 3)...)
	// The watchdog sees the entries as soon as they are in the file.
	for len(j.messages()) < 6 {
		select {
		case j.probe <- time.Time{}:
		case <-time.After(10 * time.Second):
			t.Fatal("the watchdog does not look")
		}
		if j.restarts() > 1 {
			break
		}
	}
	j.want(entries(0, 6)...)
}

func (j *journalBench) restarts() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.cmds)
}

func TestFollowJournal_JournalctlFailsAgainAndAgain(t *testing.T) {
	j := newJournalBench(t)
	j.fail = true
	j.opts.After = func(d time.Duration) <-chan time.Time {
		j.mu.Lock()
		defer j.mu.Unlock()
		c := make(chan time.Time, 1)
		switch {
		case d == time.Minute && len(j.pauses) < 6: // the watchdog
			return c
		case d == time.Minute:
			j.pauses = append(j.pauses, d)
			return c // for ever
		case d >= time.Second:
			j.pauses = append(j.pauses, d)
		}
		c <- time.Time{}
		return c
	}
	j.start()
	for {
		j.mu.Lock()
		n := len(j.pauses)
		j.mu.Unlock()
		if n > 6 {
			break
		}
		j.tick()
	}
	j.tick()
	st := j.f.Status()
	j.halt()
	j.mu.Lock()
	defer j.mu.Unlock()
	for k, d := range j.pauses[:7] {
		if want := min(time.Second<<k, time.Minute); d != want {
			t.Errorf("pause %d is %v, want %v", k, d, want)
		}
	}
	if len(st) != 1 || !strings.Contains(st[0].Problem, "Bad message") {
		t.Errorf("status %+v", st)
	}
}

func TestFollowJournal_NoJournalYet(t *testing.T) {
	j := newJournalBench(t)
	j.start()
	j.tick()
	w := newJournalWriter(t, filepath.Join(j.dir, "app.journal"), boot1, time.Now())
	w.add(entries(0, 3)...)
	j.want(entries(0, 3)...)
}
