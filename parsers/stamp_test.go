package parsers

import (
	"testing"
	"time"
)

// TestScan: the time that stands at the start of a line, and how much of the
// line it is. The zone of the source is one hour ahead of UTC.
func TestScan(t *testing.T) {
	plusOne := func(int64) int { return 3600 }
	ref := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		text  string // a bar ends the time
		want  string // RFC 3339 in UTC, "" if it cannot be known
		zoned bool
	}{
		{"2026-11-22T10:00:01Z|", "2026-11-22T10:00:01Z", true},
		{"2026-11-22T10:00:01.123456789+02:00| x", "2026-11-22T08:00:01.123456789Z", true},
		{"2026-11-22T10:00:01.1234567890+02:00|", "2026-11-22T08:00:01.123456789Z", true},
		{"2026-11-22 10:00:01,250 +0530| x", "2026-11-22T04:30:01.25Z", true},
		{"2026-11-22 10:00:01.250-03|:x", "2026-11-22T13:00:01.25Z", true},
		{"2026-11-22 10:00:01 UTC| x", "2026-11-22T10:00:01Z", true},
		{"2026-11-22 10:00:01 CET| x", "2026-11-22T09:00:01Z", true},
		{"2026-11-22 10:00:01 IST| x", "2026-11-22T09:00:01Z", false}, // India, Israel or Ireland: the zone of the source
		{"2026-11-22 10:00:01| Zoo", "2026-11-22T09:00:01Z", false},
		{"2026-11-22 10:00:01| ERROR x", "2026-11-22T09:00:01Z", false},
		{"2026-11-22 10:00:01| -5 x", "2026-11-22T09:00:01Z", false},
		{"2026-11-22, 10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"2026/11/22 10:00:01| [error]", "2026-11-22T09:00:01Z", false},
		{"2026/11/22 23:59:60| leap", "2026-11-22T23:00:00Z", false},
		{"2026.11.22 10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"2026-11-22_10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"2026-1-2 3:04:05| x", "2026-01-02T02:04:05Z", false},
		{"2024-02-29 10:00:01| leap", "2024-02-29T09:00:01Z", false},
		{"22/Nov/2026:10:00:01 +0100|]", "2026-11-22T09:00:01Z", true},
		{"22-Nov-2026 10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"22 Nov 2026 10:00:01.5| x", "2026-11-22T09:00:01.5Z", false},
		{"22 nov. 2026 10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"Nov 22 10:00:01| web1", "2026-11-22T09:00:01Z", false},
		{"Nov  2 10:00:01| web1", "2026-11-02T09:00:01Z", false},
		{"Nov 22 2026 10:00:01| web1", "2026-11-22T09:00:01Z", false},
		{"Dec 31 23:00:00| last year", "2025-12-31T22:00:00Z", false},
		{"Nov 24 10:00:00| a day of grace", "2026-11-24T09:00:00Z", false},
		{"Nov 26 10:00:00| last year", "2025-11-26T09:00:00Z", false},
		{"Feb 29 10:00:00| the latest leap year", "2024-02-29T09:00:00Z", false},
		{"nov. 22 10:00:01| fr", "2026-11-22T09:00:01Z", false},
		{"août 22 10:00:01| fr", "2026-08-22T09:00:01Z", false},
		{"Mär 22 10:00:01| de", "2026-03-22T09:00:01Z", false},
		{"мая 22 10:00:01| ru", "2026-05-22T09:00:01Z", false},
		{"дек 22 10:00:01| ru", "2025-12-22T09:00:01Z", false},
		{"out 22 10:00:01| pt", "2026-10-22T09:00:01Z", false},
		{"ago 22 10:00:01| es, it, pt", "2026-08-22T09:00:01Z", false},
		{"11月 22 10:00:01| ja, zh", "2026-11-22T09:00:01Z", false},
		{" 8월 22 10:00:01| ko", "2026-08-22T09:00:01Z", false},
		{"xyz 22 10:00:01| a language that is not known", "", false},
		{"Sun Nov 22 10:00:01 2026|] x", "2026-11-22T09:00:01Z", false},
		{"Sun Nov 22 10:00:01.5 2026| x", "2026-11-22T09:00:01.5Z", false},
		{"Sun Nov 22 10:00:01 UTC 2026| x", "2026-11-22T10:00:01Z", true},
		{"Sun Nov 22 10:00:01 EST 2026| x", "2026-11-22T15:00:01Z", true},
		{"Sun 2026-11-22 10:00:01 CET| web1", "2026-11-22T09:00:01Z", true},
		{"dim. 2026-11-22 10:00:01 CET| web1", "2026-11-22T09:00:01Z", true},
		{"Sun, 22 Nov 2026 10:00:01 GMT| x", "2026-11-22T10:00:01Z", true},
		{"dim. 22 novembre 10:00:01 2026| x", "2026-11-22T09:00:01Z", false},
		{"日 11月 22 10:00:01 2026| x", "2026-11-22T09:00:01Z", false},
		{"日  1月 22 10:00:01 2026| x", "2026-01-22T09:00:01Z", false},
		{"Sun Nov 22 2026 10:00:01 GMT+0100 (Central European Standard Time)| x", "2026-11-22T09:00:01Z", true},
		{"11/22/2026, 10:00:01 AM| x", "2026-11-22T09:00:01Z", false},
		{"11/2/2026, 1:00:01 PM| x", "2026-11-02T12:00:01Z", false},
		{"11/22/2026, 12:00:01 AM| x", "2026-11-21T23:00:01Z", false},
		{"11/22/2026, 12:00:01\u202fPM| x", "2026-11-22T11:00:01Z", false},
		{"11/22/2026, 24:00:01| x", "2026-11-21T23:00:01Z", false},
		{"22/11/2026, 10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"02/11/2026, 10:00:01 a.m.| x", "2026-02-11T09:00:01Z", false},
		{"22.11.2026, 10:00:01| x", "2026-11-22T09:00:01Z", false},
		{"1795341601| x", "2026-11-22T10:00:01Z", true},
		{"1795341601.25| x", "2026-11-22T10:00:01.25Z", true},
		{"1795341601250| x", "2026-11-22T10:00:01.25Z", true},
		{"1795341601250000|", "2026-11-22T10:00:01.25Z", true},
		{"1795341601250000001|", "2026-11-22T10:00:01.250000001Z", true},
	} {
		c := clock{zone: plusOne, ref: ref}
		end := len(tt.text)
		for i := range tt.text {
			if tt.text[i] == '|' {
				end = i
			}
		}
		b := []byte(tt.text[:end] + tt.text[end+1:])
		s := c.scan(b)
		got := ""
		if !s.t.IsZero() {
			got = s.t.Format(time.RFC3339Nano)
		}
		if tt.want == "" && s.n == 0 {
			continue
		}
		if got != tt.want || s.n != end || s.zoned != tt.zoned || !s.clock {
			t.Errorf("%q: %s, %d bytes, zoned %v; want %s, %d, %v", tt.text, got, s.n, s.zoned, tt.want, end, tt.zoned)
		}
	}
}

func TestScan_Failures(t *testing.T) {
	for _, text := range []string{
		"", "x", "words and more words", "2026-13-22 10:00:01", "2026-02-30 10:00:01", "2026-02-29T10:00:01Z", "2026-1122 10:00:01", "2026-11-22x10:00:01",
		"Nov 32 10:00:01 x", "Nov 22 25:00:01 x", "Nov 22 10:61:01 x", "Nov 22", "Nov 22 10:00", "22/Nov/26:10:00:01", "31/Feb/2026:10:00:01 +0000", "0123456789 x", "9999999999 x",
		"12345678901 x", "127.0.0.1 - -", "10.0.0.200 x 10:00:01", "3.14.2026 words", "13/13/2026, 10:00:01", "11/22/2026, 13:00:01 PM", "Sunday words", "dim. 22 novembre 10:00:01 x", "on 22 Nov 10:00:01 123", "2026-11-22T10:00:01+99:00x",
	} {
		c := clock{ref: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
		// A bare date and a time whose offset makes no sense are read as far as they go.
		if s := c.scan([]byte(text)); s.n > 0 && s.clock && text != "2026-11-22T10:00:01+99:00x" && text != "11/22/2026, 13:00:01 PM" {
			t.Errorf("%q: %v from %d bytes", text, s.t, s.n)
		}
	}
}

func TestYearless_WithoutReference(t *testing.T) {
	var c clock
	if s := c.scan([]byte("Nov 22 10:00:01 web1")); s.n != 15 || !s.t.IsZero() {
		t.Errorf("%v from %d bytes: the year is not known", s.t, s.n)
	}
	// Another record has said it.
	c.last = time.Date(2026, 1, 1, 0, 10, 0, 0, time.UTC)
	if s := c.scan([]byte("Dec 31 23:59:01 web1")); s.t.Year() != 2025 {
		t.Errorf("%v: the nearest is in 2025", s.t)
	}
}

// TestZoneOf compares each reading near a change of clocks with what counting
// through the instants says: the first one that shows it, or before a gap.
func TestZoneOf(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata", "Africa/Casablanca", "Pacific/Apia", "UTC"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		for _, day := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC), time.Date(2018, 11, 4, 3, 0, 0, 0, time.UTC), time.Date(2026, 2, 15, 2, 0, 0, 0, time.UTC)} {
			first := map[int64]int{} // reading -> offset of the first instant that shows it
			for u := day.Unix() - 20*3600; u < day.Unix()+20*3600; u += 600 {
				_, off := time.Unix(u, 0).In(loc).Zone()
				if wall := u + int64(off); first[wall] == 0 {
					first[wall] = off + 1<<20 // offsets may be 0
				}
			}
			zone := ZoneOf(loc)
			for wall := day.Unix() - 5*3600; wall < day.Unix()+10*3600; wall += 600 {
				if want, ok := first[wall]; ok && zone(wall) != want-1<<20 {
					t.Errorf("%s at %s: offset %d, want %d", name, time.Unix(wall, 0).UTC().Format(time.DateTime), zone(wall), want-1<<20)
				}
			}
			// The cache must not depend on the order of questions.
			back := ZoneOf(loc)
			for wall := day.Unix() + 10*3600; wall > day.Unix()-5*3600; wall -= 600 {
				if back(wall) != zone(wall) {
					t.Errorf("%s at %s: %d and %d", name, time.Unix(wall, 0).UTC().Format(time.DateTime), back(wall), zone(wall))
				}
			}
		}
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	if off := ZoneOf(berlin)(time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC).Unix()); off != 3600 {
		t.Errorf("in the hour that is skipped: %d, want the offset before", off)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"2026-11-22T10:00:01.5+02:00", "Sun Nov 22 10:00:01 UTC 2026", "11/22/2026, 12:00:01 AM", "11月 22 10:00:01", "1795341601.25", "22/Nov/2026:10:00:01 +0100", "Sun, 22 Nov 2026 10:00:01 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := clock{ref: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
		s := c.scan([]byte(text))
		switch {
		case s.n < 0 || s.n > len(text):
			t.Fatalf("%d bytes of %d", s.n, len(text))
		case s.n == 0 && (!s.t.IsZero() || s.zoned):
			t.Fatalf("%v from nothing", s.t)
		case !s.t.IsZero() && (s.t.Year() < 1969 || s.t.Year() > 2200):
			t.Fatalf("%v", s.t)
		}
		// What stands behind the time does not change it, unless it goes on there.
		if s.n > 0 && s.clock {
			if again := c.scan([]byte(text[:s.n] + "|")); again.n != s.n || !again.t.Equal(s.t) {
				t.Fatalf("%q: %v from %d bytes, %v from %d before a bar", text, s.t, s.n, again.t, again.n)
			}
		}
	})
}
