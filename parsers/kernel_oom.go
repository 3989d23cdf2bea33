package parsers

import (
	"strings"

	"culprit"
)

// A report of the OOM killer (mm/oom_kill.c, mm/memcontrol.c) is one record.
// What it consists of has changed over the years:
//
//	2.6.9, 2.6.18  "oom-killer: gfp_mask=..." of nobody; memory statistics; "Out of memory: Killed process N, UID M, (COMM)."
//	2.6, 3.x, 4.x  COMM invoked oom-killer: ...; call trace; "Task in /a killed as a result of limit of /a";
//	               "memory: usage ..."; Mem-Info; table; "Out of memory: Kill process N (COMM) score S or
//	               sacrifice child"; "Killed process M (COMM) total-vm: ..." (a child of N in old ones)
//	4.19, 5.0      as before, with "oom-kill:constraint=..." after the table
//	5.1 and later  "oom-kill:constraint=..."; "Memory cgroup out of memory: Killed process N (COMM) ..."
//
// With memory.oom.group the first victim is followed by "Tasks in /a are going
// to be killed due to memory.oom.group set" and a line for each of the others.
// oom_reaper's line follows where the victim did not exit at once.

const (
	oomInvoked  = " invoked oom-killer: "
	oomNobody   = "oom-killer: gfp_mask=0x"
	oomSummary  = "oom-kill:constraint="
	oomGroupSet = " are going to be killed due to memory.oom.group set"
	oomLimitOf  = " killed as a result of limit of "
)

// oomWords are what a report begins with; oomKillLine reads the last five.
var oomWords = phrases("oom-killer: ", oomSummary, "memory: usage ", oomLimitOf, "Out of memory", "Out of Memory", "Memory cgroup out of memory", "Killed process ", " sharing same memory")

// oomRule joins a report from its head, or from the first line that says
// something where the head is missing.
var oomRule = &rule{
	name:  "oom",
	words: oomWords,
	head: func(e *Envelope, body []byte) bool {
		if !kernelLine(e) || len(body) < 16 {
			return false
		}
		_, s := uptime(text(body))
		if s == "" {
			return false
		}
		switch s[0] {
		case 'o':
			if strings.HasPrefix(s, oomSummary) || strings.HasPrefix(s, oomNobody) {
				return true
			}
		case 'O', 'M', 'm', 'T':
			if k := oomKillLine(s); k.ok && !k.done {
				return true
			}
			if strings.HasPrefix(s, "memory: usage ") || strings.HasPrefix(s, "Task in ") && strings.Contains(s, oomLimitOf) {
				return true
			}
		}
		i := strings.Index(s, oomInvoked)
		return i > 0 && i <= 64
	},
	start: func(body []byte) int {
		switch _, s := uptime(text(body)); {
		case oomKillLine(s).ok:
			return oomKilling
		case strings.HasPrefix(s, oomSummary):
			return oomSummed
		}
		return 0
	},
	next: oomNext,
}

// What has been seen of a report, kept as the state of oomRule: the id of the
// process that was killed, and above it what else.
const (
	oomPIDMask  = 1<<24 - 1 // ids go up to 1<<22
	oomKilling  = 1 << 24   // "Kill process N": the line about its death follows
	oomAllGroup = 1 << 25   // the whole group dies: a line for each follows
	oomSummed   = 1 << 26   // the line that sums it up
)

