package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"culprit"
)

// verdictWords say in a few words what happened; the subject is the service.
var verdictWords = map[culprit.Verdict]string{
	culprit.VerdictOOMKill:             "killed for memory by the kernel",
	culprit.VerdictMemoryLimit:         "killed at a process manager's memory limit",
	culprit.VerdictHeapOOM:             "out of JavaScript heap",
	culprit.VerdictModuleNotFound:      "a module cannot be found",
	culprit.VerdictStartupError:        "fails to start",
	culprit.VerdictPortInUse:           "its port is taken",
	culprit.VerdictWrongAddress:        "listens where nginx does not look",
	culprit.VerdictUncaughtException:   "died of an uncaught exception",
	culprit.VerdictNativeCrash:         "crashed in native code",
	culprit.VerdictExited:              "exited without last words",
	culprit.VerdictKilled:              "killed by a signal of unknown origin",
	culprit.VerdictDependencyRefused:   "something it needs was down",
	culprit.VerdictDependencyTimeout:   "something it needs was slow",
	culprit.VerdictDependencyExhausted: "no connection left to something it needs",
	culprit.VerdictAppAnswered:         "the app itself answered with an error",
	culprit.VerdictHangTimeout:         "alive, but did not answer in time",
	culprit.VerdictKeepaliveRace:       "reused connections were reset",
	culprit.VerdictBadResponse:         "its response was of no use to nginx",
	culprit.VerdictPlannedRestart:      "planned restart",
	culprit.VerdictRestartUnexplained:  "restarted, nobody knows on whose order",
	culprit.VerdictHostReboot:          "the machine rebooted",
	culprit.VerdictHostStall:           "the machine stood still",
	culprit.VerdictNginxDown:           "nginx itself was down",
	culprit.VerdictStaleUpstream:       "nginx used an address that is gone",
	culprit.VerdictRemoteUpstream:      "the upstream is on another machine",
	culprit.VerdictTLSUpstream:         "TLS to the upstream failed",
	culprit.VerdictDNS:                 "the upstream's name did not resolve",
	culprit.VerdictSocketMissing:       "its unix socket is missing",
	culprit.VerdictSocketPermission:    "nginx may not use its socket",
	culprit.VerdictDiskFull:            "no space left",
	culprit.VerdictFDExhaustion:        "out of descriptors or connections",
	culprit.VerdictNetDrop:             "the network stack dropped connections",
	culprit.VerdictInconclusive:        "inconclusive",
}

// VerdictWords returns what a verdict means in a few words. A finer verdict has
// the words of the one that it begins with.
func VerdictWords(v culprit.Verdict) string {
	for name := v; name != ""; {
		if w, ok := verdictWords[name]; ok {
			return w
		}
		i := strings.LastIndexByte(string(name), '_')
		if i < 0 {
			break
		}
		name = name[:i]
	}
	return kindWords(string(v))
}

// kindWords spells a kind out: "oom_kill" as "OOM kill".
func kindWords(kind string) string {
	words := strings.Split(kind, "_")
	for i, w := range words {
		switch w {
		case "oom", "tls", "dns", "http", "waf", "db", "fd", "npm", "esm", "abi":
			words[i] = strings.ToUpper(w)
		}
	}
	return strings.Join(words, " ")
}

// isVerdict says whether v is base or finer.
func isVerdict(v, base culprit.Verdict) bool {
	return v == base || strings.HasPrefix(string(v), string(base)+"_")
}

// roleWords head the links of a chain.
var roleWords = map[string]string{
	"root": "Root cause", "trigger": "Trigger", "failure": "Critical failure", "keeps_down": "Keeps it down",
	"amplifier": "Made worse", "impact": "Impact", "recovery": "Recovery",
}

// calmWords are used where everything went as someone ordered.
var calmWords = map[string]string{
	"root": "Ordered", "trigger": "Ordered", "failure": "Stopped", "impact": "Meanwhile",
}

func roleLabel(role string, calm bool) string {
	if w, ok := calmWords[role]; calm && ok {
		return w
	}
	if w, ok := roleWords[role]; ok {
		return w
	}
	return sentence(kindWords(role))
}

// keepsDown says why a service was not back at once.
func keepsDown(reason string, ongoing bool) string {
	switch reason {
	case "":
		return ""
	case "still_broken":
		if ongoing {
			return "every start fails in the same way"
		}
		return "every start failed in the same way"
	case "gave_up":
		if ongoing {
			return "its manager gave up; mend the cause, then start it by hand"
		}
		return "its manager gave up; someone had to start it"
	case "not_started":
		if ongoing {
			return "nothing starts it again"
		}
		return "nothing started it again by itself"
	}
	return kindWords(reason)
}

// A phaseWord names one of nginx's ways to fail.
type phaseWord struct {
	key   string // as in the JSON of ByPhase
	words string // as people read it; the number is errno
	count func(*culprit.ByPhase) int
}

// phases stand in the order in which a dying process causes them.
var phases = []phaseWord{
	{"read_timeout", "110 timed out", func(p *culprit.ByPhase) int { return p.ReadTimeout }},
	{"connect_timeout", "110 timed out while connecting", func(p *culprit.ByPhase) int { return p.ConnectTimeout }},
	{"reset", "104 reset", func(p *culprit.ByPhase) int { return p.Reset }},
	{"closed_early", "closed early", func(p *culprit.ByPhase) int { return p.ClosedEarly }},
	{"refused", "111 refused", func(p *culprit.ByPhase) int { return p.Refused }},
	{"no_live", "no live upstream left", func(p *culprit.ByPhase) int { return p.NoLive }},
	{"socket", "socket missing or not allowed", func(p *culprit.ByPhase) int { return p.Socket }},
	{"tls", "TLS failed", func(p *culprit.ByPhase) int { return p.TLS }},
	{"bad_response", "bad response", func(p *culprit.ByPhase) int { return p.BadResponse }},
	{"dns", "name not resolved", func(p *culprit.ByPhase) int { return p.DNS }},
	{"none", "without a line in the error log", func(p *culprit.ByPhase) int { return p.None }},
}

// number writes n with spaces between groups of three digits.
func number(n int) string {
	s := strconv.Itoa(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// plural returns "1 request", "2 requests".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + one + "s"
}

// duration writes d with its two largest units: "28 s", "2 m 13 s", "1 h 5 m".
func duration(d time.Duration) string {
	switch s := int(d.Round(time.Second) / time.Second); {
	case d < time.Second:
		return "less than 1 s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return two(s/60, "m", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "m")
	default:
		return two(s/86400, "d", s%86400/3600, "h")
	}
}

func two(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

// elapsed writes how long the analysis took.
func elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	}
	return duration(d)
}

// list joins words: "a", "a and b", "a, b and c".
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// sentence returns s with its first letter as a capital.
func sentence(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// behindLabel returns a sentence as it stands behind a label and a colon: an
// article at its beginning is small.
func behindLabel(s string) string {
	for _, w := range []string{"The ", "A ", "An ", "Every ", "All ", "No "} {
		if strings.HasPrefix(s, w) {
			return strings.ToLower(s[:1]) + s[1:]
		}
	}
	return s
}
