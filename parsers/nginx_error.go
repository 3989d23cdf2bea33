package parsers

import (
	"bytes"

	"culprit"
)

// nginxErrorFormats are ngx_log_error_core in src/core/ngx_log.c; what stands
// behind the message is added by the log handlers of http, stream, mail and the
// OCSP client.
var nginxErrorFormats = []*format{
	{name: "nginx_error", first: "2", peel: peelNginxError, exact: true, parse: parseNginxError,
		rules: nginxErrorRules},
	{name: "nginx_untimed", first: "[012cnru", signs: signColon, peel: peelNginxUntimed, parse: parseNginxError,
		rules: nginxErrorRules},
	{name: "nginx_stderr", first: "n", signs: signBracket, peel: peelNginxStderr, parse: parseNginxError},
}

var nginxErrorRules = []*rule{nginxCutRule, nginxStderrRule, nginxLuaRule, nginxWrapRule}

// peelNginxUntimed takes a line of which someone cut the date, the time, or all
// that stands before the message:
//
//	10:00:01 [error] 287#287: *1624 message
//	[error] 287#287: *1624 message
//	connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, ..., upstream: "http://..."
func peelNginxUntimed(_ *clock, line []byte, e *Envelope) bool {
	at := 0
	if digit(line[0]) {
		if len(line) < 28 || line[8] != ' ' || line[9] != '[' || line[2] != ':' {
			return false
		}
		if _, ok := clockDigits(line); !ok {
			return false
		}
		at = 9
	}
	if line[at] != '[' {
		if !nginxBare(line) {
			return false
		}
		e.Body = line
		return true
	}
	severity, n := nginxLevel(line[at+1:])
	if n == 0 {
		return false
	}
	pid, _, k := nginxPID(line[at+1+n:])
	if k == 0 {
		return false
	}
	if at > 0 && e.TimeText == "" {
		e.TimeText = text(line[:8])
	}
	e.Severity = severity
	e.PID = pid
	e.Body = line[at+1+n:]
	return true
}

// nginxBare reports whether a line is the message of a failed upstream with its
// context and nothing else.
func nginxBare(line []byte) bool {
	known := false
	for _, p := range [...]string{"connect() ", "no live upstreams while ", "recv() failed (", "upstream timed out (", "upstream prematurely closed ", "upstream sent "} {
		known = known || bytes.HasPrefix(line, []byte(p))
	}
	return known && bytes.Contains(line, clientField) && bytes.Contains(line, []byte(`, upstream: "`))
}

// peelNginxError takes the start of
//
//	2026/11/22 08:22:33 [error] 287#287: *1624 message, client: 203.0.113.182, server: ...
//
// and leaves the body from the pid on.
func peelNginxError(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 28 || line[19] != ' ' || line[4] != '/' {
		return false
	}
	at := 20
	if line[at] == ' ' {
		at++
	}
	if line[at] != '[' {
		return false
	}
	severity, n := nginxLevel(line[at+1:])
	if n == 0 {
		return false
	}
	body := line[at+1+n:]
	pid, _, k := nginxPID(body)
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
	e.Body = body
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

// nginxWrapRule joins a line that was broken before its context, at the width
// of a mail or a page.
var nginxWrapRule = &rule{
	name: "nginx wrapped line",
	head: func(_ *Envelope, body []byte) bool {
		if startsContext(body) {
			return false
		}
		_, _, n := nginxPID(body)
		_, k := nginxConnection(body[n:])
		return k > 0 && !bytes.Contains(body, clientField) && !wrappedField(body)
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		const inContext = 1
		b := bytes.TrimLeft(body, " \t")
		client := bytes.Index(b, clientField)
		switch {
		case *state == 0 && (client > 0 && isPhase(text(b[:client])) || bytes.HasPrefix(b, clientField[2:])):
			*state = inContext
		case *state == 0 && bytes.HasPrefix(b, []byte("while ")):
			return stepMaybe
		case *state == inContext && wrappedField(b):
		default:
			return stepEnd
		}
		if bytes.Contains(body, []byte(`host: "`)) {
			return stepLast
		}
		return stepJoin
	},
}

// wrappedField reports whether a line begins with a field of the context, or
// holds one.
func wrappedField(b []byte) bool {
	for _, name := range [...]string{"server: ", "request: \"", "upstream: \"", "host: \"", "referrer: \""} {
		if i := bytes.Index(b, []byte(name)); i == 0 || i > 1 && b[i-2] == ',' {
			return true
		}
	}
	return false
}

// unwrap returns a message that was broken into several lines as one, and
// messages of several lines as they are.
func unwrap(message []byte) []byte {
	lead := begin(message)
	if bytes.Contains(lead, []byte(` in stderr: "`)) || bytes.Contains(lead, []byte("lua")) {
		return message
	}
	whole := make([]byte, 0, len(message))
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		if len(whole) > 0 && whole[len(whole)-1] != ' ' {
			whole = append(whole, ' ')
		}
		whole = append(whole, bytes.TrimLeft(line, " \t")...)
	}
	return whole
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
		return !startsContext(body) && bytes.Contains(begin(body), []byte(` in stderr: "`)) && !bytes.Contains(body, clientField)
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
		return !startsContext(body) && bytes.Contains(begin(body), []byte("lua")) && !bytes.Contains(body, clientField) && !bytes.Contains(body, []byte(", context: "))
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

// startsContext reports whether the first comma of a body begins its context, as
// in nearly all lines.
func startsContext(b []byte) bool {
	i := bytes.IndexByte(b, ',')
	return i >= 0 && bytes.HasPrefix(b[i:], clientField)
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
	if bytes.IndexByte(message, '\n') >= 0 {
		message = unwrap(message)
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
