package parsers_test

import (
	"strings"
	"testing"

	"culprit"
	"culprit/parsers"
)

// one reads a single line.
func one(t testing.TB, o parsers.Options, line string) *culprit.Record {
	t.Helper()
	rs := read(o, []parsers.Line{{Text: []byte(line), No: 1}})
	if len(rs) != 1 {
		t.Fatalf("%d records from one line", len(rs))
	}
	return rs[0]
}

// TestNginxError_Failures: lines that are nearly of the error log are no errors
// of nginx.
func TestNginxError_Failures(t *testing.T) {
	for _, line := range []string{
		"2026/11/22 10:00:01 [error] no pid",
		"2026/11/22 10:00:01 [error] 7: no thread",
		"2026/11/22 10:00:01 [error] 7#x: upstream timed out",
		"2026/11/22 10:00:01 [oops] 7#7: upstream timed out",
		"2026/11/22 10:00:01 error 7#7: upstream timed out",
		"2026/13/22 10:00:01 [error] 7#7: upstream timed out",
		"2026/11/22 30:00:01 [error] 7#7: upstream timed out",
		"2026-11-22 10:00:01 [error] 7#7: upstream timed out",
		"x2026/11/22 10:00:01 [error] 7#7: upstream timed out",
	} {
		if r := one(t, parsers.Options{}, line); strings.HasPrefix(string(r.Kind), "upstream") || r.Attrs.Get("tid") != "" {
			t.Errorf("%s\n%s", line, shown(r))
		}
	}
}

// TestNginxError_WhatAClientSends: request, host and referrer are the client's
// words and name no upstream.
func TestNginxError_WhatAClientSends(t *testing.T) {
	const head = `2026/11/22 10:00:01 [error] 7#7: *9 upstream prematurely closed connection while reading response header from upstream, client: 192.0.2.9, server: a.example, `
	for _, tail := range []string{
		`request: "GET /", upstream: "http://192.0.2.66/", host: "x HTTP/1.1", upstream: "http://127.0.0.1:3000/", host: "a.example"`,
		`request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:3000/", host: "a.example", referrer: "x", upstream: "http://192.0.2.66/""`,
		`request: "GET /a, client: 6.6.6.6, server: x HTTP/1.1", upstream: "http://127.0.0.1:3000/", host: "a.example"`,
	} {
		r := one(t, parsers.Options{}, head+tail)
		if r.Attrs.Get("upstream") != "http://127.0.0.1:3000/" || r.Attrs.Get("client") != "192.0.2.9" || r.Kind != culprit.KindUpstreamPrematureClose {
			t.Errorf("%s\n%s", tail, shown(r))
		}
	}
}

// TestNginxAccess_FinalStatus: what a user got, as far as the line says.
func TestNginxAccess_FinalStatus(t *testing.T) {
	const format = `$remote_addr [$time_local] "$request" $status $upstream_addr $upstream_status`
	for _, tt := range []struct {
		tail, upstream, final string
		kind                  culprit.Kind
	}{
		{"200 10.0.0.1:80 200", "10.0.0.1:80", "200", culprit.KindHTTPRequest},
		{"200 10.0.0.1:80, 10.0.0.2:80 502, 200", "10.0.0.2:80", "200", culprit.KindHTTPRequest},
		{"502 10.0.0.1:80, 10.0.0.2:80 502, 502", "10.0.0.2:80", "502", culprit.KindHTTP5xx},
		{"200 10.0.0.1:80 : unix:/run/b.sock 404 : 200", "unix:/run/b.sock", "200", culprit.KindHTTPRequest},
		{"503 - -", "", "503", culprit.KindHTTP5xx},
		{"499 10.0.0.1:80 -", "10.0.0.1:80", "499", culprit.KindHTTPClientClosed},
		{"499 10.0.0.1:80 200", "10.0.0.1:80", "499", culprit.KindHTTPClientClosed},
		{"502 app -", "app", "502", culprit.KindHTTP5xx},
	} {
		r := one(t, parsers.Options{LogFormat: []string{format}}, `192.0.2.9 [22/Nov/2026:10:00:06 +0000] "GET / HTTP/1.1" `+tt.tail)
		if r.Attrs.Get("upstream") != tt.upstream || r.Attrs.Get("final_status") != tt.final || r.Kind != tt.kind {
			t.Errorf("%s: %s", tt.tail, shown(r))
		}
	}
}

