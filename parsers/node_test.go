package parsers_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culprit"
	"culprit/parsers"
)

// pushText reads a text as a file.
func pushText(s *parsers.Stream, b []byte, emit func(*culprit.Record)) {
	var off int64
	for no := 1; len(b) > 0; no++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		end := off + int64(len(b)-len(rest))
		s.Push(parsers.Line{Text: line, No: no, Start: culprit.Position{Offset: off}, End: culprit.Position{Offset: end}}, emit)
		off, b = end, rest
	}
	s.Close(emit)
}

// nodeRecords reads a text as a file of a Node program.
func nodeRecords(source, text string) (records []*culprit.Record) {
	pushText(parsers.NewStream(parsers.Options{Source: source}), []byte(text), func(r *culprit.Record) { records = append(records, r.Clone()) })
	return records
}

// show writes records as "from-to kind message", one a line.
func show(records []*culprit.Record) string {
	var b strings.Builder
	for _, r := range records {
		if r.Kind == "" && strings.TrimSpace(string(r.Text)) == "" {
			continue
		}
		m, _, _ := strings.Cut(r.Message, "\n")
		fmt.Fprintf(&b, "%d-%d %s %s\n", r.LineFrom, r.LineTo, r.Kind, m)
	}
	return b.String()
}

// TestNodeJoining: what belongs to a trace, and above all what does not.
func TestNodeJoining(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"lines around a trace", "before\nError: x\n    at main (/srv/app/main.js:4:1)\nafter\n", "1-1  before\n2-3 exception x\n4-4  after\n"},
		{"two traces", "Error: a\n    at f (/a.js:1:1)\nError: b\n    at g (/a.js:2:1)\n", "1-2 exception a\n3-4 exception b\n"},
		{"an error without a stack takes nothing", "Error: a\none\ntwo\nthree\n", "1-1 exception a\n2-2  one\n3-3  two\n4-4  three\n"},
		{"a message of several lines", "Error: a\n  more of it\n\nand more\n    at f (/a.js:1:1)\nafter\n", "1-5 exception a\n6-6  after\n"},
		{"the next error ends a message", "Error: a\nError: b\n    at f (/a.js:1:1)\n", "1-1 exception a\n2-3 exception b\n"},
		{"JSON ends a message", "Error: a\n{\"level\":\"info\",\"message\":\"hi\"}\n    at f (/a.js:1:1)\n", "1-1 exception a\n2-2 app_log hi\n3-3      at f (/a.js:1:1)\n"},
		{"properties up to their brace", "Error: a\n    at f (/a.js:1:1) {\n  code: 'X1',\n  list: [\n    1\n  ]\n}\nafter\n", "1-7 exception a\n8-8  after\n"},
		{"properties that never end", "Error: a\n    at f (/a.js:1:1) {\n  code: 'X1',\nafter\n", "1-3 exception a\n4-4  after\n"},
		{"the brace of another object", "Error: a\n    at f (/a.js:1:1)\n{\n  b: 1\n}\n", "1-2 exception a\n3-5  {\n"},
		{"a blank line and then something else", "Error: a\n    at f (/a.js:1:1)\n\nafter\n", "1-2 exception a\n4-4  after\n"},
		{"Node's last line", "/a/b.js:3\nthrow x\n^\n\nError: a\n    at f (/a/b.js:1:1)\n\nNode.js v20.20.2\nNode.js is great\n", "1-8 uncaught_exception a\n9-9  Node.js is great\n"},
		{"crashes without anything between", "/a/b.js:3\nthrow x\n^\n\nError: a\n    at f (/a/b.js:1:1)\n/a/b.js:3\nthrow x\n^\n\nError: a\n    at f (/a/b.js:1:1)\n", "1-6 uncaught_exception a\n7-12 uncaught_exception a\n"},
		{"a place without an excerpt", "/srv/app/b.js:3\nhello\nworld\n", "1-1  /srv/app/b.js:3\n2-2  hello\n3-3  world\n"},
		{"thrown text", "/a/b.js:3\nthrow 'no'\n^\nno\n(Use `node --trace-uncaught ...` to show where the exception was thrown)\n\nNode.js v20.20.2\nnext\n", "1-7 uncaught_exception no\n8-8  next\n"},
		{"a logger's line, then the error", "[Nest] 1  - 11/22/2026, 8:22:26 AM   ERROR [X] broken\nTypeError: broken\n    at f (/a.js:1:1)\n[Nest] 1  - 11/22/2026, 8:22:26 AM     LOG [X] fine\n", "1-3 exception broken\n4-4 app_log fine\n"},
		{"a logger's line of an error, then others", "[Nest] 1  - 11/22/2026, 8:22:26 AM   ERROR [X] broken\nplain\n[Nest] 1  - 11/22/2026, 8:22:26 AM     LOG [X] fine\n", "1-1 app_log broken\n2-2  plain\n3-3 app_log fine\n"},
		{"without indentation", "Error: Cannot find module 'a'\nat f (node:internal/x:1:2)\nat the end\n", "1-2 module_not_found Cannot find module 'a'\n3-3  at the end\n"},
		{"carriage returns", "Error: a\r\n    at f (C:\\a.js:1:1)\r\nafter\r\n", "1-2 exception a\n3-3  after\n"},
		{"advice behind a warning", "(node:5) Warning: w\n(Use `node --trace-warnings ...` to show where the warning was created)\n(node:5) Warning: v\n", "1-2 node_warning w\n3-3 node_warning v\n"},
		{"two errors without a stack", "fetch failed: Error: a\nfetch failed: Error: b\n    at f (/a.js:1:1)\n", "1-1 exception fetch failed: Error: a\n2-3 exception fetch failed: Error: b\n"},
		{"Nest before version 7", "[Nest] 7   - 2026-11-22 11:20:10   [ExceptionHandler] no such element +1ms\nError: no such element\n    at f (/a.js:1:1)\n[Nest] 7   - 2026-11-22 11:20:11   [RoutesResolver] fine +1ms\nError: b\n    at f (/a.js:1:1)\n", "1-3 exception no such element\n4-4 app_log fine\n5-6 exception b\n"},
		{"a logger's line, then an error of pg", "[Nest] 7  - 11/22/2026, 2:11:50 AM   ERROR [TypeOrmModule] Unable to connect to the database. Retrying (1)...\nerror: database \"shop\" does not exist\n    at Parser.parseErrorMessage (/srv/node_modules/pg-protocol/src/parser.ts:369:69)\nerror: alone\n", "1-3 db_connection_failed Unable to connect to the database. Retrying (1)...: database \"shop\" does not exist\n4-4 app_log alone\n"},
		{"dates as JavaScript prints them", "Sun, 22 Nov 2026 03:04:05 GMT express:router dispatching GET /\nSun Nov 22 2026 03:04:05 GMT+0000 (Coordinated Universal Time) - error: x\n", "1-1  express:router dispatching GET /\n2-2  x\n"},
		{"Nest's advice for two errors", "ERROR: Nest can't resolve dependencies of the A (?). Please make sure that the argument at index [0] is available in the M context.\n[ExceptionHandler] Nest can't resolve dependencies of the B (?). Please make sure that the argument at index [0] is available in the M context.\n", "1-1 nest_dependency_error Nest can't resolve dependencies of the A (?). Please make sure that the argument at index [0] is available in the M context.\n2-2 nest_dependency_error [ExceptionHandler] Nest can't resolve dependencies of the B (?). Please make sure that the argument at index [0] is available in the M context.\n"},
		{"frames cut at the width of a terminal", "Error: x\n    at f (/a.js:1:1)\n    at Object.<anonymous> (/usr/lib/node_modules/forever/node_modules/@dab\n    at Module._load (internal/modules/cjs/loader.js:7…\n    at g (/a.js:2:1)\n    at large (or so\n", "1-5 exception x\n6-6      at large (or so\n"},
		{"what PM2's daemon wrote to stderr", "2026-11-22T10:00:02: PM2 error: Error: a\n2026-11-22T10:00:02: PM2 error:     at f (/a.js:1:1)\n2026-11-22T10:00:03: PM2 error: TypeError: b\n    at g (/a.js:2:1)\n2026-11-22T10:00:05: PM2 error: (node:45) [DEP0007] DeprecationWarning: w\n", "1-2 exception a\n3-4 exception b\n5-5 deprecation_warning w\n"},
		{"PM2's terminal before 1.0", "PM2 Stopping app:shop id:0\nPM2 App name:shop id:0 exited with code 7\nPM2 Process with pid 1754 killed\nPM2 App of mine\n", "1-1 stopping Stopping app:shop id:0\n2-2 exited App name:shop id:0 exited with code 7\n3-3 killed Process with pid 1754 killed\n4-4  PM2 App of mine\n"},
		{"turbo's prefix", "api:dev: \napi:dev: node:internal/modules/cjs/loader:1404\napi:dev:   throw err;\napi:dev:   ^\napi:dev: \napi:dev: Error: Cannot find module 'x'\nweb:dev: ready\napi:dev:     at f (/a.js:1:1) {\napi:dev:   code: 'MODULE_NOT_FOUND'\napi:dev: }\napi:dev: \napi:dev: Node.js v22.15.0\napi:develop: no script\n", "1-1  \n2-12 module_not_found Cannot find module 'x'\n7-7  ready\n13-13  api:develop: no script\n"},
		{"pnpm's prefix", "apps/api dev: Error: listen EADDRINUSE: address already in use :::3000\napps/api dev:     at f (node:net:1463:16)\nit runs dev: fine\n", "1-2 address_in_use listen EADDRINUSE: address already in use :::3000\n3-3  it runs dev: fine\n"},
		{"frames left out of a copy", "Error: x\n    at f (/a.js:1:1)\n    ...\n    at g (/a.js:2:1)\n...\n", "1-4 exception x\n5-5  ...\n"},
		{"dates in an object", "Failed query: Error: x\n    at f (/a.js:1:1) {\n  params: [\n    2026-11-22T10:11:12.123Z,\n    2026-11-22 10:11:12\n  ]\n}\nnext\n", "1-7 exception Failed query: Error: x\n8-8  next\n"},
		{"a warning of two lines", "(node:5) TimeoutNegativeWarning: -1 is a negative number.\nTimeout duration was set to 1.\n(Use `node --trace-warnings ...` to show where the warning was created)\n", "1-3 node_warning -1 is a negative number.\n"},
		{"comments", "#\n# a\n# b\n", "1-1  #\n2-2  # a\n3-3  # b\n"},
		{"a report of V8 that ends", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb78db3 node::Abort() [node]\n\n> app@1.0.0 start\n", "1-2 heap_oom Reached heap limit Allocation failed - JavaScript heap out of memory\n4-4 app_starting > app@1.0.0 start\n"},
		{"collections without a report", "[61:0x74533040] 229060 ms: Mark-sweep (reduce) 127.1 (236.9) -> 127.1 (137.4) MB, 5560.7 / 0.3 ms\nfine\n", "1-1  [61:0x74533040] 229060 ms: Mark-sweep (reduce) 127.1 (236.9) -> 127.1 (137.4) MB, 5560.7 / 0.3 ms\n2-2  fine\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := show(nodeRecords("app.log", tt.in)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

// TestNodeAttributes: single lines, and what they tell.
func TestNodeAttributes(t *testing.T) {
	tests := []struct {
		in   string
		kind culprit.Kind
		want string // "key=value" pairs that have to be there, by spaces
	}{
		{"Error: connect ECONNREFUSED 127.0.0.1:5432", "connection_failed", "error_code=ECONNREFUSED address=127.0.0.1 port=5432 syscall=connect"},
		{"Error: connect ENETUNREACH 2001:db8::1:5432 - Local (:::0)", "connection_failed", "address=2001:db8::1 port=5432"},
		{"Error: connect ECONNREFUSED /run/redis.sock", "connection_failed", "address=/run/redis.sock"},
		{"Error: getaddrinfo EAI_AGAIN db", "connection_failed", "hostname=db error_code=EAI_AGAIN"},
		{"Error: queryA ETIMEOUT db.example.com", "connection_failed", "hostname=db.example.com syscall=queryA"},
		{"Error: listen EADDRINUSE: address already in use :::3000", "address_in_use", "address=:: port=3000"},
		{"Error: listen EADDRINUSE: address already in use /run/app.sock", "address_in_use", "address=/run/app.sock"},
		{"Error: EACCES: permission denied, open '/srv/app/.env'", "permission_denied", "syscall=open path=/srv/app/.env"},
		{"Error: ENOENT, open '/srv/x'", "exception", "syscall=open path=/srv/x error_code=ENOENT"},
		{"Error: Cannot find module './a b'", "module_not_found", "error_type=Error"},
		{"Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'p' imported from /srv/app/main.mjs", "module_not_found", "module=p imported_from=/srv/app/main.mjs error_code=ERR_MODULE_NOT_FOUND"},
		{"Error [ERR_REQUIRE_ESM]: require() of ES Module /a/b.js from /c/d.js not supported.", "require_esm", "module=/a/b.js imported_from=/c/d.js"},
		{"Error [ERR_REQUIRE_ESM]: Must use import to load ES Module: /a/b.js\nrequire() of ES modules is not supported.\n    at f (/c/d.js:1:2)", "require_esm", "module=/a/b.js frames=1"},
		{"Error: outer\n    at f (/srv/app/a.js:1:2) {\n  [cause]: [Error: refused] { code: 'X' }\n}", "exception", "causes=1 root_message=refused"},
		{"error: uncaughtException: x date=Sun Nov 22 2026, pid=7, stack=[Error: x,     at f (/srv/app/a.js:3:11)]", "uncaught_exception", "frames=1"},
		{`{"@timestamp":"2026-11-22T08:00:00.000Z","log.level":"error","message":"x","error":{"type":"TypeError","message":"m","stack_trace":"TypeError: m\n    at g (/srv/app/b.js:1:1)"}}`, "exception", "error_type=TypeError frames=1"},
		{"Error: /a/b.node: invalid ELF header", "native_module_failed", "module=/a/b.node"},
		{"Error: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /srv/app/node_modules/x/x.node)", "native_module_failed", "module=/srv/app/node_modules/x/x.node"},
		{"ValidationError: \"email\" is required", "exception", "error_type=ValidationError"},
		{"Error: \"DB_HOST\" is required", "config_missing", "setting=DB_HOST"},
		{"SyntaxError: Unexpected token < in JSON at position 0", "exception", "error_type=SyntaxError"},
		{"MongoServerSelectionError: connect ECONNREFUSED 127.0.0.1:27017", "connection_failed", "port=27017"},
		{"Error: socket hang up", "connection_failed", ""},
		{"error: password authentication failed for user \"shop\"", "db_connection_failed", ""},
		{"error: sorry, too many clients already", "pool_exhausted", ""},
		{"PrismaClientInitializationError: Can't reach database server at `db.internal`:`5432`", "db_client_init_failed", "address=db.internal port=5432"},
		{"Error: ENOSPC: no space left on device, write\n    at f (/srv/app/b.js:1:2)", "disk_full", "frames=1 error_code=ENOSPC syscall=write"},
		{`{"level":50,"time":1795332510932,"pid":1529,"hostname":"web-01","err":{"type":"Error","message":"timeout exceeded when trying to connect","stack":"Error: timeout exceeded when trying to connect\n    at /srv/app/node_modules/pg-pool/index.js:45:11"},"msg":"query failed"}`, "pool_exhausted", "logger=pino frames=1"},
		{`{"level":"error","message":"uncaughtException: x\nError: x\n    at f (/srv/app/a.js:1:2)","exception":true,"stack":"Error: x\n    at f (/srv/app/a.js:1:2)","timestamp":"2026-11-22T08:00:00.000Z"}`, "uncaught_exception", "logger=winston-json frames=1"},
		{`{"level":50,"time":1795332510932,"pid":1,"hostname":"h","err":{"type":"AggregateError","message":"","stack":"AggregateError [ECONNREFUSED]: \n    at internalConnectMultiple (node:net:1122:18)","aggregateErrors":[{"type":"Error","message":"connect ECONNREFUSED ::1:5432","stack":"Error: connect ECONNREFUSED ::1:5432","errno":-111,"code":"ECONNREFUSED","syscall":"connect","address":"::1","port":5432}],"code":"ECONNREFUSED"},"msg":""}`, "connection_failed", "error_type=AggregateError address=::1 port=5432 frames=1"},
		{`error: boom {"code":"ECONNREFUSED","stack":"Error: connect ECONNREFUSED 127.0.0.1:5432\n    at f (/srv/app/a.js:1:2)"}`, "connection_failed", "frames=1 error_type=Error port=5432"},
		{`error: boom {"stack":"none"}`, "app_log", ""},
		{`{"addr":"127.0.0.1:3100","level":"info","message":"orders is listening"}`, "app_started", "address=127.0.0.1 port=3100"},
		{`{"level":30,"time":1795332500668,"pid":1475,"sock":"/run/app.sock","msg":"realtime ready"}`, "app_started", "path=/run/app.sock"},
	}
	for _, tt := range tests {
		t.Run(tt.in[:min(len(tt.in), 60)], func(t *testing.T) {
			records := nodeRecords("app.log", tt.in)
			if len(records) != 1 {
				t.Fatalf("%d records", len(records))
			}
			r := records[0]
			if r.Kind != tt.kind {
				t.Errorf("kind %q, want %q", r.Kind, tt.kind)
			}
			for p := range strings.FieldsSeq(tt.want) {
				k, v, _ := strings.Cut(p, "=")
				if got := r.Attrs.Get(k); got != v {
					t.Errorf("%s = %q, want %q", k, got, v)
				}
			}
		})
	}
}

// TestNodeNoEvent: lines that look like something and are not.
func TestNodeNoEvent(t *testing.T) {
	for _, in := range []string{
		"", " ", "at", "    at ", "    at large", "hello", "{}", "{", "[", "}", "Errors are normal", "TerrorError", "an Error occurred", "'Error: quoted'", "/path/Error: x",
		"http://localhost:3000", "12:34:56", "(node:", "(node:12)", "npm", "npm ERR", "<--- nothing", "FATAL", "# Fatal error in", "[Nest] 12 - soon",
		"java.lang.IllegalStateException", "ModuleNotFoundError: No module named 'x'",
		"// Error: listen EADDRINUSE: address already in use :::3000", "If you see \"Error: Cannot find module 'express'\", install it.", "  message: \"Error: Cannot find module 'x'\"",
		"process.on('uncaughtException', handle)", "#", "# a comment", "==== JS stack trace ====", "x' failed.",
		"stopped listening on port 3000", "the listener is ready", "> not a script", "> a@b", "SIGNAL", "design",
	} {
		for _, r := range nodeRecords("app.log", in) {
			if r.Kind != "" && r.Kind != culprit.KindException {
				t.Errorf("%q is %s", in, r.Kind)
			}
		}
	}
}

// TestFingerprint: what may change between two occurrences of one error, and what
// may not.
func TestFingerprint(t *testing.T) {
	trace := func(message, file string, line int) string {
		return fmt.Sprintf("TypeError: %s\n    at Orders.render (%s:%d:9)\n    at next (/srv/x/node_modules/express/lib/router/route.js:149:13)\n    at node:internal/main/run_main_module:28:49", message, file, line)
	}
	base := trace("order 5 has no totals", "/srv/shop/releases/20261118T101502Z/dist/orders.service.js", 41)
	id, parts := parsers.Fingerprint([]byte(base))
	if id == "" || len(parts) < 4 {
		t.Fatalf("fingerprint %q of %q", id, parts)
	}
	same := map[string]string{
		"another line":        trace("order 5 has no totals", "/srv/shop/releases/20261118T101502Z/dist/orders.service.js", 97),
		"another order":       trace("order 81733 has no totals", "/srv/shop/releases/20261118T101502Z/dist/orders.service.js", 41),
		"another release":     trace("order 5 has no totals", "/srv/shop/releases/20261122T072905Z/dist/orders.service.js", 41),
		"a container":         trace("order 5 has no totals", "/app/dist/orders.service.js", 41),
		"a prefix of PM2":     "2026-11-22T08:22:29: " + strings.ReplaceAll(base, "\n", "\n2026-11-22T08:22:29: "),
		"a prefix of syslog":  "Nov 22 08:35:43 web-01 shop[9]: " + strings.ReplaceAll(base, "\n", "\nNov 22 08:35:43 web-01 shop[9]: "),
		"colours":             strings.Replace(base, "TypeError", "\x1b[31mTypeError\x1b[39m", 1),
		"a line of a program": "request failed: " + base,
	}
	for name, text := range same {
		if got, p := parsers.Fingerprint([]byte(text)); got != id {
			t.Errorf("%s: %s, not %s: %q, not %q", name, got, id, p, parts)
		}
	}
	other := map[string]string{
		"another message":  trace("order 5 has no lines", "/srv/shop/releases/20261118T101502Z/dist/orders.service.js", 41),
		"another file":     trace("order 5 has no totals", "/srv/shop/releases/20261118T101502Z/dist/invoice.service.js", 41),
		"another function": strings.Replace(base, "Orders.render", "Orders.send", 1),
		"another type":     strings.Replace(base, "TypeError", "RangeError", 1),
	}
	for name, text := range other {
		if got, _ := parsers.Fingerprint([]byte(text)); got == id {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
	if got := nodeRecords("x", base)[0].Attrs.Get("fingerprint"); got != id {
		t.Errorf("the record has %q, Fingerprint says %q", got, id)
	}
	if id, parts := parsers.Fingerprint([]byte("listening on 3000")); id != "" || parts != nil {
		t.Errorf("a line that is no error has %q %q", id, parts)
	}
	uuid1, _ := parsers.Fingerprint([]byte("Error: job 0d5b2a1c-9f3e-4b7a-8c1d-2e3f4a5b6c7d failed"))
	uuid2, _ := parsers.Fingerprint([]byte("Error: job aaaabbbb-cccc-dddd-eeee-ffffffffffff failed"))
	if uuid1 != uuid2 {
		t.Error("UUIDs make a difference")
	}
}

// TestNodeHostileLines: lines made to cost time.
func TestNodeHostileLines(t *testing.T) {
	const n = 1 << 19
	for name, in := range map[string]string{
		"types":      strings.Repeat("Error", n/5),
		"heads":      strings.Repeat("Error: ", n/7),
		"brackets":   strings.Repeat("Error [", n/7),
		"quotes":     strings.Repeat("Cannot find module '", n/20),
		"codes":      strings.Repeat("ECONNREFUSED ", n/13),
		"braces":     `{"level":"info","msg":"x","a":` + strings.Repeat("[", n) + "}",
		"escapes":    `{"level":"error","msg":"` + strings.Repeat(`\\`, n/2) + `"}`,
		"unfinished": `{"level":"error","msg":"` + strings.Repeat(`\"`, n/2),
		"frames":     "Error: x\n" + strings.Repeat("    at f (/a.js:1:1)\n", n/21),
		"at":         "Error: x" + strings.Repeat("    at f (/a.js:1:1)", n/20),
		"errors":     strings.Repeat("Error: x\n", n/9),
		"held":       strings.Repeat("Error: x\ntext\ntext\n\n", n/20),
		"carets":     strings.Repeat("/srv/app/a.js:1\n", n/16),
		"blocks":     strings.Repeat("{\n", n/2),
		"ports":      "listening on " + strings.Repeat("port ", n/5),
		"slashes":    "Error: " + strings.Repeat("/", n),
	} {
		t.Run(name, func(t *testing.T) {
			size := 0
			for _, r := range nodeRecords("app.log", in) {
				size += len(r.Text) + 1
			}
			if d := size - len(in); d < 0 || d > 1 {
				t.Errorf("%d bytes in, %d out", len(in), size)
			}
		})
	}
}

// FuzzNode: no panic, all bytes in their order, no time that is not in the log.
func FuzzNode(f *testing.F) {
	files, err := filepath.Glob("testdata/node/*.log")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 4000)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lines := bytes.Split(b, []byte("\n"))
		seen := make([]bool, len(lines)+1)
		pushText(parsers.NewStream(parsers.Options{}), b, func(r *culprit.Record) {
			if r.LineFrom < 1 || r.LineTo < r.LineFrom || r.LineTo > len(lines) {
				t.Fatalf("lines %d to %d of %d", r.LineFrom, r.LineTo, len(lines))
			}
			if seen[r.LineFrom] {
				t.Fatalf("line %d stands in two records", r.LineFrom)
			}
			seen[r.LineFrom] = true
			if !bytes.HasPrefix(r.Text, lines[r.LineFrom-1]) {
				t.Fatalf("record of line %d begins with %q", r.LineFrom, r.Text)
			}
			if !r.Time.IsZero() && r.TimeText == "" {
				t.Fatalf("a time from nowhere: %s in %q", r.Time, r.Text)
			}
			parsers.Fingerprint(r.Text)
			_ = parsers.AppendJSON(nil, r)
		})
	})
}
