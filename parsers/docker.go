package parsers

import (
	"strings"
	"time"

	"culprit"
)

// What Docker says about containers: docker compose, docker events, docker
// inspect, and dockerd and containerd in the journal.

// parseDocker knows them. r.Process becomes the container's name.
func parseDocker(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := firstLine(text(body))
	if len(s) < 12 {
		return false
	}
	n := len(r.Attrs)
	var ok bool
	switch {
	case s[0] == '{':
		ok = dockerEventJSON(s, r) || dockerState(c, s, r)
	case strings.HasPrefix(s, "container "):
		ok = dockerEvent(s[len("container "):], r)
	case strings.HasPrefix(s, "time=\""), e.Process == "dockerd", e.Process == "containerd", e.Process == "docker":
		ok = daemonLine(c, e, s, r)
	default:
		ok = composeExit(e, s, r)
	}
	if !ok {
		r.Attrs = r.Attrs[:n]
		return false
	}
	return true
}

var composeWords = phrases(" exited with code ")

// composeExit reads "shop-api-1 exited with code 137 (restarting)", which
// docker compose writes without a prefix, after an escape that erases the line.
func composeExit(e *Envelope, s string, r *culprit.Record) bool {
	if e.Process != "" || e.Prefix != "" || !e.holds(s, composeWords) {
		return false
	}
	name, rest, ok := strings.Cut(s, " exited with code ")
	if !ok {
		return false
	}
	name = strings.TrimPrefix(name, "\x1b[K")
	if i := strings.LastIndexByte(name, ']'); i == 1 && name[0] == '[' {
		name = name[2:]
	} else {
		name = strings.TrimPrefix(name, "[K") // the escape byte was lost
	}
	code, after, ok := number(rest)
	if !ok || name == "" || strings.ContainsAny(name, " \t[]:") || after != "" && after != " (restarting)" {
		return false
	}
	r.Kind = culprit.KindExited
	r.Process = name
	r.Message = s[strings.Index(s, name):]
	r.Attrs.Add("program", name)
	r.Attrs.AddInt("exit_status", code)
	if after != "" {
		r.Attrs.AddBool("restarting", true)
	}
	return true
}

// dockerEvent reads what docker events writes behind the time and the type:
// "die 4f3c (exitCode=137, image=shop-api, name=shop-api)".
func dockerEvent(s string, r *culprit.Record) bool {
	open := strings.Index(s, " (")
	if open < 0 || !strings.HasSuffix(s, ")") {
		return false
	}
	head, attrs := s[:open], s[open+2:len(s)-1]
	i := strings.LastIndexByte(head, ' ')
	if i <= 0 {
		return false
	}
	attr := func(key string) string {
		if v, ok := strings.CutPrefix(attrs, key+"="); ok {
			v, _, _ = strings.Cut(v, ", ")
			return v
		}
		return value(attrs, ", "+key+"=", ", ")
	}
	return containerEvent(head[:i], head[i+1:], attr, r)
}

// containerEvent gives r the kind of an action of a container.
func containerEvent(action, id string, attr func(string) string, r *culprit.Record) bool {
	switch action {
	case "die":
		r.Kind = culprit.KindExited
		if n, _, ok := number(attr("exitCode")); ok {
			r.Attrs.AddInt("exit_status", n)
		}
	case "oom":
		r.Kind = culprit.KindOOMKilled
	case "start":
		r.Kind = culprit.KindContainerStarted
	case "stop":
		r.Kind = culprit.KindStopped
	case "kill":
		r.Kind = culprit.KindKilling
		r.Attrs.Add("signal", attr("signal"))
	default:
		return false
	}
	name := attr("name")
	r.Process = name
	r.Attrs.Add("program", name)
	r.Attrs.Add("container", id)
	r.Attrs.Add("image", attr("image"))
	return true
}

// dockerEventJSON reads a line of docker events --format '{{json .}}'.
func dockerEventJSON(s string, r *culprit.Record) bool {
	if !strings.Contains(s, `"Action":"`) || !strings.Contains(s, `"Type":"container"`) {
		return false
	}
	// The values that matter have no escapes; a container's name cannot hold one.
	attr := func(key string) string { return value(s, `"`+key+`":"`, `"`) }
	if !containerEvent(attr("Action"), attr("ID"), attr, r) {
		return false
	}
	if ns, _, ok := number(value(s, `"timeNano":`, "}")); ok && r.Time.IsZero() {
		r.Time, r.TimeText = time.Unix(0, ns).UTC(), value(s, `"timeNano":`, "}")
	}
	return true
}

