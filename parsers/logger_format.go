package parsers

import (
	"strconv"
	"strings"

	"culprit"
)

// Names of the loggers' formats.
const (
	formatNest       = "nest"
	formatPinoPretty = "pino_pretty"
	formatLog4js     = "log4js"
	formatWinston    = "winston"
	formatConsole    = "console"
)

// loggerFormats are how programs in Node begin an entry. They are tried last:
// other daemons begin their lines with a time and a level as well.
var loggerFormats = []*format{
	{name: formatNest, first: "[", peel: peelNest},
	{name: formatPinoPretty, first: "[", peel: peelPinoPretty},
	lambdaFormat,
	{name: formatNodeRED, first: "0123456789", peel: peelNodeRED},
	{name: formatConsole, first: " [0123456789", signs: signLead | signBracket, peel: peelConsole},
}

func loggerFormat(name string) bool {
	switch name {
	case formatNest, formatPinoPretty, formatLog4js, formatWinston, formatConsole, formatLambda, formatNodeRED:
		return true
	}
	return false
}

// peelNest takes off what Nest's ConsoleLogger writes before a message:
//
//	[Nest] 232  - 11/22/2026, 8:22:26 AM   ERROR [ExceptionsHandler] message +2ms
//	[Nest] 19111   - 01/13/2020, 2:25:35 PM   [InstanceLoader] message
func peelNest(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 24 || line[0] != '[' {
		return false
	}
	i := 1
	for i < len(line) && i < 64 && line[i] != ']' {
		i++
	}
	if i < 2 || i+3 >= len(line) || line[i] != ']' || line[i+1] != ' ' || !digit(line[i+2]) {
		return false
	}
	pid, n := 0, i+2
	for n < len(line) && digit(line[n]) && n-i < 12 {
		pid = pid*10 + int(line[n]-'0')
		n++
	}
	k := n
	for k < len(line) && line[k] == ' ' {
		k++
	}
	if k == n || k+2 >= len(line) || line[k] != '-' || line[k+1] != ' ' {
		return false
	}
	k += 2
	st := c.scan(line[k:])
	if st.n == 0 || !st.clock {
		return false
	}
	rest := text(line[k+st.n:])
	e.Time, e.Zoned, e.TimeText, e.PID = st.t, st.zoned, text(line[k:k+st.n]), pid
	rest = strings.TrimLeft(rest, " ")
	if w := word(rest); w != "" && w[0] != '[' {
		if sev := culprit.ParseSeverity(w); sev != culprit.SeverityNone {
			e.Severity = sev
			rest = strings.TrimLeft(rest[len(w):], " ")
		}
	}
	e.Attrs.Add("logger", formatNest)
	if strings.HasPrefix(rest, "[") {
		if j := strings.Index(rest, "] "); j > 0 && j < 200 {
			e.Attrs.Add("nest_context", rest[1:j])
			rest = rest[j+2:]
		} else if j == -1 && strings.HasSuffix(rest, "]") && len(rest) < 200 {
			e.Attrs.Add("nest_context", rest[1:len(rest)-1])
			rest = ""
		}
	}
	e.Body = line[len(line)-len(rest) : len(line)-len(rest)+len(trimLap(rest))]
	return true
}

// trimLap takes " +12ms" off the end of Nest's message.
func trimLap(s string) string {
	if !strings.HasSuffix(s, "ms") {
		return s
	}
	i := len(s) - 2
	for i > 0 && digit(s[i-1]) {
		i--
	}
	if i == len(s)-2 || i < 2 || s[i-1] != '+' || s[i-2] != ' ' {
		return s
	}
	return s[:i-2]
}

