package parsers

import (
	"strings"

	"culprit"
)

// indentOf returns how many columns of spaces and tabs a line begins with; a
// tab counts as four, as JSON loggers replace the spaces of a trace.
func indentOf(line string) (columns int, rest string) {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	columns = i
	for ; i < len(line); i++ {
		switch line[i] {
		case ' ':
			columns++
		case '\t':
			columns += 4
		default:
			return columns, line[i:]
		}
	}
	return columns, ""
}

// frameLine reports whether a line is a call of a V8 stack trace; opens says
// that the properties of the error begin behind it ("{"). Java, Python and C#
// write such lines too, without a column.
//
//	at OrdersService.settle (/srv/app/dist/orders.service.js:48:19)
//	at async file:///srv/app/index.mjs:7:3
//	at new Database (C:\app\db.js:48:64) {
//	at Array.forEach (<anonymous>)
func frameLine(indent int, rest string) (opens, ok bool) {
	if len(rest) < 6 || rest[0] != 'a' || rest[1] != 't' || rest[2] != ' ' {
		return false, false
	}
	s := rest
	if s[len(s)-1] != ')' { // nearly all end so
		s = strings.TrimRight(s, " ")
		if strings.HasSuffix(s, " {") {
			s, opens = s[:len(s)-2], true
		} else {
			s = frameEnd(s)
		}
		if len(s) < 4 { // "at" and spaces
			return false, false
		}
	}
	return opens, frameSite(s[3:], indent > 0)
}

// readCall is frameLine and readFrame in one.
func readCall(indent int, rest string) (f culprit.Frame, opens, ok bool) {
	n := len(rest)
	if n < 6 || rest[n-1] != ')' { // see frameLine
		if opens, ok = frameLine(indent, rest); ok {
			f = readFrame(rest)
		}
		return f, opens, ok
	}
	if rest[0] != 'a' || rest[1] != 't' || rest[2] != ' ' {
		return f, false, false
	}
	s := rest[3:]
	if strings.HasPrefix(s, "async ") {
		f.Async, s = true, s[6:]
	}
	i := parenthesisAt(s)
	if i <= 0 || s[0] == '(' { // nothing that has a name
		if opens, ok = frameLine(indent, rest); ok {
			f = readFrame(rest)
		}
		return f, opens, ok
	}
	place := s[i+2 : len(s)-1]
	f.Function = s[:i]
	f.Line, f.Column, f.File = placeOf(place)
	if !scriptPlace(place, f.Line, f.Column, f.File, indent > 0) {
		return culprit.Frame{}, false, false
	}
	if strings.HasPrefix(place, promiseIndex) {
		f = culprit.Frame{Function: f.Function + " (" + place + ")", Async: f.Async}
	}
	return f, false, true
}

// cutFrame reports whether a line is a call whose place was cut off, as pagers
// and systemctl do at the width of the terminal.
func cutFrame(indent int, rest string) bool {
	if indent == 0 || !strings.HasPrefix(rest, "at ") || len(rest) < 24 {
		return false
	}
	s := rest[3:]
	if i := strings.Index(s, " ("); i > 0 {
		s = s[i+2:]
	}
	if strings.IndexByte(s, ')') >= 0 || strings.IndexByte(s, ' ') >= 0 {
		return false
	}
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "node:") || strings.HasPrefix(s, "internal/") || strings.HasPrefix(s, "file:///") ||
		len(s) > 2 && isLetter(s[0]) && s[1] == ':' && s[2] == '\\'
}

// frameEnd takes off what follows a frame in an inspected object: a comma, or
// the bracket of "[Error: x" in the line of another error.
func frameEnd(s string) string {
	s = strings.TrimSuffix(s, ",")
	if n := len(s); n > 1 && s[n-1] == ']' && (s[n-2] == ')' || digit(s[n-2])) {
		s = s[:n-1]
	}
	return s
}

