package parsers

import (
	"bytes"
	"strings"

	"culprit"
)

// An nginxMessage is what stands between the connection and the context.
type nginxMessage struct {
	text       string
	phase      string // behind "while"
	errno      int    // -1 if none
	errnoText  string
	syscall    string
	address    string // that connect() failed to
	connection bool   // it is about one
	upstream   bool   // its context names one
	severity   culprit.Severity
	kind       culprit.Kind
}

func (m *nginxMessage) read(s string) {
	m.text, m.errno = s, -1
	rest := s
	// The pair of errno and text ends the message, or stands before the phase, or
	// before the place in a configuration file.
	if strings.HasSuffix(s, ")") {
		rest = m.errnoPair(s)
	}
	for from := 0; ; { // forwards, which strings.Index is much faster at
		i := strings.Index(rest[from:], " while ")
		if i < 0 {
			if from > 0 && isPhase(rest[from:]) {
				m.phase, rest = rest[from:], rest[:from-7]
			}
			break
		}
		from += i + 7
	}
	if m.errno < 0 {
		m.errnoPair(rest)
	}
	if i := strings.IndexByte(s, '('); i > 0 && i < 32 && isName(s[:i]) && strings.Contains(s[i:], " failed") {
		m.syscall = s[:i]
		if m.syscall == "connect" && strings.HasPrefix(s[i:], "() to ") {
			if j := strings.Index(s[i:], " failed"); j > 6 {
				m.address = s[i+6 : i+j]
			}
		}
	}
	if strings.HasPrefix(s, "kevent() reported that connect() failed") {
		m.syscall = "connect"
	}
}

// errnoPair reads the last (111: Connection refused) of s and returns what
// stands before it, or s if there is none. The text has parentheses itself on
// some systems.
func (m *nginxMessage) errnoPair(s string) (before string) {
	end := len(s)
	for range 4 {
		i := strings.LastIndexByte(s[:end], '(')
		if i < 0 {
			break
		}
		end = i
		k, v := i+1, 0
		for k < len(s) && k < i+8 && s[k]-'0' <= 9 {
			v = v*10 + int(s[k]-'0')
			k++
		}
		if k == i+1 || k+2 >= len(s) || s[k] != ':' || s[k+1] != ' ' {
			continue
		}
		n := len(s) - 1
		if s[n] != ')' {
			if n = strings.IndexByte(s[k:], ')'); n < 0 {
				break
			}
			n += k
		}
		m.errno, m.errnoText = v, s[k+2:n]
		return strings.TrimSuffix(s[:i], " ")
	}
	return s
}

// isName reports whether s can be the name of a system call.
func isName(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) || s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isPhase reports whether what stands behind "while" is what a connection was
// doing and not part of a message.
func isPhase(s string) bool {
	if len(s) == 0 || len(s) > 80 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isWord(c) && c != ' ' && c != '/' && c != '-' && c != '.' && c != ':' && c != '"' && c != '&' && c != '\'' {
			return false
		}
	}
	return true
}

