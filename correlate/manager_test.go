package correlate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/correlate"
)

// What process managers, people and the machine do around an exit, as it was
// seen with real PM2, supervisor and systemd.

// node writes a line of a process that only its number names, as in a syslog
// file or a text dump of the journal.
func (l *log) node(at float64, kind culprit.Kind, pid int, message string, kv ...any) {
	l.add("syslog", at, culprit.Record{Kind: kind, Process: "node", PID: pid, Message: message, Attrs: attrs(kv...)})
}

func (l *log) sudo(at float64, user, command string, kv ...any) {
	l.add("journal", at, culprit.Record{Kind: culprit.KindCommand, Process: "sudo", PID: 4, Message: user + " : COMMAND=" + command, Attrs: attrs(append(kv, "user", user, "command", command)...)})
}

// program writes a line of supervisord about a program.
func (l *log) program(at float64, kind culprit.Kind, name string, pid int, message string, kv ...any) {
	l.add("supervisord.log", at, culprit.Record{Kind: kind, Process: name, PID: pid, Message: message, Attrs: attrs(append(kv, "program", name, "manager", "supervisor")...)})
}

// pm2 writes a line of PM2 about an app.
func (l *log) pm2(at float64, kind culprit.Kind, name string, message string, kv ...any) {
	l.add("pm2.log", at, culprit.Record{Kind: kind, Process: name, Message: message, Attrs: attrs(append(kv, "program", name, "app_id", 0, "manager", "pm2")...)})
}

// restarted writes an orderly restart of shop under systemd.
func (l *log) restarted(at float64) {
	l.systemd(at, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
	l.systemd(at+0.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
	l.serve(at+4, 101)
}

// supervised writes a life of a program under supervisor that ends at 30, and
// the next one.
func (l *log) supervised(name string, how string, kv ...any) {
	l.program(-20, culprit.KindSpawned, name, 100, "spawned: '"+name+"' with pid 100")
	l.program(-18, culprit.KindRunning, name, 0, "success: "+name+" entered RUNNING state")
	l.program(30, culprit.KindExited, name, 0, "exited: "+name+" ("+how+")", kv...)
	l.program(31, culprit.KindSpawned, name, 101, "spawned: '"+name+"' with pid 101")
	l.program(33, culprit.KindRunning, name, 0, "success: "+name+" entered RUNNING state")
	l.outage(30, 38)
}

var onPort3000 = []string{"127.0.0.1:3000"}

var supervisorShop = culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "supervisor", Unit: "supervisor.service", Listen: onPort3000}}}