func oomNext(_ *Envelope, body []byte, state *int) step {
	indented, s := kernelText(text(body))
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	if s == "" {
		return stepMaybe
	}
	victim := *state & oomPIDMask
	if strings.HasPrefix(s, "oom_reaper: ") {
		pid, _, ok := reapedProcess(s)
		switch {
		case victim == 0 || !ok || pid&oomPIDMask != int64(victim) && *state&oomAllGroup == 0:
			return stepPass
		case *state&oomAllGroup != 0:
			return stepJoin
		}
		return stepLast
	}
	if i := strings.Index(s, oomInvoked); i > 0 && i <= 64 || strings.HasPrefix(s, "Linux version ") || strings.HasPrefix(s, oomNobody) {
		return stepEnd
	}
	if k := oomKillLine(s); k.ok || k.bare && *state&oomKilling != 0 {
		switch {
		case !k.done && (victim != 0 || *state&oomKilling != 0):
			if k.shared {
				return stepJoin
			}
			return stepEnd
		case !k.done:
			*state |= oomKilling
		case victim != 0 && *state&oomAllGroup == 0:
			return stepEnd
		case victim == 0:
			*state |= int(k.pid) & oomPIDMask
		}
		return stepJoin
	}
	if strings.HasPrefix(s, "Tasks in ") && strings.HasSuffix(s, oomGroupSet) {
		*state |= oomAllGroup
		return stepJoin
	}
	if victim != 0 {
		return stepEnd
	}
	if strings.HasPrefix(s, oomSummary) {
		if *state&oomSummed != 0 {
			return stepEnd
		}
		*state |= oomSummed
		return stepJoin
	}
	if indented || reportLine(s) {
		return stepJoin
	}
	return stepPass
}

// oomKilledRule joins what may follow a kill line that stands alone: the rest
// of a group, and the reaper.
var oomKilledRule = &rule{
	name:  "oom_killed",
	words: oomWords,
	head: func(e *Envelope, body []byte) bool {
		if !kernelLine(e) || len(body) < 16 {
			return false
		}
		_, s := uptime(text(body))
		k := oomKillLine(s)
		return k.ok && k.done
	},
	start: func(body []byte) int {
		_, s := uptime(text(body))
		return int(oomKillLine(s).pid) & oomPIDMask
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		_, s := uptime(text(body))
		if s == "" {
			return stepMaybe
		}
		switch {
		case strings.HasPrefix(s, "oom_reaper: "):
			if *state&oomAllGroup != 0 {
				return stepJoin
			}
			if pid, _, ok := reapedProcess(s); ok && int(pid)&oomPIDMask != *state&oomPIDMask {
				return stepEnd // of another that was killed before
			}
			return stepLast
		case strings.HasPrefix(s, "Tasks in ") && strings.HasSuffix(s, oomGroupSet):
			*state |= oomAllGroup
			return stepJoin
		case *state&oomAllGroup != 0 && oomKillLine(s).ok:
			return stepJoin
		}
		return stepEnd
	},
}

