package parsers

import (
	"slices"
	"strings"

	"culprit"
)

// reflogFormat is git's reflog, .git/logs/HEAD:
//
//	OLD NEW deploy <deploy@vps-17> 1795337192 +0900	reset: moving to release-2.3.1
var reflogFormat = &format{
	name:  "git_reflog",
	first: "0123456789abcdef",
	signs: signAngle,
	exact: true,
	peel: func(c *clock, line []byte, e *Envelope) bool {
		if len(line) < 100 || line[40] != ' ' || line[81] != ' ' || !hexWord(line[:40]) || !hexWord(line[41:81]) {
			return false
		}
		s := text(line)
		open := strings.IndexByte(s, '<')
		end := strings.Index(s, "> ")
		if open < 82 || end < open {
			return false
		}
		sec, rest, ok := number(s[end+2:])
		if !ok || len(rest) < 6 || rest[0] != ' ' {
			return false
		}
		at := len(s) - len(rest)
		e.Time, e.TimeText, e.Zoned = epochTime(sec), s[end+2:at+6], true
		e.Body = line
		return true
	},
	parse: parseReflog,
}

func hexWord(b []byte) bool {
	for _, c := range b {
		if !digit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// parseReflog gives a line of the reflog what was done and to which revision.
func parseReflog(_ *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	s := text(body)
	r.Kind = culprit.KindDeploy
	r.Process = "git"
	_, msg, _ := strings.Cut(s, "\t")
	r.Message = msg
	action, what, _ := strings.Cut(msg, ": ")
	r.Attrs.Add("action", action)
	r.Attrs.Add("revision", s[41:81])
	if s[:40] != "0000000000000000000000000000000000000000" {
		r.Attrs.Add("from_revision", s[:40])
	}
	r.Attrs.Add("user", strings.TrimSpace(s[82:strings.IndexByte(s, '<')]))
	if rest, ok := strings.CutPrefix(what, "moving "); ok {
		if i := strings.LastIndex(rest, "to "); i >= 0 {
			r.Attrs.Add("version", rest[i+len("to "):])
		}
	}
	return true
}

// deployPrograms are identifiers of tools that only deploy: every line of theirs
// is about it. automationPrograms do other work as well.
var (
	deployPrograms = []string{
		"deploy", "deployer", "deployment", "release", "releaser", "capistrano", "shipit", "rollout", "rollback", "post-receive", "git-hook", "kamal", "dploy", "deploybot", "codedeploy",
	}
	automationPrograms = []string{
		"gitlab-runner", "github-runner", "actions-runner", "Runner.Listener", "buildkite-agent", "jenkins", "drone", "woodpecker", "dokku", "webhook", "fabric", "codedeploy-agent",
		"puppet-agent", "chef-client", "salt-minion", "argocd", "flux", "watchtower", "git", "logger", "root", "ploi", "forge",
	}
)

// parseDeploy knows lines of tools that deploy, and lines that people write
// with logger about what they do.
func parseDeploy(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := firstLine(text(body))
	if len(s) < 6 || len(s) > 1024 || e.Facility == "kernel" {
		return false
	}
	tool := deployProgram(e.Process)
	if !tool {
		// "Branch main (at 4f3c2d1) deployed as release 20261122100000 by deploy" in Capistrano's revisions.log.
		if e.Process == "" && e.holds(s, revisionWords) && revision(s, r) {
			return true
		}
		if !slices.Contains(automationPrograms, e.Process) || !deploySentence(s) {
			return false
		}
	}
	r.Kind = culprit.KindDeploy
	r.Message = s
	r.Attrs.Add("tool", e.Process)
	if service, rest, ok := strings.Cut(s, ": "); ok && service != "" && !strings.ContainsAny(service, "()[]{}=") {
		// "shop-api: activating 1.9.0", "ledger 2.5.0: restart"
		name, version, two := strings.Cut(service, " ")
		switch {
		case !two:
			r.Attrs.Add("service", name)
		case isVersion(version):
			r.Attrs.Add("service", name)
			r.Attrs.Add("version", version)
		}
		s = rest
	}
	if action := deployAction(s); action != "" {
		r.Attrs.Add("action", action)
	}
	if r.Attrs.Get("version") == "" {
		last := ""
		for w := range strings.FieldsSeq(s) {
			w = strings.Trim(w, ".,;:()'\"")
			if isVersion(w) {
				r.Attrs.Add("version", w)
				if _, ok := r.Attrs.Lookup("service"); !ok && namesService(last) {
					r.Attrs.Add("service", last)
				}
				break
			}
			last = w
		}
	}
	return true
}

// namesService reports whether the word before a version is what has it:
// "deploying shop-api 1.9.1", not "rollback to 1.8.0" nor "activating 1.9.0".
func namesService(w string) bool {
	switch w {
	case "", "to", "from", "at", "of", "release", "version", "tag", "build", "commit", "revision", "branch", "new", "the":
		return false
	}
	return deployAction(w) == ""
}

func deployProgram(p string) bool {
	if p == "" {
		return false
	}
	return slices.Contains(deployPrograms, p) || strings.HasPrefix(p, "deploy") || strings.HasSuffix(p, "-deploy") || strings.HasSuffix(p, "_deploy") || strings.HasSuffix(p, "deploy.sh") || strings.HasSuffix(p, "-release")
}

// deployActions are the stems of words that say what a deployment does, as they
// stand in the text and as they are told.
var deployActions = []struct{ stem, action string }{
	{"rolling back", "rollback"}, {"rolled back", "rollback"}, {"rollback", "rollback"}, {"roll back", "rollback"}, {"revert", "rollback"}, {"activat", "activate"},
	{"releas", "release"}, {"deploy", "deploy"}, {"promot", "release"}, {"publish", "release"}, {"maintenance", "maintenance"}, {"restart", "restart"}, {"reload", "reload"},
	{"stopping", "stop"}, {"stopped", "stop"}, {"starting", "start"}, {"symlink", "link"}, {"linking", "link"}, {"checkout", "checkout"}, {"checked out", "checkout"},
	{"pulling", "pull"}, {"git pull", "pull"}, {"install", "install"}, {"upgrad", "upgrade"}, {"updat", "update"}, {"migrat", "migrate"}, {"build", "build"},
}

func deployAction(s string) string {
	best, at := "", len(s)
	for _, a := range deployActions {
		if i := indexFold(s, a.stem); i >= 0 && i < at {
			best, at = a.action, i
		}
	}
	return best
}

// deploySentence reports whether a line begins by saying that something is
// deployed.
func deploySentence(s string) bool {
	if service, rest, ok := strings.Cut(s, ": "); ok && !strings.Contains(service, " ") {
		s = rest
	}
	for _, p := range [...]string{"deploy", "releas", "rolling back", "rolled back", "rollback", "activating ", "activated "} {
		if hasFold(s, p) {
			return true
		}
	}
	return false
}

// isVersion reports whether a word names a version or a release: 1.9.0, v2.3.1,
// release-2.3.1, 20261122T072905Z, a git revision.
func isVersion(w string) bool {
	w = strings.TrimPrefix(strings.TrimPrefix(w, "release-"), "v")
	if len(w) < 3 || len(w) > 64 || !digit(w[0]) && !hexWord([]byte(w)) {
		return false
	}
	digits, dots := 0, 0
	for i := range len(w) {
		switch c := w[i]; {
		case digit(c):
			digits++
		case c == '.':
			dots++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '+':
		default:
			return false
		}
	}
	return dots > 0 && digits > 1 || digits >= 8 || digits > 0 && (len(w) == 40 || len(w) >= 7 && len(w) <= 12 && hexWord([]byte(w)) && digits < len(w))
}

var revisionWords = phrases(") deployed as release ", " rolled back to release ")

// revision reads a line of Capistrano's revisions.log.
func revision(s string, r *culprit.Record) bool {
	if rest, ok := strings.CutPrefix(s, "Branch "); ok {
		branch, rest, ok := strings.Cut(rest, " (at ")
		if !ok {
			return false
		}
		rev, rest, ok := strings.Cut(rest, ") deployed as release ")
		if !ok {
			return false
		}
		r.Kind = culprit.KindDeploy
		r.Attrs.Add("action", "deploy")
		r.Attrs.Add("branch", branch)
		r.Attrs.Add("revision", rev)
		r.Attrs.Add("version", word(rest))
		r.Attrs.Add("user", value(rest, " by ", " "))
		return true
	}
	user, release, ok := strings.Cut(s, " rolled back to release ")
	if !ok || strings.Contains(user, " ") {
		return false
	}
	r.Kind = culprit.KindDeploy
	r.Attrs.Add("action", "rollback")
	r.Attrs.Add("user", user)
	r.Attrs.Add("version", word(release))
	return true
}
