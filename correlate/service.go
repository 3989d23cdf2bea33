package correlate

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"culprit"
)

// A service is something that runs and can fail, with everything that the logs
// say about it in order of time.
type service struct {
	name     string
	manager  string             // systemd, supervisor, pm2, docker, ""
	unit     string             // the unit that it is or runs under
	number   string             // PM2's, by which people name it too
	conf     *culprit.Service   // of the manager that the logs show, see settle
	confs    []*culprit.Service // all of this name: a unit may have been left behind by a move to supervisor
	events   []*culprit.Event   // with a time
	untimed  []*culprit.Event   // of files without times, in order of their lines
	unplaced []*culprit.Event   // restarts in listeners' logs that no stop was found for
	spare    []*culprit.Event   // of untimed, last words that no exit was found for
	listens  []listening
	once     bool // a unit that does its work and ends
	runs     []*run
	pids     map[int]bool
	guessed  map[int]bool // of pids, those that are joined by time only
}

// A listening says that a service was seen to listen.
type listening struct {
	address string
	at      time.Time
}

// services knows which service an event is about.
type services struct {
	topo   *topology
	byName map[string]*service
	list   []*service
	pids   map[int][]pidSpan
	units  map[string]bool // units whose processes are programs of a manager
	plain  map[string]*service
	alone  map[string]bool // programs NAME_00 that have no sibling
}

// A pidSpan says which service a process belonged to from a time on.
type pidSpan struct {
	from time.Time
	s    *service
}

func newServices(t *topology) *services {
	s := &services{topo: t, byName: map[string]*service{}, pids: map[int][]pidSpan{}, units: map[string]bool{}, plain: map[string]*service{}, alone: map[string]bool{}}
	for i := range t.Services {
		c := &t.Services[i]
		v := s.get(c.Name)
		v.confs = append(v.confs, c)
		if c.Manager != "systemd" && c.Manager != "" && c.Unit != "" {
			s.units[unitName(c.Unit)] = true
		}
	}
	return s
}

// managerUnits are units that run other services; what stands under them is
// told apart by pid.
func managerUnit(unit string) bool {
	switch unit {
	case "supervisor", "supervisord", "docker", "containerd", "cron", "crond", "init.scope":
		return true
	}
	return strings.HasPrefix(unit, "pm2-") || strings.HasPrefix(unit, "user@") || strings.HasPrefix(unit, "session-")
}

func unitName(u string) string { return strings.TrimSuffix(u, ".service") }

// get returns the service of a name, a new one if it is not known yet.
func (s *services) get(name string) *service {
	if v := s.byName[name]; v != nil {
		return v
	}
	v := &service{name: name, pids: map[int]bool{}, guessed: map[int]bool{}}
	s.byName[name] = v
	s.list = append(s.list, v)
	if p := plainName(name); s.plain[p] == nil {
		s.plain[p] = v
	}
	return v
}

// plainName folds the spellings of one name: reports@5001 and reports-5001.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '@' || r == '_' || r == '.' || r == ':':
			return '-'
		}
		return r
	}, s)
}

// lookup returns a known service by any spelling of its name, else nil.
func (s *services) lookup(name string) *service {
	if name == "" {
		return nil
	}
	if s.alone[name] {
		name = name[:len(name)-3]
	}
	if v := s.byName[name]; v != nil {
		return v
	}
	return s.plain[plainName(name)]
}

// managed tells whether an event is a manager's word about one of its programs,
// and which one.
func managed(e *culprit.Event) (program, manager string) {
	switch e.Kind {
	case culprit.KindSpawned, culprit.KindRunning, culprit.KindExited, culprit.KindWaiting, culprit.KindFatal, culprit.KindKilling,
		culprit.KindKilled, culprit.KindSpawnError, culprit.KindMemoryRestart, culprit.KindMemoryReport, culprit.KindStopped, culprit.KindStopping,
		culprit.KindOOMKilled, culprit.KindContainerStarted:
	default:
		return "", ""
	}
	manager = e.Attrs.Get("manager")
	for _, k := range []string{"program", "app", "app_name", "container"} {
		if program = e.Attrs.Get(k); program != "" {
			break
		}
	}
	if program == "" && (e.Unit == "" || managerUnit(unitName(e.Unit))) {
		program = e.Process
		switch program {
		case "systemd", "supervisord", "kernel", "PM2", "dockerd", "supervisor", "":
			return "", ""
		}
	}
	if i := strings.IndexByte(program, ':'); i > 0 && manager != "docker" {
		if program[:i] == program[i+1:] {
			program = program[:i]
		} else {
			program = program[i+1:]
		}
	}
	return program, manager
}