var managerScenarios = []scenario{
	{name: "a unit's words under the name node, joined by port", verdict: "module_not_found", trigger: "restart_unexplained", service: "shop", tier: culprit.TierProven,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "systemd", Unit: "shop.service", Dir: "/srv/shop", Listen: onPort3000}, {Name: "blog", Manager: "systemd", Unit: "blog.service", Dir: "/srv/blog", Listen: []string{"127.0.0.1:3001"}}}},
		write: func(l *log) {
			l.boot()
			l.systemd(-50, culprit.KindStarted, "shop", "Started shop.service - Shop.")
			l.systemd(-50, culprit.KindStarted, "blog", "Started blog.service - Blog.")
			l.node(-48, culprit.KindAppStarted, 90, "listening on http://127.0.0.1:3001", "address", "127.0.0.1", "port", 3001)
			l.node(-48, culprit.KindAppStarted, 100, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
			l.systemd(30, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
			l.systemd(30.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
			for i := range 4 {
				at := 30.2 + 3*float64(i)
				l.systemd(at, culprit.KindStarted, "shop", "Started shop.service - Shop.")
				l.add("syslog", at+1, culprit.Record{Kind: culprit.KindModuleNotFound, Process: "node", PID: 200 + i, Message: "Cannot find module './config'",
					Text: []byte("Error: Cannot find module './config'\nRequire stack:\n- /srv/shop/dist/main.js"), Attrs: attrs("module", "./config", "fatal", true)})
				l.systemd(at+1.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
			}
			l.outage(30, 46)
			l.systemd(44, culprit.KindStarted, "shop", "Started shop.service - Shop.")
			l.node(45, culprit.KindAppStarted, 300, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
		}},
	{name: "a unit's words under the name node, joined by its start", verdict: "uncaught_exception", service: "shop", tier: culprit.TierLikely, write: func(l *log) {
		l.boot()
		l.systemd(-50, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.node(-48, culprit.KindAppStarted, 100, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
		l.node(30, culprit.KindUncaughtException, 100, "price is not a number", "fatal", true)
		l.systemd(30.1, culprit.KindMainExited, "shop", "Main process exited, code=exited, status=1/FAILURE", "exit_code_kind", "exited", "status", 1)
		l.systemd(31, culprit.KindStarted, "shop", "Started shop.service - Shop.")
		l.node(37, culprit.KindAppStarted, 101, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
		l.outage(30, 38)
	}},
	{name: "someone only looked before the stop", verdict: "restart_unexplained", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.sudo(10, "anna", "/usr/bin/systemctl status shop", "manager", "systemd", "action", "status", "target", "shop.service")
		l.sudo(20, "anna", "/usr/bin/journalctl -u shop -n 50")
		l.restarted(30)
		l.outage(30, 35)
	}},
	{name: "needrestart names several units", verdict: "planned_restart", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		var a culprit.Attrs
		a.Add("command", "systemctl restart cron.service shop.service")
		a.Add("manager", "systemd")
		a.Add("action", "restart")
		a.Add("target", "cron.service")
		a.AddValue("targets", culprit.Strings([]string{"cron.service", "shop.service"}))
		l.add("journal", 29.5, culprit.Record{Kind: culprit.KindCommand, Process: "needrestart", Message: "systemctl restart cron.service shop.service", Attrs: a})
		l.restarted(30)
		l.outage(30, 35)
	}},
	{name: "supervisorctl restart all", verdict: "planned_restart", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.boot()
		l.sudo(29.6, "anna", "/usr/bin/supervisorctl restart all", "manager", "supervisor", "action", "restart", "target", "all")
		l.program(-20, culprit.KindSpawned, "shop", 100, "spawned: 'shop' with pid 100")
		l.program(30, culprit.KindStopped, "shop", 0, "stopped: shop (terminated by SIGTERM)", "signal", "SIGTERM")
		l.program(30.1, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
		l.outage(30, 36)
	}},
	{name: "its manager was restarted by someone", verdict: "planned_restart", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.boot()
		l.sudo(29.6, "anna", "/usr/bin/systemctl restart supervisor", "manager", "systemd", "action", "restart", "target", "supervisor.service")
		l.program(-20, culprit.KindSpawned, "shop", 100, "spawned: 'shop' with pid 100")
		l.program(30, culprit.KindStopped, "shop", 0, "stopped: shop (terminated by SIGTERM)", "signal", "SIGTERM")
		l.program(32, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
		l.outage(30, 36)
	}},
	{name: "another service was restarted by someone right before", verdict: "restart_unexplained", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.sudo(29, "anna", "/usr/bin/systemctl restart blog", "manager", "systemd", "action", "restart", "target", "blog.service")
		l.restarted(30)
		l.outage(30, 35)
	}},
	{name: "systemd counted a kill in the manager's unit and the kernel's lines are missing", verdict: "oom_kill", service: "shop", tier: culprit.TierLikely, topo: supervisorShop, write: func(l *log) {
		l.systemd(-30, culprit.KindStarted, "supervisor", "Started supervisor.service.")
		l.systemd(30.1, culprit.KindUnitOOMKill, "supervisor", "A process of this unit has been killed by the OOM killer.")
		l.supervised("shop", "terminated by SIGKILL; not expected", "signal", "SIGKILL")
	}},
	{name: "a kill in the manager's unit was another program's", verdict: "killed", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.boot()
		l.systemd(30.1, culprit.KindUnitOOMKill, "supervisor", "A process of this unit has been killed by the OOM killer.")
		l.add("journal", 30, oom(77, "supervisor"))
		l.program(-20, culprit.KindSpawned, "mailer", 77, "spawned: 'mailer' with pid 77")
		l.supervised("shop", "terminated by SIGKILL; not expected", "signal", "SIGKILL")
	}},
	{name: "the kernel killed a child, the main process died later", verdict: "killed", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 10, oom(133, "shop"))
		l.systemd(10.1, culprit.KindUnitOOMKill, "shop", "A process of this unit has been killed by the OOM killer.")
		l.systemd(30, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(36, 101)
		l.outage(30, 37)
	}},
	{name: "someone sent the signal and it is logged", verdict: "killed", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.sudo(29.9, "anna", "/usr/bin/kill -9 100", "manager", "signal", "action", "kill", "target", "100")
		l.systemd(30, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(36, 101)
		l.outage(30, 37)
	}},
	{name: "only the unit's own log was sent", verdict: "inconclusive", knownTo: "SIGKILL", service: "shop", write: func(l *log) {
		l.serve(-50, 100)
		l.systemd(30, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(36, 101)
		l.outage(30, 37)
	}},
	{name: "the kernel's log alone, quiet since the boot", verdict: "killed", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.add("kernel.log", -5000, culprit.Record{Kind: culprit.KindBoot, Process: "kernel", Message: "Linux version 6.1"})
		l.supervised("shop", "terminated by SIGKILL; not expected", "signal", "SIGKILL")
	}},
	{name: "its manager was told to exit and the journal was not read", verdict: "inconclusive", knownTo: "was stopped with all of supervisor", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.program(-20, culprit.KindSpawned, "shop", 100, "spawned: 'shop' with pid 100")
		l.add("supervisord.log", 29.9, culprit.Record{Kind: culprit.KindSupervisorSignal, Process: "supervisord", Message: "received SIGTERM indicating exit request", Attrs: attrs("signal", "SIGTERM", "meaning", "exit request")})
		l.program(30, culprit.KindStopped, "shop", 0, "stopped: shop (terminated by SIGTERM)", "signal", "SIGTERM")
		l.program(32, culprit.KindSpawned, "shop", 101, "spawned: 'shop' with pid 101")
		l.outage(30, 36)
	}},
	{name: "restarted, and nothing but its manager's log was read", verdict: "restart_unexplained", service: "shop", tier: culprit.TierLikely, topo: supervisorShop, write: func(l *log) {
		l.stops(60.7)
		l.outage(60.7, 66)
	}},
	{name: "the machine goes down later and the service was back before", verdict: "restart_unexplained", service: "shop", tier: culprit.TierProven, write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.restarted(30)
		l.outage(30, 35)
		l.add("journal", 54, culprit.Record{Kind: culprit.KindHostShutdown, Process: "systemd-logind", Message: "The system will power off now!"})
	}},
	{name: "another unit ended, whose address is known", verdict: "inconclusive", write: func(l *log) {
		l.boot()
		l.systemd(-50, culprit.KindStarted, "blog", "Started blog.service.")
		l.app(-49, culprit.KindAppStarted, "blog", 70, "listening on http://127.0.0.1:3001", "address", "127.0.0.1", "port", 3001)
		l.systemd(30, culprit.KindMainExited, "blog", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.systemd(31, culprit.KindStarted, "blog", "Started blog.service.")
		l.outage(30, 36)
	}},
	{name: "the only unit that ended, and it says nothing", verdict: "killed", service: "shop", tier: culprit.TierLikely, write: func(l *log) {
		l.boot()
		l.systemd(-50, culprit.KindStarted, "shop", "Started shop.service.")
		l.systemd(30, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.systemd(31, culprit.KindStarted, "shop", "Started shop.service.")
		l.outage(30, 36)
	}},
	{name: "only the app's own log tells of its exits", verdict: "module_not_found", service: "shop", keeps: "still_broken", write: func(l *log) {
		app := func(at float64, kind culprit.Kind, message string, kv ...any) {
			l.add("0f-json.log", at, culprit.Record{Kind: kind, Service: "shop", Message: message, Attrs: attrs(kv...)})
		}
		app(-50, culprit.KindAppStarted, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
		for i := range 5 {
			app(30+3*float64(i), culprit.KindModuleNotFound, "Cannot find module './config'", "module", "./config", "fatal", true)
		}
		l.outage(30, 45)
		app(45, culprit.KindAppStarted, "listening on http://127.0.0.1:3000", "address", "127.0.0.1", "port", 3000)
	}},
	{name: "an app's log without times holds an error, and nothing else was read", verdict: "inconclusive", knownTo: "the log of shop holds an error of its start but no time: Cannot find module './config'", service: "shop", write: func(l *log) {
		l.add("shop.log", untimed, culprit.Record{Kind: culprit.KindModuleNotFound, Service: "shop", Message: "Cannot find module './config'", Attrs: attrs("module", "./config", "fatal", true)})
		l.outage(30, 45)
	}},
	{name: "a start that failed and lives on", verdict: "module_not_found", trigger: "restart_unexplained", service: "shop", keeps: "still_broken", tier: culprit.TierLikely,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "pm2", Listen: onPort3000}}},
		write: func(l *log) {
			l.pm2(-20, culprit.KindSpawned, "shop", "App [shop:0] starting in -fork mode-")
			l.pm2(-20, culprit.KindRunning, "shop", "App [shop:0] online")
			l.pm2(30, culprit.KindStopping, "shop", "Stopping app:shop id:0")
			l.pm2(30, culprit.KindExited, "shop", "App [shop:0] exited with code [0] via signal [SIGINT]", "exit_status", 0, "signal", "SIGINT")
			l.pm2(30, culprit.KindSpawned, "shop", "App [shop:0] starting in -fork mode-")
			l.pm2(30, culprit.KindRunning, "shop", "App [shop:0] online")
			l.add("shop-error.log", untimed, culprit.Record{Kind: culprit.KindModuleNotFound, Service: "shop", Message: "Cannot find module './prices.js'", Attrs: attrs("module", "./prices.js")})
			for i := range 90 {
				if i < 30 {
					l.request(float64(i), i, 200, "127.0.0.1:3000")
				} else {
					l.refused(float64(i), i)
				}
			}
		}},
	{name: "an exception ends the app without the runtime's report", verdict: "uncaught_exception", service: "shop", tier: culprit.TierLikely,
		topo: culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "pm2", Listen: onPort3000}}},
		write: func(l *log) {
			l.pm2(-20, culprit.KindSpawned, "shop", "App [shop:0] starting in -fork mode-")
			l.pm2(-20, culprit.KindRunning, "shop", "App [shop:0] online")
			l.add("shop-error.log", 30, culprit.Record{Kind: culprit.KindException, Service: "shop", Message: "order 4711 has no price"})
			l.pm2(30, culprit.KindExited, "shop", "App [shop:0] exited with code [1] via signal [SIGINT]", "exit_status", 1, "signal", "SIGINT")
			l.pm2(30, culprit.KindSpawned, "shop", "App [shop:0] starting in -fork mode-")
			l.pm2(30, culprit.KindRunning, "shop", "App [shop:0] online")
			l.outage(30, 36)
		}},
	{name: "what an app logs all day did not end it", verdict: "exited", service: "shop",
		topo: culprit.Topology{Services: []culprit.Service{{Name: "shop", Manager: "pm2", Listen: onPort3000}}},
		write: func(l *log) {
			l.pm2(-20, culprit.KindSpawned, "shop", "App [shop:0] starting in -fork mode-")
			l.pm2(-20, culprit.KindRunning, "shop", "App [shop:0] online")
			for i := range 12 {
				l.add("shop-error.log", float64(i*10), culprit.Record{Kind: culprit.KindException, Service: "shop", Message: "card declined"})
			}
			l.pm2(30, culprit.KindExited, "shop", "App [shop:0] exited with code [1] via signal [SIGINT]", "exit_status", 1, "signal", "SIGINT")
			l.pm2(30, culprit.KindSpawned, "shop", "App [shop:0] starting in -fork mode-")
			l.pm2(30, culprit.KindRunning, "shop", "App [shop:0] online")
			l.outage(30, 36)
		}},
	{name: "a listener without times, placed by its ticks among other stops", verdict: "memory_limit", service: "shop", tier: culprit.TierProven, topo: supervisorShop, write: func(l *log) {
		l.stops(-4*3600, -2*3600, 60.7)
		l.readings(300, 1)
		l.outage(60.7, 66)
	}},
	{name: "a listener without times restarted it, and so did others", verdict: "inconclusive", knownTo: "memmon restarted it once and notes no time", service: "shop", topo: supervisorShop, write: func(l *log) {
		l.stops(60.7, 100.6)
		l.outage(60.7, 66)
		l.add("memmon.err.log", untimed, culprit.Record{Kind: culprit.KindMemoryRestart, Process: "shop", Message: "Restarting shop:shop", Attrs: attrs("program", "shop")})
	}},
	{name: "a listener's restart was long ago", verdict: "restart_unexplained", service: "shop", tier: culprit.TierProven, topo: supervisorShop, write: func(l *log) {
		l.boot()
		l.stops(60.7)
		l.readings(10, 4000)
		l.outage(60.7, 66)
	}},
}