// dockerState reads the state that docker inspect shows, on one line:
// {"Status":"exited","Running":false,...,"OOMKilled":true,...,"ExitCode":137,...,"FinishedAt":"..."}.
func dockerState(c *clock, s string, r *culprit.Record) bool {
	oom := value(s, `"OOMKilled":`, ",")
	code := value(s, `"ExitCode":`, ",")
	if oom == "" || code == "" || value(s, `"Status":"`, `"`) != "exited" {
		return false
	}
	r.Kind = culprit.KindExited
	if oom == "true" {
		r.Kind = culprit.KindOOMKilled
	}
	if n, _, ok := number(code); ok {
		r.Attrs.AddInt("exit_status", n)
	}
	if at := value(s, `"FinishedAt":"`, `"`); r.Time.IsZero() && at != "" {
		if st := c.scan([]byte(at)); st.n == len(at) && st.zoned {
			r.Time, r.TimeText = st.t, at
		}
	}
	return true
}

// daemonLine reads logrus lines of dockerd and containerd:
//
//	time="2026-11-22T10:00:00.000000000Z" level=info msg="ignoring event" container=4f3c module=libcontainerd namespace=moby topic=/tasks/oom type="*events.TaskOOM"
//	time="..." level=info msg="TaskOOM event container_id:\"4f3c\""
func daemonLine(c *clock, e *Envelope, s string, r *culprit.Record) bool {
	msg := logfmt(s, "msg")
	topic := logfmt(s, "topic")
	id := logfmt(s, "container")
	if id == "" {
		id = logfmt(s, "id")
	}
	switch {
	case topic == "/tasks/oom", strings.HasPrefix(msg, "TaskOOM event"), strings.Contains(msg, "OOM event"):
		r.Kind = culprit.KindOOMKilled
		if id == "" {
			id = strings.TrimRight(value(msg, `container_id:\"`, `"`), `\`)
		}
	case topic == "/tasks/exit", strings.HasPrefix(msg, "received exit event"), strings.HasPrefix(msg, "TaskExit event"), topic == "/tasks/delete":
		r.Kind = culprit.KindExited
		for _, k := range [...]string{"exit_status:", "exitStatus="} {
			if n, _, ok := number(value(s, k, " ")); ok {
				r.Attrs.AddInt("exit_status", n)
				break
			}
		}
		if id == "" {
			id = strings.TrimRight(value(msg, `container_id:\"`, `"`), `\`)
		}
	case strings.HasPrefix(msg, "Container failed to exit within "), strings.HasPrefix(msg, "Container ") && strings.Contains(msg, "failed to exit within"):
		r.Kind = culprit.KindKilling
		r.Attrs.Add("signal", "SIGKILL")
	default:
		return false
	}
	r.Attrs.Add("container", id)
	r.Message = msg
	if sev := culprit.ParseSeverity(logfmt(s, "level")); r.Severity == culprit.SeverityNone {
		r.Severity = sev
	}
	if at := logfmt(s, "time"); r.Time.IsZero() && at != "" {
		if st := c.scan([]byte(at)); st.n == len(at) && !st.t.IsZero() {
			r.Time, r.TimeText = st.t, at
		}
	}
	return true
}

// logfmt returns the value of a key in "key=value key="quoted value"", with the
// escapes of a quoted value as they are.
func logfmt(s, key string) string {
	for i := 0; ; {
		k := strings.Index(s[i:], key)
		if k < 0 {
			return ""
		}
		at := i + k
		i = at + len(key)
		if at > 0 && s[at-1] != ' ' || i >= len(s) || s[i] != '=' {
			continue
		}
		v := s[i+1:]
		if v == "" || v[0] != '"' {
			return word(v)
		}
		for end := 1; end < len(v); end++ {
			switch v[end] {
			case '\\':
				end++
			case '"':
				return v[1:end]
			}
		}
		return v[1:]
	}
}
