package redact

import (
	"regexp"
	"strings"
)

// A rule finds secrets of one class. Of a match, the first group that took part
// is the secret; without groups it is the whole match.
type rule struct {
	class    Class
	keywords []string // lower case; the text must hold one of them; none: always tried
	pattern  *regexp.Regexp
	group    int // of the secret; 0: the first that took part
	keep     func(match string, name, secret string) bool
}

// apply replaces the secrets of r in s.
func (r *rule) apply(s string) string {
	matches := r.pattern.FindAllStringSubmatchIndex(s, -1)
	if matches == nil {
		return s
	}
	var b strings.Builder
	at := 0
	for _, m := range matches {
		from, to := r.secret(m)
		if from == to || strings.HasPrefix(s[from:], placeholderStart) {
			continue
		}
		if r.keep != nil {
			name := ""
			if i := r.pattern.SubexpIndex("name"); i > 0 && m[2*i] >= 0 {
				name = s[m[2*i]:m[2*i+1]]
			}
			if r.keep(s[m[0]:m[1]], name, s[from:to]) {
				continue
			}
		}
		b.WriteString(s[at:from])
		b.WriteString(Placeholder(r.class))
		at = to
	}
	if at == 0 {
		return s
	}
	b.WriteString(s[at:])
	return b.String()
}

// secret returns the bounds of the secret in a match.
func (r *rule) secret(m []int) (from, to int) {
	if r.group > 0 {
		return max(m[2*r.group], 0), max(m[2*r.group+1], 0)
	}
	name := r.pattern.SubexpIndex("name")
	for g := 1; g < len(m)/2; g++ {
		if g != name && m[2*g] >= 0 && m[2*g+1] > m[2*g] {
			return m[2*g], m[2*g+1]
		}
	}
	return m[0], m[1]
}

// Parts of patterns. A value in quotes may hold escaped quotes, one in JSON
// inside JSON stands in \"; an unterminated one ends with the line.
const (
	value = `(?:\\"([^"\\\r\n]+)|"((?:[^"\\\r\n]|\\.)+)|'((?:[^'\\\r\n]|\\.)+)|([^\s"'&,;<>\\)}\]]+))`
	is    = `(?:\\?["'])?\s*(?:=>|[:=])\s*`

	passwordNames = `[\w.-]*(?:passw(?:or)?d|passphrase|passcode|[_.-]pass|pwd|secret)`
	tokenNames    = `[\w.-]*(?:token|api[_-]?key|access[_-]?key(?:[_-]?id)?|(?:secret|private|signing|encryption|auth|account)[_-]?key|session[_-]?(?:id|key)|connect\.sid|phpsessid|jsessionid|[cx]srf|signature|credential)`
)

