package culprit

import "time"

// A Verdict names what took the users' requests down. The list is closed; a
// finer verdict begins with one of these and an underscore.
type Verdict string

// The verdicts.
const (
	VerdictOOMKill             Verdict = "oom_kill"             // the kernel or systemd-oomd killed it for memory
	VerdictMemoryLimit         Verdict = "memory_limit"         // a process manager's own memory limit
	VerdictHeapOOM             Verdict = "heap_oom"             // V8 reached its heap limit and aborted
	VerdictModuleNotFound      Verdict = "module_not_found"     // a module could not be resolved
	VerdictStartupError        Verdict = "startup_error"        // any other failure to start
	VerdictPortInUse           Verdict = "port_in_use"          // its port was taken
	VerdictWrongAddress        Verdict = "wrong_address"        // it listens, but not where nginx looks
	VerdictUncaughtException   Verdict = "uncaught_exception"   // died of its own error
	VerdictNativeCrash         Verdict = "native_crash"         // died of SIGSEGV and the like
	VerdictExited              Verdict = "exited"               // left by itself with no last words
	VerdictKilled              Verdict = "killed"               // a signal that nobody in the logs accounts for
	VerdictDependencyRefused   Verdict = "dependency_refused"   // what it needs was down
	VerdictDependencyTimeout   Verdict = "dependency_timeout"   // what it needs was slow
	VerdictDependencyExhausted Verdict = "dependency_exhausted" // what it needs had no connection left
	VerdictAppAnswered         Verdict = "app_answered"         // the app itself answered 502, 503 or 504
	VerdictHangTimeout         Verdict = "hang_timeout"         // alive, but did not answer in time
	VerdictKeepaliveRace       Verdict = "keepalive_race"       // reused connections are reset
	VerdictBadResponse         Verdict = "bad_response"         // a living process sent what nginx cannot use
	VerdictPlannedRestart      Verdict = "planned_restart"      // stopped or restarted by a known initiator
	VerdictRestartUnexplained  Verdict = "restart_unexplained"  // stopped or restarted on order, nobody knows whose
	VerdictHostReboot          Verdict = "host_reboot"          // the machine went down and up
	VerdictHostStall           Verdict = "host_stall"           // the machine stood still
	VerdictNginxDown           Verdict = "nginx_down"           // nginx itself was down
	VerdictStaleUpstream       Verdict = "stale_upstream"       // nginx still uses an address that is gone
	VerdictRemoteUpstream      Verdict = "remote_upstream"      // the upstream is on another machine
	VerdictTLSUpstream         Verdict = "tls_upstream"         // TLS to the upstream failed
	VerdictDNS                 Verdict = "dns"                  // the upstream's name did not resolve
	VerdictSocketMissing       Verdict = "socket_missing"       // no unix socket while the process lives
	VerdictSocketPermission    Verdict = "socket_permission"    // nginx may not use the socket
	VerdictDiskFull            Verdict = "disk_full"            // space, inodes or quota
	VerdictFDExhaustion        Verdict = "fd_exhaustion"        // descriptors, worker_connections, pids
	VerdictNetDrop             Verdict = "net_drop"             // conntrack, ports, backlog
	VerdictInconclusive        Verdict = "inconclusive"         // known_to says how far the proof goes
)

// A Tier says how a verdict was proven.
type Tier string

// The tiers, best first.
const (
	TierProven   Tier = "proven"   // joined by identity, every source that is needed was read
	TierLikely   Tier = "likely"   // joined by time, no second candidate, every source read
	TierPossible Tier = "possible" // neither
)

// A Report is all that one analysis says; its JSON is a stable contract.
type Report struct {
	Version   int          `json:"version"` // 1
	Sources   []SourceInfo `json:"sources"`
	Gaps      []Gap        `json:"gaps"`
	Notices   []Notice     `json:"notices"`
	Incidents []*Incident  `json:"incidents"`
}

// A SourceInfo says what was read of one source.
type SourceInfo struct {
	Path     string     `json:"path"`
	Format   string     `json:"format"`
	Records  int        `json:"records"`
	Events   int        `json:"events"`
	Unparsed int        `json:"unparsed"` // records that no parser understood
	First    *time.Time `json:"first"`    // time of the first record that has one
	Last     *time.Time `json:"last"`
	Kernel   bool       `json:"-"` // a journal that holds the kernel's messages, though maybe none in the window
}

// A Gap is a stretch for which evidence is missing.
type Gap struct {
	Source string     `json:"source"`
	From   *time.Time `json:"from"`
	To     *time.Time `json:"to"`
	Reason string     `json:"reason"`
	Remedy string     `json:"remedy"` // a command that would mend it, or a sentence
}

// A Notice is something that no user felt, or too few to make an incident.
type Notice struct {
	Kind     string     `json:"kind"`
	Entity   string     `json:"entity"`
	Time     *time.Time `json:"time"`
	Text     string     `json:"text"`
	Evidence []Evidence `json:"evidence"`
}

