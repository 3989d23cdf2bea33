package parsers

import "time"

// A Zone gives the offset from UTC, in seconds, that a machine used at a wall
// clock time. The wall time is Unix seconds of the same digits read as UTC.
type Zone func(wall int64) (offset int)

// ZoneOf returns the Zone of a location. In the hour that a clock sets back it
// takes the first reading, in the hour that it skips the offset before.
func ZoneOf(loc *time.Location) Zone {
	if loc == nil || loc == time.UTC {
		return func(int64) int { return 0 }
	}
	var from, to int64 // wall times between which the offset is known not to change
	var known int
	return func(wall int64) int {
		if wall >= from && wall < to {
			return known
		}
		w := time.Unix(wall, 0).UTC()
		y, mo, d := w.Date()
		h, mi, s := w.Clock()
		t := time.Date(y, mo, d, h, mi, s, 0, loc)
		_, off := t.Zone()
		start, end := t.ZoneBounds()
		known, from, to = off, wall, wall+1
		if !end.IsZero() {
			// A fold repeats wall times up to a few hours; stay clear of it.
			if e := end.Unix() + int64(off) - 3*3600; e > to {
				to = e
			}
		} else {
			to = 1 << 62
		}
		if s := start.Unix() + int64(off) + 3*3600; !start.IsZero() && s < from {
			from = s
		}
		return off
	}
}

// A clock turns the times of one source into instants.
type clock struct {
	zone Zone      // for times that state no offset
	ref  time.Time // an instant near the end of the source, for times without a year; zero if unknown
	last time.Time // the last time that was read
	boot time.Time // when the kernel clock was zero; zero if unknown
}

// wall returns the instant of a wall clock reading without an offset.
func (c *clock) wall(sec int64, nsec int) time.Time {
	if c.zone != nil {
		sec -= int64(c.zone(sec))
	}
	return time.Unix(sec, int64(nsec)).UTC()
}