// meaning says what a message means; upstream, whether it is about one. The
// phrases are those of nginx's source and of the modules named beside them.
func (m *nginxMessage) meaning(upstream bool) culprit.Kind {
	s := m.text
	starts, has := func(p string) bool { return strings.HasPrefix(s, p) }, func(p string) bool { return strings.Contains(s, p) }
	switch {
	case starts("connect() ") || starts("kevent() reported that connect()"):
		switch {
		case m.phase == "resolving" || has("resolver"):
			return culprit.KindResolveFailed
		case upstream:
			return culprit.KindUpstreamConnectFailed
		}
		return ""
	case starts("kevent() reported about an closed connection"):
		return m.ioKind()
	case upstream && m.phase == "connecting to upstream" && (starts("bind(") || starts("getsockname() ")):
		return culprit.KindUpstreamConnectFailed // proxy_bind
	case starts("upstream "):
		return m.upstreamKind(s[len("upstream "):])
	case starts("no live upstreams"):
		return culprit.KindUpstreamNoLive
	case starts("recv()"), starts("WSARecv()"), starts("readv()"), starts("send()"), starts("WSASend()"), starts("writev()"), starts("sendfile()"), starts("sendto()"), starts("sendmsg()"),
		starts("recvmsg()"), starts("recvfrom()"), starts("SSL_read()"), starts("SSL_write()"), starts("sendfilev()"), starts("sendfile64()"):
		return m.ioKind()
	case starts("FastCGI sent in stderr"), has(" sent in stderr: "):
		return culprit.KindUpstreamStderr
	case has("worker_connections are not enough"), has("worker_connections is not enough"):
		return culprit.KindResourceExhausted
	case starts("limiting requests"), starts("delaying request"), starts("limiting connections"):
		return culprit.KindRateLimited
	case starts("proxy_connect: upstream connect timed out"), starts("proxy_connect: upstream read timed out"): // ngx_http_proxy_connect_module
		return culprit.KindUpstreamTimeout
	case starts("proxy_connect: connect() "):
		return culprit.KindUpstreamConnectFailed
	case starts("bind() "), starts("still could not bind"), starts("listen() to "), m.severity == culprit.SeverityEmergency && starts("socket() "):
		return culprit.KindBindFailed
	case has("could not be resolved"), starts("no resolver defined"), starts("unexpected DNS response"), starts("unexpected A record"), m.phase == "resolving":
		return culprit.KindResolveFailed
	case starts("host not found in upstream"), starts("host not found in \"") && has("in upstream"), starts("invalid host in upstream") && m.severity == culprit.SeverityEmergency:
		return culprit.KindConfigUpstreamHostNotFound
	}
	if k := m.exhausted(); k != "" {
		return k
	}
	switch {
	case starts("[lua]"), starts("lua "), has("_by_lua"), starts("failed to load inlined Lua"), starts("failed to load external Lua"), starts("stream [lua]"), starts("[lua "),
		starts("Lua "), has("lua tcp socket"), has("lua udp socket"): // ngx_lua
		return culprit.KindLuaError
	case has("ModSecurity"), has("NAXSI_"): // ModSecurity-nginx, naxsi
		return culprit.KindWAF
	case starts("SSL_do_handshake()"), starts("peer closed connection in SSL handshake"), starts("SSL_shutdown()"), starts("SSL_"), starts("client SSL certificate"),
		starts("no \"ssl_certificate\""), starts("OCSP"), starts("client sent no required SSL certificate"), starts("client sent plain HTTP request to HTTPS port"),
		starts("peer shutdown SSL"), starts("no ssl_certificate"), starts("peer started SSL renegotiation"):
		switch {
		case m.severity == culprit.SeverityEmergency:
			return culprit.KindConfigError
		case strings.Contains(m.phase, "upstream"):
			return culprit.KindUpstreamSSLFailed
		}
		return culprit.KindTLSFailed
	case starts("worker process "), starts("cache manager process "), starts("cache loader process "), starts("unknown process ") && has("exited"), starts("privileged agent process "):
		switch {
		case has("cannot be respawned"):
			return culprit.KindWorkerRespawnFailed
		case has(" exited"):
			return culprit.KindWorkerExited
		}
	case starts("could not respawn"):
		return culprit.KindWorkerRespawnFailed
	case starts("client intended to send too large"):
		return culprit.KindBodyTooLarge
	case has("is buffered to a temporary file"):
		return culprit.KindBufferedToDisk
	case starts("user \"") && (has("was not found in") || has("password mismatch")), starts("no user/password was provided"):
		return culprit.KindAuthFailed
	case starts("disable check peer:"), starts("peer is unhealthy"): // tengine's and the commercial health checks
		return culprit.KindUpstreamDisabled
	case m.isFile():
		return culprit.KindFileError
	case m.connection:
		return ""
	}
	switch m.severity {
	case culprit.SeverityEmergency:
		return culprit.KindConfigError
	case culprit.SeverityWarning:
		return culprit.KindConfigWarning
	case culprit.SeverityNotice:
		return culprit.KindNginxNotice
	}
	return ""
}

// upstreamKind is for messages that begin with "upstream", which rest follows.
func (m *nginxMessage) upstreamKind(rest string) culprit.Kind {
	starts := func(p string) bool { return strings.HasPrefix(rest, p) }
	switch {
	case starts("timed out"):
		return culprit.KindUpstreamTimeout
	case starts("prematurely closed"), starts("closed prematurely"):
		return culprit.KindUpstreamPrematureClose
	case starts("server temporarily disabled"):
		return culprit.KindUpstreamDisabled
	case starts("sent too big header"):
		return culprit.KindUpstreamHeaderTooBig
	case starts("SSL certificate"):
		return culprit.KindUpstreamSSLFailed
	case starts("sent "), starts("returned "), starts("closed request record"), starts("rejected request"), starts("does not support"), starts("split a header line"), starts("response is too"):
		return culprit.KindUpstreamBadResponse
	}
	return ""
}

