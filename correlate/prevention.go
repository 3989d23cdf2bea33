package correlate

import (
	"fmt"
	"strings"
	"time"

	"culprit"
)

// prevention proposes what would have kept users from seeing it, each with what
// it rests on. Nothing is run.
func (c *analysis) prevention(f *finding) []culprit.Prevention {
	var out []culprit.Prevention
	add := func(text, command, basis string) {
		out = append(out, culprit.Prevention{Text: text, Command: command, Basis: basis})
	}
	s := f.service
	if f.verdict == culprit.VerdictInconclusive {
		if f.remedy != "" {
			add("Make the missing evidence readable", f.remedy, f.knownTo)
		}
		return out
	}
	verdicts := []culprit.Verdict{base(f.verdict)}
	if f.trigger != nil && f.trigger != f.run && f.trigger.words != nil && base(f.trigger.words.verdict) != verdicts[0] {
		verdicts = append(verdicts, base(f.trigger.words.verdict))
	}
	for _, v := range verdicts {
		switch v {
		case culprit.VerdictOOMKill:
			c.preventOOM(f, add)
		case culprit.VerdictMemoryLimit:
			add("Find what grows in "+s.name, "node --heapsnapshot-near-heap-limit=2 ...", "its memory rose until "+limitOfService(s)+" ended it; a higher limit only delays it")
		case culprit.VerdictHeapOOM:
			add("Find what grows in "+s.name, "node --heapsnapshot-near-heap-limit=2 ...", "V8's heap filled up; --max-old-space-size only delays it")
		case culprit.VerdictModuleNotFound:
			d := f.words.decisive()
			add("Check after each deploy that the app loads before it takes traffic", resolveCommand(d), moduleSentence(d)+" at the next start")
			if f.root != nil && f.root.Kind == culprit.KindDeploy && f.downs[0].from.Sub(f.root.Time) > 30*time.Second {
				add("Restart as part of the deploy, so that a broken release fails while you look", "", "the deploy came "+ago(f.downs[0].from.Sub(f.root.Time))+" before and restarted nothing")
			}
		case culprit.VerdictStartupError, culprit.VerdictPortInUse:
			add("Check the configuration before the old process is stopped", "", firstLine(f.words.decisive().Message, 120))
		case culprit.VerdictWrongAddress:
			add("Let nginx and "+s.name+" take the address from one place, and ask it after each start", "ss -ltnp", f.words.entity)
		case culprit.VerdictStaleUpstream:
			add("Reload nginx after "+subject(f)+" moved, or let it look the name up itself", "nginx -t && systemctl reload nginx", "nginx looks up the names in its configuration when it starts or reloads, unless a resolver and a variable make it do so later")
		case culprit.VerdictHangTimeout:
			add("Find what keeps "+subject(f)+" from answering", "node --cpu-prof ...", "its connections were taken and not answered; monitorEventLoopDelay of perf_hooks tells whether the event loop stood still")
		case culprit.VerdictKeepaliveRace:
			add("Let "+subject(f)+" keep idle connections longer than nginx does", "server.keepAliveTimeout = 65_000", "nginx keeps them for 60 s unless keepalive_timeout of the upstream says otherwise; Node for 5 s")
		case culprit.VerdictNginxDown:
			add("Test nginx's configuration and reload it: a restart stops the old one first", "nginx -t && systemctl reload nginx", firstLine(f.words.decisive().Message, 120))
		case culprit.VerdictAppAnswered:
			add("Look for these requests in the app's own log", "", "nginx only passed on what "+subject(f)+" answered")
		case culprit.VerdictPlannedRestart, culprit.VerdictRestartUnexplained:
			if v == culprit.VerdictRestartUnexplained {
				add("Log who restarts services", auditCommand(s), "no record names who ordered the stop")
			}
		case culprit.VerdictUncaughtException:
			d := f.words.decisive()
			where := ""
			if v, ok := d.Attrs.Lookup("first_app_frame"); ok && v.Frame() != nil {
				where = fmt.Sprintf("%s:%d", v.Frame().File, v.Frame().Line)
			}
			add("Fix the error at "+orUnknown(where), "", firstLine(d.Message, 120))
		case culprit.VerdictKilled:
			if f.words.initiator != "" {
				break
			}
			add("Find who sends the signal", "sudo auditctl -a always,exit -F arch=b64 -S kill -k who-kills", "no record says who sent it")
		case culprit.VerdictDependencyRefused:
			add("Let "+s.name+" wait and retry instead of ending when "+dependencyName(f.words.decisive())+" is away", "", "it ended on the first refused connection")
		case culprit.VerdictSocketPermission, culprit.VerdictSocketMissing:
			add("Let the service manager create the socket with the right owner", "systemctl edit --full "+orUnknown(nameOf(s))+".socket", "nginx's own error names the socket")
		}
	}
	if f.run != nil {
		if n := c.serverCount(f.outage.lane); n == 1 {
			d := f.downs[0]
			basis := "1 server now"
			if d.back != nil && d.back.start != nil && d.back.ready != nil && d.back.ready.Time.After(d.back.start.Time) {
				basis += fmt.Sprintf(", and %.1f s from start until it listens", d.back.ready.Time.Sub(d.back.start.Time).Seconds())
			}
			add("A second server in "+upstreamText(c, f.outage.lane), "", basis)
		}
	}
	return out
}

