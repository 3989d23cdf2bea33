package parsers

import (
	"strconv"
	"strings"

	"culprit"
)

// The kernel's messages: printk.c gives their envelope ("[ 135.823947] "), the
// rest is what the subsystem prints. A report of the OOM killer is in
// kernel_oom.go.

// kernelLine reports whether the kernel can have written a body: its transport
// says so, or says nothing about who wrote it.
func kernelLine(e *Envelope) bool {
	return e.Process == "kernel" || e.Facility == "kernel" || e.Process == ""
}

// uptime splits the seconds since boot off a kernel line: "[  135.823947] x"
// gives "135.823947" and "x". Someone may have cut time and host off the line
// and left the "kernel: ".
func uptime(s string) (seconds, rest string) {
	if s != "" && s[0] == ' ' { // syslog daemons keep the space behind the tag, pastes are indented
		s = strings.TrimLeft(s, " ")
	}
	seconds, rest = bootTime(s)
	return seconds, strings.TrimLeft(rest, " ")
}

// kernelText returns what uptime leaves, and whether it was indented.
func kernelText(s string) (indented bool, rest string) {
	_, rest = bootTime(strings.TrimLeft(s, " "))
	if rest == "" {
		return false, ""
	}
	return s[0] == ' ' || rest[0] == ' ', strings.TrimLeft(rest, " ")
}

func bootTime(s string) (seconds, rest string) {
	s = strings.TrimPrefix(s, "kernel: ")
	if len(s) < 4 || s[0] != '[' {
		return "", s
	}
	i := 1
	for i < len(s) && s[i] == ' ' {
		i++
	}
	from := i
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i == from || i == len(s) || s[i] != '.' {
		return "", s
	}
	i++
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i == len(s) || s[i] != ']' {
		return "", s
	}
	return s[from:i], strings.TrimPrefix(s[i+1:], " ")
}

// kernelWords are those of kernelKind.
var kernelWords = phrases(
	"oom_reaper: ", "Linux version ", "Kernel panic - not syncing", "reboot: ", "Restarting system.", "Power down.", "sysrq: Resetting",
	// crashed
	"segfault at ", "general protection", "trap ", "unhandled level ", "unhandled exception: ", "bad frame in ",
	// lockup
	"soft lockup - CPU#", "INFO: task ", "atchdog detected hard LOCKUP on cpu", "self-detected stall on CPU", "detected stalls on CPUs", "detected expedited stalls on CPUs",
	// netExhausted
	"ossible SYN flooding on port ", "conntrack: table full", "conntrack: nf_conntrack: table full", "conntrack: expectation table full", "TCP: out of memory",
	"Out of socket memory", "too many orphaned sockets", "TCP: too many of orphaned sockets", "eighbour table overflow", "neighbor table overflow",
	"TCP: time wait bucket table overflow", "UDP: out of memory",
	// diskFull
	"irectory index full!", "o space left on device", "ENOSPC", "critical space allocation error", "out-of-data-space", "reached low water mark for data device",
	"Delayed block allocation failed", "errno=-28",
	// ioError
	"I/O error", "critical medium error, dev", "critical target error, dev", "EXT4-fs error ", "EXT3-fs error ", "Remounting filesystem read-only", "XFS (", "BTRFS error",
	"BTRFS critical", "Detected IO errors while flushing", "Aborting journal on device", "nvme ", ": failed command: ",
	// tableFull
	"VFS: file-max limit ", "fork rejected by pids controller in ",
)

func digit(c byte) bool { return c-'0' < 10 }

// parseKernel knows single lines of the kernel.
func parseKernel(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	if !kernelLine(e) && !strings.HasPrefix(text(body), "segfault at ") || len(body) == 0 {
		return false
	}
	up, s := uptime(text(body))
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	stated := e.Process == "kernel" || e.Facility == "kernel"
	if !stated && (up == "" && r.Service != "") {
		return false // a program's own file: it quotes the kernel, or someone made it
	}
	n := len(r.Attrs)
	if !kernelKind(e, s, r) {
		r.Attrs = r.Attrs[:n]
		return false
	}
	namesKernel(body, r)
	addUptime(e, up, r)
	r.Message = s
	return true
}

// namesKernel says who wrote a line of which someone cut all but "kernel: ".
func namesKernel(body []byte, r *culprit.Record) {
	if r.Process == "" && strings.HasPrefix(text(body), "kernel: ") {
		r.Process = "kernel"
	}
}

// addUptime notes the seconds since boot, from the line or from the time that
// its envelope states.
func addUptime(e *Envelope, up string, r *culprit.Record) {
	if up == "" {
		up, _ = uptime(e.TimeText)
	}
	if up == "" {
		return
	}
	if _, ok := r.Attrs.Lookup("uptime"); !ok {
		r.Attrs.Add("uptime", up)
	}
}

