package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"culprit"
	"culprit/internal/topology"
)

func readNginx(t *testing.T, conf string) culprit.Topology {
	t.Helper()
	topo, gaps := topology.Read(files(map[string]string{"etc/nginx/nginx.conf": conf}), topology.Options{})
	if len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	return topo
}

func TestNginxPasses(t *testing.T) {
	for _, tt := range []struct{ name, conf, want string }{
		{"group", `http { upstream app { server 127.0.0.1:3000 max_fails=3; server [::1]:3001 backup; server unix:/run/a.sock; keepalive 8; } server { location / { proxy_pass http://app/; } } }`,
			" / -> 127.0.0.1:3000,[::1]:3001,unix:/run/a.sock"},
		{"socket with a path", `http { server { location /x { proxy_pass http://unix:/run/a.sock:/x/; } } }`, " /x -> unix:/run/a.sock"},
		{"fastcgi, uwsgi, grpc", `http { server { location ~ \.php$ { fastcgi_pass unix:/run/php.sock; fastcgi_read_timeout 300; } location /u { uwsgi_pass 127.0.0.1:1; } location /g { grpc_pass grpc://127.0.0.1:2; } } }`,
			` ~ \.php$ -> unix:/run/php.sock (300)| /u -> 127.0.0.1:1| /g -> 127.0.0.1:2`},
		{"time-out inherited and overridden", `http { proxy_read_timeout 30s; server { location /a { proxy_pass http://127.0.0.1:1; } location /b { proxy_read_timeout 5m; proxy_pass http://127.0.0.1:2; } } }`,
			" /a -> 127.0.0.1:1 (30s)| /b -> 127.0.0.1:2 (5m)"},
		{"variable", `http { server { set $port 3000; set $backend http://127.0.0.1:${port}; location / { proxy_pass $backend$request_uri; } } }`, " / -> 127.0.0.1:3000"},
		{"variable of the location wins", `http { server { set $b 127.0.0.1:1; location / { set $b 127.0.0.1:2; proxy_pass http://$b; } } }`, " / -> 127.0.0.1:2"},
		{"variable of an if is one more", `http { server { set $b 127.0.0.1:1; if ($cookie_canary) { set $b 127.0.0.1:2; } location / { proxy_pass http://$b; } } }`, " / -> 127.0.0.1:1| / -> 127.0.0.1:2"},
		{"map", `http { map $host $pool { default one; b.example two; } upstream one { server 127.0.0.1:1; } upstream two { server 127.0.0.1:2; } server { location / { proxy_pass http://$pool; } } }`,
			" / -> 127.0.0.1:1| / -> 127.0.0.1:2"},
		{"split_clients", `http { split_clients $remote_addr $pool { 10% 127.0.0.1:1; * 127.0.0.1:2; } server { location / { proxy_pass http://$pool; } } }`, " / -> 127.0.0.1:1| / -> 127.0.0.1:2"},
		{"unknown variable", `http { server { location / { proxy_pass http://$arg_host; } } }`, " / -> "},
		{"named and nested locations, if", `http { server { server_name a b; location / { try_files $uri @app; location /in { if ($x) { proxy_pass http://127.0.0.1:1; } } } location @app { proxy_pass http://127.0.0.1:2; } } }`,
			"a,b /in -> 127.0.0.1:1|a,b @app -> 127.0.0.1:2"},
		{"quotes and comments", "http { # server {\n server { server_name 'a.example'; # }\n location \"/x y\" { proxy_pass 'http://127.0.0.1:1'; } } }", "a.example /x y -> 127.0.0.1:1"},
		{"no names", `http { server { server_name _ ""; location / { proxy_pass http://127.0.0.1:1; } } }`, " / -> 127.0.0.1:1"},
		{"lua block", "http { init_by_lua_block { local s = \"}\" -- }\n local t = { a = '}' } --[[ } ]] local l = [==[ } ]==] }\n server { location / { access_by_lua_block { if x then y({}) end }\n proxy_pass http://127.0.0.1:1; } } }", " / -> 127.0.0.1:1"},
		{"regular expression with braces", `http { server { location ~ "^/v[0-9]{1,2}/" { proxy_pass http://127.0.0.1:1; } } }`, " ~ ^/v[0-9]{1,2}/ -> 127.0.0.1:1"},
		{"stream", `stream { upstream db { server 10.0.0.5:5432; } server { listen 5432; proxy_pass db; } }`, "  -> 10.0.0.5:5432"},
		{"cut short", `http { upstream app { server 127.0.0.1:3000; } server { server_name a; location / { proxy_pass http://app;`, "a / -> 127.0.0.1:3000"},
		{"a brace too many", `http { server { location / { proxy_pass http://127.0.0.1:1; } } } } }`, " / -> 127.0.0.1:1"},
		{"Windows line ends and a byte order mark", "\ufeffhttp {\r\n server {\r\n location / {\r\n proxy_pass http://127.0.0.1:1;\r\n }\r\n }\r\n}\r\n", " / -> 127.0.0.1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(passes(readNginx(t, tt.conf)), "|"); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestNginxLogs(t *testing.T) {
	for _, tt := range []struct{ name, conf, access, errors string }{
		{"defaults of the package", `http { server { } }`, "/var/log/nginx/access.log combined", "/var/log/nginx/error.log error"},
		{"inherited from http and main", `error_log /m.log crit; http { access_log /h.log timed; server { } }`, "/h.log timed", "/m.log crit"},
		{"a level replaces what it inherits", `error_log /m.log; http { access_log /h.log; server { access_log /a.log json; access_log /b.log; error_log /s.log warn; } }`, "/a.log json,/b.log combined", "/s.log warn"},
		{"off", `http { access_log off; server { } }`, "", "/var/log/nginx/error.log error"},
		{"off in one location", `http { access_log /h.log; server { location /health { access_log off; } } }`, "/h.log combined", "/var/log/nginx/error.log error"},
		{"another log in a location", `http { access_log /h.log; server { location /api { access_log /api.log timed if=$loggable; error_log /api.err debug; } } }`, "/h.log combined,/api.log timed", "/var/log/nginx/error.log error,/api.err debug"},
		{"parameters are no format", `http { access_log /h.log buffer=32k flush=5s; server { } }`, "/h.log combined", "/var/log/nginx/error.log error"},
		{"syslog is no file", `error_log syslog:server=unix:/dev/log; http { access_log syslog:server=10.0.0.1 timed; access_log /h.log; server { } }`, "/h.log combined", "/var/log/nginx/error.log error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topo := readNginx(t, tt.conf)
			if len(topo.Servers) != 1 {
				t.Fatalf("servers %+v", topo.Servers)
			}
			join := func(logs []culprit.Log) string {
				var all []string
				for _, l := range logs {
					all = append(all, l.Path+" "+l.Format)
				}
				return strings.Join(all, ",")
			}
			if got := join(topo.Servers[0].AccessLogs); got != tt.access {
				t.Errorf("access logs %q, want %q", got, tt.access)
			}
			if got := join(topo.Servers[0].ErrorLogs); got != tt.errors {
				t.Errorf("error logs %q, want %q", got, tt.errors)
			}
		})
	}
	t.Run("own prefix", func(t *testing.T) {
		topo, _ := topology.Read(files(map[string]string{"usr/local/openresty/nginx/conf/nginx.conf": "http { server { } }"}), topology.Options{Machine: true})
		if got := topo.Servers[0].AccessLogs; len(got) != 1 || got[0].Path != "/usr/local/openresty/nginx/logs/access.log" {
			t.Errorf("access logs %+v", got)
		}
	})
}

func TestNginxFormats(t *testing.T) {
	topo := readNginx(t, `http { log_format timed '$remote_addr [$time_local] "$request" ' '$status $request_time';
		log_format j escape=json '{"t":"$time_iso8601"}'; access_log /var/log/nginx/t.log timed; server { } server { access_log /var/log/nginx/j.json j; } }`)
	for file, want := range map[string]string{
		"x/nginx/t.log":      `$remote_addr [$time_local] "$request" $status $request_time`,
		"x/nginx/t.log.2.gz": `$remote_addr [$time_local] "$request" $status $request_time`,
		"j.json":             `{"t":"$time_iso8601"}`,
		"error.log":          "",
	} {
		if got := topo.AccessFormat(file); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}

func TestNginxLines(t *testing.T) {
	topo := readNginx(t, "http {\n  # one\n  upstream app {\n    server 127.0.0.1:1;\n  }\n  server {\n    location / {\n      proxy_pass\n        http://app;\n    }\n  }\n}\n")
	s := topo.Servers[0]
	if s.Line != 6 || s.Locations[0].Line != 8 || topo.Groups[0].Line != 3 || s.File != "etc/nginx/nginx.conf" {
		t.Errorf("server %d, pass %d, group %d of %s", s.Line, s.Locations[0].Line, topo.Groups[0].Line, s.File)
	}
}

// TestNginxHostile reads what is made to take long or to recurse.
func TestNginxHostile(t *testing.T) {
	doubling := map[string]string{"nginx.conf": "http { include f0.conf; }"}
	for i := range 20 {
		doubling[fmt.Sprintf("f%d.conf", i)] = strings.Repeat(fmt.Sprintf("include f%d.conf;\n", i+1), 50)
	}
	for name, fs := range map[string]map[string]string{
		"nesting":            {"nginx.conf": "http { server { " + strings.Repeat("location / { ", 50_000)},
		"braces":             {"nginx.conf": strings.Repeat("{", 500_000)},
		"closing braces":     {"nginx.conf": "http {}" + strings.Repeat("}", 500_000)},
		"variables":          {"nginx.conf": "http { server { set $a " + strings.Repeat("$a", 200_000) + "; proxy_pass $a; } }"},
		"variables multiply": {"nginx.conf": "http { " + strings.Repeat("map $x $a { a $a$a; b $a$a; } ", 5_000) + " }"},
		"open braces":        {"nginx.conf": "http { set " + strings.Repeat("${", 400_000)},
		"includes multiply":  doubling,
		"many stars":         {"nginx.conf": "http { include /" + strings.Repeat("*a", 5_000) + "; }"},
		"lua":                {"nginx.conf": "http { x_by_lua_block { " + strings.Repeat("[=[", 300_000)},
	} {
		t.Run(name, func(t *testing.T) {
			topo, _ := topology.Read(files(fs), topology.Options{})
			if len(topo.Servers) > 5_000 {
				t.Errorf("%d servers", len(topo.Servers))
			}
		})
	}
}

func TestNginxBoundsServers(t *testing.T) {
	topo := readNginx(t, "http { "+strings.Repeat("server { listen 1; } ", 20_000)+" }")
	if got := len(topo.Servers); got != 5_000 {
		t.Errorf("%d servers", got)
	}
	if !slices.Equal(topo.Servers[0].Listen, []string{"1"}) {
		t.Errorf("listen %q", topo.Servers[0].Listen)
	}
}
