package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"culprit"
	"culprit/web"
	"culprit/web/webtest"
)

// get asks for a path as a browser on this machine does.
func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8502"+path, nil)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// body reads a JSON answer of status 200.
func body[T any](t *testing.T, h http.Handler, path string) T {
	t.Helper()
	w := get(t, h, path)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return v
}

// TestGuard_OwnAddress: where the service listens for others, the address that
// they ask is known without being named in the configuration.
func TestGuard_OwnAddress(t *testing.T) {
	h := server(t, func(*web.Config) {}).Handler()
	for host, want := range map[string]int{"192.0.2.7:8502": 200, "192.0.2.7": 200, "192.0.2.8:8502": 403, "192.0.2.7.evil.example": 403} {
		r := httptest.NewRequest(http.MethodGet, "/api/health", nil)
		r.Host = host
		to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8502}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, to)))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", host, w.Code, want)
		}
	}
}

func TestGuard(t *testing.T) {
	h := server(t, func(c *web.Config) { c.Hosts = []string{"logs.example.com"} }).Handler()
	for _, tc := range []struct {
		name, path string
		header     []string
		want       int
	}{
		{"own name", "/api/health", nil, 200},
		{"localhost", "/api/health", []string{"Host", "localhost:8502"}, 200},
		{"IPv6 loopback", "/api/health", []string{"Host", "[::1]:8502"}, 200},
		{"other port of a tunnel", "/api/health", []string{"Host", "127.0.0.1:7070"}, 200},
		{"configured name", "/api/health", []string{"Host", "LOGS.example.com"}, 200},
		{"rebound name", "/api/health", []string{"Host", "evil.example:8502"}, 403},
		{"rebound name, pages", "/", []string{"Host", "evil.example"}, 403},
		{"name that begins alike", "/api/health", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"no name", "/api/health", []string{"Host", ""}, 403},
		{"same origin", "/api/health", []string{"Origin", "http://127.0.0.1:8502"}, 200},
		{"other origin", "/api/health", []string{"Origin", "https://evil.example"}, 403},
		{"other port's origin", "/api/live", []string{"Origin", "http://127.0.0.1:3000"}, 403},
		{"null origin", "/api/health", []string{"Origin", "null"}, 403},
		{"cross-site fetch", "/api/incidents", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"same-site fetch", "/api/incidents", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"link from elsewhere", "/incidents/x", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"cross-site navigation to data", "/api/incidents", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		{"metrics too", "/metrics", []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := get(t, h, tc.path, tc.header...)
			if w.Code != tc.want {
				t.Errorf("%d, want %d: %s", w.Code, tc.want, w.Body)
			}
			csp := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}

func TestOnlyJSONAndOnlyGet(t *testing.T) {
	h := server(t, nil).Handler()
	for _, tc := range []struct {
		method, path, kind, body string
		want                     int
	}{
		{"POST", "/api/session", "text/plain", `{"token":"x"}`, 415},
		{"POST", "/api/session", "application/x-www-form-urlencoded", "token=x", 415},
		{"POST", "/api/session", "application/json", `{"token":"x"}`, 404}, // no token is asked for here
		{"POST", "/api/incidents", "application/json", `{}`, 405},
		{"DELETE", "/api/incidents/x", "", "", 405},
		{"POST", "/api/session", "application/json", `{"token":"` + strings.Repeat("x", 64<<10) + `"}`, 413},
		{"POST", "/", "application/json", "{}", 405},
	} {
		r := httptest.NewRequest(tc.method, "http://127.0.0.1:8502"+tc.path, strings.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s %s %s: %d, want %d: %s", tc.method, tc.path, tc.kind, w.Code, tc.want, w.Body)
		}
	}
}

func TestNonLoopbackNeedsToken(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:8502", ":8502", "192.0.2.1:8502", "[::]:8502", "example.com:8502"} {
		cfg := webtest.Config(a)
		cfg.Addr = addr
		if _, err := web.New(cfg); err == nil || !strings.Contains(err.Error(), "token") {
			t.Errorf("%s without a token: %v", addr, err)
		}
		cfg.TokenFile = filepath.Join(t.TempDir(), "token")
		cfg.Registry = nil
		if _, err := web.New(cfg); err != nil {
			t.Errorf("%s with a token: %v", addr, err)
		}
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	h := server(t, func(c *web.Config) { c.TokenFile = file }).Handler()
	fi, err := os.Stat(file)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("token file: %v %v", fi.Mode(), err)
	}
	b, _ := os.ReadFile(file)
	token := strings.TrimSpace(string(b))
	if w := get(t, h, "/api/incidents"); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("without: %d", w.Code)
	}
	if w := get(t, h, "/metrics"); w.Code != 401 {
		t.Errorf("metrics without: %d", w.Code)
	}
	if w := get(t, h, "/api/health"); w.Code != 200 {
		t.Errorf("health: %d", w.Code)
	}
	if w := get(t, h, "/"); w.Code != 200 {
		t.Errorf("pages: %d", w.Code)
	}
	if w := get(t, h, "/api/incidents", "Authorization", "Bearer "+token); w.Code != 200 {
		t.Errorf("bearer: %d", w.Code)
	}
	if w := get(t, h, "/api/incidents", "Authorization", "Bearer "+token+"x"); w.Code != 401 {
		t.Errorf("wrong bearer: %d", w.Code)
	}
	if w := get(t, h, "/api/incidents?token="+token); w.Code != 401 {
		t.Errorf("token in the address must not count: %d", w.Code)
	}
	sign := func(tok string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8502/api/session", strings.NewReader(fmt.Sprintf(`{"token":%q}`, tok)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := sign(token)
	c := w.Result().Cookies()
	if w.Code != 204 || len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode || strings.Contains(c[0].Value, token) {
		t.Fatalf("sign in: %d %v", w.Code, c)
	}
	if w := get(t, h, "/api/incidents", "Cookie", c[0].Name+"="+c[0].Value); w.Code != 200 {
		t.Errorf("session: %d", w.Code)
	}
	if w := get(t, h, "/api/incidents", "Cookie", c[0].Name+"=nonsense"); w.Code != 401 {
		t.Errorf("false session: %d", w.Code)
	}
	last := 0
	for range 12 {
		last = sign("wrong-token-wrong-token").Code
	}
	if last != 429 {
		t.Errorf("after twelve tries: %d, want 429", last)
	}
}

func TestTokenFileThatOthersRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef0123\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.Config(a)
	cfg.TokenFile = file
	if _, err := web.New(cfg); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("error %v, want one that says chmod 600", err)
	}
}

