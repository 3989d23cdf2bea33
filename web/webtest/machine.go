package webtest

import (
	"time"

	"culprit"
	"culprit/web"
)

// Topology is what the configuration of the recorded machine says.
func Topology() *culprit.Topology {
	pass := func(to string) []culprit.Location { return []culprit.Location{{Match: "/", Pass: "http://" + to}} }
	return &culprit.Topology{
		Zone: "Europe/Berlin",
		Servers: []culprit.Server{
			{Names: []string{"shop.example.com"}, Locations: pass("shop_api")},
			{Names: []string{"billing.example.com"}, Locations: pass("127.0.0.1:4000")},
			{Names: []string{"rt.example.com"}, Locations: pass("unix:/run/realtime/app.sock")},
			{Names: []string{"reports.example.com"}, Locations: pass("reports")},
			{Names: []string{"admin.example.com"}, Locations: pass("127.0.0.1:6000")},
		},
		Groups: []culprit.UpstreamGroup{{Name: "shop_api", Servers: []string{"127.0.0.1:3000"}}, {Name: "reports", Servers: []string{"127.0.0.1:5001", "127.0.0.1:5002"}}},
		Services: []culprit.Service{
			{Name: "shop-api", Manager: "systemd", Unit: "shop-api.service", Listen: []string{"127.0.0.1:3000"}, Memory: 300 << 20, MemoryBy: "MemoryMax=300M"},
			{Name: "billing", Manager: "supervisor", Unit: "supervisor.service", Listen: []string{"127.0.0.1:4000"}},
			{Name: "realtime", Manager: "systemd", Unit: "realtime.service", Listen: []string{"unix:/run/realtime/app.sock"}},
			{Name: "reports", Manager: "systemd", Unit: "reports@5001.service", Listen: []string{"127.0.0.1:5001", "127.0.0.1:5002"}},
		},
	}
}

func sources() []web.SourceState {
	last := Outage.Add(-600 * time.Millisecond)
	ok := func(path, format string, n int64, lag float64) web.SourceState {
		return web.SourceState{Path: path, Format: format, Health: web.HealthOK, Lag: lag, Records: n, Last: &last}
	}
	return []web.SourceState{
		{Path: "/var/log/postgresql/postgresql-15-main.log", Health: web.HealthUnreadable, Reason: "Permission denied: the file belongs to group adm (mode 640).",
			Remedy: "sudo usermod -aG adm culprit && sudo systemctl restart culprit"},
		{Path: "/var/log/nginx/reports.access.log", Format: "nginx_access", Health: web.HealthLag, Lag: 41, Behind: 131 << 20, Records: 271, Last: &last,
			Reason: "culprit may use 10 % of a CPU; this log grows by 3.2 MB a second.", Remedy: "sudo systemctl set-property culprit CPUQuota=40%"},
		ok("/var/log/nginx/error.log", "nginx_error", 519, .6), ok("/var/log/nginx/access.log", "nginx_access", 2104, .6),
		ok("journal", "journal", 1160, .2), ok("/var/log/nginx/billing.access.log", "nginx_access", 355, .6),
		ok("/var/log/nginx/realtime.json", "nginx_json", 232, .6), ok("/var/log/supervisor/billing-err.log", "node", 14, 1.1),
	}
}

// Config is a configuration of the web server over a; its address is a free
// port of this machine.
func Config(a *Archive) web.Config {
	return web.Config{
		Searcher: a, Reader: a, Events: a, Incidents: a, Sources: a, Gaps: a.Gaps, Topology: Topology, Report: Report,
		Clock: a.Now, Addr: "127.0.0.1:0", Host: "web-01", Zone: "Europe/Berlin", Version: "test",
	}
}