// ioKind is for failures to read from or write to a connection.
func (m *nginxMessage) ioKind() culprit.Kind {
	if m.phase == "resolving" || strings.Contains(m.text, "while resolving") {
		return culprit.KindResolveFailed
	}
	tls := strings.HasPrefix(m.text, "SSL_")
	upstream := strings.Contains(m.phase, "upstream")
	if m.phase == "proxying upgraded connection" || m.phase == "proxying connection" {
		// Nothing says which side it was, but a client's resets are of level info.
		upstream = m.upstream && m.severity <= culprit.SeverityError
	}
	if upstream {
		switch m.errno {
		case 104, 32, 54, 103, 53, 131, 10054, 10053: // reset, broken pipe, aborted: Linux, BSD, musl on MIPS, Windows
			return culprit.KindUpstreamReset
		case 111, 61, 146, 10061:
			return culprit.KindUpstreamConnectFailed
		case 110, 60, 145, 10060:
			return culprit.KindUpstreamTimeout
		}
		if tls {
			return culprit.KindUpstreamSSLFailed
		}
		if m.phase == "connecting to upstream" {
			return culprit.KindUpstreamConnectFailed
		}
		return ""
	}
	if tls {
		return culprit.KindTLSFailed
	}
	return ""
}

// exhausted is for errors of the system that say that something ran out,
// whatever was tried.
func (m *nginxMessage) exhausted() culprit.Kind {
	switch m.errno {
	case 12, 23, 24, 28, 122: // memory, files of the system and of the process, space, quota
		return culprit.KindResourceExhausted
	case 11:
		if m.syscall == "fork" || m.syscall == "pthread_create" {
			return culprit.KindResourceExhausted
		}
	}
	s := m.text
	if strings.HasPrefix(s, "could not allocate ") || strings.HasSuffix(s, "failed: no memory") || strings.Contains(s, " no memory in ") || strings.HasPrefix(s, "no memory") || strings.Contains(s, "no free connection") {
		return culprit.KindResourceExhausted
	}
	return ""
}

// isFile reports whether a message is about a file.
func (m *nginxMessage) isFile() bool {
	if m.severity == culprit.SeverityEmergency && inConfig(m.text) {
		return false
	}
	switch m.syscall {
	case "open", "openat", "chdir", "stat", "fstat", "fstatat", "lstat", "rename", "unlink", "mkdir", "rmdir", "opendir", "readdir", "chmod", "chown", "utimes", "pread", "pwrite", "read", "write",
		"close", "lseek", "truncate", "ftruncate", "realpath", "readlink", "access", "copy", "link", "symlink", "mmap", "OpenEvent", "CreateFile", "MoveFile", "DeleteFile", "GetFileAttributesEx",
		"FindFirstFile", "CreateDirectory", "flock", "fcntl", "preadv", "pwritev":
		return true
	}
	s := m.text
	switch {
	case strings.HasPrefix(s, "directory index of "), strings.HasPrefix(s, "testing \""):
		return true
	case strings.HasPrefix(s, "\"") && (strings.Contains(s, "\" is not found (") || strings.Contains(s, "\" is forbidden (") || strings.Contains(s, "\" is not a directory") || strings.Contains(s, "\" failed (")):
		return true
	case strings.HasPrefix(s, "could not open error log file"):
		return true
	}
	return false
}

// inConfig reports whether a message ends with the place in a configuration
// file: in /etc/nginx/nginx.conf:52
func inConfig(s string) bool {
	i := strings.LastIndex(s, " in ")
	j := strings.LastIndexByte(s, ':')
	return i >= 0 && j > i && digitsLen([]byte(s[j+1:])) == len(s)-j-1 && j+1 < len(s)
}

// An nginxMemory holds the messages that were read last: in an outage the same
// few come again and again, and only their contexts differ.
type nginxMemory struct {
	recent [8]nginxRemembered
	long   nginxMessage // that was too long to keep
}

type nginxRemembered struct {
	raw     []byte       // nil before the first
	message nginxMessage // its strings lie in raw
}

// maxRemembered is the length of messages that are kept. nginx cuts its lines
// at 2 KiB.
const maxRemembered = 4 << 10

// message reads a message. The result is valid until the next call.
func (n *nginxMemory) message(b []byte, connection, upstream bool, severity culprit.Severity) *nginxMessage {
	m := &n.long
	if len(b) > maxRemembered {
		*m = nginxMessage{}
		m.read(text(b))
	} else {
		e := &n.recent[len(b)%len(n.recent)]
		m = &e.message
		switch {
		case e.raw == nil || !bytes.Equal(e.raw, b):
			if e.raw == nil {
				e.raw = make([]byte, 0, 256)
			}
			e.raw = append(e.raw[:0], b...)
			*m = nginxMessage{}
			m.read(text(e.raw))
		case m.connection == connection && m.upstream == upstream && m.severity == severity:
			return m
		}
	}
	m.connection, m.upstream, m.severity = connection, upstream, severity
	m.kind = m.meaning(upstream || strings.Contains(m.phase, "upstream"))
	return m
}