// kernelKind gives r the kind and the attributes of one line.
func kernelKind(e *Envelope, s string, r *culprit.Record) bool {
	switch {
	case strings.HasPrefix(s, "oom_reaper: "):
		return oomReaped(s, r)
	case strings.HasPrefix(s, "Linux version "):
		r.Kind = culprit.KindBoot
		r.Attrs.Add("kernel", word(s[len("Linux version "):]))
		return true
	case strings.HasPrefix(s, "Kernel panic - not syncing"):
		r.Kind = culprit.KindKernelPanic
		return true
	case strings.HasPrefix(s, "reboot: "), s == "Restarting system.", s == "Power down.", strings.HasPrefix(s, "sysrq: Resetting"):
		r.Kind = culprit.KindHostShutdown
		return true
	}
	return crashed(e, s, r) || lockup(s, r) || netExhausted(s, r) || diskFull(s, r) || ioError(s, r) || tableFull(s, r)
}

// crashed knows a process's death of a signal that the processor raised:
// show_unhandled_signals of x86 and arm64.
func crashed(e *Envelope, s string, r *culprit.Record) bool {
	const segfault = "segfault at "
	if e.PID != 0 && strings.HasPrefix(s, segfault) { // dmesg's own "node[4242]: " was taken for an identifier
		r.Kind = culprit.KindSegfault
		r.Attrs.Add("comm", e.Process)
		r.Attrs.AddInt("victim_pid", int64(e.PID))
		faultSite(s, r)
		return true
	}
	s = strings.TrimPrefix(s, "traps: ")
	open := strings.IndexByte(s, '[')
	if open <= 0 || open > 64 {
		return false
	}
	pid, rest, ok := number(s[open+1:])
	if !ok || len(rest) < 2 || rest[0] != ']' {
		return false
	}
	rest = strings.TrimLeft(rest[1:], ": ")
	switch {
	case strings.HasPrefix(rest, segfault), strings.HasPrefix(rest, "general protection"), strings.HasPrefix(rest, "trap "),
		strings.HasPrefix(rest, "unhandled level "), strings.HasPrefix(rest, "unhandled exception: "), strings.HasPrefix(rest, "bad frame in "):
	default:
		return false
	}
	r.Kind = culprit.KindSegfault
	r.Attrs.Add("comm", s[:open])
	r.Attrs.AddInt("victim_pid", pid)
	if trap, ok := strings.CutPrefix(rest, "trap "); ok {
		if i := strings.Index(trap, " ip:"); i > 0 {
			r.Attrs.Add("trap", trap[:i])
		}
	}
	faultSite(rest, r)
	return true
}

// faultSite notes the address and the object file of "segfault at 0 ip 00007f
// sp 00007ffd error 4 in addon.node[7f2a3c000000+5000]".
func faultSite(s string, r *culprit.Record) {
	if at, ok := strings.CutPrefix(s, "segfault at "); ok {
		r.Attrs.Add("address", word(at))
	}
	if _, in, ok := strings.Cut(s, " in "); ok {
		if i := strings.IndexByte(in, '['); i > 0 {
			r.Attrs.Add("object", in[:i])
		}
	}
}

// lockup knows the watchdogs of processors, tasks and RCU.
func lockup(s string, r *culprit.Record) bool {
	switch {
	case strings.Contains(s, "soft lockup - CPU#"):
		// watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [node:4242]
		if _, t, ok := strings.Cut(s, " stuck for "); ok {
			if n, _, ok := number(t); ok {
				r.Attrs.AddInt("seconds", n)
			}
		}
		if i := strings.LastIndexByte(s, '['); i >= 0 && strings.HasSuffix(s, "]") {
			addTask(s[i+1:len(s)-1], r)
		}
	case strings.HasPrefix(s, "INFO: task ") && strings.Contains(s, " blocked for more than "), strings.HasPrefix(s, "INFO: task ") && strings.Contains(s, " blocked for "):
		// INFO: task gdbus:1963 blocked for more than 120 seconds.
		task, t, _ := strings.Cut(s[len("INFO: task "):], " blocked for ")
		addTask(task, r)
		if n, _, ok := number(strings.TrimPrefix(t, "more than ")); ok {
			r.Attrs.AddInt("seconds", n)
		}
	case strings.Contains(s, "atchdog detected hard LOCKUP on cpu"), strings.Contains(s, "self-detected stall on CPU"), strings.Contains(s, "detected stalls on CPUs"),
		strings.Contains(s, "detected expedited stalls on CPUs"):
	default:
		return false
	}
	r.Kind = culprit.KindLockup
	return true
}

// addTask notes the name and the id of "node:4242".
func addTask(s string, r *culprit.Record) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return
	}
	if pid, rest, ok := number(s[i+1:]); ok && rest == "" {
		r.Attrs.Add("comm", s[:i])
		r.Attrs.AddInt("task_pid", pid)
	}
}