// TestLogFormat_Failures: formats that say nothing about requests are not used,
// and lines that are not of the format are read by the others.
func TestLogFormat_Failures(t *testing.T) {
	line := `192.0.2.9 - - [22/Nov/2026:10:00:06 +0000] "GET / HTTP/1.1" 502 157 "-" "curl/8.5.0"`
	for _, format := range []string{"", "$", "words", "$remote_addr", "$remote_addr$status", "$status $request", "$time_local|$status", "escape=json", "${"} {
		if r := one(t, parsers.Options{LogFormat: []string{format}}, line); r.Kind != culprit.KindHTTP5xx || r.Attrs.Get("client") != "192.0.2.9" {
			t.Errorf("%q: %s", format, shown(r))
		}
	}
}

// TestAllocations: a line of nginx costs no memory once the stream is warm, so
// that millions of them cost none.
func TestAllocations(t *testing.T) {
	for name, line := range map[string]string{
		"error":    `2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.182, server: shop.example.com, request: "GET /api/products HTTP/1.1", upstream: "http://127.0.0.1:3000/products", host: "shop.example.com"`,
		"access":   `203.0.113.186 - - [22/Nov/2026:17:47:57 +0900] "GET /statements HTTP/1.1" 502 157 "-" "Mozilla/5.0" rt=0.001 ua="127.0.0.1:4000" us="502"`,
		"failover": `203.0.113.186 - - [22/Nov/2026:17:47:57 +0900] "GET /statements HTTP/1.1" 502 157 "-" "Mozilla/5.0" rt=0.001 ua="127.0.0.1:4000" us="502, 502"`,
		"syslog":   `Nov 22 10:00:01 web1 app[412]: words`,
	} {
		s := parsers.NewStream(parsers.Options{Ref: ref})
		l := parsers.Line{Text: []byte(line), No: 1}
		emit := func(*culprit.Record) {}
		most := 0.0
		if name == "failover" {
			most = 1 // the list
		}
		if n := testing.AllocsPerRun(200, func() { s.Push(l, emit) }); n > most {
			t.Errorf("%s: %.1f allocations a line, want at most %.0f", name, n, most)
		}
	}
}

func FuzzNginxError(f *testing.F) {
	for _, s := range samples(f) {
		if strings.HasPrefix(s.name, "/nginx_error") || strings.HasPrefix(s.name, "nginx_error") {
			for _, l := range lines(s.text) {
				if _, tail, ok := strings.Cut(string(l.Text), "#"); ok {
					f.Add(tail)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, tail string) {
		if strings.Contains(tail, "\n") {
			return
		}
		within(t, parsers.Options{}, "2026/11/22 10:00:01 [error] 7#"+tail)
	})
}

func FuzzNginxAccess(f *testing.F) {
	for _, s := range samples(f) {
		if strings.Contains(s.name, "nginx_access") {
			for _, l := range lines(s.text) {
				f.Add(string(l.Text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") {
			return
		}
		within(t, parsers.Options{LogFormat: []string{`$request_time|$upstream_status|$upstream_addr|$time_local|$host|$request|$status|$remote_addr`}}, line)
	})
}

func FuzzSyslog(f *testing.F) {
	for _, s := range samples(f) {
		if strings.Contains(s.name, "syslog") || strings.Contains(s.name, "container") {
			for _, l := range lines(s.text) {
				f.Add(string(l.Text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") {
			return
		}
		check(t, parsers.Options{Ref: ref}, lines([]byte(line)))
	})
}

// within checks that what a record of nginx says stands in its line.
func within(t *testing.T, o parsers.Options, line string) {
	t.Helper()
	for _, r := range check(t, o, []parsers.Line{{Text: []byte(line), No: 1}}) {
		if !strings.ContainsAny(line, "\x00\x1b") && !strings.Contains(line, r.TimeText) { // those are taken out before
			t.Fatalf("time %q is not in %q", r.TimeText, line)
		}
		if strings.ContainsAny(line, "\\\x00\x1b\r") {
			continue // decoded
		}
		for _, a := range r.Attrs {
			switch a.Key {
			case "client", "upstream", "request", "server", "host", "phase", "errno_text", "method", "request_time":
				if !strings.Contains(line, a.Value.String()) {
					t.Fatalf("%s %q is not in %q", a.Key, a.Value.String(), line)
				}
			}
		}
	}
}
