package query

import (
	"slices"

	"culprit"
)

// A Class says how the values of a field compare.
type Class uint8

// The classes of fields.
const (
	ClassNone     Class = iota // not a field
	ClassKeyword               // equal, in any case; or begins so (value*)
	ClassText                  // holds these tokens one after another
	ClassNumber                // an integer; ranges
	ClassSeverity              // a number of syslog or its name; ranges, 0 is the worst
)

// fields are the names before a colon that make a field query: the columns of a
// record and the attributes that parsers give (docs/formats.md). Any other name
// is a word, for log lines are full of colons.
var fields = map[string]Class{
	"kind": ClassKeyword, "severity": ClassSeverity, "service": ClassKeyword, "source": ClassKeyword, "format": ClassKeyword,
	"host": ClassKeyword, "process": ClassKeyword, "pid": ClassNumber, "unit": ClassKeyword, "upstream": ClassKeyword, "message": ClassText,

	// nginx
	"certificate": ClassText, "client": ClassKeyword, "connect_addr": ClassKeyword, "connection": ClassNumber, "errno": ClassNumber,
	"errno_text": ClassText, "login": ClassText, "method": ClassKeyword, "path": ClassText, "phase": ClassKeyword, "protocol": ClassKeyword,
	"referrer": ClassText, "request": ClassText, "resolver": ClassKeyword, "responder": ClassText, "server": ClassKeyword, "status": ClassNumber,
	"subrequest": ClassText, "syscall": ClassKeyword, "tid": ClassNumber, "user_agent": ClassText, "request_id": ClassKeyword, "bytes": ClassNumber,

	// kernel and systemd
	"anon_rss_kb": ClassNumber, "cgroup": ClassText, "comm": ClassKeyword, "constraint": ClassKeyword, "exit_code_kind": ClassKeyword,
	"exit_status": ClassNumber, "killed_comm": ClassKeyword, "killed_pid": ClassNumber, "memcg": ClassText, "oom_memcg": ClassText,
	"oom_score_adj": ClassNumber, "restart_counter": ClassNumber, "result": ClassKeyword, "signal": ClassKeyword, "state": ClassKeyword,
	"status_name": ClassText, "task": ClassKeyword, "task_memcg": ClassText, "trigger": ClassKeyword, "uid": ClassNumber,
	"unit_description": ClassText, "victim_pid": ClassNumber,

	// supervisor, PM2, Docker
	"app_id": ClassNumber, "app_ref": ClassKeyword, "command": ClassText, "expected": ClassKeyword, "restarts": ClassNumber,
	"restarting": ClassKeyword, "script": ClassText, "stream": ClassKeyword,

	// Node
	"address": ClassKeyword, "error_code": ClassKeyword, "error_type": ClassKeyword, "file_named": ClassText, "first_app_frame": ClassText,
	"frames": ClassText, "hostname": ClassKeyword, "imported_from": ClassText, "logger": ClassKeyword, "module": ClassKeyword,
	"nest_context": ClassKeyword, "node_version": ClassKeyword, "package_json": ClassText, "port": ClassNumber, "require_stack": ClassText,
	"root_message": ClassText, "subpath": ClassText, "thrown_at": ClassText, "top_frame": ClassText,
}

// counted are the fields whose values the index holds with their number of
// records: those with few values, by which people count and group.
var counted = map[string]bool{
	"kind": true, "severity": true, "service": true, "host": true, "process": true, "unit": true, "upstream": true,
	"status": true, "errno": true, "phase": true, "method": true, "server": true, "error_code": true, "error_type": true,
	"signal": true, "result": true,
}

// ClassOf returns the class of a field, ClassNone if there is no such field.
func ClassOf(field string) Class { return fields[field] }

// FieldName returns the name of the field in memory that lasts, "" if there is no
// such field.
func FieldName(field string) string { return names[field] }

var names = func() map[string]string {
	m := make(map[string]string, len(fields))
	for name := range fields {
		m[name] = name
	}
	return m
}()

// Counted reports whether the index counts the values of a field.
func Counted(field string) bool { return counted[field] }

// Fields returns the names of all fields in alphabetical order.
func Fields() []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// parseSeverity returns the number of a severity, given as name or number.
func parseSeverity(s string) (int64, bool) {
	sev := culprit.ParseSeverity(s)
	return int64(sev), sev != culprit.SeverityNone
}
