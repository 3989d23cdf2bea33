package redact_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"culprit/internal/redact"
)

// cut writes a secret in two parts, so that scanners of source code don't take
// the samples for real ones.
func cut(a, b string) string { return a + b }

func TestText(t *testing.T) {
	jwt := cut("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	for _, c := range []struct{ name, in, want string }{
		{"authorization header", `Authorization: Bearer abc.def-123, host: "a"`, `Authorization: [redacted-authorization], host: "a"`},
		{"authorization in JSON", `{"authorization":"Basic dXNlcjpwYXNz","url":"/a"}`, `{"authorization":"[redacted-authorization]","url":"/a"}`},
		{"authorization of Node's util.inspect", `  authorization: 'Bearer s3cr3t',`, `  authorization: '[redacted-authorization]',`},
		{"JSON in JSON", `{"msg":"{\"authorization\":\"Token 9944b09199c6\"}"}`, `{"msg":"{\"authorization\":\"[redacted-authorization]\"}"}`},
		{"digest", `authorization: Digest username="bob", response="6629"`, `authorization: [redacted-authorization]`},
		{"bearer in a sentence", `rejected bearer f00dcafe1234 from client`, `rejected bearer [redacted-authorization] from client`},
		{"bearer without a token", `bearer authentication failed`, `bearer authentication failed`},
		{"cookie header", `Cookie: sid=1; theme=dark`, `Cookie: [redacted-cookie]`},
		{"set-cookie list", `"set-cookie":["a=b; Path=/","c=d"],"x":1`, `"set-cookie":[redacted-cookie],"x":1`},
		{"cookie in JSON", `{"cookie":"connect.sid=s%3Aabc","host":"a"}`, `{"cookie":"[redacted-cookie]","host":"a"}`},
		{"URL credentials", `connect to postgres://shop:p@ss@db.internal:5432/shop failed`, `connect to postgres://[redacted-credentials]@db.internal:5432/shop failed`},
		{"redis without a user", `redis://:hunter2@127.0.0.1:6379/0`, `redis://[redacted-credentials]@127.0.0.1:6379/0`},
		{"URL without credentials", `http://127.0.0.1:3000/a@b`, `http://127.0.0.1:3000/a@b`},
		{"JWT", "token " + jwt + " expired", "token [redacted-jwt] expired"},
		{"JWT cut by a limit on length", jwt[:60], "[redacted-jwt]"},
		{"PEM", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nnext", "[redacted-pem]\nnext"},
		{"PEM in JSON", `{"key":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}`, `{"key":"[redacted-pem]\n"}`},
		{"PEM cut", "x -----BEGIN EC PRIVATE KEY-----\nMHcC", "x [redacted-pem]"},
		{"password", `password=hunter2`, `password=[redacted-password]`},
		{"environment", `DB_PASSWORD=x1 POSTGRES_PWD='a b' node main.js`, `DB_PASSWORD=[redacted-password] POSTGRES_PWD='[redacted-password]' node main.js`},
		{"JSON password with an escaped quote", `{"password":"a\"b","n":1}`, `{"password":"[redacted-password]","n":1}`},
		{"camel case", `{ clientSecret: 'abc', port: 3000 }`, `{ clientSecret: '[redacted-password]', port: 3000 }`},
		{"password on a command line", `COMMAND=/usr/bin/app --password hunter2 --port 1`, `COMMAND=/usr/bin/app --password [redacted-password] --port 1`},
		{"mysql", `mysqldump -u root -pS3cret shop`, `mysqldump -u root -p[redacted-password] shop`},
		{"SQL", `ALTER USER shop WITH PASSWORD 'hunter2'`, `ALTER USER shop WITH PASSWORD '[redacted-password]'`},
		{"query string", `"GET /api?user=7&token=abc&key=k1&sig=9 HTTP/1.1"`, `"GET /api?user=7&token=[redacted-token]&key=[redacted-token]&sig=[redacted-token] HTTP/1.1"`},
		{"OAuth code", `"GET /cb?code=4/P7q7W91&state=x HTTP/1.1"`, `"GET /cb?code=[redacted-token]&state=x HTTP/1.1"`},
		{"session", `connect.sid=s%3Aabc.def`, `connect.sid=[redacted-token]`},
		{"e-mail", `user alice.b+shop@mail.example.com not found`, `user [redacted-email] not found`},
		{"e-mail in a URL", `"GET /u?mail=bob%40example.com HTTP/1.1"`, `"GET /u?mail=[redacted-email] HTTP/1.1"`},
		{"e-mail with an umlaut", `jörg@müller.example`, `[redacted-email]`},
		{"AWS", "key " + cut("AKIA", "Z7QX4LMWPR2TDS5V") + " used", "key [redacted-token] used"},
		{"GitHub", cut("ghp_", "x7Rk2mQpL9vTzWc4bNfYh8sJdGa3eU6o1iKB"), "[redacted-token]"},
		{"Stripe", `StripeAuthenticationError: ` + cut("sk_live_", "51HqLyjWDarjtT1zdp7dcXyzAbC"), `StripeAuthenticationError: [redacted-token]`},

		{"kernel line stays", `kernel: Memory cgroup out of memory: Killed process 232 (node) total-vm:11774388kB, anon-rss:304796kB`, ""},
		{"nginx line stays", `2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.182, server: shop.example.com, request: "GET /api/products?page=6 HTTP/1.1", upstream: "http://127.0.0.1:3000/products?page=6", host: "shop.example.com"`, ""},
		{"systemd line stays", `shop-api.service: Main process exited, code=killed, status=9/KILL`, ""},
		{"sudo's directory stays", `deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl restart shop-api`, ""},
		{"syntax error stays", `SyntaxError: Unexpected token '}'`, ""},
		{"a word after token stays", `JsonWebTokenError: invalid token: malformed`, ""},
		{"name of a variable stays", `Error: Missing required environment variable JWT_SECRET`, ""},
		{"unset secret stays", `JWT_SECRET=undefined DB_PASSWORD=${DB_PASSWORD}`, ""},
		{"unit instance stays", `getty@tty1.service: Deactivated successfully.`, ""},
		{"package stays", `Cannot find module '@nestjs/core' from express@4.18.2`, ""},
		{"git remote stays", `git@github.com:shop/api.git`, ""},
		{"path stays", `open "/etc/passwd: permission denied`, ""},
		{"uuid stays", `req_id=7b1c9d9e-2f5c-4f6e-9a53-0d2b6a1c7e11`, ""},
		{"max_tokens stays", `max_tokens: 1024, tokens: 12`, ""},
		{"client address stays", `client: 203.0.113.182, server: a`, ""},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if want == "" {
				want = c.in
			}
			got, _ := redact.Text(c.in)
			if got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

func TestClients(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`connect() failed, client: 203.0.113.182, server: a, upstream: "http://127.0.0.1:3000/"`, `connect() failed, client: [redacted-client], server: a, upstream: "http://127.0.0.1:3000/"`},
		{`client: 2001:db8::7, server: a`, `client: [redacted-client], server: a`},
		{`203.0.113.186 - - [22/Nov/2026:17:46:08 +0900] "GET / HTTP/1.1" 200 295`, `[redacted-client] - - [22/Nov/2026:17:46:08 +0900] "GET / HTTP/1.1" 200 295`},
		{`{"remote_addr":"203.0.113.9","status":502}`, `{"remote_addr":"[redacted-client]","status":502}`},
		{`x-forwarded-for: 203.0.113.9, 10.0.0.1`, `x-forwarded-for: [redacted-client]`},
		{`listening on 127.0.0.1:3000`, `listening on 127.0.0.1:3000`},
		{`client: unix:, server: a`, `client: unix:, server: a`},
		{`08:22:31 x y [INFO]`, `08:22:31 x y [INFO]`},
	} {
		r := redact.Redactor{Clients: true}
		if got := r.Text(c.in); got != c.want {
			t.Errorf("\n got %q\nwant %q", got, c.want)
		}
	}
}

func TestCounts(t *testing.T) {
	var r redact.Redactor
	for _, s := range []string{
		"password=a password=b", "bob@example.com", "nothing", "already [redacted-email]",
		"cookie: mail=bob@example.com; token=abc", // one place: what lies inside goes with it
	} {
		r.Text(s)
	}
	want := redact.Counts{redact.Password: 2, redact.Email: 1, redact.Cookie: 1}
	if !maps.Equal(r.Counts, want) || r.Counts.Total() != 4 {
		t.Errorf("counts %v, want %v", r.Counts, want)
	}
	if got := fmt.Sprint(r.Counts.Classes()); got != "[cookie email password]" {
		t.Errorf("classes %s", got)
	}
}

// hostile are texts that try the patterns: repeated beginnings without an end.
var hostile = []string{
	"a", "=", `password="`, `token='`, `\"secret\":\"`, "-----BEGIN RSA PRIVATE KEY-----", "://a", "x@", "@x.", "a@b.c.", "eyJaaaaaaaa.",
	"cookie: [\"", "authorization: digest ", "mysql ", "--password ", "bearer a1", "%40", "client: ", "curl -u a:", "AKIA", "sk_live_", "hooks.slack.com/", "[redacted-", "[redacted-email]",
	"key=", "?key=a&", "\x00", "\xff", "é@é.",
}

func TestLinearTime(t *testing.T) {
	const size = 1 << 16
	for _, h := range hostile {
		s := strings.Repeat(h, size/len(h))
		start := time.Now()
		r := redact.Redactor{Clients: true}
		out := r.Text(s)
		// A quadratic rule would need minutes.
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%q: %v for 64 KiB", h, d)
		}
		if len(out) > 8*len(s)+64 {
			t.Errorf("%q: %d bytes became %d", h, len(s), len(out))
		}
	}
}

