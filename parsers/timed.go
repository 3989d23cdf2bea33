package parsers

import (
	"bytes"

	"culprit"
)

// timedFormat is the log of any program that begins its entries with a date and
// a time: databases and caches that an app depends on, other web servers. It is
// tried last.
//
//	2026-11-22 10:00:01.123 UTC [34] FATAL:  the database system is starting up    PostgreSQL
//	2026-11-22T10:00:01.123456Z 0 [Note] [MY-010] ready for connections             MySQL
//	917:M 22 Nov 2026 10:00:01.123 * Ready to accept connections                    Redis
//	[2026-11-22 10:00:01 +0000] [27186] [INFO] Starting gunicorn 20.1.0             gunicorn
var timedFormat = &format{name: "timed", first: letterBytes + digitBytes + "[", signs: signLead | signTime | signBracket, peel: peelTimed}

func peelTimed(c *clock, line []byte, e *Envelope) bool {
	b := line
	pid := 0
	// Redis: the process and its role come first.
	if n := digitsLen(b); n > 0 && n < 9 && n+3 < len(b) && b[n] == ':' && isLetter(b[n+1]) && b[n+2] == ' ' {
		pid, _ = digits(b[:n])
		b = b[n+3:]
	}
	if len(b) < 15 {
		return false
	}
	bracket := b[0] == '['
	if bracket {
		b = b[1:]
	}
	if ch := b[0]; !isLetter(ch) && ch-'0' > 9 {
		return false
	}
	s := c.scan(b)
	if !s.clock || s.n < 14 || digitsLen(b) > 8 { // an epoch alone is too little to go by
		return false
	}
	stampText, rest := b[:s.n], b[s.n:]
	if bracket {
		if len(rest) == 0 || rest[0] != ']' {
			return false
		}
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t' && rest[0] != ':' && rest[0] != ',' && rest[0] != ';' && rest[0] != '|' {
		return false
	}
	severity := culprit.SeverityNone
	for range 3 { // a pid or a thread, and a level, in brackets or not
		t := bytes.TrimLeft(rest, " \t:,;|-")
		word, n := leadingWord(t)
		if n == 0 {
			break
		}
		if id, ok := digits(word); ok && len(word) < 9 {
			if t[0] == '[' && pid == 0 {
				pid = id
			}
			rest = t[n:]
			continue
		}
		sev := culprit.ParseSeverity(text(word))
		if sev == culprit.SeverityNone && string(word) == "Note" {
			sev = culprit.SeverityInfo
		}
		if sev == culprit.SeverityNone {
			break
		}
		severity, rest = sev, t[n:]
		break
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(stampText), s.zoned
	if pid > 0 {
		e.PID = pid
	}
	if severity != culprit.SeverityNone {
		e.Severity = severity
	}
	e.Body = bytes.TrimLeft(rest, " \t:,")
	return true
}

// leadingWord returns the word that b begins with, without the brackets or the
// colon around it, and the length of all. A word of letters counts where it is
// set off so, or in capitals.
func leadingWord(b []byte) (word []byte, n int) {
	if len(b) == 0 {
		return nil, 0
	}
	if b[0] == '[' {
		i := bytes.IndexByte(b[:min(len(b), 16)], ']')
		if i < 2 {
			return nil, 0
		}
		return b[1:i], i + 1
	}
	capitals := true
	for n < len(b) && isWord(b[n]) && n < 16 {
		capitals = capitals && b[n] <= 'Z'
		n++
	}
	switch {
	case n == 0:
		return nil, 0
	case n < len(b) && b[n] == ':':
		return b[:n], n + 1
	case capitals && (n == len(b) || b[n] == ' '):
		return b[:n], n
	}
	return nil, 0
}
