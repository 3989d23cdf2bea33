package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/ingest"
	"culprit/parsers"
)

// one collects a single file and assigns it.
func one(t testing.TB, path string, o ingest.Options) *ingest.Input {
	t.Helper()
	in, err := ingest.Collect(t.Context(), []string{path}, o)
	must(t, err)
	t.Cleanup(func() { in.Close() })
	in.Assign(nil)
	if len(in.Logs) != 1 {
		t.Fatalf("%d inputs, want 1", len(in.Logs))
	}
	return in.Logs[0]
}

func readAll(t testing.TB, i *ingest.Input) (recs []*culprit.Record, info culprit.SourceInfo, gaps []culprit.Gap) {
	t.Helper()
	info, gaps, err := ingest.Read(context.Background(), i, func(r *culprit.Record) error {
		recs = append(recs, r.Clone())
		return nil
	})
	must(t, err)
	return recs, info, gaps
}

func TestRead_PositionsAndNumbersOfEveryLine(t *testing.T) {
	lines := []string{errorLine, strings.Replace(errorLine, "*942", "*943", 1), strings.Replace(errorLine, "*942", "*944", 1)}
	text := strings.Join(lines, "") + "2026/11/22 08:29:10 [error] 1#1: *1 the last line has no newline"
	for name, data := range map[string]string{"error.log": text, "error.log.1.gz": gz(t, text)} {
		dir := t.TempDir()
		write(t, dir, map[string]string{name: data})
		recs, info, gaps := readAll(t, one(t, filepath.Join(dir, name), ingest.Options{}))
		if len(recs) != 4 || len(gaps) != 0 || info.Records != 4 || info.Events == 0 && info.Unparsed == 4 {
			t.Fatalf("%s: %d records, gaps %v, info %+v", name, len(recs), gaps, info)
		}
		var off int64
		for k, r := range recs {
			if r.LineFrom != k+1 || r.Start.Offset != off || text[r.Start.Offset:r.End.Offset] != string(r.Text)+strings.Repeat("\n", int(r.End.Offset-off)-len(r.Text)) {
				t.Errorf("%s: record %d: line %d, %d to %d", name, k, r.LineFrom, r.Start.Offset, r.End.Offset)
			}
			off = r.End.Offset
		}
		if off != int64(len(text)) || recs[3].Mark&culprit.MarkUnterminated == 0 || recs[2].Mark != 0 {
			t.Errorf("%s: ends at %d of %d, marks %b %b", name, off, len(text), recs[2].Mark, recs[3].Mark)
		}
		want := time.Date(2026, 11, 22, 8, 29, 9, 0, time.UTC)
		if info.First == nil || !info.First.Equal(want) || !info.Last.Equal(want.Add(time.Second)) {
			t.Errorf("%s: from %v to %v", name, info.First, info.Last)
		}
	}
}

func TestRead_EveryByteSurvives(t *testing.T) {
	var all []byte
	for b := range 256 {
		if b != '\n' && b != 0 {
			all = append(all, byte(b))
		}
	}
	text := strings.Repeat(errorLine, 10) + string(all) + "\n\n\r\n" + errorLine + "a\x00b\n"
	dir := t.TempDir()
	write(t, dir, map[string]string{"error.log": text})
	recs, _, _ := readAll(t, one(t, filepath.Join(dir, "error.log"), ingest.Options{}))
	var got []byte
	for _, r := range recs {
		got = append(append(got, r.Text...), '\n')
	}
	if string(got) != text {
		t.Errorf("read\n%q, want\n%q", got, text)
	}
}

func TestRead_HoleOfCopytruncate(t *testing.T) {
	hole := 700_000
	dir := t.TempDir()
	write(t, dir, map[string]string{"error.log": strings.Repeat("\x00", hole) + errorLine + errorLine})
	recs, _, _ := readAll(t, one(t, filepath.Join(dir, "error.log"), ingest.Options{Format: "nginx_error"}))
	if len(recs) != 2 || recs[0].Mark&culprit.MarkNUL == 0 || recs[1].Mark != 0 || recs[0].Start.Offset != int64(hole) || string(recs[0].Text)+"\n" != errorLine || recs[0].LineFrom != 1 {
		t.Fatalf("%d records, first %+v", len(recs), recs[0])
	}
}

