package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"culprit"
)

// A serviceFinder asks the running service over its unix socket.
type serviceFinder struct {
	client *http.Client
}

// dialService returns the service behind a socket, nil if nobody listens there.
func dialService(ctx context.Context, socket string) *serviceFinder {
	var d net.Dialer
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := d.DialContext(short, "unix", socket)
	if err != nil {
		return nil
	}
	_ = conn.Close()
	return &serviceFinder{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) },
	}}}
}

func (a *serviceFinder) Close() error {
	a.client.CloseIdleConnections()
	return nil
}

// answerTime bounds one answer of the service.
const answerTime = 30 * time.Second

// get reads one answer as JSON.
func (a *serviceFinder) get(ctx context.Context, path string, v url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := a.open(ctx, path, v)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, 256<<20)).Decode(into); err != nil {
		return fmt.Errorf("read the service's answer: %w", err)
	}
	return nil
}

// open asks the service; what it says against it is the error.
func (a *serviceFinder) open(ctx context.Context, path string, v url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path+"?"+v.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask the service: %w", err)
	}
	res, err := a.client.Do(req)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err // which does not say the whole query again
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("the service did not answer in %s: look whether it runs: %w", answerTime, culprit.ErrUnavailable)
		}
		return nil, fmt.Errorf("ask the service: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	var problem struct{ Title, Detail string }
	_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&problem)
	what := problem.Detail
	if what == "" {
		what = res.Status
	}
	is := culprit.ErrUnavailable
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		is = culprit.ErrQuery
	case http.StatusNotFound:
		is = culprit.ErrNotFound
	}
	return nil, fmt.Errorf("the service says: %s: %w", what, is)
}

// values are the parameters of a selection.
func (s *selection) values() url.Values {
	v := url.Values{"q": {s.query.Text}}
	if !s.since.IsZero() {
		v.Set("since", s.since.UTC().Format(time.RFC3339Nano))
	}
	if !s.until.IsZero() {
		v.Set("until", s.until.UTC().Format(time.RFC3339Nano))
	}
	return v
}

// pageLimit is the largest page that the service gives.
const pageLimit = 1000

func (a *serviceFinder) search(ctx context.Context, s *selection, yield func(*foundRecord) error) error {
	v := s.values()
	if s.oldest {
		v.Set("order", "oldest")
	}
	for left := s.limit; left > 0; {
		v.Set("limit", strconv.Itoa(min(left, pageLimit)))
		var page struct {
			Records []*foundRecord
			Cursor  string
		}
		if err := a.get(ctx, "/api/search", v, &page); err != nil {
			return err
		}
		for _, r := range page.Records {
			if err := yield(r); err != nil {
				return err
			}
		}
		left -= len(page.Records)
		if page.Cursor == "" || len(page.Records) == 0 {
			return nil
		}
		v.Set("cursor", page.Cursor)
	}
	return nil
}

func (a *serviceFinder) count(ctx context.Context, s *selection) (int64, error) {
	v := s.values()
	v.Set("bins", "1")
	var h struct{ Total int64 }
	err := a.get(ctx, "/api/histogram", v, &h)
	return h.Total, err
}

func (a *serviceFinder) histogram(ctx context.Context, s *selection, n int) ([]bar, time.Duration, error) {
	v := s.values()
	v.Set("bins", strconv.Itoa(n))
	var h struct {
		From, To time.Time
		Step     float64 `json:"step_seconds"`
		Bins     []bar
	}
	if err := a.get(ctx, "/api/histogram", v, &h); err != nil {
		return nil, 0, err
	}
	step := time.Duration(h.Step * float64(time.Second))
	if step <= 0 {
		return h.Bins, 0, nil
	}
	// Those without records are left out of the answer.
	var bars []bar
	for _, b := range h.Bins {
		for len(bars) > 0 && len(bars) < 10*n && bars[len(bars)-1].Time.Add(step).Before(b.Time) {
			bars = append(bars, bar{Time: bars[len(bars)-1].Time.Add(step)})
		}
		bars = append(bars, b)
	}
	return bars, step, nil
}

// follow reads the stream of records as they are stored (Server-Sent Events).
func (a *serviceFinder) follow(ctx context.Context, s *selection, yield func(*foundRecord) error) error {
	body, err := a.open(ctx, "/api/tail", url.Values{"q": {s.query.Text}})
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewReaderSize(body, 1<<20)
	event, data := "", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = culprit.ErrUnavailable
			}
			return fmt.Errorf("the service ended the stream: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
			if event == "records" {
				var batch struct{ Records []*foundRecord }
				if err := json.Unmarshal([]byte(data), &batch); err != nil {
					return fmt.Errorf("read the service's stream: %w", err)
				}
				for _, r := range batch.Records {
					if err := yield(r); err != nil {
						return err
					}
				}
			}
			event, data = "", ""
		case strings.HasPrefix(line, "event:"):
			event = strings.TrimSpace(line[len("event:"):])
		case strings.HasPrefix(line, "data:"):
			data += strings.TrimPrefix(line[len("data:"):], " ")
		}
	}
}

// incident asks for one incident; "last" is the newest.
func (a *serviceFinder) incident(ctx context.Context, id string) (*culprit.Incident, error) {
	if id != "last" {
		inc := &culprit.Incident{}
		return inc, a.get(ctx, "/api/incidents/"+url.PathEscape(id), nil, inc)
	}
	var list struct{ Incidents []*culprit.Incident }
	if err := a.get(ctx, "/api/incidents", url.Values{"limit": {"1"}}, &list); err != nil {
		return nil, err
	}
	if len(list.Incidents) == 0 {
		return nil, fmt.Errorf("the service knows no incident: %w", culprit.ErrNotFound)
	}
	return list.Incidents[0], nil
}
