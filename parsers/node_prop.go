package parsers

import (
	"strconv"
	"strings"
)

// errorProps are the properties that Node and libraries put on errors.
type errorProps struct {
	code     string
	errno    string
	syscall  string
	address  string
	port     int // -1 if unknown
	hostname string
	path     string
}

func noProps() errorProps { return errorProps{port: -1} }

// property reads one line of an inspected object, "  code: 'ENOENT',".
func property(rest string) (key, value string, ok bool) {
	i := strings.IndexByte(rest, ':')
	if i <= 0 || i > 40 || i+2 > len(rest) {
		return "", "", false
	}
	key = rest[:i]
	if !nameWord(key) {
		if key = strings.Trim(key, `'"[]`); key != "" && !nameWord(key) {
			return "", "", false
		}
	}
	return key, strings.TrimSuffix(strings.TrimSpace(rest[i+1:]), ","), key != ""
}

// set takes a property that is known and not yet set. Values are as
// util.inspect or JSON write them.
func (p *errorProps) set(key, value string) {
	switch key {
	case "code", "errno", "syscall", "address", "port", "hostname", "path":
	case "errorCode": // Prisma, before it is connected
		key = "code"
	default:
		return
	}
	switch value {
	case "undefined", "null", "", "''":
		return
	}
	if i := strings.IndexByte(value, ','); i > 0 && value[0] != '\'' && value[0] != '"' {
		value = value[:i]
	}
	v, quoted := unquoteJS(value)
	if v == "" || !quoted && !bareNumber(v) {
		return
	}
	switch key {
	case "code":
		setOnce(&p.code, v)
	case "errno":
		setOnce(&p.errno, v)
	case "syscall":
		setOnce(&p.syscall, v)
	case "address":
		if host, port, ok := hostPort(v); ok && p.address == "" && strings.Count(v, ":") == 1 {
			v = host // mongodb
			if p.port < 0 {
				p.port = port
			}
		}
		setOnce(&p.address, v)
	case "hostname":
		setOnce(&p.hostname, v)
	case "path":
		setOnce(&p.path, v)
	case "port":
		if n, err := strconv.Atoi(v); err == nil && p.port < 0 && n >= 0 {
			p.port = n
		}
	}
}

func setOnce(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

// merge takes from q what p does not have.
func (p *errorProps) merge(q *errorProps) {
	setOnce(&p.code, q.code)
	setOnce(&p.errno, q.errno)
	setOnce(&p.syscall, q.syscall)
	setOnce(&p.address, q.address)
	setOnce(&p.hostname, q.hostname)
	setOnce(&p.path, q.path)
	if p.port < 0 {
		p.port = q.port
	}
}

// bareNumber reports whether an unquoted value is a number.
func bareNumber(s string) bool {
	for i := range len(s) {
		if c := s[i]; !digit(c) && !(c == '-' && i == 0) && c != '.' {
			return false
		}
	}
	return s != ""
}

// unquoteJS takes the quotes off a string as util.inspect or JSON writes it and
// resolves its escapes.
func unquoteJS(s string) (v string, quoted bool) {
	n := len(s)
	if n < 2 || s[0] != '\'' && s[0] != '"' && s[0] != '`' {
		return s, false
	}
	end := 1
	for end < n && s[end] != s[0] {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	return unescapeJS(s[1:min(end, n)]), true
}

// unescapeJS resolves the escapes of a JavaScript or JSON string; without any
// the string is returned as it is.
func unescapeJS(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for {
		b = append(b, s[:i]...)
		s = s[i+1:]
		if s == "" {
			return text(append(b, '\\'))
		}
		c := s[0]
		s = s[1:]
		switch c {
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'b', 'f', 'v':
			b = append(b, ' ')
		case 'x':
			if r, ok := hexRune(s, 2); ok {
				b, s = appendRune(b, r), s[2:]
			}
		case 'u':
			r, ok := hexRune(s, 4)
			if !ok {
				break
			}
			s = s[4:]
			if r >= 0xd800 && r < 0xdc00 && len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
				if low, ok := hexRune(s[2:], 4); ok && low >= 0xdc00 && low < 0xe000 {
					r, s = (r-0xd800)<<10+(low-0xdc00)+0x10000, s[6:]
				}
			}
			b = appendRune(b, r)
		default:
			b = append(b, c)
		}
		if i = strings.IndexByte(s, '\\'); i < 0 {
			return text(append(b, s...))
		}
	}
}

func hexRune(s string, n int) (rune, bool) {
	if len(s) < n {
		return 0, false
	}
	v, err := strconv.ParseUint(s[:n], 16, 32)
	return rune(v), err == nil
}

// appendRune appends a character; control characters other than the usual white
// space become spaces, since what is unescaped here may reach a terminal.
func appendRune(b []byte, r rune) []byte {
	if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
		return append(b, ' ')
	}
	return append(b, string(r)...)
}

