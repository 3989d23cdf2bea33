package correlate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/correlate"
)

// untimed writes a record without a time.
const untimed = -1e9

var t0 = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// A log writes records as the parsers would hand them out.
type log struct {
	records []*culprit.Record
	lines   map[string]int
}

func (l *log) add(source string, at float64, r culprit.Record) {
	if l.lines == nil {
		l.lines = map[string]int{}
	}
	l.lines[source]++
	r.Source = source
	r.LineFrom, r.LineTo = l.lines[source], l.lines[source]
	if at != untimed {
		r.Time = t0.Add(time.Duration(at * float64(time.Second)))
	}
	if r.Text == nil {
		r.Text = []byte(fmt.Sprintf("%s %s", r.Kind, r.Message))
	}
	l.records = append(l.records, &r)
}

func attrs(kv ...any) (a culprit.Attrs) {
	for i := 0; i < len(kv); i += 2 {
		switch v := kv[i+1].(type) {
		case string:
			a.Add(kv[i].(string), v)
		case int:
			a.AddInt(kv[i].(string), int64(v))
		case bool:
			a.AddBool(kv[i].(string), v)
		}
	}
	return a
}

// request writes an access line of host a.example.
func (l *log) request(at float64, n, status int, upstream string) {
	kind := culprit.KindHTTPRequest
	if status >= 500 {
		kind = culprit.KindHTTP5xx
	}
	l.add("access.log", at, culprit.Record{Kind: kind, Attrs: attrs("client", fmt.Sprintf("192.0.2.%d", n%200), "method", "GET", "path", fmt.Sprintf("/item/%d", n),
		"status", status, "host", "a.example", "upstream", upstream)})
}

// failure writes an error line and the access line of the same request.
func (l *log) failure(at float64, n int, kind culprit.Kind, errno int, phase, upstream string) {
	l.add("error.log", at, culprit.Record{Kind: kind, Severity: culprit.SeverityError, Attrs: attrs("client", fmt.Sprintf("192.0.2.%d", n%200), "server", "a.example", "host", "a.example",
		"method", "GET", "path", fmt.Sprintf("/item/%d", n), "errno", errno, "phase", phase, "upstream", "http://"+upstream+"/")})
	l.request(at, n, 502, upstream)
}

func (l *log) refused(at float64, n int) {
	l.failure(at, n, culprit.KindUpstreamConnectFailed, 111, "connecting to upstream", "127.0.0.1:3000")
}

// outage writes healthy traffic around a stretch of refusals.
func (l *log) outage(from, to float64) {
	for i := range 120 {
		if at := float64(i); at >= from && at < to {
			l.refused(at, i)
		} else {
			l.request(at, i, 200, "127.0.0.1:3000")
		}
	}
}

func (l *log) systemd(at float64, kind culprit.Kind, unit, message string, kv ...any) {
	l.add("journal", at, culprit.Record{Kind: kind, Process: "systemd", PID: 1, Unit: unit + ".service", Message: message, Attrs: attrs(kv...)})
}

func (l *log) app(at float64, kind culprit.Kind, unit string, pid int, message string, kv ...any) {
	l.add("journal", at, culprit.Record{Kind: kind, Process: unit, PID: pid, Unit: unit + ".service", Message: message, Attrs: attrs(kv...)})
}

func (l *log) boot() {
	l.add("journal", -100, culprit.Record{Kind: culprit.KindBoot, Process: "kernel", Message: "Linux version 6.1"})
	l.systemd(500, culprit.KindStarted, "late", "Started late.service.")
}

