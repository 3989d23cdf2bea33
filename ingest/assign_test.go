package ingest_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/ingest"
)

// collected assigns the topology to the files below a new folder and returns
// the inputs by name.
func collected(t *testing.T, files map[string]string, topo *culprit.Topology, o ingest.Options) (*ingest.Inputs, map[string]*ingest.Input) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	in, err := ingest.Collect(t.Context(), []string{dir}, o)
	must(t, err)
	t.Cleanup(func() { in.Close() })
	in.Assign(topo)
	by := map[string]*ingest.Input{}
	for _, i := range in.Logs {
		by[strings.TrimPrefix(i.Name, dir+"/")] = i
	}
	return in, by
}

func access(at time.Time) string {
	return fmt.Sprintf("198.51.100.44 - - [%s] \"GET /api HTTP/1.1\" 200 157 \"-\" \"curl/8\"\n", at.Format("02/Jan/2006:15:04:05 -0700"))
}

func TestAssign_Service(t *testing.T) {
	topo := &culprit.Topology{
		Services: []culprit.Service{
			{Name: "billing-api", Manager: "supervisor", Logs: []string{"/srv/billing/logs/err.log", "/srv/billing/logs/out.log"}},
			{Name: "shop", Manager: "pm2", Logs: []string{"/var/log/shop.log"}},
			{Name: "web_1", Manager: "docker", ID: strings.Repeat("ab", 32)},
		},
		Servers: []culprit.Server{{ErrorLogs: []culprit.Log{{Path: "/www/wwwlogs/nodejs/site.error.log"}}}},
	}
	line := "plain words\n"
	for path, want := range map[string]string{
		"billing/logs/err.log":                               "billing-api",
		"billing/logs/err.log.1":                             "billing-api",
		"other/logs/err.log":                                 "",
		"log/shop.log-20261122":                              "shop",
		"apps/ledger/ledger.err.log":                         "ledger",
		"apps/guard-stdout---supervisor-x_1kw.log":           "guard",
		"www/wwwlogs/nodejs/site.log":                        "site",
		"www/wwwlogs/nodejs/site.error.log":                  "",
		"www/server/panel/plugin/supervisor/log/api.err.log": "api",
		"home/deploy/.pm2/logs/admin-error-0.log":            "admin",
		"home/deploy/.pm2/logs/my-app-out.log":               "my-app",
		"containers/" + strings.Repeat("ab", 32) + "/" + strings.Repeat("ab", 32) + "-json.log": "web_1",
		"apps/postgresql/postgresql-15-main.log":                                                "",
		"nginx/error.log":                                                                       "",
	} {
		t.Run(path, func(t *testing.T) {
			_, by := collected(t, map[string]string{path: line}, topo, ingest.Options{})
			if by[path] == nil || by[path].Options.Service != want {
				t.Errorf("got %+v, want the service %q", by[path], want)
			}
		})
	}
}

func TestAssign_ServiceOfANodeLog(t *testing.T) {
	trace := "Error: Cannot find module './config'\nRequire stack:\n- /srv/shop/dist/main.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1212:15)\n  code: 'MODULE_NOT_FOUND',\n"
	for path, want := range map[string]string{
		"srv/shop.log": "shop", "srv/shop-error.log.1": "shop", "srv/orders/logs/err.log": "orders", "srv/orders/nohup.out": "orders",
		"logs/app.log": "", "0123456789ab-json.log": "0123456789ab", "pm2/logs/admin-error.log": "admin", "nginx/error.log": "",
	} {
		t.Run(path, func(t *testing.T) {
			_, by := collected(t, map[string]string{path: trace}, nil, ingest.Options{})
			if by[path] == nil || by[path].Options.Service != want {
				t.Errorf("got %+v, want the service %q", by[path], want)
			}
		})
	}
}

