package correlate_test

import (
	"fmt"
	"testing"

	"culprit"
)

// Outages whose process did not end, or whose end explains nothing, and the
// records that contradict what looks like one.

// timeout writes a request that the upstream did not answer in time.
func (l *log) timeout(at float64, n int) {
	l.failure(at, n, culprit.KindUpstreamTimeout, 110, "reading response header from upstream", "127.0.0.1:3000")
}

// hang writes time-outs between healthy traffic.
func (l *log) hang(from, to float64) {
	for i := range 120 {
		if at := float64(i); at >= from && at < to {
			l.timeout(at, i)
		} else {
			l.request(at, i, 200, "127.0.0.1:3000")
		}
	}
}

// post writes a request that failed although its process lives; GET ones went to
// a new connection and were answered.
func (l *log) post(at float64, n int, method string) {
	status := 200
	if method == "POST" {
		status = 502
	}
	who := []any{"client", fmt.Sprintf("192.0.2.%d", n%200), "host", "a.example", "method", method, "path", fmt.Sprintf("/item/%d", n)}
	l.add("error.log", at, culprit.Record{Kind: culprit.KindUpstreamPrematureClose, Severity: culprit.SeverityError, Attrs: attrs(append(who, "phase", "reading response header from upstream", "upstream", "http://127.0.0.1:3000/")...)})
	l.add("access.log", at, culprit.Record{Kind: culprit.KindHTTPRequest, Attrs: attrs(append(who, "status", status, "upstream", "127.0.0.1:3000")...)})
}

// answers writes failed requests that the access log describes further.
func (l *log) answers(status int, kv ...any) {
	for i := range 90 {
		s, more := 200, []any(nil)
		if i >= 30 && i < 40 {
			s, more = status, kv
		}
		l.add("access.log", float64(i), culprit.Record{Kind: culprit.KindHTTPRequest, Attrs: attrs(append([]any{"client", "192.0.2.1", "method", "GET", "path", fmt.Sprintf("/%d", i), "status", s, "host", "a.example", "upstream", "127.0.0.1:3000"}, more...)...)})
	}
}

// open writes an error line that has nothing to do with the upstream, so that
// the log is known to reach there.
func (l *log) open(at float64) {
	l.add("error.log", at, culprit.Record{Kind: culprit.KindFileError, Severity: culprit.SeverityError, Message: "open() failed"})
}

func site(errorLevel string) culprit.Topology {
	return culprit.Topology{Servers: []culprit.Server{{Names: []string{"a.example"}, ErrorLogs: []culprit.Log{{Path: "/var/log/nginx/error.log", Format: errorLevel}},
		Locations: []culprit.Location{{Match: "/", Pass: "http://127.0.0.1:3000"}}}}}
}

var namedUpstream = culprit.Topology{Groups: []culprit.UpstreamGroup{{Name: "app", Servers: []string{"app.internal:3000"}}},
	Servers: []culprit.Server{{Names: []string{"a.example"}, Locations: []culprit.Location{{Match: "/", Pass: "http://app"}}}}}

