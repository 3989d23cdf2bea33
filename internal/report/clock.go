package report

import (
	"strings"
	"time"
)

// A clock writes times in one zone, as one reader wants them.
type clock struct {
	zone *time.Location
	now  time.Time // tells whether a year has to be named; zero: the year is named
}

func newClock(zone *time.Location, now time.Time) clock {
	if zone == nil {
		zone = time.UTC
	}
	return clock{zone, now}
}

// iso writes a time for machines, with as many decimals as it has, at most
// milliseconds.
func (c clock) iso(t time.Time) string {
	t = t.In(c.zone)
	if t.Nanosecond() >= int(time.Millisecond) {
		return t.Format("2006-01-02T15:04:05.000-07:00")
	}
	return t.Format("2006-01-02T15:04:05-07:00")
}

// second writes the time of day.
func (c clock) second(t time.Time) string { return t.In(c.zone).Format("15:04:05") }

// day writes the date, with the year if it is not this one.
func (c clock) day(t time.Time) string {
	t = t.In(c.zone)
	if t.Year() != c.now.In(c.zone).Year() {
		return t.Format("2 Jan 2006")
	}
	return t.Format("2 Jan")
}

func (c clock) sameDay(a, b time.Time) bool {
	ya, ma, da := a.In(c.zone).Date()
	yb, mb, db := b.In(c.zone).Date()
	return ya == yb && ma == mb && da == db
}

// at writes the time of an event in a story that began on the day of start: to
// the millisecond where it is known, or the date and minute of another day.
func (c clock) at(t *time.Time, start time.Time) string {
	switch {
	case t == nil:
		return ""
	case !c.sameDay(*t, start):
		return t.In(c.zone).Format("02 Jan 15:04")
	case t.Nanosecond() >= int(time.Millisecond):
		return t.In(c.zone).Format("15:04:05.000")
	}
	return c.second(*t)
}

// span writes a stretch of time: "22 Nov 08:22:29 to 08:22:57".
func (c clock) span(from, to time.Time) string {
	s := c.day(from) + " " + c.second(from)
	switch {
	case c.second(from) == c.second(to) && c.sameDay(from, to):
		return s
	case c.sameDay(from, to):
		return s + " to " + c.second(to)
	}
	return s + " to " + c.day(to) + " " + c.second(to)
}

// offset writes the offset of the zone at t: "+01", "+05:30", "UTC".
func (c clock) offset(t time.Time) string {
	name, seconds := t.In(c.zone).Zone()
	if seconds == 0 && (name == "UTC" || name == "") {
		return "UTC"
	}
	return strings.TrimSuffix(t.In(c.zone).Format("-07:00"), ":00")
}

// place names the zone for people: "Europe/Berlin, +01".
func (c clock) place(t time.Time) string {
	off := c.offset(t)
	name := c.zone.String()
	if name == "Local" {
		name, _ = t.In(c.zone).Zone()
	}
	if off == "UTC" || name == "" || strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return off
	}
	return name + ", " + off
}

func (c clock) zoneTime(t time.Time) time.Time { return t.In(c.zone) }
