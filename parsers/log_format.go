package parsers

import (
	"bytes"
	"strings"

	"culprit"
)

// A logFormat is an access log's own log_format, compiled: variables and the
// text between them.
type logFormat struct {
	parts []logPart
	json  bool

	// What peel has found in the line that parse is then asked about.
	line  []byte
	found access
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
	return &format{name: "nginx_access", peel: f.peel, parse: f.parse}
}

func (f *logFormat) peel(c *clock, line []byte, e *Envelope) bool {
	f.found = access{}
	f.line = nil
	a := &f.found
	if !f.match(line, a) || len(a.at) == 0 || !isStatus(a.status) && len(a.status) > 0 {
		return false
	}
	f.line = line
	s := c.scan(a.at)
	if s.n == 0 || s.n != len(a.at) {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(a.at), s.zoned
	e.Body = line
	return true
}

func (f *logFormat) parse(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	a := &f.found
	if len(f.line) != len(body) || len(body) == 0 || &f.line[0] != &body[0] {
		a = new(access)
		if !f.match(body, a) {
			return false
		}
	}
	f.line = nil
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
