// Package redact takes secrets and personal data out of text that leaves the
// machine: reports and exports. What it takes out it names, so that a reader
// sees that something stood there and of which class it was.
//
// Shapes of tokens of known services come from the rules of gitleaks, kept as
// they are in gitleaks.toml; what logs hold in fields (headers, parameters,
// URLs, addresses) comes from the table in rule.go. All patterns are RE2, so
// the time is linear in the length of the text.
package redact

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Class is a kind of secret; the text that replaces it is [redacted-CLASS].
type Class string

// The classes.
const (
	Password      Class = "password"      // a value under a name that says so, or after --password
	Token         Class = "token"         // an API key or token, by its shape or under a name that says so
	JWT           Class = "jwt"           // a JSON Web Token (RFC 7519)
	Authorization Class = "authorization" // the value of an Authorization header, a bearer token
	Cookie        Class = "cookie"        // the value of a Cookie or Set-Cookie header
	Credentials   Class = "credentials"   // user and password in a URL
	PEM           Class = "pem"           // a PEM block (RFC 7468), also one that was cut
	Email         Class = "email"         // an e-mail address
	Client        Class = "client"        // the address of a client; only if asked for
)

const placeholderStart = "[redacted-"

// Placeholder returns the text that stands for a secret of class c.
func Placeholder(c Class) string { return placeholderStart + string(c) + "]" }

// Counts says how many places were redacted, by class.
type Counts map[Class]int

// Total returns the number of all places.
func (c Counts) Total() int {
	n := 0
	for _, k := range c {
		n += k
	}
	return n
}

// Classes returns the classes that were found, in alphabetical order.
func (c Counts) Classes() []Class { return slices.Sorted(maps.Keys(c)) }

// A Redactor redacts texts and counts. Its zero value is ready to use; it is not
// for several goroutines at once.
type Redactor struct {
	Clients bool   // also hide the addresses of clients
	Counts  Counts // what was redacted so far
}

// maxRounds bounds how often the rules run over one text. A second round finds
// what a first replacement uncovered, such as two secrets that share a
// delimiter; the third finds nothing in any real line.
const maxRounds = 8

// Text returns s with its secrets replaced. Text that was redacted stays as it
// is when it is redacted again, and counts nothing.
func (r *Redactor) Text(s string) string {
	out := s
	for range maxRounds {
		next := r.round(out)
		if next == out {
			break
		}
		out = next
	}
	if out != s {
		r.count(s, out)
	}
	return out
}

func (r *Redactor) round(s string) string {
	lower := strings.ToLower(s)
	for i := range fieldRules {
		rule := &fieldRules[i]
		if rule.class == Client && !r.Clients {
			continue
		}
		if hasAny(lower, rule.keywords) {
			s = rule.apply(s)
		}
	}
	for _, rule := range shapeRules() {
		if hasAny(lower, rule.keywords) {
			s = rule.apply(s)
		}
	}
	return s
}

func hasAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return len(words) == 0
}

var placeholderPattern = regexp.MustCompile(`\[redacted-([a-z]+)\]`)

// count adds the placeholders that out has and in had not. Counting them in the
// text is right also where one secret lay inside another.
func (r *Redactor) count(in, out string) {
	found := Counts{}
	for _, m := range placeholderPattern.FindAllStringSubmatch(out, -1) {
		found[Class(m[1])]++
	}
	if strings.Contains(in, placeholderStart) {
		for _, m := range placeholderPattern.FindAllStringSubmatch(in, -1) {
			found[Class(m[1])]--
		}
	}
	for c, n := range found {
		if n > 0 {
			if r.Counts == nil {
				r.Counts = Counts{}
			}
			r.Counts[c] += n
		}
	}
}

// Text redacts one text and returns what was redacted in it.
func Text(s string) (string, Counts) {
	var r Redactor
	return r.Text(s), r.Counts
}
