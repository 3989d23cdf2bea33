package culprit

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ServicesAt returns the services that listen at an address that nginx connects
// to: "127.0.0.1:3000", "localhost:3000", "unix:/run/app.sock". An address of
// another machine has none, whatever its port; a template has none either.
func (t *Topology) ServicesAt(address string) []*Service {
	var at []*Service
	for i := range t.Services {
		s := &t.Services[i]
		if !s.IsTemplate() && slices.ContainsFunc(s.Listen, func(l string) bool { return t.Covers(l, address) }) {
			at = append(at, s)
		}
	}
	return at
}

// ServicesOnPort returns the services that listen on a port at any address:
// those that could serve nginx if they listened where it looks.
func (t *Topology) ServicesOnPort(port string) []*Service {
	var on []*Service
	for i := range t.Services {
		s := &t.Services[i]
		if port != "" && !s.IsTemplate() && slices.ContainsFunc(s.Listen, func(l string) bool { _, p := splitAddress(l); return p == port }) {
			on = append(on, s)
		}
	}
	return on
}

// ServiceOfUnit returns the service of a systemd unit, or nil. A unit that runs
// a manager (supervisor.service) belongs to no program of it.
func (t *Topology) ServiceOfUnit(unit string) *Service {
	for i := range t.Services {
		s := &t.Services[i]
		if s.Unit == unit && s.Manager == "systemd" && !s.IsTemplate() {
			return s
		}
	}
	return nil
}

// ServiceNamed returns the service that a manager knows by a name, or nil. An
// empty manager stands for any.
func (t *Topology) ServiceNamed(manager, name string) *Service {
	for i := range t.Services {
		s := &t.Services[i]
		if s.Name == name && (manager == "" || s.Manager == manager) {
			return s
		}
	}
	return nil
}

// IsTemplate says whether s is a systemd template, which never runs itself.
func (s *Service) IsTemplate() bool {
	return s.Manager == "systemd" && strings.HasSuffix(s.Unit, "@.service")
}

// AddInstance adds the service of an instance ("reports@5001.service") of a
// template that t has, as a log that names the instance proves it to exist, and
// returns it; the unit's own service if t has it already; nil if there is no
// such template. The pointer holds until the next service is added.
func (t *Topology) AddInstance(unit string) *Service {
	if s := t.ServiceOfUnit(unit); s != nil {
		return s
	}
	at := strings.IndexByte(unit, '@')
	name, isService := strings.CutSuffix(unit, ".service")
	if at <= 0 || !isService || at+1 >= len(name) {
		return nil
	}
	for i := range t.Services {
		if !t.Services[i].IsTemplate() || t.Services[i].Unit != unit[:at+1]+".service" {
			continue
		}
		t.Services = append(t.Services, t.Services[i].instance(name, name[at+1:]))
		return &t.Services[len(t.Services)-1]
	}
	return nil
}

func (s *Service) instance(name, instance string) Service {
	prefix, _, _ := strings.Cut(name, "@")
	r := strings.NewReplacer("%i", instance, "%I", unescapeUnit(instance), "%n", name+".service", "%N", name, "%p", prefix, "%P", unescapeUnit(prefix), "%%", "%")
	all := func(list []string) []string {
		out := make([]string, len(list))
		for i, v := range list {
			out[i] = r.Replace(v)
		}
		return out
	}
	in := *s
	in.Name, in.Unit = name, name+".service"
	in.Dir, in.Command, in.User = r.Replace(s.Dir), r.Replace(s.Command), r.Replace(s.User)
	in.Listen, in.Logs = all(s.Listen), all(s.Logs)
	in.Requires, in.Wants, in.After = all(s.Requires), all(s.Wants), all(s.After)
	in.Env = make(map[string]string, len(s.Env))
	for k, v := range s.Env {
		in.Env[k] = r.Replace(v)
	}
	return in
}

// unescapeUnit undoes systemd-escape: "-" is "/", \xNN a byte.
func unescapeUnit(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '-':
			b.WriteByte('/')
		case strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s):
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// GroupsWith returns the upstream groups that have a server at an address.
func (t *Topology) GroupsWith(address string) []*UpstreamGroup {
	var with []*UpstreamGroup
	for i := range t.Groups {
		if slices.ContainsFunc(t.Groups[i].Servers, func(s string) bool { return SameAddress(s, address) }) {
			with = append(with, &t.Groups[i])
		}
	}
	return with
}

// ServersOf returns the server blocks that pass requests on to an address,
// directly or through a group.
func (t *Topology) ServersOf(address string) []*Server {
	var of []*Server
	for i := range t.Servers {
		if slices.ContainsFunc(t.Servers[i].Locations, func(l Location) bool {
			return slices.ContainsFunc(t.UpstreamOf(l.Pass), func(a string) bool { return SameAddress(a, address) })
		}) {
			of = append(of, &t.Servers[i])
		}
	}
	return of
}

