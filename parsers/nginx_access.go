package parsers

import (
	"bytes"
	"strings"

	"culprit"
)

// nginxAccessFormats read access logs without being told their log_format:
// lines with a time in brackets and a quoted request (combined and what people
// make of it), JSON objects, and fields with names (key=value, LTSV).
var nginxAccessFormats = []*format{
	{name: "nginx_access", peel: peelAccessText, exact: true, parse: parseAccessText},
	{name: "nginx_access_json", first: "{", peel: peelAccessJSON, parse: parseAccessJSON},
	{name: "nginx_access_fields", peel: peelAccessFields, parse: parseAccessFields},
}

// An access is what an access log says about one request; all of it aliases the
// line. The names are those of nginx's variables.
type access struct {
	at, client, host, server                         []byte
	request, method, path, uri, args, protocol       []byte
	status, bytes, requestTime                       []byte
	upstream, upstreamStatus, upstreamTime, connect  []byte
	header, referrer, agent, user, id, forwarded, up []byte
	foreign                                          bool // a field that an application's logger has and no access log
}

// fill gives r its Kind and attributes.
func (a *access) fill(r *culprit.Record) {
	status := intOf(a.status)
	method, path, protocol := a.method, a.path, a.protocol
	if len(a.request) > 0 {
		m, p, v := splitRequest(a.request)
		if len(m) > 0 {
			method, path, protocol = m, p, v
		}
	}
	if len(path) == 0 {
		if path = a.uri; len(a.args) > 0 && string(a.args) != "-" && len(path) > 0 {
			path = append(append(append([]byte(nil), path...), '?'), a.args...)
		}
	}
	addr := func(key string, b []byte) {
		if len(b) > 0 && string(b) != "-" {
			r.Attrs = append(r.Attrs, culprit.Attr{Key: key, Value: culprit.String(text(b))})
		}
	}
	addr("client", a.client)
	addr("method", method)
	addr("path", path)
	addr("protocol", protocol)
	r.Attrs.AddInt("status", int64(status))
	if len(a.bytes) > 0 && digitsLen(a.bytes) == len(a.bytes) {
		r.Attrs.AddInt("bytes", int64(intOf(a.bytes)))
	}
	addr("host", a.host)
	addr("server", a.server)
	final := status
	if len(a.upstream) > 0 && string(a.upstream) != "-" {
		last := lastOfList(a.upstream)
		addr("upstream", last)
		if len(last) != len(a.upstream) {
			r.Attrs.AddValue("upstream_list", culprit.Strings(splitList(a.upstream)))
		}
	}
	if len(a.upstreamStatus) > 0 && string(a.upstreamStatus) != "-" {
		last := lastOfList(a.upstreamStatus)
		if len(last) != len(a.upstreamStatus) {
			r.Attrs.AddValue("upstream_status", culprit.Strings(splitList(a.upstreamStatus)))
		} else {
			addr("upstream_status", last)
		}
		// A client that left before the answer got none, whatever the upstream said.
		if n := intOf(last); n >= 100 && n < 1000 && status != 499 {
			final = n
		}
	}
	r.Attrs.AddInt("final_status", int64(final))
	addr("request_time", a.requestTime)
	addr("upstream_response_time", a.upstreamTime)
	addr("upstream_connect_time", a.connect)
	addr("upstream_header_time", a.header)
	addr("upstream_name", a.up)
	addr("referrer", a.referrer)
	addr("user_agent", a.agent)
	addr("forwarded_for", a.forwarded)
	addr("request_id", a.id)
	addr("user", a.user)
	switch {
	case status == 499:
		r.Kind = culprit.KindHTTPClientClosed
	case status >= 500 && status < 600:
		r.Kind = culprit.KindHTTP5xx
	default:
		r.Kind = culprit.KindHTTPRequest
	}
}

func intOf(b []byte) int {
	n, _ := digits(b)
	return n
}

// lastOfList returns the last entry of a list of upstreams: "a, b : c" is two
// tries in one group and one in another after an internal redirect.
func lastOfList(b []byte) []byte {
	if i := bytes.LastIndexByte(b, ' '); i >= 0 {
		return b[i+1:]
	}
	if i := bytes.LastIndexByte(b, ','); i >= 0 && i+1 < len(b) {
		return b[i+1:]
	}
	return b
}

