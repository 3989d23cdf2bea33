package topology_test

import (
	"slices"
	"strings"
	"testing"

	"culprit"
	"culprit/internal/topology"
)

// service reads a folder, or a machine if a file is below proc, and returns the
// one service of a name.
func service(t *testing.T, name string, texts map[string]string) culprit.Service {
	t.Helper()
	machine := false
	for file := range texts {
		machine = machine || strings.HasPrefix(file, "proc/") || strings.HasPrefix(file, "run/systemd")
	}
	topo, gaps := topology.Read(files(texts), topology.Options{Machine: machine})
	if len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	var found []culprit.Service
	for _, s := range topo.Services {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("want one %s, got %+v of %+v", name, found, topo.Services)
	}
	return found[0]
}

// TestListen deduces where a service listens.
func TestListen(t *testing.T) {
	unit := func(lines string) map[string]string {
		return map[string]string{"app.service": "[Service]\nExecStart=/usr/bin/node main.js\nWorkingDirectory=/srv/app\n" + lines}
	}
	with := func(texts map[string]string, name, text string) map[string]string {
		texts[name] = text
		return texts
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"PORT", unit("Environment=NODE_ENV=production PORT=3000"), []string{":3000"}},
		{"PORT and HOST", unit("Environment=PORT=3000\nEnvironment=\"HOST=127.0.0.1\""), []string{"127.0.0.1:3000"}},
		{"IPv6 host", unit("Environment=PORT=3000 HOST=::1"), []string{"[::1]:3000"}},
		{"an empty assignment clears", unit("Environment=PORT=3000\nEnvironment=\nEnvironment=PORT=4000"), []string{":4000"}},
		{"the port of a database is another's", unit("Environment=DB_PORT=5432 REDIS_PORT=6379 METRICS_PORT=9100"), nil},
		{"socket", unit("Environment=SOCKET_PATH=/run/app.sock"), []string{"unix:/run/app.sock"}},
		{"PORT that is a socket", unit("Environment=PORT=/run/app/app.sock"), []string{"unix:/run/app/app.sock"}},
		{"LISTEN", unit("Environment=LISTEN=127.0.0.1:8080"), []string{"127.0.0.1:8080"}},
		{"--port", unit("ExecStart=\nExecStart=/usr/bin/node main.js --port 3001"), []string{":3001"}},
		{"--port= and --host", unit("ExecStart=\nExecStart=/usr/bin/node main.js --port=3001 --host 0.0.0.0"), []string{"0.0.0.0:3001"}},
		{"-p", unit("ExecStart=\nExecStart=/srv/app/node_modules/.bin/next start -p 3002"), []string{":3002"}},
		{"-p joined", unit("ExecStart=\nExecStart=/usr/bin/serve -p3002"), []string{":3002"}},
		{"--bind", unit("ExecStart=\nExecStart=/usr/bin/gunicorn -b 127.0.0.1:8000 app:app"), []string{"127.0.0.1:8000"}},
		{"a log file is no socket", unit("ExecStart=\nExecStart=/usr/bin/thing -l /var/log/thing.log"), nil},
		{"a variable of the unit", unit("Environment=MY_PORT=3003\nExecStart=\nExecStart=/usr/bin/node main.js --port ${MY_PORT}"), []string{":3003"}},
		{"a default in the shell", unit("ExecStart=\nExecStart=/bin/sh -c 'exec node main.js --port ${P:-3004}'"), []string{":3004"}},
		{"assigned in the shell", unit("ExecStart=\nExecStart=/bin/bash -lc 'PORT=3005 node main.js'"), []string{":3005"}},
		{"env", unit("ExecStart=\nExecStart=/usr/bin/env PORT=3006 node main.js"), []string{":3006"}},
		{"continued line", unit("ExecStart=\nExecStart=/usr/bin/node main.js \\\n  # in between\n  --port 3007"), []string{":3007"}},
		{"environment file", with(unit("Environment=PORT=1\nEnvironmentFile=-/etc/default/app"), "etc/default/app", "# x\nexport PORT='3008' # y\n"), []string{":3008"}},
		{"environment file, flattened", with(unit("EnvironmentFile=/etc/default/app"), "config/default-app", "PORT=3009\n"), nil},
		{"environment file, flattened beside", map[string]string{"config/systemd/app.service": "[Service]\nEnvironmentFile=/etc/default/app\n", "config/default-app": "PORT=3009\n"}, []string{":3009"}},
		{".env of the program", with(unit(""), "srv/app/.env", "PORT=\"3010\"\nHOST=localhost\n"), []string{"localhost:3010"}},
		{".env does not override", with(unit("Environment=PORT=3011"), "srv/app/.env", "PORT=1\n"), []string{":3011"}},
		{"another's .env", with(unit(""), ".env", "PORT=1\n"), nil},
		{"drop-in", with(unit("Environment=PORT=1"), "app.service.d/override.conf", "[Service]\nEnvironment=PORT=3012\n"), []string{":3012"}},
		{"socket unit", with(unit(""), "app.socket", "[Socket]\nListenStream=3013\nListenStream=/run/app.sock\n"), []string{":3013", "unix:/run/app.sock"}},
		{"folder of the unit", with(unit("RuntimeDirectory=app"), "nginx.conf", "http { server { location / { proxy_pass http://unix:/var/run/app/x.sock; } } }"), []string{"unix:/var/run/app/x.sock"}},
		{"out of range", unit("Environment=PORT=70000"), nil},
		{"no number", unit("Environment=PORT=$PORT"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := service(t, "app", tt.files).Listen; !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnit(t *testing.T) {
	s := service(t, "api", map[string]string{
		"etc/systemd/system/api.service": "[Unit]\nRequires=postgresql.service\nBindsTo=redis.service\nWants=network-online.target\nAfter=postgresql.service redis.service\nStartLimitBurst=5\nStartLimitIntervalSec=10s\n" +
			"[Service]\nType=simple\nUser=api\nWorkingDirectory=-/srv/api\nExecStart=-/usr/bin/node --max-old-space-size=256 dist/main.js\nRestart=always\nMemoryHigh=200M\nMemoryMax=300M\n" +
			"Environment=\"DATABASE_URL=postgres://api:hunter2@127.0.0.1:5432/api?x=y\" DB_PASSWORD=hunter2 API_KEY_HOST=x REDIS_HOST=10.0.0.2\nStandardOutput=append:/var/log/api.log\nStandardError=inherit\n",
		"lib/systemd/system/api.service": "[Service]\nExecStart=/bin/false\nMemoryMax=1G\n",
	})
	if s.Unit != "api.service" || s.Dir != "/srv/api" || s.User != "api" || s.File != "etc/systemd/system/api.service" {
		t.Errorf("%+v", s)
	}
	if s.Memory != 300<<20 || s.MemoryBy != "MemoryMax=300M" || s.Heap != 256<<20 {
		t.Errorf("memory %d by %q, heap %d", s.Memory, s.MemoryBy, s.Heap)
	}
	if s.Restart != "Restart=always" || s.StartLimit != "StartLimitBurst=5 StartLimitIntervalSec=10s" {
		t.Errorf("restart %q, limit %q", s.Restart, s.StartLimit)
	}
	if !slices.Equal(s.Requires, []string{"postgresql.service", "redis.service"}) || !slices.Equal(s.Wants, []string{"network-online.target"}) || len(s.After) != 2 {
		t.Errorf("requires %q, wants %q, after %q", s.Requires, s.Wants, s.After)
	}
	if !slices.Equal(s.Logs, []string{"/var/log/api.log"}) {
		t.Errorf("logs %q", s.Logs)
	}
	if len(s.Env) != 2 || s.Env["DATABASE_URL"] != "postgres://127.0.0.1:5432" || s.Env["REDIS_HOST"] != "10.0.0.2" {
		t.Errorf("a secret was kept, or an address was not: %q", s.Env)
	}
}

func TestUnitMemory(t *testing.T) {
	for setting, want := range map[string]int64{
		"MemoryMax=300M": 300 << 20, "MemoryMax=1.5G": 3 << 29, "MemoryMax=infinity": 0, "MemoryMax=50%": 0, "MemoryLimit=512K": 512 << 10,
		"MemoryHigh=200M": 200 << 20, "MemoryMax=314572800": 300 << 20, "MemoryMax=": 0, "MemoryMax=-5": 0, "MemoryMax=99999999999999999999T": 0,
	} {
		s := service(t, "a", map[string]string{"a.service": "[Service]\n" + setting + "\n"})
		if s.Memory != want {
			t.Errorf("%s: got %d, want %d", setting, s.Memory, want)
		}
		if want > 0 && s.MemoryBy != setting {
			t.Errorf("%s: by %q", setting, s.MemoryBy)
		}
	}
}

func TestInstances(t *testing.T) {
	texts := map[string]string{
		"etc/systemd/system/w@.service":                             "[Service]\nEnvironment=PORT=%i\nWorkingDirectory=/srv/%p\nExecStart=/usr/bin/node w.js %i\n",
		"etc/systemd/system/multi-user.target.wants/w@5001.service": "-> /etc/systemd/system/w@.service",
		"etc/systemd/system/w@5002.service.d/a.conf":                "[Service]\nMemoryMax=10M\n",
		"etc/systemd/system/alias.service":                          "-> w@.service",
		"etc/systemd/system/masked.service":                         "-> /dev/null",
	}
	topo, _ := topology.Read(files(texts), topology.Options{Machine: true})
	var names []string
	for _, s := range topo.Services {
		names = append(names, s.Name+" "+strings.Join(s.Listen, ","))
	}
	if want := []string{"w@ :%i", "w@5001 :5001", "w@5002 :5002"}; !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	if at := topo.ServicesAt("127.0.0.1:5002"); len(at) != 1 || at[0].Memory != 10<<20 || at[0].Dir != "/srv/w" || at[0].Command != "/usr/bin/node w.js 5002" {
		t.Errorf("at 5002: %+v", at)
	}
	if s := topo.AddInstance("w@5003.service"); s == nil || len(topo.ServicesAt("127.0.0.1:5003")) != 1 || s.Memory != 0 {
		t.Errorf("added: %+v", s)
	}
}

func TestSupervisor(t *testing.T) {
	conf := `[supervisord]
childlogdir=/var/log/supervisor
[include]
files = /etc/supervisor/conf.d/*.conf
`
	read := func(programs string) culprit.Topology {
		t.Helper()
		topo, gaps := topology.Read(files(map[string]string{"etc/supervisor/supervisord.conf": conf, "etc/supervisor/conf.d/a.conf": programs}), topology.Options{Machine: true})
		if len(gaps) > 0 {
			t.Errorf("gaps %+v", gaps)
		}
		return topo
	}
	t.Run("program", func(t *testing.T) {
		topo := read("[program:api] ; the API\ncommand=/usr/bin/node main.js ; start\ndirectory=/srv/%(program_name)s\nenvironment=NODE_ENV=\"production\",PORT='3000',\n  DATABASE_URL=\"mysql://u:p,w@db:3306/x\"\n" +
			"autorestart=unexpected\nstartretries=5\nstdout_logfile=/var/log/api.log\nuser=api\n")
		s := topo.ServiceNamed("supervisor", "api")
		if s == nil {
			t.Fatalf("services %+v", topo.Services)
		}
		if s.Command != "/usr/bin/node main.js" || s.Dir != "/srv/api" || s.User != "api" || s.Restart != "autorestart=unexpected" || s.StartLimit != "startretries=5" || s.Unit != "supervisor.service" {
			t.Errorf("%+v", s)
		}
		if !slices.Equal(s.Listen, []string{":3000"}) || s.Env["DATABASE_URL"] != "mysql://db:3306" {
			t.Errorf("listen %q, env %q", s.Listen, s.Env)
		}
		if !slices.Equal(s.Logs, []string{"/var/log/api.log", "/var/log/supervisor/api-stderr---supervisor-*.log"}) {
			t.Errorf("logs %q", s.Logs)
		}
	})
	for _, tt := range []struct {
		name, command string
		want          map[string]int64
	}{
		{"memmon", "memmon -p api=200MB -m admin@example.com", map[string]int64{"api": 200 << 20}},
		{"memmon, any", "/usr/bin/memmon -a 1GB", map[string]int64{"api": 1 << 30, "web": 1 << 30, "worker": 1 << 30}},
		{"memmon, group", "memmon -g shop=300MB", map[string]int64{"api": 300 << 20, "web": 300 << 20}},
		{"memmon, program of a group", "memmon --program=shop:web=64MB", map[string]int64{"web": 64 << 20}},
		{"two limits", "memmon -p api=200MB -a 100MB", map[string]int64{"api": 100 << 20, "web": 100 << 20, "worker": 100 << 20}},
		{"own script, bytes", "/usr/local/bin/memory-guard api 190000000", map[string]int64{"api": 190000000}},
		{"own script, flag", "python3 /opt/guard.py --program api --limit 3", map[string]int64{"api": 0}},
		{"a port is no size", "httpok -p api 8080", map[string]int64{"api": 0}},
		{"another program", "memmon -p other=200MB", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topo := read("[program:api]\ncommand=a\n[program:web]\ncommand=b\n[program:worker]\ncommand=c\n[group:shop]\nprograms=api,web\n[eventlistener:guard]\nevents=TICK_60\ncommand=" + tt.command + "\n")
			guard := topo.ServiceNamed("supervisor", "guard")
			if guard == nil || len(guard.Watches) != len(tt.want) {
				t.Fatalf("guard %+v, want %v", guard, tt.want)
			}
			for _, name := range []string{"api", "web", "worker"} {
				s := topo.ServiceNamed("supervisor", name)
				if s.Memory != tt.want[name] || (s.Memory > 0) != (s.MemoryBy != "") {
					t.Errorf("%s: %d by %q, want %d", name, s.Memory, s.MemoryBy, tt.want[name])
				}
				if _, watched := tt.want[name]; watched != slices.Contains(guard.Watches, name) {
					t.Errorf("%s: watches %q", name, guard.Watches)
				}
			}
		})
	}
}

func TestPM2(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
	}{
		{"dump", "home/deploy/.pm2/dump.pm2", `[{"name":"api","pm_exec_path":"/srv/api/dist/main.js","pm_cwd":"/srv/api","exec_interpreter":"node","node_args":["--max-old-space-size=128"],
			"max_memory_restart":314572800,"autorestart":true,"pm_out_log_path":"/home/deploy/.pm2/logs/api-out.log","pm_err_log_path":"/home/deploy/.pm2/logs/api-error.log","env":{"PORT":3000,"SECRET":"x"}}]`},
		{"ecosystem, CommonJS", "srv/ecosystem.config.cjs", `// pm2
const path = require('path'); /* apps: none */
const base = { apps_dir: "/srv" };
module.exports = {
  apps: [{
    name: 'api',
    script: "/srv/api/dist/main.js", // start
    cwd: ` + "`/srv/api`" + `,
    interpreter: 'node', node_args: '--max-old-space-size=128',
    max_memory_restart: '300M',
    autorestart: !0 || true,
    instances: require('os').cpus().length,
    out_file: '/home/deploy/.pm2/logs/api-out.log', error_file: '/home/deploy/.pm2/logs/api-error.log',
    env: { ...process.env, NODE_ENV: 'production', PORT: process.env.PORT || 3000, },
    ...base,
    get watch() { return [1, {a: "}"}]; },
  }],
  deploy: { production: { user: 'x', 'post-deploy': 'npm ci && pm2 reload' } }
}
`},
		{"ecosystem, module", "ecosystem.config.mjs", `export default { "apps" : [ { "name": "api", script: '/srv/api/dist/main.js', cwd: '/srv/api', interpreter: 'node', node_args: ['--max-old-space-size=128'],
			max_memory_restart: "300M", autorestart: true, out_file: '/home/deploy/.pm2/logs/api-out.log', error_file: '/home/deploy/.pm2/logs/api-error.log', env: { PORT: "3000" } } ] };`},
		{"list", "pm2-jlist.json", `[{"pid":12,"name":"api","pm2_env":{"pm_exec_path":"/srv/api/dist/main.js","pm_cwd":"/srv/api","exec_interpreter":"node","node_args":["--max-old-space-size=128"],"max_memory_restart":314572800,
			"autorestart":true,"PORT":"3000","env":{"PORT":"3000"},"pm_out_log_path":"/home/deploy/.pm2/logs/api-out.log","pm_err_log_path":"/home/deploy/.pm2/logs/api-error.log"}}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := service(t, "api", map[string]string{tt.file: tt.text, "pm2-deploy.service": "[Service]\nExecStart=/usr/bin/pm2 resurrect\nUser=deploy\n"})
			if s.Manager != "pm2" || s.Unit != "pm2-deploy.service" || s.Dir != "/srv/api" || s.Command != "node --max-old-space-size=128 /srv/api/dist/main.js" {
				t.Errorf("%+v", s)
			}
			if s.Memory != 300<<20 || !strings.HasPrefix(s.MemoryBy, "max_memory_restart=") || s.Heap != 128<<20 || s.Restart != "autorestart=true" {
				t.Errorf("memory %d by %q, heap %d, %q", s.Memory, s.MemoryBy, s.Heap, s.Restart)
			}
			if !slices.Equal(s.Listen, []string{":3000"}) || len(s.Env) != 1 {
				t.Errorf("listen %q, env %q", s.Listen, s.Env)
			}
			if !slices.Equal(s.Logs, []string{"/home/deploy/.pm2/logs/api-out.log", "/home/deploy/.pm2/logs/api-error.log"}) {
				t.Errorf("logs %q", s.Logs)
			}
		})
	}
	t.Run("two instances are one app", func(t *testing.T) {
		s := service(t, "api", map[string]string{"dump.pm2": `[{"name":"api","env":{"PORT":"3000"}},{"name":"api","env":{"PORT":"3001"}}]`})
		if !slices.Equal(s.Listen, []string{":3000", ":3001"}) {
			t.Errorf("listen %q", s.Listen)
		}
	})
}

func TestDocker(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	config := `{"ID":"` + id + `","Name":"/shop-api-1","LogPath":"/var/lib/docker/containers/` + id + `/x-json.log","Config":{"Env":["PORT=3000","TOKEN=x"],"Cmd":["node","main.js"],"User":"node","WorkingDir":"/app",
		"ExposedPorts":{"3000/tcp":{},"53/udp":{}},"Labels":{"com.docker.compose.service":"api","com.docker.compose.depends_on":"db:service_started:false,cache"}},
		"NetworkSettings":{"Ports":{"3000/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]},"Networks":{"shop_default":{"IPAddress":"172.18.0.3","Aliases":["api"]}}}}`
	host := `{"Memory":268435456,"PortBindings":{"3000/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]},"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}}`
	dir := "var/lib/docker/containers/" + id
	topo, gaps := topology.Read(files(map[string]string{dir + "/config.v2.json": config, dir + "/hostconfig.json": host}), topology.Options{Machine: true})
	if len(gaps) > 0 || len(topo.Services) != 1 {
		t.Fatalf("gaps %+v, services %+v", gaps, topo.Services)
	}
	s := topo.Services[0]
	if s.Name != "shop-api-1" || s.ID != id || s.Memory != 256<<20 || s.MemoryBy != "--memory=268435456" || s.Restart != "restart=on-failure" || s.StartLimit != "restart=on-failure:3" || s.Unit != "docker.service" {
		t.Errorf("%+v", s)
	}
	if !slices.Equal(s.Requires, []string{"db", "cache"}) || s.Env["PORT"] != "3000" || len(s.Env) != 1 {
		t.Errorf("requires %q, env %q", s.Requires, s.Env)
	}
	for address, want := range map[string]int{"127.0.0.1:8080": 1, "172.18.0.3:3000": 1, "api:3000": 1, "127.0.0.1:3000": 0, "172.18.0.3:8080": 0} {
		if got := len(topo.ServicesAt(address)); got != want {
			t.Errorf("%d services at %s, want %d", got, address, want)
		}
	}
	inspected := service(t, "shop-api-1", map[string]string{"docker-inspect.json": "[" + strings.Replace(config, `{"ID"`, `{"HostConfig":`+host+`,"Id"`, 1) + "]"})
	if inspected.Memory != s.Memory || !slices.Equal(inspected.Listen, s.Listen) || inspected.ID != id {
		t.Errorf("docker inspect: %+v", inspected)
	}
}

func TestPanelScript(t *testing.T) {
	s := service(t, "shop", map[string]string{"www/server/nodejs/vhost/scripts/shop.sh": "#!/bin/bash\nPATH=/www/server/nodejs/v20.11.0/bin:$PATH\nexport PATH\n\nexport HOME=/root\nexport NODE_PROJECT_NAME=\"shop\"\nexport PORT=3000\ncd /www/wwwroot/shop\n" +
		"nohup /www/server/nodejs/v20.11.0/bin/node dist/main.js 2>&1 >> /www/wwwlogs/nodejs/shop.log &\necho $! > /www/server/nodejs/vhost/pids/shop.pid\n"})
	if s.Manager != "" || s.Dir != "/www/wwwroot/shop" || s.Command != "/www/server/nodejs/v20.11.0/bin/node dist/main.js" || !slices.Equal(s.Logs, []string{"/www/wwwlogs/nodejs/shop.log"}) || !slices.Equal(s.Listen, []string{":3000"}) {
		t.Errorf("%+v", s)
	}
}

func TestProc(t *testing.T) {
	texts := map[string]string{
		"proc/net/tcp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
			"   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 100 1 0 100 0 0 10 0\n" +
			"   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0\n" +
			"   2: 0100007F:0BB8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 102 1 0 100 0 0 10 0\n",
		"proc/net/tcp6": "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
			"   0: 00000000000000000000000000000000:1389 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 103 1 0 100 0 0 10 0\n",
		"proc/net/unix":     "Num       RefCount Protocol Flags    Type St Inode Path\n0000: 00000002 00000000 00010000 0001 01 104 /run/x.sock\n0000: 00000003 00000000 00000000 0001 03 105 /run/y.sock\n",
		"proc/net/fib_trie": "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n",
		"proc/net/if_inet6": "fd000000000000000000000000000002 02 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n",
		"proc/1/comm":       "systemd\n", "proc/1/cgroup": "0::/init.scope\n", "proc/1/fd/9": "-> socket:[100]",
		"proc/50/comm": "node\n", "proc/50/cgroup": "0::/system.slice/api.service\n", "proc/50/environ": "PORT=3000\x00", "proc/50/fd/3": "-> socket:[100]", "proc/50/fd/4": "-> /dev/null",
		"proc/60/comm": "nginx\n", "proc/60/cgroup": "0::/system.slice/nginx.service\n", "proc/60/fd/6": "-> socket:[101]",
		"proc/61/comm": "nginx\n", "proc/61/cgroup": "0::/system.slice/nginx.service\n", "proc/61/fd/6": "-> socket:[101]",
		"proc/70/comm": "node\n", "proc/70/cgroup": "0::/system.slice/supervisor.service\n", "proc/70/environ": "A=b\x00SUPERVISOR_PROCESS_NAME=web_00\x00", "proc/70/fd/5": "-> socket:[103]",
		"proc/80/comm": "node\n", "proc/80/cgroup": "0::/system.slice/system-w.slice/w@7.service\n", "proc/80/fd/5": "-> socket:[104]",
		"etc/systemd/system/api.service":  "[Service]\nExecStart=/usr/bin/node main.js\n",
		"etc/systemd/system/w@.service":   "[Service]\nExecStart=/usr/bin/node w.js\n",
		"etc/supervisor/supervisord.conf": "[program:web]\ncommand=/usr/bin/node web.js\n",
		"etc/localtime":                   "-> /usr/share/zoneinfo/Europe/Berlin",
	}
	topo, gaps := topology.Read(files(texts), topology.Options{Machine: true})
	if len(gaps) > 0 {
		t.Errorf("gaps %+v", gaps)
	}
	want := []culprit.Listener{
		{Address: "127.0.0.1:3000", PID: 50, Process: "node", Service: "api", Manager: "systemd"},
		{Address: "0.0.0.0:80", PID: 60, Process: "nginx"},
		{Address: "[::]:5001", PID: 70, Process: "node", Service: "web", Manager: "supervisor"},
		{Address: "unix:/run/x.sock", PID: 80, Process: "node", Service: "w@7", Manager: "systemd"},
	}
	if !slices.Equal(topo.Listeners, want) {
		t.Errorf("listeners\n got %+v\nwant %+v", topo.Listeners, want)
	}
	if !slices.Equal(topo.Addresses, []string{"10.0.0.5", "fd00::2"}) || topo.Zone != "Europe/Berlin" {
		t.Errorf("addresses %q, zone %q", topo.Addresses, topo.Zone)
	}
	for address, name := range map[string]string{"127.0.0.1:3000": "api", "10.0.0.5:5001": "web", "[::1]:5001": "web", "unix:/run/x.sock": "w@7"} {
		if at := topo.ServicesAt(address); len(at) != 1 || at[0].Name != name {
			t.Errorf("at %s: %+v, want %s", address, at, name)
		}
	}
	if at := topo.ServicesAt("10.0.0.6:5001"); len(at) > 0 {
		t.Errorf("another machine's address got %+v", at)
	}
}

func TestSocketLists(t *testing.T) {
	for name, text := range map[string]string{
		"ss-ltnp.txt": "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nLISTEN 0      511        127.0.0.1:3000      0.0.0.0:*    users:((\"node\",pid=7,fd=18))\n" +
			"LISTEN 0 4096 127.0.0.53%lo:53 0.0.0.0:*\nLISTEN 0 511 *:80 *:* users:((\"nginx\",pid=8,fd=6),(\"nginx\",pid=9,fd=6))\n",
		"netstat.txt": "Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address Foreign Address State PID/Program name\ntcp 0 0 127.0.0.1:3000 0.0.0.0:* LISTEN 7/node\n" +
			"tcp 0 0 127.0.0.53:53 0.0.0.0:* LISTEN -\ntcp6 0 0 :::80 :::* LISTEN 8/nginx: master\n",
	} {
		topo, _ := topology.Read(files(map[string]string{name: text, "systemctl-show-api.txt": "MainPID=7\nId=api.service\n", "api.service": "[Service]\nExecStart=/usr/bin/node x\n"}), topology.Options{})
		want := []culprit.Listener{{Address: "127.0.0.1:3000", PID: 7, Process: "node", Service: "api", Manager: "systemd"}, {Address: "127.0.0.53:53"}, {Address: "[::]:80", PID: 8, Process: "nginx"}}
		if !slices.Equal(topo.Listeners, want) {
			t.Errorf("%s\n got %+v\nwant %+v", name, topo.Listeners, want)
		}
		if at := topo.ServicesAt("127.0.0.1:3000"); len(at) != 1 || at[0].Name != "api" {
			t.Errorf("%s: at 3000 %+v", name, at)
		}
	}
}

func TestZone(t *testing.T) {
	for text, want := range map[string]string{"Asia/Tokyo\n": "Asia/Tokyo", "../../etc/passwd\n": "", "/etc/passwd\n": "", "Etc/GMT+3\n": "Etc/GMT+3", "\n": ""} {
		topo, _ := topology.Read(files(map[string]string{"etc/timezone": text}), topology.Options{})
		if topo.Zone != want {
			t.Errorf("%q: got %q, want %q", text, topo.Zone, want)
		}
	}
	topo, _ := topology.Read(files(map[string]string{"timedatectl.txt": "               Local time: Sun\n                Time zone: Europe/Berlin (CET, +0100)\n"}), topology.Options{})
	if topo.Zone != "Europe/Berlin" {
		t.Errorf("timedatectl: %q", topo.Zone)
	}
}
