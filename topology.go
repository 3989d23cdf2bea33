package culprit

import "strings"

// A Topology says who serves what: which addresses nginx connects to for which
// host, and which services could listen there. It is read from configuration
// (internal/topology) and completed by what the logs say. Its zero value knows
// nothing.
type Topology struct {
	Servers   []Server
	Groups    []UpstreamGroup
	Services  []Service
	Listeners []Listener        // sockets as of when they were looked at, not of when something failed
	Formats   map[string]string // log_format name to its text
	Addresses []string          // addresses of the machine's own interfaces, loopback left off; empty if unknown
	Zone      string            // IANA zone of the machine (etc/timezone, timedatectl), "" if unknown
}

// A Server is one server block of nginx.
type Server struct {
	Names      []string // server_name, in order; "_" and "" count as no name
	Listen     []string // as written: "80", "443 ssl", "[::]:80"
	AccessLogs []Log    // in force in the block or one of its locations, inherited ones included
	ErrorLogs  []Log
	Locations  []Location
	File       string // configuration file
	Line       int    // of the block, from 1
}

// A Location is one location block that passes requests on.
type Location struct {
	Match       string // as written, without the word location: "/api/", "~ \\.php$"
	Directive   string // proxy_pass, fastcgi_pass, uwsgi_pass, scgi_pass or grpc_pass
	Pass        string // its target as written, except that variables with a constant value are replaced
	ReadTimeout string // proxy_read_timeout in force, "" if nginx's default (60s)
	File        string // configuration file
	Line        int    // of the pass directive, from 1
}

// A Log is a log directive of nginx, with its path as configured.
type Log struct {
	Path   string
	Format string // name of a log_format of an access log, level of an error log
}

// An UpstreamGroup is one upstream block of nginx.
type UpstreamGroup struct {
	Name    string
	Servers []string // address:port or unix:/path, parameters left off
	File    string   // configuration file
	Line    int      // of the block, from 1
}

// A Listener is a listening socket and who holds it, as /proc or ss showed it.
type Listener struct {
	Address string // "127.0.0.1:3000", "0.0.0.0:80", "[::]:80", "unix:/run/app.sock"
	PID     int    // 0 if it could not be seen; 1 is a socket that systemd holds
	Process string // "node"
	Service string // name of one of Services, "" if it is none of them
	Manager string // of that service
}

// A Service is something that runs and can fail. One whose Unit is a template
// ("reports@.service") stands for its instances, see [Topology.AddInstance].
type Service struct {
	Name       string   // as people call it: unit without .service, program, app, container
	Manager    string   // systemd, supervisor, pm2, docker or "" (a script)
	Unit       string   // the systemd unit; of the manager itself for a managed program
	ID         string   // of a container, 64 hexadecimal digits
	Listen     []string // where it listens or is expected to: "127.0.0.1:3000", ":3000", "unix:/run/app.sock"
	Dir        string   // working directory
	Command    string
	User       string
	Logs       []string          // files that it writes to (stdout, stderr), as configured
	Env        map[string]string // as configured; only what names a port, host or socket is kept, of a URL scheme, host and port
	Requires   []string          // units or services that it needs (Requires, Requisite, BindsTo, depends_on)
	Wants      []string          // units that are started with it
	After      []string          // units that it waits for
	Memory     int64             // limit in bytes (MemoryMax, max_memory_restart, a listener's), 0 if none
	MemoryBy   string            // the setting that sets it, as written: "MemoryMax=300M"
	Heap       int64             // V8's old-space limit in bytes (--max-old-space-size), 0 if not set
	Restart    string            // restart policy as written: "Restart=always", "autorestart=true"
	StartLimit string            // when its manager gives up, as written: "StartLimitBurst=5 StartLimitIntervalSec=10s", "startretries=3"
	Watches    []string          // programs that an event listener of supervisor watches
	File       string            // where it is configured
}

// UpstreamOf returns the addresses behind the target of a pass directive: the
// servers of a group, or the address itself; nil if it depends on a variable.
func (t *Topology) UpstreamOf(pass string) []string {
	addr := PassAddress(pass)
	for _, g := range t.Groups {
		if g.Name == addr {
			return g.Servers
		}
	}
	if addr == "" || strings.Contains(addr, "$") {
		return nil
	}
	return []string{addr}
}