// netExhausted knows queues, tables and memory of the network stack.
func netExhausted(s string, r *culprit.Record) bool {
	switch {
	case strings.Contains(s, "ossible SYN flooding on port "):
		// TCP: request_sock_TCP: Possible SYN flooding on port 3000. Sending cookies.
		// From 6.2 on with the address: on port [::]:3000.
		r.Kind = culprit.KindSYNFlood
		_, port, _ := strings.Cut(s, " on port ")
		port = word(port)
		if i := strings.LastIndexByte(port, ':'); i >= 0 {
			r.Attrs.Add("address", strings.Trim(port[:i], "[]"))
			port = port[i+1:]
		}
		if n, _, ok := number(port); ok {
			r.Attrs.AddInt("port", n)
		}
	case strings.Contains(s, "conntrack: table full"), strings.Contains(s, "conntrack: nf_conntrack: table full"), strings.Contains(s, "conntrack: expectation table full"):
		r.Kind = culprit.KindConntrackFull
	case strings.HasPrefix(s, "TCP: out of memory"), strings.HasPrefix(s, "Out of socket memory"), strings.HasSuffix(s, "too many orphaned sockets"),
		strings.HasPrefix(s, "TCP: too many of orphaned sockets"), strings.Contains(s, "eighbour table overflow"), strings.Contains(s, "neighbor table overflow"),
		strings.HasPrefix(s, "TCP: time wait bucket table overflow"), strings.HasPrefix(s, "UDP: out of memory"):
		r.Kind = culprit.KindNetExhausted
	default:
		return false
	}
	return true
}

// diskFull knows file systems and devices without space.
func diskFull(s string, r *culprit.Record) bool {
	switch {
	case strings.Contains(s, "irectory index full!"), strings.Contains(s, "o space left on device"), strings.Contains(s, "ENOSPC"),
		strings.Contains(s, "critical space allocation error"), strings.Contains(s, "out-of-data-space"), strings.Contains(s, "reached low water mark for data device"),
		strings.Contains(s, "Delayed block allocation failed") && strings.Contains(s, "error 28"), strings.Contains(s, "errno=-28"):
	default:
		return false
	}
	r.Kind = culprit.KindDiskFull
	addDevice(s, r)
	return true
}

// ioError knows block devices and file systems that failed.
func ioError(s string, r *culprit.Record) bool {
	switch {
	case strings.Contains(s, "I/O error"), strings.HasPrefix(s, "critical medium error, dev"), strings.HasPrefix(s, "critical target error, dev"),
		strings.HasPrefix(s, "EXT4-fs error "), strings.HasPrefix(s, "EXT3-fs error "), strings.Contains(s, "Remounting filesystem read-only"),
		strings.HasPrefix(s, "XFS (") && (strings.Contains(s, "Corruption") || strings.Contains(s, "Shutting down filesystem") || strings.Contains(s, "Shutdown") || strings.Contains(s, "has been shut down")),
		strings.HasPrefix(s, "BTRFS error"), strings.HasPrefix(s, "BTRFS critical"), strings.Contains(s, "Detected IO errors while flushing"),
		strings.HasPrefix(s, "Aborting journal on device"), strings.HasPrefix(s, "nvme ") && strings.Contains(s, " timeout"), strings.Contains(s, ": failed command: "):
	default:
		return false
	}
	r.Kind = culprit.KindIOError
	addDevice(s, r)
	return true
}

// addDevice notes the block device of "..., dev sda, sector 1", "... (device
// vda1): ...", "XFS (sda1): ..." and "nvme nvme0: ...".
func addDevice(s string, r *culprit.Record) {
	for _, before := range [...]string{" dev ", "(device ", "XFS (", "on device ", "nvme "} {
		if i := strings.Index(s, before); i >= 0 {
			d := s[i+len(before):]
			if n := strings.IndexAny(d, " ,:)"); n > 0 {
				d = d[:n]
			}
			if d != "" && (isLetter(d[0]) || d[0] == '/') { // not "No space left on device [..."
				r.Attrs.Add("device", d)
			}
			return
		}
	}
}

// tableFull knows the limits on open files and processes.
func tableFull(s string, r *culprit.Record) bool {
	if strings.HasPrefix(s, "VFS: file-max limit ") {
		r.Kind = culprit.KindFilesExhausted
		if n, _, ok := number(s[len("VFS: file-max limit "):]); ok {
			r.Attrs.AddInt("limit", n)
		}
		return true
	}
	// cgroup: fork rejected by pids controller in /system.slice/shop-api.service
	_, group, ok := strings.Cut(s, "fork rejected by pids controller in ")
	if !ok {
		return false
	}
	r.Kind = culprit.KindPIDsExhausted
	r.Attrs.Add("cgroup", group)
	r.Attrs.Add("victim_unit", unitOfCgroup(group))
	return true
}

// number splits the digits off the beginning of s.
func number(s string) (n int64, rest string, ok bool) {
	i := 0
	for i < len(s) && digit(s[i]) {
		if i < 18 {
			n = n*10 + int64(s[i]-'0')
		}
		i++
	}
	switch {
	case i == 0 || i > 19:
		return 0, s, false
	case i < 19:
		return n, s[i:], true
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	return n, s[i:], err == nil
}

// word returns s up to the first space.
func word(s string) string {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i]
	}
	return s
}
