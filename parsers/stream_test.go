package parsers_test

import (
	"bytes"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/parsers"
)

// shown is a record as a test compares it: all that a consumer can see.
func shown(r *culprit.Record) string {
	return fmt.Sprintf("%d-%d [%d,%d) %q mark=%d after=%v %s", r.LineFrom, r.LineTo, r.Start.Offset, r.End.Offset, r.Text, r.Mark, r.NotBefore.UnixNano(), parsers.AppendJSON(nil, r))
}

func allShown(rs []*culprit.Record) []string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = shown(r)
	}
	return list
}

func sameRecords(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			from := 0
			for from < min(len(g), len(w)) && g[from] == w[from] {
				from++
			}
			from = max(0, from-40)
			t.Fatalf("%s: record %d from byte %d\n got %.400s\nwant %.400s", what, i+1, from, g[from:], w[min(from, len(w)):])
		}
	}
}

// restarted reads ls, stops after cut lines and reads on from where the stream
// says, with a new one.
func restarted(o parsers.Options, ls []parsers.Line, cut int) []*culprit.Record {
	var out []*culprit.Record
	emit := func(r *culprit.Record) { out = append(out, r.Clone()) }
	s := parsers.NewStream(o)
	for _, l := range ls[:cut] {
		s.Push(l, emit)
	}
	at := s.Resume()
	o.After = s.Last()
	s = parsers.NewStream(o)
	for _, l := range ls {
		if l.Start.Offset >= at.Offset {
			s.Push(l, emit)
		}
	}
	s.Close(emit)
	return out
}

// check holds what is true of any input.
func check(t *testing.T, o parsers.Options, ls []parsers.Line) []*culprit.Record {
	t.Helper()
	rs := read(o, ls)
	var in, out []string
	for _, l := range ls {
		in = append(in, string(l.Text))
	}
	last := -1
	for _, r := range rs {
		out = append(out, strings.Split(string(r.Text), "\n")...)
		switch {
		case r.LineFrom <= last:
			t.Fatalf("line %d comes after line %d", r.LineFrom, last)
		case len(r.Text) > parsers.MaxBytes || bytes.Count(r.Text, []byte("\n")) >= parsers.MaxLines:
			t.Fatalf("record of %d bytes is over the bounds", len(r.Text))
		case r.LineTo < r.LineFrom || r.End.Offset < r.Start.Offset:
			t.Fatalf("record ends before it begins: %s", shown(r))
		case !r.Time.IsZero() && r.TimeText == "":
			t.Fatalf("a time that does not stand in the log: %s", shown(r))
		case r.Time.IsZero() && !r.NotBefore.IsZero() && len(rs) == 1:
			t.Fatalf("a bound without a neighbour: %s", shown(r))
		}
		last = r.LineFrom
	}
	sort.Strings(in)
	sort.Strings(out)
	if strings.Join(in, "\n") != strings.Join(out, "\n") {
		t.Fatalf("lines went in and did not come out once each:\n in %.500q\nout %.500q", in, out)
	}
	return rs
}

// TestStream_SameRecordsHoweverCut restarts after every line of every sample.
func TestStream_SameRecordsHoweverCut(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			ls := lines(s.text)
			want := allShown(check(t, s.options, ls))
			for cut := 0; cut < len(ls); cut += 1 + len(ls)/80 {
				sameRecords(t, fmt.Sprintf("restarted after line %d", cut), allShown(restarted(s.options, ls, cut)), want)
			}
		})
	}
}

// TestStream_OpenShowsWhatCloseWould compares, after every line of every
// sample, what is out and open with what a source that ends there gives.
func TestStream_OpenShowsWhatCloseWould(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			ls := lines(s.text)
			var out []*culprit.Record
			stream := parsers.NewStream(s.options)
			for i, l := range ls {
				stream.Push(l, func(r *culprit.Record) { out = append(out, r.Clone()) })
				if len(ls) > 80 && i%(len(ls)/40) != 0 {
					continue
				}
				got := allShown(out)
				stream.Open(func(r *culprit.Record) { got = append(got, shown(r)) })
				sameRecords(t, fmt.Sprintf("after line %d", i+1), got, allShown(read(s.options, ls[:i+1])))
			}
		})
	}
}