func TestRead_LineOf100MBInBoundedMemory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	f, err := os.Create(path)
	must(t, err)
	piece := bytes.Repeat([]byte("é123456789abcdef"), 1<<16)
	for range 100 {
		_, err = f.Write(piece)
		must(t, err)
	}
	_, err = f.WriteString("\n" + errorLine)
	must(t, err)
	must(t, f.Close())
	i := one(t, path, ingest.Options{Format: "nginx_error"})
	var size int64
	var last culprit.Record
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	pieces, cut := 0, 0
	_, _, err = ingest.Read(context.Background(), i, func(r *culprit.Record) error {
		if r.Start.Offset != size || len(r.Text) > parsers.MaxBytes {
			return fmt.Errorf("piece of %d bytes at %d, the one before ended at %d", len(r.Text), r.Start.Offset, size)
		}
		size = r.End.Offset
		pieces++
		if r.Mark&culprit.MarkTruncated != 0 {
			cut++
		}
		if r.Mark&culprit.MarkInvalidUTF8 != 0 {
			return errors.New("a rune was cut")
		}
		last = *r
		return nil
	})
	must(t, err)
	if cut != pieces-2 || pieces < 100 || last.LineFrom != 2 {
		t.Errorf("%d pieces, %d of them cut, the line after has number %d", pieces, cut, last.LineFrom)
	}
	// The heap that the process got from the system in between: it holds the
	// lines until they are collected, whatever is in use at one moment.
	runtime.ReadMemStats(&after)
	if grown := after.HeapSys - before.HeapSys; after.HeapSys > before.HeapSys && grown > 48<<20 {
		t.Errorf("heap grew by %d MB for a line of 100 MB", grown>>20)
	}
}

func TestRead_DamageInTheMiddleIsAGap(t *testing.T) {
	var b strings.Builder
	for k := range 20_000 {
		fmt.Fprintf(&b, "2026/11/22 08:%02d:%02d [error] 1#1: *%d x%d\n", k/600%60, k/10%60, k, k*7919%10007)
	}
	whole := gz(t, b.String())
	dir := t.TempDir()
	write(t, dir, map[string]string{"error.log.1.gz": whole[:len(whole)-len(whole)/4]})
	path := filepath.Join(dir, "error.log.1.gz")
	recs, _, gaps := readAll(t, one(t, path, ingest.Options{}))
	if len(recs) < 5_000 || len(gaps) != 1 || gaps[0].From == nil || gaps[0].Remedy != "gzip -t "+path {
		t.Errorf("%d records, gaps %+v", len(recs), gaps)
	}
}

func TestRead_DecompressionBomb(t *testing.T) {
	dir := t.TempDir()
	line := strings.Repeat("a", 1000) + "\n"
	write(t, dir, map[string]string{"error.log.1.gz": gz(t, errorLine+strings.Repeat(line, 120_000))})
	var got int64
	i := one(t, filepath.Join(dir, "error.log.1.gz"), ingest.Options{})
	_, gaps, err := ingest.Read(context.Background(), i, func(r *culprit.Record) error { got = r.End.Offset; return nil })
	must(t, err)
	if got > 80<<20 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "in part only") {
		t.Errorf("%d bytes, gaps %v", got, gaps)
	}
}

func TestRead_StopsWithTheConsumerAndTheContext(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"error.log": strings.Repeat(errorLine, 5000)})
	i := one(t, filepath.Join(dir, "error.log"), ingest.Options{})
	enough := errors.New("enough of it")
	n := 0
	_, _, err := ingest.Read(context.Background(), i, func(*culprit.Record) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("after %d records: %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := ingest.Read(ctx, i, func(*culprit.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// spread writes n error lines, one a second, and returns the time of the first.
func spread(t testing.TB, path string, n int) time.Time {
	t.Helper()
	start := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for k := range n {
		fmt.Fprintf(&b, "%s [error] 1#1: *%d connect() failed (111: Connection refused) while connecting to upstream, upstream: \"http://127.0.0.1:3000/\"\n",
			start.Add(time.Duration(k)*time.Second).Format("2006/01/02 15:04:05"), k)
		if k%7 == 0 {
			b.WriteString("a line without a time\n")
		}
	}
	must(t, os.WriteFile(path, b.Bytes(), 0o644))
	return start
}

func TestRead_WindowIsExactAndNumbersTooHigh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.log")
	start := spread(t, path, 100_000)
	i := one(t, path, ingest.Options{Zone: time.UTC})
	full, _, _ := readAll(t, i)
	for _, w := range [][2]int{{0, 10}, {5_000, 5_100}, {50_000, 50_000}, {99_990, 200_000}, {-50, 3}} {
		i.Since, i.Until = start.Add(time.Duration(w[0])*time.Second), start.Add(time.Duration(w[1])*time.Second)
		got, _, _ := readAll(t, i)
		var want []*culprit.Record
		in := false
		for _, r := range full {
			if !r.Time.IsZero() {
				in = !r.Time.Before(i.Since) && !r.Time.After(i.Until)
			}
			if in {
				want = append(want, r)
			}
		}
		if len(got) != len(want) {
			t.Errorf("window %v: %d records, want %d", w, len(got), len(want))
			continue
		}
		for k := range got {
			if got[k].Start != want[k].Start || got[k].LineFrom != want[k].LineFrom || !bytes.Equal(got[k].Text, want[k].Text) {
				t.Errorf("window %v: record %d is line %d at %d, want %d at %d", w, k, got[k].LineFrom, got[k].Start.Offset, want[k].LineFrom, want[k].Start.Offset)
				break
			}
			if n, err := i.LineAt(got[k].Start.Offset); k == 0 && (err != nil || n != got[k].LineFrom) {
				t.Errorf("LineAt gives %d, want %d (%v)", n, got[k].LineFrom, err)
			}
		}
	}
	if first, last := i.Span(); !first.Equal(start) || !last.Equal(start.Add(99_999*time.Second)) {
		t.Errorf("span from %v to %v", first, last)
	}
}

// journal writes entries into a journal file, one a second from start on.
func journal(t testing.TB, path string, start time.Time, boot string, messages ...string) {
	t.Helper()
	const remote = "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(remote); err != nil {
		t.Skip("no systemd-journal-remote")
	}
	var b bytes.Buffer
	for k, m := range messages {
		at := start.Add(time.Duration(k) * time.Second)
		fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n_TRANSPORT=journal\nSYSLOG_IDENTIFIER=app\n_PID=77\nPRIORITY=6\nMESSAGE=%s\n\n",
			at.UnixMicro(), at.Sub(bootTime).Microseconds(), boot, m)
	}
	cmd := exec.Command(remote, "--output="+path, "--split-mode=none", "-")
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("systemd-journal-remote: %v: %s", err, out)
	}
}

