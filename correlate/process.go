package correlate

import (
	"slices"
	"strings"
	"time"

	"culprit"
)

// How far the first words of a process may stand from the start of its unit, and
// its last ones from the exit, for the two to belong together.
const (
	firstWords = 10 * time.Second
	goneAfter  = 3 * time.Second
)

// A speaker is a process of which only name and number are known: a line in a
// syslog file or a text dump of the journal says "node[1234]", not which unit.
type speaker struct {
	pid    int
	events []*culprit.Event
}

// joinProcesses finds the services of such processes: by the address that one
// says it listens at, by the folder that its traces name, and, where neither is
// told, by the start of the only unit that can be meant.
func (s *services) joinProcesses(events []*culprit.Event) {
	byPID := map[int]*speaker{}
	var list []*speaker
	var starts, exits []*culprit.Event
	for _, e := range events {
		switch {
		case e.Time.IsZero():
			continue
		case e.Process == "systemd" && strings.HasSuffix(e.Unit, ".service"):
			switch e.Kind {
			case culprit.KindStarted:
				starts = append(starts, e)
			case culprit.KindMainExited:
				exits = append(exits, e)
			}
			continue
		case e.PID <= 1 || e.Unit != "" || e.Service != "" || !nodeKind(e.Kind) || s.lookup(e.Process) != nil || s.byPID(e.PID, e.Time) != nil:
			continue
		}
		p := byPID[e.PID]
		if p == nil {
			p = &speaker{pid: e.PID}
			byPID[e.PID] = p
			list = append(list, p)
		}
		p.events = append(p.events, e)
	}
	for _, p := range list {
		if v := s.listener(p); v != nil {
			s.learnPID(p.pid, p.events[0].Time, v)
		} else if v := s.dweller(p); v != nil {
			s.learnPID(p.pid, p.events[0].Time, v)
		}
	}
	for _, p := range list {
		first, last := p.events[0], p.events[len(p.events)-1]
		if first.Process == "" || s.byPID(p.pid, first.Time) != nil {
			continue // a file of some program's own, such as a database's
		}
		v := s.only(starts, first.Time.Add(-firstWords), first.Time)
		if v == nil && lastWord(last.Kind) {
			v = s.only(exits, last.Time, last.Time.Add(goneAfter))
		}
		if v != nil {
			s.learnPID(p.pid, first.Time, v)
			v.guessed[p.pid] = true
		}
	}
}

// listener returns the service that is configured to listen where a process
// says that it does, if there is only one.
func (s *services) listener(p *speaker) *service {
	var found *service
	for _, e := range p.events {
		addr := ""
		if e.Kind == culprit.KindAppStarted {
			addr = listenAddress(e)
		}
		if addr == "" {
			continue
		}
		for _, v := range s.list {
			for _, c := range v.confs {
				if slices.ContainsFunc(c.Listen, func(l string) bool { return listens(addr, l) || listens(l, addr) }) {
					if found != nil && found != v {
						return nil
					}
					found = v
				}
			}
		}
	}
	return found
}

// dweller returns the service whose working directory a process names in what
// it says, the deepest one.
func (s *services) dweller(p *speaker) *service {
	var found *service
	depth, twice := 0, false
	for _, v := range s.list {
		for _, c := range v.confs {
			dir := strings.TrimSuffix(c.Dir, "/") + "/"
			if strings.Count(dir, "/") < 3 || len(dir) < depth {
				continue
			}
			if slices.ContainsFunc(p.events, func(e *culprit.Event) bool { return strings.Contains(e.Text, dir) }) {
				twice = len(dir) == depth && found != v
				found, depth = v, len(dir)
			}
		}
	}
	if twice {
		return nil // instances share their folder
	}
	return found
}

// only returns the service that the systemd entries in a span are about, if all
// are about one that may be an application.
func (s *services) only(entries []*culprit.Event, from, to time.Time) *service {
	var found *service
	for _, e := range entries {
		if e.Time.Before(from) || e.Time.After(to) {
			continue
		}
		v := s.lookup(unitName(e.Unit))
		if v == nil || managerUnit(v.name) || v.otherProgram() {
			continue
		}
		if found != nil && found != v {
			return nil
		}
		found = v
	}
	return found
}

// otherProgram tells whether configuration says that a service runs something
// that is no Node.
func (v *service) otherProgram() bool {
	if len(v.confs) == 0 {
		return false
	}
	return !slices.ContainsFunc(v.confs, func(c *culprit.Service) bool {
		return c.Command == "" || containsAny(c.Command, "node", "npm", "yarn", "pnpm", "/sh", "bash", "tsx", "nest", "next")
	})
}

func containsAny(s string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
}