// serve writes the start of shop under systemd.
func (l *log) serve(at float64, pid int) {
	l.systemd(at, culprit.KindStarted, "shop", "Started shop.service - Shop.")
	l.app(at+1, culprit.KindAppStarted, "shop", pid, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
}

type scenario struct {
	name    string
	topo    culprit.Topology
	write   func(l *log)
	verdict string // "" is no incident
	trigger string
	root    string
	service string
	keeps   string
	knownTo string
	tier    culprit.Tier
}

func oom(pid int, unit string) culprit.Record {
	return culprit.Record{Kind: culprit.KindOOMKill, Process: "kernel", Severity: culprit.SeverityError, Message: fmt.Sprintf("Memory cgroup out of memory: Killed process %d (node)", pid),
		Attrs: attrs("victim_pid", pid, "comm", "node", "task_memcg", "/system.slice/"+unit+".service", "constraint", "CONSTRAINT_MEMCG", "limit_kb", 307200, "anon_rss_kb", 300000)}
}

var scenarios = []scenario{
	{name: "kernel kills at the limit, systemd restarts", verdict: "oom_kill", trigger: "oom_kill", root: "oom_kill", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.outage(30, 40)
		l.add("journal", 30.2, oom(100, "shop"))
		l.systemd(30.4, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.systemd(31, culprit.KindRestartScheduled, "shop", "Scheduled restart job, restart counter is at 1.")
		l.serve(38, 101)
	}},
	{name: "killed at the limit again and again after a deploy", verdict: "oom_kill", trigger: "oom_kill", root: "deploy", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 5, culprit.Record{Kind: culprit.KindDeploy, Process: "deploy", PID: 7, Message: "shop: activating 1.9.0", Attrs: attrs("service", "shop")})
		l.systemd(5.1, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(5.2, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.serve(5.3, 101)
		l.outage(30, 40)
		l.add("journal", 30.2, oom(101, "shop"))
		l.systemd(30.4, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(38, 102)
	}},
	{name: "another unit's kill is a decoy", verdict: "module_not_found", service: "shop", root: "deploy", keeps: "still_broken", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 26, oom(77, "batch"))
		l.systemd(26.1, culprit.KindMainExited, "batch", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.add("journal", 29.8, culprit.Record{Kind: culprit.KindDeploy, Process: "deploy", PID: 7, Message: "shop: activating 1.9.0", Attrs: attrs("service", "shop")})
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		for i := range 4 {
			at := 30.2 + 3*float64(i)
			l.systemd(at, culprit.KindStarted, "shop", "Started shop.service - Shop.")
			l.app(at+1, culprit.KindModuleNotFound, "shop", 200+i, "Cannot find module './config'", "module", "./config", "fatal", true)
			l.systemd(at+1.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		}
		l.outage(30, 46)
		l.serve(45, 300)
	}},
	{name: "SIGKILL without a kernel line", verdict: "killed", trigger: "killed", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.outage(30, 40)
		l.systemd(30, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(38, 101)
	}},
	{name: "SIGKILL and the kernel's log was not read", verdict: "inconclusive", knownTo: "SIGKILL", service: "shop", write: func(l *log) {
		sup := func(at float64, kind culprit.Kind, pid int, msg string, kv ...any) {
			l.add("supervisord.log", at, culprit.Record{Kind: kind, Process: "shop", PID: pid, Message: msg, Attrs: attrs(append(kv, "manager", "supervisor")...)})
		}
		sup(-20, culprit.KindSpawned, 100, "spawned: 'shop' with pid 100")
		sup(30, culprit.KindExited, 0, "exited: shop (terminated by SIGKILL; not expected)", "signal", "SIGKILL")
		sup(31, culprit.KindSpawned, 101, "spawned: 'shop' with pid 101")
		sup(37, culprit.KindRunning, 0, "success: shop entered RUNNING state")
		l.outage(30, 38)
	}},
	{name: "stopped on order of a deploy", verdict: "planned_restart", trigger: "planned_restart", root: "deploy", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 29.5, culprit.Record{Kind: culprit.KindDeploy, Process: "deploy", PID: 7, Message: "shop: planned maintenance, stopping service"})
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.systemd(30.1, culprit.KindStopped, "shop", "Stopped shop.service - Shop.")
		l.outage(30, 42)
		l.serve(40, 101)
	}},
	{name: "stopped and nobody says why", verdict: "restart_unexplained", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.outage(30, 42)
		l.serve(40, 101)
	}},
	{name: "stopped once more after the deploy that stopped it before", verdict: "restart_unexplained", root: "restart_unexplained", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 5, culprit.Record{Kind: culprit.KindDeploy, Process: "deploy", PID: 7, Message: "shop: activating 1.9.0, restarting", Attrs: attrs("service", "shop")})
		l.systemd(5.1, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(5.2, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.serve(5.3, 101)
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.outage(30, 42)
		l.serve(40, 102)
	}},
	{name: "a file is missing soon after a kill in a cgroup without a unit", verdict: "module_not_found", trigger: "restart_unexplained", service: "shop", keeps: "still_broken", tier: culprit.TierProven,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "supervisor", Listen: []string{":3000"}}}}, write: func(l *log) {
			l.boot()
			sup := func(at float64, kind culprit.Kind, pid int, kv ...any) {
				l.add("supervisord.log", at, culprit.Record{Kind: kind, Process: "shop", PID: pid, Message: string(kind) + " shop", Attrs: attrs(append(kv, "manager", "supervisor")...)})
			}
			sup(-20, culprit.KindSpawned, 100)
			kill := oom(100, "")
			kill.Attrs = attrs("victim_pid", 100, "comm", "node", "task_memcg", "/apps/shop", "constraint", "CONSTRAINT_MEMCG")
			l.add("journal", 4.9, kill)
			sup(5, culprit.KindExited, 0, "signal", "SIGKILL")
			sup(5.1, culprit.KindSpawned, 101)
			sup(6.1, culprit.KindRunning, 0)
			sup(30, culprit.KindStopping, 0)
			sup(30.1, culprit.KindStopped, 0, "signal", "SIGTERM")
			for i := range 3 {
				sup(31+4*float64(i), culprit.KindSpawned, 102+i)
				l.add("shop.err.log", untimed, culprit.Record{Kind: culprit.KindModuleNotFound, Service: "shop", Message: "Cannot find module './orders.service'", Attrs: attrs("module", "./orders.service", "fatal", true)})
				sup(33+4*float64(i), culprit.KindExited, 0, "exit_status", 1)
			}
			l.outage(30, 120)
		}},
	{name: "a listener kills for memory and the next start fails", verdict: "module_not_found", trigger: "memory_limit", root: "deploy", service: "ledger", keeps: "gave_up", tier: culprit.TierProven,
		topo: culprit.Topology{Services: []culprit.Service{
			{Name: "ledger", Manager: "supervisor", Unit: "supervisor.service", Listen: []string{":3000"}, Memory: 190000000, MemoryBy: "memory-guard ledger 190000000"},
			{Name: "guard", Manager: "supervisor", Unit: "supervisor.service", Watches: []string{"ledger"}},
		}}, write: func(l *log) {
			l.boot()
			sup := func(at float64, kind culprit.Kind, name string, pid int, kv ...any) {
				l.add("supervisord.log", at, culprit.Record{Kind: kind, Process: name, PID: pid, Message: string(kind) + name, Attrs: attrs(append(kv, "manager", "supervisor")...)})
			}
			sup(-20, culprit.KindSpawned, "guard", 90)
			sup(-20, culprit.KindSpawned, "ledger", 100)
			l.add("reflog", -10, culprit.Record{Kind: culprit.KindDeploy, Service: "ledger", Message: "reset: moving to release-2.3.1"})
			l.add("journal", 29.9, culprit.Record{Kind: culprit.KindMemoryLimitExceeded, Process: "supervisor", PID: 90, Message: "Worker process exceeded allocated memory limit. Terminating process."})
			sup(30.5, culprit.KindExited, "ledger", 0, "signal", "SIGKILL")
			for i := range 4 {
				sup(31+4*float64(i), culprit.KindSpawned, "ledger", 101+i)
				sup(33+4*float64(i), culprit.KindExited, "ledger", 0, "exit_status", 1)
				l.add("ledger.err.log", untimed, culprit.Record{Kind: culprit.KindModuleNotFound, Service: "ledger", Message: "Cannot find module './config/app.module'", Attrs: attrs("module", "./config/app.module", "fatal", true)})
			}
			sup(46, culprit.KindFatal, "ledger", 0)
			l.outage(30, 70)
			sup(65, culprit.KindSpawned, "ledger", 200)
			sup(69, culprit.KindRunning, "ledger", 0)
		}},
	{name: "memmon restarts for memory, its report comes later", verdict: "memory_limit", trigger: "memory_limit", service: "orders", tier: culprit.TierProven,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "orders", Manager: "supervisor", Unit: "supervisor.service", Listen: []string{"127.0.0.1:3000"}}}},
		write: func(l *log) {
			l.boot()
			sup := func(at float64, kind culprit.Kind, pid int, kv ...any) {
				l.add("supervisord.log", at, culprit.Record{Kind: kind, Process: "orders", PID: pid, Message: string(kind), Attrs: attrs(append(kv, "manager", "supervisor")...)})
			}
			sup(-20, culprit.KindSpawned, 100)
			sup(30, culprit.KindWaiting, 0)
			sup(30.1, culprit.KindStopped, 0, "exit_status", 0)
			sup(30.2, culprit.KindSpawned, 101)
			sup(36.2, culprit.KindRunning, 0)
			l.add("memmon.log", untimed, culprit.Record{Kind: culprit.KindMemoryRestart, Process: "orders", Message: "Restarting orders:orders", Text: []byte("Restarting orders:orders")})
			l.add("memmon.log", 36, culprit.Record{Kind: culprit.KindMemoryRestart, Process: "orders", Message: "memmon.py restarted the process named orders:orders"})
			l.outage(30, 41)
		}},
	{name: "PM2 restarts for memory and names only the app's number", verdict: "memory_limit", service: "admin", tier: culprit.TierProven,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "admin", Manager: "pm2", Listen: []string{":3000"}}}}, write: func(l *log) {
			l.boot()
			pm2 := func(at float64, kind culprit.Kind, kv ...any) {
				l.add("pm2.log", at, culprit.Record{Kind: kind, Process: "admin", Message: string(kind), Attrs: attrs(append(kv, "app_id", 0)...)})
			}
			pm2(-20, culprit.KindSpawned, "program", "admin")
			pm2(-20, culprit.KindRunning, "program", "admin")
			l.add("pm2.log", 30, culprit.Record{Kind: culprit.KindMemoryRestart, Message: "Process 0 restarted because it exceeds --max-memory-restart value", Attrs: attrs("app_id", 0)})
			pm2(30, culprit.KindStopping, "program", "admin")
			pm2(30.5, culprit.KindExited, "program", "admin", "exit_status", 0, "signal", "SIGINT")
			pm2(31, culprit.KindSpawned, "program", "admin")
			l.outage(30, 36)
			pm2(31, culprit.KindRunning, "program", "admin")
		}},
	{name: "an app under PM2 cannot start until PM2 gives up", verdict: "module_not_found", trigger: "restart_unexplained", service: "admin", keeps: "gave_up", tier: culprit.TierProven,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "admin", Manager: "pm2", Listen: []string{":3000"}}}}, write: func(l *log) {
			l.boot()
			pm2 := func(at float64, kind culprit.Kind, kv ...any) {
				l.add("pm2.log", at, culprit.Record{Kind: kind, Process: "admin", Message: string(kind), Attrs: attrs(append(kv, "app_id", 0, "program", "admin")...)})
			}
			pm2(-20, culprit.KindSpawned)
			pm2(30, culprit.KindStopping)
			pm2(30.1, culprit.KindExited, "exit_status", 0, "signal", "SIGINT")
			for i := range 5 {
				pm2(31+float64(i), culprit.KindSpawned)
				pm2(31+float64(i), culprit.KindRunning)
				l.add("admin-error.log", untimed, culprit.Record{Kind: culprit.KindModuleNotFound, Service: "admin", Message: "Cannot find module 'express'", Attrs: attrs("module", "express", "fatal", true)})
				pm2(31.5+float64(i), culprit.KindExited, "exit_status", 1, "signal", "SIGINT")
			}
			l.add("pm2.log", 36, culprit.Record{Kind: culprit.KindFatal, Message: "had too many unstable restarts", Attrs: attrs("script", "/srv/admin/main.js", "restarts", 16)})
			l.outage(30, 70)
			pm2(68, culprit.KindSpawned)
			pm2(68, culprit.KindRunning)
		}},
	{name: "V8 aborts after its report", verdict: "heap_oom", trigger: "heap_oom", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.app(27, culprit.KindHeapOOM, "shop", 100, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory")
		l.systemd(31, culprit.KindMainExited, "shop", "Main process exited, code=dumped, status=6/ABRT", "exit_code_kind", "dumped", "status", 6)
		l.outage(30, 36)
		l.serve(35, 101)
	}},
	{name: "an error that nothing caught", verdict: "uncaught_exception", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.app(30, culprit.KindUncaughtException, "shop", 100, "Cannot read properties of undefined (reading 'totals')", "fatal", true)
		l.systemd(30.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		l.outage(30, 36)
		l.serve(35, 101)
	}},
	{name: "SIGSEGV", verdict: "native_crash", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(30, culprit.KindMainExited, "shop", "Main process exited, code=dumped, status=11/SEGV", "exit_code_kind", "dumped", "status", 11)
		l.outage(30, 36)
		l.serve(35, 101)
	}},
	{name: "a shell reports the kill as a status", verdict: "oom_kill", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 30, oom(100, "shop"))
		l.systemd(30.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=137/n/a", "exit_code_kind", "exited", "status", 137)
		l.outage(30, 36)
		l.serve(35, 101)
	}},
	{name: "the database was stopped and the app cannot start", verdict: "dependency_refused", root: "stopped", service: "shop", keeps: "still_broken", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(-60, culprit.KindStarted, "postgresql", "Started postgresql.service")
		l.systemd(29, culprit.KindStopping, "postgresql", "Stopping postgresql.service")
		l.systemd(29.5, culprit.KindDeactivated, "postgresql", "postgresql.service: Deactivated successfully.")
		l.app(30, culprit.KindUncaughtException, "shop", 100, "terminating connection due to administrator command", "fatal", true)
		l.systemd(30.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		for i := range 5 {
			at := 31 + 3*float64(i)
			l.systemd(at, culprit.KindStarted, "shop", "Started shop.service - Shop.")
			l.app(at+1, culprit.KindConnectionFailed, "shop", 200+i, "connect ECONNREFUSED 127.0.0.1:5432", "error_code", "ECONNREFUSED", "address", "127.0.0.1", "port", 5432, "fatal", true)
			l.systemd(at+1.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		}
		l.outage(30, 50)
		l.serve(48, 300)
	}},
	{name: "the machine is restarted", verdict: "host_reboot", service: "shop", write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 29, culprit.Record{Kind: culprit.KindHostShutdown, Process: "systemd-logind", Message: "System is rebooting."})
		l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		l.outage(30, 42)
		l.serve(40, 101)
	}},
	{name: "a refused peer that is retried is no incident", verdict: "", write: func(l *log) {
		for i := range 100 {
			at := float64(i)
			l.add("error.log", at, culprit.Record{Kind: culprit.KindUpstreamConnectFailed, Attrs: attrs("client", "192.0.2.1", "server", "a.example", "host", "a.example",
				"method", "GET", "path", fmt.Sprintf("/x/%d", i), "errno", 111, "phase", "connecting to upstream", "upstream", "http://[::1]:3000/")})
			l.add("access.log", at, culprit.Record{Kind: culprit.KindHTTPRequest, Attrs: attrs("client", "192.0.2.1", "method", "GET", "path", fmt.Sprintf("/x/%d", i), "status", 200, "host", "a.example", "upstream", "127.0.0.1:3000")})
		}
	}},
	{name: "scattered clients that give up are no incident", verdict: "", write: func(l *log) {
		for i := range 100 {
			status := 200
			if i%7 == 0 {
				status = 499
			}
			l.request(float64(i), i, status, "127.0.0.1:3000")
		}
	}},
	{name: "nginx's own limit is no incident", verdict: "", write: func(l *log) {
		for i := range 50 {
			l.add("error.log", float64(i), culprit.Record{Kind: culprit.KindRateLimited, Attrs: attrs("client", "192.0.2.9", "server", "a.example", "host", "a.example", "method", "GET", "path", "/s")})
			l.add("access.log", float64(i), culprit.Record{Kind: culprit.KindHTTP5xx, Attrs: attrs("client", "192.0.2.9", "method", "GET", "path", "/s", "status", 503, "host", "a.example", "upstream", "-")})
		}
	}},
	{name: "the app answers 503 by itself", verdict: "app_answered", write: func(l *log) {
		for i := range 60 {
			if i < 20 || i >= 40 {
				l.request(float64(i), i, 200, "127.0.0.1:3000")
				continue
			}
			l.add("access.log", float64(i), culprit.Record{Kind: culprit.KindHTTP5xx, Attrs: attrs("client", "192.0.2.9", "method", "GET", "path", fmt.Sprintf("/%d", i),
				"status", 503, "host", "a.example", "upstream", "127.0.0.1:3000", "upstream_status", "503")})
		}
	}},
	{name: "only nginx's logs", verdict: "inconclusive", knownTo: "nothing listened on 127.0.0.1:3000", write: func(l *log) { l.outage(30, 40) }},
	{name: "the socket may not be used", verdict: "socket_permission", tier: culprit.TierProven, write: func(l *log) {
		for i := range 60 {
			if i >= 20 && i < 40 {
				l.failure(float64(i), i, culprit.KindUpstreamConnectFailed, 13, "connecting to upstream", "unix:/run/app.sock:")
			} else {
				l.request(float64(i), i, 200, "unix:/run/app.sock")
			}
		}
	}},
}

