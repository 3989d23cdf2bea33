package parsers

import (
	"bytes"

	"culprit"
)

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
	buf, ok := a.json(line, e.buf)
	e.buf = buf
	return ok && a.settle(c, line, e)
}

func parseAccessJSON(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	var a access
	buf, ok := a.json(body, e.buf)
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
				if a.set(name, value); a.foreign {
					return buf, false
				}
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
				if a.set(name, b[from:i]); a.foreign {
					return buf, false
				}
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

var statusWords = phrases("status", " st=")

func peelAccessFields(c *clock, line []byte, e *Envelope) bool {
	if line[0] == '{' || bytes.IndexByte(line, '=') < 0 && bytes.IndexByte(line, '\t') < 0 || !e.holds(text(line), statusWords) {
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
		switch k := bytes.IndexByte(b, ']'); {
		case len(b) > 0 && b[0] == '"':
			t, b = nextToken(b)
		case len(b) > 0 && b[0] == '[' && k > 0:
			t, b = b[1:k], b[k+1:]
		default:
			t, b = listToken(b)
		}
		if len(t) == 0 {
			continue
		}
		switch i := bytes.IndexByte(t, '='); {
		case i <= 0 && known == 0 && len(a.at) == 0 && other == 0:
			a.at = t
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