var placeholder = regexp.MustCompile(`\[redacted-[a-z]+\]`)

func FuzzText(f *testing.F) {
	for _, h := range hostile {
		f.Add(h+h, true)
	}
	f.Add(`Authorization: Bearer a1b2c3d4 password="x y" https://u:p@h/ key=1 bob@example.com`, false)
	f.Add(`password=a'token="b'secret=c cookie: x=bob@a.bc`, true)
	f.Fuzz(func(t *testing.T, s string, clients bool) {
		if len(s) > 1<<14 {
			return
		}
		r := redact.Redactor{Clients: clients}
		got := r.Text(s)
		if len(got) > 8*len(s)+64 {
			t.Fatalf("%d bytes became %d", len(s), len(got))
		}
		again := redact.Redactor{Clients: clients}
		if twice := again.Text(got); twice != got {
			t.Fatalf("redacting again changed\n%q into\n%q", got, twice)
		}
		if n := again.Counts.Total(); n != 0 {
			t.Fatalf("redacting again counted %d", n)
		}
		if !strings.Contains(s, "[redacted-") {
			if n := len(placeholder.FindAllString(got, -1)); n != r.Counts.Total() {
				t.Fatalf("%d places, counted %v: %q", n, r.Counts, got)
			}
		}
	})
}

func BenchmarkText(b *testing.B) {
	for name, s := range map[string]string{
		"nginx":  `2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.182, server: shop.example.com, request: "GET /api/products?page=6 HTTP/1.1", upstream: "http://127.0.0.1:3000/products?page=6", host: "shop.example.com"`,
		"secret": `{"authorization":"Bearer abc123def456","cookie":"sid=1","url":"postgres://u:p@db/x"}`,
	} {
		b.Run(name, func(b *testing.B) {
			var r redact.Redactor
			r.Text(s)
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				r.Text(s)
			}
		})
	}
}
