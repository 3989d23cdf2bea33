package ingest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"culprit"
	"culprit/parsers"
)

func TestFollow_LinesAsTheyAreWritten(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 3))
	b.start()
	b.m.awaitLines(t, 3)
	for k := 3; k < 20; k++ {
		b.append("error.log", numbered(k, 1))
		b.m.awaitLines(t, k+1)
	}
	b.wantLines(20)
	b.wantGaps(0, "")
	b.tick()
	st := b.f.Status()
	if len(st) != 1 || st[0].Source != b.path("error.log") || st[0].Offset != st[0].Size || st[0].Problem != "" {
		t.Errorf("status %+v", st)
	}
}

func TestFollow_PositionsAndNumbersAcrossRestarts(t *testing.T) {
	b := newBench(t)
	text := numbered(0, 10) + "\n\x00\x00after a hole\n" + "é\xff\r\n"
	for k := range len(text) {
		b.append("a.log", text[k:k+1])
		if k%37 == 5 {
			b.start()
			b.m.awaitLines(t, strings.Count(text[:k+1], "\n"))
			if k%2 == 0 {
				b.kill()
			} else {
				b.halt()
			}
		}
	}
	b.start()
	b.m.awaitLines(t, 13)
	b.halt()
	var all []*culprit.Record
	for _, s := range b.m.streams {
		all = append(append(all, s.closed...), s.open...)
	}
	if len(b.m.streams) != 1 || len(all) != 13 {
		t.Fatalf("%d streams, %d records", len(b.m.streams), len(all))
	}
	for k, r := range all {
		if r.LineFrom != k+1 || string(r.Text)+"\n" != text[r.Start.Offset:r.End.Offset] || r.Source != b.path("a.log") || r.ObservedTime.IsZero() {
			t.Errorf("record %d: line %d, %q at %d, source %s", k, r.LineFrom, r.Text, r.Start.Offset, r.Source)
		}
	}
}

func TestFollow_PartialLineIsHeldUntilItsEnd(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 1)+"line 1 of")
	b.start()
	b.m.awaitLines(t, 1)
	b.tick()
	b.append("error.log", " ma")
	b.tick()
	if got := b.m.lines(); len(got) != 1 {
		t.Errorf("stored %q before the end of the line", got)
	}
	b.append("error.log", "ny\n")
	b.wantLines(2)
}

func TestFollow_TornWrites(t *testing.T) {
	b := newBench(t)
	b.start()
	text := numbered(0, 300)
	rnd := rand.New(rand.NewPCG(1, 2))
	for len(text) > 0 {
		n := min(1+rnd.IntN(9), len(text))
		b.append("error.log", text[:n])
		text = text[n:]
		if rnd.IntN(20) == 0 {
			b.tick()
		}
	}
	b.tick()
	b.wantLines(300)
}

func TestFollow_RotationByRenaming(t *testing.T) {
	b := newBench(t)
	b.start()
	n := 0
	for round := range 8 {
		b.append("error.log", numbered(n, 50))
		n += 50
		if round%2 == 0 {
			b.tick() // else rotation comes at once after the burst
		} else {
			b.m.awaitLines(t, n-50)
			b.tick()
		}
		for k := 7; k > 0; k-- {
			if _, err := os.Lstat(b.path(fmt.Sprintf("error.log.%d", k))); err == nil {
				b.rename(fmt.Sprintf("error.log.%d", k), fmt.Sprintf("error.log.%d", k+1))
			}
		}
		b.rename("error.log", "error.log.1")
	}
	b.append("error.log", numbered(n, 1))
	b.tick()
	b.wantLines(n + 1)
	b.later(6 * time.Second)
	b.later(6 * time.Second)
	b.until("finishing of the rotated files", func() bool { return len(b.f.Status()) == 1 })
	b.wantGaps(0, "")
	for _, s := range b.m.streams {
		if s.source != b.path("error.log") {
			t.Errorf("source %s, want that of the current file", s.source)
		}
	}
}