// TestStatus maps errors of the store to answers.
func TestStatus(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(webtest.Config(a))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		err  error
		want int
	}{
		{culprit.ErrUnavailable, 503}, {culprit.ErrLocked, 503}, {culprit.ErrDiskFull, 507}, {culprit.ErrCorrupt, 500}, {context.DeadlineExceeded, 504},
		{errors.New("secret detail of the inside"), 500},
	} {
		a.Fail(fmt.Errorf("open block 7: %w", tc.err))
		w := get(t, s.Handler(), "/api/search?q=error")
		var p struct{ Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tc.want || p.Detail == "" {
			t.Errorf("%v: %d %s", tc.err, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "inside") || strings.Contains(w.Body.String(), "block 7") {
			t.Errorf("%v: the inside shows: %s", tc.err, w.Body)
		}
	}
	a.Fail(nil)
	for path, want := range map[string]int{
		"/api/incidents/nope": 404, "/api/incidents/nope/timeline": 404, "/api/incidents/nope/report": 404, "/api/nope": 404, "/api/records/journal/999999": 404,
		"/api/search?q=pid:%3E%3Dx": 400, "/api/search?limit=100000": 422, "/api/search?since=yesterday": 422, "/api/search?q=" + strings.Repeat("a", 5000): 422,
		"/api/histogram?since=2026-11-22T08:00:00Z&until=2026-11-22T07:00:00Z": 400, "/api/tail?q=pid:%3E%3Dx": 400, "/assets/nope.js": 404, "/incidents/nope": 200,
		"/api/records/journal/1/surroundings?span=2h": 400,
	} {
		if w := get(t, s.Handler(), path); w.Code != want {
			t.Errorf("%.60s: %d, want %d: %.200s", path, w.Code, want, w.Body)
		}
	}
	w := get(t, s.Handler(), "/api/search?q=pid:%3E%3Dx")
	if !strings.Contains(w.Body.String(), "column") {
		t.Errorf("a query error must point at the column: %s", w.Body)
	}
}

func TestSearch(t *testing.T) {
	h := server(t, nil).Handler()
	type page struct {
		Records []web.Record
		Cursor  string
		Total   int
	}
	all := body[page](t, h, "/api/search?q="+url.QueryEscape("kind:module_not_found"))
	if len(all.Records) != 6 || all.Total != 6 || all.Cursor != "" {
		t.Fatalf("%d records, total %d, cursor %q, want 6, 6, none", len(all.Records), all.Total, all.Cursor)
	}
	if !all.Records[0].Time.After(*all.Records[5].Time) {
		t.Error("newest first is not in order")
	}
	var walked []int64
	for cursor, turns := "", 0; turns < 10; turns++ {
		p := body[page](t, h, "/api/search?order=oldest&limit=4&q=kind:module_not_found&cursor="+url.QueryEscape(cursor))
		for _, r := range p.Records {
			walked = append(walked, r.Seq)
		}
		if cursor = p.Cursor; cursor == "" {
			break
		}
	}
	if len(walked) != 6 || walked[0] != all.Records[5].Seq {
		t.Errorf("pages gave %v", walked)
	}
	one := body[web.Record](t, h, fmt.Sprintf("/api/records/journal/%d", walked[0]))
	if !strings.Contains(one.Text, "Require stack") || one.Kind != "module_not_found" || one.Attributes == nil {
		t.Errorf("record %+v", one)
	}
	around := body[page](t, h, fmt.Sprintf("/api/records/journal/%d/surroundings?span=2s", walked[0]))
	var sources = map[string]bool{}
	found := false
	for i, r := range around.Records {
		sources[r.Source] = true
		found = found || r.Seq == walked[0]
		if i > 0 && r.Time.Before(*around.Records[i-1].Time) {
			t.Error("surroundings are not in order")
		}
	}
	if !found || len(sources) < 3 {
		t.Errorf("surroundings of %d sources, record among them: %v", len(sources), found)
	}
	few := body[page](t, h, fmt.Sprintf("/api/records/journal/%d/surroundings?span=30s&limit=5", walked[0]))
	if len(few.Records) != 5 {
		t.Errorf("%d surroundings, want 5", len(few.Records))
	}
	slash := body[page](t, h, "/api/search?limit=1&q=kind:upstream_reset").Records[0]
	again := body[web.Record](t, h, fmt.Sprintf("/api/records/%s/%d", url.PathEscape(slash.Source), slash.Seq))
	if again.Text != slash.Text || !strings.Contains(again.Source, "/") {
		t.Errorf("permalink of %s gave %q", slash.Source, again.Text)
	}
}

func TestHistogramSumsToTotal(t *testing.T) {
	h := server(t, nil).Handler()
	type hist struct {
		Total int
		Step  float64 `json:"step_seconds"`
		Bins  []web.HistogramBin
	}
	for _, by := range []string{"none", "phase", "severity", "service"} {
		for _, r := range []string{"", "&since=2026-11-22T07:22:00Z&until=2026-11-22T07:22:30.5Z", "&since=2026-11-22T07:22:00Z"} {
			got := body[hist](t, h, "/api/histogram?q=failed&by="+by+r)
			want := body[struct{ Total int }](t, h, "/api/search?limit=1&q=failed"+r).Total
			sum := int64(0)
			for _, b := range got.Bins {
				sum += b.Count
				part := int64(0)
				for _, n := range b.By {
					part += n
				}
				if part > b.Count {
					t.Errorf("by %s: groups of %d in a bin of %d", by, part, b.Count)
				}
			}
			if got.Total != want || sum != int64(want) || len(got.Bins) > 130 || want == 0 {
				t.Errorf("by %s%s: total %d, bins %d, search says %d", by, r, got.Total, sum, want)
			}
		}
	}
	phase := body[hist](t, h, "/api/histogram?q=&by=phase&since=2026-11-22T07:22:32Z&until=2026-11-22T07:22:33Z&bins=1")
	if phase.Bins[0].By["reset"] != 94 || phase.Bins[0].By["timed out"] != 4 {
		t.Errorf("the second of the kill: %v, want 94 reset, 4 timed out", phase.Bins[0].By)
	}
}

func TestReport(t *testing.T) {
	h := server(t, nil).Handler()
	for format, want := range map[string]string{"md": "text/markdown", "html": "text/html", "json": "application/json"} {
		w := get(t, h, "/api/incidents/shop-api-20261122T072229/report?download=true&format="+format)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), want) || !strings.Contains(w.Body.String(), "shop-api was killed") {
			t.Errorf("%s: %d %s", format, w.Code, w.Header())
		}
		if !strings.Contains(w.Header().Get("Content-Disposition"), "incident-shop-api-20261122T072229."+format) {
			t.Errorf("%s: %s", format, w.Header().Get("Content-Disposition"))
		}
		if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "script-src") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'self'") {
			t.Errorf("%s: policy %s", format, csp)
		}
	}
	if w := get(t, h, "/api/incidents/shop-api-20261122T072229/report?tz=Mars/Olympus"); w.Code != 400 {
		t.Errorf("unknown zone: %d", w.Code)
	}
}

