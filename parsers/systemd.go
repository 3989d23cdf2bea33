package parsers

import (
	"strings"

	"culprit"
)

// What systemd says about units, from 219 to 257: src/core/{unit,job,service}.c
// and the messages of its companions. A message is about the unit that it names
// or, where it has the description only, about the unit in the journal's UNIT=
// field, which the envelope carries.

// The suffixes of unit names.
const (
	unitService = iota + 1
	unitScope
	unitSocket
	unitMount
	unitTimer
	unitTarget
	unitPath
	unitSwap
	unitAutomount
	unitDevice
	unitSlice
)

var unitNames = [...]string{
	unitService: ".service", unitScope: ".scope", unitSocket: ".socket", unitMount: ".mount", unitTimer: ".timer", unitTarget: ".target",
	unitPath: ".path", unitSwap: ".swap", unitAutomount: ".automount", unitDevice: ".device", unitSlice: ".slice",
}

// unitWords are the suffixes in any text; managerWords are of messages that name
// no unit.
var (
	unitWords    = phrases(unitNames[1:]...)
	managerWords = phrases("Startup finished in ", "Shutting down.", "Rebooting.", "Powering off.", "Reached target ", "Time has been changed", " requested from client PID ", " spawning ")
)

// unitSuffix returns which suffix of a unit s ends in, 0 if none.
func unitSuffix(s string) int {
	for i := unitService; i <= unitSlice; i++ {
		if strings.HasSuffix(s, unitNames[i]) {
			return i
		}
	}
	return 0
}

// unitName reports whether s can be the name of a unit (systemd.unit(5)).
func unitName(s string) bool {
	if len(s) < 6 || len(s) > 255 || unitSuffix(s) == 0 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', digit(c), c == ':', c == '-', c == '_', c == '.', c == '\\', c == '@':
		default:
			return false
		}
	}
	return true
}

// parseSystemd knows the messages of the service manager.
func parseSystemd(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	switch e.Process {
	case "systemd", "init", "(systemd)", "systemd-executor":
	case "":
		if r.Service != "" || !e.holds(text(body), unitWords|managerWords) {
			return false
		}
	default:
		// The child that becomes the service's process is named "(node)" or, before 254, as its parent.
		if e.Process[0] != '(' {
			return false
		}
	}
	s := firstLine(text(body))
	pid := 0
	if e.Process == "" && strings.HasPrefix(s, "systemd[") { // someone cut time and host
		tag, id, k := tagOf([]byte(s))
		if k == 0 || string(tag) != "systemd" {
			return false
		}
		pid, s = id, s[k:]
	}
	if len(s) < 8 {
		return false
	}
	n := len(r.Attrs)
	unit, rest, ok := unitPrefix(s)
	switch {
	case ok && unitMessage(rest, r):
		r.Unit = unit
	case !ok && managerMessage(e, s, r), !ok && jobMessage(e, s, r), !ok && oldMessage(s, r):
	case ok && (e.Process != "" || pid > 0):
		r.Attrs = r.Attrs[:n]
		r.Kind, r.Unit = "", unit // no event, and yet it is known whom it is about
	default:
		r.Attrs = r.Attrs[:n]
		r.Kind = ""
		return false
	}
	if pid > 0 {
		r.Process, r.PID = "systemd", pid
	}
	r.Message = s
	return true
}

// unitPrefix splits "shop-api.service: Main process exited" in two.
func unitPrefix(s string) (unit, rest string, ok bool) {
	i := strings.Index(s, ": ")
	if i < 6 || !unitName(s[:i]) {
		return "", s, false
	}
	return s[:i], s[i+2:], true
}

