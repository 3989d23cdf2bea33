package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"culprit"
	"culprit/internal/query"
)

const (
	listText      = 4 << 10 // bytes of a record's text in a list; a single record is whole
	maxSpan       = 10 * time.Minute
	aroundUntimed = 20 // neighbours of a record of which no time is known
)

// A Record is a stored record as the API shows it.
type Record struct {
	Source     string     `json:"source"`
	Seq        int64      `json:"seq" doc:"Its number in the store; source and seq are its permalink"`
	LineFrom   int        `json:"line_from"`
	LineTo     int        `json:"line_to"`
	Time       *time.Time `json:"time" doc:"When it happened, null if the log does not say"`
	TimeText   string     `json:"time_text" doc:"The time as it stands in the log"`
	NotBefore  *time.Time `json:"not_before" doc:"Bound of an unknown time, from its neighbours"`
	NotAfter   *time.Time `json:"not_after"`
	Observed   *time.Time `json:"observed" doc:"When it was read"`
	Severity   string     `json:"severity" enum:",emerg,alert,crit,error,warning,notice,info,debug"`
	Kind       string     `json:"kind" doc:"What it means, empty if that is not known"`
	Service    string     `json:"service"`
	Upstream   string     `json:"upstream"`
	Host       string     `json:"host"`
	Process    string     `json:"process"`
	PID        int        `json:"pid"`
	Unit       string     `json:"unit"`
	Message    string     `json:"message" doc:"What it says, without its envelope"`
	Text       string     `json:"text" doc:"Its lines as written; bytes that are not UTF-8 are replaced, GET raw has them"`
	Bytes      int        `json:"bytes" doc:"Length of the whole text; more than text where a list cuts it"`
	Marks      []string   `json:"marks" doc:"Remarks about how it was read: truncated, unterminated, invalid_utf8, nul, suppressed"`
	Attributes attributes `json:"attributes"`
}

// attributes are an object in the schema too.
type attributes culprit.Attrs

// MarshalJSON writes the attributes as one object, in order.
func (a attributes) MarshalJSON() ([]byte, error) { return culprit.Attrs(a).MarshalJSON() }

// UnmarshalJSON reads what MarshalJSON wrote, for clients in Go.
func (a *attributes) UnmarshalJSON(b []byte) error {
	*a = nil
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("attributes are not an object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var v culprit.Value
		if err := d.Decode(&v); err != nil {
			return err
		}
		*a = append(*a, culprit.Attr{Key: key.(string), Value: v})
	}
	return nil
}

// Schema describes the object.
func (a attributes) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "Named properties, as docs/formats.md lists them"}
}

var markNames = []struct {
	mark culprit.Mark
	name string
}{
	{culprit.MarkTruncated, "truncated"}, {culprit.MarkUnterminated, "unterminated"}, {culprit.MarkInvalidUTF8, "invalid_utf8"},
	{culprit.MarkNUL, "nul"}, {culprit.MarkSuppressed, "suppressed"},
}

// show makes the API's form of a hit; text and message are cut after limit
// bytes, at a rune.
func show(h *Hit, limit int) Record {
	r := h.Record
	v := Record{
		Source: r.Source, Seq: h.Seq, LineFrom: r.LineFrom, LineTo: r.LineTo,
		Time: known(r.Time), TimeText: r.TimeText, NotBefore: known(r.NotBefore), NotAfter: known(r.NotAfter), Observed: known(r.ObservedTime),
		Severity: r.Severity.String(), Kind: string(r.Kind), Service: h.Service, Upstream: h.Upstream,
		Host: r.Host, Process: r.Process, PID: r.PID, Unit: r.Unit,
		Message: cut(r.Message, limit), Text: cut(string(r.Text[:min(len(r.Text), limit+utf8.UTFMax)]), limit), Bytes: len(r.Text),
		Marks: []string{}, Attributes: attributes(r.Attrs),
	}
	for _, m := range markNames {
		if r.Mark&m.mark != 0 {
			v.Marks = append(v.Marks, m.name)
		}
	}
	return v
}

func shown(hits []Hit, limit int) []Record {
	l := make([]Record, len(hits))
	for i := range hits {
		l[i] = show(&hits[i], limit)
	}
	return l
}

// known returns nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// cut shortens s to at most n bytes without splitting a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// RecordPath is the permalink of a record.
type RecordPath struct {
	Source string `path:"source" maxLength:"4096" doc:"The source, escaped as one path segment"`
	Seq    int64  `path:"seq" minimum:"0"`
}

type recordOut struct{ Body Record }

