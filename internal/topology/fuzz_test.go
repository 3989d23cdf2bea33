package topology_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"culprit"
	"culprit/internal/topology"
)

// fuzzFile reads whatever bytes as a file of a folder that someone sent, beside
// a unit that refers to it, and checks what must hold of any topology.
func fuzzFile(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	_ = fs.WalkDir(os.DirFS("testdata"), ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(file, ".json") {
			if data, err := os.ReadFile("testdata/" + file); err == nil {
				f.Add(data)
			}
		}
		return err
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{name: {Data: data}, "etc/systemd/system/app.service": {Data: []byte("[Service]\nEnvironmentFile=/etc/default/app\nExecStart=/usr/bin/node x --port $P\n")}}
		for _, machine := range []bool{false, true} {
			topo, _ := topology.Read(fsys, topology.Options{Machine: machine})
			check(t, topo)
		}
	})
}

func check(t *testing.T, topo culprit.Topology) {
	t.Helper()
	for _, s := range topo.Servers {
		if s.Line <= 0 || s.File == "" {
			t.Errorf("a server from nowhere: %+v", s)
		}
		for _, l := range s.Locations {
			if l.Line <= 0 || !strings.HasSuffix(l.Directive, "_pass") {
				t.Errorf("a location from nowhere: %+v", l)
			}
		}
	}
	for _, s := range topo.Services {
		if s.Name == "" || s.Memory < 0 || s.Heap < 0 || s.File == "" {
			t.Errorf("a service without a name or place, or with a limit below 0: %+v", s)
		}
		for _, l := range s.Listen {
			if l == "" || !strings.HasPrefix(l, "unix:") && !strings.Contains(l, ":") {
				t.Errorf("%s listens at %q", s.Name, l)
			}
		}
		for name := range s.Env {
			if strings.Contains(strings.ToUpper(name), "PASS") {
				t.Errorf("a password was kept: %s", name)
			}
		}
	}
	for _, l := range topo.Listeners {
		if l.Address == "" || l.PID < 0 {
			t.Errorf("a listener at %q of %d", l.Address, l.PID)
		}
	}
}

func FuzzNginx(f *testing.F) {
	fuzzFile(f, "etc/nginx/nginx.conf", "http { include /etc/nginx/*.conf; server { set $a b; location / { proxy_pass http://$a; } } }", "http { x_by_lua_block { [=[ ]=] --[[ } ]] } }", "${a{b}\\", "http { map $x $y { default $y; } upstream a { server b; } server { fastcgi_pass $y; } }")
}

func FuzzNginxDump(f *testing.F) {
	fuzzFile(f, "nginx-T.txt", "# configuration file /etc/nginx/nginx.conf:\nhttp { include /etc/nginx/a; }\n# configuration file /etc/nginx/a:\nserver { proxy_pass http://a; }\n")
}

func FuzzUnit(f *testing.F) {
	fuzzFile(f, "etc/systemd/system/w@.service", "[Service]\nExecStart=/bin/sh -c 'PORT=1 node \\\nx' \\\n", "[Service]\nMemoryMax=1e300T\nEnvironment=\"PORT=3000\" HOST=::1\nRuntimeDirectory=../..\n")
}

func FuzzEnvironment(f *testing.F) {
	fuzzFile(f, "etc/default/app", "export PORT='3000'\nHOST=\"::1\nP=99\n", "LISTEN=unix://x\nSOCKET=/run/a.sock")
}

func FuzzSupervisor(f *testing.F) {
	fuzzFile(f, "etc/supervisor/supervisord.conf", "[program:a]\ncommand=x\n[eventlistener:b]\ncommand=m -p a=1GB -a 2GB --any=3\n[include]\nfiles=*/*.conf\n", "[group:a]\nprograms=b,c\n[program:b]\nenvironment=A=\"b,c\",PORT='1'\n")
}

func FuzzPM2Dump(f *testing.F) {
	fuzzFile(f, "root/.pm2/dump.pm2", `[{"name":"a","env":{"PORT":1},"max_memory_restart":"1G","node_args":["x"]}]`)
}

func FuzzPM2Ecosystem(f *testing.F) {
	fuzzFile(f, "ecosystem.config.cjs", "module.exports = { apps: [{ name: 'a', env: { PORT: process.env.P || 3 }, ...b, f() { return `${x}` } }] }", "export default {apps:[[[{{{", "apps: [{'a':/*", "apps=[a?b:c||'d']")
}

func FuzzDocker(f *testing.F) {
	fuzzFile(f, "var/lib/docker/containers/x/config.v2.json", `{"ID":"a","Name":"/b","Config":{"Env":["PORT=1"],"ExposedPorts":{"1/tcp":{}}},"NetworkSettings":{"Networks":{"n":{"IPAddress":"1.2.3.4"}}}}`)
}

func FuzzSockets(f *testing.F) {
	fuzzFile(f, "ss-ltnp.txt", "LISTEN 0 1 [::ffff:1.2.3.4]:80 x users:((\"a\",pid=1\n", "tcp6 0 0 :::80 :::* LISTEN 8/nginx: m")
}

func FuzzProc(f *testing.F) {
	fuzzFile(f, "proc/net/tcp", " 0: 0100007F:0BB8 00000000:0000 0A 0:0 0:0 0 0 0 100 1\n", "0: 0:0 0 0A 0 0 0 0 0 0")
}
