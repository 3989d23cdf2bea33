package topology_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"culprit"
	"culprit/internal/topology"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestReadFolder reads configuration that real machines had in force.
func TestReadFolder(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*/nginx")
	if err != nil || len(dirs) < 3 {
		t.Fatalf("want the machines in testdata, got %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		dir = filepath.Dir(dir)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got, gaps := topology.ReadFolder(dir)
			if len(gaps) > 0 {
				t.Errorf("gaps: %+v", gaps)
			}
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := dir + ".golden.json"
			if *update {
				if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(text)+"\n" {
				t.Errorf("differs from %s; run with -update and look at the diff", golden)
			}
		})
	}
}

// TestStory asks of the seed's story what the correlator asks.
func TestStory(t *testing.T) {
	topo, _ := topology.ReadFolder("testdata/story")
	at := topo.ServicesAt("127.0.0.1:3300")
	if len(at) != 1 || at[0].Name != "ledger" || at[0].Manager != "supervisor" {
		t.Fatalf("at 127.0.0.1:3300: %+v", at)
	}
	if s := at[0]; s.Memory != 190_000_000 || s.MemoryBy != "memory-guard ledger 190000000" || s.Unit != "supervisor.service" {
		t.Errorf("the limit of ledger: %d by %q, unit %q", s.Memory, s.MemoryBy, s.Unit)
	}
	if guard := topo.ServiceNamed("supervisor", "memory-guard"); guard == nil || !slices.Equal(guard.Watches, []string{"ledger"}) {
		t.Errorf("memory-guard: %+v", guard)
	}
	if groups := topo.GroupsWith("127.0.0.1:3300"); len(groups) != 1 || groups[0].Name != "ledger_backend" {
		t.Errorf("groups: %+v", groups)
	}
	if servers := topo.ServersOf("127.0.0.1:3300"); len(servers) != 1 || servers[0].Names[0] != "books.kuroshio.example" {
		t.Errorf("servers: %+v", servers)
	}
	if topo.Zone != "Asia/Tokyo" {
		t.Errorf("zone %q", topo.Zone)
	}
}

// files makes a file system of texts; a text that begins with "-> " is a link.
func files(texts map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		f := &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			f.Data, f.Mode = []byte(target), 0o777|os.ModeSymlink
		}
		fsys[name] = f
	}
	return fsys
}

// passes writes a topology's locations as "host match -> addresses (timeout)".
func passes(topo culprit.Topology) []string {
	var all []string
	for _, s := range topo.Servers {
		for _, l := range s.Locations {
			text := strings.Join(s.Names, ",") + " " + l.Match + " -> " + strings.Join(topo.UpstreamOf(l.Pass), ",")
			if l.ReadTimeout != "" {
				text += " (" + l.ReadTimeout + ")"
			}
			all = append(all, text)
		}
	}
	return all
}

func TestPlaces(t *testing.T) {
	const main = "events {} http { include /etc/nginx/sites-enabled/*; }"
	const site = "server { server_name a.example; location / { proxy_pass http://127.0.0.1:3000; } }"
	const other = "server { server_name b.example; location / { proxy_pass http://127.0.0.1:4000; } }"
	a, b := "a.example / -> 127.0.0.1:3000", "b.example / -> 127.0.0.1:4000"
	for _, tt := range []struct {
		name    string
		machine bool
		files   map[string]string
		want    []string
	}{
		{"a whole etc", false, map[string]string{"etc/nginx/nginx.conf": main, "etc/nginx/sites-enabled/a": site}, []string{a}},
		{"only the nginx folder", false, map[string]string{"nginx/nginx.conf": main, "nginx/sites-enabled/a": site}, []string{a}},
		{"the contents of the nginx folder", false, map[string]string{"nginx.conf": main, "sites-enabled/a": site}, []string{a}},
		{"below another folder", false, map[string]string{"box/config/nginx/nginx.conf": main, "box/config/nginx/sites-enabled/a": site}, []string{a}},
		{"a link to where the machine has it", false, map[string]string{"etc/nginx/nginx.conf": main, "etc/nginx/sites-enabled/a": "-> /etc/nginx/sites-available/a",
			"etc/nginx/sites-available/a": site, "etc/nginx/sites-available/old": other}, []string{a}},
		{"only available sites", false, map[string]string{"sites-available/a": site}, []string{a}},
		{"parts without a main file", false, map[string]string{"conf.d/a.conf": site, "vhost/b.conf": other}, []string{a, b}},
		{"a copy is no second server", false, map[string]string{"nginx/nginx.conf": main, "nginx/sites-enabled/a": site, "at-end/nginx.conf": main, "at-end/nginx-sites-enabled/a": site}, []string{a}},
		{"a changed copy is one", false, map[string]string{"nginx/nginx.conf": main, "nginx/sites-enabled/a": site, "at-end/nginx-sites-enabled/b": other}, []string{a, b}},
		{"a backup is none", false, map[string]string{"nginx/nginx.conf": main, "nginx/sites-enabled/a": site, "nginx/conf.d/b.conf.bak": other}, []string{a}},
		{"nginx -T", false, map[string]string{"nginx-T.txt": "nginx: the configuration file syntax is ok\n# configuration file /etc/nginx/nginx.conf:\n" + main +
			"\n\n# configuration file /etc/nginx/sites-enabled/a:\n" + site + "\n"}, []string{a}},
		{"this machine", true, map[string]string{"etc/nginx/nginx.conf": main, "etc/nginx/sites-enabled/a": site, "home/me/nginx.conf": main, "home/me/sites-enabled/b": other}, []string{a}},
		{"aaPanel", true, map[string]string{"www/server/nginx/conf/nginx.conf": "http { include proxy.conf; include /www/server/panel/vhost/nginx/*.conf; }",
			"www/server/nginx/conf/proxy.conf": "proxy_read_timeout 9s;", "www/server/panel/vhost/nginx/a.conf": site}, []string{a + " (9s)"}},
		{"OpenResty", true, map[string]string{"usr/local/openresty/nginx/conf/nginx.conf": "http { " + site + " }"}, []string{a}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topo, gaps := topology.Read(files(tt.files), topology.Options{Machine: tt.machine})
			got := passes(topo)
			slices.Sort(got)
			if !slices.Equal(got, tt.want) || len(gaps) > 0 {
				t.Errorf("got %q, want %q; gaps %+v", got, tt.want, gaps)
			}
		})
	}
}

