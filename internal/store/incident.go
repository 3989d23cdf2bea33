package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"culprit"
)

// PutIncidents stores incidents, replaces those of the same id, and removes those
// with the given ids, in one transaction.
func (s *Store) PutIncidents(ctx context.Context, put []*culprit.Incident, remove ...string) error {
	if len(put)+len(remove) == 0 {
		return nil
	}
	return s.inTransaction(ctx, func(t *transaction) error {
		for _, id := range remove {
			if _, err := t.exec("DELETE FROM incidents WHERE id = ?", id); err != nil {
				return fmt.Errorf("remove incident %s: %w", id, err)
			}
		}
		for _, in := range put {
			body, err := json.Marshal(in)
			if err != nil {
				return fmt.Errorf("write incident %s: %w", in.ID, err)
			}
			if _, err := t.exec("INSERT OR REPLACE INTO incidents (id, start, end, ongoing, verdict, service, updated, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				in.ID, nanos(in.Start), nanos(in.End), in.Ongoing, string(in.Verdict), in.Service, t.now, string(body)); err != nil {
				return fmt.Errorf("store incident %s: %w", in.ID, err)
			}
		}
		return nil
	})
}

// IncidentFilter bounds what Incidents returns. Zero fields set no bound.
type IncidentFilter struct {
	Since, Until time.Time // incidents that overlap this stretch
	Service      string
	Verdict      culprit.Verdict // or a finer one
	Ongoing      bool            // only those that go on
	Limit        int
	Offset       int
}

// Incidents returns incidents, the latest first.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]*culprit.Incident, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	w := newWindow(f.Since, f.Until)
	where := []string{"start <= ?", "(ongoing OR end >= ?)"}
	args := []any{w.until, w.since}
	if f.Service != "" {
		where, args = append(where, "service = ?"), append(args, f.Service)
	}
	if f.Verdict != "" {
		where = append(where, "(verdict = ? OR substr(verdict, 1, ?) = ?)")
		args = append(args, string(f.Verdict), len(f.Verdict)+1, string(f.Verdict)+"_")
	}
	if f.Ongoing {
		where = append(where, "ongoing")
	}
	limit := -1
	if f.Limit > 0 {
		limit = f.Limit
	}
	rows, err := s.reads.QueryContext(ctx, "SELECT body FROM incidents WHERE "+strings.Join(where, " AND ")+" ORDER BY start DESC, id LIMIT ? OFFSET ?", append(args, limit, max(f.Offset, 0))...)
	if err != nil {
		return nil, s.classify(fmt.Errorf("read incidents: %w", err))
	}
	defer rows.Close()
	list := []*culprit.Incident{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, s.classify(fmt.Errorf("read incidents: %w", err))
		}
		in, err := parseIncident(body)
		if err != nil {
			return nil, err
		}
		list = append(list, in)
	}
	if err := rows.Err(); err != nil {
		return nil, s.classify(fmt.Errorf("read incidents: %w", err))
	}
	return list, nil
}

// Incident returns the incident with an id, culprit.ErrNotFound if there is none.
func (s *Store) Incident(ctx context.Context, id string) (*culprit.Incident, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var body string
	err = s.reads.QueryRowContext(ctx, "SELECT body FROM incidents WHERE id = ?", id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("incident %.80q: %w", id, culprit.ErrNotFound)
	}
	if err != nil {
		return nil, s.classify(fmt.Errorf("read incident %.80q: %w", id, err))
	}
	return parseIncident(body)
}

func parseIncident(body string) (*culprit.Incident, error) {
	in := &culprit.Incident{}
	if err := json.Unmarshal([]byte(body), in); err != nil {
		return nil, fmt.Errorf("read incident: %w: %w", culprit.ErrCorrupt, err)
	}
	return in, nil
}