func splitList(b []byte) []string {
	var list []string
	for _, f := range bytes.FieldsFunc(b, func(r rune) bool { return r == ',' || r == ' ' }) {
		if string(f) != ":" {
			list = append(list, text(f))
		}
	}
	return list
}

// clfTime reads 22/Nov/2026:08:21:36 +0100 at the start of b and returns its
// length.
func (c *clock) clfTime(b []byte) stamp {
	if len(b) < 20 || b[2] != '/' || b[6] != '/' || b[11] != ':' {
		return stamp{}
	}
	return c.scan(b)
}

// clfStart returns where a time of the common log format stands behind a
// bracket within the first fields of a line, -1 if there is none.
func clfStart(line []byte) int {
	from := 0
	for range 4 {
		i := bytes.IndexByte(line[from:], '[')
		if i < 0 {
			return -1
		}
		from += i + 1
		if len(line)-from < 22 {
			return -1
		}
		if b := line[from:]; b[2] == '/' && b[6] == '/' && b[11] == ':' && b[14] == ':' {
			return from
		}
	}
	return -1
}

// peelAccessText takes a line with [22/Nov/2026:08:21:36 +0100] and behind it a
// quoted request and a status.
func peelAccessText(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 40 || line[0] == '{' {
		return false
	}
	i := clfStart(line)
	if i < 0 || i > 512 {
		return false
	}
	s := c.clfTime(line[i:])
	if s.n == 0 || i+s.n >= len(line) || line[i+s.n] != ']' {
		return false
	}
	q := bytes.IndexByte(line[i+s.n:], '"')
	if q < 0 || q > 300 {
		return false
	}
	q += i + s.n + 1
	n := quoteEnd(line[q:])
	if n < 0 || !statusFollows(line[q+n+1:]) {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(line[i:i+s.n]), s.zoned
	e.Body = line
	return true
}

// quoteEnd returns the index of the quote that ends a field, -1 if none does.
// Apache escapes quotes by a backslash, nginx as \x22.
func quoteEnd(b []byte) int {
	for i := 0; i < len(b); {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return -1
		}
		i += k
		slashes := 0
		for j := i - 1; j >= 0 && b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		i++
	}
	return -1
}

// statusFollows reports whether a status stands at the start of b, bare or
// quoted, behind a space.
func statusFollows(b []byte) bool {
	if len(b) < 4 || b[0] != ' ' {
		return false
	}
	b = b[1:]
	if b[0] == '"' {
		b = b[1:]
	}
	return isStatus(b[:min(3, len(b))]) && (len(b) == 3 || !isWord(b[3]))
}

func isStatus(b []byte) bool {
	return len(b) == 3 && (b[0] >= '1' && b[0] <= '5' || string(b) == "000") && b[1]-'0' <= 9 && b[2]-'0' <= 9
}

func parseAccessText(_ *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	i := clfStart(body)
	if i < 1 {
		return false
	}
	var a access
	a.before(body[:i-1])
	rest := body[i:]
	rest = rest[bytes.IndexByte(rest, ']')+1:]
	q := bytes.IndexByte(rest, '"')
	if q < 0 {
		return false
	}
	a.between(bytes.Trim(rest[:q], " "))
	rest = rest[q+1:]
	n := quoteEnd(rest)
	if n < 0 {
		return false
	}
	a.request, rest = rest[:n], rest[n+1:]
	a.status, rest = nextToken(rest)
	a.bytes, rest = nextToken(rest)
	a.tail(rest)
	a.fill(r)
	return true
}