// fieldRules find secrets by the field in which they stand. The order matters:
// what may hold other secrets comes first.
var fieldRules = []rule{
	{class: PEM, keywords: []string{"-----begin"},
		pattern: regexp.MustCompile(`-----BEGIN [A-Z0-9 ]{1,64}-----(?s:.*?)(?:-----END [A-Z0-9 ]{1,64}-----|\z)`)},

	{class: Cookie, keywords: []string{"cookie"},
		pattern: regexp.MustCompile(`(?i)\b(?:set-)?cookies?["']?\s*[:=]\s*(\[\s*["'][^\]\r\n]*\]?)`)},
	{class: Cookie, keywords: []string{"cookie"},
		pattern: regexp.MustCompile(`(?i)\b(?:set-)?cookies?` + is + `(?:\\?["'])?([^"'\\\r\n]+)`)},

	{class: Authorization, keywords: []string{"authorization"},
		pattern: regexp.MustCompile(`(?i)\b(?:proxy-)?authorization` + is + `(?:\\?["'])?` +
			`((?:digest|aws4-hmac-sha256|hawk|hmac|oauth|signature)\s[^\r\n]*|(?:[a-z][\w-]*\s+)?[^\s"',;\\}\]]+)`)},
	{class: Authorization, keywords: []string{"bearer"},
		pattern: regexp.MustCompile(`(?i)\bbearer\s+([a-z0-9._~+/=-]{8,})`), keep: noDigit},

	{class: Credentials, keywords: []string{"://"},
		pattern: regexp.MustCompile(`://([^\s/?#"'<>\x60\\]+)@`)},

	{class: JWT, keywords: []string{"eyj"},
		pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{4,})(?:\.[A-Za-z0-9_-]*){0,3}`)},

	{class: Password, keywords: []string{"pass", "pwd", "secret"},
		pattern: regexp.MustCompile(`(?i)(?:^|[^/\w.-])(?P<name>` + passwordNames + `)` + is + value), keep: noSecret},
	{class: Token, keywords: []string{"token", "key", "session", "sid", "sess", "csrf", "xsrf", "signature", "credential"},
		pattern: regexp.MustCompile(`(?i)(?:^|[^/\w.-])(?P<name>` + tokenNames + `)` + is + value), keep: noToken},
	{class: Token, keywords: []string{"key=", "auth=", "sig=", "code=", "sid=", "session=", "otp=", "%3d"},
		pattern: regexp.MustCompile(`(?i)[?&;](?:[\w.-]*[_.-])?(?:key|auth|sig|code|sid|session|otp)=([^&\s"'#;]+)`)},
	{class: Token, keywords: []string{"key="},
		pattern: regexp.MustCompile(`(?i)\bkey=` + value), keep: noSecret},

	{class: Password, keywords: []string{"--"},
		pattern: regexp.MustCompile(`(?i)--[\w-]*(?:password|passwd|passphrase|secret|token|api-?key)\s+("[^"\r\n]+|'[^'\r\n]+|[^\s"'-][^\s]*)`)},
	{class: Password, keywords: []string{"mysql", "mariadb", "sshpass"},
		pattern: regexp.MustCompile(`(?i)\b(?:(?:mysql|mariadb)[\w-]*\b[^\r\n]*?\s-p|sshpass\s+-p\s*)([^\s]+)`)},
	{class: Password, keywords: []string{"identified", "password"},
		pattern: regexp.MustCompile(`(?i)\b(?:identified\s+by|password)\s+(?:as\s+)?'([^'\r\n]+)`)},

	{class: Email, keywords: []string{"@", "%40"},
		pattern: regexp.MustCompile(`(?i)[\p{L}\p{N}_.+-]+(?:@|%40)(?:[\p{L}\p{N}-]+\.)+\p{L}{2,24}`), keep: noEmail},

	{class: Client, keywords: []string{"client: "},
		pattern: regexp.MustCompile(`\bclient: ([0-9a-fA-F.:]+)`)},
	{class: Client,
		pattern: regexp.MustCompile(`(?m)^([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+) \S+ \S+ \[\d`)},
	{class: Client, keywords: []string{"forwarded", "real", "remote", "client"},
		pattern: regexp.MustCompile(`(?i)(?:x-forwarded-for|x-real-ip|cf-connecting-ip|remote[_-]?(?:addr|ip|address)|client[_-]?ip)` + is +
			`(?:\\?["'])?((?:::ffff:)?[0-9a-f]*[.:][0-9a-f.:]+(?:,\s*[0-9a-f.:]+)*)`)},
}

// noDigit keeps "bearer authentication" and the like.
func noDigit(_, _, secret string) bool { return !strings.ContainsAny(secret, "0123456789") }

// noSecret keeps what says that there is none, or only where it would come from,
// and the working directory in sudo's lines.
func noSecret(_, name, secret string) bool {
	switch strings.ToLower(strings.Trim(secret, ".")) {
	case "null", "undefined", "none", "nil", "true", "false", "missing", "required", "empty", "invalid", "expired", "yes", "no":
		return true
	}
	switch strings.ToLower(name) {
	case "pwd", "oldpwd":
		return true
	}
	return strings.HasPrefix(secret, "$") || strings.Trim(secret, "*x.") == ""
}

// noToken keeps the words of a sentence after "token:", where a secret would be
// long or hold a digit.
func noToken(match, name, secret string) bool {
	if noSecret(match, name, secret) {
		return true
	}
	rest := strings.TrimPrefix(match[strings.Index(match, name)+len(name):], `"`)
	if !strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, `: "`) || strings.HasPrefix(rest, `: '`) {
		return false
	}
	return len(secret) < 20 && (len(secret) < 8 || noDigit(match, name, secret))
}

// notTLD are endings that make something with an @ in it look like an address:
// instances of systemd units, files, packages.
var notTLD = map[string]bool{
	"service": true, "socket": true, "timer": true, "mount": true, "slice": true, "scope": true, "target": true, "device": true,
	"path": true, "swap": true, "automount": true, "journal": true, "log": true,
	"js": true, "cjs": true, "mjs": true, "ts": true, "json": true, "css": true, "map": true, "node": true, "tgz": true,
	"png": true, "jpg": true, "jpeg": true, "gif": true, "svg": true, "webp": true, "woff": true,
}

func noEmail(_, _, secret string) bool {
	if notTLD[strings.ToLower(secret[strings.LastIndexByte(secret, '.')+1:])] {
		return true
	}
	local, _, _ := strings.Cut(secret, "@")
	return local == "git"
}
