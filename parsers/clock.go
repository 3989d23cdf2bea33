package parsers

import (
	"time"

	"culprit"
)

// A Zone gives the offset from UTC, in seconds, that a machine used at a wall
// clock time. The wall time is Unix seconds of the same digits read as UTC.
type Zone func(wall int64) (offset int)

// ZoneOf returns the Zone of a location. In the hour that a clock sets back it
// takes the first reading, in the hour that it skips the offset before. The Zone
// is not safe for concurrent use.
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
		known = offsetAt(loc, wall)
		from, to = wall, wall+1
		start, end := time.Unix(wall-int64(known), 0).In(loc).ZoneBounds()
		// Readings near a change may come twice or not at all; stay clear of it.
		if end.IsZero() {
			to = 1 << 62
		} else if e := end.Unix() + int64(known) - 3*3600; e > to {
			to = e
		}
		if start.IsZero() {
			from = -1 << 62
		} else if s := start.Unix() + int64(known) + 3*3600; s < from {
			from = s
		}
		return known
	}
}

// offsetAt returns the offset of a location at a reading of its clocks.
func offsetAt(loc *time.Location, wall int64) int {
	offset := func(unix int64) int {
		_, off := time.Unix(unix, 0).In(loc).Zone()
		return off
	}
	near := offset(wall)
	before, after := offset(wall-int64(near)-4*3600), offset(wall-int64(near)+4*3600)
	if before != after && offset(wall-int64(before)) != before && offset(wall-int64(after)) == after {
		return after
	}
	return before
}

// A clock turns the times of one source into instants.
type clock struct {
	zone Zone      // for times that state no offset
	ref  time.Time // an instant near the end of the source, for times without a year; zero if unknown
	boot time.Time // when the kernel's clock was zero; zero if unknown
	last time.Time // the last time that was read

	day       [10]byte // the last date of the form 2006/01/02, and its seconds since 1970 read as UTC
	dayStart  int64
	slashText [19]byte // the last time of that form
	slash     time.Time
	clfText   [26]byte // the last time of the common log format
	clf       stamp
	seen      stamp // the last time that a word follows, and its text
	seenText  [40]byte
	nginx     nginxMemory
	parts     []byte        // of a fingerprint, and behind them its id; kept for their memory
	top, app  culprit.Frame // of the last record that has them
	traces    traceMemory
}

// wall returns the instant of a wall clock reading without an offset; sec is
// Unix seconds of the same digits read as UTC.
func (c *clock) wall(sec int64, nsec int) time.Time {
	if c.zone == nil {
		return time.Unix(sec, int64(nsec)).UTC()
	}
	off := int64(c.zone(sec))
	t := sec - off
	// Where the clock was set back the same readings come twice. A source that
	// goes back by most of the difference is in the second pass.
	if last := c.last.Unix(); !c.last.IsZero() && t < last-1200 {
		if later := int64(c.zone(sec + 3*3600)); later < off && sec-later >= last-60 && sec-later < last+3600 {
			t = sec - later
		}
	}
	return time.Unix(t, int64(nsec)).UTC()
}

// yearless returns the instant of a reading that states no year: the latest
// one that is not after the reference, or without one the nearest to the last
// time that was read, and the zero time if there is neither.
func (c *clock) yearless(mo time.Month, day int, sec int64, nsec int) time.Time {
	switch {
	case !c.ref.IsZero():
		for y := c.ref.Year() + 1; y > c.ref.Year()-9; y-- {
			if day > daysIn(y, mo) {
				continue // a 29th of February
			}
			// Clocks differ and files are copied while they grow: a day of grace.
			if t := c.wall(civil(y, mo, day)+sec, nsec); !t.After(c.ref.Add(36 * time.Hour)) {
				return t
			}
		}
	case !c.last.IsZero():
		var best time.Time
		for y := c.last.Year() - 1; y <= c.last.Year()+1; y++ {
			if day > daysIn(y, mo) {
				continue
			}
			if t := c.wall(civil(y, mo, day)+sec, nsec); best.IsZero() || t.Sub(c.last).Abs() < best.Sub(c.last).Abs() {
				best = t
			}
		}
		return best
	}
	return time.Time{}
}

// sinceBoot returns the instant of a reading of the kernel's clock, the zero
// time if it is not known when the machine started.
func (c *clock) sinceBoot(sec, nsec int) time.Time {
	if c.boot.IsZero() {
		return time.Time{}
	}
	return c.boot.Add(time.Duration(sec)*time.Second + time.Duration(nsec))
}

// slashTime reads 2006/01/02 15:04:05 at the start of b, the form of nginx's
// error log, and reports whether it stands there.
func (c *clock) slashTime(b []byte) (time.Time, bool) {
	if len(b) < 19 || b[10] != ' ' {
		return time.Time{}, false
	}
	if string(b[:19]) == string(c.slashText[:]) {
		return c.slash, true
	}
	sec, ok := clockDigits(b[11:])
	if !ok {
		return time.Time{}, false
	}
	if string(b[:10]) != string(c.day[:]) {
		if b[4] != '/' || b[7] != '/' {
			return time.Time{}, false
		}
		y, ok1 := digits(b[:4])
		mo, ok2 := digits(b[5:7])
		d, ok3 := digits(b[8:10])
		if !ok1 || !ok2 || !ok3 || !validDate(y, mo, d) {
			return time.Time{}, false
		}
		copy(c.day[:], b)
		c.dayStart = civil(y, time.Month(mo), d)
	}
	copy(c.slashText[:], b)
	c.slash = c.wall(c.dayStart+int64(sec), 0)
	return c.slash, true
}

// clockDigits reads 15:04:05 at the start of b as seconds since midnight.
func clockDigits(b []byte) (sec int, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	for _, i := range [...]int{0, 1, 3, 4, 6, 7} {
		if b[i]-'0' > 9 {
			return 0, false
		}
	}
	h, m, s := int(b[0]-'0')*10+int(b[1]-'0'), int(b[3]-'0')*10+int(b[4]-'0'), int(b[6]-'0')*10+int(b[7]-'0')
	if h > 23 || m > 59 || s > 60 {
		return 0, false
	}
	return h*3600 + m*60 + s, true
}

// digits reads a number of only digits, at most 18 of them.
func digits(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// civil returns the Unix seconds of midnight of a date read as UTC.
func civil(y int, mo time.Month, d int) int64 {
	if mo <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (int(mo) + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era*146097+doe-719468) * 86400
}

func daysIn(y int, mo time.Month) int {
	switch mo {
	case time.April, time.June, time.September, time.November:
		return 30
	case time.February:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func validDate(y, mo, d int) bool {
	return y >= 1970 && y < 2200 && mo >= 1 && mo <= 12 && d >= 1 && d <= daysIn(y, time.Month(mo))
}