// before reads what stands before the time: [HOST] CLIENT IDENT USER.
func (a *access) before(b []byte) {
	var field [6][]byte
	n := 0
	for len(b) > 0 && n < len(field) {
		var t []byte
		if t, b = nextToken(b); len(t) > 0 {
			field[n] = t
			n++
		}
	}
	switch {
	case n >= 3 && len(b) == 0:
		a.client, a.user = field[n-3], field[n-1]
		if n > 3 {
			a.host = field[0]
		}
		if !isAddress(a.client) {
			for _, f := range field[:n] { // some formats put more names before the time
				if isAddress(f) {
					a.client = f
					break
				}
			}
		}
	case n > 0:
		a.client = field[0]
		for i, f := range field[:n] {
			if isAddress(f) {
				a.client = f
				if i > 0 {
					a.host = field[0]
				}
				break
			}
		}
	}
}

// between reads what stands between the time and the request.
func (a *access) between(b []byte) {
	for len(b) > 0 {
		var t []byte
		t, b = nextToken(b)
		switch {
		case len(t) == 0 || string(t) == "-":
		case isAddress(t) && len(a.client) == 0:
			a.client = t
		case len(a.host) == 0 && isLetter(t[0]) && bytes.IndexByte(t, '=') < 0:
			a.host = t
		default:
			a.named(t)
		}
	}
}

// tail reads what people append to the combined format: fields with names, or
// request_time, upstream_response_time, upstream_addr and upstream_status told
// by their looks.
func (a *access) tail(b []byte) {
	quoted, floats := 0, 0
	ingress := false
	behind := 0 // plain fields since the upstream's address
	for len(b) > 0 {
		for len(b) > 0 && (b[0] == ' ' || b[0] == '|' || b[0] == '\t') {
			b = b[1:]
		}
		if len(b) == 0 {
			return
		}
		if b[0] == '"' {
			n := quoteEnd(b[1:])
			if n < 0 {
				return
			}
			t := b[1 : n+1]
			b = b[n+2:]
			switch quoted++; {
			case quoted == 1:
				a.referrer = t
			case quoted == 2:
				a.agent = t
			case isUpstream(firstOfList(t)):
				a.upstream, behind = t, 1
			case isSeconds(firstOfList(t)):
				a.seconds(t, &floats)
			case behind > 0 && isStatus(firstOfList(t)):
				a.upstreamStatus = t
			case len(a.forwarded) == 0:
				a.forwarded = t
			}
			continue
		}
		if b[0] == '[' {
			n := bytes.IndexByte(b, ']')
			if n < 0 {
				return
			}
			if !ingress {
				a.up = b[1:n]
			}
			ingress = true
			b = b[n+1:]
			continue
		}
		var t []byte
		t, b = listToken(b)
		if len(t) == 0 {
			continue
		}
		switch {
		case bytes.IndexByte(t, '=') > 0 && a.named(t):
			// The value may be quoted and hold spaces.
		case isUpstream(firstOfList(t)):
			a.upstream, behind = t, 1
		case behind > 0:
			behind++
			first := firstOfList(t)
			switch {
			case ingress && behind == 2: // the length of the response
			case ingress && behind == 3:
				a.upstreamTime = t
			case isStatus(first) && len(a.upstreamStatus) == 0:
				a.upstreamStatus = t
			case isSeconds(first):
				a.seconds(t, &floats)
			case ingress && behind == 5:
				a.id = t
			}
		case isSeconds(firstOfList(t)):
			a.seconds(t, &floats)
		}
	}
}

func (a *access) seconds(t []byte, n *int) {
	switch *n++; *n {
	case 1:
		a.requestTime = t
	case 2:
		a.upstreamTime = t
	}
}

// named reads name=value and reports whether the name is known.
func (a *access) named(t []byte) bool {
	i := bytes.IndexByte(t, '=')
	if i <= 0 {
		return false
	}
	v := t[i+1:]
	if n := len(v); n >= 2 && v[0] == '"' && v[n-1] == '"' {
		v = v[1 : n-1]
	}
	return a.set(t[:i], v)
}

