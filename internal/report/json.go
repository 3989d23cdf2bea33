package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"culprit"
	"culprit/internal/redact"
	"culprit/internal/terminal"
)

// A Postmortem is a report on one incident for other programs.
type Postmortem struct {
	Version   int                  `json:"version"` // 1
	Made      time.Time            `json:"made"`
	Host      string               `json:"host"`
	Summary   string               `json:"summary"`
	Redacted  map[redact.Class]int `json:"redacted"` // places by class; null if redaction was off
	Incident  *culprit.Incident    `json:"incident"`
	Sources   []culprit.SourceInfo `json:"sources"`
	Gaps      []culprit.Gap        `json:"gaps"`
	Questions []Question           `json:"questions"` // for people: answers are empty
}

// A Question is one that no log can answer.
type Question struct {
	Topic    string `json:"topic"`
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// JSON writes the postmortem of an incident of rep as one JSON object, redacted
// as the options say.
func JSON(w io.Writer, rep *culprit.Report, inc *culprit.Incident, o Options) error {
	r := o.redactor()
	rep, inc = redacted(rep, inc, r)
	v := newView(rep, inc, newClock(o.Zone, o.Now))
	p := Postmortem{Version: 1, Made: o.Now, Host: o.Host, Summary: lead(v), Incident: inc, Sources: rep.Sources, Gaps: v.gaps}
	if r != nil {
		p.Redacted = map[redact.Class]int(r.Counts)
		if p.Redacted == nil {
			p.Redacted = map[redact.Class]int{}
		}
	}
	if p.Sources == nil {
		p.Sources = []culprit.SourceInfo{}
	}
	if p.Gaps == nil {
		p.Gaps = []culprit.Gap{}
	}
	for _, q := range questions {
		p.Questions = append(p.Questions, Question{Topic: q.Name, Question: q.Text})
	}
	return WriteJSON(w, p)
}

// WriteJSON writes v as indented JSON that can be printed on a terminal: control
// and format characters that encoding/json leaves as they are stand as \u
// escapes, which any reader turns back into the same text.
func WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // lines of logs stay as people search for them
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	if _, err := w.Write(printable(b.Bytes())); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// printable escapes what a terminal would obey in encoded JSON. Such characters
// stand only inside strings there.
func printable(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/16)
	for len(b) > 0 {
		i := bytes.IndexFunc(b, func(r rune) bool { return r >= 0x7f && terminal.Hidden(r) })
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		r, n := utf8.DecodeRune(b[i:])
		if r > 0xffff { // as a pair of surrogates
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		b = b[i+n:]
	}
	return out
}
