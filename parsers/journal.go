package parsers

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"culprit"
)

// A JournalEntry is one entry of a systemd journal: the fields that say when,
// who, about which unit and what (systemd.journal-fields(7)). It is filled by
// [ExportReader.Next] or [JournalEntry.UnmarshalJSON] and used again; what it
// hands out is valid until then.
type JournalEntry struct {
	No      int          // its number in its source, from 1
	Mark    culprit.Mark // MarkTruncated: a field was longer than [MaxJournalField]; MarkUnterminated: the source ended in the entry
	Skipped int64        // bytes of kept fields that were left out for their length

	buf    []byte // the values of the kept fields; the first byte is never one
	base   int    // where they begin
	fields int    // fields seen, kept or not
	spans  [journalFieldCount]span

	env  Envelope
	line []byte // the text of the entry as a line
}

type span struct{ from, to int }

// MaxJournalField bounds the bytes of a field that are kept, maxJournalEntry
// those of all fields of an entry.
const (
	MaxJournalField = 1 << 20
	maxJournalEntry = 4 << 20
)

type journalField uint8

const (
	jCursor journalField = iota
	jRealtime
	jMonotonic
	jBootID
	jSourceRealtime
	jSourceMonotonic
	jTransport
	jPriority
	jIdentifier
	jComm
	jPID
	jSyslogPID
	jSystemdUnit
	jSystemdUserUnit
	jUnit
	jUserUnit
	jObjectUnit
	jHostname
	jMessage
	jMessageID
	jCmdline
	jUID
	jLoginUID
	jLineBreak
	jExitCode
	jExitStatus
	jUnitResult
	jJobType
	jJobResult
	jInvocationID
	jCoredumpUnit
	jCoredumpUserUnit
	jCoredumpSignalName
	jCoredumpSignal
	jCoredumpPID
	jCoredumpUID
	jCoredumpComm
	jCoredumpExe
	jCoredumpCmdline
	jCoredumpTimestamp
	journalFieldCount
)

// journalFieldOf returns the number of a field that is kept.
func journalFieldOf(name []byte) (journalField, bool) {
	switch string(name) {
	case "__CURSOR":
		return jCursor, true
	case "__REALTIME_TIMESTAMP":
		return jRealtime, true
	case "__MONOTONIC_TIMESTAMP":
		return jMonotonic, true
	case "_BOOT_ID":
		return jBootID, true
	case "_SOURCE_REALTIME_TIMESTAMP":
		return jSourceRealtime, true
	case "_SOURCE_MONOTONIC_TIMESTAMP":
		return jSourceMonotonic, true
	case "_TRANSPORT":
		return jTransport, true
	case "PRIORITY":
		return jPriority, true
	case "SYSLOG_IDENTIFIER":
		return jIdentifier, true
	case "_COMM":
		return jComm, true
	case "_PID":
		return jPID, true
	case "SYSLOG_PID":
		return jSyslogPID, true
	case "_SYSTEMD_UNIT":
		return jSystemdUnit, true
	case "_SYSTEMD_USER_UNIT":
		return jSystemdUserUnit, true
	case "UNIT":
		return jUnit, true
	case "USER_UNIT":
		return jUserUnit, true
	case "OBJECT_SYSTEMD_UNIT":
		return jObjectUnit, true
	case "_HOSTNAME":
		return jHostname, true
	case "MESSAGE":
		return jMessage, true
	case "MESSAGE_ID":
		return jMessageID, true
	case "_CMDLINE":
		return jCmdline, true
	case "_UID":
		return jUID, true
	case "_AUDIT_LOGINUID":
		return jLoginUID, true
	case "_LINE_BREAK":
		return jLineBreak, true
	case "EXIT_CODE":
		return jExitCode, true
	case "EXIT_STATUS":
		return jExitStatus, true
	case "UNIT_RESULT":
		return jUnitResult, true
	case "JOB_TYPE":
		return jJobType, true
	case "JOB_RESULT":
		return jJobResult, true
	case "INVOCATION_ID":
		return jInvocationID, true
	case "COREDUMP_UNIT":
		return jCoredumpUnit, true
	case "COREDUMP_USER_UNIT":
		return jCoredumpUserUnit, true
	case "COREDUMP_SIGNAL_NAME":
		return jCoredumpSignalName, true
	case "COREDUMP_SIGNAL":
		return jCoredumpSignal, true
	case "COREDUMP_PID":
		return jCoredumpPID, true
	case "COREDUMP_UID":
		return jCoredumpUID, true
	case "COREDUMP_COMM":
		return jCoredumpComm, true
	case "COREDUMP_EXE":
		return jCoredumpExe, true
	case "COREDUMP_CMDLINE":
		return jCoredumpCmdline, true
	case "COREDUMP_TIMESTAMP":
		return jCoredumpTimestamp, true
	}
	return 0, false
}

// Field returns the value of a field that is kept, "" if it is not there.
func (j *JournalEntry) Field(name string) string {
	f, ok := journalFieldOf([]byte(name))
	if !ok {
		return ""
	}
	return j.get(f)
}

