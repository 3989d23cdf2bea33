package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"culprit"
)

// layouts of a point in time, the longest first. Without an offset they are in
// the given zone.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02", "2006/01/02 15:04:05", "2006/01/02", "02/Jan/2006:15:04:05 -0700", "02/Jan/2006:15:04:05",
}

// ParseTime reads a bound such as --since takes: a point in time
// (2026-11-22T10:31:02Z, "2026-11-22 10:31", 2026/11/22 10:31:02, 10:31,
// today, yesterday, now, @1700000000) or a span before now (90s, 15m, 2h30m,
// 7d, 2w, each also with "ago").
// A point without an offset is in zone, nil being UTC.
func ParseTime(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	s = strings.TrimSpace(s)
	now = now.In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	switch strings.ToLower(s) {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	if after, ok := strings.CutPrefix(s, "@"); ok {
		if n, err := strconv.ParseInt(after, 10, 64); err == nil && n > -1<<33 && n < 1<<33 {
			return time.Unix(n, 0).In(zone), nil
		}
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			// Of today, or of yesterday if that is still to come.
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
			if t.After(now) {
				t = t.AddDate(0, 0, -1)
			}
			return t, nil
		}
	}
	if d, ok := parseSpan(strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(s, "-"), "ago"))); ok {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%w: %q is no time (2026-11-22T10:31:02Z, 10:31, 15m, 2h, 7d)", culprit.ErrQuery, s)
}

// parseSpan reads a duration with days and weeks.
func parseSpan(s string) (time.Duration, bool) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, err := strconv.ParseFloat(strings.TrimSuffix(s, suffix), 64); err == nil && strings.HasSuffix(s, suffix) {
			if !(n >= 0 && n <= 36500) { // nor NaN
				return 0, false
			}
			return time.Duration(n * float64(unit)), true
		}
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}