func analyse(s *scenario, order []int) *culprit.Report {
	l := &log{}
	s.write(l)
	c := correlate.New(s.topo)
	if order == nil {
		for _, r := range l.records {
			c.Add(r)
		}
	} else {
		// nginx's error lines first, as the commands read them; the rest in any order.
		for _, r := range l.records {
			if r.Source == "error.log" {
				c.Add(r)
			}
		}
		bySource := map[string][]*culprit.Record{}
		var names []string
		for _, r := range l.records {
			if r.Source != "error.log" {
				if bySource[r.Source] == nil {
					names = append(names, r.Source)
				}
				bySource[r.Source] = append(bySource[r.Source], r)
			}
		}
		rng := rand.New(rand.NewPCG(uint64(order[0]), 1))
		rng.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
		for _, n := range names {
			for _, r := range bySource[n] {
				c.Add(r)
			}
		}
	}
	return c.Report(c.Newest())
}

func TestScenarios(t *testing.T) {
	for i := range scenarios {
		s := &scenarios[i]
		t.Run(s.name, func(t *testing.T) {
			rep := analyse(s, nil)
			if s.verdict == "" {
				for _, inc := range rep.Incidents {
					t.Errorf("invented: %s", inc.Title)
				}
				return
			}
			if len(rep.Incidents) != 1 {
				for _, inc := range rep.Incidents {
					t.Logf("%s %s %s %v", inc.Start, inc.Verdict, inc.Title, inc.Upstreams)
				}
				t.Fatalf("%d incidents, want 1", len(rep.Incidents))
			}
			inc := rep.Incidents[0]
			check := func(what, got, want string) {
				if want != "" && got != want {
					t.Errorf("%s %q, want %q", what, got, want)
				}
			}
			check("verdict", string(inc.Verdict), s.verdict)
			check("trigger", inc.Trigger.Kind, s.trigger)
			check("root", inc.Root.Kind, s.root)
			check("service", inc.Service, s.service)
			check("keeps_down", inc.KeepsDown, s.keeps)
			check("tier", string(inc.Tier), string(s.tier))
			if !strings.Contains(inc.KnownTo, s.knownTo) {
				t.Errorf("known_to %q does not say %q", inc.KnownTo, s.knownTo)
			}
			if len(inc.Causes) == 0 || len(inc.Causes[0].Evidence) == 0 {
				t.Error("no evidence")
			}
			if t.Failed() {
				t.Logf("title %q, known to %q, chain %+v", inc.Title, inc.KnownTo, inc.Chain)
			}
		})
	}
}