// Message returns the MESSAGE field; it may hold newlines and any bytes.
func (j *JournalEntry) Message() []byte {
	s := j.spans[jMessage]
	return j.buf[s.from:s.to]
}

// Cursor returns the position of the entry in its journal.
func (j *JournalEntry) Cursor() string { return j.get(jCursor) }

func (j *JournalEntry) get(f journalField) string {
	s := j.spans[f]
	return text(j.buf[s.from:s.to])
}

func (j *JournalEntry) has(f journalField) bool { return j.spans[f].from > 0 }

func (j *JournalEntry) int(f journalField) (int64, bool) {
	n, rest, ok := number(j.get(f))
	return n, ok && rest == ""
}

// reset empties j and keeps its memory, unless an entry has made it large.
func (j *JournalEntry) reset() {
	if cap(j.buf) > 256<<10 {
		j.buf = nil
	}
	if cap(j.line) > 256<<10 {
		j.line = nil
	}
	j.No, j.Mark, j.Skipped, j.fields = 0, 0, 0, 0
	j.buf, j.base, j.line = append(j.buf[:0], 0), 1, j.line[:0]
	clear(j.spans[:])
}

// room returns how many bytes of a value may be kept.
func (j *JournalEntry) room() int { return min(MaxJournalField, maxJournalEntry-(len(j.buf)-j.base)) }

// set keeps the value of a field. The first of several counts.
func (j *JournalEntry) set(f journalField, v []byte) {
	if j.has(f) {
		return
	}
	if n := j.room(); len(v) > n {
		j.Skipped += int64(len(v) - n)
		j.Mark |= culprit.MarkTruncated
		v = v[:n]
	}
	from := len(j.buf)
	j.buf = append(j.buf, v...)
	j.spans[f] = span{from, len(j.buf)}
}

// Line returns the entry as a line for [Stream.Push]: its text is what
// journalctl -o short shows without time and host, IDENTIFIER[PID]: MESSAGE.
func (j *JournalEntry) Line() Line {
	e := &j.env
	e.reset()
	j.envelope(e)
	j.line = j.line[:0]
	j.line = append(j.line, e.Process...)
	if e.PID > 0 && e.Facility != "kernel" {
		j.line = append(j.line, '[')
		j.line = strconv.AppendInt(j.line, int64(e.PID), 10)
		j.line = append(j.line, ']')
	}
	j.line = append(j.line, ": "...)
	from := len(j.line)
	j.line = append(j.line, e.Body...)
	e.Body = j.line[from:]
	p := culprit.Position{Cursor: j.Cursor()}
	return Line{Text: j.line, No: j.No, Start: p, End: p, Mark: j.Mark, Entry: e}
}

// envelope gives e what the entry says about its message.
func (j *JournalEntry) envelope(e *Envelope) {
	e.Time, e.TimeText = j.time()
	e.Zoned = !e.Time.IsZero()
	e.Host = j.get(jHostname)
	e.Process = j.get(jIdentifier)
	if e.Process == "" {
		e.Process = j.get(jComm)
	}
	pid, ok := j.int(jPID)
	if !ok {
		pid, _ = j.int(jSyslogPID)
	}
	e.PID = int(pid)
	transport := j.get(jTransport)
	if transport == "kernel" {
		e.Facility, e.PID = "kernel", 0
		if e.Process == "" {
			e.Process = "kernel"
		}
	}
	// What a service prints gets the level that its unit is set to: nobody stated it.
	if p := j.get(jPriority); p != "" && (transport != "stdout" || p != "6") {
		e.Severity = culprit.ParseSeverity(p)
	}
	e.Unit = j.unit()
	e.Partial = j.get(jLineBreak) == "line-max"
	e.Format = "journal"
	e.Body = j.Message()

	if e.Process == "systemd-coredump" {
		e.Attrs.Add("signal", j.get(jCoredumpSignalName))
		e.Attrs.Add("exe", j.get(jCoredumpExe))
		if us, ok := j.int(jCoredumpTimestamp); ok {
			e.Attrs.AddInt("crash_time_us", us)
		}
	}
	if id := j.get(jLoginUID); id != "" && id != "4294967295" { // someone who has logged in stands behind it
		if n, ok := j.int(jLoginUID); ok {
			e.Attrs.AddInt("login_uid", n)
			e.Attrs.Add("cmdline", j.get(jCmdline))
		}
	}
}

// time returns when the entry was written. journald reads the kernel's lines
// late, by minutes on a machine without memory: the difference of the two
// monotonic stamps says by how much.
func (j *JournalEntry) time() (time.Time, string) {
	us, ok := j.int(jRealtime)
	stamp := j.get(jRealtime)
	if j.get(jTransport) == "kernel" && ok {
		read, ok1 := j.int(jMonotonic)
		written, ok2 := j.int(jSourceMonotonic)
		if ok1 && ok2 && written <= read {
			return time.UnixMicro(us - (read - written)).UTC(), stamp
		}
	}
	if src, there := j.int(jSourceRealtime); there {
		us, ok, stamp = src, true, j.get(jSourceRealtime)
	}
	if !ok {
		return time.Time{}, ""
	}
	return time.UnixMicro(us).UTC(), stamp
}