// events reads a stream until f says that it is enough.
func events(t *testing.T, base, path string, f func(event, data string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET %s: %s", path, res.Status)
	}
	event := "message"
	in := bufio.NewReader(res.Body)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("GET %s ended: %v", path, err)
		}
		line = strings.TrimSuffix(line, "\n")
		if e, ok := strings.CutPrefix(line, "event: "); ok {
			event = e
		} else if d, ok := strings.CutPrefix(line, "data: "); ok && f(event, d) {
			return
		}
	}
}

func TestLive(t *testing.T) {
	a, err := webtest.New(webtest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(webtest.Config(a))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	said := map[string]string{}
	events(t, srv.URL, "/api/live", func(event, data string) bool {
		said[event] = data
		if event == "counts" && said["incident"] == "" {
			_, changed := a.Advance(webtest.Outage)
			for change, inc := range changed {
				s.PublishIncident(change, inc)
			}
		}
		return event == "incident"
	})
	var c web.IncidentChange
	if err := json.Unmarshal([]byte(said["incident"]), &c); err != nil {
		t.Fatal(err)
	}
	if c.Change != "new" || c.Incident.Verdict != culprit.VerdictModuleNotFound || !strings.Contains(said["hello"], "web-01") || !strings.Contains(said["counts"], `"open_incidents":0`) {
		t.Errorf("stream said %.300v", said)
	}
}

func TestTail(t *testing.T) {
	a, err := webtest.New(webtest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.Config(a)
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	var got []web.Record
	events(t, srv.URL, "/api/tail?q=kind:module_not_found", func(event, data string) bool {
		switch event {
		case "hello":
			waitFor(t, func() bool { return a.Followers() == 1 })
			a.Advance(webtest.Outage)
		case "records":
			var m web.Records
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Error(err)
			}
			got = append(got, m.Records...)
		}
		return len(got) == 6
	})
	for _, r := range got {
		if r.Kind != "module_not_found" {
			t.Errorf("a record of kind %q came through", r.Kind)
		}
	}
	// The client left: its reader must end.
	waitFor(t, func() bool { return a.Followers() == 0 })
}

// TestStreamsAreBounded: one client too many is told so before its stream begins.
func TestStreamsAreBounded(t *testing.T) {
	for _, path := range []string{"/api/tail", "/api/live"} {
		t.Run(path, func(t *testing.T) {
			a, err := webtest.New(webtest.Quiet)
			if err != nil {
				t.Fatal(err)
			}
			s, err := web.New(webtest.Config(a))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var clients sync.WaitGroup
			defer clients.Wait()
			defer cancel()
			const most = 64
			for range most {
				clients.Go(func() {
					r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8502"+path, nil)
					s.Handler().ServeHTTP(httptest.NewRecorder(), r)
				})
			}
			waitFor(t, func() bool {
				return strings.Contains(get(t, s.Handler(), "/metrics").Body.String(), "culprit_stream_clients 64\n")
			})
			w := get(t, s.Handler(), path)
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("one client too many: %d %s", w.Code, w.Body)
			}
		})
	}
}