// peelPinoPretty takes off what pino-pretty writes before a message:
//
//	[2026-11-22 08:22:26.123 +0000] ERROR (232 on web-01): message
//	[01:37:34.129] INFO (shop/232): message
func peelPinoPretty(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 16 || line[0] != '[' || !digit(line[1]) {
		return false
	}
	i := 1
	for i < len(line) && i < 48 && line[i] != ']' {
		i++
	}
	if i+3 >= len(line) || line[i] != ']' || line[i+1] != ' ' {
		return false
	}
	stampText := line[1:i]
	rest := text(line[i+2:])
	level := word(rest)
	sev := culprit.ParseSeverity(strings.TrimSuffix(level, ":"))
	if sev == culprit.SeverityNone {
		return false
	}
	rest = strings.TrimLeft(rest[len(level):], " ")
	if !strings.HasPrefix(rest, "(") {
		return false
	}
	j := strings.IndexByte(rest[:min(len(rest), 200)], ')')
	if j < 2 || j+1 >= len(rest) || rest[j+1] != ':' {
		return false
	}
	who := rest[1:j]
	rest = strings.TrimLeft(rest[j+2:], " ")
	host := ""
	if k := strings.Index(who, " on "); k >= 0 {
		who, host = who[:k], who[k+4:]
	}
	name := ""
	if k := strings.LastIndexByte(who, '/'); k >= 0 {
		who, name = who[k+1:], who[:k]
	}
	pid, err := strconv.Atoi(who)
	if err != nil || pid < 0 {
		return false
	}
	st := c.scan(stampText)
	if st.n == len(stampText) && st.clock {
		e.Time, e.Zoned = st.t, st.zoned
	} else if _, _, n := timeOfDay(stampText); n == 0 {
		return false
	}
	e.TimeText, e.Severity, e.PID = text(stampText), sev, pid
	if host != "" {
		e.Host = host
	}
	e.Attrs.Add("logger", "pino")
	e.Attrs.Add("service", name)
	e.Body = line[len(line)-len(rest):]
	return true
}

// peelConsole takes a time, and a level and a label where they stand, off a line
// as log4js, winston and people write it:
//
//	2026-11-22T08:22:26.123Z [shop] error: message
//	2026-11-22T08:22:26.123Z - info: message
//	[2026-11-22T08:22:26.123] [ERROR] default - message
//	[2026-11-22 08:22:26] ERROR: message
//	2026-11-22 08:22:26 [error]: message
func peelConsole(c *clock, line []byte, e *Envelope) bool {
	i := 0
	for i < len(line) && i < 4 && line[i] == ' ' {
		i++
	}
	if len(line)-i < 12 {
		return false
	}
	bracket := line[i] == '['
	if bracket {
		i++
	} else if i > 0 {
		return false
	}
	if !digit(line[i]) {
		return false
	}
	st := c.scan(line[i:])
	if st.n == 0 || !st.clock || !bracket && st.zoned && digitsLen(line[i:]) == st.n {
		return false
	}
	end := i + st.n
	if end+1 < len(line) && line[end] == ':' && digit(line[end+1]) { // "23:41:48:148", a slip in many winston set-ups
		k := end + 1
		for k < len(line) && digit(line[k]) && k-end < 5 {
			k++
		}
		end = k
	}
	stampText := text(line[i:end])
	if bracket {
		if end >= len(line) || line[end] != ']' {
			return false
		}
		end++
	}
	if end < len(line) && line[end] != ' ' && line[end] != ':' && line[end] != '\t' {
		return false
	}
	rest := strings.TrimLeft(text(line[end:]), " \t")
	dash := false
	if strings.HasPrefix(rest, "- ") {
		rest, dash = rest[2:], true
	} else if strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, "| ") {
		rest = strings.TrimLeft(rest[2:], " ")
	}
	sev, label, logger, msg := levelAndLabel(rest)
	if sev == culprit.SeverityNone && dash {
		msg = rest
	}
	if sev == culprit.SeverityNone && label == "" && !dash && end < len(line) && line[end] == ' ' {
		msg = text(line[end+1:]) // with its indentation
	}
	if logger == "" && sev != culprit.SeverityNone && dash {
		logger = formatWinston
	}
	if logger == formatLog4js && !bracket {
		logger = ""
	}
	e.Time, e.Zoned, e.TimeText = st.t, st.zoned, stampText
	if sev != culprit.SeverityNone {
		e.Severity = sev
	}
	e.Attrs.Add("logger", logger)
	if n := digitsLen([]byte(label)); n > 0 && n == len(label) && n < 10 {
		e.PID, _ = strconv.Atoi(label)
	} else {
		e.Attrs.Add("label", label)
	}
	e.Body = line[len(line)-len(msg):]
	return true
}