// ServersNamed returns the server blocks that answer for a host name; "*" at
// either end of a server_name stands for any label, regular expressions are
// not matched.
func (t *Topology) ServersNamed(host string) []*Server {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	var exact, wild []*Server
	for i := range t.Servers {
		s := &t.Servers[i]
		switch {
		case slices.ContainsFunc(s.Names, func(n string) bool { return strings.ToLower(n) == host }):
			exact = append(exact, s)
		case slices.ContainsFunc(s.Names, func(n string) bool { return wildcardName(strings.ToLower(n), host) }):
			wild = append(wild, s)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return wild
}

func wildcardName(pattern, host string) bool {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		return strings.HasSuffix(host, "."+rest)
	}
	if rest, ok := strings.CutPrefix(pattern, "."); ok {
		return host == rest || strings.HasSuffix(host, pattern)
	}
	if rest, ok := strings.CutSuffix(pattern, ".*"); ok {
		return strings.HasPrefix(host, rest+".")
	}
	return false
}

// ServersOfAccessLog returns the server blocks that write an access log, and
// ServersOfErrorLog those that write an error log, by the file's base name; a
// rotated file ("access.log.2.gz", "access.log-20261122") counts as the one it
// was. If several configured logs have that name, the one whose path agrees
// with most of the file's last folders wins.
func (t *Topology) ServersOfAccessLog(file string) []*Server {
	return t.serversOfLog(file, func(s *Server) []Log { return s.AccessLogs })
}

// ServersOfErrorLog is ServersOfAccessLog for error logs.
func (t *Topology) ServersOfErrorLog(file string) []*Server {
	return t.serversOfLog(file, func(s *Server) []Log { return s.ErrorLogs })
}

func (t *Topology) serversOfLog(file string, logs func(*Server) []Log) []*Server {
	var found []*Server
	best := 0
	for i := range t.Servers {
		s, score := &t.Servers[i], 0
		for _, l := range logs(s) {
			score = max(score, logMatch(l.Path, file))
		}
		if score > best {
			best, found = score, found[:0]
		}
		if score > 0 && score == best {
			found = append(found, s)
		}
	}
	return found
}

// AccessFormat returns the text of the log_format in which a file was written,
// "" if the configuration does not tell or two of its formats could be meant.
// The name "combined" gives "" too: it is nginx's own.
func (t *Topology) AccessFormat(file string) string {
	name, best, clash := "", 0, false
	for i := range t.Servers {
		for _, l := range t.Servers[i].AccessLogs {
			score := logMatch(l.Path, file)
			switch {
			case score == 0 || score < best:
			case score > best:
				name, best, clash = l.Format, score, false
			case l.Format != name:
				clash = true
			}
		}
	}
	if clash {
		return ""
	}
	return t.Formats[name]
}

// logMatch returns how many of the last path elements of a configured log and of
// a file agree, 0 if their base names differ.
func logMatch(configured, file string) int {
	a, b := path.Clean(configured), path.Clean(strings.ReplaceAll(file, `\`, "/"))
	if !matchesLogName(path.Base(a), path.Base(b)) {
		return 0
	}
	n := 1
	for {
		a, b = path.Dir(a), path.Dir(b)
		if a == "." || a == "/" || b == "." || b == "/" || path.Base(a) != path.Base(b) {
			return n
		}
		n++
	}
}

// matchesLogName says whether file is the configured log or a rotated one of it.
// A variable in the configured name ("$host.access.log") stands for anything.
func matchesLogName(configured, file string) bool {
	if i := strings.IndexByte(configured, '$'); i >= 0 {
		end := len(configured)
		for j := i + 1; j < len(configured); j++ {
			if c := configured[j]; c != '_' && c != '{' && c != '}' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				end = j
				break
			}
		}
		suffix := configured[end:]
		at := strings.LastIndex(file, suffix)
		return suffix != "" && strings.HasPrefix(file, configured[:i]) && at >= i && matchesLogName(suffix, file[at:])
	}
	rest, ok := strings.CutPrefix(file, configured)
	if !ok {
		return false
	}
	if rest == "" {
		return true
	}
	for _, ext := range []string{".gz", ".zst", ".xz", ".bz2"} {
		rest = strings.TrimSuffix(rest, ext)
	}
	return strings.Trim(rest, "0123456789.-_T") == "" && (rest == "" || rest[0] == '.' || rest[0] == '-' || rest[0] == '_')
}

// Covers says whether a socket bound as listen takes connections to address:
// ":3000" and "0.0.0.0:3000" take those to any IPv4 address of this machine,
// "[::]:3000" and ":3000" also those to IPv6. Addresses that are not this
// machine's are covered by none.
func (t *Topology) Covers(listen, address string) bool {
	if SameAddress(listen, address) {
		return true
	}
	lh, lp := splitAddress(listen)
	h, p := splitAddress(address)
	if p == "" || lp != p || !t.isLocal(address) {
		return false
	}
	switch lh {
	case "", "*", "::":
		return true
	case "0.0.0.0":
		ip, err := netip.ParseAddr(h)
		return h == "localhost" || err == nil && ip.Is4()
	}
	return false
}

func (t *Topology) isLocal(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	h, _ := splitAddress(address)
	if h == "" || h == "localhost" || slices.Contains(t.Addresses, h) {
		return true
	}
	if ip, err := netip.ParseAddr(h); err == nil {
		return ip.IsLoopback() || ip.IsUnspecified() || t.ofContainer(address)
	}
	return t.ofContainer(address)
}

// ofContainer says whether a container of this machine has the address.
func (t *Topology) ofContainer(address string) bool {
	for i := range t.Services {
		if t.Services[i].Manager == "docker" && slices.ContainsFunc(t.Services[i].Listen, func(l string) bool { return SameAddress(l, address) }) {
			return true
		}
	}
	return false
}

// SameAddress says whether two ways of writing an address mean the same:
// "localhost" is both loopbacks, a missing port is 80 or 443, /var/run is /run.
func SameAddress(a, b string) bool {
	if a == b {
		return a != ""
	}
	if ua, ok := strings.CutPrefix(a, "unix:"); ok {
		ub, ok := strings.CutPrefix(b, "unix:")
		return ok && socketPath(ua) == socketPath(ub)
	}
	ah, ap := splitAddress(a)
	bh, bp := splitAddress(b)
	samePort := ap == bp || ap == "" && (bp == "80" || bp == "443") || bp == "" && (ap == "80" || ap == "443")
	if !samePort || ah == "" || bh == "" {
		return false
	}
	return ah == bh || ah == "localhost" && isLoopback(bh) || bh == "localhost" && isLoopback(ah)
}

func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" }

func socketPath(p string) string {
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, "/var/run/"); ok {
		return "/run/" + rest
	}
	return p
}

// splitAddress cuts "host:port" into a lower-case host and a port; brackets of
// IPv6 are taken off, IPv6 is shortened, "" stands for what is not there. A
// socket has the whole address as its host.
func splitAddress(a string) (host, port string) {
	if strings.HasPrefix(a, "unix:") {
		return a, ""
	}
	host = a
	if i := strings.LastIndexByte(a, ':'); i >= 0 && (a[:i] == "" || a[i-1] == ']' || strings.IndexByte(a, ':') == i) {
		host, port = a[:i], a[i+1:]
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return host, port
}

// Add joins what another reading found into t: several folders of one machine.
// What t has already, by name and place, is kept as it is.
func (t *Topology) Add(o Topology) {
	for _, s := range o.Servers {
		if !slices.ContainsFunc(t.Servers, func(have Server) bool {
			return have.File == s.File && have.Line == s.Line && slices.Equal(have.Names, s.Names)
		}) {
			t.Servers = append(t.Servers, s)
		}
	}
	for _, g := range o.Groups {
		if !slices.ContainsFunc(t.Groups, func(have UpstreamGroup) bool { return have.Name == g.Name && slices.Equal(have.Servers, g.Servers) }) {
			t.Groups = append(t.Groups, g)
		}
	}
	for _, s := range o.Services {
		if t.ServiceNamed(s.Manager, s.Name) == nil {
			t.Services = append(t.Services, s)
		}
	}
	for _, l := range o.Listeners {
		if !slices.Contains(t.Listeners, l) {
			t.Listeners = append(t.Listeners, l)
		}
	}
	for name, text := range o.Formats {
		if t.Formats == nil {
			t.Formats = map[string]string{}
		}
		if _, have := t.Formats[name]; !have {
			t.Formats[name] = text
		}
	}
	for _, a := range o.Addresses {
		if !slices.Contains(t.Addresses, a) {
			t.Addresses = append(t.Addresses, a)
		}
	}
	if t.Zone == "" {
		t.Zone = o.Zone
	}
}

// defaultPorts are the ports that well-known dependencies listen on unless told
// otherwise, by the beginning of the unit's or program's name.
var defaultPorts = []struct{ name, port string }{
	{"postgres", "5432"}, {"redis", "6379"}, {"valkey", "6379"}, {"keydb", "6379"}, {"mysql", "3306"}, {"mariadb", "3306"},
	{"mongo", "27017"}, {"memcached", "11211"}, {"rabbitmq", "5672"}, {"elasticsearch", "9200"}, {"opensearch", "9200"},
	{"meilisearch", "7700"}, {"kafka", "9092"}, {"nats", "4222"}, {"clickhouse", "8123"}, {"pgbouncer", "6432"}, {"etcd", "2379"},
}

// DefaultPort returns the port that a well-known dependency listens on unless it
// is configured otherwise: "5432" of "postgresql@15-main.service"; "" if the name
// is of none.
func DefaultPort(name string) string {
	name = strings.ToLower(name)
	for _, d := range defaultPorts {
		rest, ok := strings.CutPrefix(name, d.name)
		if ok && !strings.Contains(rest, "exporter") && !strings.Contains(rest, "backup") && !strings.Contains(rest, "sentinel") {
			return d.port
		}
	}
	return ""
}