// TestTailTellsWhatItSkipped: a client whose queue is full does not hold up the
// store, and is told how much it missed.
func TestTailTellsWhatItSkipped(t *testing.T) {
	a, err := webtest.New(webtest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.Config(a)
	cfg.Queue = 8
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	const sent = 5000
	seen, skipped := 0, int64(0)
	events(t, srv.URL, "/api/tail", func(event, data string) bool {
		switch event {
		case "hello":
			waitFor(t, func() bool { return a.Followers() == 1 })
			a.Add("x", "x", "a line\n"+strings.Repeat("y", 4000), culprit.SeverityInfo, "", sent)
		case "records":
			var m web.Records
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Error(err)
			}
			seen += len(m.Records)
		case "skipped":
			var k web.Skipped
			if err := json.Unmarshal([]byte(data), &k); err != nil {
				t.Error(err)
			}
			skipped += k.N
		}
		return int64(seen)+skipped == sent
	})
	if skipped == 0 || seen == 0 {
		t.Errorf("%d seen, %d skipped of %d", seen, skipped, sent)
	}
}

// waitFor polls with a deadline.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	late := time.After(5 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("did not happen within 5 s")
		}
	}
}

// TestRun serves on TCP and on a unix socket, ends its streams, and stops in
// time.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	sock := filepath.Join(dir, "culprit.sock")
	// What a dead process left is in nobody's way.
	dead, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	s := server(t, func(c *web.Config) { c.Socket, c.TokenFile = sock, filepath.Join(dir, "token") })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", sock)
	}}}
	waitFor(t, func() bool {
		res, err := client.Get("http://culprit/api/health")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	// Over the socket neither name nor token is asked for: its mode says who may.
	res, err := client.Get("http://culprit/api/incidents")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("over the socket: %v %v", res, err)
	}
	res.Body.Close()
	if fi, err := os.Stat(sock); err != nil || fi.Mode().Perm()&0o007 != 0 {
		t.Errorf("socket: %v %v", fi.Mode(), err)
	}
	second := server(t, func(c *web.Config) { c.Addr, c.Socket = "none", sock })
	if err := second.Run(ctx); !errors.Is(err, culprit.ErrLocked) {
		t.Errorf("a second one on the same socket: %v", err)
	}
	stream, err := client.Get("http://culprit/api/live")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	stop()
	if _, err := io.Copy(io.Discard, stream.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("stream: %v", err)
	}
	stream.Body.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("stopped after %s", d)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := server(t, func(c *web.Config) { c.Addr = l.Addr().String() })
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v", err)
	}
}