func TestFollow_LateWriterAfterRotation(t *testing.T) {
	for _, late := range []time.Duration{0, 200 * time.Millisecond, time.Second, 4 * time.Second, 8 * time.Second, 2 * time.Hour} {
		t.Run(late.String(), func(t *testing.T) {
			b := newBench(t)
			b.append("error.log", numbered(0, 5))
			b.start()
			b.m.awaitLines(t, 5)
			w, err := os.OpenFile(b.path("error.log"), os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			defer w.Close()
			b.rename("error.log", "error.log.1")
			b.append("error.log", numbered(5, 5))
			b.tick()
			b.later(late)
			_, err = w.WriteString(numbered(10, 5))
			must(t, err)
			b.tick()
			b.wantLines(15)
			b.wantGaps(0, "")
		})
	}
}

func TestFollow_DeletedWhileWritten(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 5))
	b.start()
	b.m.awaitLines(t, 5)
	w, err := os.OpenFile(b.path("error.log"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer w.Close()
	b.remove("error.log")
	b.tick()
	_, err = w.WriteString(numbered(5, 5))
	must(t, err)
	b.m.awaitLines(t, 10)
	b.append("error.log", numbered(10, 5))
	b.tick()
	b.wantLines(15)
}

func TestFollow_UnterminatedRestOfARotatedFile(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 2)+"line 2 of many")
	b.start()
	b.m.awaitLines(t, 2)
	b.rename("error.log", "error.log.1")
	b.later(time.Second)
	b.later(6 * time.Second)
	b.wantLines(3)
	var last *culprit.Record
	for _, s := range b.m.streams {
		last = s.closed[len(s.closed)-1]
	}
	if last.Mark&culprit.MarkUnterminated == 0 || last.LineFrom != 3 {
		t.Errorf("the rest has marks %b and number %d", last.Mark, last.LineFrom)
	}
}

func TestFollow_CopytruncateGoesOnInTheCopy(t *testing.T) {
	for _, regrow := range []int{0, 3, 20, 40} { // lines after the truncation; 20 is the old size
		t.Run(fmt.Sprint(regrow), func(t *testing.T) {
			b := newBench(t)
			b.append("error.log", numbered(0, 10))
			b.start()
			b.m.awaitLines(t, 10)
			b.append("error.log", numbered(10, 10)) // perhaps not read yet
			data, err := os.ReadFile(b.path("error.log"))
			must(t, err)
			must(t, os.WriteFile(b.path("error.log.1"), data, 0o644))
			must(t, os.Truncate(b.path("error.log"), 0))
			if regrow > 0 {
				b.append("error.log", numbered(20, regrow))
			}
			b.tick()
			b.m.await(t, "the gap", func() bool { return len(b.m.gaps) > 0 })
			b.wantLines(20 + regrow)
			b.wantGaps(1, "truncated in place")
			b.later(6 * time.Second)
			b.wantLines(20 + regrow)
		})
	}
}

// TestFollow_CopytruncateBeforeAnythingIsStored: lines that were read from a file
// and not stored yet stand in its copy as well.
func TestFollow_CopytruncateBeforeAnythingIsStored(t *testing.T) {
	for _, regrow := range []int{0, 3, 20, 40} {
		t.Run(fmt.Sprint(regrow), func(t *testing.T) {
			b := newBench(t)
			waits, storing := make(chan struct{}), make(chan time.Time)
			var first sync.Once
			b.opts.After = func(time.Duration) <-chan time.Time {
				first.Do(func() { close(waits) })
				return storing
			}
			b.append("error.log", numbered(0, 20))
			b.start()
			<-waits // the lines were read
			data, err := os.ReadFile(b.path("error.log"))
			must(t, err)
			must(t, os.WriteFile(b.path("error.log.1"), data, 0o644))
			must(t, os.Truncate(b.path("error.log"), 0))
			if regrow > 0 {
				b.append("error.log", numbered(20, regrow))
			}
			close(storing)
			b.tick()
			b.m.await(t, "the gap", func() bool { return len(b.m.gaps) > 0 })
			b.later(6 * time.Second)
			b.wantLines(20 + regrow)
			b.wantGaps(1, "truncated in place")
		})
	}
}

