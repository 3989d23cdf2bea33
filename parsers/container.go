package parsers

import (
	"bytes"
	"unicode/utf8"
)

// containerFormats are what container runtimes and process runners put around
// the lines of the programs that they run.
var containerFormats = []*format{
	{name: "docker_json", first: "{", transport: true, peel: peelDockerJSON},
	{name: "cri", first: "12", transport: true, peel: peelCRI},
	{name: "heroku", first: "12", transport: true, peel: peelHeroku},
	{name: "stamped", first: " 0123456789", signs: signLead, transport: true, peel: peelStamped},
	{name: "kubectl_prefix", first: "[", transport: true, peel: peelKubectl},
	{name: "concurrently", first: "[", transport: true, peel: peelConcurrently},
	{name: "task_runner", first: "@abcdefghijklmnopqrstuvwxyz", signs: signColon, transport: true, peel: peelTask},
	{name: "pm2_bus", first: "P", transport: true, peel: peelPM2Bus},
	{name: "prefixed", first: letterBytes + digitBytes + "_-./:@", signs: signBar, transport: true, peel: peelPrefixed},
	{name: "quoted", first: "> \t", signs: signLead | signTime | signBracket | signBar | signField, transport: true, peel: peelQuoted},
	{name: "grep", first: "./abcdefghijklmnopqrstuvwxyz", signs: signColon, transport: true, peel: peelGrep},
}

// peelDockerJSON takes a line of Docker's json-file driver:
//
//	{"log":"text\n","stream":"stdout","time":"2026-11-22T10:00:00.123456789Z"}
func peelDockerJSON(c *clock, line []byte, e *Envelope) bool {
	const head = `{"log":"`
	if len(line) < len(head)+20 || string(line[:len(head)]) != head {
		return false
	}
	// What an outer format has decoded lies in e.buf too, and may hold the line.
	from := len(e.buf)
	out, n := appendJSONString(e.buf, line[len(head):])
	if n == 0 {
		return false
	}
	buf := out[from:]
	rest := line[len(head)+n:]
	stream, ok1 := jsonField(rest, `"stream":"`)
	at, ok2 := jsonField(rest, `"time":"`)
	if !ok1 && !ok2 {
		return false
	}
	s := c.scan(at)
	if ok2 && s.n != len(at) {
		return false
	}
	if bytes.IndexByte(buf, 0x1b) >= 0 {
		buf = appendVisible(buf[:0], buf) // never longer than what it reads
	}
	e.buf = out
	e.Time, e.TimeText, e.Zoned = s.t, text(at), s.zoned
	e.ownTime = true
	e.Stream = text(stream)
	whole := len(buf) > 0 && buf[len(buf)-1] == '\n'
	e.Body = bytes.TrimSuffix(bytes.TrimSuffix(buf, []byte("\n")), []byte("\r"))
	// Docker cuts lines at 16 KiB; a shorter one without a newline is the last
	// thing that a program wrote.
	e.Partial = !whole && len(buf) >= 16<<10-4
	e.Prefix = e.Stream
	return true
}

// jsonField returns the text of a field of a flat JSON object that stands
// behind name; it has no escapes.
func jsonField(b []byte, name string) ([]byte, bool) {
	i := bytes.LastIndex(b, []byte(name))
	if i < 0 {
		return nil, false
	}
	b = b[i+len(name):]
	j := bytes.IndexByte(b, '"')
	if j < 0 {
		return nil, false
	}
	return b[:j], true
}

// appendJSONString decodes the JSON string whose text begins at b (behind the
// opening quote) and returns how many bytes it took, closing quote included; 0
// if it has none.
func appendJSONString(dst, b []byte) ([]byte, int) {
	for i := 0; i < len(b); {
		j := bytes.IndexByte(b[i:], '\\')
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return dst, 0
		}
		if j < 0 || q < j {
			return append(dst, b[i:i+q]...), i + q + 1
		}
		dst = append(dst, b[i:i+j]...)
		i += j + 1
		if i >= len(b) {
			return dst, 0
		}
		switch b[i] {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r, n := escapedRune(b[i+1:])
			if n == 0 {
				dst = append(dst, '\\', 'u')
				break
			}
			i += n
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, b[i])
		}
		i++
	}
	return dst, 0
}

// escapedRune reads 001b behind \u, with the second half of a surrogate pair.
func escapedRune(b []byte) (rune, int) {
	r, ok := hexQuad(b)
	if !ok {
		return 0, 0
	}
	if r >= 0xd800 && r < 0xdc00 && len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
		if low, ok := hexQuad(b[6:]); ok && low >= 0xdc00 && low < 0xe000 {
			return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 10
		}
	}
	return r, 4
}