func TestAssign_LogFormat(t *testing.T) {
	topo := &culprit.Topology{
		Formats: map[string]string{"timed": "$remote_addr $request_time", "json": "{}", "main": "$remote_addr"},
		Servers: []culprit.Server{{AccessLogs: []culprit.Log{{Path: "/var/log/nginx/billing.access.log", Format: "timed"}, {Path: "/var/log/nginx/access.log", Format: "combined"}}}},
	}
	_, by := collected(t, map[string]string{
		"nginx/billing.access.log.1": "odd\n", "nginx/access.log": accessLine, "nginx/site.log": "odd\n", "nginx/error.log": errorLine,
	}, topo, ingest.Options{})
	for path, want := range map[string]string{
		"nginx/billing.access.log.1": "[$remote_addr $request_time {} $remote_addr]", // the named one first
		"nginx/access.log":           "[{} $remote_addr $remote_addr $request_time]",
		"nginx/site.log":             "[{} $remote_addr $remote_addr $request_time]",
		"nginx/error.log":            "[]",
	} {
		if got := fmt.Sprint(by[path].Options.LogFormat); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// berlin2026 is the night in which Berlin's clocks go back: 2026-10-25 03:00
// CEST is 02:00 CET.
func TestAssign_ZoneOfTheAccessLog(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	var dst strings.Builder
	for h := range 96 {
		dst.WriteString(access(time.Date(2026, 10, 23, 0, 30, 0, 0, time.UTC).Add(time.Duration(h) * time.Hour).In(berlin)))
	}
	odd := time.FixedZone("", 3*3600) // an offset that changes where no zone changes
	var step strings.Builder
	for h := range 48 {
		at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(h) * time.Hour)
		if h >= 20 {
			at = at.In(odd)
		}
		step.WriteString(access(at))
	}
	wall := func(s string) int64 {
		at, err := time.Parse("2006-01-02 15:04:05", s)
		must(t, err)
		return at.Unix()
	}
	const h = 3600
	tests := []struct {
		name   string
		files  map[string]string
		topo   string
		o      ingest.Options
		ask    map[string]int // wall clock to offset, for nginx/error.log
		notice bool
	}{
		{name: "one offset", files: map[string]string{"nginx/access.log": accessLine}, ask: map[string]int{"2026-11-22 08:00:00": h, "2026-06-22 08:00:00": h}},
		{
			name: "daylight saving time ends between two samples", files: map[string]string{"nginx/access.log": dst.String()},
			ask: map[string]int{"2026-10-24 12:00:00": 2 * h, "2026-10-25 01:59:59": 2 * h, "2026-10-25 03:00:01": h, "2026-10-26 12:00:00": h},
		},
		{
			name: "somebody changed the zone of the machine", files: map[string]string{"nginx/access.log": step.String()},
			ask: map[string]int{"2026-06-01 10:00:00": 0, "2026-06-02 10:00:00": 3 * h},
		},
		{name: "packed", files: map[string]string{"nginx/access.log.2.gz": gz(t, accessLine)}, ask: map[string]int{"2026-11-22 08:00:00": h}},
		{
			name:  "the nearest folder counts",
			files: map[string]string{"access.log": strings.ReplaceAll(accessLine, "+0100", "-0500"), "nginx/access.log": accessLine},
			ask:   map[string]int{"2026-11-22 08:00:00": h},
		},
		{
			name:  "an app that logs in UTC does not count",
			files: map[string]string{"apps/shop/out.log": strings.ReplaceAll(accessLine, "+0100", "+0000"), "nginx/access.log": accessLine},
			ask:   map[string]int{"2026-11-22 08:00:00": h},
		},
		{
			name:  "syslog states it where no access log does",
			files: map[string]string{"syslog/syslog": "2026-11-22T08:28:14.349581+01:00 app-fra-1 systemd[1]: Starting x.service - X...\n"},
			ask:   map[string]int{"2026-11-22 08:00:00": h},
		},
		{name: "configuration", topo: "Asia/Kolkata", ask: map[string]int{"2026-11-22 08:00:00": 5*h + h/2}},
		{name: "told by the user", files: map[string]string{"nginx/access.log": accessLine}, o: ingest.Options{Zone: time.UTC}, ask: map[string]int{"2026-11-22 08:00:00": 0}},
		{name: "unknown", ask: map[string]int{"2026-11-22 08:00:00": 0}, notice: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"nginx/error.log": errorLine}
			for k, v := range tt.files {
				files[k] = v
			}
			in, by := collected(t, files, &culprit.Topology{Zone: tt.topo}, tt.o)
			zone := by["nginx/error.log"].Options.Zone
			for at, want := range tt.ask {
				if got := zone(wall(at)); got != want {
					t.Errorf("at %s the offset is %d, want %d", at, got, want)
				}
			}
			if (len(in.Notices) > 0) != tt.notice {
				t.Errorf("notices %q", in.Notices)
			}
		})
	}
}