// nextToken returns what stands before the next space, quotes left off.
func nextToken(b []byte) (token, rest []byte) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	if len(b) > 0 && b[0] == '"' {
		if n := quoteEnd(b[1:]); n >= 0 {
			return b[1 : n+1], b[n+2:]
		}
	}
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// listToken is nextToken for a field that may be a list of upstreams ("a, b : c")
// or a name with a quoted value.
func listToken(b []byte) (token, rest []byte) {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i > 0 && b[i-1] == '=' {
				n := quoteEnd(b[i+1:])
				if n < 0 {
					return b, nil
				}
				i += n + 1
			}
		case ' ', '|':
			if i > 0 && b[i-1] == ',' {
				continue
			}
			if b[i] == ' ' && i+2 < len(b) && b[i+1] == ':' && b[i+2] == ' ' {
				i += 2
				continue
			}
			return bytes.TrimSuffix(b[:i], []byte(",")), b[i+1:]
		}
	}
	return b, nil
}

func firstOfList(b []byte) []byte {
	if i := bytes.IndexAny(b, ", "); i > 0 {
		return b[:i]
	}
	return b
}

// isAddress reports whether b looks like an IP address or nginx's "unix:".
func isAddress(b []byte) bool {
	if len(b) < 3 || string(b) == "unix:" {
		return len(b) > 3
	}
	dots, colons := 0, 0
	for _, c := range b {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case !isHex(c) && c != '%' && c != '[' && c != ']' && c != '/':
			return false
		}
	}
	return dots == 3 && b[0]-'0' <= 9 || colons >= 2
}

// isUpstream reports whether b looks like an address with a port or a unix
// socket.
func isUpstream(b []byte) bool {
	if bytes.HasPrefix(b, []byte("unix:/")) {
		return true
	}
	i := bytes.LastIndexByte(b, ':')
	if i < 3 || i+1 >= len(b) || digitsLen(b[i+1:]) != len(b)-i-1 || len(b)-i > 6 {
		return false
	}
	return isAddress(b[:i])
}

// isSeconds reports whether b looks like a number of seconds with a fraction.
func isSeconds(b []byte) bool {
	i := bytes.IndexByte(b, '.')
	return i > 0 && i < 7 && digitsLen(b) == i && i+1 < len(b) && digitsLen(b[i+1:]) == len(b)-i-1
}