// unit returns the unit that the entry is about: what systemd itself or
// systemd-coredump says, else the unit that wrote it. Fields without an
// underscore can be written by anyone, so they count only for processes of
// systemd's own name, which the journal vouches for (_COMM).
func (j *JournalEntry) unit() string {
	comm := j.get(jComm)
	if comm == "" || strings.HasPrefix(comm, "systemd") || comm[0] == '(' || j.get(jPID) == "1" {
		for _, f := range [...]journalField{jUnit, jUserUnit, jCoredumpUserUnit, jCoredumpUnit, jObjectUnit} {
			if u := j.get(f); u != "" {
				return u
			}
		}
	}
	if u := j.get(jSystemdUserUnit); u != "" {
		return u
	}
	return j.get(jSystemdUnit)
}

// UnmarshalJSON reads one line of journalctl -o json: a value is a string, an
// array of numbers where the bytes are not plain text, an array where a field
// stands several times, and null where journalctl left it out for its length.
func (j *JournalEntry) UnmarshalJSON(line []byte) error {
	no := j.No
	j.reset()
	j.No = no + 1
	if !j.parseJSON(line) {
		return fmt.Errorf("read journal entry %d as JSON: %w", j.No, culprit.ErrCorrupt)
	}
	return nil
}

// parseJSON reads the fields of one object.
func (j *JournalEntry) parseJSON(line []byte) bool {
	p := jsonScan{b: line}
	if !p.next('{') {
		return false
	}
	if p.next('}') {
		return p.end()
	}
	for {
		name, ok := p.raw()
		if !ok || !p.next(':') {
			return false
		}
		j.fields++
		f, keep := journalFieldOf(name)
		if !j.value(&p, f, keep && !j.has(f), true) {
			return false
		}
		if p.next(',') {
			continue
		}
		return p.next('}') && p.end()
	}
}

// value reads one value and keeps it as field f; many says that it may be an
// array of several values.
func (j *JournalEntry) value(p *jsonScan, f journalField, keep, many bool) bool {
	p.space()
	if p.i == len(p.b) {
		return false
	}
	if !keep {
		return p.skip(0)
	}
	from := len(j.buf)
	switch c := p.b[p.i]; {
	case c == '"':
		raw, ok := p.raw()
		if !ok {
			return false
		}
		j.buf = appendUnescaped(j.buf, raw)
	case c == '[':
		p.i++
		p.space()
		if many && p.i < len(p.b) && (p.b[p.i] == '"' || p.b[p.i] == '[') { // several values: the first
			if !j.value(p, f, true, false) {
				return false
			}
			for p.next(',') {
				if !p.skip(1) {
					return false
				}
			}
			return p.next(']')
		}
		for !p.next(']') {
			n, ok := p.byte()
			if !ok {
				return false
			}
			j.buf = append(j.buf, n)
			p.next(',')
		}
	case c == 'n':
		if !p.skip(0) {
			return false
		}
		j.Mark |= culprit.MarkTruncated
		return true
	default:
		at := p.i
		if !p.skip(0) {
			return false
		}
		j.buf = append(j.buf, p.b[at:p.i]...)
	}
	if n := MaxJournalField; len(j.buf)-from > n {
		j.Skipped += int64(len(j.buf) - from - n)
		j.Mark |= culprit.MarkTruncated
		j.buf = j.buf[:from+n]
	}
	j.spans[f] = span{from, len(j.buf)}
	return true
}

// journalJSON is a file of journalctl -o json lines.
var journalJSON = &format{
	name:      "journal_json",
	first:     "{",
	transport: true,
	peel: func(_ *clock, line []byte, e *Envelope) bool {
		if !hasJournalField(line) {
			return false
		}
		// What an outer format has decoded may lie in e.buf and hold the line.
		j := JournalEntry{buf: append(e.buf, 0), base: len(e.buf) + 1}
		if !j.parseJSON(line) || !j.has(jMessage) && !j.has(jCursor) {
			return false
		}
		e.buf = j.buf
		j.envelope(e)
		if bytes.IndexByte(e.Body, 0x1b) >= 0 || bytes.IndexByte(e.Body, 0) >= 0 {
			from := len(e.buf)
			e.buf = appendVisible(e.buf, e.Body)
			e.Body = e.buf[from:]
		}
		return true
	},
}

// hasJournalField looks for a field that only a journal's object has.
func hasJournalField(line []byte) bool {
	s := text(line)
	// Quotation marks are everywhere; the names are quickly not found.
	return strings.Contains(s, `MESSAGE"`) && strings.Contains(s, `"MESSAGE"`) || strings.Contains(s, `_CURSOR"`) && strings.Contains(s, `"__CURSOR"`)
}