// of returns the service that an event is about, nil if the log does not tell.
func (s *services) of(e *culprit.Event) *service {
	if p, m := managed(e); p != "" {
		v := s.get(s.program(p))
		if v.manager == "" {
			v.manager = cmp.Or(m, "supervisor")
			if m == "" && e.Attrs.Get("app_id") != "" {
				v.manager = "pm2"
			}
		}
		return v
	}
	if u := unitName(e.Unit); u != "" {
		if (managerUnit(u) || s.units[u]) && e.Process != "systemd" {
			if v := s.byPID(e.PID, e.Time); v != nil {
				return v
			}
			if v := s.lookup(cmp.Or(e.Service, e.Process)); v != nil && v.manager != "systemd" {
				return v
			}
		}
		if strings.HasSuffix(e.Unit, ".service") || !strings.Contains(e.Unit, ".") {
			v := s.get(u)
			if v.manager == "" {
				v.manager, v.unit = "systemd", u
			}
			return v
		}
		return nil
	}
	if e.Service != "" {
		if v := s.lookup(e.Service); v != nil {
			return v
		}
		return s.get(e.Service)
	}
	if e.Process == "kernel" || e.Process == "systemd" {
		return nil
	}
	if v := s.lookup(e.Process); v != nil {
		return v
	}
	return s.byPID(e.PID, e.Time)
}

// byPID returns the service that a process belonged to at a time.
func (s *services) byPID(pid int, at time.Time) *service {
	spans := s.pids[pid]
	if pid == 0 || len(spans) == 0 {
		return nil
	}
	best := spans[0].s
	for _, p := range spans {
		if p.from.After(at.Add(2*time.Second)) && !at.IsZero() {
			break
		}
		best = p.s
	}
	return best
}

func (s *services) learnPID(pid int, at time.Time, v *service) {
	if pid <= 1 || v == nil {
		return
	}
	v.pids[pid] = true
	spans := s.pids[pid]
	if len(spans) > 0 && spans[len(spans)-1].s == v {
		return
	}
	s.pids[pid] = append(spans, pidSpan{at, v})
}

// numbered is how supervisor names the processes of a program that has numprocs.
var numbered = regexp.MustCompile(`^(.+)_(\d\d)$`)

// program returns the name of a program by that of its process: NAME_00 is the
// only process of NAME (numprocs=1, as panels write it) unless there is a NAME_01.
func (s *services) program(process string) string {
	if s.alone[process] {
		return process[:len(process)-3]
	}
	if v := s.byName[process]; v == nil {
		if m := numbered.FindStringSubmatch(process); m != nil && s.byName[m[1]] != nil {
			s.get(process).confs = s.byName[m[1]].confs // one of several
		}
	}
	return process
}

// number finds the programs that have a single numbered process.
func (s *services) number(events []*culprit.Event) {
	seen := map[string]int{}
	for _, e := range events {
		if p, _ := managed(e); p != "" {
			if m := numbered.FindStringSubmatch(p); m != nil {
				n := 1
				if m[2] != "00" {
					n = 2
				}
				seen[m[1]] = max(seen[m[1]], n)
			}
		}
	}
	for name, n := range seen {
		if n == 1 {
			s.alone[name+"_00"] = true
		}
	}
}

// load sorts the events and hands each to its service.
func (s *services) load(events []*culprit.Event) {
	nameApps(events)
	s.number(events)
	for _, e := range events { // units first: identifiers and pids refer to them
		if e.Unit != "" && e.Process == "systemd" && strings.HasSuffix(e.Unit, ".service") {
			v := s.get(unitName(e.Unit))
			if v.manager == "" {
				v.manager, v.unit = "systemd", v.name
			}
		}
		if p, _ := managed(e); p != "" && e.Kind == culprit.KindSpawned {
			s.learnPID(e.PID, e.Time, s.of(e))
		}
	}
	s.joinProcesses(events)
	for _, e := range events {
		if e.Kind == culprit.KindOOMKill || e.Kind == culprit.KindSegfault {
			continue // joined by words.go
		}
		v := s.of(e)
		if v == nil {
			continue
		}
		e.Service = v.name
		if v.manager == "pm2" && v.number == "" {
			v.number = e.Attrs.Get("app_id")
		}
		if nodeKind(e.Kind) && e.PID > 1 {
			s.learnPID(e.PID, e.Time, v)
		}
		if e.Kind == culprit.KindAppStarted {
			if a := listenAddress(e); a != "" {
				v.listens = append(v.listens, listening{a, e.Time})
			}
		}
		if e.Time.IsZero() {
			v.untimed = append(v.untimed, e)
		} else {
			v.events = append(v.events, e)
		}
	}
	for _, v := range s.list {
		v.settle()
	}
	slices.SortFunc(s.list, func(a, b *service) int { return strings.Compare(a.name, b.name) })
}

