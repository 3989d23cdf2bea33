package parsers

import (
	"bytes"

	"culprit"
)

// syslogFormats are the lines of syslog daemons and of journalctl's short
// forms: a time, a host, a tag.
var syslogFormats = []*format{
	{name: "syslog5424", first: "<1", transport: true, peel: peelSyslog5424},
	{name: "syslog", first: letterBytes + digitBytes + "<[ >", signs: signLead | signTime | signBracket, transport: true, indented: true, peel: peelSyslog},
}

// peelSyslog takes
//
//	[<PRI>]TIME HOST TAG[PID]: message
//
// where TIME is RFC 3164's (also in other languages, with a fraction), RFC
// 3339's (rsyslog's file format, journalctl -o short-iso), or one of
// journalctl's short-full, short-unix and short-monotonic. With journalctl -o
// with-unit the unit stands in place of the tag.
func peelSyslog(c *clock, line []byte, e *Envelope) bool {
	b := line
	pri := -1
	if b[0] == '<' {
		var n int
		if pri, n = priority(b); n == 0 {
			return false
		}
		b = b[n:]
	}
	if len(b) < 16 {
		return false
	}
	if b[0] == '[' {
		return peelMonotonic(c, b, pri, e)
	}
	if ch := b[0]; !isLetter(ch) && (ch < '0' || ch > '9') && ch != ' ' && ch != '>' {
		return false
	}
	s := c.scan(b)
	from := 0
	if s.n == 0 {
		// Only the time of day is left where someone cut the lines.
		if b[0] == '>' && b[1] == ' ' {
			from = 2
		}
		sec, _, n := timeOfDay(b[from:])
		if n != 8 || sec < 0 || b[from+2] != ':' {
			return false
		}
		s.n = from + n
	}
	if s.n >= len(b) || b[s.n] != ' ' {
		return false
	}
	if stamp := b[from:s.n]; bytes.IndexByte(stamp, '(') >= 0 || bytes.Contains(stamp, []byte(", ")) {
		return false // how JavaScript prints dates
	}
	rest := b[s.n+1:]
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	iso := b[from] >= '0' && b[from] <= '9' && monthSignLen(b) == 0
	if iso && s.t.IsZero() && s.clock {
		return false
	}
	severity := culprit.SeverityNone
	if n, sev := busyboxPriority(rest); n > 0 { // OpenWrt's logread names no host
		if tag, pid, k := tagOf(rest[n:]); k > 0 {
			e.Time, e.TimeText, e.Zoned = s.t, text(b[from:s.n]), s.zoned
			e.Severity = sev
			e.setTag(tag, pid, rest[n+k:])
			return true
		}
	}
	h := hostLen(rest)
	if h == 0 || h+1 >= len(rest) {
		return false
	}
	host, msg := rest[:h], rest[h+1:]
	if n, sev := busyboxPriority(msg); n > 0 {
		severity, msg = sev, msg[n:]
	}
	tag, pid, n := tagOf(msg)
	if k := len(host); host[k-1] == ':' && (k > 1 && host[k-2] == ']' || n == 0 && !iso) {
		// No host: journalctl --no-hostname, busybox syslogd -S and some network
		// devices. What follows the tag may look like one, as a unit's name does.
		if ownTag, ownPID, m := tagOf(rest); m > 0 {
			host, msg = nil, rest
			tag, pid, n = ownTag, ownPID, m
		}
	} else if n == 0 && !iso && bytes.IndexByte(host, '[') > 0 {
		if tag, pid, n = tagOf(rest); n > 0 {
			host, msg = nil, rest
		}
	}
	if iso {
		// Loggers begin their lines alike: a time, a word, a word and a colon.
		if n == 0 || pid == 0 && (b[s.n-1] == 'Z' || string(tag) != "kernel" && !s.zoned) ||
			culprit.ParseSeverity(text(host)) != culprit.SeverityNone || pid == 0 && culprit.ParseSeverity(text(tag)) != culprit.SeverityNone {
			return false
		}
	} else if n == 0 && from == 0 && len(msg) > 0 && s.n < 15 {
		return false
	}
	if n == 0 && (b[s.n-1] == 'm' || b[s.n-1] == 'M') {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(b[from:s.n]), s.zoned
	e.Host = text(host)
	if pri >= 0 {
		severity = culprit.Severity(pri & 7)
	}
	e.Severity = severity
	e.setTag(tag, pid, msg[n:])
	if pri >= 0 && pri < 8 {
		e.Facility = "kernel"
	}
	return true
}

// peelMonotonic takes [  617.820631] HOST TAG[PID]: message, the form of
// journalctl -o short-monotonic. What the kernel itself prints has no host.
func peelMonotonic(c *clock, b []byte, pri int, e *Envelope) bool {
	sec, nsec, n := bootStamp(b)
	if n == 0 || n+1 >= len(b) || b[n] != ' ' {
		return false
	}
	rest := b[n+1:]
	h := hostLen(rest)
	if h == 0 || h+1 >= len(rest) {
		return false
	}
	tag, pid, k := tagOf(rest[h+1:])
	if k == 0 || pid == 0 && string(tag) != "kernel" {
		return false
	}
	e.Time, e.TimeText = c.sinceBoot(sec, nsec), text(b[:n])
	e.Zoned = !e.Time.IsZero()
	e.Host = text(rest[:h])
	if pri >= 0 {
		e.Severity = culprit.Severity(pri & 7)
	}
	e.setTag(tag, pid, rest[h+1+k:])
	return true
}

// setTag sets the program and the body of a line of syslog.
func (e *Envelope) setTag(tag []byte, pid int, msg []byte) {
	e.Process, e.PID = text(tag), pid
	e.Body = e.unescape(msg)
	switch {
	case e.Process == "kernel":
		e.Facility = "kernel"
		e.kernelStamp()
	case isUnit(e.Process):
		e.Unit = e.Process
		if e.Unit == "init.scope" {
			e.Process = "systemd"
		} else if i := bytes.LastIndexByte(tag, '.'); i > 0 {
			e.Process = e.Process[:i]
		}
	}
}

// kernelStamp takes the kernel's own [  617.820631] off the body.
func (e *Envelope) kernelStamp() {
	if len(e.Body) == 0 || e.Body[0] != '[' {
		return
	}
	if _, _, n := bootStamp(e.Body); n > 0 {
		e.Attrs.Add("uptime", text(bytes.TrimSpace(e.Body[1:n-1])))
		e.Body = trimSpace(e.Body[n:])
	}
	// systemd writes into the kernel's log where journald cannot be reached.
	if bytes.HasPrefix(e.Body, []byte("systemd")) {
		if tag, pid, n := tagOf(e.Body); n > 0 && pid > 0 && bytes.IndexByte(tag, ' ') < 0 {
			e.Process, e.PID, e.Facility, e.Body = text(tag), pid, "", e.Body[n:]
		}
	}
}

// trimSpace takes one space off the start of b.
func trimSpace(b []byte) []byte {
	if len(b) > 0 && b[0] == ' ' {
		return b[1:]
	}
	return b
}

// unitSuffixes are the types of systemd units that log.
var unitSuffixes = [...]string{".service", ".scope", ".slice", ".socket", ".mount", ".timer", ".target", ".path", ".swap", ".device", ".automount"}

func isUnit(s string) bool {
	for _, suffix := range unitSuffixes {
		if len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix {
			return true
		}
	}
	return false
}

// unescape undoes what rsyslog makes of control bytes: #011 and #012 are tab and
// newline, #033 begins a terminal sequence, which is left out.
func (e *Envelope) unescape(msg []byte) []byte {
	i := bytes.Index(msg, []byte("#0"))
	if i < 0 {
		return msg
	}
	from := len(e.buf) // msg may lie before
	out := append(e.buf, msg[:i]...)
	for i < len(msg) {
		if msg[i] == '#' && i+4 <= len(msg) {
			switch string(msg[i+1 : i+4]) {
			case "011":
				out = append(out, '\t')
				i += 4
				continue
			case "012":
				out = append(out, '\n')
				i += 4
				continue
			case "033":
				if i+4 < len(msg) && msg[i+4] == '[' {
					if n := csiLen(msg[i+5:]); n > 0 {
						i += 5 + n
						continue
					}
				}
			}
		}
		out = append(out, msg[i])
		i++
	}
	e.buf = out
	return out[from:]
}

// priority reads <PRI>.
func priority(b []byte) (pri, n int) {
	n = digitsLen(b[1:])
	if n == 0 || n > 3 || n+1 >= len(b) || b[n+1] != '>' {
		return 0, 0
	}
	pri, _ = digits(b[1 : n+1])
	if pri > 191 {
		return 0, 0
	}
	return pri, n + 2
}

// busyboxPriority reads "daemon.err " as busybox's syslogd writes it.
func busyboxPriority(b []byte) (n int, sev culprit.Severity) {
	dot := -1
	for n < len(b) && n < 20 && b[n] != ' ' {
		if b[n] == '.' {
			if dot >= 0 {
				return 0, culprit.SeverityNone
			}
			dot = n
		}
		n++
	}
	if dot <= 0 || n >= len(b) || b[n] != ' ' {
		return 0, culprit.SeverityNone
	}
	switch facility := string(b[:dot]); facility {
	case "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp":
	default:
		if len(facility) != 6 || facility[:5] != "local" {
			return 0, culprit.SeverityNone
		}
	}
	sev = culprit.ParseSeverity(text(b[dot+1 : n]))
	if sev == culprit.SeverityNone {
		return 0, sev
	}
	return n + 1, sev
}

// hostLen returns the length of a host's name or address at the start of b, 0
// if what stands there before the first space cannot be one.
func hostLen(b []byte) int {
	n := 0
	for n < len(b) && b[n] != ' ' {
		c := b[n]
		if !isWord(c) && c != '.' && c != '-' && c != ':' && c != '[' && c != ']' && c != '/' && c != '(' && c != ')' && c != '@' && c != '%' {
			return 0
		}
		if n++; n > 255 {
			return 0
		}
	}
	if n == len(b) || b[0] == '[' {
		return 0
	}
	return n
}

// tagOf reads TAG[PID]: or TAG: with the space behind it; n is 0 if there is
// none. Tags of processes that named themselves may have spaces before [PID].
func tagOf(b []byte) (tag []byte, pid, n int) {
	limit := min(len(b), 128)
	for i := 0; i < limit; i++ {
		switch b[i] {
		case ':':
			if i == 0 || i+1 < len(b) && b[i+1] != ' ' {
				continue // part of the tag, as in container::name
			}
			if bytes.IndexByte(b[:i], ' ') >= 0 {
				return nil, 0, 0
			}
			return b[:i], 0, min(i+2, len(b))
		case '[':
			k := digitsLen(b[i+1:])
			j := i + 1 + k
			if i == 0 || k == 0 || k > 10 || j+1 >= len(b) || b[j] != ']' {
				continue
			}
			switch {
			case b[j+1] == ':':
			case b[j+1] == ' ' && j+2 < len(b) && b[j+2] == '<': // macOS: name[1] <Error>: message
				end := bytes.IndexByte(b[j:min(len(b), j+20)], ':')
				if end < 0 {
					return nil, 0, 0
				}
				pid, _ = digits(b[i+1 : i+1+k])
				return b[:i], pid, min(j+end+2, len(b))
			default:
				return nil, 0, 0
			}
			pid, _ = digits(b[i+1 : i+1+k])
			n = j + 2
			if n < len(b) && b[n] == ' ' {
				n++
			}
			return b[:i], pid, n
		case '"', '=', '{', ';', '|':
			return nil, 0, 0
		}
	}
	return nil, 0, 0
}

// peelSyslog5424 takes <PRI>1 TIME HOST APP PROCID MSGID SD message (RFC 5424).
func peelSyslog5424(c *clock, line []byte, e *Envelope) bool {
	b, pri := line, -1
	if b[0] == '<' {
		var n int
		if pri, n = priority(b); n == 0 {
			return false
		}
		b = b[n:]
	}
	if len(b) < 14 || b[0] != '1' || b[1] != ' ' {
		return false
	}
	b = b[2:]
	var stampText []byte
	s := stamp{}
	if b[0] == '-' && b[1] == ' ' {
		b = b[2:]
	} else {
		s = c.scan(b)
		if s.n == 0 || !s.zoned || s.n >= len(b) || b[s.n] != ' ' {
			return false
		}
		stampText, b = b[:s.n], b[s.n+1:]
	}
	var field [4][]byte // host, app, procid, msgid
	for i := range field {
		n := bytes.IndexByte(b, ' ')
		if n <= 0 || n > 255 {
			return false
		}
		if field[i] = b[:n]; n == 1 && b[0] == '-' {
			field[i] = nil
		}
		b = b[n+1:]
	}
	b = structuredData(b)
	if b == nil {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(stampText), s.zoned
	e.Host, e.Process = text(field[0]), text(field[1])
	e.PID, _ = digits(field[2])
	if pri >= 0 {
		e.Severity = culprit.Severity(pri & 7)
		if pri < 8 {
			e.Facility = "kernel"
		}
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	e.Body = e.unescape(b)
	if e.Process == "kernel" {
		e.Facility = "kernel"
	}
	if e.Facility == "kernel" {
		e.Body = trimSpace(e.Body) // rsyslog keeps the space behind the tag
		e.kernelStamp()
	}
	return true
}

// structuredData returns what follows RFC 5424's structured data, nil if b does
// not begin with any.
func structuredData(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if b[0] == '-' {
		if len(b) == 1 {
			return b[1:]
		}
		if b[1] != ' ' {
			return nil
		}
		return b[2:]
	}
	quoted := false
	if b[0] != '[' {
		return nil
	}
	for i := 1; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case !quoted && b[i] == ']':
			if i+1 == len(b) {
				return b[i+1:]
			}
			if b[i+1] == ' ' {
				return b[i+2:]
			}
			if b[i+1] != '[' {
				return nil
			}
		}
	}
	return nil
}