// fromMessage reads what the message of a system error says, for errors whose
// properties were not printed:
//
//	connect ECONNREFUSED 127.0.0.1:5432
//	listen EADDRINUSE: address already in use :::3000
//	getaddrinfo ENOTFOUND db.internal
//	EACCES: permission denied, open '/srv/app/.env'
//	connect ENETUNREACH 2001:db8::1:5432 - Local (:::0)
func (p *errorProps) fromMessage(m string) {
	at, code := systemCode(m)
	if code == "" {
		if server := after(m, "database server at "); server != "" { // Prisma
			if host, port, ok := hostPort(strings.ReplaceAll(strings.TrimRight(word(firstLine(server)), ".,"), "`", "")); ok {
				setOnce(&p.address, host)
				if p.port < 0 {
					p.port = port
				}
			}
		}
		return
	}
	setOnce(&p.code, code)
	before := strings.TrimRight(m[:at], " ")
	rest := m[at+len(code):]
	verb := before[strings.LastIndexByte(before, ' ')+1:]
	verb = verb[max(strings.LastIndexByte(verb, ':'), strings.LastIndexByte(verb, '\n'))+1:]
	if systemCalls[verb] {
		setOnce(&p.syscall, verb)
	} else {
		verb = ""
	}
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	named := rest // what the code is about
	if strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, ",") {
		// "EACCES: permission denied, open '/x'", in old versions "ENOENT, open '/x'"
		if i := strings.IndexByte(rest, '\''); i >= 0 {
			call := strings.TrimRight(rest[:i], " ")
			if call = call[strings.LastIndexByte(call, ' ')+1:]; systemCalls[call] {
				setOnce(&p.syscall, call)
			}
			if j := strings.IndexByte(rest[i+1:], '\''); j > 0 {
				setOnce(&p.path, rest[i+1:i+1+j])
			}
			return
		}
		if call := rest[strings.LastIndexByte(rest, ' ')+1:]; verb == "" && systemCalls[call] {
			setOnce(&p.syscall, call)
			return
		}
		named = rest[strings.LastIndexByte(rest, ' ')+1:]
	} else {
		named = word(strings.TrimLeft(named, " "))
	}
	named = strings.TrimRight(named, ",;.)\"'")
	switch {
	case named == "":
	case verb == "getaddrinfo" || strings.HasPrefix(verb, "query"):
		if i := strings.IndexByte(named, ':'); i > 0 {
			if n, err := strconv.Atoi(named[i+1:]); err == nil && p.port < 0 {
				p.port = n
			}
			named = named[:i]
		}
		if strings.IndexByte(named, '.') > 0 || verb == "getaddrinfo" {
			setOnce(&p.hostname, named)
		}
	case named[0] == '/':
		setOnce(&p.address, named)
	default:
		if host, port, ok := hostPort(named); ok {
			setOnce(&p.address, host)
			if p.port < 0 {
				p.port = port
			}
		}
	}
}