// unitMessage knows what follows "shop-api.service: ".
func unitMessage(s string, r *culprit.Record) bool {
	if s == "" {
		return false
	}
	switch lower(s[0]) {
	case 'm':
		if rest, ok := cutFold(s, "main process exited, "); ok {
			r.Kind = culprit.KindMainExited
			return exitStatus(rest, r)
		}
	case 'c':
		switch {
		case hasFold(s, "control process exited, "):
			r.Kind = culprit.KindControlExited
			return exitStatus(s[len("control process exited, "):], r)
		case strings.HasPrefix(s, "Consumed "):
			r.Kind = culprit.KindConsumed
			consumed := s[len("Consumed "):]
			r.Attrs.Add("consumed", consumed)
			if i := strings.Index(consumed, " memory peak"); i > 0 {
				r.Attrs.Add("memory_peak", consumed[strings.LastIndexByte(consumed[:i], ' ')+1:i])
			}
			return true
		case strings.HasPrefix(s, "Changing to the requested working directory failed: "), strings.HasPrefix(s, "Couldn't "):
			return spawnFailed(s, r)
		}
	case 'f':
		return failure(s, r)
	case 'd', 's':
		switch {
		case strings.HasPrefix(s, "Deactivated successfully"), s == "Succeeded.", s == "Succeeded":
			r.Kind = culprit.KindDeactivated
			return true
		case hasFold(s, "scheduled restart job"):
			r.Kind = culprit.KindRestartScheduled
			if n, _, ok := number(value(s, "restart counter is at ", ".")); ok {
				r.Attrs.AddInt("restart_counter", n)
			}
			return true
		case hasFold(s, "start request repeated too quickly"), hasFold(s, "start-limit-hit"), strings.HasPrefix(s, "Start limit"):
			r.Kind = culprit.KindStartLimitHit
			return true
		case hasFold(s, "service hold-off time over"), strings.HasPrefix(s, "Service RestartSec="), strings.HasPrefix(s, "Service has no hold-off time"):
			r.Kind = culprit.KindRestartDelayExpired
			return true
		case strings.HasPrefix(s, "Service reached runtime time limit"):
			r.Kind = culprit.KindStopTimeout
			r.Attrs.Add("state", "runtime")
			return true
		case strings.HasPrefix(s, "Sent signal SIG"):
			// Sent signal SIGKILL to main process 1477 (node) on client request.
			return signalSent(s, r)
		case strings.HasPrefix(s, "systemd-oomd killed "):
			r.Kind = culprit.KindUnitOOMKill
			if n, _, ok := number(s[len("systemd-oomd killed "):]); ok {
				r.Attrs.AddInt("killed_count", n)
			}
			r.Attrs.Add("killer", "systemd-oomd")
			return true
		}
		return timeout(s, r)
	case 'h':
		if hasFold(s, "holdoff time over") {
			r.Kind = culprit.KindRestartDelayExpired
			return true
		}
	case 'a':
		if strings.HasPrefix(s, "A process of this unit has been killed by the OOM killer") {
			r.Kind = culprit.KindUnitOOMKill
			return true
		}
	case 't':
		if strings.HasPrefix(s, "The kernel OOM killer killed some processes in this unit") {
			r.Kind = culprit.KindUnitOOMKill
			return true
		}
		return timeout(s, r)
	case 'k':
		if rest, ok := strings.CutPrefix(s, "Killing process "); ok {
			return killingProcess(rest, r)
		}
	case 'j':
		// Job shop-api.service/start failed with result 'dependency'.
		if job, result, ok := strings.Cut(s, " failed with result '"); ok && strings.HasPrefix(job, "Job ") {
			if !strings.HasSuffix(job, "/start") && !strings.HasSuffix(job, "/restart") {
				return false
			}
			r.Kind = culprit.KindStartFailed
			r.Attrs.Add("result", strings.TrimRight(result, "'."))
			return true
		}
	case 'w':
		if hasFold(s, "watchdog timeout") {
			r.Kind = culprit.KindWatchdogTimeout
			r.Attrs.Add("limit", value(s, "(limit ", ")"))
			return true
		}
	case 'u':
		switch {
		case strings.HasPrefix(s, "Unit entered failed state"):
			r.Kind = culprit.KindEnteredFailed
			return true
		case strings.HasPrefix(s, "Unable to locate executable '"):
			r.Attrs.Add("command", value(s, "'", "'"))
			return spawnFailed(s, r)
		}
	case 'p':
		if strings.HasPrefix(s, "Processes still around after ") {
			r.Kind = culprit.KindStopTimeout
			return true
		}
	case 'r':
		return timeout(s, r)
	}
	return false
}

