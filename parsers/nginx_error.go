package parsers

import (
	"bytes"
	"strings"

	"culprit"
)

// nginxErrorFormats are ngx_log_error_core in src/core/ngx_log.c; what stands
// behind the message is added by the log handlers of http, stream, mail and the
// OCSP client.
var nginxErrorFormats = []*format{
	{name: "nginx_error", first: "2", peel: peelNginxError, exact: true, parse: parseNginxError,
		rules: []*rule{nginxCutRule, nginxStderrRule, nginxLuaRule}},
	{name: "nginx_stderr", first: "n", peel: peelNginxStderr, parse: parseNginxError},
}

// peelNginxError takes the start of
//
//	2026/11/22 08:22:33 [error] 287#287: *1624 message, client: 203.0.113.182, server: ...
//
// and leaves the body from the pid on.
func peelNginxError(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 28 || line[19] != ' ' || line[20] != '[' || line[4] != '/' {
		return false
	}
	severity, n := nginxLevel(line[21:])
	if n == 0 {
		return false
	}
	pid, _, k := nginxPID(line[21+n:])
	if k == 0 {
		return false
	}
	t, ok := c.slashTime(line)
	if !ok {
		return false
	}
	e.Time, e.TimeText, e.Zoned = t, text(line[:19]), false
	e.Severity = severity
	e.PID = pid
	e.Body = line[21+n:]
	return true
}

// peelNginxStderr takes "nginx: [emerg] message", what nginx prints before it
// has a log: at nginx -t, at a start, in the journal.
func peelNginxStderr(_ *clock, line []byte, e *Envelope) bool {
	const head = "nginx: ["
	if len(line) < len(head)+8 || string(line[:len(head)]) != head {
		return false
	}
	severity, n := nginxLevel(line[len(head):])
	if n == 0 {
		return false
	}
	e.Severity = severity
	e.Body = line[len(head)+n:]
	return true
}

// nginxLevel reads "error] ".
func nginxLevel(b []byte) (culprit.Severity, int) {
	i := bytes.IndexByte(b[:min(len(b), 8)], ']')
	if i < 4 || i+1 >= len(b) || b[i+1] != ' ' {
		return culprit.SeverityNone, 0
	}
	switch string(b[:i]) {
	case "error":
		return culprit.SeverityError, i + 2
	case "crit":
		return culprit.SeverityCritical, i + 2
	case "warn":
		return culprit.SeverityWarning, i + 2
	case "notice":
		return culprit.SeverityNotice, i + 2
	case "info":
		return culprit.SeverityInfo, i + 2
	case "alert":
		return culprit.SeverityAlert, i + 2
	case "emerg":
		return culprit.SeverityEmergency, i + 2
	case "debug":
		return culprit.SeverityDebug, i + 2
	}
	return culprit.SeverityNone, 0
}

// nginxPID reads "287#287: ".
func nginxPID(b []byte) (pid, tid, n int) {
	for n < len(b) && n < 12 && b[n]-'0' <= 9 {
		pid = pid*10 + int(b[n]-'0')
		n++
	}
	if n == 0 || n >= len(b) || b[n] != '#' {
		return 0, 0, 0
	}
	n++
	from := n
	for n < len(b) && n < from+16 && b[n]-'0' <= 9 {
		tid = tid*10 + int(b[n]-'0')
		n++
	}
	if n == from || n >= len(b) || b[n] != ':' {
		return 0, 0, 0
	}
	if n++; n < len(b) && b[n] == ' ' {
		n++
	}
	return pid, tid, n
}

// nginxConnection reads "*1624 ".
func nginxConnection(b []byte) (id int64, n int) {
	if len(b) < 3 || b[0] != '*' {
		return 0, 0
	}
	n = 1
	for n < len(b) && n < 19 && b[n]-'0' <= 9 {
		id = id*10 + int64(b[n]-'0')
		n++
	}
	if n == 1 || n >= len(b) || b[n] != ' ' {
		return 0, 0
	}
	return id, n + 1
}

var clientField = []byte(", client: ")

// nginxCutRule joins a line that was cut between two fields of the context, as
// happens when it is pasted.
var nginxCutRule = &rule{
	name: "nginx cut line",
	head: func(_ *Envelope, body []byte) bool { return endsWithComma(body) },
	next: func(_ *Envelope, body []byte, _ *int) step {
		for _, name := range [...]string{"client: ", "server: ", "request: ", "subrequest: ", "upstream: ", "host: ", "referrer: "} {
			if bytes.HasPrefix(bytes.TrimLeft(body, " \t"), []byte(name)) {
				if endsWithComma(body) {
					return stepJoin
				}
				return stepLast
			}
		}
		return stepEnd
	},
}

