package culprit

// Severity is syslog's scale (RFC 5424, section 6.2.1): 0 is the worst.
type Severity int8

// The severities, worst first.
const (
	SeverityNone Severity = iota - 1 // the log does not say
	SeverityEmergency
	SeverityAlert
	SeverityCritical
	SeverityError
	SeverityWarning
	SeverityNotice
	SeverityInfo
	SeverityDebug
)

var severityNames = [...]string{"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"}

// String returns syslog's keyword, "" for SeverityNone.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severityNames) {
		return ""
	}
	return severityNames[s]
}

// ParseSeverity returns the severity that a word or a digit states, in the
// spellings of syslog, nginx, systemd and the Node loggers, and SeverityNone for
// any other.
func ParseSeverity(word string) Severity {
	if len(word) == 1 && word[0] >= '0' && word[0] <= '7' {
		return Severity(word[0] - '0')
	}
	if len(word) < 3 || len(word) > 11 {
		return SeverityNone
	}
	var low [11]byte
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(word)]) {
	case "emerg", "emergency", "panic":
		return SeverityEmergency
	case "alert":
		return SeverityAlert
	case "crit", "critical", "fatal":
		return SeverityCritical
	case "err", "error":
		return SeverityError
	case "warn", "warning":
		return SeverityWarning
	case "notice":
		return SeverityNotice
	case "info", "log", "information", "http":
		return SeverityInfo
	case "debug", "trace", "verbose", "silly":
		return SeverityDebug
	}
	return SeverityNone
}