// stops writes restarts of shop that supervisord calls orderly.
func (l *log) stops(at ...float64) {
	l.program(-5*3600, culprit.KindSpawned, "shop", 100, "spawned: 'shop' with pid 100")
	for i, t := range at {
		l.program(t, culprit.KindWaiting, "shop", 0, "waiting for shop to stop")
		l.program(t+0.1, culprit.KindStopped, "shop", 0, "stopped: shop (exit status 0)", "exit_status", 0)
		l.program(t+0.2, culprit.KindSpawned, "shop", 101+i, fmt.Sprintf("spawned: 'shop' with pid %d", 101+i))
		l.program(t+2.2, culprit.KindRunning, "shop", 0, "success: shop entered RUNNING state")
	}
}

// readings writes what memmon does: readings, one restart, readings.
func (l *log) readings(before, after int) {
	read := func(n int) {
		for range n {
			l.add("memmon.err.log", untimed, culprit.Record{Kind: culprit.KindMemoryReport, Process: "shop", Message: "RSS of shop:shop is 1", Attrs: attrs("program", "shop")})
		}
	}
	read(before)
	l.add("memmon.err.log", untimed, culprit.Record{Kind: culprit.KindMemoryRestart, Process: "shop", Message: "Restarting shop:shop", Attrs: attrs("program", "shop")})
	read(after)
}