// set stores the value of a field by its name, in the spellings that people use
// for nginx's variables, and reports whether the name is known.
func (a *access) set(name, value []byte) bool {
	var low [32]byte
	n := 0
	for _, c := range name {
		if c == '_' || c == '-' || c == '@' || c == '.' || c == '$' {
			continue
		}
		if n == len(low) {
			return false
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[n] = c
		n++
	}
	field := a.field(string(low[:n]), value)
	if field == nil {
		return false
	}
	*field = value
	return true
}

func (a *access) field(name string, value []byte) *[]byte {
	switch name {
	case "time", "timestamp", "timelocal", "timeiso8601", "ts", "msec", "datetime", "date", "t", "timengx":
		if len(a.at) > 0 && len(a.at) > len(value) {
			return new([]byte)
		}
		return &a.at
	case "remoteaddr", "client", "clientip", "remoteip", "remote", "ip", "clientaddr", "sourceip", "remotehost", "clientaddress", "realipremoteaddr", "remoteaddress", "srcip", "addr", "realip":
		return &a.client
	case "httphost", "vhost", "domain", "virtualhost", "requesthost", "serverhost", "authority":
		return &a.host
	case "host":
		if len(a.host) > 0 {
			return new([]byte)
		}
		return &a.host
	case "servername", "server":
		return &a.server
	case "request", "req", "requestline", "r":
		return &a.request
	case "method", "requestmethod", "verb", "httpmethod", "reqmethod":
		return &a.method
	case "requesturi", "url", "requesturl", "requestpath", "httppath":
		return &a.path
	case "uri", "path", "documenturi":
		return &a.uri
	case "args", "query", "querystring":
		return &a.args
	case "protocol", "serverprotocol", "httpversion", "proto":
		return &a.protocol
	case "status", "statuscode", "responsecode", "responsestatus", "httpstatus", "code", "st", "response", "originstatus":
		return &a.status
	case "bodybytessent", "bytessent", "bytes", "size", "bodybytes", "resbodybytes", "responselength", "responsesize", "bodysent", "bytesout", "sent":
		return &a.bytes
	case "requesttime", "rt", "duration", "responsetime", "reqtime", "latency", "elapsed", "requestduration", "took", "responsetimes", "totaltime":
		return &a.requestTime
	case "upstreamaddr", "upstream", "upstreamhost", "backend", "uaddr", "upstreamaddress", "upstreamserver", "uad", "upaddr":
		return &a.upstream
	case "ua":
		if isUpstream(firstOfList(value)) {
			return &a.upstream
		}
		return &a.agent
	case "upstreamstatus", "us", "ustatus", "upstreamcode", "upstreamstatuscode", "upstatus":
		return &a.upstreamStatus
	case "upstreamresponsetime", "urt", "upstreamtime", "upstreamrt", "upstreamduration", "upstreamtakentime", "upstreamlatency", "upstreamresptime", "uprt":
		return &a.upstreamTime
	case "upstreamconnecttime", "uct":
		return &a.connect
	case "upstreamheadertime", "uht":
		return &a.header
	case "httpreferer", "referer", "referrer", "httpreferrer", "ref":
		return &a.referrer
	case "httpuseragent", "useragent", "agent":
		return &a.agent
	case "requestid", "reqid", "rid", "xrequestid", "correlationid":
		return &a.id
	case "httpxforwardedfor", "xforwardedfor", "xff", "forwardedfor":
		return &a.forwarded
	case "remoteuser", "user":
		return &a.user
	case "proxyupstreamname", "upstreamname":
		return &a.up
	case "level", "lvl", "severity", "msg", "message", "logger", "err", "error", "stack":
		a.foreign = true
	}
	return nil
}

// complete reports whether the fields are those of an access log.
func (a *access) complete() bool {
	return !a.foreign && isStatus(a.status) && (len(a.request) > 0 || len(a.path) > 0 || len(a.uri) > 0) &&
		(len(a.client) > 0 || len(a.host) > 0 || len(a.upstream) > 0 || len(a.requestTime) > 0)
}

// settle gives e the time of the fields.
func (a *access) settle(c *clock, line []byte, e *Envelope) bool {
	if !a.complete() {
		return false
	}
	if s := c.scan(a.at); s.n > 0 {
		e.Time, e.TimeText, e.Zoned = s.t, text(a.at[:s.n]), s.zoned
	}
	e.Body = line
	return true
}

func peelAccessJSON(c *clock, line []byte, e *Envelope) bool {
	if !bytes.Contains(line, []byte("stat")) && !bytes.Contains(line, []byte("code")) {
		return false
	}
	var a access
	buf, ok := a.json(line, e.buf[:0])
	e.buf = buf
	return ok && a.settle(c, line, e)
}

func parseAccessJSON(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	var a access
	buf, ok := a.json(body, e.buf[:0])
	e.buf = buf
	if !ok {
		return false
	}
	a.fill(r)
	return true
}

// json reads the fields of an object, and of objects in it down to a depth of
// three. Values with escapes are decoded into buf.
func (a *access) json(b, buf []byte) ([]byte, bool) {
	depth := 0
	var name []byte
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case ' ', '\t', ',', ':', '\r':
			i++
		case '{':
			if depth++; depth > 3 {
				return buf, false
			}
			name = nil
			i++
		case '}':
			if depth--; depth == 0 {
				return buf, len(bytes.TrimSpace(b[i+1:])) == 0
			}
			name = nil
			i++
		case '[': // no access log has lists; step over what another writes
			n := listEnd(b[i:])
			if n == 0 {
				return buf, false
			}
			i += n
			name = nil
		case '"':
			n := quoteEnd(b[i+1:])
			if n < 0 {
				return buf, false
			}
			value := b[i+1 : i+1+n]
			i += n + 2
			if name == nil {
				name = value
				continue
			}
			if bytes.IndexByte(value, '\\') >= 0 {
				from := len(buf)
				if cap(buf)-from < len(value)+1 { // earlier values alias buf
					buf = append(make([]byte, 0, 2*cap(buf)+len(b)), buf...)
				}
				buf, _ = appendJSONString(buf, b[i-n-1:])
				value = buf[from:]
			}
			if depth > 0 {
				a.set(name, value)
			}
			name = nil
		default:
			from := i
			for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ' ' {
				i++
			}
			if name == nil || depth == 0 || i == from {
				return buf, false
			}
			if string(b[from:i]) != "null" {
				a.set(name, b[from:i])
			}
			name = nil
		}
	}
	return buf, false
}