// bootTime is when the kernel's clock was zero.
var bootTime = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

const boot1 = "6c7c6013a8e343fda8fcbe0b4b6b4a11"

func TestRead_Journal(t *testing.T) {
	start := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	journal(t, filepath.Join(dir, "system.journal"), start, boot1, "one", "two", "three")
	journal(t, filepath.Join(dir, "user-1000.journal"), start.Add(500*time.Millisecond), boot1, "one and a half", "two and a half")
	data, err := os.ReadFile(filepath.Join(dir, "system.journal"))
	must(t, err)
	write(t, dir, map[string]string{"packed/system.journal.gz": gz(t, string(data))})

	recs, info, gaps := readAll(t, one(t, filepath.Join(dir, "packed"), ingest.Options{TempDir: t.TempDir()}))
	if len(recs) != 3 || len(gaps) != 0 || recs[1].LineFrom != 2 || recs[1].Start.Cursor == "" || string(recs[1].Text) != "app[77]: two" || !recs[1].Time.Equal(start.Add(time.Second)) {
		t.Errorf("packed: %d records, gaps %v, second %+v", len(recs), gaps, recs[1])
	}
	if !info.First.Equal(start) || !info.Last.Equal(start.Add(2*time.Second)) {
		t.Errorf("packed: from %v to %v", info.First, info.Last)
	}

	must(t, os.RemoveAll(filepath.Join(dir, "packed")))
	both := one(t, dir, ingest.Options{})
	recs, _, _ = readAll(t, both)
	var order []string
	for _, r := range recs {
		order = append(order, r.Message)
	}
	if got := strings.Join(order, ","); got != "one,one and a half,two,two and a half,three" {
		t.Errorf("two files are read in the order %s", got)
	}
	if first, last := both.Span(); !first.Equal(start) || !last.Equal(start.Add(2*time.Second)) {
		t.Errorf("span from %v to %v", first, last)
	}

	// One file that is cut short keeps nobody from reading the other.
	must(t, os.WriteFile(filepath.Join(dir, "system.journal"), data[:2000], 0o644))
	recs, _, gaps = readAll(t, one(t, dir, ingest.Options{}))
	if len(recs) != 2 || len(gaps) != 1 || !strings.Contains(gaps[0].Remedy, "journalctl --verify --file=") {
		t.Errorf("damaged: %d records, gaps %+v", len(recs), gaps)
	}
}

func TestRead_JournalExport(t *testing.T) {
	start := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	journal(t, filepath.Join(dir, "system.journal"), start, boot1, "one", "two")
	out, err := exec.Command("journalctl", "--file="+filepath.Join(dir, "system.journal"), "-o", "export").Output()
	must(t, err)
	in, err := ingest.Collect(t.Context(), []string{"-"}, ingest.Options{Stdin: pipeOf(t, string(out))})
	must(t, err)
	in.Assign(nil)
	recs, _, _ := readAll(t, in.Logs[0])
	if len(recs) != 2 || recs[0].Message != "one" || !recs[1].Time.Equal(start.Add(time.Second)) {
		t.Errorf("%d records", len(recs))
	}
}

func TestRead_JournalWithoutJournalctl(t *testing.T) {
	dir := t.TempDir()
	journal(t, filepath.Join(dir, "system.journal"), time.Unix(1795332487, 0), boot1, "one")
	i := one(t, filepath.Join(dir, "system.journal"), ingest.Options{})
	t.Setenv("PATH", dir)
	recs, _, gaps := readAll(t, i)
	if len(recs) != 0 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "no journalctl") {
		t.Errorf("%d records, gaps %v", len(recs), gaps)
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "error.log")
	must(b, os.WriteFile(path, bytes.Repeat([]byte(errorLine), 50_000), 0o644))
	i := one(b, path, ingest.Options{})
	b.SetBytes(i.Size)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ingest.Read(context.Background(), i, func(*culprit.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
