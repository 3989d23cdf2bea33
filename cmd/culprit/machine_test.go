package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/ingest"
	"culprit/internal/config"
	"culprit/internal/store"
	"culprit/web"
)

// write makes a file of a test.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

const proxyTo = "http { server { listen 80; location / { proxy_pass http://127.0.0.1:%d; } } }\n"

// TestMachine_ConfigurationThatChanges is read again, and handed on if it says
// something else.
func TestMachine_ConfigurationThatChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx", "nginx.conf")
	write(t, conf, fmt.Sprintf(proxyTo, 3000))
	m := &machine{cfg: &config.Config{Topology: dir}}
	m.load()
	tick, looked, told := make(chan time.Time), make(chan struct{}), make(chan culprit.Topology, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- m.watch(ctx, slog.New(slog.DiscardHandler), func(time.Duration) <-chan time.Time {
			looked <- struct{}{} // it has done with the last tick
			return tick
		}, func(topo culprit.Topology, _ []culprit.Gap) error { told <- topo; return nil })
	}()
	step := func() {
		tick <- time.Time{}
		<-looked
	}
	<-looked
	step()
	if len(told) != 0 {
		t.Fatal("told although nothing has changed")
	}
	// Touched: read again, and nothing to tell.
	write(t, conf, fmt.Sprintf(proxyTo, 3000)+"# touched\n")
	step()
	if len(told) != 0 {
		t.Fatal("told although it says the same")
	}
	write(t, conf, fmt.Sprintf(proxyTo, 4000)+"# touched\n")
	step()
	if len(told) != 1 {
		t.Fatal("a change was not told")
	}
	if topo := <-told; len(topo.Servers) != 1 || !strings.Contains(topo.Servers[0].Locations[0].Pass, "4000") {
		t.Errorf("told %+v", topo.Servers)
	}
	// A file beside it is new.
	write(t, filepath.Join(dir, "nginx", "conf.d", "other.conf"), "server { listen 81; location / { proxy_pass http://127.0.0.1:5000; } }\n")
	write(t, conf, "http { include conf.d/*.conf; }\n")
	step()
	if len(told) != 1 {
		t.Error("a new file was not told")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMachine_Parse: what the settings say of a file goes before what is found
// out about it.
func TestMachine_Parse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := `192.0.2.1 - - [22/Nov/2026:17:46:08 +0900] "GET / HTTP/1.1" 200 295 "-" "curl"` + "\n"
	write(t, filepath.Join(dir, "access.log"), line)
	write(t, filepath.Join(dir, "error.log"), "2026/11/22 17:46:08 [notice] 1#1: start worker process 9\n")
	write(t, filepath.Join(dir, "other", "error.log"), "2026/11/22 17:46:08 [notice] 1#1: start worker process 9\n")
	hour := time.FixedZone("", 3600)
	m := &machine{cfg: &config.Config{Topology: dir, Sources: []config.Source{
		{Path: filepath.Join(dir, "*.log")},
		{Path: filepath.Join(dir, "other", "*"), Zone: hour, Service: "shop", Format: "node"},
	}}}
	wall := time.Date(2026, 11, 22, 17, 46, 8, 0, time.UTC).Unix()
	places := m.places()
	o := m.parse(places[0], filepath.Join(dir, "error.log"), nil)
	if off := o.Zone(wall); off != 9*3600 || o.Service != "" {
		t.Errorf("offset %d, service %q; the access log beside it says +0900", off, o.Service)
	}
	o = m.parse(places[1], filepath.Join(dir, "other", "error.log"), nil)
	if off := o.Zone(wall); off != 3600 || o.Service != "shop" || o.Format != "node" {
		t.Errorf("offset %d, service %q, format %q", off, o.Service, o.Format)
	}
}

// TestSourceList tells what lags, and what cannot be read.
func TestSourceList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), "a\n")
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	var followed []ingest.SourceStatus
	l := &sourceList{
		machine: &machine{cfg: &config.Config{Topology: dir}}, now: func() time.Time { return now }, followed: func() []ingest.SourceStatus { return followed },
		stored: func() []store.SourceStat {
			return []store.SourceStat{{Name: "/a.log", Format: "node", Records: 7}, {Name: "/gone.log", Records: 1}}
		},
	}
	states := func() map[string]web.SourceState {
		list, err := l.Sources(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]web.SourceState{}
		for _, s := range list {
			out[s.Path] = s
		}
		return out
	}
	followed = []ingest.SourceStatus{{Source: "/a.log", Path: "/a.log", Offset: 100, Size: 900}, {Source: "/a.log", Path: "/a.log.1", Offset: 5, Size: 5}, {Source: "journal", Problem: "no permission"}}
	s := states()
	if a := s["/a.log"]; a.Health != web.HealthOK || a.Behind != 800 || a.Records != 7 || a.Format != "node" {
		t.Errorf("just behind: %+v", a)
	}
	if j := s["journal"]; j.Health != web.HealthUnreadable || j.Reason != "no permission" {
		t.Errorf("journal: %+v", j)
	}
	if g := s["/gone.log"]; g.Health != web.HealthOK || g.Records != 1 {
		t.Errorf("a log that is no more: %+v", g)
	}
	now = now.Add(10 * time.Second)
	if a := states()["/a.log"]; a.Health != web.HealthLag || a.Lag != 10 {
		t.Errorf("behind for ten seconds: %+v", a)
	}
	followed[0].Offset = 900
	if a := states()["/a.log"]; a.Health != web.HealthOK || a.Lag != 0 || a.Behind != 0 {
		t.Errorf("caught up: %+v", a)
	}
}