var aliveScenarios = []scenario{
	{name: "takes connections and answers nobody", verdict: "hang_timeout", trigger: "hang_timeout", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.hang(30, 40)
	}},
	{name: "one route hangs, the others answer", verdict: "hang_timeout_route", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.hang(30, 40)
		for i := range 30 {
			l.request(30+float64(i)/3, 300+i, 200, "127.0.0.1:3000")
		}
	}},
	{name: "hangs, and an operator restarts it at last", verdict: "hang_timeout", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		for i := range 100 {
			switch at := float64(i); {
			case i >= 30 && i < 42:
				l.timeout(at, i)
			case i >= 42 && i < 46:
				l.refused(at, i)
			default:
				l.request(at, i, 200, "127.0.0.1:3000")
			}
		}
		l.sudo(41.9, "deploy", "/usr/bin/systemctl restart shop", "manager", "systemd", "action", "restart", "target", "shop")
		l.restarted(42)
	}},
	{name: "stands still at its limit for half a minute before the kernel kills it", verdict: "oom_kill", trigger: "oom_kill", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		for i := range 120 {
			switch at := float64(i); {
			case i >= 30 && i < 60:
				l.timeout(at, i)
			case i >= 60 && i < 66:
				l.refused(at, i)
			default:
				l.request(at, i, 200, "127.0.0.1:3000")
			}
		}
		l.add("journal", 60, oom(100, "shop"))
		l.systemd(60.2, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(64, 101)
	}},
	{name: "stands still, dies of SIGKILL, and the kernel's log was not read", verdict: "inconclusive", knownTo: "SIGKILL", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.program(-20, culprit.KindSpawned, "shop", 100, "spawned: 'shop' with pid 100")
		l.program(-18, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
		l.program(40, culprit.KindExited, "shop", 0, "exited: shop (terminated by SIGKILL; not expected)", "signal", "SIGKILL")
		l.program(41, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
		l.program(43, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
		l.hang(30, 40)
	}},
	{name: "time-outs, and no record would tell of an exit", verdict: "inconclusive", knownTo: "did not answer in time", write: func(l *log) {
		l.hang(30, 40)
	}},
	{name: "time-outs while its database does not answer", verdict: "inconclusive", knownTo: "did not answer in time", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.hang(30, 40)
		l.app(29, culprit.KindDBConnectionFailed, "shop", 100, "timeout exceeded when trying to connect")
	}},
	{name: "only what may not be sent twice fails", verdict: "keepalive_race", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		for i := range 90 {
			l.request(float64(i), 300+i, 200, "127.0.0.1:3000")
			if i >= 30 && i < 45 && i%3 == 0 {
				l.post(float64(i), i, "POST")
				l.post(float64(i), 500+i, "GET")
			}
		}
	}},
	{name: "closes every connection and lives on", verdict: "bad_response_closed_early", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		for i := range 90 {
			if i >= 30 && i < 40 {
				l.failure(float64(i), i, culprit.KindUpstreamPrematureClose, 0, "reading response header from upstream", "127.0.0.1:3000")
			} else {
				l.request(float64(i), i, 200, "127.0.0.1:3000")
			}
		}
	}},
	{name: "connections closed while a worker of the cluster dies", verdict: "inconclusive", knownTo: "dropped connections", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		for i := range 90 {
			if i >= 30 && i < 40 {
				l.failure(float64(i), i, culprit.KindUpstreamPrematureClose, 0, "reading response header from upstream", "127.0.0.1:3000")
			} else {
				l.request(float64(i), i, 200, "127.0.0.1:3000")
			}
		}
		l.app(30.1, culprit.KindUncaughtException, "shop", 100, "TypeError: x is undefined in a worker", "fatal", false)
	}},
	{name: "answers 502 itself, with a header", verdict: "app_answered", tier: culprit.TierProven, write: func(l *log) {
		l.answers(502, "upstream_status", "502", "upstream_header_time", "0.004")
	}},
	{name: "502 without a header is nginx's own word", verdict: "inconclusive", knownTo: "does not say how", write: func(l *log) {
		l.answers(502, "upstream_status", "502", "upstream_header_time", "-")
	}},
	{name: "504 and nginx's error log reaches over it without a line", verdict: "app_answered", tier: culprit.TierProven, topo: site("error"), write: func(l *log) {
		l.open(1)
		l.answers(504)
		l.open(88)
	}},
	{name: "504 and the error log holds failures that match no request", verdict: "inconclusive", topo: site("error"), write: func(l *log) {
		l.open(1)
		l.answers(504)
		l.add("error.log", 35, culprit.Record{Kind: culprit.KindUpstreamTimeout, Attrs: attrs("client", "192.0.2.99", "host", "a.example", "method", "GET", "path", "/elsewhere", "errno", 110, "phase", "reading response header from upstream", "upstream", "http://127.0.0.1:3000/")})
		l.open(88)
	}},
	{name: "504 and the error log holds nothing below crit", verdict: "inconclusive", topo: site("crit"), write: func(l *log) {
		l.open(1)
		l.answers(504)
		l.open(88)
	}},
	{name: "504 and the error log begins later", verdict: "inconclusive", topo: site("error"), write: func(l *log) {
		l.open(50)
		l.answers(504)
		l.open(88)
	}},
	{name: "503 for everybody behind an upstream that only configuration names", verdict: "inconclusive", knownTo: "got 503", topo: site("error"), write: func(l *log) {
		for i := range 90 {
			status := 200
			if i >= 30 && i < 45 {
				status = 503
			}
			l.request(float64(i), i, status, "")
		}
	}},
	{name: "503 for one client while the others are answered", verdict: "", topo: site("error"), write: func(l *log) {
		for i := range 90 {
			l.request(float64(i), i, 200, "")
			if i >= 30 && i < 45 {
				l.request(float64(i), 7, 503, "")
			}
		}
	}},
	{name: "nginx may not use the socket, and the process dies too", verdict: "socket_permission", write: func(l *log) {
		l.boot()
		l.systemd(-50, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.app(-49, culprit.KindAppStarted, "shop", 100, "listening on /run/app.sock", "path", "/run/app.sock")
		for i := range 90 {
			if i >= 30 && i < 60 {
				l.failure(float64(i), i, culprit.KindUpstreamConnectFailed, 13, "connecting to upstream", "unix:/run/app.sock:")
			} else {
				l.request(float64(i), i, 200, "unix:/run/app.sock")
			}
		}
		l.systemd(33, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=11/SEGV", "exit_code_kind", "dumped", "status", 11)
		l.systemd(34, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.app(35, culprit.KindAppStarted, "shop", 101, "listening on /run/app.sock", "path", "/run/app.sock")
	}},
	{name: "listens on another port after a restart", verdict: "wrong_address", trigger: "planned_restart", service: "shop", keeps: "still_broken", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.sudo(29.9, "deploy", "/usr/bin/systemctl restart shop", "manager", "systemd", "action", "restart", "target", "shop")
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.systemd(30.2, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.app(31, culprit.KindAppStarted, "shop", 101, "listening on http://127.0.0.1:3001", "address", "127.0.0.1", "port", 3001)
		l.outage(30, 50)
		l.restarted(48)
	}},
	{name: "moved, and nginx does not look its name up again", verdict: "stale_upstream", trigger: "restart_unexplained", service: "shop", topo: namedUpstream, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.systemd(30.2, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.app(31, culprit.KindAppStarted, "shop", 101, "listening on http://127.0.0.9:3000", "address", "127.0.0.9", "port", 3000)
		l.outage(30, 50)
	}},
	{name: "a reload of nginx ends it", verdict: "stale_upstream", topo: namedUpstream, write: func(l *log) {
		l.boot()
		l.systemd(-50, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
		l.systemd(49.5, culprit.KindReloading, "nginx", "Reloading nginx.service - nginx...")
		l.outage(30, 50)
	}},
	{name: "a reload long before the end heals nothing", verdict: "inconclusive", topo: namedUpstream, write: func(l *log) {
		l.boot()
		l.systemd(-50, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
		l.systemd(40, culprit.KindReloading, "nginx", "Reloading nginx.service - nginx...")
		l.outage(30, 50)
	}},
	{name: "systemd's watchdog ends it", verdict: "hang_timeout", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(30, culprit.KindWatchdogTimeout, "shop", "Watchdog timeout (limit 10s)!")
		l.systemd(30.4, culprit.KindMainExited, "shop", "Main process exited, code=dumped, status=6/ABRT", "exit_code_kind", "dumped", "status", 6)
		l.outage(30, 36)
		l.serve(34, 101)
	}},
	{name: "restarted, and what was started does not serve until it is stopped again", verdict: "inconclusive", knownTo: "did not serve", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.systemd(30.2, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.outage(30, 52)
		l.restarted(48)
	}},
	{name: "a second port of its own is no wrong address", verdict: "planned_restart", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.sudo(29.9, "deploy", "/usr/bin/systemctl restart shop", "manager", "systemd", "action", "restart", "target", "shop")
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.systemd(30.2, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.app(31, culprit.KindAppStarted, "shop", 101, "metrics on http://127.0.0.1:9464", "address", "127.0.0.1", "port", 9464)
		l.app(36, culprit.KindAppStarted, "shop", 101, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
		l.outage(30, 37)
	}},
	{name: "nginx does not take its configuration and is down", verdict: "nginx_down", service: "nginx", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.systemd(-90, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
		for i := range 90 {
			if i < 30 || i > 44 {
				l.request(float64(i), i, 200, "127.0.0.1:3000")
			}
		}
		l.systemd(30.5, culprit.KindStopping, "nginx", "Stopping nginx.service - nginx...")
		l.systemd(30.6, culprit.KindDeactivated, "nginx", "Deactivated successfully.")
		l.add("journal", 31, culprit.Record{Kind: culprit.KindConfigError, Process: "nginx", PID: 9, Unit: "nginx.service", Message: `unknown directive "proxy_passs" in /etc/nginx/sites-enabled/shop:8`})
		l.systemd(44.5, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
	}},
	{name: "nginx is restarted in a second", verdict: "", write: func(l *log) {
		l.boot()
		l.systemd(-90, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
		l.outage(200, 201)
		l.systemd(30.5, culprit.KindStopping, "nginx", "Stopping nginx.service - nginx...")
		l.systemd(30.6, culprit.KindDeactivated, "nginx", "Deactivated successfully.")
		l.systemd(31.5, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
	}},
	{name: "nginx is stopped at the end of the logs", verdict: "", write: func(l *log) {
		l.boot()
		l.systemd(-90, culprit.KindStarted, "nginx", "Started nginx.service - nginx.")
		l.outage(200, 201)
		l.systemd(120, culprit.KindStopping, "nginx", "Stopping nginx.service - nginx...")
		l.systemd(120.1, culprit.KindDeactivated, "nginx", "Deactivated successfully.")
	}},
	{name: "the machine starts again without having been shut down", verdict: "host_reboot", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 25, culprit.Record{Kind: culprit.KindBoot, Process: "kernel", Message: "Linux version 6.1"})
		l.outage(30, 36)
		l.serve(34, 50)
	}},
	{name: "the same with a journal of this boot only", verdict: "host_reboot", service: "shop", write: func(l *log) {
		l.add("journal", 25, culprit.Record{Kind: culprit.KindBoot, Process: "kernel", Message: "Linux version 6.1"})
		l.systemd(500, culprit.KindStarted, "late", "Started late.service.")
		l.outage(30, 36)
		l.serve(34, 50)
	}},
	{name: "the kernel killed a process that nobody knows when a program died", verdict: "inconclusive", knownTo: "no record tells whose", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.boot()
		l.program(-18, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
		l.add("journal", 29.8, culprit.Record{Kind: culprit.KindOOMKill, Process: "kernel", Message: "Out of memory: Killed process 555 (node)", Attrs: attrs("victim_pid", 555, "comm", "node", "global_oom", "true")})
		l.program(30, culprit.KindExited, "shop", 0, "exited: shop (terminated by SIGKILL; not expected)", "signal", "SIGKILL")
		l.program(31, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
		l.program(33, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
		l.outage(30, 38)
	}},
	{name: "the same in the control group that carries its name", verdict: "oom_kill", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.boot()
		l.program(-18, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
		l.add("journal", 29.8, culprit.Record{Kind: culprit.KindOOMKill, Process: "kernel", Message: "Memory cgroup out of memory: Killed process 555 (node)", Attrs: attrs("victim_pid", 555, "comm", "node", "task_memcg", "/shop")})
		l.program(30, culprit.KindExited, "shop", 0, "exited: shop (terminated by SIGKILL; not expected)", "signal", "SIGKILL")
		l.program(31, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
		l.program(33, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
		l.outage(30, 38)
	}},
	{name: "memmon watches the program and its log was not read", verdict: "inconclusive", knownTo: "memmon", service: "shop",
		topo: culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "supervisor", Unit: "supervisor.service", Listen: onPort3000},
			{Name: "memmon", Manager: "supervisor", Unit: "supervisor.service", Command: "memmon -p shop=200MB", Watches: []string{"shop"}}}},
		write: func(l *log) {
			l.boot()
			l.program(-18, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
			l.program(30, culprit.KindStopped, "shop", 0, "stopped: shop (exit status 0)")
			l.program(31, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
			l.program(33, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
			l.outage(30, 38)
		}},
	{name: "it logs all day that its cache is away, and then leaves", verdict: "exited", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		for i := range 20 {
			l.app(float64(2*i-8), culprit.KindConnectionFailed, "shop", 100, "redis: connect ECONNREFUSED 127.0.0.1:6379", "address", "127.0.0.1", "port", 6379)
		}
		l.systemd(30.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		l.outage(30, 36)
		l.serve(34, 101)
	}},
	{name: "a quiet program dies of its own error long after its start", verdict: "uncaught_exception", service: "shop", write: func(l *log) {
		l.boot()
		l.systemd(-300, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.app(30, culprit.KindUncaughtException, "shop", 100, "TypeError: x is undefined", "fatal", true)
		l.systemd(30.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		l.systemd(31, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.outage(30, 36)
	}},
	{name: "idle WebSockets that nginx ends", verdict: "", write: func(l *log) {
		for i := range 20 {
			l.add("error.log", float64(i), culprit.Record{Kind: culprit.KindUpstreamTimeout, Attrs: attrs("client", "192.0.2.1", "host", "a.example", "method", "GET", "path", "/socket", "errno", 110, "phase", "proxying upgraded connection", "upstream", "http://127.0.0.1:3000/")})
		}
	}},
	{name: "one server of two fails and no access log was read", verdict: "",
		topo: culprit.Topology{Groups: []culprit.UpstreamGroup{{Name: "pool", Servers: []string{"127.0.0.1:3000", "127.0.0.1:3001"}}}},
		write: func(l *log) {
			for i := range 20 {
				l.add("error.log", float64(i), culprit.Record{Kind: culprit.KindUpstreamConnectFailed, Attrs: attrs("client", "192.0.2.1", "host", "a.example", "method", "GET", "path", fmt.Sprintf("/%d", i), "errno", 111, "phase", "connecting to upstream", "upstream", "http://127.0.0.1:3000/")})
			}
		}},
	{name: "both servers fail and no access log was read", verdict: "inconclusive", knownTo: "nothing listened",
		topo: culprit.Topology{Groups: []culprit.UpstreamGroup{{Name: "pool", Servers: []string{"127.0.0.1:3000", "127.0.0.1:3001"}}}},
		write: func(l *log) {
			for i := range 20 {
				for _, port := range []string{"3000", "3001"} {
					l.add("error.log", float64(i), culprit.Record{Kind: culprit.KindUpstreamConnectFailed, Attrs: attrs("client", "192.0.2.1", "host", "a.example", "method", "GET", "path", fmt.Sprintf("/%d", i), "errno", 111, "phase", "connecting to upstream", "upstream", "http://127.0.0.1:"+port+"/")})
				}
			}
		}},
}

func init() { scenarios = append(scenarios, aliveScenarios...) }

func TestTwoSocketErrorsOfOneUpstream(t *testing.T) {
	// Each outage cites its own line, in whatever files the log is cut.
	s := scenario{write: func(l *log) {
		for i := range 120 {
			errno := 0
			switch {
			case i >= 20 && i < 40:
				errno = 13
			case i >= 65 && i < 85:
				errno = 2
			}
			if errno == 0 {
				l.request(float64(i), i, 200, "unix:/run/app.sock")
			} else {
				l.failure(float64(i), i, culprit.KindUpstreamConnectFailed, errno, "connecting to upstream", "unix:/run/app.sock:")
			}
		}
	}}
	rep := analyse(&s, nil)
	if len(rep.Incidents) != 2 || rep.Incidents[0].Verdict != "socket_permission" || rep.Incidents[1].Verdict != "socket_missing" {
		for _, inc := range rep.Incidents {
			t.Errorf("%s %s", inc.Start, inc.Verdict)
		}
	}
}
