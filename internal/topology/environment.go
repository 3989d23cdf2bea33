package topology

import (
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"culprit"
)

// An environment is what a service is started with, by name.
type environment map[string]string

const maxVariables = 500

func (e environment) set(name, value string) {
	if name != "" && len(name) < 256 && len(value) < 4096 && (len(e) < maxVariables || e[name] != "") {
		e[name] = value
	}
}

// addAssignments reads a list such as systemd's Environment=: words separated by
// blanks, quoted where they hold some.
func (e environment) addAssignments(text string) {
	for _, word := range splitWords(text) {
		if name, value, ok := strings.Cut(word, "="); ok {
			e.set(name, value)
		}
	}
}

// addFile reads an environment file: systemd's EnvironmentFile=, .env of
// dotenv, /etc/default. Lines NAME=value, "export" before and quotes around are
// taken off, a # after a blank begins a comment in dotenv and is kept out here
// too: no port or host holds one.
func (e environment) addFile(data []byte) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || strings.ContainsAny(name, " \t\"'$()") {
			continue
		}
		if value != "" && (value[0] == '"' || value[0] == '\'' || value[0] == '`') {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				value = value[1 : 1+end]
			}
		} else if at := strings.Index(value, " #"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		e.set(name, value)
	}
}

// envFile adds the file that a service of folder from names. A folder that
// someone sent may hold /etc/default/shop as default-shop.
func (r *reader) envFile(env environment, name, from, unit string) {
	if unit != "" {
		instance := strings.TrimSuffix(unit, ".service")
		if _, in, ok := strings.Cut(instance, "@"); ok && in != "" {
			name = strings.ReplaceAll(name, "%i", in)
		}
		prefix, _, _ := strings.Cut(instance, "@")
		name = strings.NewReplacer("%p", prefix, "%n", unit, "%N", instance).Replace(name)
	}
	if !path.IsAbs(name) || strings.Contains(name, "%") {
		return
	}
	for _, hit := range r.tree.glob(name, from) {
		if data, ok := r.tree.read(hit); ok {
			env.addFile(data)
		}
	}
}

// dotEnv adds what .env files in a service's working directory say, which a
// program reads itself (dotenv) and which never override its environment.
func (r *reader) dotEnv(env environment, dir, from string) {
	if !path.IsAbs(dir) || strings.ContainsAny(dir, "%*?[") {
		return
	}
	for _, base := range []string{".env.production.local", ".env.production", ".env.local", ".env"} {
		for _, hit := range r.tree.glob(path.Join(dir, base), from) {
			if !r.tree.machine && path.Base(path.Dir(hit)) != path.Base(dir) {
				continue // a .env somewhere above belongs to another
			}
			data, ok := r.tree.read(hit)
			if !ok {
				continue
			}
			file := environment{}
			file.addFile(data)
			for name, value := range file {
				if _, set := env[name]; !set {
					env.set(name, value)
				}
			}
		}
	}
}

// finish fills what follows from the environment and the command: Listen, Env,
// Heap.
func (r *reader) finish(s *culprit.Service, env environment, from string) {
	command := splitWords(s.Command)
	for len(command) > 0 { // env NAME=value command
		name, value, ok := strings.Cut(command[0], "=")
		if !ok && path.Base(command[0]) != "env" || strings.HasPrefix(command[0], "-") || strings.Contains(name, "/") && ok {
			break
		}
		if ok {
			env.set(name, value)
		}
		command = command[1:]
	}
	if len(command) >= 3 && isShell(command[0]) && strings.HasPrefix(command[1], "-") && strings.Contains(command[1], "c") {
		inner := splitWords(command[2])
		for _, word := range inner {
			if name, value, ok := strings.Cut(word, "="); ok && isName(name) {
				env.set(name, value)
			}
		}
		command = inner
	}
	r.dotEnv(env, s.Dir, from)
	s.Heap = heapLimit(append(splitWords(env["NODE_OPTIONS"]), command...))
	for name, value := range env {
		if kept, ok := keptValue(name, value); ok {
			if s.Env == nil {
				s.Env = map[string]string{}
			}
			s.Env[name] = kept
		}
	}
	for _, l := range listens(env, command) {
		if !slices.Contains(s.Listen, l) {
			s.Listen = append(s.Listen, l)
		}
	}
}

func isShell(word string) bool { return isOneOf(path.Base(word), "sh", "bash", "dash", "zsh", "ash") }

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

// heapLimit returns V8's old-space limit in bytes.
func heapLimit(args []string) int64 {
	for i, a := range args {
		a = strings.ReplaceAll(a, "_", "-")
		v, ok := strings.CutPrefix(a, "--max-old-space-size=")
		if !ok && a == "--max-old-space-size" && i+1 < len(args) {
			v, ok = args[i+1], true
		}
		if mb, err := strconv.ParseInt(v, 10, 32); ok && err == nil && mb > 0 {
			return mb << 20
		}
	}
	return 0
}

// keptValue says whether a variable names a port, host or socket, and what is
// kept of it: of a URL its scheme and address only, since passwords stand in
// URLs.
func keptValue(name, value string) (string, bool) {
	upper := strings.ToUpper(name)
	if value == "" || len(value) > 512 {
		return "", false
	}
	for _, secret := range []string{"PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL"} {
		if strings.Contains(upper, secret) {
			return "", false
		}
	}
	if strings.Contains(value, "://") {
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			return "", false
		}
		return u.Scheme + "://" + u.Host, true
	}
	for _, part := range []string{"PORT", "HOST", "LISTEN", "SOCK", "ADDR", "BIND"} {
		if strings.Contains(upper, part) {
			if strings.ContainsAny(value, " \t\r\n@=") {
				return "", false
			}
			return value, true
		}
	}
	return "", false
}

