package parsers

import (
	"bytes"

	"culprit"
)

// dmesgFormat is what dmesg prints: with seconds since boot, with -T, with
// --time-format iso, with -x or -r.
var dmesgFormat = &format{name: "dmesg", first: "[<kudl0123456789", signs: signColon | signBracket, transport: true, indented: true, peel: peelDmesg}

func peelDmesg(c *clock, line []byte, e *Envelope) bool {
	b := line
	severity := culprit.SeverityNone
	switch b[0] {
	case '<':
		pri, n := priority(b)
		if n == 0 {
			return false
		}
		severity, b = culprit.Severity(pri&7), b[n:]
	case 'k', 'u', 'd', 'l': // "kern  :info  : " of dmesg -x
		n, sev := decodedPriority(b)
		if n == 0 {
			return false
		}
		severity, b = sev, b[n:]
	}
	if len(b) < 8 {
		return false
	}
	var s stamp
	var up, stampText []byte
	if b[0] == '[' {
		if sec, nsec, n := bootStamp(b); n > 0 {
			s = stamp{t: c.sinceBoot(sec, nsec), n: n}
			s.zoned = !s.t.IsZero()
			up, stampText = bytes.TrimSpace(b[1:n-1]), b[:n]
			if i := bytes.IndexByte(up, ' '); i > 0 { // dmesg -d puts a delta behind it
				up = up[:i]
			}
		} else {
			if !isLetter(b[1]) || bytes.IndexByte(b[:min(len(b), 12)], ']') >= 0 {
				return false // a name in brackets is shorter than a time
			}
			t := c.scan(b[1:])
			if t.n == 0 || t.n+1 >= len(b) || b[t.n+1] != ']' {
				return false
			}
			stampText = b[1 : t.n+1]
			s = t
			s.n += 2
		}
	} else {
		// 2019-04-27T22:56:09,123456+02:00: only dmesg writes a comma before and an
		// offset behind microseconds.
		if len(b) < 33 || b[10] != 'T' || b[19] != ',' || digitsLen(b[20:]) != 6 {
			return false
		}
		if s = c.scan(b); s.n == 0 || !s.zoned {
			return false
		}
		stampText = b[:s.n]
	}
	b = b[s.n:]
	if id := trimSpace(b); len(id) > 0 && id[0] == '[' { // CONFIG_PRINTK_CALLER: [    T1] or [    C0]
		i := bytes.IndexByte(id, ']')
		if k := bytes.TrimLeft(id[1:max(i, 1)], " "); i > 0 && i < 16 && len(k) > 1 && (k[0] == 'T' || k[0] == 'C') && digitsLen(k[1:]) == len(k)-1 {
			b = id[i+1:]
		}
	}
	if len(b) > 0 && b[0] != ' ' {
		return false
	}
	e.Time, e.TimeText, e.Zoned, e.Severity = s.t, text(stampText), s.zoned, severity
	if len(up) > 0 {
		e.Attrs.Add("uptime", text(up))
	}
	e.Body = trimSpace(b)
	e.Process, e.Facility = "kernel", "kernel"
	// Programs write into the kernel's log too, under their own names.
	if tag, pid, n := tagOf(e.Body); n > 0 && pid > 0 && bytes.IndexByte(tag, ' ') < 0 {
		e.Process, e.PID, e.Facility, e.Body = text(tag), pid, "", e.Body[n:]
	}
	return true
}

// bootStamp reads [  617.820631] or [    5.1 <    0.2>] and returns its length.
func bootStamp(b []byte) (sec, nsec, n int) {
	i := 1
	for i < len(b) && b[i] == ' ' {
		i++
	}
	k := digitsLen(b[i:])
	if k == 0 || k > 10 || i > 16 || i+k+1 >= len(b) || b[i+k] != '.' {
		return 0, 0, 0
	}
	sec, _ = digits(b[i : i+k])
	i += k + 1
	k = digitsLen(b[i:])
	if k < 3 || k > 9 || i+k >= len(b) {
		return 0, 0, 0
	}
	nsec, _ = fraction(b[i:])
	i += k
	if b[i] == ' ' && i+1 < len(b) && b[i+1] == '<' {
		if j := bytes.IndexByte(b[i:min(len(b), i+24)], '>'); j > 0 {
			i += j + 1
		}
	}
	if i >= len(b) || b[i] != ']' {
		return 0, 0, 0
	}
	return sec, nsec, i + 1
}

// decodedPriority reads "kern  :warn  : " as dmesg -x writes it.
func decodedPriority(b []byte) (n int, sev culprit.Severity) {
	if len(b) < 16 || b[6] != ':' || b[13] != ':' || b[14] != ' ' {
		return 0, culprit.SeverityNone
	}
	sev = culprit.ParseSeverity(text(bytes.TrimRight(b[7:13], " ")))
	if sev == culprit.SeverityNone {
		return 0, sev
	}
	return 15, sev
}