func init() { scenarios = append(scenarios, managerScenarios...) }

func TestAMonitorIsNotTakenForTheFailure(t *testing.T) {
	// A monitor asks for the same page every second: its answer before the failure
	// is no success of the request that failed.
	s := scenario{write: func(l *log) {
		for i := range 90 {
			at := float64(i)
			if i < 30 || i >= 36 {
				l.request(at, 7, 200, "127.0.0.1:3000")
			} else {
				l.refused(at, 7)
			}
		}
	}}
	rep := analyse(&s, nil)
	if len(rep.Incidents) != 1 {
		t.Fatalf("%d incidents, want 1", len(rep.Incidents))
	}
	if c := rep.Incidents[0].Failures; c.Failed != 6 || c.ByPhase.Refused != 6 || c.ByPhase.None != 0 {
		t.Errorf("%d failed, %d refused, %d without a line; want 6, 6, 0", c.Failed, c.ByPhase.Refused, c.ByPhase.None)
	}
	for _, n := range rep.Notices {
		t.Errorf("notice %s: %s", n.Kind, n.Text)
	}
}

func TestEndsWithoutNginx(t *testing.T) {
	s := scenario{write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.add("journal", 30.2, oom(100, "shop"))
		l.systemd(30.4, culprit.KindMainExited, "shop", "Main process exited, code=killed, status=9/KILL", "exit_code_kind", "killed", "status", 9)
		l.serve(38, 101)
	}}
	rep := analyse(&s, nil)
	if len(rep.Incidents) != 0 || len(rep.Notices) != 1 {
		t.Fatalf("%d incidents, notices %+v", len(rep.Incidents), rep.Notices)
	}
	if n := rep.Notices[0]; n.Kind != "oom_kill" || n.Entity != "shop" || !strings.Contains(n.Text, "The kernel killed") || len(n.Evidence) == 0 {
		t.Errorf("notice %+v", n)
	}
}