// TestBusy: more searches than slots wait, then are refused; none is lost.
func TestBusy(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowSearcher{Archive: a, begun: make(chan struct{}, 10)}
	cfg := webtest.Config(a)
	cfg.Searcher, cfg.Searches, cfg.QueryTimeout = slow, 1, 100*time.Millisecond
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := get(t, s.Handler(), "/api/search?q=error")
	if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "Narrow") {
		t.Errorf("a search without end: %d %s", w.Code, w.Body)
	}
	cfg.QueryTimeout = time.Minute
	cfg.Registry = nil
	if s, err = web.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan int, 1)
	<-slow.begun // of the first part
	go func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8502/api/search?q=error", nil)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		first <- w.Code
	}()
	<-slow.begun
	w = get(t, s.Handler(), "/api/search?q=error")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("second search: %d %s", w.Code, w.Body)
	}
	cancel()
	if code := <-first; code != 499 {
		t.Errorf("the client that left: %d", code)
	}
}

type slowSearcher struct {
	*webtest.Archive
	begun chan struct{}
}

func (s *slowSearcher) Search(ctx context.Context, _ web.Search) (*web.Page, error) {
	s.begun <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestPanic: a handler that panics answers 500 and the service lives on.
func TestPanic(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.Config(a)
	cfg.Searcher = nilSearcher{}
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if w := get(t, s.Handler(), "/api/search?q=secret-in-a-query"); w.Code != 500 || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, s.Handler(), "/api/health"); w.Code != 200 {
		t.Errorf("after the panic: %d", w.Code)
	}
}

type nilSearcher struct{ web.Searcher }