func endsWithComma(b []byte) bool {
	n := len(b)
	for n > 0 && b[n-1] == ' ' {
		n--
	}
	return n > 0 && b[n-1] == ','
}

// nginxStderrRule joins what an application wrote to its standard error over
// several lines: FastCGI sent in stderr: "PHP message: ...
var nginxStderrRule = &rule{
	name: "nginx stderr",
	head: func(_ *Envelope, body []byte) bool {
		return bytes.Contains(begin(body), []byte(` in stderr: "`)) && !bytes.Contains(body, clientField)
	},
	next: func(_ *Envelope, body []byte, _ *int) step {
		switch {
		case bytes.Contains(body, clientField):
			return stepLast
		case len(body) == 0:
			return stepMaybe
		case tailMark(body):
			return stepEnd
		}
		return stepJoin
	},
}

// nginxLuaRule joins a Lua error and its traceback, whose last line carries the
// context, and messages of several lines that Lua code logged.
var nginxLuaRule = &rule{
	name: "nginx lua",
	head: func(_ *Envelope, body []byte) bool {
		return bytes.Contains(begin(body), []byte("lua")) && !bytes.Contains(body, clientField)
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		switch {
		case len(body) == 0:
			return stepMaybe
		case tailMark(body):
			return stepEnd
		case bytes.HasPrefix(body, []byte("stack traceback:")), bytes.HasPrefix(body, []byte("coroutine ")):
			*state = 1
		case body[0] != ' ' && body[0] != '\t' && *state == 1:
			return stepEnd
		}
		if bytes.Contains(body, clientField) {
			return stepLast
		}
		return stepJoin
	},
}

// begin returns the part of a body in which its sort shows.
func begin(b []byte) []byte { return b[:min(len(b), 96)] }

// tailMark reports whether a body is what tail prints between files.
func tailMark(b []byte) bool {
	return bytes.HasPrefix(b, []byte("==> ")) && bytes.HasSuffix(b, []byte(" <=="))
}

// parseNginxError reads the body that the two formats leave.
func parseNginxError(c *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	if pid, tid, n := nginxPID(body); n > 0 {
		r.PID = pid
		r.Attrs.AddInt("tid", int64(tid))
		body = body[n:]
	}
	connection, n := nginxConnection(body)
	if n > 0 {
		r.Attrs.AddInt("connection", connection)
		body = body[n:]
	}
	from := nginxContext(body)
	message := body[:from]
	for k := len(message); k > 0 && (message[k-1] == ' ' || message[k-1] == '\n'); k-- {
		message = message[:k-1]
	}
	r.Message = text(message)
	m := c.nginx.message(message, n > 0, nginxFields(body[from:], r), r.Severity)
	r.Attrs.Add("phase", m.phase)
	if m.errno >= 0 {
		r.Attrs.AddInt("errno", int64(m.errno))
		r.Attrs.Add("errno_text", m.errnoText)
	}
	r.Attrs.Add("syscall", m.syscall)
	r.Attrs.Add("connect_addr", m.address)
	r.Kind = m.kind
	return true
}

// An nginxMemory holds the messages that were read last: in an outage the same
// few come again and again, and only their contexts differ.
type nginxMemory [8]struct {
	raw     []byte
	message nginxMessage // its strings lie in raw
}

// message reads a message. The result is valid until the next call.
func (m *nginxMemory) message(b []byte, connection, upstream bool, severity culprit.Severity) *nginxMessage {
	e := &m[len(b)%len(m)]
	if !bytes.Equal(e.raw, b) {
		e.raw = append(e.raw[:0], b...)
		e.message = nginxMessage{}
		e.message.read(text(e.raw))
	} else if e.message.connection == connection && e.message.upstream == upstream && e.message.severity == severity {
		return &e.message
	}
	e.message.connection, e.message.upstream, e.message.severity = connection, upstream, severity
	e.message.kind = e.message.meaning(upstream || strings.Contains(e.message.phase, "upstream"))
	return &e.message
}

