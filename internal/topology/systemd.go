package topology

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"culprit"
)

// A unitFile is what a unit and its drop-ins set, by section and key; an empty
// assignment has cleared what came before it.
type unitFile map[string][]string // "Service.ExecStart" to its values

// parseUnit adds the settings of a unit file to u (systemd.syntax(7)): a
// backslash at the end of a line continues it, comments between are passed over.
func parseUnit(u unitFile, data []byte) {
	section := ""
	var held strings.Builder
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && (trimmed[0] == '#' || trimmed[0] == ';') {
			continue
		}
		if cut, more := strings.CutSuffix(line, `\`); more {
			held.WriteString(strings.TrimLeft(cut, " \t"))
			held.WriteByte(' ')
			continue
		}
		if held.Len() > 0 {
			held.WriteString(trimmed)
			trimmed = strings.TrimSpace(held.String())
			held.Reset()
		}
		if strings.HasPrefix(trimmed, "[") && strings.HasSuffix(trimmed, "]") {
			section = trimmed[1 : len(trimmed)-1]
			continue
		}
		key, value, ok := strings.Cut(trimmed, "=")
		if !ok || section == "" {
			continue
		}
		name := section + "." + strings.TrimSpace(key)
		value = strings.TrimSpace(value)
		if value == "" {
			u[name] = nil
			continue
		}
		if len(u[name]) < 1_000 {
			u[name] = append(u[name], value)
		}
	}
}

func (u unitFile) last(name string) string { return last(u[name]) }

// list returns the words of a setting that takes a list.
func (u unitFile) list(name string) []string {
	var out []string
	for _, v := range u[name] {
		out = append(out, strings.Fields(v)...)
	}
	return out
}

// readUnits turns unit files into services.
func (r *reader) readUnits() {
	sockets := map[string][]string{} // service unit to what its socket unit listens at
	type loaded struct {
		name, unit string
		file       unitFile
	}
	var all []loaded
	have := map[string]bool{}
	for _, name := range r.units {
		unit := path.Base(name)
		if target, err := fs.ReadLink(r.tree.fsys, name); err == nil && path.Base(target) != unit && !isInstanceOf(unit, path.Base(target)) {
			continue // an alias of another unit, or masked (a link to /dev/null)
		}
		data, ok := r.tree.read(name)
		if !ok {
			continue
		}
		u := unitFile{}
		parseUnit(u, data)
		have[unit] = true
		if strings.HasSuffix(unit, ".socket") {
			service := u.last("Socket.Service")
			if service == "" {
				service = strings.TrimSuffix(unit, ".socket") + ".service"
			}
			for _, listen := range u["Socket.ListenStream"] {
				sockets[service] = append(sockets[service], listenStream(listen))
			}
			continue
		}
		all = append(all, loaded{name, unit, u})
	}
	// An instance exists if a link wants it or a drop-in is made for it.
	instances := map[string]bool{}
	for _, name := range r.wanted {
		instances[path.Base(name)] = true
	}
	for unit := range r.dropIns {
		instances[unit] = true
	}
	for _, l := range slices.Clone(all) {
		if !strings.HasSuffix(l.unit, "@.service") {
			continue
		}
		for unit := range instances {
			if isInstanceOf(unit, l.unit) && unit != l.unit && !have[unit] && strings.HasSuffix(unit, ".service") {
				have[unit] = true
				all = append(all, loaded{l.name, unit, cloneUnit(l.file)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b loaded) int { return strings.Compare(a.unit, b.unit) })
	for _, l := range all {
		drops := r.dropIns[l.unit]
		if prefix, _, isInstance := strings.Cut(l.unit, "@"); isInstance && !strings.HasSuffix(l.unit, "@.service") {
			drops = append(slices.Clone(r.dropIns[prefix+"@.service"]), drops...)
		}
		for _, d := range drops {
			if data, ok := r.tree.read(d); ok {
				parseUnit(l.file, data)
			}
		}
		s := r.unitService(l.name, l.unit, l.file)
		for _, listen := range sockets[l.unit] {
			if !slices.Contains(s.Listen, listen) {
				s.Listen = append(s.Listen, listen)
			}
		}
		for _, dir := range l.file.list("Service.RuntimeDirectory") {
			r.runtime["/run/"+dir+"/"] = owner{"systemd", s.Name}
		}
		r.services = append(r.services, s)
	}
}

// isInstanceOf says whether a unit is an instance of a template.
func isInstanceOf(unit, template string) bool {
	prefix, ok := strings.CutSuffix(template, "@.service")
	return ok && strings.HasPrefix(unit, prefix+"@")
}

func cloneUnit(u unitFile) unitFile {
	c := make(unitFile, len(u))
	for k, v := range u {
		c[k] = slices.Clone(v)
	}
	return c
}

// listenStream turns ListenStream= (systemd.socket(5)) into an address.
func listenStream(v string) string {
	switch {
	case strings.HasPrefix(v, "/") || strings.HasPrefix(v, "@"):
		return "unix:" + v
	case !strings.Contains(v, ":"):
		return ":" + v
	}
	return v
}

func (r *reader) unitService(file, unit string, u unitFile) culprit.Service {
	s := culprit.Service{
		Name: strings.TrimSuffix(unit, ".service"), Manager: "systemd", Unit: unit, File: r.tree.display(file),
		Dir: strings.TrimPrefix(u.last("Service.WorkingDirectory"), "-"), User: u.last("Service.User"),
		Wants: u.list("Unit.Wants"), After: u.list("Unit.After"),
	}
	if s.Dir == "~" {
		s.Dir = ""
	}
	s.Requires = slices.Concat(u.list("Unit.Requires"), u.list("Unit.Requisite"), u.list("Unit.BindsTo"))
	if start := u["Service.ExecStart"]; len(start) > 0 {
		s.Command = strings.TrimLeft(start[0], "-@:+!")
	}
	s.Memory, s.MemoryBy = unitMemory(u)
	if v := u.last("Service.Restart"); v != "" {
		s.Restart = "Restart=" + v
	}
	var limit []string
	for _, key := range []string{"StartLimitBurst", "StartLimitIntervalSec", "StartLimitInterval"} {
		for _, section := range []string{"Unit.", "Service."} { // [Service] before systemd 230
			if v := u.last(section + key); v != "" {
				limit = append(limit, key+"="+v)
			}
		}
	}
	s.StartLimit = strings.Join(limit, " ")
	for _, key := range []string{"StandardOutput", "StandardError"} {
		v := u.last("Service." + key)
		for _, kind := range []string{"append:", "file:", "truncate:"} {
			if p, ok := strings.CutPrefix(v, kind); ok && !slices.Contains(s.Logs, p) {
				s.Logs = append(s.Logs, p)
			}
		}
	}
	env := environment{}
	for _, v := range u["Service.Environment"] {
		env.addAssignments(v)
	}
	for _, v := range u["Service.EnvironmentFile"] {
		// An environment file overrides Environment= (systemd.exec(5)).
		r.envFile(env, strings.TrimPrefix(v, "-"), path.Dir(file), unit)
	}
	instance := ""
	if _, rest, ok := strings.Cut(s.Name, "@"); ok {
		instance = rest
	}
	r.finish(&s, env, path.Dir(file))
	if instance != "" {
		// A template's own service keeps its %i; its instances are expanded by
		// the same rules as those that a log proves.
		t := culprit.Topology{Services: []culprit.Service{s}}
		t.Services[0].Unit = unit[:strings.IndexByte(unit, '@')+1] + ".service"
		if in := t.AddInstance(unit); in != nil {
			in.File = s.File
			s = *in
		}
		if port, err := strconv.Atoi(instance); err == nil && port > 0 && port < 65536 && len(s.Listen) == 0 {
			s.Listen = []string{":" + instance}
		}
	}
	return s
}

// unitMemory returns the limit that kills (MemoryMax, MemoryLimit), else the one
// that throttles (MemoryHigh).
func unitMemory(u unitFile) (int64, string) {
	for _, key := range []string{"MemoryMax", "MemoryLimit", "MemoryHigh"} {
		v := u.last("Service." + key)
		if v == "" || v == "infinity" {
			continue
		}
		// A share of the machine's memory ("50%") is a limit of unknown size.
		bytes, _ := parseSize(v)
		return bytes, key + "=" + v
	}
	return 0, ""
}

// parseSize reads 300M, 1.5G, 170MB, 190000000; units are powers of 1024 for
// systemd, supervisor's memmon, PM2 and Docker alike.
func parseSize(v string) (int64, bool) {
	v = strings.ToUpper(strings.TrimSpace(v))
	v = strings.TrimSuffix(strings.TrimSuffix(v, "IB"), "B")
	unit := 1.0
	if v != "" {
		if k := strings.IndexByte("KMGT", v[len(v)-1]); k >= 0 {
			for range k + 1 {
				unit *= 1024
			}
			v = v[:len(v)-1]
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || !(n >= 0 && n*unit < 1<<62) {
		return 0, false
	}
	return int64(n * unit), true
}
