package query_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"culprit"
	"culprit/internal/query"
)

func tokens(s string) []string {
	folded := query.Fold(nil, []byte(s))
	var list []string
	for _, t := range query.Tokens(nil, folded, 0, len(folded)) {
		text := string(folded[t.Start:t.End])
		switch t.Kind {
		case query.KindKey:
			text = "#" + text
		case query.KindChain:
			text = "+" + text
		}
		list = append(list, text)
	}
	return list
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"connect() failed (111: Connection refused)", "connect|failed|#111|connection|refused"},
		{"MODULE_NOT_FOUND", "module_not_found"},
		{"203.0.113.182", "#203|#0|#113|#182|+203.0.113.182"},
		{"1.2.3.4.5", "#1|#2|#3|#4|+1.2.3.4|#5|+2.3.4.5"},
		{"1.2.3.4000", "#1|#2|#3|#4000"},
		{"1.2.x.3.4", "#1|#2|x|#3|#4"},
		{"ÄÖ straße İx Ⅷ", "äö|straße|İx|ⅷ"},
		{"a\xffb\xc3", "a|b"},
		{"“quoted”…end", "quoted|end"},
		{"日本語 a", "日本語|a"},
		{strings.Repeat("x", 32), strings.Repeat("x", 32)},
		{strings.Repeat("x", 33), "#" + strings.Repeat("x", 33)},
		{"e4da3b7f-bbce-2345", "#e4da3b7f|bbce|#2345"},
	} {
		if got := strings.Join(tokens(tt.in), "|"); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.in, got, tt.want)
		}
	}
}

// TestTokensOfChunks compares with the plain way what is done in chunks of 64 bytes.
func TestTokensOfChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, alphabet := range []string{"a.", "1.", "ab_019 \"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", "1111aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ", "abcdefghi 0123é", "aaaaaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff"} {
		for range 2000 {
			text := make([]byte, r.IntN(300))
			for i := range text {
				text[i] = alphabet[r.IntN(len(alphabet))]
			}
			to := r.IntN(len(text) + 1)
			from := r.IntN(to + 1)
			if got, want := query.Tokens(nil, text, from, to), query.RuneTokens(nil, text[:to], from, 0); !slices.Equal(got, want) {
				t.Fatalf("%q[%d:%d]: %+v, want %+v", text, from, to, got, want)
			}
		}
	}
	var all []byte
	for c := range 128 {
		all = append(all, byte(c), ' ', byte(c), 'a', byte(c), '1', 'x', byte(c), '\n')
	}
	if got, want := query.Tokens(nil, all, 0, len(all)), query.RuneTokens(nil, all, 0, 0); !slices.Equal(got, want) {
		t.Errorf("all bytes: %+v, want %+v", got, want)
	}
}

// TestHash pins what filters on disk depend on.
func TestHash(t *testing.T) {
	for s, want := range map[string]uint64{
		"1": query.Hash([]byte("1")), "refused": query.Hash([]byte("refused ")[:7]), "0123456789abcdef": query.Hash([]byte("0123456789abcdefx")[:16]),
		"0123456789abcdef0": query.Hash([]byte("x0123456789abcdef0")[1:]), "0123456789abcdef0123456789abcdef0": query.Hash([]byte("0123456789abcdef0123456789abcdef0yy")[:33]),
	} {
		if got := query.Hash([]byte(s)); got != want {
			t.Errorf("%q: the hash depends on what stands around", s)
		}
	}
	for s, want := range map[string]uint64{"4711": 0x967216e5131e093a, "e4da3b7f": 0xd6f346da5c4213eb, "0123456789abcdef0123": 0xac7f2a2c784a92d3} {
		if got := query.Hash([]byte(s)); got != want {
			t.Errorf("%q: %#x, filters on disk have %#x", s, got, want)
		}
	}
	if got := query.HashField("host", []byte("web1")); got != 0xbae0a238453d8d11 {
		t.Errorf("field: %#x", got)
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"Connect() 1.2.3.4", "ÄÖ\xff\x00İ", strings.Repeat("A", 40), "1 2 3 4 5"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		folded := query.Fold(nil, b)
		if len(folded) != len(b) || utf8.Valid(b) != utf8.Valid(folded) {
			t.Fatalf("%q becomes %q", b, folded)
		}
		if again := query.Fold(nil, folded); string(again) != string(folded) {
			t.Fatalf("%q becomes %q, then %q", b, folded, again)
		}
		if got, want := query.Tokens(nil, folded, 0, len(folded)), query.RuneTokens(nil, folded, 0, 0); !slices.Equal(got, want) {
			t.Fatalf("%q: %+v, want %+v", folded, got, want)
		}
		last := int32(0)
		for _, k := range query.Tokens(nil, folded, 0, len(folded)) {
			if k.Kind == query.KindChain {
				continue
			}
			if k.Start < last || k.End <= k.Start || int(k.End) > len(folded) {
				t.Fatalf("%q: token %+v after %d", folded, k, last)
			}
			last = k.End
			// A token alone is the same token.
			one := slices.Clone(folded[k.Start:k.End])
			same := query.Tokens(nil, one, 0, len(one))
			if len(same) != 1 || same[0].Hash != k.Hash || same[0].Kind != k.Kind {
				t.Fatalf("%q alone is %+v, in %q it is %+v", one, same, folded, k)
			}
		}
	})
}