// hostPort splits "127.0.0.1:5432", ":::3000", "[::1]:80" and "2001:db8::1:5432".
func hostPort(s string) (host string, port int, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 1 || i+1 >= len(s) || len(s)-i > 6 {
		return "", 0, false
	}
	n, err := strconv.Atoi(s[i+1:])
	if err != nil || n < 0 || n > 65535 {
		return "", 0, false
	}
	host = strings.TrimSuffix(strings.TrimPrefix(s[:i], "["), "]")
	for k := range len(host) {
		if c := host[k]; !isIdent(c) && c != '.' && c != ':' && c != '-' && c != '%' && c != '*' {
			return "", 0, false
		}
	}
	return host, n, host != ""
}

// systemCalls are the words that Node writes before or behind a code.
var systemCalls = map[string]bool{
	"connect": true, "listen": true, "bind": true, "read": true, "write": true, "getaddrinfo": true, "open": true, "close": true,
	"stat": true, "lstat": true, "fstat": true, "access": true, "mkdir": true, "rmdir": true, "unlink": true, "rename": true, "scandir": true,
	"readdir": true, "symlink": true, "readlink": true, "chmod": true, "chown": true, "copyfile": true, "spawn": true, "kill": true,
	"shutdown": true, "send": true, "sendmsg": true, "recv": true, "watch": true, "mkdtemp": true, "ftruncate": true, "fsync": true,
	"utime": true, "realpath": true, "uv_cwd": true, "accept": true, "queryA": true, "queryAaaa": true, "querySrv": true, "queryTxt": true,
	"dlopen": true, "exec": true, "setuid": true, "setgid": true, "opendir": true, "rm": true,
}

// systemCode finds the first code of the operating system or of Node's
// resolver that stands in s as a word.
func systemCode(s string) (at int, code string) {
	for i := 0; i < len(s); {
		j := strings.IndexByte(s[i:], 'E')
		if j < 0 {
			return 0, ""
		}
		i += j
		n := 1
		for i+n < len(s) && (s[i+n] >= 'A' && s[i+n] <= 'Z' || digit(s[i+n]) || s[i+n] == '_') {
			n++
		}
		if n >= 4 && (i == 0 || !isIdent(s[i-1])) && (i+n == len(s) || !isIdent(s[i+n])) && systemCodes[s[i:i+n]] {
			return i, s[i : i+n]
		}
		i += n
	}
	return 0, ""
}

// systemCodeNames returns the codes that systemCode finds: those of at least
// four letters.
func systemCodeNames() (names []string) {
	for code := range systemCodes {
		if len(code) >= 4 {
			names = append(names, code)
		}
	}
	return names
}

var systemCodes = map[string]bool{
	"EADDRINUSE": true, "EADDRNOTAVAIL": true, "EACCES": true, "EPERM": true, "ENOENT": true, "EEXIST": true, "ENOTDIR": true, "EISDIR": true,
	"EMFILE": true, "ENFILE": true, "ENOSPC": true, "EDQUOT": true, "EROFS": true, "EBUSY": true, "ETXTBSY": true, "EBADF": true, "EIO": true, "ENOMEM": true,
	"ECONNREFUSED": true, "ECONNRESET": true, "ECONNABORTED": true, "ETIMEDOUT": true, "ESOCKETTIMEDOUT": true, "EHOSTUNREACH": true, "EHOSTDOWN": true,
	"ENETUNREACH": true, "ENETDOWN": true, "ENOTFOUND": true, "EAI_AGAIN": true, "EPIPE": true, "ENOTCONN": true, "ETIMEOUT": true, "ESERVFAIL": true,
	"EREFUSED": true, "ENODATA": true, "EPROTO": true, "EINVAL": true, "ENOTSUP": true, "EAGAIN": true, "ENOBUFS": true, "EXDEV": true, "ENOTEMPTY": true,
	"EAFNOSUPPORT": true, "EPROTONOSUPPORT": true, "ENOEXEC": true, "ENOSYS": true, "E2BIG": true, "ELOOP": true, "ENAMETOOLONG": true, "ESRCH": true,
}
