package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
	"culprit/internal/terminal"
)

// searchFlags are the flags of search.
type searchFlags struct {
	*flags
	limit                    int
	oldest                   bool
	count, histogram, follow bool
}

func newSearchCommand(f *flags) *cobra.Command {
	sf := &searchFlags{flags: f}
	cmd := &cobra.Command{
		Use:   "search QUERY...",
		Short: "Search stored records",
		Long: `Search finds records in the store: through the service if it runs, else in the
data folder itself.

  connection refused          both words, in any case
  "connect() failed"          one after the other
  conn*                       words that begin so
  service:shop-api kind:oom_kill severity:<=error status:>=500
  source:error.log            the end of a path will do
  a OR b, NOT a, -a, (a b)    capitals; AND may be left out

A pasted log line finds that line. The newest records are shown, the last one
last; --oldest shows the oldest.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, words []string) error {
			return searchRecords(cmd, sf, strings.Join(words, " "))
		},
	}
	p := cmd.Flags()
	p.IntVarP(&sf.limit, "limit", "n", store.DefaultLimit, "records to show")
	p.BoolVar(&sf.oldest, "oldest", false, "the oldest records, not the newest")
	p.BoolVar(&sf.count, "count", false, "only tell how many there are")
	p.BoolVar(&sf.histogram, "histogram", false, "tell how many there are over time")
	p.BoolVarP(&sf.follow, "follow", "f", false, "go on with the records that come (needs the service)")
	return cmd
}

// A foundRecord is a record as search prints it and as the service's API gives it.
type foundRecord struct {
	Source     string          `json:"source"`
	Seq        int64           `json:"seq"`
	LineFrom   int             `json:"line_from"`
	LineTo     int             `json:"line_to"`
	Time       *time.Time      `json:"time"`
	TimeText   string          `json:"time_text"`
	Severity   string          `json:"severity"`
	Kind       string          `json:"kind"`
	Service    string          `json:"service"`
	Upstream   string          `json:"upstream"`
	Host       string          `json:"host"`
	Process    string          `json:"process"`
	PID        int             `json:"pid"`
	Unit       string          `json:"unit"`
	Message    string          `json:"message"`
	Text       string          `json:"text"`
	Attributes json.RawMessage `json:"attributes"`
}

// A bar is a stretch of a histogram.
type bar struct {
	Time  time.Time `json:"time"`
	Count int64     `json:"count"`
}

// A selection is what is searched for.
type selection struct {
	query        *query.Query
	since, until time.Time
	oldest       bool
	limit        int
}

// A finder is where records are found: the store, or the service that has it
// open.
type finder interface {
	search(ctx context.Context, s *selection, yield func(*foundRecord) error) error
	count(ctx context.Context, s *selection) (int64, error)
	histogram(ctx context.Context, s *selection, n int) (bars []bar, step time.Duration, err error)
	follow(ctx context.Context, s *selection, yield func(*foundRecord) error) error
	Close() error
}

// searchBars is the number of lines of a histogram on a terminal.
const searchBars = 40

func searchRecords(cmd *cobra.Command, f *searchFlags, text string) (err error) {
	asJSON, err := f.json()
	if err != nil {
		return err
	}
	if f.count && f.histogram || f.follow && (f.count || f.histogram || f.oldest) {
		return errors.New("--count, --histogram and --follow tell different things: use one of them, and --oldest without --follow")
	}
	if f.limit < 1 || f.limit > store.MaxLimit {
		return fmt.Errorf("--limit takes 1 to %d", store.MaxLimit)
	}
	s := &selection{oldest: f.oldest, limit: f.limit}
	if s.query, err = query.Parse(text); err != nil {
		return err
	}
	now := time.Now()
	zone, err := f.zone()
	if err != nil {
		return err
	}
	if s.since, s.until, err = f.window(now, cmp.Or(zone, time.Local)); err != nil {
		return err
	}
	dir, err := f.folder()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	a, err := openFinder(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	p := &searchPrinter{out: bufio.NewWriter(cmd.OutOrStdout()), json: asJSON, query: s.query}
	defer func() { err = errors.Join(err, p.out.Flush()) }()
	if out, ok := cmd.OutOrStdout().(*os.File); ok {
		p.screen = terminal.Of(out, os.Getenv)
	}
	if p.zone, err = f.zone(); err != nil {
		return err
	}
	if p.zone == nil {
		p.zone = time.Local
	}
	switch {
	case f.count:
		n, err := a.count(ctx, s)
		if err != nil {
			return err
		}
		return p.total(n)
	case f.histogram:
		bars, step, err := a.histogram(ctx, s, searchBars)
		if err != nil {
			return err
		}
		return p.bars(bars, step)
	}
	if err := p.found(ctx, a, s); err != nil || !f.follow {
		return err
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	err = a.follow(ctx, s, func(r *foundRecord) error {
		if err := p.record(r); err != nil {
			return err
		}
		return p.out.Flush()
	})
	if ctx.Err() != nil {
		return nil // the way to end it
	}
	return err
}

// openFinder returns the service that has the data folder open, else the store.
func openFinder(ctx context.Context, dir string) (finder, error) {
	socket := filepath.Join(dir, "culprit.sock")
	if a := dialService(ctx, socket); a != nil {
		return a, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "culprit.db")); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no store in %s: import logs first, or start the service: %w", dir, culprit.ErrNotFound)
	}
	st, err := openStore(ctx, dir, store.Options{})
	if err != nil {
		return nil, err
	}
	return &storeFinder{st}, nil
}

// A storeFinder is the store itself.
type storeFinder struct{ st *store.Store }

func (a *storeFinder) Close() error { return a.st.Close() }

func (a *storeFinder) search(ctx context.Context, s *selection, yield func(*foundRecord) error) error {
	o := store.SearchOptions{Limit: s.limit, Since: s.since, Until: s.until}
	if s.oldest {
		o.Order = store.Oldest
	}
	_, err := a.st.Search(ctx, s.query, o, func(h *store.Hit) error {
		r, err := newFoundRecord(h)
		if err != nil {
			return err
		}
		return yield(r)
	})
	return err
}

func newFoundRecord(h *store.Hit) (*foundRecord, error) {
	r := h.Record
	attrs, err := json.Marshal(r.Attrs)
	if err != nil {
		return nil, fmt.Errorf("write attributes: %w", err)
	}
	f := &foundRecord{
		Source: h.Source, Seq: h.Seq, LineFrom: r.LineFrom, LineTo: r.LineTo, TimeText: r.TimeText, Severity: r.Severity.String(), Kind: string(r.Kind),
		Service: h.Service, Upstream: h.Upstream, Host: r.Host, Process: r.Process, PID: r.PID, Unit: r.Unit, Message: r.Message, Text: string(r.Text), Attributes: attrs,
	}
	if !r.Time.IsZero() {
		f.Time = &r.Time
	}
	return f, nil
}

func (a *storeFinder) count(ctx context.Context, s *selection) (int64, error) {
	return a.st.Count(ctx, s.query, s.since, s.until)
}

func (a *storeFinder) histogram(ctx context.Context, s *selection, n int) ([]bar, time.Duration, error) {
	since, until := s.since, s.until
	first, last, err := a.st.Bounds(ctx)
	if err != nil || first.IsZero() {
		return nil, 0, err
	}
	if since.IsZero() {
		since = first
	}
	if until.IsZero() {
		until = last.Add(1)
	}
	if !since.Before(until) {
		return nil, 0, nil
	}
	buckets, err := a.st.Histogram(ctx, s.query, since, until, n)
	if err != nil {
		return nil, 0, err
	}
	bars := make([]bar, len(buckets))
	for i, b := range buckets {
		bars[i] = bar{b.Start, b.Count}
	}
	return bars, until.Sub(since) / time.Duration(n), nil
}

func (a *storeFinder) follow(context.Context, *selection, func(*foundRecord) error) error {
	return fmt.Errorf("nothing is stored while the service does not run, so there is nothing to follow: start culprit serve: %w", culprit.ErrUnavailable)
}

// A searchPrinter prints what was found.
type searchPrinter struct {
	out    *bufio.Writer
	json   bool
	screen terminal.Screen
	zone   *time.Location
	query  *query.Query
}

// found prints the records of a search; on paper the newest stands last.
func (p *searchPrinter) found(ctx context.Context, a finder, s *selection) error {
	if p.json || s.oldest {
		return a.search(ctx, s, p.record)
	}
	var list []*foundRecord
	if err := a.search(ctx, s, func(r *foundRecord) error {
		list = append(list, r)
		return nil
	}); err != nil {
		return err
	}
	for _, r := range slices.Backward(list) {
		if err := p.record(r); err != nil {
			return err
		}
	}
	return nil
}

// record prints one record: where it stands, then its lines.
func (p *searchPrinter) record(r *foundRecord) error {
	if p.json {
		b, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write record: %w", err)
		}
		_, err = p.out.Write(append(b, '\n'))
		return err
	}
	place := fmt.Sprintf("%s:%d", terminal.EscapeLine(r.Source), r.LineFrom)
	if r.LineFrom == 0 { // not counted
		place = terminal.EscapeLine(r.Source)
	}
	if _, err := io.WriteString(p.out, terminal.Dim.Paint(place+": ", p.screen.Color)); err != nil {
		return err
	}
	text, more := firstLines(r.Text, shownLines)
	at := 0
	write := func(s string) string { return strings.ReplaceAll(terminal.Escape(s), "\n", "\n    ") }
	if p.screen.Color {
		for _, span := range p.query.Spans(query.Fold(nil, []byte(text)), 64) {
			fmt.Fprint(p.out, write(text[at:span.Start]), terminal.BoldYellow.Paint(write(text[span.Start:span.End]), true))
			at = span.End
		}
	}
	if _, err := fmt.Fprintln(p.out, write(text[at:])); err != nil || more == 0 {
		return err
	}
	_, err := fmt.Fprintf(p.out, "    … %s; --format json shows all\n", plural(int64(more), "more line"))
	return err
}

// shownLines is the number of lines that are shown of a record.
const shownLines = 12

// firstLines returns the first lines of a text and the number of the others.
func firstLines(text string, n int) (first string, more int) {
	at := 0
	for range n {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return text, 0
		}
		at += i + 1
	}
	return text[:at-1], 1 + strings.Count(text[at:], "\n")
}

func (p *searchPrinter) total(n int64) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(map[string]int64{"count": n})
	}
	_, err := fmt.Fprintln(p.out, n)
	return err
}

// bars prints a histogram, bars as long as there is room for.
func (p *searchPrinter) bars(bars []bar, step time.Duration) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(map[string]any{"step_seconds": step.Seconds(), "bins": orNone(bars)})
	}
	var most int64 = 1
	digits := 1
	for _, b := range bars {
		most = max(most, b.Count)
		digits = max(digits, len(fmt.Sprint(b.Count)))
	}
	layout := "2006-01-02 15:04:05"
	room := int64(max(10, cmp.Or(p.screen.Width, 80)-len(layout)-digits-4))
	for _, b := range bars {
		if _, err := fmt.Fprintf(p.out, "%s  %*d %s\n", b.Time.In(p.zone).Format(layout), digits, b.Count, strings.Repeat("#", int((b.Count*room+most-1)/most))); err != nil {
			return err
		}
	}
	return nil
}

func orNone(bars []bar) []bar {
	if bars == nil {
		return []bar{}
	}
	return bars
}