func TestAssign_YearComesFromTheOtherSources(t *testing.T) {
	_, by := collected(t, map[string]string{"syslog": "Nov 22 08:28:07 app-fra-1 cron[1]: x\n", "nginx/access.log": access(time.Date(2019, 11, 22, 9, 0, 0, 0, time.UTC))}, nil, ingest.Options{})
	if ref := by["syslog"].Options.Ref; ref.Year() != 2019 {
		t.Errorf("reference %v, want the time of the access log", ref)
	}
	_, by = collected(t, map[string]string{"syslog": "Nov 22 08:28:07 app-fra-1 cron[1]: x\n"}, nil, ingest.Options{})
	if ref := by["syslog"].Options.Ref; !ref.Equal(by["syslog"].ModTime) {
		t.Errorf("reference %v, want the time of the file %v", ref, by["syslog"].ModTime)
	}
}

func TestDiscover_Layouts(t *testing.T) {
	root := t.TempDir()
	id := strings.Repeat("0f", 32)
	line := "plain words\n"
	files := map[string]string{
		"var/log/nginx/error.log": errorLine, "var/log/nginx/error.log.1": "x" + errorLine, "var/log/nginx/shop-access.log": accessLine,
		"www/wwwlogs/shop.example.log": accessLine, "www/wwwlogs/shop.example.error.log": "y" + errorLine, "www/wwwlogs/nodejs/shop.log": line, "www/wwwlogs/pm2/admin-error.log": line,
		"www/server/panel/plugin/supervisor/log/api.err.log": line, "var/log/supervisor/supervisord.log": line, "var/log/supervisor/a-stderr---supervisor-1.log": line,
		"var/log/kern.log": line, "var/log/messages": line, "var/log/messages-20261115": line + line,
		"var/lib/docker/containers/" + id + "/" + id + "-json.log": line,
		"home/deploy/.pm2/pm2.log":                                 line, "home/deploy/.pm2/logs/admin-error.log": line,
		"etc/passwd": "root:x:0:0::/root:/bin/sh\ndeploy:x:1000:1000::/home/deploy:/bin/bash\n", "srv/x/stderr.log": line, "srv/x/unrelated.log": line,
		"var/www/vhosts/system/example.com/logs/proxy_error_log": "z" + errorLine,
	}
	write(t, root, files)
	topo := &culprit.Topology{Services: []culprit.Service{{Name: "x", Logs: []string{"/srv/x/stderr.log", "/dev/null", "relative.log"}}}}
	in, err := ingest.Discover(topo, root, ingest.Options{})
	must(t, err)
	in.Assign(topo)
	service := map[string]string{}
	for _, i := range in.Logs {
		service[strings.TrimPrefix(i.Name, root+"/")] = i.Options.Service
	}
	for name := range files {
		_, ok := service[name]
		if want := name != "etc/passwd" && name != "srv/x/unrelated.log"; ok != want {
			t.Errorf("%s: found %v, want %v", name, ok, want)
		}
	}
	for name, want := range map[string]string{
		"srv/x/stderr.log": "x", "www/wwwlogs/nodejs/shop.log": "shop", "www/wwwlogs/pm2/admin-error.log": "admin", "home/deploy/.pm2/logs/admin-error.log": "admin",
		"www/server/panel/plugin/supervisor/log/api.err.log": "api", "var/log/supervisor/a-stderr---supervisor-1.log": "a", "var/log/supervisor/supervisord.log": "",
	} {
		if service[name] != want {
			t.Errorf("%s: service %q, want %q", name, service[name], want)
		}
	}
	if _, err := ingest.Discover(nil, filepath.Join(root, "nowhere"), ingest.Options{}); err == nil {
		t.Error("a machine without logs: no error")
	}
}
