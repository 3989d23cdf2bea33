package web

import (
	"path"
	"strconv"
	"strings"

	"culprit"
)

// title says in a few words what an event is. Words from the log are cut short;
// the whole record stands beside it.
func title(e *culprit.Event) string {
	a := e.Attrs
	pid := ""
	if n := a.GetInt("victim_pid"); n > 0 {
		pid = " pid " + strconv.FormatInt(n, 10)
	} else if e.PID > 1 {
		pid = " pid " + strconv.Itoa(e.PID)
	}
	switch e.Kind {
	case culprit.KindOOMKill:
		return "killed" + pid
	case culprit.KindOOMReaped:
		return "memory taken back"
	case culprit.KindSegfault:
		return "crashed" + pid
	case culprit.KindUnitOOMKill:
		return "killed for memory"
	case culprit.KindOOMDKill:
		return "systemd-oomd killed it"
	case culprit.KindMainExited, culprit.KindControlExited, culprit.KindExited:
		if s := a.Get("exit_status"); s != "" {
			return "exited with " + cut(s, 24)
		}
		if s := a.Get("signal"); s != "" {
			return "ended by " + cut(s, 24)
		}
		return "exited"
	case culprit.KindFailedResult:
		if s := a.Get("result"); s != "" {
			return "failed: " + cut(s, 24)
		}
		return "failed"
	case culprit.KindRestartScheduled:
		if s := a.Get("restart_counter"); s != "" {
			return "restart " + cut(s, 8)
		}
		return "restart"
	case culprit.KindStartLimitHit, culprit.KindFatal:
		return "gave up"
	case culprit.KindStarting:
		return "starting"
	case culprit.KindStarted, culprit.KindContainerStarted:
		return "started"
	case culprit.KindSpawned, culprit.KindRunning:
		return "started" + pid
	case culprit.KindStopping, culprit.KindKilling:
		return "stopping"
	case culprit.KindStopped, culprit.KindKilled:
		return "stopped"
	case culprit.KindAppStarted:
		if s := a.Get("port"); s != "" {
			return "listening on :" + cut(s, 6)
		}
		return "listening"
	case culprit.KindMemoryRestart, culprit.KindMemoryLimitExceeded:
		return "over its memory limit"
	case culprit.KindModuleNotFound:
		if s := a.Get("module"); s != "" {
			return "cannot find " + tail(s, 36)
		}
		return "cannot find a module"
	case culprit.KindAddressInUse:
		return "port taken"
	case culprit.KindHeapOOM:
		return "heap full"
	case culprit.KindDeploy:
		return "deploy"
	case culprit.KindPackageChange:
		return "packages changed"
	case culprit.KindJournalSuppressed:
		return "journal dropped lines"
	}
	return strings.ReplaceAll(string(e.Kind), "_", " ")
}

// tail keeps the end of s, which in paths says more than the beginning.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if b := path.Base(s); len(b) <= n {
		return b
	}
	return cut(s, n)
}

// nginxSource reports whether a source is a log of nginx, by its path.
func nginxSource(source string) bool {
	return strings.Contains(source, "nginx") || strings.Contains(source, "access") || strings.HasSuffix(source, "wwwlogs")
}