func TestServesAgainAtTheEnd(t *testing.T) {
	s := scenario{write: func(l *log) {
		l.boot()
		l.serve(-50, 100)
		l.systemd(100, culprit.KindStopping, "shop", "Stopping shop.service - Shop...")
		l.systemd(100.1, culprit.KindDeactivated, "shop", "Deactivated successfully.")
		for i := range 106 {
			if i < 100 {
				l.request(float64(i), i, 200, "127.0.0.1:3000")
			} else {
				l.refused(float64(i), i)
			}
		}
		l.serve(105.5, 101)
	}}
	l := &log{}
	s.write(l)
	c := correlate.New(s.topo)
	for _, r := range l.records {
		c.Add(r)
	}
	if inc := c.Report(t0.Add(107 * time.Second)).Incidents[0]; inc.Ongoing {
		t.Errorf("ongoing, although it listens again: %+v", inc.Chain)
	}
}

func TestOneLogOfManyHosts(t *testing.T) {
	// The format names neither host nor upstream: what else the log holds shows that
	// it went on while nothing failed.
	s := scenario{write: func(l *log) {
		for i := range 200 {
			status := 200
			if i >= 30 && i < 36 || i >= 90 && i < 96 {
				status = 502
			}
			l.add("access.log", float64(i), culprit.Record{Kind: culprit.KindHTTPRequest, Attrs: attrs("client", "192.0.2.1", "method", "GET", "path", fmt.Sprintf("/%d", i), "status", status)})
		}
	}}
	if n := len(analyse(&s, nil).Incidents); n != 2 {
		t.Errorf("%d incidents, want 2", n)
	}
}

