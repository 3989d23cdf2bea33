package webtest

import (
	"fmt"
	"strconv"
	"strings"

	"culprit"
	"culprit/web"
)

// Compile is a [web.CompileFunc] for as much of the query language as the tests
// and the pages need: words, "phrases", field:value, field:>=n, and - before
// each.
func Compile(text string) (web.Match, error) {
	type term struct {
		not          bool
		field, value string
	}
	var terms []term
	for rest, col := strings.TrimSpace(text), 1; rest != ""; {
		var t term
		if strings.HasPrefix(rest, "-") {
			t.not, rest = true, rest[1:]
			col++
		}
		if i := strings.IndexAny(rest, ": \""); i > 0 && rest[i] == ':' {
			t.field, rest = rest[:i], rest[i+1:]
			col += i + 1
		}
		end := strings.IndexByte(rest, ' ')
		if strings.HasPrefix(rest, `"`) {
			close := strings.IndexByte(rest[1:], '"')
			if close < 0 {
				return nil, fmt.Errorf("%w: the quote at column %d does not end", culprit.ErrQuery, col)
			}
			t.value, end = rest[1:close+1], close+2
		} else if end < 0 {
			t.value, end = rest, len(rest)
		} else {
			t.value = rest[:end]
		}
		col += end
		trimmed := strings.TrimLeft(rest[min(end, len(rest)):], " ")
		rest = trimmed
		terms = append(terms, t)
	}
	return func(h *web.Hit) bool {
		for _, t := range terms {
			ok := false
			switch {
			case t.field == "":
				ok = strings.Contains(strings.ToLower(string(h.Record.Text)), strings.ToLower(t.value))
			case strings.HasPrefix(t.value, ">="):
				n, _ := strconv.Atoi(t.value[2:])
				v, err := strconv.Atoi(fieldOf(h, t.field))
				ok = err == nil && v >= n
			default:
				ok = strings.EqualFold(fieldOf(h, t.field), t.value)
			}
			if ok == t.not {
				return false
			}
		}
		return true
	}, nil
}

func fieldOf(h *web.Hit, field string) string {
	r := h.Record
	switch field {
	case "severity":
		return r.Severity.String()
	case "kind":
		return string(r.Kind)
	case "service":
		return h.Service
	case "upstream":
		return h.Upstream
	case "source":
		return r.Source
	case "host":
		return r.Host
	case "process":
		return r.Process
	case "unit":
		return r.Unit
	case "pid":
		if r.PID == 0 {
			return ""
		}
		return strconv.Itoa(r.PID)
	}
	return r.Attrs.Get(field)
}