// The order in which sources are read changes nothing.
func TestOrderOfSourcesIsIrrelevant(t *testing.T) {
	for i := range scenarios {
		s := &scenarios[i]
		want := summary(analyse(s, []int{0}))
		for seed := range 5 {
			if got := summary(analyse(s, []int{seed + 1})); got != want {
				t.Errorf("%s, order %d:\n%s\nwant\n%s", s.name, seed, got, want)
			}
		}
	}
}

func summary(rep *culprit.Report) string {
	var b strings.Builder
	for _, inc := range rep.Incidents {
		fmt.Fprintf(&b, "%s %s %s %s %s %s %d/%d %s\n", inc.ID, inc.Verdict, inc.Service, inc.Trigger.Kind, inc.Root.Kind, inc.Tier, inc.Failures.Failed, inc.Failures.Of, inc.Title)
	}
	return b.String()
}

// What was dropped before an incident does not change what is said of it.
func TestForgetKeepsTheStory(t *testing.T) {
	for i := range scenarios {
		s := &scenarios[i]
		l := &log{}
		s.write(l)
		c := correlate.New(s.topo)
		for _, r := range l.records {
			c.Add(r)
		}
		want := summary(c.Report(c.Newest()))
		c.Forget(t0.Add(-90 * time.Second))
		if got := summary(c.Report(c.Newest())); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", s.name, got, want)
		}
		c.Forget(t0.Add(10 * time.Minute))
		if rep := c.Report(t0.Add(10 * time.Minute)); len(rep.Incidents) > 0 {
			t.Errorf("%s: an incident outlives what it rests on", s.name)
		}
	}
}

// Records that may still grow count as well, once, before and after they are
// complete.
func TestOpenRecordsCount(t *testing.T) {
	for i := range scenarios {
		s := &scenarios[i]
		l := &log{}
		s.write(l)
		c := correlate.New(s.topo)
		for _, r := range l.records {
			c.Add(r)
		}
		want := summary(c.Report(c.Newest()))
		last := map[string]*culprit.Record{}
		for _, r := range l.records {
			if r.Source == "journal" || r.Source == "supervisord.log" || r.Source == "pm2.log" {
				last[r.Source] = r
			}
		}
		c = correlate.New(s.topo)
		for _, r := range l.records {
			if last[r.Source] != r {
				c.Add(r)
			}
		}
		for source, r := range last {
			c.SetOpen(source, []*culprit.Record{r})
		}
		if got := summary(c.Report(t0.Add(500 * time.Second))); got != want {
			t.Errorf("%s, open:\n%s\nwant\n%s", s.name, got, want)
		}
		for source, r := range last {
			c.Add(r)
			c.SetOpen(source, nil)
		}
		if got := summary(c.Report(c.Newest())); got != want {
			t.Errorf("%s, complete:\n%s\nwant\n%s", s.name, got, want)
		}
	}
}