func TestClientsThatGiveUpInARow(t *testing.T) {
	// The format does not say how long they waited; nobody was answered meanwhile.
	given := func(scattered bool) scenario {
		return scenario{write: func(l *log) {
			for i := range 90 {
				status := 200
				if i >= 30 && i < 60 && (!scattered || i%2 == 0) {
					status = 499
				}
				l.request(float64(i), i, status, "127.0.0.1:3000")
			}
		}}
	}
	hung, impatient := given(false), given(true)
	if n := len(analyse(&hung, nil).Incidents); n != 1 {
		t.Errorf("%d incidents of a service that hangs, want 1", n)
	}
	if n := len(analyse(&impatient, nil).Incidents); n != 0 {
		t.Errorf("%d incidents of impatient clients, want 0", n)
	}
}

func TestAnswersOf503ThatNobodyOwns(t *testing.T) {
	s := scenario{write: func(l *log) {
		for i := range 60 {
			status := 200
			if i >= 30 && i < 40 {
				status = 503
			}
			l.request(float64(i), i, status, "")
		}
	}}
	rep := analyse(&s, nil)
	if len(rep.Incidents) != 0 || len(rep.Notices) != 1 || rep.Notices[0].Kind != "answered_503" || !strings.HasPrefix(rep.Notices[0].Text, "10 requests got 503") {
		t.Errorf("%d incidents, notices %+v", len(rep.Incidents), rep.Notices)
	}
}

func TestInitiatorOfASignal(t *testing.T) {
	for i := range managerScenarios {
		s := &managerScenarios[i]
		if s.name != "someone sent the signal and it is logged" {
			continue
		}
		inc := analyse(s, nil).Incidents[0]
		if want := "anna (/usr/bin/kill -9 100)"; inc.Initiator != want {
			t.Errorf("initiator %q, want %q", inc.Initiator, want)
		}
		if !strings.Contains(inc.Title, "anna") {
			t.Errorf("title %q does not say who", inc.Title)
		}
		return
	}
	t.Fatal(fmt.Errorf("no such scenario"))
}
