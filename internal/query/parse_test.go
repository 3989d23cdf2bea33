package query_test

import (
	"errors"
	"strings"
	"testing"

	"culprit"
	"culprit/internal/query"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"one word", "Refused", `"refused"`},
		{"words are joined by and", "connection refused", `"connection" "refused"`},
		{"equal words count once", "a b a", `"a" "b"`},
		{"phrase", `"Connection Refused"`, `"connection refused"`},
		{"word of several tokens", "shop-api", `"shop api"`},
		{"prefix", "conn*", `"conn"*`},
		{"prefix of a phrase", `"connect() fail"*`, `"connect fail"*`},
		{"star behind a separator", "/static/*", `"static"`},
		{"stars only", "* ** *", ""},
		{"or binds weaker than and", "a b OR c", `("a" "b") OR "c"`},
		{"and as a word of the language", "a AND b", `"a" "b"`},
		{"group", "a (b OR c)", `"a" ("b" OR "c")`},
		{"not", "NOT a", `NOT "a"`},
		{"minus", "-a b", `NOT "a" "b"`},
		{"minus before a group", "-(a OR b)", `NOT ("a" OR "b")`},
		{"minus before a phrase", `-"a b"`, `NOT "a b"`},
		{"twice not", "NOT NOT a", `NOT NOT "a"`},
		{"small letters are words", "a or b and not c", `"a" "or" "b" "and" "not" "c"`},
		{"field", "service:Shop-API", `service:"shop-api"`},
		{"field of text", `message:"Connection refused"`, `message:"connection refused"`},
		{"field with quotes", `service:"a \"b"`, `service:"a \"b"`},
		{"field prefix", "kind:upstream_*", `kind:"upstream_"*`},
		{"number", "status:502", "status:502"},
		{"number above", "status:>499", "status:>=500"},
		{"number from", "status:>=500", "status:>=500"},
		{"number below", "status:<500", "status:<=499"},
		{"number range", "status:500..504", "status:500..504"},
		{"severity by name", "severity:<=error", "severity:<=3"},
		{"severity by number", "severity:3", "severity:3"},
		{"severity as loggers call it", "level:<=error", "severity:<=3"},
		{"field in a group", "(status:502 OR status:504)", "status:502 OR status:504"},
		{"address as a field", "upstream:127.0.0.1:3000", `upstream:"127.0.0.1:3000"`},
		{"unicode", "GRÖSSE", `"grösse"`},

		{"unknown field", "foo:bar", `"foo bar"`},
		{"field without a value", "status: 502", `"status" "502"`},
		{"number field with a word", "status:abc", `"status abc"`},
		{"capital field", "Status:502", `"status 502"`},
		{"lone signs", "- : -- :: ( ) \" '", ""},
		{"or without operands", "OR", `"or"`},
		{"or at the beginning", "OR a", `"or" "a"`},
		{"or at the end", "a OR", `"a" "or"`},
		{"or twice", "a OR OR b", `"a" OR ("or" "b")`},
		{"not at the end", "a NOT", `"a" "not"`},
		{"and in parentheses", "(AND)", `"and"`},
		{"unbalanced open", "(a b", `"a" "b"`},
		{"unbalanced close", "a) b", `"a" "b"`},
		{"unbalanced quote", `say "hello`, `"say" "hello"`},
		{"negative number", "exit -1", `"exit" "1"`},
		{"option", "--max-old-space-size=4096", `"max old space size 4096"`},
		{"minus without a token", `-"--" a`, `"a"`},
		{"nginx error line", `2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.182, server: shop.example.com, request: "GET /api/products HTTP/1.1", upstream: "http://127.0.0.1:3000/products"`,
			`"2026 11 22" "08 22 33" "error" "287 287" "1624" "connect" "failed" "111" "connection" "refused" "while" "connecting" "to" "upstream" "client" "203 0 113 182" "server" "shop example com" "request" "get api products http 1 1" "http 127 0 0 1 3000 products"`},
		{"json", `{"level":"error","status":502,"ctx":{"a":[1,2]}}`, `"level error status 502 ctx a 1 2"`},
		{"json with spaces", `{"msg": "a (b", "n": -1}`, `"msg" "a b" "n" "1"`},
		{"stack frame", "at Object.<anonymous> (/srv/app/dist/main.js:10:5)", `"at" "object anonymous" "srv app dist main js 10 5"`},
		{"url", "https://user:pw@example.com:8443/a?b=c#d", `"https user pw example com 8443 a b c d"`},
		{"time", "10:42:17 error", `"10 42 17" "error"`},
		{"backslash", `a\ "b\"`, `"a" "b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := query.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.String(); got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
			again, err := query.Parse(q.String())
			if err != nil || again.String() != tt.want {
				t.Fatalf("its own form parses to %v, %v", again, err)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		column   int
		reason   string
	}{
		{"operator without a number", "a status:>x", 10, "status takes a number"},
		{"operator alone", "pid:>=", 5, "pid takes a number"},
		{"severity", "ä severity:<=bad", 12, "severity takes a severity"},
		{"above the greatest", "pid:>9223372036854775807", 5, "a number"},
		{"star in front", "a kind:*kill", 8, "a * stands at the end of a value only, such as kind:abc*"},
		{"star alone", "service:*", 9, "a * stands at the end"},
		{"too long", strings.Repeat("a", query.MaxLength+1), query.MaxLength + 1, "4096 bytes"},
		{"too many words", strings.Repeat("a ", query.MaxTerms) + "b", 2*query.MaxTerms + 1, "256 words"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := query.Parse(tt.in)
			var e *query.Error
			if !errors.As(err, &e) || !errors.Is(err, culprit.ErrQuery) {
				t.Fatalf("error is %v", err)
			}
			if e.Column != tt.column || !strings.Contains(e.Reason, tt.reason) {
				t.Fatalf("column %d, %q", e.Column, e.Reason)
			}
		})
	}
}

func TestParseDeep(t *testing.T) {
	for _, in := range []string{strings.Repeat("(", 2000) + "a" + strings.Repeat(")", 2000), strings.Repeat("(-", 120) + "a" + strings.Repeat(")", 120), strings.Repeat("-(a ", 250) + strings.Repeat(")", 250)} {
		q, err := query.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if n := depth(q.Root); n > 200 {
			t.Fatalf("depth %d", n)
		}
	}
}

func depth(n *query.Node) int {
	d := 0
	for _, kid := range n.Kids {
		d = max(d, depth(kid))
	}
	return d + 1
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a OR (b -c)", `service:"x y"* status:>5 "p`, "NOT NOT", "((a)", `{"a":"b\"c"}`, "größe* Ⅷ\xff\x00", "severity:<=err..5", "1.2.3.4 a.1.2.3.4.5*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := query.Parse(s)
		if err != nil {
			if !errors.Is(err, culprit.ErrQuery) {
				t.Fatal(err)
			}
			return
		}
		form := q.String()
		if len(form) > query.MaxLength {
			return
		}
		again, err := query.Parse(form)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", s, form, err)
		}
		if again.String() != form {
			t.Fatalf("%q becomes %q, then %q", s, form, again)
		}
	})
}