// TestStream_Overlap: two programs write traces at once, line by line.
func TestStream_Overlap(t *testing.T) {
	a := []string{"Error: Cannot find module './a'", "Require stack:", "- /srv/a/main.js", "    at Module._resolveFilename (node:internal/modules/cjs/loader:1140:15)", "    at require (/srv/a/main.js:1:1)"}
	var text strings.Builder
	for _, line := range a {
		fmt.Fprintf(&text, "Nov 22 10:00:01 web1 a[1]: %s\n", line)
		fmt.Fprintf(&text, "Nov 22 10:00:01 web1 b[2]: %s\n", line)
		fmt.Fprintf(&text, "Nov 22 10:00:01 web1 nginx[3]: plain words\n")
	}
	o := parsers.Options{Ref: ref}
	ls := lines([]byte(text.String()))
	rs := check(t, o, ls)
	if len(rs) != 2+len(a) {
		t.Fatalf("%d records, want %d", len(rs), 2+len(a))
	}
	for i, process := range []string{"a", "b"} {
		if rs[i].Process != process || rs[i].Kind != culprit.KindModuleNotFound || bytes.Count(rs[i].Text, []byte("\n")) != len(a)-1 {
			t.Errorf("record %d: %s", i, shown(rs[i]))
		}
	}
	want := allShown(rs)
	for cut := range ls {
		sameRecords(t, fmt.Sprintf("restarted after line %d", cut), allShown(restarted(o, ls, cut)), want)
	}
}

func TestStream_Bounds(t *testing.T) {
	frame := "    at f (/srv/a/main.js:1:1)"
	t.Run("lines", func(t *testing.T) {
		text := "Error: deep\n" + strings.Repeat(frame+"\n", parsers.MaxLines+10)
		rs := check(t, parsers.Options{}, lines([]byte(text)))
		if rs[0].Mark&culprit.MarkTruncated == 0 || rs[0].LineTo != parsers.MaxLines {
			t.Fatalf("ends at line %d with mark %d", rs[0].LineTo, rs[0].Mark)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		text := "Error: wide\n" + strings.Repeat("    at f (/srv/"+strings.Repeat("x", 1000)+".js:1:1)\n", 2000)
		rs := check(t, parsers.Options{}, lines([]byte(text)))
		if rs[0].Mark&culprit.MarkTruncated == 0 || len(rs[0].Text) > parsers.MaxBytes {
			t.Fatalf("%d bytes with mark %d", len(rs[0].Text), rs[0].Mark)
		}
	})
	t.Run("one line", func(t *testing.T) {
		text := bytes.Repeat([]byte("x"), 2*parsers.MaxBytes+5)
		rs := read(parsers.Options{}, lines(text))
		if len(rs) != 3 {
			t.Fatalf("%d records, want 3", len(rs))
		}
		size := 0
		for i, r := range rs {
			if got := r.Mark&culprit.MarkTruncated != 0; got != (i < 2) || r.LineFrom != 1 || r.Start.Offset != int64(size) {
				t.Errorf("piece %d: mark %d, line %d, offset %d", i, r.Mark, r.LineFrom, r.Start.Offset)
			}
			size += len(r.Text)
		}
		if size != len(text) {
			t.Errorf("%d bytes came out of %d", size, len(text))
		}
	})
	t.Run("rest of a line is not parsed", func(t *testing.T) {
		s := parsers.NewStream(parsers.Options{})
		var kinds []culprit.Kind
		emit := func(r *culprit.Record) { kinds = append(kinds, r.Kind) }
		s.Push(parsers.Line{Text: []byte("words"), No: 7, Mark: culprit.MarkTruncated}, emit)
		s.Push(parsers.Line{Text: []byte(`Error: Cannot find module './a'`), No: 7, Mark: culprit.MarkTruncated}, emit)
		s.Push(parsers.Line{Text: []byte(`2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9`), No: 7}, emit)
		s.Push(parsers.Line{Text: []byte(`2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9`), No: 8}, emit)
		s.Close(emit)
		if len(kinds) != 4 || kinds[1] != "" || kinds[2] != "" || kinds[3] != culprit.KindWorkerExited {
			t.Fatalf("kinds %q", kinds)
		}
	})
	t.Run("waiting for ever", func(t *testing.T) {
		text := "Nov 22 10:00:01 web1 a[1]: Error: no frames yet\n" + strings.Repeat("Nov 22 10:00:02 web1 b[2]: words\n", 3000)
		var first int
		s := parsers.NewStream(parsers.Options{Ref: ref})
		for i, l := range lines([]byte(text)) {
			s.Push(l, func(*culprit.Record) {
				if first == 0 {
					first = i
				}
			})
		}
		if first == 0 || first > 1100 {
			t.Fatalf("the first record came out at line %d", first)
		}
	})
	t.Run("many programs at once", func(t *testing.T) {
		var text strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&text, "Nov 22 10:00:01 web1 a[%d]: Error: Cannot find module './a'\n", i%3000)
		}
		ls := lines([]byte(text.String()))
		s := parsers.NewStream(parsers.Options{Ref: ref})
		held, most := 0, 0
		for _, l := range ls {
			held++
			s.Push(l, func(r *culprit.Record) { held -= 1 + bytes.Count(r.Text, []byte("\n")) })
			most = max(most, held)
		}
		if most > 2*parsers.MaxLines+1 {
			t.Fatalf("%d lines were held", most)
		}
	})
}

