package parsers_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"culprit"
	"culprit/parsers"
)

// binaryField writes a field in the form for values that are not plain text.
func binaryField(name string, value []byte) string {
	b := append([]byte(name), '\n')
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	return string(b) + string(value) + "\n"
}

// readExport returns the entries of an export text as lines of text, with
// their envelopes' essentials, and the error that ended it.
func readExport(src io.Reader) (out []string, err error) {
	return readEntries(parsers.NewExportReader(src).Next)
}

func readEntries(next func(*parsers.JournalEntry) error) (out []string, err error) {
	var j parsers.JournalEntry
	for {
		if err := next(&j); err != nil {
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			return out, err
		}
		l := j.Line()
		e := l.Entry
		out = append(out, fmt.Sprintf("%d|%s|%s|%s|%s[%d]|%s|%d|%d|%q", l.No, l.Start.Cursor, e.Time.UTC().Format("15:04:05.000000"), e.Host, e.Process, e.PID, e.Unit, e.Severity, l.Mark, l.Text))
	}
}

func TestExportReader(t *testing.T) {
	const when = "__REALTIME_TIMESTAMP=1795332152000000\n"
	tests := []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"blank lines only", "\n\n\n", nil},
		{"text", "__CURSOR=s=a;i=1\n" + when + "_HOSTNAME=web-01\nSYSLOG_IDENTIFIER=deploy\n_PID=7\nPRIORITY=6\nMESSAGE=shop-api: activating 1.9.0\n\n",
			[]string{`1|s=a;i=1|07:22:32.000000|web-01|deploy[7]||6|0|"deploy[7]: shop-api: activating 1.9.0"`}},
		{"several entries and blank lines", "\nMESSAGE=a\n_COMM=x\n\n\nMESSAGE=b\n_COMM=y\n\n",
			[]string{`1||00:00:00.000000||x[0]||-1|0|"x: a"`, `2||00:00:00.000000||y[0]||-1|0|"y: b"`}},
		{"binary message with newlines", when + binaryField("MESSAGE", []byte("a\nb\x00\xff")) + "_COMM=node\n\n",
			[]string{`1||07:22:32.000000||node[0]||-1|0|"node: a\nb\x00\xff"`}},
		{"empty binary value", binaryField("MESSAGE", nil) + "_COMM=node\n\n", []string{`1||00:00:00.000000||node[0]||-1|0|"node: "`}},
		{"value that holds =", "MESSAGE=a=b=c\n_COMM=x\n\n", []string{`1||00:00:00.000000||x[0]||-1|0|"x: a=b=c"`}},
		{"no newline at the end", "MESSAGE=a\n_COMM=x\n", []string{`1||00:00:00.000000||x[0]||-1|2|"x: a"`}},
		{"ends in a line", "MESSAGE=a\n_COMM=x\nPRIO", []string{`1||00:00:00.000000||x[0]||-1|2|"x: a"`}},
		{"ends in a length", "MESSAGE=a\n_COMM=x\nFIELD\n\x01\x00", []string{`1||00:00:00.000000||x[0]||-1|2|"x: a"`}},
		{"ends in a value", "_COMM=x\nMESSAGE\n\x05\x00\x00\x00\x00\x00\x00\x00ab", []string{`1||00:00:00.000000||x[0]||-1|2|"x: "`}},
		{"field twice", "MESSAGE=a\nMESSAGE=b\n_COMM=x\n\n", []string{`1||00:00:00.000000||x[0]||-1|0|"x: a"`}},
		{"kernel line read late", when + "__MONOTONIC_TIMESTAMP=5000000\n_SOURCE_MONOTONIC_TIMESTAMP=4200000\n_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nPRIORITY=3\nMESSAGE=x\n\n",
			[]string{`1||07:22:31.200000||kernel[0]||3|0|"kernel: x"`}},
		{"kernel without its own clock", when + "_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nMESSAGE=x\n\n", []string{`1||07:22:32.000000||kernel[0]||-1|0|"kernel: x"`}},
		{"source time", when + "_SOURCE_REALTIME_TIMESTAMP=1795332151500000\n_COMM=x\nMESSAGE=x\n\n", []string{`1||07:22:31.500000||x[0]||-1|0|"x: x"`}},
		{"unit that systemd speaks about", "_COMM=systemd\n_PID=1\nSYSLOG_IDENTIFIER=systemd\n_SYSTEMD_UNIT=init.scope\nUNIT=shop-api.service\nMESSAGE=Started Shop.\n\n",
			[]string{`1||00:00:00.000000||systemd[1]|shop-api.service|-1|0|"systemd[1]: Started Shop."`}},
		{"unit field of an app is not believed", "_COMM=node\n_PID=9\n_SYSTEMD_UNIT=a.service\nUNIT=b.service\nMESSAGE=x\n\n", []string{`1||00:00:00.000000||node[9]|a.service|-1|0|"node[9]: x"`}},
		{"user unit", "_COMM=node\n_PID=9\n_SYSTEMD_UNIT=user@1000.service\n_SYSTEMD_USER_UNIT=app.service\nMESSAGE=x\n\n", []string{`1||00:00:00.000000||node[9]|app.service|-1|0|"node[9]: x"`}},
		{"coredump is about the unit that crashed", "_COMM=systemd-coredum\nSYSLOG_IDENTIFIER=systemd-coredump\nCOREDUMP_UNIT=shop-api.service\n_SYSTEMD_UNIT=systemd-coredump@0.service\nMESSAGE=x\n\n",
			[]string{`1||00:00:00.000000||systemd-coredump[0]|shop-api.service|-1|0|"systemd-coredump: x"`}},
		{"level of stdout is nobody's statement", "_TRANSPORT=stdout\nPRIORITY=6\n_COMM=node\nMESSAGE=x\n\n", []string{`1||00:00:00.000000||node[0]||-1|0|"node: x"`}},
		{"level that stdout states", "_TRANSPORT=stdout\nPRIORITY=3\n_COMM=node\nMESSAGE=x\n\n", []string{`1||00:00:00.000000||node[0]||3|0|"node: x"`}},
		{"pid of syslog", "SYSLOG_IDENTIFIER=app\nSYSLOG_PID=12\nMESSAGE=x\n\n", []string{`1||00:00:00.000000||app[12]||-1|0|"app[12]: x"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, src := range map[string]io.Reader{
				"at once":    strings.NewReader(tt.in),
				"by byte":    iotest.OneByteReader(strings.NewReader(tt.in)),
				"with error": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				got, err := readExport(src)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
					t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
				}
			}
		})
	}
}

func TestExportReaderFailures(t *testing.T) {
	tests := []struct{ name, in string }{
		{"a log file", "Nov 22 10:00:00 web-01 systemd[1]: Started Shop.\n"},
		{"length without end", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff\n"},
		{"no newline after a value", "MESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00abc\n"},
		{"name in small letters", "message\n\x01\x00\x00\x00\x00\x00\x00\x00a\n"},
		{"a name without end", strings.Repeat("A", 3<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readExport(strings.NewReader(tt.in)); !errors.Is(err, culprit.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, culprit.ErrCorrupt)
			}
		})
	}
	if _, err := readExport(iotest.ErrReader(os.ErrPermission)); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error of the source: got %v", err)
	}
}

// TestExportReaderBounds reads fields that are longer than what is kept: the
// rest is counted and the next entry is whole.
func TestExportReaderBounds(t *testing.T) {
	long := strings.Repeat("x", parsers.MaxJournalField+12345)
	for name, in := range map[string]string{
		"text":   "_COMM=node\nMESSAGE=" + long + "\nPRIORITY=3\n\nMESSAGE=next\n\n",
		"binary": "_COMM=node\n" + binaryField("MESSAGE", []byte(long)) + "PRIORITY=3\n\nMESSAGE=next\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := parsers.NewExportReader(strings.NewReader(in))
			var j parsers.JournalEntry
			if err := r.Next(&j); err != nil {
				t.Fatal(err)
			}
			if n := len(j.Message()); n != parsers.MaxJournalField || j.Skipped != 12345 || j.Mark&culprit.MarkTruncated == 0 || j.Field("PRIORITY") != "3" {
				t.Errorf("kept %d, skipped %d, mark %d, priority %q", n, j.Skipped, j.Mark, j.Field("PRIORITY"))
			}
			if err := r.Next(&j); err != nil || string(j.Message()) != "next" || j.Mark != 0 || j.Skipped != 0 {
				t.Errorf("next entry: %v, %q, mark %d", err, j.Message(), j.Mark)
			}
		})
	}
	// A field that is not kept costs no memory whatever its length.
	in := "OTHER=" + long + "\n" + binaryField("_OTHER2", []byte(long)) + "MESSAGE=m\n\n"
	r := parsers.NewExportReader(strings.NewReader(in))
	var j parsers.JournalEntry
	if err := r.Next(&j); err != nil || string(j.Message()) != "m" || j.Skipped != 0 || j.Mark != 0 {
		t.Errorf("fields that are not kept: %v, %q, skipped %d", err, j.Message(), j.Skipped)
	}
}

func TestJournalEntryUnmarshalJSON(t *testing.T) {
	tests := []struct {
		name, in, message string
		mark              culprit.Mark
	}{
		{"string", `{"MESSAGE":"a\n\"b\" \u00e9 \ud83d\ude00 \\"}`, "a\n\"b\" é 😀 \\", 0},
		{"bytes", `{ "MESSAGE" : [ 98, 105, 255, -1 ] , "X":1}`, "bi\xff\xff", 0},
		{"no bytes", `{"MESSAGE":[]}`, "", 0},
		{"several", `{"MESSAGE":["one","two"]}`, "one", 0},
		{"several, bytes first", `{"MESSAGE":[[98,105],"two"]}`, "bi", 0},
		{"left out for its length", `{"MESSAGE":null}`, "", culprit.MarkTruncated},
		{"number", `{"MESSAGE":12.5}`, "12.5", 0},
		{"lone surrogate", `{"MESSAGE":"\ud83d x"}`, "� x", 0},
		{"nested value of another field", `{"A":{"b":[1,{"c":"}"}]},"MESSAGE":"m"}`, "m", 0},
		{"twice", `{"MESSAGE":"a","MESSAGE":"b"}`, "a", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j parsers.JournalEntry
			if err := j.UnmarshalJSON([]byte(tt.in)); err != nil {
				t.Fatal(err)
			}
			if string(j.Message()) != tt.message || j.Mark != tt.mark {
				t.Errorf("got %q, mark %d; want %q, %d", j.Message(), j.Mark, tt.message, tt.mark)
			}
		})
	}
	for _, in := range []string{
		``, `{`, `{"MESSAGE"}`, `{"MESSAGE":}`, `{"MESSAGE":"a`, `{"MESSAGE":[1,2`, `{"MESSAGE":[300]}`, `{"MESSAGE":"a"} x`, `[]`, `{"A":` + strings.Repeat("[", 1000) + `}`,
		`{"MESSAGE":` + strings.Repeat("[", 1<<20),
	} {
		var j parsers.JournalEntry
		if err := j.UnmarshalJSON([]byte(in)); !errors.Is(err, culprit.ErrCorrupt) {
			t.Errorf("%.30q: got %v", in, err)
		}
	}
}

// TestJournalFormsAgree reads the same entries as export and as JSON.
func TestJournalFormsAgree(t *testing.T) {
	b, err := os.ReadFile("testdata/system/journal_json.log")
	if err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	var asJSON []string
	for line := range bytes.Lines(b) {
		var j parsers.JournalEntry
		if err := j.UnmarshalJSON(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"__CURSOR", "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "_SOURCE_MONOTONIC_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "_TRANSPORT",
			"PRIORITY", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "_SYSTEMD_UNIT", "UNIT", "_HOSTNAME", "COREDUMP_UNIT", "MESSAGE"} {
			if v := j.Field(f); v != "" {
				export.WriteString(binaryField(f, []byte(v)))
			}
		}
		export.WriteString("\n")
		l := j.Line()
		asJSON = append(asJSON, fmt.Sprint(l.Entry.Time, l.Entry.Process, l.Entry.PID, l.Entry.Unit, l.Entry.Host, l.Entry.Severity, string(l.Text)))
	}
	r := parsers.NewExportReader(&export)
	var j parsers.JournalEntry
	for i, want := range asJSON {
		if err := r.Next(&j); err != nil {
			t.Fatal(err)
		}
		l := j.Line()
		if got := fmt.Sprint(l.Entry.Time, l.Entry.Process, l.Entry.PID, l.Entry.Unit, l.Entry.Host, l.Entry.Severity, string(l.Text)); got != want {
			t.Errorf("entry %d:\n got %s\nwant %s", i+1, got, want)
		}
	}
}

// TestJournalStream pushes entries: the text of a record is what journalctl
// shows, its message the message.
func TestJournalStream(t *testing.T) {
	in := "__CURSOR=c1\n__REALTIME_TIMESTAMP=1795332152000000\n_COMM=systemd\n_PID=1\nSYSLOG_IDENTIFIER=systemd\nUNIT=shop-api.service\n" +
		"MESSAGE=shop-api.service: Main process exited, code=killed, status=9/KILL\n\n"
	r := parsers.NewExportReader(strings.NewReader(in))
	var j parsers.JournalEntry
	if err := r.Next(&j); err != nil {
		t.Fatal(err)
	}
	s := parsers.NewStream(parsers.Options{Source: "journal"})
	var got []*culprit.Record
	emit := func(r *culprit.Record) { got = append(got, r.Clone()) }
	s.Push(j.Line(), emit)
	s.Close(emit)
	if len(got) != 1 {
		t.Fatalf("%d records", len(got))
	}
	g := got[0]
	if string(g.Text) != "systemd[1]: shop-api.service: Main process exited, code=killed, status=9/KILL" || g.Kind != culprit.KindMainExited ||
		g.Unit != "shop-api.service" || g.Start.Cursor != "c1" || !g.Time.Equal(time.UnixMicro(1795332152000000)) || g.Message != "shop-api.service: Main process exited, code=killed, status=9/KILL" {
		t.Errorf("got %+v", g)
	}
}

// exportSample makes n entries as systemd's own journal holds them.
func exportSample(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "__CURSOR=s=b5f96de631f040c7920e577b7ab30860;i=%x;b=a065f19354574f279c5539eb7dfe4eb9;m=497d49c;t=660d87ac4d433;x=4d5a42d\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=77059228\n"+
			"_BOOT_ID=a065f19354574f279c5539eb7dfe4eb9\n_MACHINE_ID=caf309e9f6c84ec78994287c18c2aa3f\n_HOSTNAME=web-01\n_RUNTIME_SCOPE=system\n_TRANSPORT=stdout\nPRIORITY=6\n"+
			"SYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=shop-api\n_PID=1478\n_UID=999\n_GID=996\n_COMM=node\n_EXE=/usr/local/bin/node\n_CMDLINE=/usr/local/bin/node dist/main.js\n"+
			"_CAP_EFFECTIVE=0\n_SYSTEMD_CGROUP=/system.slice/shop-api.service\n_SYSTEMD_UNIT=shop-api.service\n_SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID=0\n_STREAM_ID=1\n"+
			"MESSAGE=GET /statements/%d 200 12ms\n\n", i, 1795332152000000+i*1000, i)
	}
	return b.Bytes()
}

// BenchmarkExportReader reads entries of 24 fields; a second should do for a
// million.
func BenchmarkExportReader(b *testing.B) {
	const n = 10000
	in := exportSample(n)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var j parsers.JournalEntry
	for b.Loop() {
		r := parsers.NewExportReader(bytes.NewReader(in))
		for range n {
			if err := r.Next(&j); err != nil {
				b.Fatal(err)
			}
			j.Line()
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// TestExportReaderAllocations holds what the benchmark measures: no allocation
// an entry.
func TestExportReaderAllocations(t *testing.T) {
	in := exportSample(100)
	var j parsers.JournalEntry
	got := testing.AllocsPerRun(20, func() {
		r := parsers.NewExportReader(bytes.NewReader(in))
		for r.Next(&j) == nil {
			j.Line()
		}
	})
	if got > 8 { // the reader and its buffer
		t.Errorf("%v allocations for 100 entries", got)
	}
}

func FuzzExportReader(f *testing.F) {
	f.Add(exportSample(2))
	f.Add([]byte("MESSAGE\n\x02\x00\x00\x00\x00\x00\x00\x00ab\n_COMM=x\n\nMESSAGE=b\n\n"))
	f.Add([]byte("A=b\n\n\nB\n\xff\xff\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		at, err := readExport(bytes.NewReader(in))
		bytewise, err2 := readExport(iotest.OneByteReader(bytes.NewReader(in)))
		if strings.Join(at, "\n") != strings.Join(bytewise, "\n") || (err == nil) != (err2 == nil) {
			t.Fatalf("depends on the reads:\n%q %v\n%q %v", at, err, bytewise, err2)
		}
		r := parsers.NewExportReader(bytes.NewReader(in))
		var j parsers.JournalEntry
		for n := 1; ; n++ {
			if err := r.Next(&j); err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, culprit.ErrCorrupt) {
					t.Fatal(err)
				}
				break
			}
			if l := j.Line(); j.No != n || l.No != n || len(j.Message()) > parsers.MaxJournalField || len(l.Text) > len(in)+64 {
				t.Fatalf("entry %d of %d bytes has number %d, message of %d, text of %d", n, len(in), j.No, len(j.Message()), len(l.Text))
			}
		}
	})
}

func FuzzJournalJSON(f *testing.F) {
	b, err := os.ReadFile("testdata/system/journal_json.log")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var j parsers.JournalEntry
		if err := j.UnmarshalJSON(in); err != nil {
			return
		}
		if l := j.Line(); len(l.Text) > 4*len(in)+64 {
			t.Fatalf("%d bytes of %d", len(l.Text), len(in))
		}
	})
}

