package culprit_test

import (
	"slices"
	"testing"

	"culprit"
)

func TestCovers(t *testing.T) {
	topo := culprit.Topology{Addresses: []string{"10.0.0.5", "fd00::2"}}
	for _, tt := range []struct {
		listen, address string
		want            bool
	}{
		{"127.0.0.1:3000", "127.0.0.1:3000", true},
		{"127.0.0.1:3000", "localhost:3000", true},
		{"localhost:3000", "[::1]:3000", true},
		{"127.0.0.1:3000", "[::1]:3000", false},
		{"127.0.0.1:3000", "127.0.0.1:3001", false},
		{":3000", "127.0.0.1:3000", true},
		{":3000", "[::1]:3000", true},
		{"*:3000", "127.0.0.1:3000", true},
		{"0.0.0.0:3000", "127.0.0.1:3000", true},
		{"0.0.0.0:3000", "[::1]:3000", false},
		{"0.0.0.0:3000", "localhost:3000", true},
		{"[::]:3000", "127.0.0.1:3000", true},
		{":3000", "10.0.0.5:3000", true},
		{":3000", "10.0.0.6:3000", false},
		{":3000", "[fd00::2]:3000", true},
		{":3000", "db.internal:3000", false},
		{"10.0.0.5:3000", "127.0.0.1:3000", false},
		{"192.168.1.9:3000", "192.168.1.9:3000", true},
		{":80", "127.0.0.1", false},
		{"unix:/run/app.sock", "unix:/var/run/app.sock", true},
		{"unix:/run/app.sock", "unix:/run/b.sock", false},
		{":3000", "unix:/run/app.sock", false},
		{"", "", false},
	} {
		if got := topo.Covers(tt.listen, tt.address); got != tt.want {
			t.Errorf("%q covers %q: got %v", tt.listen, tt.address, got)
		}
	}
}

func TestServersOfLog(t *testing.T) {
	topo := culprit.Topology{
		Servers: []culprit.Server{
			{Names: []string{"a"}, AccessLogs: []culprit.Log{{Path: "/var/log/nginx/access.log", Format: "one"}}},
			{Names: []string{"b"}, AccessLogs: []culprit.Log{{Path: "/var/log/nginx/b/access.log", Format: "two"}}},
			{Names: []string{"c"}, AccessLogs: []culprit.Log{{Path: "/www/wwwlogs/c.example.log", Format: "combined"}}, ErrorLogs: []culprit.Log{{Path: "/www/wwwlogs/c.example.error.log"}}},
			{Names: []string{"d"}, AccessLogs: []culprit.Log{{Path: "/srv/$host.access.log", Format: "two"}}},
		},
		Formats: map[string]string{"one": "$status", "two": "$request"},
	}
	for _, tt := range []struct {
		file, servers, format string
	}{
		{"/var/log/nginx/access.log", "a", "$status"},
		{"logs/nginx/access.log", "a", "$status"},
		{"logs/nginx/b/access.log.1", "b", "$request"},
		{"b/access.log", "b", "$request"},
		{"access.log", "ab", ""},
		{"nginx/access.log-20261122.gz", "a", "$status"},
		{"nginx/access.log.2026-11-22", "a", "$status"},
		{"c.example.log", "c", ""},
		{"x.example.access.log.3.gz", "d", "$request"},
		{"nginx/error.log", "", ""},
		{"nginx/my-access.log", "", ""},
		{"nginx/access.log.bak", "", ""},
	} {
		var got string
		for _, s := range topo.ServersOfAccessLog(tt.file) {
			got += s.Names[0]
		}
		if got != tt.servers {
			t.Errorf("%s: servers %q, want %q", tt.file, got, tt.servers)
		}
		if got := topo.AccessFormat(tt.file); got != tt.format {
			t.Errorf("%s: format %q, want %q", tt.file, got, tt.format)
		}
	}
	if s := topo.ServersOfErrorLog("wwwlogs/c.example.error.log.1"); len(s) != 1 || s[0].Names[0] != "c" {
		t.Errorf("error log: %+v", s)
	}
}

func TestServersNamed(t *testing.T) {
	topo := culprit.Topology{Servers: []culprit.Server{{Names: []string{"shop.example", "www.shop.example"}}, {Names: []string{"*.shop.example"}}, {Names: []string{".dot.example"}}, {Names: []string{"mail.*"}}}}
	for host, want := range map[string]int{"Shop.example": 0, "www.shop.example.": 0, "api.shop.example": 1, "dot.example": 2, "a.dot.example": 2, "mail.example": 3, "example": -1} {
		got := topo.ServersNamed(host)
		if want < 0 && len(got) > 0 || want >= 0 && (len(got) != 1 || got[0] != &topo.Servers[want]) {
			t.Errorf("%s: got %+v, want server %d", host, got, want)
		}
	}
}

func TestAddInstance(t *testing.T) {
	topo := culprit.Topology{Services: []culprit.Service{{Name: "w@", Manager: "systemd", Unit: "w@.service", Listen: []string{":%i"}, Dir: "/srv/%p/%I", Env: map[string]string{"PORT": "%i"}}}}
	if s := topo.AddInstance(`w@a-b\x2dc.service`); s == nil || s.Dir != "/srv/w/a/b-c" || s.Env["PORT"] != `a-b\x2dc` {
		t.Errorf("escaped: %+v", s)
	}
	if s := topo.AddInstance("w@5001.service"); s == nil || !slices.Equal(s.Listen, []string{":5001"}) {
		t.Errorf("port: %+v", s)
	}
	before := len(topo.Services)
	if s := topo.AddInstance("w@5001.service"); s == nil || len(topo.Services) != before {
		t.Errorf("an instance was added twice: %+v", topo.Services)
	}
	for _, unit := range []string{"w@.service", "x@1.service", "w.service", "w@1", "@1.service", ""} {
		if s := topo.AddInstance(unit); s != nil {
			t.Errorf("%q: %+v", unit, s)
		}
	}
	if topo.Services[0].Env["PORT"] != "%i" {
		t.Error("the template was changed")
	}
}

func TestTopologyAdd(t *testing.T) {
	a := culprit.Topology{Services: []culprit.Service{{Name: "api", Manager: "systemd", Memory: 1}}, Servers: []culprit.Server{{File: "f", Line: 1}}, Zone: "UTC"}
	a.Add(culprit.Topology{Services: []culprit.Service{{Name: "api", Manager: "systemd", Memory: 2}, {Name: "api", Manager: "pm2"}}, Servers: []culprit.Server{{File: "f", Line: 1}, {File: "f", Line: 9}},
		Formats: map[string]string{"x": "y"}, Zone: "Asia/Tokyo"})
	if len(a.Services) != 2 || a.Services[0].Memory != 1 || len(a.Servers) != 2 || a.Formats["x"] != "y" || a.Zone != "UTC" {
		t.Errorf("%+v", a)
	}
}

func TestDefaultPort(t *testing.T) {
	for name, want := range map[string]string{"postgresql@15-main.service": "5432", "redis-server": "6379", "redis-exporter": "", "api": "", "MariaDB": "3306"} {
		if got := culprit.DefaultPort(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