// nameApps completes the lines of PM2's log that only give an app's number, or
// nothing but its script: the number stands beside the name in other lines, and
// PM2 gives up right after an exit.
func nameApps(events []*culprit.Event) {
	type app struct{ source, id string }
	names, exited := map[app]string{}, map[string]string{}
	for _, e := range events {
		if id, p := e.Attrs.Get("app_id"), e.Attrs.Get("program"); id != "" && p != "" {
			names[app{place(e), id}] = p
		}
	}
	for _, e := range events {
		p := e.Attrs.Get("program")
		switch {
		case p != "" && e.Kind == culprit.KindExited:
			exited[place(e)] = p
		case p == "" && e.Attrs.Get("app_id") != "":
			e.Attrs.Add("program", names[app{place(e), e.Attrs.Get("app_id")}])
		case p == "" && e.Kind == culprit.KindFatal && e.Attrs.Get("script") != "":
			e.Attrs.Add("program", exited[place(e)])
		}
	}
}

// settle picks the configuration that is in force: that of the manager whose
// words the logs hold.
func (v *service) settle() {
	for _, c := range v.confs {
		if v.conf == nil || c.Manager == v.manager {
			v.conf = c
		}
	}
	if v.conf != nil {
		v.manager, v.unit = cmp.Or(v.manager, v.conf.Manager), cmp.Or(v.unit, unitName(v.conf.Unit))
	}
}

// listenAddress returns where an app says that it listens.
func listenAddress(e *culprit.Event) string {
	if p := e.Attrs.Get("path"); p != "" && e.Attrs.Get("port") == "" && strings.HasPrefix(p, "/") && strings.Contains(p, "sock") {
		return "unix:" + p
	}
	port := e.Attrs.Get("port")
	if port == "" || port == "0" {
		return ""
	}
	a := e.Attrs.Get("address")
	if strings.Contains(a, ":") && !strings.HasPrefix(a, "[") {
		a = "[" + a + "]"
	}
	return a + ":" + port
}

// serving returns the services that answer at any of the addresses, those that
// configuration or their own words name.
func (s *services) serving(addresses []string) []*service {
	var out []*service
	for _, v := range s.list {
		if slices.ContainsFunc(addresses, v.serves) {
			out = append(out, v)
		}
	}
	return out
}

// configured returns the service that configuration alone says listens at an
// address, if there is only one: it names what failed, and proves nothing.
func (s *services) configured(addresses []string) []*service {
	var out []*service
	for _, v := range s.list {
		if slices.ContainsFunc(v.confs, func(c *culprit.Service) bool {
			return slices.ContainsFunc(c.Listen, func(l string) bool {
				return slices.ContainsFunc(addresses, func(a string) bool { return listens(l, a) })
			})
		}) {
			out = append(out, v)
		}
	}
	if len(out) != 1 {
		return nil
	}
	return out
}

// onlyApp returns the only application that the logs or configuration tell of: like configured it
// names what failed, and proves nothing.
func (s *services) onlyApp() []*service {
	var out []*service
	for _, v := range s.list {
		if !managerUnit(v.name) && !webServer(v.name) && !backstage(v.name) && !v.otherProgram() && v.isApp() {
			out = append(out, v)
		}
	}
	if len(out) != 1 || len(out[0].events)+len(out[0].untimed) == 0 {
		return nil
	}
	return out
}

func (v *service) serves(addr string) bool {
	for _, l := range v.listens {
		if listens(l.address, addr) {
			return true
		}
	}
	if len(v.listens) > 0 && v.conf == nil {
		return false
	}
	if v.conf != nil && (v.conf.Manager == "systemd" || len(v.events)+len(v.untimed) > 0) {
		for _, l := range v.conf.Listen {
			if listens(l, addr) {
				return len(v.events)+len(v.untimed) > 0
			}
		}
	}
	return false
}

// nodeKind tells whether a Kind is a Node program's own word.
func nodeKind(k culprit.Kind) bool {
	switch k {
	case culprit.KindAppStarted, culprit.KindAppStarting, culprit.KindAppStopping, culprit.KindAppLog, culprit.KindHeapOOM, culprit.KindNodeWarning, culprit.KindDeprecationWarning:
		return true
	}
	return lastWord(k)
}

// lastWord tells whether a Kind may be the last thing that a Node program says.
func lastWord(k culprit.Kind) bool {
	_, ok := wordVerdicts[k]
	return ok
}