func TestFollow_TruncationWithoutACopyIsAGapAndDoublesNothing(t *testing.T) {
	for _, regrow := range []int{0, 5, 10, 30} {
		t.Run(fmt.Sprint(regrow), func(t *testing.T) {
			b := newBench(t)
			b.append("error.log", numbered(0, 10))
			b.start()
			b.m.awaitLines(t, 10)
			must(t, os.Truncate(b.path("error.log"), 0))
			if regrow > 0 {
				b.append("error.log", numbered(10, regrow))
			}
			b.tick()
			b.m.await(t, "the gap", func() bool { return len(b.m.gaps) > 0 })
			b.wantLines(10 + regrow)
			b.wantGaps(1, "truncated in place")
		})
	}
}

func TestFollow_TruncatedWhileStopped(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 10))
	b.start()
	b.m.awaitLines(t, 10)
	b.halt()
	b.append("error.log", numbered(10, 5))
	data, err := os.ReadFile(b.path("error.log"))
	must(t, err)
	must(t, os.WriteFile(b.path("error.log.1"), data, 0o644))
	must(t, os.Truncate(b.path("error.log"), 0))
	b.append("error.log", numbered(15, 30))
	b.start()
	b.tick()
	b.wantLines(45)
}

func TestFollow_ACopyIsNotReadTwice(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 100))
	b.start()
	b.m.awaitLines(t, 100)
	data, err := os.ReadFile(b.path("error.log"))
	must(t, err)
	must(t, os.WriteFile(b.path("error.log.bak"), data, 0o644))
	must(t, os.WriteFile(b.path("error.log.0"), data[:500], 0o644))
	b.tick()
	b.later(6 * time.Second)
	b.append("error.log", numbered(100, 1))
	b.wantLines(101)
	b.halt()
	b.start()
	b.tick()
	b.append("error.log", numbered(101, 1))
	b.wantLines(102)
	b.wantGaps(0, "")
}

func TestFollow_InodeReuse(t *testing.T) {
	b := newBench(t)
	n := 0
	reused := 0
	var before uint64
	for range 100 {
		b.append("error.log", numbered(n, 2))
		n += 2
		fi, err := os.Stat(b.path("error.log"))
		must(t, err)
		if ino := inodeNumber(fi); ino == before {
			reused++
		} else {
			before = ino
		}
		b.start()
		b.m.awaitLines(t, n)
		b.halt()
		b.remove("error.log")
	}
	b.start()
	b.append("error.log", numbered(n, 1))
	b.tick()
	b.wantLines(n + 1)
	t.Logf("%d of 100 files had the number of the one before", reused)
}

func TestFollow_SameBeginning(t *testing.T) {
	b := newBench(t)
	banner := strings.Repeat("the same banner\n", 100)
	var want []string
	for k := range 50 {
		b.append(fmt.Sprintf("app%d.log", k), banner+numbered(k, 1))
		want = append(want, fmt.Sprintf("line %d of many", k))
	}
	b.start()
	b.m.awaitLines(t, 50*101)
	b.halt()
	b.start()
	b.append("app7.log", numbered(50, 1))
	b.tick()
	b.m.awaitLines(t, 50*101+1)
	b.halt()
	got := b.m.lines()
	for _, w := range append(want, "line 50 of many") {
		if n := count(got, w); n != 1 {
			t.Errorf("%q is stored %d times", w, n)
		}
	}
	if n := count(got, "the same banner"); n != 5000 {
		t.Errorf("%d lines of banners, want 5000", n)
	}
}

func count(list []string, s string) int {
	n := 0
	for _, l := range list {
		if l == s {
			n++
		}
	}
	return n
}

func TestFollow_DoubleRotationWhileStopped(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 10))
	b.start()
	b.m.awaitLines(t, 10)
	b.halt()
	b.append("error.log", numbered(10, 10))
	b.rename("error.log", "error.log.2")
	b.append("error.log.1", numbered(20, 10))
	b.append("error.log", numbered(30, 10))
	b.start()
	b.tick()
	b.wantLines(40)
	b.wantGaps(0, "")
}

func TestFollow_DoubleRotationWhileStoppedOneDeleted(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 10))
	b.start()
	b.m.awaitLines(t, 10)
	b.halt()
	b.append("error.log", "lost\n")
	b.rename("error.log", "gone")
	b.append("error.log.1", numbered(10, 10))
	b.append("error.log", numbered(20, 10))
	b.remove("gone")
	b.start()
	for range 20 {
		b.later(time.Second)
	}
	b.wantLines(30)
	b.wantGaps(1, "rotated away and deleted")
}