// portNames and hostNames are the variables that Node programs and their
// frameworks read for where to listen; DB_PORT, REDIS_HOST and METRICS_PORT are
// something else.
var (
	portNames   = []string{"PORT", "APP_PORT", "SERVER_PORT", "HTTP_PORT", "NODE_PORT", "LISTEN_PORT", "API_PORT", "NEST_PORT", "NITRO_PORT", "NUXT_PORT", "SERVICE_PORT", "WEB_PORT", "FASTIFY_PORT"}
	hostNames   = []string{"HOST", "HOSTNAME", "APP_HOST", "SERVER_HOST", "LISTEN_HOST", "BIND_HOST", "BIND_ADDRESS", "LISTEN_ADDRESS", "NITRO_HOST", "NUXT_HOST", "FASTIFY_ADDRESS", "BIND"}
	listenNames = []string{"LISTEN", "LISTEN_ADDR", "BIND_ADDR", "SERVER_ADDR", "ADDR", "BIND", "LISTEN_ON"}
	socketNames = []string{"SOCKET", "SOCKET_PATH", "UNIX_SOCKET", "SOCK", "LISTEN_SOCKET", "APP_SOCKET", "NITRO_UNIX_SOCKET"}
)

// listens deduces where a service is told to listen.
func listens(env environment, command []string) []string {
	host := ""
	for _, name := range hostNames {
		if v := env[name]; isHost(v) {
			host = v
			break
		}
	}
	var ports, out []string
	add := func(v string) {
		v = expandEnv(v, env)
		switch {
		case v == "":
		case strings.HasPrefix(v, "unix:"):
			out = append(out, "unix:"+strings.TrimPrefix(strings.TrimPrefix(v, "unix:"), "//"))
		case strings.HasPrefix(v, "/") && (strings.Contains(v, "sock") || strings.HasPrefix(v, "/run/") || strings.HasPrefix(v, "/var/run/")):
			out = append(out, "unix:"+v)
		case isPort(v):
			ports = append(ports, v)
		default:
			v = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(v, "tcp://"), "http://"), "/")
			if at := strings.LastIndexByte(v, ':'); at >= 0 && isPort(v[at+1:]) && (at == 0 || isHost(strings.Trim(v[:at], "[]"))) {
				if h := v[:at]; h == "*" {
					v = v[at:]
				}
				out = append(out, v)
			}
		}
	}
	for i := 0; i < len(command); i++ {
		flag, value, joined := strings.Cut(command[i], "=")
		next := func() string {
			if joined {
				return value
			}
			if i+1 < len(command) {
				return command[i+1]
			}
			return ""
		}
		switch flag {
		case "--port", "-port", "--http-port", "--server.port", "-p", "--listen-port":
			if v := expandEnv(next(), env); isPort(v) {
				ports = append(ports, v)
			}
		case "--host", "--hostname", "-H", "--address", "--bind-address":
			if v := expandEnv(next(), env); isHost(v) {
				host = v
			}
		case "--listen", "-l", "--bind", "-b", "--http", "--addr":
			add(next())
		case "--socket", "--unix-socket", "--sock", "--uds":
			if v := expandEnv(next(), env); strings.HasPrefix(v, "/") {
				out = append(out, "unix:"+v)
			}
		default:
			if rest, ok := strings.CutPrefix(flag, "-p"); ok && !joined && isPort(rest) && !strings.HasPrefix(flag, "--") {
				ports = append(ports, rest)
			}
		}
	}
	if len(ports) == 0 && len(out) == 0 {
		for _, name := range portNames {
			if v := env[name]; v != "" {
				add(v) // PORT may be a socket: iisnode, Passenger, some of Express's examples
				break
			}
		}
		for _, name := range listenNames {
			if v := env[name]; strings.ContainsAny(v, ":/") {
				add(v)
				break
			}
		}
		for _, name := range socketNames {
			if v := env[name]; v != "" && (strings.HasPrefix(v, "/") || strings.HasPrefix(v, "unix:")) {
				add(v)
				break
			}
		}
	}
	if strings.Contains(host, ":") && host[0] != '[' {
		host = "[" + host + "]"
	}
	for _, p := range ports {
		out = append(out, host+":"+p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isPort says whether v is a port, or the %i that an instance replaces.
func isPort(v string) bool {
	if v == "%i" || v == "%I" {
		return true
	}
	n, err := strconv.Atoi(v)
	return err == nil && n > 0 && n < 65536 && v[0] != '+'
}

// isHost says whether v looks like an address or name to bind to.
func isHost(v string) bool {
	if v == "" || len(v) > 253 || isPort(v) {
		return false
	}
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c != '.' && c != ':' && c != '-' && c != '*' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return v == "localhost" || v == "*" || strings.ContainsAny(v, ".:")
}

// expandEnv replaces a value that is one variable, with a default or without:
// $PORT, ${PORT}, ${PORT:-3000}.
func expandEnv(v string, env environment) string {
	name, ok := strings.CutPrefix(v, "$")
	if !ok {
		return v
	}
	if inner, braces := strings.CutPrefix(name, "{"); braces {
		name, ok = strings.CutSuffix(inner, "}")
		if !ok {
			return ""
		}
	}
	name, def, _ := strings.Cut(name, ":-")
	if got := env[name]; got != "" {
		return got
	}
	return def
}

// splitWords splits a command line or a list of assignments at blanks, minding
// quotes and backslashes as systemd, supervisor and shells share them. It never
// expands anything.
func splitWords(text string) []string {
	var words []string
	var b strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
			in = true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				b.WriteByte(c)
			}
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if in {
				words = append(words, b.String())
				b.Reset()
				in = false
			}
			if len(words) >= 1_000 {
				return words
			}
		default:
			b.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, b.String())
	}
	return words
}