// TestGapFile keeps gaps over a restart, each once.
func TestGapFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g, err := openGaps(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	from, to := now.Add(-time.Hour), now.Add(-50*time.Minute)
	for _, gap := range []culprit.Gap{{Source: "a", Reason: "truncated", From: &from, To: &to}, {Source: "a", Reason: "truncated", From: &from, To: &to}, {Source: "b", Reason: "unreadable"}} {
		if err := g.add(gap, now); err != nil {
			t.Fatal(err)
		}
	}
	if g, err = openGaps(dir); err != nil || len(g.list()) != 2 {
		t.Fatalf("after a restart: %v, %v", g.list(), err)
	}
	if got := g.between(now.Add(-55*time.Minute), now); len(got) != 2 {
		t.Errorf("around it: %v", got)
	}
	if got := g.between(now.Add(-30*time.Minute), now); len(got) != 1 || got[0].Source != "b" {
		t.Errorf("after it: %v", got)
	}
	for i := range 2 * maxGaps {
		g.all = append(g.all, notedGap{culprit.Gap{Source: fmt.Sprint(i)}, now})
	}
	if err := g.add(culprit.Gap{Source: "last"}, now.Add(gapAge/2)); err != nil || len(g.all) != maxGaps || g.all[maxGaps-1].Source != "last" {
		t.Errorf("%d gaps, %v", len(g.all), err)
	}
	if err := g.add(culprit.Gap{Source: "later"}, now.Add(gapAge+time.Hour)); err != nil || len(g.all) != 2 {
		t.Errorf("old ones stay: %d gaps, %v", len(g.all), err)
	}
	write(t, filepath.Join(dir, "gaps.json"), "{not JSON")
	if g, err = openGaps(dir); err != nil || len(g.list()) != 0 {
		t.Errorf("damaged: %v, %v", g.list(), err)
	}
}

// TestAttribution_Restore: the service that a source tells comes back from the
// store, one that the record tells is not mistaken for it.
func TestAttribution_Restore(t *testing.T) {
	t.Parallel()
	a := newAttribution(&culprit.Topology{Services: []culprit.Service{{Name: "shop-api", Manager: "systemd", Unit: "shop.service"}}})
	for _, tc := range []struct {
		name string
		r    culprit.Record
		want string
	}{
		{"by the source", culprit.Record{Service: "shop"}, "shop"},
		{"by the source, though a unit says another", culprit.Record{Service: "shop", Unit: "supervisor.service"}, "shop"},
		{"by the unit", culprit.Record{Unit: "shop.service"}, "shop-api"},
		{"by a unit without a service", culprit.Record{Unit: "cron.service"}, "cron"},
		{"nginx", culprit.Record{Process: "nginx"}, "nginx"},
		{"by what a manager says", culprit.Record{Kind: culprit.KindSpawned, Attrs: culprit.Attrs{{Key: "program", Value: culprit.String("worker")}}}, "worker"},
		{"none", culprit.Record{Process: "kernel"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, _ := a.resolve(&tc.r)
			if got != tc.want {
				t.Errorf("service %q, want %q", got, tc.want)
			}
			back := tc.r
			back.Service = ""
			a.restore(&back, got)
			if back.Service != tc.r.Service {
				t.Errorf("restored as %q, was %q", back.Service, tc.r.Service)
			}
		})
	}
}

// TestOwnWords: what the service says itself is not read, what is said about it is.
func TestOwnWords(t *testing.T) {
	t.Parallel()
	own := ownWords("culprit.service", 42)
	for _, tc := range []struct {
		r    culprit.Record
		want bool
	}{
		{culprit.Record{Process: "culprit", PID: 42}, true},
		{culprit.Record{Process: "culprit", PID: 7, Unit: "culprit.service"}, true}, // of an earlier run
		{culprit.Record{Process: "culprit", PID: 7}, false},
		{culprit.Record{Process: "systemd", PID: 1, Unit: "culprit.service"}, false},
		{culprit.Record{Process: "node", PID: 42}, false},
	} {
		if got := own(&tc.r); got != tc.want {
			t.Errorf("%s[%d] of %q: %v", tc.r.Process, tc.r.PID, tc.r.Unit, got)
		}
	}
}

// TestEscaped: log text in a message of the service does not reach a terminal as
// it is.
func TestEscaped(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := "a\x1b[31mred\nb\n"
	if n, err := (escaped{f}).Write([]byte(in)); n != len(in) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil || strings.ContainsRune(string(b), 0x1b) || strings.Count(string(b), "\n") != 2 {
		t.Errorf("%q, %v", b, err)
	}
}
