package parsers

import (
	"strings"

	"culprit"
)

const formatNodeRED = "node_red"

// peelNodeRED takes off what Node-RED writes before a message:
//
//	25 Nov 08:48:02 - [error] [function:price] TypeError: msg is undefined
func peelNodeRED(c *clock, line []byte, e *Envelope) bool {
	n := digitsLen(line)
	if n == 0 || n > 2 || len(line) < n+18 || line[n] != ' ' || line[n+4] != ' ' || !isLetter(line[n+1]) {
		return false
	}
	end := n + 5 + len("08:48:02")
	if _, ok := clockDigits(line[n+5:]); !ok || string(line[end:end+3]) != " - " {
		return false
	}
	// As syslog has it, the month comes first.
	var b [16]byte
	copy(b[:4], line[n+1:n+5])
	b[4], b[6] = ' ', ' '
	copy(b[6-n:6], line[:n])
	copy(b[7:], line[n+5:end])
	s := c.scan(b[:15])
	if s.n != 15 {
		return false
	}
	rest := text(line[end+3:])
	if level := value(rest, "[", "] "); strings.HasPrefix(rest, "[") && len(level) < 8 {
		if sev := culprit.ParseSeverity(level); sev != culprit.SeverityNone {
			e.Severity = sev
			rest = rest[min(len(level)+3, len(rest)):]
		}
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(line[:end]), s.zoned
	e.Attrs.Add("logger", formatNodeRED)
	e.Body = line[len(line)-len(rest):]
	return true
}