// TestFolderKeepsInside makes sure that a folder that someone sent never leads
// to this machine's files.
func TestFolderKeepsInside(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "sites-enabled", "secret")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "server { server_name outside.example; location / { proxy_pass http://127.0.0.1:9; } }")
	write(filepath.Join(outside, ".env"), "PORT=9\n")
	dir := t.TempDir()
	write(filepath.Join(dir, "nginx.conf"), "http { include "+secret+"; include "+outside+"/sites-enabled/*; include ../*/sites-enabled/*; include sites-enabled/*;"+
		" server { server_name inside.example; location / { proxy_pass http://127.0.0.1:1; } } }")
	write(filepath.Join(dir, "app.service"), "[Service]\nExecStart=/usr/bin/node x.js\nEnvironmentFile="+outside+"/.env\nWorkingDirectory="+outside+"\n")
	if err := os.Mkdir(filepath.Join(dir, "sites-enabled"), 0o755); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(filepath.Join(dir, "sites-enabled"), secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"absolute": secret, "relative": relative, "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, "sites-enabled", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "conf.d")); err != nil {
		t.Fatal(err)
	}
	topo, _ := topology.ReadFolder(dir)
	if got := passes(topo); !slices.Equal(got, []string{"inside.example / -> 127.0.0.1:1"}) {
		t.Errorf("got %q", got)
	}
	if s := topo.ServiceNamed("systemd", "app"); s == nil || len(s.Listen) > 0 || len(s.Env) > 0 {
		t.Errorf("app: %+v", s)
	}
}

func TestReadFailure(t *testing.T) {
	for _, tt := range []struct {
		name   string
		files  map[string]string
		gap    string // part of the source
		reason string
	}{
		{"an include that is not there", map[string]string{"nginx.conf": "http { include /etc/nginx/upstreams.conf; }"}, "/etc/nginx/upstreams.conf", "not there"},
		{"a loop of includes", map[string]string{"nginx.conf": "http { include a.conf; }", "a.conf": "include b.conf;", "b.conf": "include a.conf;"}, "a.conf", "loop"},
		{"a file that includes itself", map[string]string{"nginx.conf": "http { include nginx.conf; }"}, "nginx.conf", "loop"},
		{"a dump of PM2 cut short", map[string]string{"dump.pm2": `[{"name":"api"`}, "dump.pm2", "read JSON"},
		{"a container cut short", map[string]string{"containers/x/config.v2.json": `{"ID":`}, "config.v2.json", "read JSON"},
		{"a huge file", map[string]string{"nginx.conf": "http { }" + strings.Repeat("#", 2<<20)}, "nginx.conf", "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, gaps := topology.Read(files(tt.files), topology.Options{})
			if !slices.ContainsFunc(gaps, func(g culprit.Gap) bool {
				return strings.Contains(g.Source, tt.gap) && strings.Contains(g.Reason, tt.reason)
			}) {
				t.Errorf("gaps %+v", gaps)
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		topo, gaps := topology.ReadFolder(filepath.Join(t.TempDir(), "none"))
		if len(topo.Servers) > 0 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "no such file") {
			t.Errorf("gaps %+v", gaps)
		}
	})
}