func TestPages(t *testing.T) {
	h := server(t, nil).Handler()
	index := get(t, h, "/")
	if !strings.Contains(index.Body.String(), `<div id="app">`) {
		t.Fatalf("index: %s", index.Body)
	}
	if bytes.Contains(index.Body.Bytes(), []byte("<style")) || bytes.Contains(index.Body.Bytes(), []byte("style=")) {
		t.Error("the page holds inline style, which its policy forbids")
	}
	if strings.Contains(index.Body.String(), "http://") || strings.Contains(index.Body.String(), "https://") {
		t.Error("the page names another host")
	}
	deep := get(t, h, "/incidents/any/thing")
	if deep.Body.String() != index.Body.String() {
		t.Error("a deep link does not get the page")
	}
	_, rest, _ := strings.Cut(index.Body.String(), `src="/assets/`)
	name, _, _ := strings.Cut(rest, `"`)
	js := get(t, h, "/assets/"+name, "Accept-Encoding", "gzip, br")
	if js.Code != 200 || js.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(js.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(js.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("script: %d %v", js.Code, js.Header())
	}
	if w := get(t, h, "/", "If-None-Match", index.Header().Get("ETag")); w.Code != 304 {
		t.Errorf("unchanged page: %d", w.Code)
	}
}

func TestMetrics(t *testing.T) {
	h := server(t, nil).Handler()
	get(t, h, "/api/health")
	w := get(t, h, "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `culprit_http_requests_total{operation="health",status="200"} 1`) {
		t.Errorf("%d %.400s", w.Code, w.Body)
	}
}

// TestUntimed: records of which no time is known take nothing away from the others,
// and have the neighbours of their own log.
func TestUntimed(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []int64
	for i := range 3 {
		h := a.Add("/var/log/app.err.log", "app", fmt.Sprintf("Error: number %d", i), culprit.SeverityNone, "", 1)
		h.Record.Time = time.Time{}
		seqs = append(seqs, h.Seq)
	}
	s, err := web.New(webtest.Config(a))
	if err != nil {
		t.Fatal(err)
	}
	type hist struct {
		Total int
		From  time.Time
		Bins  []web.HistogramBin
	}
	if all := body[hist](t, s.Handler(), "/api/histogram?by=phase"); all.Total < 1000 || len(all.Bins) == 0 || all.From.Year() != 2026 {
		t.Errorf("histogram of all: %d records in %d bins from %s", all.Total, len(all.Bins), all.From)
	}
	if none := body[hist](t, s.Handler(), "/api/histogram?q=source:app.err.log"); len(none.Bins) != 0 {
		t.Errorf("histogram of records without a time: %d bins", len(none.Bins))
	}
	around := body[struct{ Records []web.Record }](t, s.Handler(), fmt.Sprintf("/api/records/%s/%d/surroundings", url.PathEscape("/var/log/app.err.log"), seqs[1]))
	var got []int64
	for _, r := range around.Records {
		got = append(got, r.Seq)
	}
	if fmt.Sprint(got) != fmt.Sprint(seqs) {
		t.Errorf("around the second: %v, want %v", got, seqs)
	}
}

// named are access logs that name the upstream of each request.
type named struct{ web.Searcher }

func (n named) Facets(ctx context.Context, q web.Query, fields []string, top int) ([]web.Facet, error) {
	if len(fields) == 1 && fields[0] == "upstream" {
		return []web.Facet{{Field: "upstream", Values: []web.FacetValue{{Value: "127.0.0.1:5002", Count: 58}, {Value: "127.0.0.1:5001", Count: 54}}}}, nil
	}
	return n.Searcher.Facets(ctx, q, fields, top)
}

// TestStateOfUpstreams: where no event tells of a service, access logs may; and what
// nothing tells of has at least the name that nginx gives it.
func TestStateOfUpstreams(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.Config(a)
	cfg.Searcher = named{a}
	topo := webtest.Topology()
	topo.Services = nil
	cfg.Topology = func() *culprit.Topology { return topo }
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]web.UpstreamState{}
	for _, u := range body[struct{ Upstreams []web.UpstreamState }](t, s.Handler(), "/api/status?hours=1").Upstreams {
		got[u.Name] = u
	}
	if u := got["reports"]; u.State != "serving" || u.Why != "112 requests, no incident" || len(u.Addresses) != 2 {
		t.Errorf("what its access log tells of: %+v", u)
	}
	if u := got["admin.example.com"]; u.State != "idle" || u.Service != "" {
		t.Errorf("what nothing tells of: %+v", u)
	}
	if u := got["shop_api"]; u.State != "failing" || u.Service != "shop-api" {
		t.Errorf("what an incident tells of: %+v", u)
	}
}