func TestFollow_RotatedAndPackedWhileStopped(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 100))
	b.start()
	b.m.awaitLines(t, 100)
	b.kill()
	write(t, b.dir, map[string]string{
		"error.log.3.gz": gz(t, numbered(0, 150)), // what was followed, and more of it
		"error.log.2.gz": gz(t, numbered(150, 50)),
	})
	b.remove("error.log")
	b.append("error.log.1", numbered(200, 50))
	b.append("error.log", numbered(250, 50))
	b.start()
	b.later(6 * time.Second)
	b.wantLines(300)
	b.wantGaps(0, "")
	b.later(6 * time.Second)
	b.halt()
	b.start()
	b.later(6 * time.Second)
	b.wantLines(300)
}

func TestFollow_PackedWhileRunning(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 100))
	b.start()
	b.m.awaitLines(t, 100)
	b.rename("error.log", "error.log.1")
	b.append("error.log", numbered(100, 10))
	b.later(time.Second)
	b.later(6 * time.Second)
	write(t, b.dir, map[string]string{"error.log.1.gz": gz(t, numbered(0, 100))})
	b.tick()
	b.remove("error.log.1")
	b.later(6 * time.Second)
	b.rename("error.log.1.gz", "error.log.2.gz")
	b.later(6 * time.Second)
	b.wantLines(110)
	b.wantGaps(0, "")
	b.halt()
	b.start()
	b.later(6 * time.Second)
	b.wantLines(110)
}

func TestFollow_OldFilesOfANewSourceAreLeftAlone(t *testing.T) {
	b := newBench(t)
	b.append("error.log.1", "old\n")
	write(t, b.dir, map[string]string{"error.log.2.gz": gz(t, "older\n"), "idle.log": "idle for long\n"})
	old := b.now.Add(-48 * time.Hour)
	for _, n := range []string{"error.log.1", "error.log.2.gz", "idle.log"} {
		must(t, os.Chtimes(b.path(n), old, old))
	}
	b.append("error.log", numbered(0, 1))
	b.start()
	b.wantLines(1)
	b.append("idle.log", numbered(1, 1))
	b.tick()
	b.wantLines(2)
	b.halt()
	b.start()
	b.tick()
	b.append("error.log", numbered(2, 1))
	b.wantLines(3)
}

func TestFollow_BackfillEntersTheMiddleOfALargeFile(t *testing.T) {
	b := newBench(t)
	start := b.now.Add(-48 * time.Hour).UTC().Truncate(time.Second)
	var text strings.Builder
	for k := range 48 * 360 {
		fmt.Fprintf(&text, "%s [error] 1#1: *%d connect() failed (111: Connection refused) while connecting to upstream, upstream: \"http://127.0.0.1:3000/\"\n",
			start.Add(time.Duration(k)*10*time.Second).Format("2006/01/02 15:04:05"), k)
	}
	b.append("error.log", text.String())
	b.start()
	b.m.awaitLines(t, 24*360)
	b.halt()
	for _, s := range b.m.streams {
		first := s.closed[0]
		if len(s.closed) > 24*360+1000 || !strings.Contains(string(first.Text), fmt.Sprintf("*%d ", first.LineFrom-1)) {
			t.Errorf("%d records, the first is line %d: %s", len(s.closed), first.LineFrom, first.Text)
		}
	}
}

func TestFollow_IdleFilesAreLetGoAndTakenUpAgain(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 3))
	b.start()
	b.m.awaitLines(t, 3)
	b.later(2 * time.Hour)
	b.until("letting go", func() bool { return len(b.f.Status()) == 0 })
	b.append("error.log", numbered(3, 3))
	b.tick()
	b.wantLines(6)
	b.wantGaps(0, "")
}

const trace = `Error: Cannot find module './db'
Require stack:
- /srv/app/dist/main.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1140:15)
    at Module._load (node:internal/modules/cjs/loader:981:27) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/srv/app/dist/main.js' ]
}

Node.js v18.20.4
`