// failure knows what begins with "Failed".
func failure(s string, r *culprit.Record) bool {
	switch {
	case strings.HasPrefix(s, "Failed with result '"):
		r.Kind = culprit.KindFailedResult
		r.Attrs.Add("result", value(s, "'", "'"))
	case hasFold(s, "failed at step "):
		// Failed at step EXEC spawning /usr/bin/nodee: No such file or directory
		step, rest, _ := strings.Cut(s[len("failed at step "):], " spawning ")
		r.Attrs.Add("step", step)
		if i := strings.LastIndex(rest, ": "); i >= 0 {
			rest = rest[:i]
		}
		r.Attrs.Add("command", rest)
		return spawnFailed(s, r)
	case strings.HasPrefix(s, "Failed to execute "), strings.HasPrefix(s, "Failed to locate executable "):
		c, _, _ := strings.Cut(s[strings.Index(s, " execut"):], ": ")
		_, c, _ = strings.Cut(c[1:], " ")
		if c != "command" {
			r.Attrs.Add("command", c)
		}
		return spawnFailed(s, r)
	case strings.HasPrefix(s, "Failed to run '"), strings.HasPrefix(s, "Failed to spawn "), strings.HasPrefix(s, "Failed to load environment files"),
		strings.HasPrefix(s, "Failed to set up "), strings.HasPrefix(s, "Failed to determine "), strings.HasPrefix(s, "Failed to fork"),
		strings.HasPrefix(s, "Failed to change "), strings.HasPrefix(s, "Failed to prepare "),
		strings.HasPrefix(s, "Failed to drop "), strings.HasPrefix(s, "Failed to open environment"):
		return spawnFailed(s, r)
	case cgroupFailure(s):
		r.Kind = culprit.KindCgroupError
		if i := strings.Index(s, "/"); i >= 0 {
			g := s[i:]
			if n := strings.IndexAny(g, " ,:'"); n > 0 {
				g = g[:n]
			}
			r.Attrs.Add("cgroup", g)
		}
	default:
		return false
	}
	return true
}

func cgroupFailure(s string) bool {
	if !strings.HasPrefix(s, "Failed to ") {
		return false
	}
	return strings.Contains(s, "control group") || strings.Contains(s, "cgroup") || strings.Contains(s, "Failed to reset devices.list")
}

func spawnFailed(s string, r *culprit.Record) bool {
	r.Kind = culprit.KindSpawnFailed
	if i := strings.LastIndex(s, ": "); i >= 0 {
		r.Attrs.Add("error", strings.TrimSuffix(s[i+2:], "."))
	}
	return true
}

// exitStatus reads "code=killed, status=9/KILL" and the form of control
// processes before 229, "code=exited status=1".
func exitStatus(s string, r *culprit.Record) bool {
	code, ok := strings.CutPrefix(s, "code=")
	if !ok {
		r.Kind = ""
		return false
	}
	i := strings.IndexAny(code, ", ")
	if i < 0 {
		r.Attrs.Add("exit_code_kind", code)
		return true
	}
	r.Attrs.Add("exit_code_kind", code[:i])
	_, st, ok := strings.Cut(code[i:], "status=")
	if !ok {
		return true
	}
	st = strings.TrimRight(word(st), ".,;)")
	r.Attrs.Add("exit_status", st)
	n, rest, ok := number(st)
	if !ok {
		return true
	}
	r.Attrs.AddInt("status", n)
	r.Attrs.Add("status_name", strings.TrimPrefix(rest, "/"))
	return true
}

// killingProcess reads "1477 (node) with signal SIGKILL.".
func killingProcess(s string, r *culprit.Record) bool {
	pid, s, ok := number(s)
	comm, sig, found := strings.Cut(s, ") with signal ")
	if !ok || !found || !strings.HasPrefix(comm, " (") {
		return false
	}
	r.Kind = culprit.KindKillingProcess
	r.Attrs.AddInt("killed_pid", pid)
	r.Attrs.Add("killed_comm", comm[2:])
	r.Attrs.Add("signal", strings.TrimSuffix(word(sig), "."))
	return true
}

