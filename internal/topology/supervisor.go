package topology

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"culprit"
)

// An iniSection is one section of supervisor's configuration.
type iniSection struct {
	kind, name string // "program", "orders" of [program:orders]
	keys       map[string]string
}

// parseINI reads what Python's ConfigParser reads of supervisor's files: keys in
// lower case, a line that begins with a blank continues the value, " ;" begins a
// comment.
func parseINI(data []byte) []iniSection {
	var sections []iniSection
	var current *iniSection
	var value strings.Builder
	key := ""
	flush := func() {
		if current != nil && key != "" && len(current.keys) < 1_000 {
			current.keys[key] = strings.TrimSpace(value.String())
		}
		key = ""
		value.Reset()
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == ';' || trimmed[0] == '#' {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if key != "" {
				value.WriteByte('\n')
				value.WriteString(withoutComment(trimmed))
			}
			continue
		}
		if trimmed[0] == '[' {
			flush()
			end := strings.IndexByte(trimmed, ']')
			if end < 0 || len(sections) >= 10_000 {
				current = nil
				continue
			}
			kind, name, _ := strings.Cut(trimmed[1:end], ":")
			sections = append(sections, iniSection{strings.TrimSpace(kind), strings.TrimSpace(name), map[string]string{}})
			current = &sections[len(sections)-1]
			continue
		}
		flush()
		at := strings.IndexAny(trimmed, "=:")
		if at <= 0 {
			continue
		}
		key = strings.ToLower(strings.TrimSpace(trimmed[:at]))
		value.WriteString(withoutComment(strings.TrimSpace(trimmed[at+1:])))
	}
	flush()
	return sections
}

func withoutComment(v string) string {
	if at := strings.Index(v, " ;"); at >= 0 {
		return strings.TrimSpace(v[:at])
	}
	if at := strings.Index(v, "\t;"); at >= 0 {
		return strings.TrimSpace(v[:at])
	}
	return v
}

// maxPrograms bounds the programs of one manager.
const maxPrograms = 2_000

// A listener is an event listener that may kill programs for their memory.
type listener struct {
	service int // index into services
	args    []string
}

// readSupervisor turns supervisor's programs and event listeners into services.
func (r *reader) readSupervisor() {
	var sections []fileSection
	read := map[string]bool{}
	add := func(name string) {
		if read[name] {
			return
		}
		read[name] = true
		if data, ok := r.tree.read(name); ok {
			for _, s := range parseINI(data) {
				sections = append(sections, fileSection{s, name})
			}
		}
	}
	logDir := ""
	for _, name := range r.supervisord {
		from := len(sections)
		add(name)
		for _, s := range sections[from:] {
			switch s.kind {
			case "supervisord":
				if v := s.keys["childlogdir"]; v != "" && logDir == "" {
					logDir = v
				}
			case "include":
				for _, pattern := range strings.Fields(s.keys["files"]) {
					pattern = strings.NewReplacer("%(here)s", "/"+path.Dir(name)).Replace(pattern)
					hits := r.tree.glob(pattern, path.Dir(name))
					if !path.IsAbs(pattern) {
						hits = r.tree.match(path.Join(escapeGlob(path.Dir(name)), pattern))
					}
					for _, hit := range hits {
						add(hit)
					}
				}
			}
		}
	}
	for _, name := range r.programs {
		add(name)
	}

	groups := map[string]string{} // program to its [group:NAME]
	for _, s := range sections {
		if s.kind == "group" {
			for _, p := range strings.FieldsFunc(s.keys["programs"], func(c rune) bool { return c == ',' || c == ' ' || c == '\n' }) {
				groups[p] = s.name
			}
		}
	}
	var listeners []listener
	first := len(r.services)
	for _, s := range sections {
		if s.kind != "program" && s.kind != "eventlistener" && s.kind != "fcgi-program" || s.name == "" {
			continue
		}
		if len(r.services)-first >= maxPrograms {
			break
		}
		if slices.ContainsFunc(r.services[first:], func(have culprit.Service) bool { return have.Name == s.name }) {
			continue // the folder holds it twice
		}
		r.services = append(r.services, r.program(s, logDir))
		if s.kind == "eventlistener" && len(listeners) < 50 {
			listeners = append(listeners, listener{len(r.services) - 1, splitWords(s.keys["command"])})
		}
	}
	programs := r.services[first:]
	for _, l := range listeners {
		watch(&r.services[l.service], l.args, programs, groups)
	}
}

type fileSection struct {
	iniSection
	file string
}

