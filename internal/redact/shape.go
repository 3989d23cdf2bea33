package redact

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// The rules of gitleaks 8.30.1 (MIT, see gitleaks.LICENSE). They are embedded
// as a file because the module brings viper and some twenty modules behind it
// and compiles all 222 patterns at once (29 ms, 12 MB of heap): here a pattern is
// compiled when a text holds one of its keywords.
//
//go:generate sh -c "cp $(go mod download -json github.com/zricethezav/gitleaks/v8@v8.30.1 | sed -n 's/.*\"Dir\": \"\\(.*\\)\",/\\1/p')/config/gitleaks.toml ."
//go:embed gitleaks.toml
var gitleaks string

// unfit are rules that do not suit logs: the generic one takes every word behind
// "key" for a secret (rule.go has the fields that matter), and private keys and
// JSON Web Tokens have rules of their own, which also find them cut.
var unfit = map[string]bool{"generic-api-key": true, "private-key": true, "jwt": true, "jwt-base64": true}

// A shape is a rule for the tokens of one service.
type shape struct {
	keywords []string
	compiled func() *rule
}

func (s *shape) apply(text string) string { return s.compiled().apply(text) }

// shapeRules returns the rules of gitleaks that fit, read once.
var shapeRules = sync.OnceValue(func() []shape {
	shapes, err := readShapes(gitleaks)
	if err != nil {
		panic("redact: " + err.Error()) // the file is part of the program and tested
	}
	return shapes
})

func readShapes(text string) ([]shape, error) {
	var file struct {
		Rules []struct {
			ID          string   `toml:"id"`
			Regex       string   `toml:"regex"`
			Path        string   `toml:"path"`
			Keywords    []string `toml:"keywords"`
			Entropy     float64  `toml:"entropy"`
			SecretGroup int      `toml:"secretGroup"`
		} `toml:"rules"`
	}
	if err := toml.Unmarshal([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	var shapes []shape
	for _, r := range file.Rules {
		// A rule with a path is for files of that name; one without keywords
		// would run over every text.
		if r.Regex == "" || r.Path != "" || len(r.Keywords) == 0 || unfit[r.ID] {
			continue
		}
		sh := shape{compiled: sync.OnceValue(func() *rule {
			return &rule{class: Token, pattern: regexp.MustCompile(r.Regex), group: r.SecretGroup,
				keep: func(_, _, secret string) bool { return r.Entropy > 0 && entropy(secret) <= r.Entropy }}
		})}
		for _, k := range r.Keywords {
			sh.keywords = append(sh.keywords, strings.ToLower(k))
		}
		shapes = append(shapes, sh)
	}
	return shapes, nil
}

// entropy is Shannon's, in bits per byte.
func entropy(s string) float64 {
	var n [256]int
	for i := range len(s) {
		n[s[i]]++
	}
	e := 0.0
	for _, k := range n {
		if k > 0 {
			p := float64(k) / float64(len(s))
			e -= p * math.Log2(p)
		}
	}
	return e
}