// signalSent reads "Sent signal SIGKILL to main process 1477 (node) on client request.".
func signalSent(s string, r *culprit.Record) bool {
	sig, rest, ok := strings.Cut(s[len("Sent signal "):], " to ")
	if !ok {
		return false
	}
	_, rest, ok = strings.Cut(rest, "process ")
	if !ok {
		return false
	}
	pid, rest, ok := number(rest)
	if !ok {
		return false
	}
	r.Kind = culprit.KindKillingProcess
	r.Attrs.AddInt("killed_pid", pid)
	r.Attrs.Add("killed_comm", value(rest, "(", ")"))
	r.Attrs.Add("signal", sig)
	if strings.Contains(rest, "on client request") {
		r.Attrs.AddBool("on_request", true)
	}
	return true
}

// timeout knows "State 'stop-sigterm' timed out. Killing." and its forms before
// 240, which name the operation: "Stopping timed out. Terminating.".
func timeout(s string, r *culprit.Record) bool {
	what, _, ok := strings.Cut(s, " timed out")
	if !ok || len(what) > 64 {
		return false
	}
	if st := value(what, "'", "'"); strings.HasPrefix(what, "State '") {
		what = st
	}
	state := strings.ToLower(strings.TrimSuffix(what, " operation"))
	r.Kind = culprit.KindStopTimeout
	if strings.HasPrefix(state, "start") || strings.HasPrefix(state, "condition") {
		r.Kind = culprit.KindStartTimeout
	}
	if strings.HasPrefix(state, "reload") {
		r.Kind = ""
		return false
	}
	r.Attrs.Add("state", state)
	return true
}

// A jobVerb is how systemd tells the end or the beginning of a job.
type jobVerb struct {
	before, after string
	kind          culprit.Kind
	result        string
}

var jobVerbs = []jobVerb{
	{"Started ", ".", culprit.KindStarted, ""},
	{"Finished ", ".", culprit.KindStarted, ""},
	{"Starting ", "...", culprit.KindStarting, ""},
	{"Stopped (with error) ", ".", culprit.KindStopped, ""},
	{"Stopped ", ".", culprit.KindStopped, ""},
	{"Stopping ", "...", culprit.KindStopping, ""},
	{"Reloading ", "...", culprit.KindReloading, ""},
	{"Reloaded ", ".", culprit.KindReloading, ""},
	{"Reload failed for ", ".", culprit.KindReloading, "failed"},
	{"Failed to start ", ".", culprit.KindStartFailed, ""},
	{"Dependency failed for ", ".", culprit.KindStartFailed, "dependency"},
	{"Timed out starting ", ".", culprit.KindStartFailed, "timeout"},
	{"Timed out stopping ", ".", culprit.KindStopTimeout, ""},
	{"Assertion failed for ", ".", culprit.KindStartFailed, "assert"},
	{"Assertion failed on job for ", ".", culprit.KindStartFailed, "assert"},
}

// jobMessage knows the messages that name the unit by its description or, from
// 249 on, by "name - description". Without an identifier that says that it is
// systemd's, a sentence must hold the name of a unit.
func jobMessage(e *Envelope, s string, r *culprit.Record) bool {
	for i := range jobVerbs {
		v := &jobVerbs[i]
		if s[0] != v.before[0] || !strings.HasPrefix(s, v.before) {
			continue
		}
		desc, ok := strings.CutSuffix(s[len(v.before):], v.after)
		if !ok && v.after == "..." {
			if desc, ok = strings.CutSuffix(desc, "…"); !ok {
				return false // "Starting version 252"
			}
		}
		unit := describedUnit(desc)
		if e.Process == "" && unit == "" {
			return false
		}
		r.Kind = v.kind
		r.Attrs.Add("unit_description", desc)
		r.Attrs.Add("result", v.result)
		if unit != "" {
			r.Unit = unit
		}
		return true
	}
	// shop-api.service - Shop API was skipped because of an unmet condition check (ConditionPathExists=/srv/shop).
	if desc, why, ok := strings.Cut(s, " was skipped because "); ok {
		return skipped(e, desc, value(why, "(", ")"), r)
	}
	// Condition check resulted in Shop API being skipped.
	if rest, ok := strings.CutPrefix(s, "Condition check resulted in "); ok {
		desc, _, _ := strings.Cut(rest, " being skipped")
		return skipped(e, desc, "", r)
	}
	return false
}

