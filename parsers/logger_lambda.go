package parsers

import (
	"bytes"
	"strings"

	"culprit"
)

const formatLambda = "lambda"

// lambdaFormat is what the Node runtime of AWS Lambda writes before a line:
//
//	2026-11-22T10:00:01.123Z	6bc4e3a1-1111-2222-3333-444455556666	ERROR	Invoke Error 	{"errorType":"TypeError","errorMessage":"x","stack":["TypeError: x","    at handler (/var/task/index.js:5:11)"]}
//
// Before the first request the id is "undefined". An error that nobody caught is
// behind the message, as JSON.
var lambdaFormat = &format{name: formatLambda, first: "12", peel: peelLambda}

func peelLambda(c *clock, line []byte, e *Envelope) bool {
	if len(line) < 32 || line[10] != 'T' {
		return false
	}
	i := bytes.IndexByte(line[:min(len(line), 32)], '\t')
	if i < 20 || line[i-1] != 'Z' {
		return false
	}
	rest := line[i+1:]
	id, rest, ok := bytes.Cut(rest, []byte("\t"))
	if !ok || len(id) != 36 && string(id) != "undefined" {
		return false
	}
	level, rest, ok := bytes.Cut(rest, []byte("\t"))
	sev := culprit.ParseSeverity(text(level))
	if !ok || sev == culprit.SeverityNone {
		return false
	}
	s := c.scan(line)
	if s.n != i {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(line[:i]), s.zoned
	e.Severity = sev
	e.Attrs.Add("logger", formatLambda)
	if len(id) == 36 {
		e.Attrs.Add("request_id", text(id))
	}
	e.Body = rest
	return true
}

// lambdaError puts the error that the runtime wrote as JSON together as Node
// prints it.
func lambdaError(s string) (before, trace string, ok bool) {
	before, object, ok := strings.Cut(s, "\t{\"errorType\":")
	if !ok {
		return "", "", false
	}
	// The reason of a rejected promise is an object of its own; its stack comes first.
	_, list, ok := strings.Cut(object, `"stack":[`)
	if !ok {
		return "", "", false
	}
	var b strings.Builder
	for b.Len() < len(s) && strings.HasPrefix(list, `"`) {
		line, _ := unquoteJS(list)
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
		end := 1
		for end < len(list) && list[end] != '"' {
			if list[end] == '\\' {
				end++
			}
			end++
		}
		if end+1 >= len(list) || list[end+1] != ',' {
			break
		}
		list = list[end+2:]
	}
	return strings.TrimSpace(before), b.String(), b.Len() > 0
}