func TestStream_Marks(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       culprit.Mark
	}{
		{"plain", "words", 0},
		{"not UTF-8", "\xff words", culprit.MarkInvalidUTF8},
		{"NUL", "\x00\x00words", culprit.MarkNUL},
	} {
		rs := read(parsers.Options{}, []parsers.Line{{Text: []byte(tt.line), No: 1}})
		if len(rs) != 1 || rs[0].Mark != tt.want || string(rs[0].Text) != tt.line {
			t.Errorf("%s: %s", tt.name, shown(rs[0]))
		}
	}
}

func TestStream_Neighbours(t *testing.T) {
	rs := read(parsers.Options{}, lines([]byte("words\n2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9\nwords\n")))
	at := time.Date(2026, 11, 22, 10, 0, 1, 0, time.UTC)
	if !rs[0].NotBefore.IsZero() || !rs[1].Time.Equal(at) || !rs[2].Time.IsZero() || !rs[2].NotBefore.Equal(at) {
		t.Fatalf("%v %v %v %v", rs[0].NotBefore, rs[1].Time, rs[2].Time, rs[2].NotBefore)
	}
}

// TestStream_ForcedFormat: a format that is named is tried before the others,
// and lines that are not of it are still understood.
func TestStream_ForcedFormat(t *testing.T) {
	for _, name := range []string{"nginx_error", "syslog", "node", "no such format"} {
		rs := read(parsers.Options{Format: name, Ref: ref}, lines([]byte("2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9\nNov 22 10:00:01 web1 app[412]: words\n")))
		if len(rs) != 2 || rs[0].Kind != culprit.KindWorkerExited || rs[1].Process != "app" {
			t.Errorf("%s: %v", name, allShown(rs))
		}
	}
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		least            float64
	}{
		{"nginx error", "2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9\n2026/11/22 10:00:01 [al", "nginx_error", 1},
		{"nginx error without a newline", "2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9", "nginx_error", 1},
		{"access", "192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/8.5.0\"\n", "nginx_access", 1},
		{"syslog", "Nov 22 10:00:01 web1 app[412]: words\nNov 22 10:00:01 web1 app[413]: words\n", "syslog", 1},
		{"a mix goes to the most", "Nov 22 10:00:01 web1 app[412]: words\nNov 22 10:00:01 web1 app[413]: words\n2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9\n", "syslog", 1},
		{"half of it", "words\nNov 22 10:00:01 web1 app[413]: words\n", "syslog", 0.5},
		{"words", "these are\nonly words\n", "", 0},
		{"nothing", "", "", 0},
		{"a table", "name | size\na | 1\nb | 2\n", "", 0},
		{"configuration", "server {\n    listen 80;\n    location / {\n        proxy_pass http://127.0.0.1:3000;\n    }\n}\n", "", 0},
	} {
		got, confidence := parsers.Detect([]byte(tt.text))
		if got != tt.want || confidence < tt.least || confidence > 1 {
			t.Errorf("%s: %q with %.2f, want %q with at least %.2f", tt.name, got, confidence, tt.want, tt.least)
		}
	}
}

