package parsers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culprit"
	"culprit/parsers"
)

// TestNotWhatItLooksLike pushes lines that resemble an event and are none.
func TestNotWhatItLooksLike(t *testing.T) {
	tests := []struct{ name, service, line string }{
		{"an app quotes the kernel in its own file", "shop-api", "Memory cgroup out of memory: Killed process 232 (node) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0"},
		{"an app quotes the kernel in syslog", "", "Nov 22 10:00:00 web-01 node[7]: Out of memory: Killed process 232 (node) total-vm:1kB, anon-rss:1kB, file-rss:0kB"},
		{"an app speaks of the killer", "", "Nov 22 10:00:00 web-01 node[7]: redis invoked oom-killer: gfp_mask=0x1"},
		{"anybody's sentence", "", "Nov 22 10:00:00 web-01 kernel: Killed process 7"},
		{"a kill without a name", "", "Nov 22 10:00:00 web-01 kernel: Out of memory: Killed process node"},
		{"an app speaks of a unit", "", "Nov 22 10:00:00 web-01 node[7]: shop-api.service: Main process exited, code=killed, status=9/KILL"},
		{"an app has started something", "", "Nov 22 10:00:00 web-01 node[7]: Started worker."},
		{"an app quotes systemd in its own file", "shop-api", "shop-api.service: Main process exited, code=killed, status=9/KILL"},
		{"a sentence without a unit and an author", "", "Started worker."},
		{"no name of a unit", "", "Nov 22 10:00:00 web-01 systemd[1]: shop api.service: Main process exited, code=killed, status=9/KILL"},
		{"a user's own manager is up", "", "Nov 22 10:00:00 web-01 systemd[833]: Startup finished in 97ms."},
		{"systemd's version", "", "Nov 22 10:00:00 web-01 systemd[1]: Starting version 252.19-1~deb12u1"},
		{"a target of the start", "", "Nov 22 10:00:00 web-01 systemd[1]: Reached target timers.target - Timer Units."},
		{"a main process without a code", "", "Nov 22 10:00:00 web-01 systemd[1]: shop-api.service: Main process exited, why=killed"},
		{"a reload of the unit that timed out", "", "Nov 22 10:00:00 web-01 systemd[1]: shop-api.service: Reload operation timed out. Killing reload process."},
		{"supervisor's words of another program", "", "Nov 22 10:00:00 web-01 node[7]: exited: ledger (exit status 1; not expected)"},
		{"supervisor's spawn without a name", "", "2026-11-22 10:00:00,000 INFO spawned: with pid 1504"},
		{"supervisor's spawn without a number", "", "2026-11-22 10:00:00,000 INFO spawned: 'ledger' with pid x"},
		{"a logger of the same shape", "", "2026-11-22 10:00:00,000 INFO Restarting all workers"},
		{"a memory limit that somebody mentions", "", "Nov 22 10:00:00 web-01 node[7]: memory limit is 300 MB"},
		{"an app's own file speaks of a limit", "shop-api", "worker exceeded memory limit, restarting process"},
		{"an RSS feed", "", "RSS of example.com is broken"},
		{"a PM2 app of another shape", "", "App [admin] is great"},
		{"compose with spaces in the name", "", "my process exited with code 1"},
		{"an app exits with a code in a sentence", "", "worker exited with code 1 after 3 tries"},
		{"refused sudo", "", "Nov 22 10:00:00 web-01 sudo: guest : command not allowed ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"},
		{"failed login", "", "Nov 22 10:00:00 web-01 sshd[7]: Failed password for root from 192.0.2.9 port 1 ssh2"},
		{"a runner's ordinary line", "", "Nov 22 10:00:00 web-01 gitlab-runner[7]: Checking for jobs... received job=7"},
		{"dpkg's bookkeeping", "", "2026-11-22 06:12:01 status installed nodejs:amd64 20.20.2-1"},
		{"hashes that are no reflog", "", "9384ffedd1a9787a315d45aab15232ee8fb9a9bb 85f74433c6d03b29ec366a93f3f66774921f67b7 and some more text that goes on and on"},
		{"a JSON object of another program", "", `{"MESSAGES":1,"level":"info","msg":"x"}`},
		{"an event of Docker about a network", "", "2026-11-22T10:00:05.000000001Z network disconnect 77aa (container=4f3c, name=bridge, type=bridge)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range read(parsers.Options{Ref: ref, Service: tt.service}, lines([]byte(tt.line+"\n"))) {
				switch r.Kind {
				case "", culprit.KindAppLog:
				default:
					t.Errorf("%s: %q %v", r.Kind, r.Message, r.Attrs)
				}
				if string(r.Text) != tt.line {
					t.Errorf("text %q", r.Text)
				}
			}
		})
	}
}