// listEnd returns the length of the JSON list at the start of b, 0 if it does
// not end.
func listEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := quoteEnd(b[i+1:])
			if n < 0 {
				return 0
			}
			i += n + 1
		}
	}
	return 0
}

func peelAccessFields(c *clock, line []byte, e *Envelope) bool {
	if !bytes.Contains(line, []byte("status")) && !bytes.Contains(line, []byte(" st=")) {
		return false
	}
	var a access
	return a.fields(line) && a.settle(c, line, e)
}

func parseAccessFields(_ *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	var a access
	if !a.fields(body) {
		return false
	}
	a.fill(r)
	return true
}

// fields reads name=value pairs separated by spaces, or name:value pairs
// separated by tabs (LTSV). A time may stand before them.
func (a *access) fields(b []byte) bool {
	known, other := 0, 0
	if bytes.Count(b[:min(len(b), 400)], []byte("\t")) >= 3 && !bytes.Contains(b[:min(len(b), 60)], []byte("=")) {
		for len(b) > 0 {
			field := b
			if i := bytes.IndexByte(b, '\t'); i >= 0 {
				field, b = b[:i], b[i+1:]
			} else {
				b = nil
			}
			i := bytes.IndexByte(field, ':')
			if i <= 0 {
				other++
			} else if a.set(field[:i], field[i+1:]) {
				known++
			}
		}
		return known >= 3 && other <= 2
	}
	if bytes.IndexByte(b, '=') < 0 {
		return false
	}
	for len(b) > 0 {
		var t []byte
		for len(b) > 0 && (b[0] == ' ' || b[0] == '|' || b[0] == ',' || b[0] == ';') {
			b = b[1:]
		}
		if t, b = listToken(b); len(t) == 0 {
			continue
		}
		switch i := bytes.IndexByte(t, '='); {
		case i <= 0 && known == 0 && len(a.at) == 0 && other == 0:
			a.at = bytes.Trim(t, `"[]`)
			other++
		case i <= 0:
			other++
		case a.named(t):
			known++
		}
		if other > known+4 {
			return false
		}
	}
	return known >= 3
}

// A logFormat is an access log's own log_format, compiled: variables and the
// text between them.
type logFormat struct {
	parts []logPart
	json  bool
}

type logPart struct {
	variable string
	literal  string // that stands behind it
}

// compileLogFormat makes a format of the text of nginx's log_format directive
// (quotes taken off, its strings joined), nil if it says nothing about requests.
func compileLogFormat(s string) *format {
	f := &logFormat{}
	s = strings.TrimSpace(s)
	if t, ok := strings.CutPrefix(s, "escape=json"); ok {
		f.json, s = true, strings.TrimSpace(t)
	} else if t, ok := strings.CutPrefix(s, "escape=default"); ok {
		s = strings.TrimSpace(t)
	} else if t, ok := strings.CutPrefix(s, "escape=none"); ok {
		s = strings.TrimSpace(t)
	}
	f.json = f.json || strings.HasPrefix(s, "{")
	request, at := false, false
	part := logPart{}
	for len(s) > 0 {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			part.literal += s
			break
		}
		part.literal += s[:i]
		s = s[i+1:]
		n, braces := 0, strings.HasPrefix(s, "{")
		if braces {
			s = s[1:]
		}
		for n < len(s) && (isWord(s[n]) && s[n] < 0x80) {
			n++
		}
		if n == 0 {
			return nil
		}
		f.parts = append(f.parts, part)
		part = logPart{variable: s[:n]}
		if s = s[n:]; braces {
			s = strings.TrimPrefix(s, "}")
		}
		switch part.variable {
		case "request", "request_uri", "uri", "status":
			request = true
		case "time_local", "time_iso8601", "msec":
			at = true
		}
	}
	f.parts = append(f.parts, part)
	if !request || !at || len(f.parts) < 3 {
		return nil
	}
	for i, p := range f.parts[1 : len(f.parts)-1] {
		if p.literal == "" && f.parts[i+2].variable != "pipe" {
			return nil // two variables with nothing between them
		}
	}
	return &format{name: "nginx_access", peel: f.peel, parse: f.parse, exact: true}
}