// frameSite reports whether what follows "at " names a place in JavaScript.
// Without indentation the place has to have a line and a column.
func frameSite(s string, indented bool) bool {
	n := len(s)
	if n == 0 {
		return false
	}
	inner := s
	if s[n-1] == ')' {
		i := parenthesisAt(s)
		if i < 0 {
			return false
		}
		inner = s[i+2 : n-1]
	}
	line, col, path := placeOf(inner)
	if col > 0 && path != "" { // nearly always
		return true
	}
	return scriptPlace(inner, line, col, path, indented)
}

// promiseIndex stands in place of a script: Promise.all (index 0)
const promiseIndex = "index "

// scriptPlace is frameSite for the place alone, which placeOf has split.
func scriptPlace(place string, line, col int, path string, indented bool) bool {
	switch {
	case col > 0:
		return len(path) > 0 || strings.HasPrefix(place, promiseIndex)
	case place == "<anonymous>", place == "native", place == "anonymous", strings.HasPrefix(place, promiseIndex):
		return true
	case line == 0:
		return strings.Contains(place, "wasm-function[")
	}
	// "module.js:471" has no column in old versions; "Main.java:12" is another language.
	return indented && scriptPath(path)
}

// parenthesisAt returns where the first " (" stands in s, -1 if it does not.
func parenthesisAt(s string) int {
	for i := 0; ; i++ {
		k := strings.IndexByte(s[i:], '(')
		if k < 0 {
			return -1
		}
		if i += k; i > 0 && s[i-1] == ' ' {
			return i - 1
		}
	}
}

// placeOf splits "path:line:column" or "path:line".
func placeOf(s string) (line, col int, path string) {
	a, rest := trailingNumber(s)
	if a == 0 {
		return 0, 0, s
	}
	if b, rest2 := trailingNumber(rest); b > 0 {
		return b, a, rest2
	}
	return a, 0, rest
}

// trailingNumber reads ":123" at the end of s.
func trailingNumber(s string) (n int, rest string) {
	i, unit := len(s), 1
	for i > 0 && s[i-1]-'0' <= 9 && len(s)-i < 9 {
		i--
		n += int(s[i]-'0') * unit
		unit *= 10
	}
	if i == len(s) || i == 0 || s[i-1] != ':' {
		return 0, s
	}
	return n, s[:i-1]
}

// scriptPath reports whether a path is one of a script that Node runs.
func scriptPath(p string) bool {
	if i := strings.LastIndexByte(p, '.'); i >= 0 {
		switch p[i+1:] {
		case "js", "ts", "mjs", "cjs", "mts", "cts", "jsx", "tsx", "node", "json", "vue", "coffee", "wasm":
			return true
		}
	}
	return strings.HasPrefix(p, "node:") || strings.HasPrefix(p, "internal/") || strings.HasPrefix(p, "file://") ||
		strings.HasPrefix(p, "webpack") || strings.HasPrefix(p, "evalmachine.") || strings.HasPrefix(p, "eval at ") ||
		strings.HasSuffix(p, "<anonymous>") || strings.HasPrefix(p, "REPL")
}

// readFrame takes a frame line apart; rest begins with "at ".
func readFrame(rest string) (f culprit.Frame) {
	s := strings.TrimRight(rest[3:], " ")
	s = frameEnd(strings.TrimSuffix(s, " {"))
	if strings.HasPrefix(s, "async ") {
		f.Async, s = true, s[6:]
	}
	place := s
	if n := len(s); n > 0 && s[n-1] == ')' {
		if i := parenthesisAt(s); i > 0 {
			f.Function, place = s[:i], s[i+2:n-1]
		}
	}
	if strings.HasPrefix(place, promiseIndex) {
		f.Function += " (" + place + ")"
		return f
	}
	f.Line, f.Column, f.File = placeOf(place)
	return f
}