// TestOOMReportBounds reads a report that never ends: it takes the kernel's
// lines that can stand in one and no others.
func TestOOMReportBounds(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("Nov 22 10:00:00 web-01 kernel: node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n")
	for range 3 * parsers.MaxLines {
		b.WriteString("Nov 22 10:00:00 web-01 kernel: [   1234]  1000  1234   616608     2998   569344      863           100 node\n")
	}
	b.WriteString("Nov 22 10:00:09 web-01 kernel: Out of memory: Killed process 1234 (node) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n")
	records := read(parsers.Options{Ref: ref}, lines(b.Bytes()))
	first := records[0]
	if n := bytes.Count(first.Text, []byte("\n")) + 1; n != parsers.MaxLines || first.Mark&culprit.MarkTruncated == 0 {
		t.Errorf("first record has %d lines, mark %d", n, first.Mark)
	}
	if last := records[len(records)-1]; last.Kind != culprit.KindOOMKill || last.Attrs.GetInt("victim_pid") != 1234 {
		t.Errorf("the kill line is %q %v", last.Kind, last.Attrs)
	}
}

// TestOOMReportsOfTwoHosts reads two reports whose lines alternate.
func TestOOMReportsOfTwoHosts(t *testing.T) {
	var b strings.Builder
	for _, line := range []string{
		"node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
		"memory: usage 307200kB, limit 307200kB, failcnt 9300",
		"Memory cgroup out of memory: Killed process %s (node) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0",
	} {
		for _, host := range []string{"1", "2"} {
			b.WriteString("Nov 22 10:00:00 web-" + host + " kernel: " + strings.Replace(line, "%s", host, 1) + "\n")
		}
	}
	records := read(parsers.Options{Ref: ref}, lines([]byte(b.String())))
	if len(records) != 2 {
		t.Fatalf("%d records", len(records))
	}
	for i, r := range records {
		if r.Kind != culprit.KindOOMKill || r.Attrs.GetInt("victim_pid") != int64(i+1) || r.Attrs.GetInt("limit_kb") != 307200 {
			t.Errorf("record %d: %s %v", i, r.Kind, r.Attrs)
		}
	}
}

// FuzzSystem pushes any bytes as a file: every line comes out once, no time is
// made up, and nothing is larger than its bounds.
func FuzzSystem(f *testing.F) {
	logs, err := filepath.Glob("testdata/system/*.log")
	if err != nil || len(logs) == 0 {
		f.Fatalf("no samples: %v", err)
	}
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for lines := bytes.SplitAfter(b, []byte("\n")); len(lines) > 0; lines = lines[min(len(lines), 8):] {
			f.Add(bytes.Join(lines[:min(len(lines), 8)], nil))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 64<<10 {
			t.Skip()
		}
		n := 0
		pushLines(parsers.NewStream(parsers.Options{Ref: ref}), in, func(r *culprit.Record) {
			n += bytes.Count(r.Text, []byte("\n")) + 1
			if !r.Time.IsZero() && r.TimeText == "" {
				t.Errorf("%s: time %v of no text", r.Kind, r.Time)
			}
			if len(r.Text) > parsers.MaxBytes {
				t.Errorf("a record of %d bytes", len(r.Text))
			}
			for _, a := range r.Attrs {
				if len(a.Value.String()) > 8*len(in)+64 {
					t.Errorf("%s of %d bytes", a.Key, len(a.Value.String()))
				}
			}
		})
		if want := len(lines(in)); n != want {
			t.Errorf("%d lines out of %d", n, want)
		}
	})
}

// pushLines reads a text as a file.
func pushLines(s *parsers.Stream, text []byte, emit func(*culprit.Record)) {
	for _, l := range lines(text) {
		s.Push(l, emit)
	}
	s.Close(emit)
}