// An Incident is a stretch of time in which requests failed at an upstream.
type Incident struct {
	ID        string    `json:"id"` // stable for the same first failure, service and host
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"` // last failure; as of now if Ongoing
	Ongoing   bool      `json:"ongoing"`
	Upstreams []string  `json:"upstreams"` // 127.0.0.1:3000, unix:/run/app.sock, or a group's name
	Service   string    `json:"service"`
	Title     string    `json:"title"` // a sentence: subject, what happened, why
	Failures  Failures  `json:"failures"`

	Verdict    Verdict `json:"verdict"`
	Confidence float64 `json:"confidence"` // share of such verdicts that were right on captures, lower bound
	Tier       Tier    `json:"tier"`
	Right      int     `json:"right,omitempty"`  // how many such verdicts were right on captures,
	Judged     int     `json:"judged,omitempty"` // of how many; 0 if there is no record
	Trigger    Link    `json:"trigger"`          // what first took the service down
	Root       Link    `json:"root"`             // the earliest link that is proven
	KeepsDown  string  `json:"keeps_down"`       // still_broken, gave_up, not_started or ""
	Initiator  string  `json:"initiator"`        // who ordered a stop or restart
	KnownTo    string  `json:"known_to"`         // for an inconclusive one, the deepest layer that is proven

	Causes     []Cause      `json:"causes"`
	Chain      []ChainLink  `json:"chain"`
	RuledOut   []RuledOut   `json:"ruled_out"`
	Prevention []Prevention `json:"prevention"`
}

// Failures counts what users saw.
type Failures struct {
	Failed     int            `json:"requests_failed"`
	Of         int            `json:"of"` // requests to the same server in that time
	Status     map[string]int `json:"status"`
	ErrorLines int            `json:"error_lines"`
	Clients    int            `json:"clients"` // different client addresses, 0 if not known
	ByPhase    ByPhase        `json:"by_phase"`
	PerSecond  []int          `json:"per_second"` // failed requests in each second from Start; longer incidents are binned, see BinSeconds
	BinSeconds int            `json:"bin_seconds"`

	// PhaseSeries splits PerSecond by phase, under the names that ByPhase has in
	// JSON; a phase without a failure is left out. Nil if it is not known.
	PhaseSeries map[string][]int `json:"phase_series,omitempty"`
	Hosts       []string         `json:"hosts,omitempty"` // what was asked for: a host name, or one with a path prefix; most failures first
}

// ByPhase counts nginx's failures by what it was doing.
type ByPhase struct {
	Refused        int `json:"refused"`
	Reset          int `json:"reset"`
	ClosedEarly    int `json:"closed_early"`
	ConnectTimeout int `json:"connect_timeout"`
	ReadTimeout    int `json:"read_timeout"`
	NoLive         int `json:"no_live"`
	TLS            int `json:"tls"`
	BadResponse    int `json:"bad_response"`
	Socket         int `json:"socket"`
	DNS            int `json:"dns"`
	None           int `json:"none"` // failed requests for which nginx logged no error
}

// A Link is one end of the causal chain.
type Link struct {
	Kind   string     `json:"kind"`
	Entity string     `json:"entity"`
	Time   *time.Time `json:"time"`
}

// A Cause is a candidate that passed the gates, the best first.
type Cause struct {
	Kind       Verdict    `json:"kind"`
	Entity     string     `json:"entity"`
	Time       *time.Time `json:"time"`
	Confidence float64    `json:"confidence"`
	Score      []Term     `json:"score"`
	Evidence   []Evidence `json:"evidence"`
}

// A Term is one named feature of the sum that orders causes.
type Term struct {
	Feature string  `json:"feature"`
	Weight  float64 `json:"weight"`
	Why     string  `json:"why"`
}

// Evidence is a record that supports or contradicts a claim.
type Evidence struct {
	Source string     `json:"source"`
	Line   int        `json:"line"`
	Time   *time.Time `json:"time"`
	Text   string     `json:"text"` // verbatim
	Role   string     `json:"role"` // decisive, supports, contradicts, effect
	Seq    int64      `json:"seq,omitempty"`
}

// A ChainLink is one step from the root to what users saw, in causal order.
type ChainLink struct {
	Time     *time.Time `json:"time"`
	Kind     string     `json:"kind"`
	Entity   string     `json:"entity"`
	Text     string     `json:"text"`
	Role     string     `json:"role"`     // root, trigger, failure, impact, keeps_down, recovery, amplifier
	Evidence []int      `json:"evidence"` // indexes into the evidence of the first cause
}

// RuledOut is what was looked at and is not the cause.
type RuledOut struct {
	Kind   string `json:"kind"`
	Entity string `json:"entity"`
	Reason string `json:"reason"`
}

// A Prevention is a proposal; culprit runs nothing.
type Prevention struct {
	Text    string `json:"text"`
	Command string `json:"command"`
	Basis   string `json:"basis"`
}
