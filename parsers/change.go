package parsers

import (
	"strings"

	"culprit"
)

// Changes and people: who deployed, restarted, upgraded or logged in. Packages
// are in change_package.go, releases in change_deploy.go.

// parseChange knows commands, jobs and logins.
func parseChange(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := firstLine(text(body))
	n := len(r.Attrs)
	ok := false
	switch e.Process {
	case "sudo", "doas":
		ok = sudo(s, r)
	case "su", "su-l", "runuser":
		ok = switchUser(s, r)
	case "CRON", "cron", "crond", "anacron", "fcron", "/usr/sbin/cron", "/USR/SBIN/CRON", "cronie":
		ok = cronJob(s, r)
	case "sshd", "sshd-session":
		ok = sshLogin(s, r)
	case "needrestart":
		if _, cmd, found := strings.Cut(s, "systemctl restart "); found {
			r.Kind = culprit.KindCommand
			addCommand("systemctl restart "+cmd, r)
			ok = true
		}
	default:
		if strings.HasPrefix(e.Process, "ansible-") || e.Process == "python3" && strings.HasPrefix(s, "ansible-") {
			ok = ansible(e, s, r)
		}
	}
	if !ok {
		r.Attrs = r.Attrs[:n]
		return false
	}
	r.Message = strings.TrimLeft(s, " ")
	return true
}

// sudo reads "deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl restart shop-api".
// A command that was refused has the reason before TTY and is no change.
func sudo(s string, r *culprit.Record) bool {
	user, rest, ok := strings.Cut(s, " : ")
	i := strings.Index(rest, "COMMAND=")
	if !ok || i < 0 || !strings.HasPrefix(rest, "TTY=") && !strings.HasPrefix(rest, "PWD=") && !strings.HasPrefix(rest, "HOST=") {
		return false
	}
	r.Kind = culprit.KindCommand
	r.Attrs.Add("user", strings.TrimSpace(user))
	r.Attrs.Add("run_as", value(rest[:i], "USER=", " ;"))
	r.Attrs.Add("tty", value(rest[:i], "TTY=", " ;"))
	r.Attrs.Add("dir", value(rest[:i], "PWD=", " ;"))
	addCommand(rest[i+len("COMMAND="):], r)
	return true
}

// switchUser reads "(to root) deploy on pts/0".
func switchUser(s string, r *culprit.Record) bool {
	rest, ok := strings.CutPrefix(s, "(to ")
	if !ok {
		return false
	}
	to, by, ok := strings.Cut(rest, ") ")
	if !ok {
		return false
	}
	r.Kind = culprit.KindLogin
	r.Attrs.Add("user", word(by))
	r.Attrs.Add("run_as", to)
	return true
}

// cronJob reads "(root) CMD (systemctl restart shop-api)" and anacron's "Job
// `cron.daily' started".
func cronJob(s string, r *culprit.Record) bool {
	if user, ok := strings.CutPrefix(s, "("); ok {
		user, rest, ok := strings.Cut(user, ") ")
		if !ok {
			return false
		}
		cmd, ok := strings.CutPrefix(rest, "CMD (")
		if !ok || !strings.HasSuffix(cmd, ")") {
			return false
		}
		r.Kind = culprit.KindCron
		r.Attrs.Add("user", user)
		addCommand(strings.TrimSpace(cmd[:len(cmd)-1]), r)
		return true
	}
	if job, ok := strings.CutPrefix(s, "Job `"); ok {
		name, what, ok := strings.Cut(job, "' ")
		if !ok || what != "started" {
			return false
		}
		r.Kind = culprit.KindCron
		r.Attrs.Add("job", name)
		return true
	}
	return false
}

// sshLogin reads "Accepted publickey for deploy from 192.0.2.9 port 50022 ssh2: ED25519 SHA256:x".
func sshLogin(s string, r *culprit.Record) bool {
	rest, ok := strings.CutPrefix(s, "Accepted ")
	if !ok {
		return false
	}
	method, rest, ok := strings.Cut(rest, " for ")
	if !ok {
		return false
	}
	user, rest, ok := strings.Cut(rest, " from ")
	if !ok {
		return false
	}
	r.Kind = culprit.KindLogin
	r.Attrs.Add("user", user)
	r.Attrs.Add("method", method)
	r.Attrs.Add("address", word(rest))
	return true
}