// A trace that is cut by a kill at any byte gives the records of a reading
// without one.
func TestFollow_TraceCutAtEveryByte(t *testing.T) {
	text := "before\n" + trace + "after\n" + trace + "end\n"
	group := func(m *memory) (out []string) {
		for _, s := range m.streams {
			for _, r := range slices.Concat(s.closed, s.open) {
				out = append(out, fmt.Sprintf("%d-%d %s %q", r.LineFrom, r.LineTo, r.Kind, r.Text))
			}
		}
		return out
	}
	whole := newBench(t)
	whole.append("app.log", text)
	whole.start()
	whole.m.awaitLines(t, strings.Count(text, "\n"))
	whole.halt()
	want := group(whole.m)
	step := 1
	if testing.Short() {
		step = 17
	}
	for k := 0; k < len(text); k += step {
		b := newBench(t)
		b.append("app.log", text[:k])
		b.start()
		b.m.awaitLines(t, strings.Count(text[:k], "\n"))
		b.kill()
		b.append("app.log", text[k:])
		b.start()
		b.tick()
		b.m.awaitLines(t, strings.Count(text, "\n"))
		b.halt()
		if got := group(b.m); !slices.Equal(got, want) {
			t.Fatalf("cut at byte %d:\n%s\nwant\n%s", k, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestFollow_SinkThatFailsGetsTheSameAgain(t *testing.T) {
	b := newBench(t)
	b.m.fail = func(n int) error {
		if n%3 != 0 {
			return errors.New("no space left")
		}
		return nil
	}
	b.append("error.log", numbered(0, 2000))
	b.start()
	b.m.awaitLines(t, 2000)
	b.append("error.log", numbered(2000, 10))
	b.wantLines(2010)
}

func TestFollow_BackPressureBoundsWhatIsHeld(t *testing.T) {
	b := newBench(t)
	held := make(chan struct{})
	b.m.fail = func(int) error { <-held; return nil }
	const size = 24 << 20
	line := strings.Repeat("x", 1000)
	var text strings.Builder
	n := 0
	for ; text.Len() < size; n++ {
		fmt.Fprintf(&text, "%d %s\n", n, line)
	}
	b.append("error.log", text.String())
	b.start()
	held <- struct{}{} // the first commit is on its way, the reader is held up
	close(held)
	b.m.awaitLines(t, n)
	b.m.mu.Lock()
	commits := b.m.commits
	b.m.mu.Unlock()
	if commits < size>>21 {
		t.Errorf("%d commits for %d MB: more than 2 MB at a time", commits, size>>20)
	}
}

func TestFollow_LineOf40MBThatGrowsIsCut(t *testing.T) {
	b := newBench(t)
	b.append("app.log", numbered(0, 1))
	b.start()
	b.m.awaitLines(t, 1)
	piece := strings.Repeat("y", 1<<20)
	total := 0
	for range 40 {
		b.append("app.log", piece)
		total += len(piece)
		b.tick()
	}
	b.append("app.log", "\n"+numbered(1, 1))
	b.tick()
	b.m.await(t, "the line after", func() bool { l := b.m.linesLocked(); return l[len(l)-1] == "line 1 of many" })
	got, ys := b.m.lines(), 0
	for _, l := range got {
		ys += strings.Count(l, "y")
		if len(l) > parsers.MaxBytes {
			t.Errorf("a record of %d bytes", len(l))
		}
	}
	if ys != total+2 { // "many" twice
		t.Errorf("%d bytes of the long line, want %d", ys-2, total)
	}
}

// TestFollow_RenamedWhileLookedAt: a log that has grown while nobody followed it, and
// that is renamed in the moment between the listing and the look at it, is read on
// where it is now.
func TestFollow_RenamedWhileLookedAt(t *testing.T) {
	b := newBench(t)
	b.append("error.log", numbered(0, 20))
	b.append("other.log", numbered(20, 1)) // listed after it
	b.start()
	b.wantLines(21)
	b.halt()
	b.append("error.log", numbered(21, 20))
	renamed := false
	b.opts.Ignore = func(path string) bool {
		if !renamed && strings.HasSuffix(path, "/other.log") {
			renamed = true
			b.rename("error.log", "error.log.1")
			b.append("error.log", "")
		}
		return false
	}
	b.start()
	b.wantLines(41)
	if !renamed {
		t.Error("nothing was renamed")
	}
}