func (r *reader) program(s fileSection, logDir string) culprit.Service {
	// numprocs with process_name=%(program_name)s_%(process_num)02d makes NAME_00;
	// supervisor's own log names it so, people call it by the program's name.
	expand := strings.NewReplacer("%(program_name)s", s.name, "%(group_name)s", s.name, "%(process_num)02d", "00", "%(process_num)d", "0", "%(process_num)s", "0",
		"%(here)s", "/"+path.Dir(s.file), "%%", "%")
	get := func(key string) string { return expand.Replace(s.keys[key]) }
	p := culprit.Service{Name: s.name, Manager: "supervisor", Dir: get("directory"), Command: get("command"), User: get("user"), File: r.tree.display(s.file)}
	for _, key := range []string{"stdout_logfile", "stderr_logfile"} {
		v := get(key)
		if v == "" {
			v = "AUTO" // both default to it
		}
		switch strings.ToUpper(v) {
		case "NONE", "SYSLOG":
			continue
		case "AUTO":
			if key == "stderr_logfile" && strings.EqualFold(get("redirect_stderr"), "true") || logDir == "" {
				continue
			}
			// The suffix is made up by mkstemp at each start.
			v = path.Join(logDir, s.name+"-"+strings.TrimSuffix(key, "_logfile")+"---supervisor-*.log")
		}
		if !strings.HasPrefix(v, "/dev/") && !slices.Contains(p.Logs, v) {
			p.Logs = append(p.Logs, v)
		}
	}
	if v := get("autorestart"); v != "" {
		p.Restart = "autorestart=" + v
	}
	var limit []string
	for _, key := range []string{"startretries", "startsecs"} {
		if v := get(key); v != "" {
			limit = append(limit, key+"="+v)
		}
	}
	p.StartLimit = strings.Join(limit, " ")
	env := environment{}
	for _, assignment := range splitAssignments(get("environment")) {
		if name, value, ok := strings.Cut(assignment, "="); ok {
			env.set(strings.TrimSpace(name), value)
		}
	}
	r.finish(&p, env, path.Dir(s.file))
	return p
}

// splitAssignments splits supervisor's environment=KEY="val",KEY2='v,2' at commas
// outside quotes and takes the quotes off.
func splitAssignments(text string) []string {
	var out []string
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote = c
		case c == ',' || c == '\n':
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(c)
		}
		if len(out) >= maxVariables {
			return out
		}
	}
	return append(out, strings.TrimSpace(b.String()))
}

// watch finds out from a listener's command which programs it watches and which
// limits it holds them to: superlance's memmon (-p PROGRAM=SIZE, -g GROUP=SIZE,
// -a SIZE; httpok and the like name a program and no size) and scripts of one's
// own, where the name of a program stands before a size.
func watch(l *culprit.Service, args []string, programs []culprit.Service, groups map[string]string) {
	if len(args) == 0 {
		return
	}
	setting := strings.Join(append([]string{path.Base(args[0])}, args[1:]...), " ")
	limit := func(p *culprit.Service, size int64) {
		if p.Name == l.Name {
			return
		}
		if !slices.Contains(l.Watches, p.Name) {
			l.Watches = append(l.Watches, p.Name)
		}
		// Of two limits the lower one kills.
		if size > 0 && (p.Memory == 0 || size < p.Memory) {
			p.Memory, p.MemoryBy = size, setting
		}
	}
	for i := 1; i < len(args); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		size, isSize := listenerSize(value)
		all := false
		switch {
		case args[i] == "-a" || args[i] == "--any":
			if i+1 < len(args) {
				size, isSize = listenerSize(args[i+1])
				all = isSize
			}
		case joined && name == "any":
			all = isSize
		case joined && (name == "program" || name == "group"): // --program=NAME=SIZE
			var rest string
			name, rest, _ = strings.Cut(value, "=")
			size, isSize = listenerSize(rest)
		case !joined && i+1 < len(args):
			size, isSize = listenerSize(args[i+1])
		}
		if !isSize {
			size = 0
		}
		// memmon takes GROUP:PROGRAM too.
		group, program, both := strings.Cut(name, ":")
		if !both {
			group, program = "", name
		}
		for k := range programs {
			p := &programs[k]
			inGroup := groups[p.Name]
			if inGroup == "" {
				inGroup = p.Name
			}
			if all || p.Name == program && (group == "" || inGroup == group) || groups[p.Name] != "" && groups[p.Name] == name {
				limit(p, size)
			}
		}
	}
}

// listenerSize reads a limit; a number without a unit is in bytes, and one below
// a megabyte is something else (a port, an interval).
func listenerSize(v string) (int64, bool) {
	if v == "" || v[0] < '0' || v[0] > '9' {
		return 0, false
	}
	n, ok := parseSize(v)
	if _, err := strconv.Atoi(v); err == nil && n < 1<<20 {
		return 0, false
	}
	return n, ok && n > 0
}
