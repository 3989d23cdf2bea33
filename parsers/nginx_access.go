package parsers

import (
	"bytes"

	"culprit"
)

// nginxAccessFormats read access logs without being told their log_format:
// lines with a time in brackets and a quoted request (combined and what people
// make of it), JSON objects, and fields with names (key=value, LTSV).
var nginxAccessFormats = []*format{
	{name: "nginx_access", signs: signBracket, peel: peelAccessText, exact: true, parse: parseAccessText},
	{name: "nginx_access_json", first: "{", peel: peelAccessJSON, parse: parseAccessJSON},
	{name: "nginx_access_fields", signs: signField, peel: peelAccessFields, parse: parseAccessFields},
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
	addr("request_id", a.id)
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
	list := make([]string, 0, bytes.Count(b, []byte{','})+bytes.Count(b, []byte{' '})+1)
	for f := range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == ',' || r == ' ' }) {
		if string(f) != ":" {
			list = append(list, text(f))
		}
	}
	return list
}

// clfTime reads 22/Nov/2026:08:21:36 +0100 at the start of b and returns its
// length.
func (c *clock) clfTime(b []byte) stamp {
	if len(b) < 26 || b[2] != '/' || b[6] != '/' || b[11] != ':' {
		return stamp{}
	}
	if string(b[:26]) == string(c.clfText[:]) {
		return c.clf
	}
	s := c.scan(b)
	if s.n == 26 && s.zoned {
		copy(c.clfText[:], b)
		c.clf = s
	}
	return s
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
	if len(line) < 40 || line[0] == ' ' || line[0] == '{' || line[0] == '[' && isLetter(line[1]) && !isHex(line[1]) {
		return false // indentation is taken off before; a bracket at the start holds the time or an address
	}
	i := clfStart(line)
	if i < 1 || i > 512 || !accessStart(line[:i-1]) {
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

// accessStart reports whether what stands before the time can be part of an
// access line: a client and what follows it, or up to four fields. A transport's
// envelope, which is longer or has other signs in it, is not taken for that.
func accessStart(b []byte) bool {
	first := b
	if n := bytes.IndexByte(b, ' '); n >= 0 {
		first = b[:n]
	}
	if isAddress(first) {
		return true
	}
	if len(first) > 4 && first[4] == '-' && digitsLen(first) == 4 {
		return false
	}
	fields := 0
	for i, c := range b {
		switch {
		case c == '|' || c == '<' || c == '[' || c == '{':
			return false
		case c != ' ' && (i == 0 || b[i-1] == ' '):
			fields++
		}
	}
	return fields <= 4
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
	for i, c := range b {
		if c == ',' || c == ' ' {
			return b[:i]
		}
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