// ansible reads what modules log: "ansible-ansible.legacy.systemd: Invoked with
// name=shop-api state=restarted ...", where the part before the colon may be
// the identifier.
func ansible(e *Envelope, s string, r *culprit.Record) bool {
	module := strings.TrimPrefix(e.Process, "ansible-")
	if m, rest, ok := strings.Cut(s, " Invoked with "); ok && strings.HasPrefix(m, "ansible-") {
		module, s = strings.TrimSuffix(strings.TrimPrefix(m, "ansible-"), ":"), "Invoked with "+rest
	}
	args, ok := strings.CutPrefix(s, "Invoked with ")
	if !ok {
		return false
	}
	if i := strings.LastIndexByte(module, '.'); i >= 0 {
		module = module[i+1:]
	}
	switch module {
	case "systemd", "systemd_service", "service", "supervisorctl", "docker_container", "pm2":
	case "command", "shell":
		r.Kind = culprit.KindCommand
		addCommand(strings.Trim(value(args, "_raw_params=", " warn="), "'\""), r)
		return true
	default:
		return false
	}
	state := value(args, "state=", " ")
	if state == "" || state == "None" {
		return false
	}
	r.Kind = culprit.KindCommand
	r.Attrs.Add("command", "ansible "+module)
	r.Attrs.Add("action", state)
	r.Attrs.Add("target", value(args, "name=", " "))
	return true
}

// addCommand notes a command and, where it orders a manager to start, stop or
// restart something, what it orders: manager, action and target.
func addCommand(cmd string, r *culprit.Record) {
	r.Attrs.Add("command", cmd)
	m, action, target := orderOf(cmd)
	if action == "" {
		return
	}
	r.Attrs.Add("manager", m)
	r.Attrs.Add("action", action)
	switch len(target) {
	case 0:
	case 1:
		r.Attrs.Add("target", target[0])
	default:
		r.Attrs.Add("target", target[0])
		r.Attrs.AddValue("targets", culprit.Strings(target))
	}
}

// maxOrderWords bounds the words of a command that are looked at.
const maxOrderWords = 32

// orderOf finds what a command line orders a process manager to do: the first
// word that is a manager's program, then its action and targets.
//
//	/usr/bin/systemctl restart shop-api   systemd, restart, [shop-api.service]
//	supervisorctl stop all                supervisor, stop, [all]
//	/bin/sh -c pm2 reload admin           pm2, reload, [admin]
func orderOf(cmd string) (manager, action string, targets []string) {
	words := strings.FieldsFunc(cmd[:min(len(cmd), 4096)], func(c rune) bool { return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '(' || c == ')' })
	words = words[:min(len(words), maxOrderWords)]
	for i := 0; i < len(words); i++ {
		args := words[i+1:]
		for k, w := range args { // up to the end of a simple command
			if w == ";" || w == "&&" || w == "||" || w == "|" || strings.HasPrefix(w, ">") || strings.HasPrefix(w, "2>") {
				args = args[:k]
				break
			}
			if strings.HasSuffix(w, ";") {
				args = append(append([]string(nil), args[:k]...), strings.TrimSuffix(w, ";"))
				break
			}
		}
		name := words[i][strings.LastIndexByte(words[i], '/')+1:]
		switch name {
		case "systemctl":
			action, targets = actionOf(args)
			for k, t := range targets {
				if unitSuffix(t) == 0 && !strings.ContainsAny(t, "*?[") {
					targets[k] = t + ".service"
				}
			}
			manager = "systemd"
		case "service":
			if args = plain(args); len(args) >= 2 {
				manager, action, targets = "systemd", args[1], []string{args[0] + ".service"}
			}
		case "supervisorctl":
			action, targets = actionOf(args)
			manager = "supervisor"
		case "pm2":
			action, targets = actionOf(args)
			manager = "pm2"
		case "docker", "podman", "docker-compose":
			args = plain(args)
			if len(args) > 0 && (args[0] == "compose" || args[0] == "container") {
				args = args[1:]
			}
			action, targets = actionOf(args)
			manager = "docker"
		case "nginx":
			for k, a := range args {
				if a == "-s" && k+1 < len(args) {
					manager, action, targets = "nginx", args[k+1], []string{"nginx.service"}
				}
			}
		case "reboot", "poweroff", "halt", "shutdown":
			manager, action = "host", name
		case "kill", "pkill", "killall":
			manager, action, targets = "signal", name, plain(args)
		default:
			if strings.HasPrefix(words[i], "/etc/init.d/") && len(args) > 0 {
				manager, action, targets = "systemd", args[0], []string{name + ".service"}
			}
		}
		if action != "" {
			return manager, action, targets
		}
	}
	return "", "", nil
}

// actionOf splits the words behind a manager's program.
func actionOf(args []string) (action string, targets []string) {
	args = plain(args)
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// plain leaves options off, with the values of those that take one apart.
func plain(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if a := args[i]; strings.HasPrefix(a, "-") {
			switch a {
			case "-c", "-H", "-M", "-t", "-f", "-p", "-n", "-u", "--host", "--machine", "--file", "--project-name":
				i++
			}
			continue
		}
		out = append(out, args[i])
	}
	return out
}