// nginxContext returns where the context of a message begins: the fields that
// log handlers append, the first of which is nearly always the client. Messages
// may hold what a client sent, so a client must look like one.
func nginxContext(b []byte) int {
	first, inside, quotes, counted := -1, -1, 0, 0
	for i := 0; i < len(b); {
		k := bytes.IndexByte(b[i:], ',')
		if k < 0 {
			break
		}
		i += k
		name, n := nginxKey(b[i:])
		if n > 0 {
			quotes += bytes.Count(b[counted:i], []byte{'"'})
			counted = i
		}
		if n > 0 && (quotes%2 == 0 || first >= 0) {
			switch name {
			case "client":
				if value := b[i+n:]; len(value) > 0 && (isHex(value[0]) || value[0] == ':' || bytes.HasPrefix(value, []byte("unix:"))) {
					return i
				}
			case "responder", "resolver", "context", "peer":
				return i
			}
			if first < 0 {
				first = i
			}
		} else if n > 0 && inside < 0 {
			inside = i // between quotes: a part of a name, or of a message with odd quotes
		}
		i++
	}
	switch {
	case first >= 0:
		return first
	case inside >= 0:
		return inside
	}
	return len(b)
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }

// nginxKey reads ", name: " at the start of b and returns the attribute's name
// and the length of all, 0 if there is no field. White space may be a newline.
func nginxKey(b []byte) (name string, n int) {
	i := 1
	for i < len(b) && (b[i] == ' ' || b[i] == '\n') {
		i++
	}
	if i == 1 || i+5 > len(b) {
		return "", 0
	}
	rest := b[i:]
	var key string
	switch rest[0] {
	case 'c':
		switch {
		case rest[1] == 'l':
			key = "client"
		case rest[1] == 'e':
			key = "certificate"
		default:
			key = "context"
		}
	case 's':
		if key = "server"; rest[1] == 'u' {
			key = "subrequest"
		}
	case 'r':
		switch {
		case rest[2] == 'q':
			key = "request"
		case rest[2] == 'f':
			key = "referrer"
		case rest[3] == 'p':
			key = "responder"
		default:
			key = "resolver"
		}
	case 'u':
		if key = "upstream"; rest[1] == 'd' {
			key = "udp client"
		}
	case 't':
		key = "tcp client"
	case 'h':
		key = "host"
	case 'l':
		key = "login"
	case 'p':
		key = "peer"
	case 'b':
		if key = "bytes from/to client"; len(rest) > 14 && rest[14] == 'u' {
			key = "bytes from/to upstream"
		}
	default:
		return "", 0
	}
	if len(rest) < len(key)+1 || string(rest[:len(key)]) != key || rest[len(key)] != ':' {
		return "", 0
	}
	n = i + len(key) + 1
	if n < len(b) && b[n] == ' ' {
		n++
	} else if n < len(b) && b[n] != '"' && key != "bytes from/to client" && key != "bytes from/to upstream" {
		return "", 0
	}
	switch key {
	case "udp client", "tcp client":
		key = "client"
	case "bytes from/to client":
		key = "bytes_client"
	case "bytes from/to upstream":
		key = "bytes_upstream"
	}
	return key, n
}

// nginxFields adds the context to the attributes and reports whether it names
// an upstream.
func nginxFields(b []byte, r *culprit.Record) (upstream bool) {
	if len(b) == 0 {
		return false
	}
	name, n := nginxKey(b)
	for n > 0 {
		b = b[n:]
		var value []byte
		field := name
		if len(b) > 0 && b[0] == '"' {
			value, b, name, n = quotedValue(b[1:], name == "request")
		} else {
			value, b, name, n = bareValue(b)
		}
		if len(value) == 0 {
			continue
		}
		switch field {
		case "request":
			r.Attrs.Add("request", text(value))
			addRequestLine(r, value)
			continue
		case "upstream":
			upstream = true
		}
		r.Attrs.Add(field, text(value))
	}
	return upstream
}

// quotedValue returns the text up to the quote that ends a field, what follows
// and the name of the next field: behind that quote stands nothing or another
// field. What a client sends may imitate that; a request line ends with its
// protocol if it has one.
func quotedValue(b []byte, request bool) (value, rest []byte, next string, n int) {
	if request {
		for i := 0; i < len(b); {
			k := bytes.IndexByte(b[i:], '"')
			if k < 0 {
				break
			}
			i += k
			if i > 8 && string(b[i-8:i-3]) == "HTTP/" {
				if i+1 == len(b) {
					return b[:i], nil, "", 0
				}
				if b[i+1] == ',' {
					if next, n = nginxKey(b[i+1:]); n > 0 {
						return b[:i], b[i+1:], next, n
					}
				}
			}
			i++
		}
	}
	for i := 0; i < len(b); i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			break
		}
		i += k
		if i+1 == len(b) {
			return b[:i], nil, "", 0
		}
		switch b[i+1] {
		case ',':
			if next, n = nginxKey(b[i+1:]); n > 0 {
				return b[:i], b[i+1:], next, n
			}
			if blank(b[i+2:]) {
				return b[:i], nil, "", 0
			}
		case ' ', '\n':
			if blank(b[i+1:]) {
				return b[:i], nil, "", 0
			}
		}
	}
	return b, nil, "", 0 // cut
}