type aroundIn struct {
	RecordPath
	Span  string `query:"span" default:"5s" maxLength:"8" doc:"How far to look before and after, up to 10m"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

type aroundOut struct {
	Body struct {
		Records []Record `json:"records" doc:"Of all sources, in order of time, the given one among them; of its own source, in order, if no time is known of it"`
	}
}

// registerRecords registers the routes of single records.
func (s *Server) registerRecords() {
	huma.Register(s.api, huma.Operation{
		OperationID: "get-record", Method: http.MethodGet, Path: "/api/records/{source}/{seq}", Tags: []string{"records"},
		Summary: "One record, whole",
	}, func(ctx context.Context, in *RecordPath) (*recordOut, error) {
		h, err := s.cfg.Reader.Record(ctx, in.Source, in.Seq)
		if err != nil {
			return nil, s.problem(err)
		}
		return &recordOut{Body: show(h, len(h.Record.Text)+len(h.Record.Message))}, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "get-raw-record", Method: http.MethodGet, Path: "/api/records/{source}/{seq}/raw", Tags: []string{"records"},
		Summary: "The bytes of a record, unchanged",
		Responses: map[string]*huma.Response{"200": {Description: "Its bytes",
			Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}},
	}, func(ctx context.Context, in *RecordPath) (*huma.StreamResponse, error) {
		h, err := s.cfg.Reader.Record(ctx, in.Source, in.Seq)
		if err != nil {
			return nil, s.problem(err)
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			// Never text/html or text/plain: a browser shall save it, not show it.
			c.SetHeader("Content-Type", "application/octet-stream")
			c.SetHeader("Content-Disposition", `attachment; filename="record.log"`)
			_, _ = c.BodyWriter().Write(h.Record.Text)
		}}, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "get-surroundings", Method: http.MethodGet, Path: "/api/records/{source}/{seq}/surroundings", Tags: []string{"records"},
		Summary: "What stood around a record in all sources",
	}, func(ctx context.Context, in *aroundIn) (*aroundOut, error) {
		span, err := time.ParseDuration(strings.TrimSpace(in.Span))
		if err != nil || span <= 0 || span > maxSpan {
			return nil, huma.Error400BadRequest("span is a length of time such as 5s, up to 10m.")
		}
		return bounded(ctx, s, func(ctx context.Context) (*aroundOut, error) {
			hits, err := s.around(ctx, in.Source, in.Seq, span, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &aroundOut{}
			out.Body.Records = shown(hits, listText)
			return out, nil
		})
	})
}

// around returns records of all sources within span before and after the given
// one, in order of time, at most limit, the nearest ones.
func (s *Server) around(ctx context.Context, source string, seq int64, span time.Duration, limit int) ([]Hit, error) {
	h, err := s.cfg.Reader.Record(ctx, source, seq)
	if err != nil {
		return nil, err
	}
	r := h.Record
	t := about(r)
	if t.IsZero() {
		return s.neighbours(ctx, h, min(limit, aroundUntimed))
	}
	// Both halves are asked for from the middle, so that a storm cuts off what is
	// far away. The record's own instant belongs to the second one.
	before, err := s.cfg.Searcher.Search(ctx, Search{Query: Query{Query: query.All(), Since: t.Add(-span), Until: t}, Limit: limit / 2})
	if err != nil {
		return nil, err
	}
	after, err := s.cfg.Searcher.Search(ctx, Search{Query: Query{Query: query.All(), Since: t, Until: t.Add(span)}, OldestFirst: true, Limit: limit - len(before.Hits)})
	if err != nil {
		return nil, err
	}
	slices.Reverse(before.Hits)
	l := slices.Concat(before.Hits, after.Hits)
	is := func(x Hit) bool { return x.Seq == seq && x.Record.Source == source }
	if !slices.ContainsFunc(l, is) { // more of one instant than the limit
		l = slices.Insert(l, len(before.Hits), *h)
	}
	return l, nil
}

// about is the time of a record, or the nearest bound of it; zero if neither is known.
func about(r *culprit.Record) time.Time {
	for _, t := range []time.Time{r.Time, r.NotBefore, r.NotAfter} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// neighbours returns the records that stand before and after one in its own
// source, at most limit: of a log without times the order is all that is known.
func (s *Server) neighbours(ctx context.Context, h *Hit, limit int) ([]Hit, error) {
	l := []Hit{*h}
	for _, step := range []int64{-1, 1} {
		for k := int64(1); k <= int64(limit)/2; k++ {
			seq := h.Seq + step*k
			if seq < 0 {
				break
			}
			n, err := s.cfg.Reader.Record(ctx, h.Record.Source, seq)
			if errors.Is(err, culprit.ErrNotFound) {
				break
			}
			if err != nil {
				return nil, err
			}
			l = append(l, *n)
		}
	}
	slices.SortFunc(l, func(a, b Hit) int { return cmp.Compare(a.Seq, b.Seq) })
	return l, nil
}
