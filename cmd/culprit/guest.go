package main

import (
	"net"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"culprit"
	"culprit/internal/terminal"
)

// behave makes the process a guest on a machine that may be short of everything:
// the kernel kills it before any app, and it gets what CPU others leave. Where
// that is not allowed, so be it.
func behave() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o644)
	// Linux sets this for one thread; new ones take it over from theirs.
	entries, _ := os.ReadDir("/proc/self/task")
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, 10)
		}
	}
}

// ownUnit is the systemd unit that the process runs in, "" if it is none of a
// service: a shell of a user runs in sshd's or in a session.
func ownUnit() string {
	if os.Getenv("INVOCATION_ID") == "" {
		return ""
	}
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if u := path.Base(strings.TrimSpace(line)); strings.HasSuffix(u, ".service") && strings.Contains(u, "culprit") {
			return u
		}
	}
	return ""
}

// ownWords tells records that this program wrote itself. Reading them would make
// more of them, round and round; what systemd says about its unit is read.
func ownWords(unit string, pid int) func(*culprit.Record) bool {
	return func(r *culprit.Record) bool {
		return r.Process == "culprit" && (r.PID == pid || unit != "" && r.Unit == unit)
	}
}

// ownFiles tells files that this program writes itself: its data folder, and
// where its standard output and error go.
func ownFiles(dir string) func(path string) bool {
	return func(path string) bool {
		if strings.HasPrefix(path, dir+"/") {
			return true
		}
		fi, err := os.Stat(path)
		if err != nil {
			return false
		}
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			if o, err := f.Stat(); err == nil && o.Mode().IsRegular() && os.SameFile(fi, o) {
				return true
			}
		}
		return false
	}
}

// notify tells systemd how far the service is, where it asked to be told.
func notify(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}

// escaped keeps log text that stands in a message of the service from reaching a
// terminal as it is.
type escaped struct{ f *os.File }

func (e escaped) Write(b []byte) (int, error) {
	lines := strings.SplitAfter(string(b), "\n")
	for i, l := range lines {
		if text, cut := strings.CutSuffix(l, "\n"); cut {
			lines[i] = terminal.EscapeLine(text) + "\n"
		} else {
			lines[i] = terminal.EscapeLine(l)
		}
	}
	if _, err := e.f.WriteString(strings.Join(lines, "")); err != nil {
		return 0, err
	}
	return len(b), nil
}