// auditCommand lets the kernel's audit log note who calls the program that
// orders a manager to stop something.
func auditCommand(s *service) string {
	switch s.manager {
	case "systemd":
		return "sudo auditctl -w /usr/bin/systemctl -p x -k who-restarts"
	case "supervisor":
		return "sudo auditctl -w /usr/bin/supervisorctl -p x -k who-restarts"
	}
	return ""
}

func nameOf(s *service) string {
	if s == nil {
		return ""
	}
	return s.name
}

func orUnknown(s string) string {
	if s == "" {
		return "(not named)"
	}
	return s
}

func limitOfService(s *service) string {
	if s.conf != nil && s.conf.MemoryBy != "" {
		return s.conf.MemoryBy
	}
	return "its manager"
}

func (c *analysis) preventOOM(f *finding, add func(text, command, basis string)) {
	s := f.service
	var d *culprit.Event
	for _, w := range []*run{f.run, f.trigger} {
		if w != nil && w.words != nil && w.words.decisive() != nil && w.words.decisive().Kind == culprit.KindOOMKill {
			d = w.words.decisive()
			break
		}
	}
	if d == nil {
		return
	}
	if global(d) {
		add("Give "+s.name+" and what else runs here limits that fit the machine", "sudo systemctl set-property "+unitFor(s)+" MemoryMax=...", "the kernel says CONSTRAINT_NONE: the whole machine was out of memory")
		return
	}
	if g := growth(f.trigger); g != nil {
		add(fmt.Sprintf("Find what grows: %q", g.shape), "", fmt.Sprintf("logged %d times before the kill, and its number only rose", g.times))
	} else {
		add("Find what grows in "+s.name, "node --heapsnapshot-signal=SIGUSR2 ...", "it held "+size(d.Attrs.GetInt("anon_rss_kb")*1024)+" when it was killed")
	}
	if l := d.Attrs.GetInt("limit_kb"); l > 0 && s.manager == "systemd" {
		mib := l / 1024
		add("Raise the limit, which delays it and does not cure it",
			fmt.Sprintf("sudo systemctl set-property %s MemoryHigh=%dM MemoryMax=%dM", unitFor(s), mib*4/3, mib*5/3),
			"the limit is "+size(l*1024))
	}
}

func unitFor(s *service) string {
	if s.manager == "systemd" {
		return s.name
	}
	return s.unit
}

// resolveCommand looks for the module from where it was required, without
// loading anything.
func resolveCommand(d *culprit.Event) string {
	module := d.Attrs.Get("module")
	v, _ := d.Attrs.Lookup("require_stack")
	from := ""
	if l := v.List(); len(l) > 0 {
		from = l[0]
	}
	if module == "" || !strings.HasPrefix(from, "/") || strings.ContainsAny(module+from, "'\"`$\\\n") {
		return ""
	}
	return fmt.Sprintf(`node -p "require('module').createRequire('%s').resolve('%s')"`, from, module)
}

func (c *analysis) serverCount(l *lane) int { return len(c.addresses(l)) }

func upstreamText(c *analysis, l *lane) string {
	for _, u := range l.upstreams {
		if g := c.topo.groups[u]; g != "" {
			return "upstream " + g
		}
	}
	return "the upstream of " + strings.Join(l.upstreams, ", ")
}

// A trend is a line of a service's own log that says how much it holds.
type trend struct {
	shape string // its words, numbers as <n>
	last  *culprit.Event
	times int
	value int64
	rises bool
}

// growth finds the line that a process wrote again and again before it ended,
// with a number that only rose; nil if there is none.
func growth(r *run) *trend {
	var trends []*trend
	byShape := map[string]*trend{}
	for _, e := range r.said {
		if e.Kind != culprit.KindAppLog {
			continue
		}
		shape, n, ok := shapeOf(firstLine(e.Message, 200))
		if !ok {
			continue
		}
		t := byShape[shape]
		if t == nil {
			t = &trend{shape: shape, rises: true, value: n - 1}
			byShape[shape] = t
			trends = append(trends, t)
		}
		t.rises = t.rises && n > t.value
		t.value, t.last = n, e
		t.times++
	}
	for _, t := range trends {
		if t.rises && t.times >= 3 {
			return t
		}
	}
	return nil
}

// shapeOf replaces the numbers of a message by <n> and returns the first.
func shapeOf(s string) (shape string, first int64, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			b.WriteByte(s[i])
			i++
			continue
		}
		var n int64
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			if n < 1<<50 {
				n = n*10 + int64(s[i]-'0')
			}
			i++
		}
		if !ok {
			first, ok = n, true
		}
		b.WriteString("<n>")
	}
	return b.String(), first, ok
}