// reportLine reports whether a kernel line can stand in a report between its
// head and the kill: registers, the call trace, memory statistics, the table of
// tasks, unreclaimable slabs.
func reportLine(s string) bool {
	switch c := s[0]; {
	case c == '\t', c == '<', digit(c):
		return true
	case c == '[': // "[  pid  ]", "[ 1234]", "[<ffffffff8113>]"; not "[UFW BLOCK]"
		return len(s) > 2 && (s[1] == ' ' || s[1] == '<' || digit(s[1]) || strings.HasPrefix(s, "[pid"))
	}
	if strings.Contains(s, "+0x") {
		return true
	}
	if len(s) > 6 && s[4] == ':' && s[5] == ' ' && hexWord([]byte(s[:4])) { // "bfa0: 5d056000" of ARM
		return true
	}
	if i := strings.IndexByte(s, ' '); i > 0 { // "anon 312369152" of memory.stat, "kmalloc-64  12KB  12KB" of a slab
		v := strings.TrimLeft(s[i:], " ")
		if _, rest, ok := number(v); ok && (rest == "" || strings.HasPrefix(rest, "KB")) {
			return true
		}
	}
	for _, p := range reportWords {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return register(s) || strings.Contains(s, " cpuset=") && strings.Contains(s, "mems_allowed=")
}

var reportWords = []string{
	"CPU: ", "CPU ", "Pid: ", "UID: ", "Tainted", "Hardware name", "Workqueue: ", "Call Trace", "Call trace", "Stack:", "Stack : ", "Backtrace:", "Function entered at ", "Code: ", "Modules linked in",
	"Mem-Info", "Mem-info", "Mem abort", "Node ", "DMA", "Normal", "HighMem", "Movable", "active_anon", "Active:", "active_file:", "unevictable:", "slab_reclaimable:", "mapped:", "kernel_misc_reclaimable:", "free_pcp:", "sec_pagetables:", "lowmem_reserve", "protections[]",
	"Swap cache", "Free swap", "Total swap", "Free pages", "cpu ", "memory: usage ", "memory+swap: usage ", "swap: usage ", "kmem: usage ", "Memory cgroup stats for ",
	"Memory cgroup min protection", "Tasks state", "Unreclaimable slab info", "Name ", "Task in ", oomSummary, "cpuset=", "Exception stack", "hi:", "free:", "Device ",
	"RIP", "EIP", "ORIG_RAX", "pstate", "pc ", "lr ", "sp ", "Out of memory and no killable", "Memory cgroup out of memory and no killable", "System is deadlocked",
}

// register reports whether s begins as "RAX: 00", "R10: 00", "x29: ff".
func register(s string) bool {
	i := strings.IndexByte(s, ':')
	if i < 2 || i > 6 || len(s) < i+6 || s[i+1] != ' ' {
		return false
	}
	for k := range i {
		c := s[k]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != 'x' && c != '_' {
			return false
		}
	}
	for k := i + 2; k < i+6; k++ {
		if c := s[k] | 0x20; !digit(s[k]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// An oomKill is what a kill line says.
type oomKill struct {
	ok     bool
	done   bool // "Killed", not "Kill"
	bare   bool // "Killed process N (COMM)" and no more: only below "Out of memory: Kill process" is it the kernel's
	shared bool // "Kill process N (COMM) sharing same memory"
	memcg  bool // "Memory cgroup out of memory"
	stated bool // "out of memory" stands before it
	pid    int64
	comm   string
	rest   string // what follows the name
	uid    int64  // of "UID M" beside the name, -1 if not there
}

// oomKillLine reads the forms
//
//	Out of memory: Kill process 40738 (mysqld) score 16 or sacrifice child
//	Memory cgroup out of memory: Killed process 232 (node) total-vm:1kB, anon-rss:1kB, ...
//	Killed process 40738, UID 27, (mysqld) total-vm:6424316kB, anon-rss:13128kB, file-rss:4kB       RHEL 6
//	Killed process 40738 (mysqld), UID 27, total-vm:6424316kB, anon-rss:13128kB, file-rss:4kB       RHEL 7
//	Out of Memory: Killed process 2592 (oracle).
//	Out of memory in UB 101: OOM killed process 410 (mysqld) score 0 vm:1kB, rss:1kB, swap:0kB    OpenVZ: UB is the container
//
// A name may hold parentheses and spaces.
func oomKillLine(s string) (k oomKill) {
	k.uid = -1
	switch {
	case strings.HasPrefix(s, "Memory cgroup out of memory"):
		s, k.memcg, k.stated = s[len("Memory cgroup out of memory"):], true, true
	case strings.HasPrefix(s, "Out of memory in UB "):
		ub, rest, ok := number(s[len("Out of memory in UB "):])
		if !ok || ub < 0 {
			return k
		}
		s, k.memcg, k.stated = rest, true, true
	case strings.HasPrefix(s, "Out of memory"), strings.HasPrefix(s, "Out of Memory"):
		s, k.stated = s[len("Out of memory"):], true
	case !strings.HasPrefix(s, "Kill"):
		return k
	}
	if k.stated {
		s = strings.TrimPrefix(s, " (oom_kill_allocating_task)")
		var ok bool
		if s, ok = strings.CutPrefix(s, ": "); !ok {
			return k
		}
	}
	switch {
	case strings.HasPrefix(s, "Killed process "):
		s, k.done = s[len("Killed process "):], true
	case strings.HasPrefix(s, "OOM killed process "):
		s, k.done = s[len("OOM killed process "):], true
	case strings.HasPrefix(s, "Kill process "), strings.HasPrefix(s, "kill process "):
		s = s[len("Kill process "):]
	default:
		return k
	}
	var ok bool
	if k.pid, s, ok = number(s); !ok {
		return k
	}
	if u, found := strings.CutPrefix(s, ", UID "); found {
		if k.uid, s, ok = number(u); !ok {
			return k
		}
		s = strings.TrimPrefix(s, ",")
	}
	if s, ok = strings.CutPrefix(s, " ("); !ok {
		return k
	}
	// The name ends before the last word that can follow it.
	end := -1
	for _, after := range [...]string{") total-vm:", "), UID ", ") vsz:", ") score ", ") sharing same memory", ", now anon-rss:"} {
		if end = strings.LastIndex(s, after); end >= 0 {
			break
		}
	}
	if end < 0 {
		if end = strings.LastIndexByte(s, ')'); end < 0 || len(s)-end > 3 && strings.Trim(s[end+1:], " .…") != "" {
			return k
		}
	}
	k.comm, k.rest = s[:end], s[end+1:]
	if u, found := strings.CutPrefix(k.rest, ", UID "); found {
		if k.uid, k.rest, ok = number(u); !ok {
			return k
		}
		k.rest = strings.TrimPrefix(k.rest, ",")
	}
	k.shared = strings.HasPrefix(k.rest, " sharing same memory")
	if !k.stated && !k.done && !k.shared {
		return k // "Kill process 7 (x)" alone is anybody's sentence
	}
	if !k.stated && k.done && k.rest == "" {
		k.bare = true
		return k
	}
	k.ok = true
	return k
}

// parseOOM gives a report its victim, its limit and its trigger.
func parseOOM(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	if !kernelLine(e) || len(body) < 16 {
		return false
	}
	up, first := uptime(text(body))
	if e.Process == "" && e.Facility == "" && up == "" && r.Service != "" || !oomReport(first) {
		return false
	}
	var o oomFacts
	for s := text(body); s != ""; {
		line, rest, _ := strings.Cut(s, "\n")
		s = rest
		_, line = uptime(line)
		o.line(line)
	}
	r.Kind = culprit.KindOOMKill
	namesKernel(body, r)
	o.apply(r)
	addUptime(e, up, r)
	if r.Message = o.message; r.Message == "" {
		r.Message = firstLine(first)
	}
	return true
}

// oomReport reports whether a record that begins with s is a report.
func oomReport(s string) bool {
	s = firstLine(s)
	if i := strings.Index(s, oomInvoked); i > 0 && i <= 64 {
		return true
	}
	return strings.HasPrefix(s, oomSummary) || strings.HasPrefix(s, oomNobody) || strings.HasPrefix(s, "memory: usage ") ||
		strings.HasPrefix(s, "Task in ") && strings.Contains(s, oomLimitOf) || oomKillLine(s).ok
}

// oomFacts collects what the lines of a report say.
type oomFacts struct {
	message                     string
	trigger, gfp                string
	order                       int64
	hasOrder                    bool
	constraint, oomMemcg, memcg string
	task                        string
	global, isMemcg, named      bool
	usage, limit                int64
	hasUsage                    bool
	score                       int64
	hasScore                    bool
	kill                        oomKill
	uid                         int64
	hasUID                      bool
	pid                         int64
	reaped                      bool
	others                      int64
}

func (o *oomFacts) line(s string) {
	if s == "" {
		return
	}
	if i := strings.Index(s, oomInvoked); i > 0 && o.trigger == "" {
		o.trigger = s[:i]
		rest := s[i+len(oomInvoked):]
		o.gfp = value(rest, "gfp_mask=", ",")
		o.order, _, o.hasOrder = number(value(rest, "order=", ","))
		return
	}
	switch s[0] {
	case 'o':
		if strings.HasPrefix(s, oomNobody) {
			o.gfp = value(s, "gfp_mask=", ",")
			o.order, _, o.hasOrder = number(value(s, "order=", ","))
		} else if strings.HasPrefix(s, oomSummary) {
			o.summary(s)
		} else if strings.HasPrefix(s, "oom_reaper: ") {
			if _, _, ok := reapedProcess(s); ok {
				o.reaped = true
			}
		}
	case 'T':
		if a, b, ok := strings.Cut(s, oomLimitOf); ok && strings.HasPrefix(a, "Task in ") {
			o.memcg, o.oomMemcg = a[len("Task in "):], strings.TrimSpace(b)
		}
	case 'm':
		if strings.HasPrefix(s, "memory: usage ") && !o.hasUsage {
			o.usage, _, o.hasUsage = number(value(s, "usage ", "kB"))
			o.limit, _, _ = number(value(s, "limit ", "kB"))
		}
	case 'M', 'O', 'K':
		o.killed(s)
	}
}

// summary reads "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,
// mems_allowed=0,oom_memcg=/a,task_memcg=/a,task=node,pid=232,uid=999".
func (o *oomFacts) summary(s string) {
	o.constraint = value(s, "constraint=", ",")
	o.global = strings.Contains(s, ",global_oom,")
	o.oomMemcg = value(s, ",oom_memcg=", ",task_memcg=")
	o.memcg = value(s, ",task_memcg=", ",task=")
	end := strings.LastIndex(s, ",pid=")
	if i := strings.LastIndex(s, ",task="); i >= 0 && end > i {
		o.task = s[i+len(",task=") : end]
	}
	if end >= 0 {
		o.pid, _, _ = number(s[end+len(",pid="):])
		o.uid, _, o.hasUID = number(value(s[end:], ",uid=", ","))
	}
}

func (o *oomFacts) killed(s string) {
	k := oomKillLine(s)
	if k.bare && o.kill.ok && !o.kill.done {
		k.ok = true
	}
	if !k.ok || k.shared {
		return
	}
	if k.stated {
		o.named, o.isMemcg = true, o.isMemcg || k.memcg
	}
	if o.message == "" {
		o.message = s
	}
	if !k.done {
		o.score, _, o.hasScore = number(value(k.rest, "score ", " "))
		if !o.kill.ok {
			o.kill = k
		}
		return
	}
	if o.kill.done {
		o.others++
		return
	}
	o.kill = k
	if n, _, ok := number(value(k.rest, " score ", " ")); ok && strings.HasPrefix(k.rest, " score ") {
		o.score, o.hasScore = n, true
	}
	if k.uid >= 0 {
		o.uid, o.hasUID = k.uid, true
	} else if n, _, ok := number(value(k.rest, " UID:", " ")); ok {
		o.uid, o.hasUID = n, true
	}
}

func (o *oomFacts) apply(r *culprit.Record) {
	r.Attrs.Add("trigger", o.trigger)
	r.Attrs.Add("gfp_mask", o.gfp)
	if o.hasOrder {
		r.Attrs.AddInt("order", o.order)
	}
	r.Attrs.Add("constraint", o.constraint)
	if o.global {
		r.Attrs.AddBool("global_oom", true)
	}
	r.Attrs.Add("oom_memcg", o.oomMemcg)
	r.Attrs.Add("task_memcg", o.memcg)
	r.Attrs.Add("task", o.task)
	if o.kill.ok {
		r.Attrs.Add("comm", o.kill.comm)
		r.Attrs.AddInt("victim_pid", o.kill.pid)
	} else if o.pid != 0 {
		r.Attrs.Add("comm", o.task)
		r.Attrs.AddInt("victim_pid", o.pid)
	}
	if o.hasUID {
		r.Attrs.AddInt("uid", o.uid)
	}
	if o.named || o.oomMemcg != "" || o.constraint != "" {
		r.Attrs.AddBool("memcg", o.isMemcg || o.oomMemcg != "" || o.constraint == "CONSTRAINT_MEMCG")
	}
	if o.hasScore {
		r.Attrs.AddInt("score", o.score)
	}
	if o.kill.done {
		for _, f := range oomSizes {
			if n, _, ok := number(value(o.kill.rest, f.before, " ")); ok {
				r.Attrs.AddInt(f.key, n)
			}
		}
		if v := value(o.kill.rest, " oom_score_adj:", " "); v != "" {
			neg := strings.HasPrefix(v, "-")
			if n, _, ok := number(strings.TrimPrefix(v, "-")); ok {
				if neg {
					n = -n
				}
				r.Attrs.AddInt("oom_score_adj", n)
			}
		}
	}
	if o.hasUsage {
		r.Attrs.AddInt("usage_kb", o.usage)
		r.Attrs.AddInt("limit_kb", o.limit)
	}
	if o.reaped {
		r.Attrs.AddBool("reaped", true)
	}
	if o.others > 0 {
		r.Attrs.AddInt("also_killed", o.others)
	}
	unit := unitOfCgroup(o.memcg)
	if unit == "" {
		unit = unitOfCgroup(o.oomMemcg)
	}
	r.Attrs.Add("victim_unit", unit)
	r.Attrs.Add("container", containerOfCgroup(o.memcg))
}

var oomSizes = []struct{ before, key string }{
	{" total-vm:", "total_vm_kb"}, {" vsz:", "total_vm_kb"}, {" vm:", "total_vm_kb"}, {" anon-rss:", "anon_rss_kb"}, {" file-rss:", "file_rss_kb"}, {" shmem-rss:", "shmem_rss_kb"}, {" pgtables:", "pgtables_kb"},
}

// oomReaped reads "oom_reaper: reaped process 232 (node), now anon-rss:0kB,
// file-rss:0kB, shmem-rss:0kB".
func oomReaped(s string, r *culprit.Record) bool {
	pid, comm, ok := reapedProcess(s)
	if !ok {
		return false
	}
	r.Kind = culprit.KindOOMReaped
	r.Attrs.AddInt("victim_pid", pid)
	r.Attrs.Add("comm", comm)
	return true
}

func reapedProcess(s string) (pid int64, comm string, ok bool) {
	s, ok = strings.CutPrefix(s, "oom_reaper: reaped process ")
	if !ok {
		return 0, "", false
	}
	pid, s, ok = number(s)
	end := strings.LastIndex(s, "), now ")
	if !ok || end < 2 || s[:2] != " (" {
		return 0, "", false
	}
	return pid, s[2:end], true
}

// unitOfCgroup returns the unit that a path in the cgroup tree belongs to: the
// last service, scope, socket or mount in it.
func unitOfCgroup(path string) string {
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		last := path[i+1:]
		if unitName(last) && !strings.HasSuffix(last, ".slice") {
			return last
		}
		if i < 0 {
			break
		}
		path = path[:i]
	}
	return ""
}

// containerOfCgroup returns the id of a Docker, Podman or Kubernetes container
// in a path of the cgroup tree: /docker/ID, docker-ID.scope, cri-containerd-ID.scope.
func containerOfCgroup(path string) string {
	last := path[strings.LastIndexByte(path, '/')+1:]
	last = strings.TrimSuffix(last, ".scope")
	if i := strings.LastIndexByte(last, '-'); i >= 0 {
		last = last[i+1:]
	}
	if len(last) != 64 {
		return ""
	}
	for i := range len(last) {
		if c := last[i]; !digit(c) && (c < 'a' || c > 'f') {
			return ""
		}
	}
	return last
}

// value returns what stands between two marks, up to the end of s if the second
// is not there, "" if the first is not.
func value(s, before, after string) string {
	i := strings.Index(s, before)
	if i < 0 {
		return ""
	}
	s = s[i+len(before):]
	if i = strings.Index(s, after); i >= 0 {
		return s[:i]
	}
	return s
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i]
	}
	return s
}