func bareValue(b []byte) (value, rest []byte, next string, n int) {
	for i := 0; i < len(b); i++ {
		k := bytes.IndexByte(b[i:], ',')
		if k < 0 {
			break
		}
		i += k
		if next, n = nginxKey(b[i:]); n > 0 {
			return b[:i], b[i:], next, n
		}
	}
	return bytes.TrimRight(b, ", \n"), nil, "", 0
}

// blank reports whether the few bytes of b are all white space; a long rest is
// not looked through again and again.
func blank(b []byte) bool { return len(b) < 8 && len(bytes.TrimSpace(b)) == 0 }

// addRequestLine adds method, path and protocol of "GET /path HTTP/1.1".
func addRequestLine(r *culprit.Record, line []byte) {
	method, path, protocol := splitRequest(line)
	r.Attrs.Add("method", text(method))
	r.Attrs.Add("path", text(path))
	r.Attrs.Add("protocol", text(protocol))
}

// splitRequest splits a request line; what is no request gives nothing.
func splitRequest(line []byte) (method, path, protocol []byte) {
	i := bytes.IndexByte(line, ' ')
	if i <= 0 || i > 24 {
		return nil, nil, nil
	}
	for _, c := range line[:i] {
		if (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return nil, nil, nil
		}
	}
	method, path = line[:i], line[i+1:]
	if j := bytes.LastIndexByte(path, ' '); j >= 0 && bytes.HasPrefix(path[j+1:], []byte("HTTP/")) {
		path, protocol = path[:j], path[j+1:]
	}
	return method, path, protocol
}

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
	for from := 0; ; { // forwards, which strings.Index is much faster at
		i := strings.Index(s[from:], " while ")
		if i < 0 {
			if from > 0 && isPhase(s[from:]) {
				m.phase, rest = s[from:], s[:from-7]
			}
			break
		}
		from += i + 7
	}
	if n := len(rest); n > 0 && rest[n-1] == ')' {
		// (111: Connection refused); the text of some systems has parentheses itself.
		for i := strings.LastIndexByte(rest, '('); i >= 0; i = strings.LastIndexByte(rest[:i], '(') {
			k := i + 1
			v := 0
			for k < n && k < i+8 && rest[k]-'0' <= 9 {
				v = v*10 + int(rest[k]-'0')
				k++
			}
			if k > i+1 && k+2 < n && rest[k] == ':' && rest[k+1] == ' ' {
				m.errno, m.errnoText = v, rest[k+2:n-1]
				break
			}
			if n-i > 300 {
				break
			}
		}
	} else if i := strings.LastIndexByte(rest, '('); i >= 0 {
		m.innerErrno(rest, i)
	}
	if i := strings.IndexByte(s, '('); i > 0 && i < 32 {
		word := true
		for _, c := range []byte(s[:i]) {
			word = word && (isWord(c) && c < 0x80)
		}
		if word && strings.Contains(s[i:], " failed") {
			m.syscall = s[:i]
			if m.syscall == "connect" && strings.HasPrefix(s[i:], "() to ") {
				if j := strings.Index(s[i:], " failed"); j > 6 {
					m.address = s[i+6 : i+j]
				}
			}
		}
	}
	if strings.HasPrefix(s, "kevent() reported that connect() failed") {
		m.syscall = "connect"
	}
}

// innerErrno reads (13: Permission denied) where more text follows it.
func (m *nginxMessage) innerErrno(s string, i int) {
	k := i + 1
	v := 0
	for k < len(s) && k < i+8 && s[k]-'0' <= 9 {
		v = v*10 + int(s[k]-'0')
		k++
	}
	if k == i+1 || k+2 >= len(s) || s[k] != ':' || s[k+1] != ' ' {
		return
	}
	if j := strings.IndexByte(s[k:], ')'); j > 2 {
		m.errno, m.errnoText = v, s[k+2:k+j]
	}
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
	case "open", "openat", "stat", "fstat", "fstatat", "lstat", "rename", "unlink", "mkdir", "rmdir", "opendir", "readdir", "chmod", "chown", "utimes", "pread", "pwrite", "read", "write",
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