// userCode reports whether a frame lies in the user's own code: not Node's,
// not a package's, not generated by eval.
func userCode(file string) bool {
	if file == "" {
		return false
	}
	switch file[0] {
	case 'n', 'i':
		if strings.HasPrefix(file, "node:") || strings.HasPrefix(file, "internal/") || file == "native" {
			return false
		}
	case 'e', 'R', 'w':
		if strings.HasPrefix(file, "eval at ") || strings.HasPrefix(file, "evalmachine.") || strings.HasPrefix(file, "REPL") || strings.HasPrefix(file, "wasm://") || strings.HasPrefix(file, "ext:") {
			return false
		}
	}
	if file[len(file)-1] == '>' && strings.IndexByte(file, '<') >= 0 || strings.Contains(file, packagesFolder) {
		return false
	}
	// Node's own modules had bare names before version 12.
	return file[0] == '/' || strings.IndexByte(file, '/') >= 0 || strings.IndexByte(file, '\\') >= 0
}

// packagesFolder holds the packages that a program uses.
const packagesFolder = "node_modules"

// sourceLine reports whether a line is nothing but the place in a source from
// which Node quotes an excerpt: "/srv/app/main.js:41", "node:events:491",
// "module.js:471", "C:\app\main.ts:3", "undefined:1".
func sourceLine(line string) bool {
	n := len(line)
	if n < 5 || n > 4096 || line[n-1]-'0' > 9 || line[0] == ' ' || line[0] == '\t' {
		return false
	}
	num, path := trailingNumber(line)
	if num == 0 || len(path) < 2 {
		return false
	}
	if n, _ := trailingNumber(path); n > 0 {
		return false // with a column: Prisma and compilers quote the source so, Node does not
	}
	switch c := line[0]; {
	case c == '/':
		// Not a request: "/orders:3" is no script, but a script may have any name.
		return strings.IndexByte(path[1:], '/') >= 0 || scriptPath(path)
	case c == '[':
		return path == "[eval]" || path == "[stdin]" || strings.HasPrefix(path, "[eval]") || strings.HasPrefix(path, "[worker eval]")
	case c == '<':
		return strings.HasPrefix(path, "<anonymous")
	case len(path) > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') && isLetter(c):
		return true
	case strings.HasPrefix(path, `\\`):
		return true
	case path == "undefined":
		return true
	}
	return scriptPath(path) && !strings.Contains(path, ": ")
}

// pastedSource returns the source line that a line indented by up to eight
// columns holds, "" if it holds none: someone pasted the trace into a text.
// Excerpts of sources and lists of files are indented too, so only the places
// in Node itself count, where it throws most errors, and scripts by full path.
func pastedSource(line string) string {
	indent, rest := indentOf(line)
	if indent == 0 {
		if sourceLine(line) {
			return line
		}
		return ""
	}
	if indent > 8 || !sourceLine(rest) {
		return ""
	}
	_, path := trailingNumber(rest)
	if rest[0] == '/' && scriptPath(path) && strings.IndexByte(path, ' ') < 0 || strings.HasPrefix(rest, "node:") || strings.HasPrefix(rest, "internal/") || rest[0] != '.' && strings.HasSuffix(path, ".js") && nameWord(path[:len(path)-3]) {
		return rest
	}
	return ""
}

// caretLine reports whether a line marks a place in the line before: spaces
// and carets.
func caretLine(line string) bool {
	_, s := indentOf(line)
	if s == "" || s[0] != '^' {
		return false
	}
	for s != "" && s[0] == '^' {
		s = s[1:]
	}
	_, rest := indentOf(s)
	return rest == ""
}

// moreFrames reports whether a line stands for frames that were left out, or
// parts two stacks of one error.
//
//	... 3 lines matching cause stack trace ...
//	[... lines matching original stack trace ...]
//	From previous event:
func moreFrames(rest string) (parts, ok bool) {
	switch {
	case rest == "...": // frames left out by whoever copied the trace
		return false, true
	case strings.HasPrefix(rest, "... "):
		return false, strings.Contains(rest, "lines matching") || strings.HasSuffix(rest, " more") || strings.HasSuffix(rest, " frames ...")
	case strings.HasPrefix(rest, "[... lines matching"):
		return false, true
	case strings.HasPrefix(rest, "-> "): // source-map-support
		return false, true
	case strings.HasPrefix(rest, "From previous event:"):
		return true, true
	case len(rest) >= 10 && strings.Trim(rest, "-") == "": // long stacks of mysql and longjohn
		return true, true
	}
	return false, false
}
