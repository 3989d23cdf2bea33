package parsers

import (
	"strconv"
	"strings"

	"culprit"
)

// lifecycle reads what programs say about their own start and end. It sets the
// kind and the address of r and reports whether the line says such a thing; found
// are the phrases of a text that the line begins.
func lifecycle(found phraseSet, s string, r *culprit.Record) bool {
	s = firstLine(s)
	if len(s) < 5 || len(s) > 400 {
		return false
	}
	if npmScript(s) {
		r.Kind = culprit.KindAppStarting
		return true
	}
	if found&lifecycleWords == 0 {
		return false
	}
	switch {
	case strings.HasPrefix(s, "Starting Nest application"):
		r.Kind = culprit.KindAppStarting
		return true
	case strings.HasPrefix(s, "Nest application successfully started"), strings.HasPrefix(s, "Nest microservice successfully started"):
		r.Kind = culprit.KindAppStarted
		return true
	}
	if sig := stopSignal(s); sig != "" {
		r.Kind = culprit.KindAppStopping
		r.Attrs.Add("signal", sig)
		return true
	}
	if indexFold(s, "shutting down") >= 0 && indexFold(s, "not shutting down") < 0 || indexFold(s, "graceful shutdown") >= 0 || indexFold(s, "gracefully shut") >= 0 {
		r.Kind = culprit.KindAppStopping
		return true
	}
	return started(s, r)
}

// lifecycleWords begin the words that are looked for below.
var lifecycleWords = stems("list", "runn", "star", "read", "avai", "serv", "up on", "local:", "app ", "sigt", "sigi", "sigq", "sigh", "shut", "grac")

// stopSignal returns the signal of a line that says it was received.
func stopSignal(s string) string {
	i := strings.Index(s, "SIG")
	if i < 0 || i > 0 && isIdent(s[i-1]) {
		return ""
	}
	name := s[i:]
	n := 3
	for n < len(name) && name[n] >= 'A' && name[n] <= 'Z' {
		n++
	}
	name = name[:n]
	switch name {
	case "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP":
	default:
		return ""
	}
	for _, w := range [...]string{"receiv", "shut", "clos", "stop", "exit", "caught", "got", "terminat", "signal"} {
		if indexFold(s, w) >= 0 {
			return name
		}
	}
	if len(s) == len(name) {
		return name
	}
	return ""
}

// started reads lines that say where the program listens.
func started(s string, r *culprit.Record) bool {
	at, strong := listening(s)
	if at < 0 {
		return false
	}
	host, port, path, found := place(s[at:])
	if !found {
		// The address may stand before: "port 3000 is listening", "http://x:3000 ready".
		host, port, path, found = place(s[:at])
	}
	if !found && !strong {
		return false
	}
	r.Kind = culprit.KindAppStarted
	addPlace(r, host, port, path)
	return true
}

func addPlace(r *culprit.Record, host string, port int, path string) {
	r.Attrs.Add("address", host)
	if port > 0 {
		r.Attrs.AddInt("port", int64(port))
	}
	r.Attrs.Add("path", path)
}

// listening finds the words that say a server is up; strong ones need no
// address.
func listening(s string) (at int, strong bool) {
	if i := indexFold(s, "listen"); i >= 0 {
		if i > 0 && (isIdent(s[i-1]) || s[i-1] == '-' || s[i-1] == '/' || s[i-1] == '.') { // in the name of a file
			return -1, false
		}
		if indexFold(s, "not listening") >= 0 || indexFold(s, "stopped listening") >= 0 || indexFold(s, "failed") >= 0 || indexFold(s, "error") >= 0 || indexFold(s, "listener") == i || indexFold(s, "cannot") >= 0 {
			return -1, false
		}
		rest := s[i:]
		strong = len(rest) == len("listening") || strings.HasPrefix(rest, "listening.") || strings.HasPrefix(rest, "listening!")
		return i, strong
	}
	for _, w := range [...]string{"running on", "running at", "running in port", "started on", "started at", "server started", "started server", "ready on", "ready at", "available at", "available on", "server is up", "is running", "server up", "up on port", "serving on", "local:", "app is live", "running:"} {
		i := indexFold(s, w)
		if i < 0 {
			continue
		}
		if indexFold(s, "not running") >= 0 || indexFold(s, "already") >= 0 || indexFold(s, "failed") >= 0 || indexFold(s, "error") >= 0 {
			return -1, false
		}
		return i, w == "server started" || w == "server is up"
	}
	if strings.HasPrefix(s, "✓ Ready in ") || strings.HasPrefix(s, " ✓ Ready in ") {
		return 0, true // Next.js
	}
	return -1, false
}

// place finds an address in a sentence: a URL, "0.0.0.0:3000", "port 3000",
// "on 3000", a unix socket.
func place(s string) (host string, port int, path string, ok bool) {
	if i := strings.Index(s, "://"); i > 0 {
		rest := s[i+3:]
		n := 0
		for n < len(rest) && !(rest[n] <= ' ' || rest[n] == '/' || rest[n] == '"' || rest[n] == '\'' || rest[n] == ')' || rest[n] == ',') {
			n++
		}
		auth := strings.TrimRight(rest[:n], ".;!")
		if h, p, ok := hostPort(auth); ok {
			return h, p, "", true
		}
		scheme := s[:i]
		if auth != "" && n < 256 {
			auth = strings.Trim(auth, "[]")
			switch {
			case strings.HasSuffix(scheme, "https"):
				return auth, 443, "", true
			case strings.HasSuffix(scheme, "http"):
				return auth, 80, "", true
			}
		}
	}
	if i := indexFold(s, "port"); i >= 0 {
		if n, ok := portAt(s[i+4:]); ok {
			return "", n, "", true
		}
	}
	for rest := s; rest != ""; {
		w := word(rest)
		rest = strings.TrimLeft(rest[len(w):], " ")
		bare := strings.TrimFunc(w, func(c rune) bool {
			return c == '.' || c == ',' || c == '!' || c == '"' || c == '\'' || c == '(' || c == ')' || c == '`'
		})
		switch {
		case bare == "":
		case bare[0] == '/' && strings.Contains(bare[1:], "/"):
			return "", 0, bare, true
		case bare[0] == ':' && len(bare) > 1 && digit(bare[1]):
			if n, err := strconv.Atoi(bare[1:]); err == nil && n > 0 && n < 65536 {
				return "", n, "", true
			}
		case digit(bare[0]) && len(bare) >= 2 && len(bare) <= 5:
			if n, err := strconv.Atoi(bare); err == nil && n >= 80 && n < 65536 {
				return "", n, "", true
			}
		default:
			if h, p, ok := hostPort(bare); ok && p > 0 && (digit(h[0]) || h == "localhost" || h[0] == ':' || h[0] == '[' || strings.IndexByte(h, '.') > 0) {
				return h, p, "", true
			}
		}
		if w == "" {
			break
		}
	}
	return "", 0, "", false
}

// portAt reads the number behind the word port: " 3000", ": 3000", "=3000", " [3000]".
func portAt(s string) (int, bool) {
	i := 0
	for i < len(s) && i < 4 && (s[i] == ' ' || s[i] == ':' || s[i] == '=' || s[i] == '#' || s[i] == '[' || s[i] == '(' || s[i] == '"' || s[i] == '\'') {
		i++
	}
	n := i
	for n < len(s) && digit(s[n]) && n-i < 6 {
		n++
	}
	p, err := strconv.Atoi(s[i:n])
	return p, err == nil && p > 0 && p < 65536
}