func skipped(e *Envelope, desc, condition string, r *culprit.Record) bool {
	unit := describedUnit(desc)
	if e.Process == "" && unit == "" {
		return false
	}
	r.Kind = culprit.KindSkipped
	r.Attrs.Add("unit_description", desc)
	r.Attrs.Add("condition", condition)
	if unit != "" {
		r.Unit = unit
	}
	return true
}

// describedUnit returns the name in "shop-api.service - Shop API (NestJS)" or
// in "shop-api.service", "" if there is only a description.
func describedUnit(s string) string {
	name, _, _ := strings.Cut(s, " - ")
	if i := strings.Index(name, ": Unit "); i > 0 { // "shop-api.service: Unit shop-api.service not found"
		name = name[:i]
	}
	if unitName(name) {
		return name
	}
	return ""
}

// managerMessage knows what the manager says about the machine and about itself.
func managerMessage(e *Envelope, s string, r *culprit.Record) bool {
	switch {
	case strings.HasPrefix(s, "Startup finished in "):
		// A user manager says it too, without the parts of the machine's start.
		if e.PID > 1 || !strings.Contains(s, "(kernel)") && !strings.Contains(s, "(userspace)") {
			return false
		}
		r.Kind = culprit.KindHostStarted
	case s == "Shutting down.", s == "Rebooting.", s == "Powering off.", strings.HasPrefix(s, "Reached target "):
		if e.PID > 1 || s[0] == 'R' && s != "Rebooting." && !shutdownTarget(s) {
			return false
		}
		r.Kind = culprit.KindHostShutdown
	case s == "Time has been changed", s == "Time has been changed.":
		r.Kind = culprit.KindTimeJump
	case strings.HasPrefix(s, "Reloading requested from client PID "), strings.HasPrefix(s, "Reload requested from client PID "):
		r.Kind = culprit.KindReloading
		_, rest, _ := strings.Cut(s, " client PID ")
		if pid, rest, ok := number(rest); ok {
			r.Attrs.AddInt("client_pid", pid)
			r.Attrs.Add("client", value(rest, "('", "')"))
			r.Attrs.Add("client_unit", value(rest, "(unit ", ")"))
		}
	default:
		return false
	}
	return true
}

func shutdownTarget(s string) bool {
	s = strings.TrimSuffix(s[len("Reached target "):], ".")
	for _, t := range [...]string{
		"Shutdown", "shutdown.target", "Reboot", "System Reboot", "reboot.target", "Power-Off", "System Power Off", "poweroff.target", "Halt", "halt.target", "Final Step", "kexec.target",
	} {
		if s == t || strings.HasPrefix(s, t+" - ") {
			return true
		}
	}
	return false
}

// oldMessage knows wordings before 229 that name the unit elsewhere.
func oldMessage(s string, r *culprit.Record) bool {
	if rest, ok := strings.CutPrefix(s, "Unit "); ok {
		// Unit shop-api.service entered failed state.
		if unit, ok := strings.CutSuffix(rest, " entered failed state."); ok && unitName(unit) {
			r.Kind, r.Unit = culprit.KindEnteredFailed, unit
			return true
		}
		return false
	}
	if i := strings.Index(s, "start request repeated too quickly"); i >= 0 {
		// start request repeated too quickly for shop-api.service
		// shop-api.service start request repeated too quickly, refusing to start.
		unit := strings.TrimRight(s[strings.LastIndexByte(s, ' ')+1:], ".")
		if i > 0 {
			unit = strings.TrimRight(s[:i], " :")
		}
		if unitName(unit) {
			r.Kind, r.Unit = culprit.KindStartLimitHit, unit
			return true
		}
		return false
	}
	// shop-api.service failed.
	if unit, ok := strings.CutSuffix(s, " failed."); ok && unitName(unit) {
		r.Kind, r.Unit = culprit.KindFailedResult, unit
		return true
	}
	// shop-api.service holdoff time over, scheduling restart.
	if unit, rest, ok := strings.Cut(s, " "); ok && unitName(unit) && unitMessage(rest, r) {
		r.Unit = unit
		return true
	}
	if hasFold(s, "failed at step ") && strings.Contains(s, " spawning ") {
		return failure(s, r)
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// hasFold reports whether s begins with prefix, which is in lower case, in any case.
func hasFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func cutFold(s, prefix string) (string, bool) {
	if !hasFold(s, prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