// levelAndLabel reads the level and the label behind a time. Winston writes the
// level in small letters and a colon behind it.
func levelAndLabel(s string) (sev culprit.Severity, label, logger, rest string) {
	sev = culprit.SeverityNone
	rest = s
	for range 2 {
		if strings.HasPrefix(rest, "[") {
			j := strings.IndexByte(rest[:min(len(rest), 64)], ']')
			if j < 2 {
				return sev, label, logger, rest
			}
			in := strings.TrimSpace(rest[1:j])
			if in == "" {
				return sev, label, logger, rest
			}
			if l := culprit.ParseSeverity(in); l != culprit.SeverityNone && sev == culprit.SeverityNone && !digit(in[0]) {
				sev = l
				next := rest[j+1:]
				if strings.HasPrefix(next, ":") { // winston: "[error]: message"
					if in[0] >= 'a' {
						logger = formatWinston
					}
					return sev, label, logger, strings.TrimLeft(next[1:], " ")
				}
				rest = strings.TrimLeft(next, " ")
				// log4js: "[ERROR] category - message"
				if w := word(rest); w != "" && label == "" && strings.HasPrefix(rest[len(w):], " - ") && in[0] < 'a' {
					return sev, w, formatLog4js, rest[len(w)+3:]
				}
				continue
			}
			if label != "" || strings.ContainsAny(in, "{}\"'=") {
				return sev, label, logger, rest
			}
			label = in
			rest = strings.TrimLeft(rest[j+1:], " ")
			continue
		}
		if l, n := levelPrefix(rest); n > 0 {
			if sev == culprit.SeverityNone {
				if rest[0] >= 'a' {
					logger = formatWinston
				}
				sev, rest = l, rest[n:]
			}
			return sev, label, logger, rest
		}
		// "info message", "error TypeError: x": strapi and many a printf of winston.
		if w := word(rest); sev == culprit.SeverityNone && len(w)+2 < len(rest) {
			next := rest[len(w)+1]
			switch w {
			case "debug", "info", "warn", "verbose":
				sev = culprit.ParseSeverity(w)
			case "error", "fatal":
				if next < 'a' || next > 'z' { // not "error while reading"
					sev = culprit.ParseSeverity(w)
				}
			}
			if sev != culprit.SeverityNone {
				rest = strings.TrimLeft(rest[len(w):], " ")
				continue
			}
		}
		// "ERROR message", "ERROR [label] message": in capitals only.
		if w := word(rest); sev == culprit.SeverityNone && len(w) >= 4 && len(w) < len(rest) && w[0] >= 'A' && w[0] <= 'Z' && w == strings.ToUpper(w) {
			if l := culprit.ParseSeverity(w); l != culprit.SeverityNone {
				sev = l
				rest = strings.TrimLeft(rest[len(w):], " -|:")
				continue
			}
		}
		break
	}
	return sev, label, logger, rest
}

// levelPrefix reads "error: " and the like at the start of a line; n is its
// length, 0 if there is none.
func levelPrefix(s string) (sev culprit.Severity, n int) {
	i := 0
	for i < len(s) && i < 12 && s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' {
		i++
	}
	if i < 4 || i+1 >= len(s) || s[i] != ':' || s[i+1] != ' ' {
		return culprit.SeverityNone, 0
	}
	if s[0] <= 'Z' && s[1] >= 'a' {
		return culprit.SeverityNone, 0 // "Error: x" is an error, not a level
	}
	sev = culprit.ParseSeverity(s[:i])
	if sev == culprit.SeverityNone {
		return sev, 0
	}
	return sev, i + 2
}