func hexQuad(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// peelCRI takes a line of containerd and CRI-O:
//
//	2026-11-22T10:00:00.123456789Z stdout F text
func peelCRI(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 30 || line[10] != 'T' {
		return false
	}
	i := bytes.IndexByte(line[:min(len(line), 40)], ' ')
	if i < 20 || i+9 > len(line) {
		return false
	}
	rest := line[i+1:]
	if len(rest) < 8 || rest[6] != ' ' || string(rest[:6]) != "stdout" && string(rest[:6]) != "stderr" {
		return false
	}
	flag := rest[7]
	if flag != 'F' && flag != 'P' || len(rest) > 8 && rest[8] != ' ' && rest[8] != ':' {
		return false
	}
	s := c.scan(line[:i])
	if s.n != i || !s.zoned {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(line[:i]), true
	e.Stream = text(rest[:6])
	e.Prefix = e.Stream
	e.Partial = flag == 'P'
	e.Body = nil
	if j := bytes.IndexByte(rest[7:], ' '); j >= 0 {
		e.Body = rest[7+j+1:]
	}
	return true
}

// peelStamped takes a time that a runner puts before every line: PM2's
// log_date_format, which a colon follows; docker logs -t and kubectl logs
// --timestamps, which are told from a program's own time by their nanoseconds.
func peelStamped(c *clock, line []byte, e *Envelope) bool {
	from := 0
	for from < len(line) && from < 8 && line[from] == ' ' {
		from++
	}
	b := line[from:]
	if len(b) < 20 || b[0]-'0' > 9 || b[1]-'0' > 9 {
		return false
	}
	s := c.scan(b)
	if s.n < 16 || !s.clock {
		return false
	}
	rest := b[s.n:]
	switch {
	case len(rest) >= 1 && rest[0] == ':' && (len(rest) == 1 || rest[1] == ' '):
		e.Body = trimSpace(rest[1:])
		if own, ok := bytes.CutPrefix(e.Body, []byte("PM2 error: ")); ok { // what the daemon itself wrote to stderr
			e.pm2, e.Body = true, own
		}
	case nanoseconds(b[:s.n]) && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t'):
		n := min(len(rest), 1)
		if !s.zoned && len(rest) > 2 && rest[1] == ' ' && rest[2] != ' ' {
			n = 2 // some dumps leave the zone out and the space before it in
		}
		e.Body = rest[n:]
	case s.n == 19 && b[4] == '-' && b[10] == ' ' && (len(rest) == 0 || rest[0] == ' ' && ownLine(c, rest[1:])):
		e.Body = trimSpace(rest)
	default:
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(b[:s.n]), s.zoned
	return true
}

// ownLine reports whether what follows a date and a time is a line that another
// program began in its own way: Docker Desktop puts "2026-11-22 10:00:00 " before
// whatever a container prints, as loggers do before their messages.
func ownLine(c *clock, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	switch b[0] {
	case ' ', '\t', '}':
		return true
	case '{':
		return len(b) > 2 && b[1] == '"'
	case '<':
		return bytes.HasPrefix(b, []byte("<--- "))
	case '>':
		return len(b) > 2 && b[1] == ' '
	case '(':
		return bytes.HasPrefix(b, []byte("(node:")) || bytes.HasPrefix(b, []byte("(Use `node --"))
	case '[':
		n := digitsLen(b[1:])
		return n > 0 && bytes.HasPrefix(b[1+n:], []byte(":0x")) // V8's last collections
	case 'n':
		return bytes.HasPrefix(b, []byte("nginx: [")) || bytes.HasPrefix(b, []byte("npm ")) || sourceLine(text(b))
	case 'F':
		return bytes.HasPrefix(b, []byte("FATAL ERROR: "))
	case 'R':
		return bytes.HasPrefix(b, []byte("Require stack:"))
	case 'N':
		return nodeTrailer(text(b))
	}
	if accessLine(b) {
		return true
	}
	if b[0]-'0' <= 9 || isLetter(b[0]) && b[0] < 'a' {
		if s := c.scan(b); s.n >= 19 && s.clock {
			return true
		}
	}
	return sourceLine(text(b))
}

// accessLine reports whether b has the shape of an access log's line.
func accessLine(b []byte) bool {
	i := bytes.Index(b[:min(len(b), 200)], []byte(" - "))
	return i > 0 && bytes.IndexByte(b[:i], ' ') < 0 && bytes.Contains(b[i:], []byte(" [")) && bytes.Contains(b[i:], []byte(`] "`))
}

// nanoseconds reports whether a time has a fraction of 7 to 9 digits.
func nanoseconds(b []byte) bool {
	i := bytes.IndexByte(b, '.')
	if i < 0 {
		return false
	}
	n := digitsLen(b[i+1:])
	return n >= 7 && n <= 9
}

// peelKubectl takes [pod/NAME/CONTAINER] of kubectl logs --prefix.
func peelKubectl(_ *clock, line []byte, e *Envelope) bool {
	if len(line) < 8 || string(line[:5]) != "[pod/" {
		return false
	}
	i := bytes.IndexByte(line[:min(len(line), 400)], ']')
	if i < 0 || i+1 < len(line) && line[i+1] != ' ' {
		return false
	}
	e.Prefix = text(line[1:i])
	e.Body = trimSpace(line[i+1:])
	return true
}

// peelConcurrently takes the number that npm's concurrently puts before a
// command's lines: "[1] text".
func peelConcurrently(_ *clock, line []byte, e *Envelope) bool {
	n := digitsLen(line[1:])
	if n == 0 || n > 2 || len(line) < n+2 || line[n+1] != ']' || len(line) > n+2 && line[n+2] != ' ' || e.Format != "" && e.Format != "concurrently" {
		return false
	}
	e.Prefix, e.Body = text(line[:n+2]), trimSpace(line[n+2:])
	return true
}

// tasks are the scripts of package.json that are left running, or whose output
// is pasted.
var tasks = [...]string{"dev", "start", "serve", "build", "test", "start:dev", "start:prod", "start:debug"}

// peelTask takes the package and its script off a line as turbo and pnpm write
// them in a repository of several packages:
//
//	@shop/api:dev: Error: listen EADDRINUSE: address already in use :::3000
//	apps/api start: Error: Cannot find module 'dotenv'
func peelTask(_ *clock, line []byte, e *Envelope) bool {
	if e.Format != "" {
		return false
	}
	i, slash := 0, false
	for i < len(line) && i < 80 && (isLetter(line[i]) || digit(line[i]) || line[i] == '-' || line[i] == '_' || line[i] == '.' || line[i] == '@' || line[i] == '/') {
		slash = slash || line[i] == '/'
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' && (line[i] != ' ' || !slash) {
		return false
	}
	rest := line[i+1:]
	for _, t := range tasks {
		if len(rest) <= len(t) || rest[0] != t[0] || string(rest[:len(t)]) != t {
			continue
		}
		b := rest[len(t):]
		if b[0] != ':' || len(b) > 1 && b[1] != ' ' {
			continue
		}
		e.Prefix, e.Body = text(line[:i]), trimSpace(b[1:])
		return true
	}
	return false
}

// peelPrefixed takes the name that docker compose, foreman or pm2 logs put
// before a line:
//
//	api-1      | text
//	10:00:01 web.1   | text
//	0|shop-api | text
//
// A time of day before the name stays text: it has no date.
func peelPrefixed(_ *clock, line []byte, e *Envelope) bool {
	if bytes.IndexByte(line, '|') < 0 {
		return false
	}
	b := line
	var at []byte
	if len(b) > 10 && b[2] == ':' && b[8] == ' ' {
		if _, ok := clockDigits(b); ok {
			at, b = b[:8], b[9:]
		}
	}
	i := 0
	if n := digitsLen(b); n > 0 && n < 5 && n+1 < len(b) && b[n] == '|' && b[n+1] != '|' && b[n+1] != ' ' {
		i = n + 1 // pm2's id of the app
	}
	letter := false
	for i < len(b) && (isWord(b[i]) || b[i] == '-' || b[i] == '.' || b[i] == '/' || b[i] == ':' || b[i] == '@') {
		letter = letter || isLetter(b[i])
		if i++; i > 128 {
			return false
		}
	}
	name := b[:i]
	for i < len(b) && b[i] == ' ' {
		i++
	}
	if !letter || i >= len(b) || b[i] != '|' || i == len(name) || i+1 < len(b) && b[i+1] != ' ' {
		return false
	}
	// A nested runner's name goes on from the outer one.
	if e.Prefix != "" && e.Format == "prefixed" {
		name = line[:0]
	}
	if len(name) > 0 {
		e.Prefix = text(name)
	}
	if at != nil && e.TimeText == "" {
		e.TimeText = text(at)
	}
	e.Body = trimSpace(b[i+1:])
	return true
}

// peelHeroku takes what Heroku's log drain puts before a dyno's line:
//
//	2026-11-22T10:00:00.123456+00:00 app[web.1]: text
func peelHeroku(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 40 || line[10] != 'T' {
		return false
	}
	i := bytes.IndexByte(line[:40], ' ')
	if i < 25 {
		return false
	}
	rest := line[i+1:]
	switch {
	case bytes.HasPrefix(rest, []byte("app[")):
	case bytes.HasPrefix(rest, []byte("heroku[")) && !bytes.HasPrefix(rest, []byte("heroku[router]")): // its access log
	default:
		return false
	}
	open := bytes.IndexByte(rest, '[')
	end := bytes.Index(rest[:min(len(rest), 80)], []byte("]:"))
	if end < 0 || digit(rest[open+1]) {
		return false
	}
	s := c.scan(line[:i])
	if s.n != i || !s.zoned {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(line[:i]), true
	e.Process, e.Prefix = text(rest[:open]), text(rest[:end+1])
	e.Body = trimSpace(rest[end+2:])
	return true
}

// peelPM2Bus takes what PM2 before 1.0 puts before the daemon's own lines: in
// "pm2 logs", where a time follows, and in the daemon's terminal.
//
//	PM2: 2015-11-22 10:00:00: App name:shop id:0 exited with code 8
//	PM2 App name:shop id:0 exited with code 8
func peelPM2Bus(c *clock, line []byte, e *Envelope) bool {
	const head = "PM2: "
	if own, ok := bytes.CutPrefix(line, []byte("PM2 ")); ok && e.Format == "" {
		for _, p := range [...]string{"App name:", "App [", "Stopping app:", "Process with pid ", "Starting execution sequence in -"} {
			if len(own) > len(p) && string(own[:len(p)]) == p {
				e.Prefix, e.Body = "PM2", own
				return true
			}
		}
		return false
	}
	if len(line) < len(head)+20 || string(line[:len(head)]) != head {
		return false
	}
	if s := c.scan(line[len(head):]); s.n < 19 || !s.clock {
		return false
	}
	e.Prefix, e.Body = "PM2", line[len(head):]
	return true
}

// peelQuoted takes the mark of a quotation, or an indentation by at most eight
// spaces, off a line of a log that was pasted into a mail or an issue.
//
//	> 2026/11/22 10:00:00 [error] 7#7: *1 connect() failed
//	    [ 5662.970129] Memory cgroup out of memory: Kill process 13119 (java) score 986 or sacrifice child
func peelQuoted(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 10 || e.Format != "" {
		return false
	}
	b := line[1:]
	if line[0] == '>' {
		if b[0] != ' ' {
			return false
		}
		b = b[1:]
	} else {
		for b[0] == ' ' && len(line)-len(b) < 8 {
			b = b[1:]
		}
	}
	if !logStart(c, b) && !pm2Line(b) {
		return false
	}
	e.Body = b
	return true
}

// pm2Line reports whether b has the prefix of "pm2 logs": "0|shop-api | text",
// "PM2      | text".
func pm2Line(b []byte) bool {
	i := 0
	if n := digitsLen(b); n > 0 && n < 5 && n+1 < len(b) && b[n] == '|' && isLetter(b[n+1]) {
		i = n + 1
	} else if !bytes.HasPrefix(b, []byte("PM2 ")) {
		return false
	}
	for i < len(b) && b[i] != ' ' && b[i] != '|' {
		i++
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i+1 < len(b) && b[i] == '|' && b[i+1] == ' '
}

// logStart reports whether b begins as a line of a log with a time does. A date
// in an inspected object ends with its line.
func logStart(c *clock, b []byte) bool {
	if len(b) < 16 {
		return false
	}
	if b[0] == '[' {
		_, _, n := bootStamp(b)
		return n > 0
	}
	s := c.scan(b)
	return s.n >= 15 && s.clock && s.n < len(b) && (b[s.n] == ' ' || b[s.n] == ':') || accessLine(b)
}

// peelGrep takes the name of the file, and the number of the line, that grep
// puts before a line of a log:
//
//	/var/log/syslog.1:Nov 22 10:00:00 web-01 kernel: ...
//	error.log:412:2026/11/22 10:00:00 [error] 7#7: *1 connect() failed
func peelGrep(c *clock, line []byte, e *Envelope) bool {
	if e.Format != "" {
		return false
	}
	i := 0
	for i < len(line) && line[i] != ':' {
		if line[i] <= ' ' || i > 200 {
			return false
		}
		i++
	}
	path := line[:i]
	if i == 0 || len(line)-i < 24 || path[0] != '/' && !bytes.Contains(path, []byte("log")) && !bytes.HasSuffix(path, []byte("messages")) {
		return false
	}
	b := line[i+1:]
	if n := digitsLen(b); n > 0 && n < 10 && n < len(b) && b[n] == ':' && logStart(c, b[n+1:]) {
		b = b[n+1:]
	} else if !logStart(c, b) {
		return false
	}
	e.Prefix, e.Body = text(path), b
	return true
}