// TestHostile reads lines that cost a careless parser the square of their
// length: at a megabyte that is minutes, not the second that all may take.
func TestHostile(t *testing.T) {
	const size = 1 << 20
	long := func(head, unit, tail string) []byte {
		return []byte(head + strings.Repeat(unit, (size-len(head)-len(tail))/len(unit)) + tail)
	}
	nginx := "2026/11/22 10:00:01 [error] 7#7: *9 "
	for name, text := range map[string][]byte{
		"spaces": long("", " ", ""), "colons": long("", ": ", ""), "brackets": long("", "[", ""), "brackets with a time": long("[22/Nov/2026", "[", ""),
		"quotes": long(`192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] "GET /`, `"`, ""), "backslashes": long(`192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] "GET /`, `\`, `" 200`),
		"escaped quotes": long(`192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] "GET /`, `\"`, ""), "access fields": long(`192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] "GET / HTTP/1.1" 200 1 `, `a=" , : `, ""),
		"clients": long(nginx+`open() "`, ", client: 1", ""), "no clients": long(nginx, ", client: ", ""), "whiles": long(nginx, " while ", ""), "parentheses": long(nginx+"x", " (1: ", ")"),
		"fields": long(nginx+"x, client: 1.1.1.1, request: \"", `", host: `, ""), "fields with protocols": long(nginx+"x, client: 1.1.1.1, request: \"", `HTTP/1.1", x`, ""),
		"escapes": long("", "\x1b[", ""), "OSC": long("", "\x1b]", ""), "rsyslog escapes": long("Nov 22 10:00:01 web1 app[412]: ", "#033[", ""),
		"JSON depth": long("{", `"a":{`, ""), "JSON lists": long(`{"status":200,"a":`, "[", ""), "JSON quotes": long(`{"log":"`, `\"`, ""), "JSON names": long(`{"status":1`, `,"a":"b"`, ""),
		"logfmt": long("status=200 ", `a="`, ""), "LTSV": long("a:1\tb:2\tc:3\tstatus:200", "\t", ""), "structured data": long("<1>1 - a b c d ", `[x="\]`, ""),
		"frames": long("Error: x\n", "    at f (/a.js:1:1)\n", ""), "at": long("", "at ", ""), "parens": long("    at ", "(", ""), "slashes": long("Error: Cannot find module '", "/a", "'"),
		"dashes": long("", "- ", ""), "digits": long("", "1", ""), "newlines": long("Error: x\n", "\n", ""), "carets": long("/a.js:1\n", "^\n", ""), "equals": long("", "=", ""), "pipes": long("", "a | ", ""),
		"letters": long("", "a", ""), "UTF-8": long("", "ä", ""), "not UTF-8": long("", "\xff", ""), "NUL": long("", "\x00", ""), "tags": long("Nov 22 10:00:01 web1 ", "a[1", ""),
		"oom table": long("Nov 22 10:00:01 web1 kernel: node invoked oom-killer: gfp_mask=0x0\n", "Nov 22 10:00:01 web1 kernel: [ 1 ]\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			s := parsers.NewStream(parsers.Options{Ref: ref})
			emit := func(*culprit.Record) {}
			for _, l := range lines(text) {
				s.Push(l, emit)
			}
			s.Close(emit)
			if d := time.Since(begin); d > 10*time.Second {
				t.Errorf("%d bytes took %v", len(text), d)
			}
		})
	}
}

// TestWordsMissing: lines of every sample that end early, or that lack a word,
// come out once and whole, whatever the formats expected to find there.
func TestWordsMissing(t *testing.T) {
	digits := regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f]*`)
	seen := map[string]bool{}
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			var text []byte
			for _, l := range lines(s.text) {
				shape := digits.ReplaceAllString(string(l.Text), "0")
				if len(l.Text) > 600 || seen[shape] {
					continue
				}
				seen[shape] = true
				for i, c := range l.Text {
					if c != ' ' && c != ':' && c != '"' {
						continue
					}
					text = append(append(text, l.Text[:i+1]...), '\n')
					next := bytes.IndexByte(l.Text[i+1:], ' ')
					if next < 0 {
						next = len(l.Text) - i - 1
					}
					text = append(append(append(text, l.Text[:i]...), l.Text[i+1+next:]...), '\n')
				}
			}
			in, n := lines(text), 0
			for _, r := range read(s.options, in) {
				n += bytes.Count(r.Text, []byte("\n")) + 1
			}
			if n != len(in) {
				t.Errorf("%d lines out of %d", n, len(in))
			}
		})
	}
}

func FuzzStream(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.text, uint16(len(s.text)/60))
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint16) {
		if len(text) > 64<<10 {
			return
		}
		o := parsers.Options{Ref: ref}
		ls := lines(text)
		want := allShown(check(t, o, ls))
		if len(ls) > 0 {
			sameRecords(t, "restarted", allShown(restarted(o, ls, int(cut)%len(ls))), want)
		}
		parsers.Detect(text)
	})
}

// FuzzLogFormat: whatever the configuration and the line say, no value is taken
// from outside of the line.
func FuzzLogFormat(f *testing.F) {
	f.Add(`$remote_addr - $remote_user [$time_local] "$request" $status $upstream_addr $upstream_status`, `192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] "GET / HTTP/1.1" 502 10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80 502, 502 : 200`)
	f.Add(`escape=json {"t":"$time_iso8601","r":"$request","s":$status,"u":"${upstream_addr}"}`, `{"t":"2026-11-22T10:00:06+00:00","r":"GET /\u00e4 HTTP/1.1","s":502,"u":"-"}`)
	f.Fuzz(func(t *testing.T, format, line string) {
		if strings.Contains(line, "\n") {
			return
		}
		check(t, parsers.Options{LogFormat: []string{format}}, []parsers.Line{{Text: []byte(line), No: 1}})
	})
}
