package correlate

import (
	"net"
	"path"
	"slices"
	"strings"

	"culprit"
)

// topology answers the questions that the correlator has about configuration.
type topology struct {
	culprit.Topology
	byHost map[string]*culprit.Server
	byLog  map[string][]*culprit.Server // base name of an access log
	groups map[string]string            // server of a group to the group's name
}

func newTopology(t culprit.Topology) *topology {
	o := &topology{Topology: t, byHost: map[string]*culprit.Server{}, byLog: map[string][]*culprit.Server{}, groups: map[string]string{}}
	for i := range t.Servers {
		s := &t.Servers[i]
		for _, n := range s.Names {
			if n = hostName(n); n != "" {
				o.byHost[n] = s
			}
		}
		for _, l := range s.AccessLogs {
			b := path.Base(l.Path)
			o.byLog[b] = append(o.byLog[b], s)
		}
	}
	for _, g := range t.Groups {
		for _, a := range g.Servers {
			o.groups[a] = g.Name
		}
	}
	return o
}

// logName is the base name of a log without the suffixes of rotation.
func logName(source string) string {
	b := path.Base(source)
	for _, suffix := range []string{".gz", ".zst"} {
		b = strings.TrimSuffix(b, suffix)
	}
	for {
		i := strings.LastIndexAny(b, ".-")
		if i <= 0 || strings.Trim(b[i+1:], "0123456789") != "" || i == len(b)-1 {
			return b
		}
		b = b[:i]
	}
}

// hostOfLog returns the host of the requests in an access log that does not
// name it, "" if that is not known. Servers that answer by themselves may write
// to the same log: then shared is true, and what they answered cannot be told
// from what the upstream did.
func (t *topology) hostOfLog(source string) (host string, shared bool) {
	for _, s := range t.byLog[logName(source)] {
		if len(s.Locations) == 0 {
			shared = true
			continue
		}
		if len(s.Names) == 0 || host != "" {
			return "", true
		}
		host = hostName(s.Names[0])
	}
	return host, shared
}

// locate returns the upstream (address or group) that a request to host and
// path goes to, "-" if nginx answers it by itself, "" if that is not known.
func (t *topology) locate(host, source, target string) string {
	s := t.byHost[host]
	if s == nil {
		return ""
	}
	if i := strings.IndexByte(target, '?'); i >= 0 {
		target = target[:i]
	}
	best, pass := -1, "-"
	for i := range s.Locations {
		l := &s.Locations[i]
		m := strings.TrimPrefix(l.Match, "^~ ")
		switch {
		case strings.HasPrefix(m, "~"):
			return "" // which of several matches wins is not worth a guess
		case strings.HasPrefix(m, "= "):
			if target == m[2:] {
				return t.group(l.Pass)
			}
		case strings.HasPrefix(m, "@"):
			if best < 0 {
				best, pass = 0, t.group(l.Pass)
			}
		case strings.HasPrefix(target, m) && len(m) > best:
			best, pass = len(m), t.group(l.Pass)
		}
	}
	return pass
}

// group names the target of a pass directive as lanes do: a group's name, or
// the address.
func (t *topology) group(pass string) string {
	a := culprit.PassAddress(pass)
	if strings.Contains(a, "$") {
		return ""
	}
	return a
}

// tries returns how many addresses nginx may try for a request that failed at one.
func (t *topology) tries(addr string) int {
	most := 1
	count := func(servers []string) {
		n, in := 0, false
		for _, s := range servers {
			n++
			if strings.HasPrefix(s, "localhost:") {
				n++ // ::1 and 127.0.0.1
			}
			in = in || listens(s, addr)
		}
		if in {
			most = max(most, n)
		}
	}
	for i := range t.Groups {
		count(t.Groups[i].Servers)
	}
	for i := range t.Servers {
		for j := range t.Servers[i].Locations {
			count(t.serversOf(t.Servers[i].Locations[j].Pass))
		}
	}
	return most
}

// byName reports whether nginx passes requests to a name, and not to an address,
// at the port of addr.
func (t *topology) byName(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(t.passed(), func(s string) bool {
		host, p, err := net.SplitHostPort(s)
		return err == nil && p == port && host != "localhost" && net.ParseIP(host) == nil
	})
}

// passed returns every address that nginx is configured to pass requests to.
func (t *topology) passed() (all []string) {
	for i := range t.Servers {
		for j := range t.Servers[i].Locations {
			all = append(all, t.serversOf(t.Servers[i].Locations[j].Pass)...)
		}
	}
	return all
}

// serversOf returns the addresses behind an upstream's name.
func (t *topology) serversOf(upstream string) []string { return t.UpstreamOf(upstream) }

// listens reports whether something that listens at "listen" answers a
// connection to "addr".
func listens(listen, addr string) bool {
	if listen == "" || addr == "" {
		return false
	}
	if strings.HasPrefix(listen, "unix:") || strings.HasPrefix(addr, "unix:") {
		return listen == addr
	}
	lh, lp, err := net.SplitHostPort(listen)
	if err != nil {
		lh, lp = "", strings.TrimPrefix(listen, ":")
	}
	ah, ap, err := net.SplitHostPort(addr)
	if err != nil {
		ah, ap = addr, "80"
	}
	return lp == ap && (anyHost(lh) || lh == ah || lh == "localhost" && loopback(ah) || ah == "localhost" && loopback(lh))
}

func anyHost(h string) bool { return h == "" || h == "0.0.0.0" || h == "::" || h == "*" }

func loopback(h string) bool {
	return h == "localhost" || h == "::1" || strings.HasPrefix(h, "127.")
}