func TestJournalDumpReader(t *testing.T) {
	const verbose = `-- Boot a065f19354574f279c5539eb7dfe4eb9 --
Sun 2026-11-22 08:22:32.729285 CET [s=a;i=1;b=b;m=8192fb0;t=6462d6c7cae05;x=1]
    _BOOT_ID=b
    _TRANSPORT=kernel
    SYSLOG_IDENTIFIER=kernel
    _SOURCE_MONOTONIC_TIMESTAMP=135823947
    PRIORITY=4
    MESSAGE=node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
Sun 2026-11-22 08:22:33.000000 CET [s=a;i=2;b=b;m=8192fb0;t=6462d6c7cae05;x=2]
    _COMM=systemd-coredum
    SYSLOG_IDENTIFIER=systemd-coredump
    _PID=7
    MESSAGE=Process 1478 (node) of user 999 dumped core.
            
            Stack trace of thread 1478:
    COREDUMP_UNIT=shop-api.service
    COREDUMP=[123B blob data]
`
	want := []string{
		`1|s=a;i=1;b=b;m=8192fb0;t=6462d6c7cae05;x=1|` + time.UnixMicro(0x6462d6c7cae05-(0x8192fb0-135823947)).UTC().Format("15:04:05.000000") +
			`||kernel[0]||4|0|"kernel: node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"`,
		`2|s=a;i=2;b=b;m=8192fb0;t=6462d6c7cae05;x=2|` + time.UnixMicro(0x6462d6c7cae05).UTC().Format("15:04:05.000000") +
			`||systemd-coredump[7]|shop-api.service|-1|0|"systemd-coredump[7]: Process 1478 (node) of user 999 dumped core.\n\nStack trace of thread 1478:"`,
	}
	const pretty = "{\n\t\"__CURSOR\" : \"c1\",\n\t\"_COMM\" : \"x\",\n\t\"MESSAGE\" : \"a\"\n}\n{\n\t\"__CURSOR\" : \"c2\",\n\t\"_COMM\" : \"x\",\n\t\"MESSAGE\" : [\n\t\t98\n\t]\n}\n"
	two := []string{`1|c1|00:00:00.000000||x[0]||-1|0|"x: a"`, `2|c2|00:00:00.000000||x[0]||-1|0|"x: b"`}
	tests := []struct {
		name, in string
		want     []string
	}{
		{"verbose", verbose, want},
		{"pretty", pretty, two},
		{"seq", "\x1e{\"__CURSOR\":\"c1\",\"_COMM\":\"x\",\"MESSAGE\":\"a\"}\n\x1e{\"__CURSOR\":\"c2\",\"_COMM\":\"x\",\"MESSAGE\":\"b\"}\n", two},
		{"sse", "data: {\"__CURSOR\":\"c1\",\"_COMM\":\"x\",\"MESSAGE\":\"a\"}\n\ndata: {\"__CURSOR\":\"c2\",\"_COMM\":\"x\",\"MESSAGE\":\"b\"}\n\n", two},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !parsers.IsJournalDump([]byte(tt.in)) {
				t.Error("not recognized")
			}
			for name, src := range map[string]io.Reader{"at once": strings.NewReader(tt.in), "by byte": iotest.OneByteReader(strings.NewReader(tt.in))} {
				got, err := readEntries(parsers.NewJournalDumpReader(src).Next)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
					t.Errorf("%s:\n got %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
				}
			}
		})
	}
	for _, in := range []string{"", "\n", "{\"MESSAGE\":\"plain json lines\"}\n", "{\n  \"name\": \"shop-api\"\n}\n", "Nov 22 10:00:00 web-01 x[1]: [s=1]\n", "data: {\"a\":1}\n"} {
		if parsers.IsJournalDump([]byte(in)) {
			t.Errorf("%q is taken for a dump", in)
		}
	}
	for _, in := range []string{"{\n\t\"a\" : 1\n", "\x1e{\"a\"\n"} {
		if _, err := readEntries(parsers.NewJournalDumpReader(strings.NewReader(in)).Next); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}

func FuzzJournalDumpReader(f *testing.F) {
	f.Add([]byte("Sun 2026-11-22 08:22:32.729285 CET [s=a;i=1;b=b;m=8192fb0;t=6462d6c7cae05;x=1]\n    MESSAGE=a\n            b\n"))
	f.Add([]byte("{\n\t\"__CURSOR\" : \"c1\",\n\t\"MESSAGE\" : \"a\"\n}\n"))
	f.Add([]byte("\x1e{\"MESSAGE\":\"a\"}\ndata: {\"MESSAGE\":\"b\"}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := readEntries(parsers.NewJournalDumpReader(bytes.NewReader(in)).Next)
		bytewise, err2 := readEntries(parsers.NewJournalDumpReader(iotest.OneByteReader(bytes.NewReader(in))).Next)
		if strings.Join(got, "\n") != strings.Join(bytewise, "\n") || (err == nil) != (err2 == nil) {
			t.Fatalf("depends on the reads:\n%q %v\n%q %v", got, err, bytewise, err2)
		}
		parsers.IsJournalDump(in)
	})
}
