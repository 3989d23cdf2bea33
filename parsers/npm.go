package parsers

import (
	"strconv"
	"strings"

	"culprit"
)

// npmRule joins the lines of npm's complaint about a script that failed, and
// yarn's two.
//
//	npm ERR! code ELIFECYCLE          npm error code ENOENT        error Command failed with exit code 1.
//	npm ERR! errno 1                  npm error syscall open       info Visit https://yarnpkg.com/en/docs/cli/run ...
var npmRule = &rule{
	name:  "npm_error",
	first: npmBytes,
	head: func(_ *Envelope, body []byte) bool {
		_, ok := npmLine(text(body))
		return ok || strings.HasPrefix(text(body), "error Command failed with ")
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		s := text(body)
		if s == "" {
			return stepMaybe
		}
		if l, ok := npmLine(s); ok {
			// The name of npm's own log, on the same line or the next, is the end.
			if strings.HasSuffix(s, ".log") && (*state == 1 || strings.HasPrefix(l, npmLog)) {
				return stepLast
			}
			if *state == 1 {
				return stepEnd
			}
			if strings.HasPrefix(l, npmLog) {
				*state = 1
			}
			return stepJoin
		}
		if strings.HasPrefix(s, "info Visit https://yarnpkg.com") {
			return stepLast
		}
		return stepEnd
	},
}

const npmLog = "A complete log of this run can be found in"

// npmLine takes npm's prefix off a line of an error.
func npmLine(s string) (rest string, ok bool) {
	if !strings.HasPrefix(s, "npm ") {
		return "", false
	}
	s = s[4:]
	for _, p := range [...]string{"ERR!", "error"} {
		if strings.HasPrefix(s, p) && (len(s) == len(p) || s[len(p)] == ' ') {
			return strings.TrimPrefix(s[len(p):], " "), true
		}
	}
	return "", false
}

// npmScript reports whether a line is npm's or pnpm's announcement of a script:
// "> shop-api@1.8.0 start".
func npmScript(s string) bool {
	if len(s) < 7 || s[0] != '>' || s[1] != ' ' {
		return false
	}
	name := word(s[2:])
	i := strings.LastIndexByte(name, '@')
	if i <= 0 || i+1 >= len(name) || !digit(name[i+1]) {
		return false
	}
	script := word(strings.TrimLeft(s[2+len(name):], " "))
	return script != ""
}

// npmBytes begin "npm ERR!" and "error Command failed".
const npmBytes = "ne"

// npmWords are of npm's and pnpm's complaint that a script failed.
var npmWords = phrases("ELIFECYCLE")

// parseNPM reads the complaints of npm, yarn and pnpm.
func parseNPM(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := text(body)
	switch {
	case strings.HasPrefix(s, "error Command failed with "):
		r.Kind, r.Severity = culprit.KindNPMError, culprit.SeverityError
		r.Message = firstLine(s)[len("error "):]
		npmStatus(r, r.Message)
		return true
	case e.holds(text(body), npmWords) && strings.Contains(firstLine(s), "ELIFECYCLE") && strings.Contains(firstLine(s), "Command failed"):
		r.Kind, r.Severity = culprit.KindNPMError, culprit.SeverityError
		r.Message = strings.TrimSpace(firstLine(s))
		r.Attrs.Add("error_code", "ELIFECYCLE")
		npmStatus(r, r.Message)
		return true
	}
	if _, ok := npmLine(firstLine(s)); !ok {
		return false
	}
	r.Kind, r.Severity = culprit.KindNPMError, culprit.SeverityError
	var message, command, code string
	for rest := s; rest != ""; {
		line := rest
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		l, ok := npmLine(strings.TrimSuffix(line, "\r"))
		if !ok || l == "" {
			continue
		}
		key := word(l)
		value := strings.TrimSpace(l[len(key):])
		switch key {
		case "code":
			if code == "" {
				code = value
				r.Attrs.Add("error_code", value)
				if n, err := strconv.Atoi(value); err == nil {
					r.Attrs.AddInt("exit_status", int64(n))
				}
			}
			continue
		case "errno":
			addFirst(r, "errno", value)
			continue
		case "syscall":
			addFirst(r, "syscall", value)
			continue
		case "path":
			addFirst(r, "path", value)
			continue
		case "command":
			command = value
			continue
		case "Exit":
			npmStatus(r, l)
			continue
		case "A", "cwd", "location", "workspace", "dest", "argv", "node", "npm":
			continue
		}
		if strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "/") || strings.HasSuffix(l, "-debug.log") || strings.HasSuffix(l, "-debug-0.log") {
			continue
		}
		if message == "" {
			message = l
		}
	}
	if message == "" {
		message = command
	}
	if message == "" {
		message = "code " + code
	}
	r.Message = message
	r.Attrs.Add("command", command)
	return true
}

// npmStatus reads the exit status of a script out of a sentence.
func npmStatus(r *culprit.Record, s string) {
	for _, w := range [...]string{"exit code ", "status: ", "signal "} {
		v := strings.TrimRight(word(after(s, w)), ".")
		if v == "" {
			continue
		}
		if n, err := strconv.Atoi(v); err == nil {
			r.Attrs.AddInt("exit_status", int64(n))
		} else if w == "signal " {
			r.Attrs.Add("signal", strings.Trim(v, `"'`))
		}
		return
	}
}

// addFirst adds an attribute that is not there yet. Keys are constants: those
// of a record outlive the line.
func addFirst(r *culprit.Record, key, value string) {
	if _, ok := r.Attrs.Lookup(key); !ok {
		r.Attrs.Add(key, value)
	}
}