func TestSpans(t *testing.T) {
	const text = "Connect() failed (111: Connection refused) while connecting, connect again"
	for _, tt := range []struct{ query, want string }{
		{"connect", "Connect|connect"},
		{"connect*", "Connect|Connect|connect|connect"},
		{`"failed 111"`, "failed (111"},
		{"failed 111 NOT while", "failed|111"},
		{"failed OR (refused connection)", "failed|Connection|refused"},
		{`"connection refused" refused`, "Connection refused"},
		{"status:5 missing", ""},
		{"", ""},
	} {
		q, err := query.Parse(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range q.Spans(query.Fold(nil, []byte(text)), 10) {
			got = append(got, text[s.Start:s.End])
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("%s: %q, want %s", tt.query, got, tt.want)
		}
	}
	q, err := query.Parse("a")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(q.Spans([]byte(strings.Repeat("a ", 100)), 7)); n != 7 {
		t.Errorf("%d spans", n)
	}
}

// TestAccepts_Source: a source is known by the end of its path.
func TestAccepts_Source(t *testing.T) {
	const path = "/var/log/nginx/error.log"
	for q, want := range map[string]bool{
		"source:" + path: true, "source:error.log": true, "source:nginx/error.log": true, "source:err*": true, "source:/var/log/*": true, "source:nginx/*": true,
		"source:log": false, "source:/error.log": false, "source:rror.log": false, "source:/nginx*": false,
	} {
		parsed, err := query.Parse(q)
		if err != nil || parsed.Root.Op != query.OpField {
			t.Fatalf("%s: %+v, %v", q, parsed, err)
		}
		if got := parsed.Root.Accepts([]byte(path)); got != want {
			t.Errorf("%s: %v, want %v", q, got, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for _, tt := range []struct{ in, want string }{
		{"2026-11-22T10:31:02Z", "2026-11-22T10:31:02Z"},
		{"2026-11-22T10:31:02.25+02:00", "2026-11-22T08:31:02.25Z"},
		{"2026-11-22 10:31:02", "2026-11-22T09:31:02Z"},
		{"2026/11/22 10:31:02", "2026-11-22T09:31:02Z"},
		{"22/Nov/2026:10:31:02 +0100", "2026-11-22T09:31:02Z"},
		{"2026-11-22", "2026-11-21T23:00:00Z"},
		{"10:00", "2026-11-22T09:00:00Z"},
		{"11:00", "2026-11-21T10:00:00Z"},
		{"now", "2026-11-22T09:30:00Z"},
		{"today", "2026-11-21T23:00:00Z"},
		{"yesterday", "2026-11-20T23:00:00Z"},
		{"15m", "2026-11-22T09:15:00Z"},
		{"2h30m ago", "2026-11-22T07:00:00Z"},
		{"-7d", "2026-11-15T09:30:00Z"},
		{"1w", "2026-11-15T09:30:00Z"},
		{"@1700000000", "2023-11-14T22:13:20Z"},
	} {
		got, err := query.ParseTime(tt.in, now, berlin)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != tt.want {
			t.Errorf("%q: %v, %v, want %s", tt.in, got.UTC(), err, tt.want)
		}
	}
	for _, in := range []string{"", "x", "25:00", "2026-13-01", "5y", "99999999d", "@x", "--3h", "NaNd", "Infw"} {
		if got, err := query.ParseTime(in, now, nil); !errors.Is(err, culprit.ErrQuery) {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

func TestFields(t *testing.T) {
	for _, name := range query.Fields() {
		if query.ClassOf(name) == query.ClassNone || query.FieldName(name) != name || strings.ToLower(name) != name {
			t.Errorf("field %q", name)
		}
	}
	if query.ClassOf("nothing") != query.ClassNone || query.Counted("nothing") {
		t.Error("an unknown field is known")
	}
}