func (f *logFormat) peel(c *clock, line []byte, e *Envelope) bool {
	var a access
	if !f.match(line, &a) || len(a.at) == 0 || !isStatus(a.status) && len(a.status) > 0 {
		return false
	}
	s := c.scan(a.at)
	if s.n == 0 || s.n != len(a.at) {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(a.at), s.zoned
	e.Body = line
	return true
}

func (f *logFormat) parse(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	var a access
	if !f.match(body, &a) {
		return false
	}
	if f.json {
		for _, v := range [...]*[]byte{&a.path, &a.uri, &a.request, &a.referrer, &a.agent} {
			if bytes.IndexByte(*v, '\\') >= 0 {
				quoted := append(append([]byte(nil), *v...), '"')
				if out, n := appendJSONString(nil, quoted); n > 0 {
					*v = out
				}
			}
		}
	}
	a.fill(r)
	return true
}

// match takes a line apart. Every text between variables has to be there.
func (f *logFormat) match(line []byte, a *access) bool {
	b := line
	if lit := f.parts[0].literal; !bytes.HasPrefix(b, []byte(lit)) {
		return false
	} else {
		b = b[len(lit):]
	}
	for i := 1; i < len(f.parts); i++ {
		p := &f.parts[i]
		n := len(b)
		if p.literal != "" {
			if n = p.end(b); n < 0 {
				return false
			}
		} else if i+1 < len(f.parts) { // $pipe follows, a letter
			n = max(0, bytes.IndexByte(b, ' '))
		}
		if n > 0 {
			p.set(a, b[:n])
		}
		b = b[n+len(p.literal):]
	}
	return len(b) == 0
}

// end returns where the value at the start of b ends: at the text behind it.
// A space does not end a list of upstreams behind a comma or around a colon.
func (p *logPart) end(b []byte) int {
	from := 0
	for {
		n := strings.Index(text(b[from:]), p.literal)
		if n < 0 {
			return -1
		}
		n += from
		if p.literal[0] != ' ' || !strings.HasPrefix(p.variable, "upstream_") {
			return n
		}
		switch {
		case n > 0 && b[n-1] == ',':
			from = n + 1
		case n+2 < len(b) && b[n+1] == ':' && b[n+2] == ' ':
			from = n + 3
		default:
			return n
		}
	}
}

func (p *logPart) set(a *access, v []byte) {
	switch p.variable {
	case "remote_addr", "realip_remote_addr":
		if len(a.client) == 0 || p.variable == "remote_addr" {
			a.client = v
		}
	case "http_x_forwarded_for", "proxy_add_x_forwarded_for":
		a.forwarded = v
	case "time_local", "time_iso8601":
		a.at = v
	case "msec":
		if len(a.at) == 0 {
			a.at = v
		}
	case "host", "http_host":
		a.host = v
	case "server_name":
		a.server = v
	case "request":
		a.request = v
	case "request_method":
		a.method = v
	case "request_uri":
		a.path = v
	case "uri":
		a.uri = v
	case "server_protocol":
		a.protocol = v
	case "status":
		a.status = v
	case "body_bytes_sent":
		a.bytes = v
	case "bytes_sent":
		if len(a.bytes) == 0 {
			a.bytes = v
		}
	case "request_time":
		a.requestTime = v
	case "upstream_addr":
		a.upstream = v
	case "upstream_status":
		a.upstreamStatus = v
	case "upstream_response_time":
		a.upstreamTime = v
	case "upstream_connect_time":
		a.connect = v
	case "upstream_header_time":
		a.header = v
	case "http_referer":
		a.referrer = v
	case "http_user_agent":
		a.agent = v
	case "request_id":
		a.id = v
	case "remote_user":
		a.user = v
	case "proxy_upstream_name":
		a.up = v
	}
}
