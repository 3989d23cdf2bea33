package parsers

import (
	"bytes"
	"time"
	"unicode"
	"unicode/utf8"
)

// A stamp is a time as it stands in a log.
type stamp struct {
	t     time.Time // zero if the year is not known
	n     int       // bytes that it takes, 0 if none stands there
	zoned bool      // it states its offset or is an epoch
	clock bool      // it states a time of day (all but a bare date do)
	dated bool      // it states its year
}

// scan reads the time at the start of b, in any of the ways in which the
// programs that this package knows write it:
//
//	2006-01-02T15:04:05.999999Z   2006-01-02 15:04:05,999 +0100   2006/01/02 15:04:05
//	02/Jan/2006:15:04:05 -0700    02 Jan 2006 15:04:05.999        02-Jan-2006 15:04:05
//	Jan  2 15:04:05.999           Jan 2 2006 15:04:05             Mon Jan  2 15:04:05 [MST] 2006
//	Mon 2006-01-02 15:04:05 MST   Mon, 02 Jan 2006 15:04:05 GMT   Mon Jan 02 2006 15:04:05 GMT+0100
//	lun. 02 janv. 15:04:05 2006
//	01/02/2006, 3:04:05 PM        02.01.2006, 15:04:05            02/01/2006, 15:04:05
//	1136214245   1136214245.999   1136214245999
func (c *clock) scan(b []byte) stamp {
	if n := c.seen.n; n > 0 && len(b) > n+3 && string(b[:n]) == string(c.seenText[:n]) && endsTime(b[n:]) {
		return c.seen
	}
	s := c.read(b)
	if s.clock && s.n < len(c.seenText) && len(b) > s.n+3 && endsTime(b[s.n:]) && (!c.ref.IsZero() || s.zoned || s.dated && c.zone == nil) {
		c.seen = s
		copy(c.seenText[:], b[:s.n])
	}
	return s
}

// endsTime reports whether a time surely ends before b: two spaces or a word in
// small letters follow.
func endsTime(b []byte) bool {
	return b[0] == ' ' && (b[1] == ' ' || b[1] >= 'a' && b[1] <= 'z' && (b[1] != 'a' && b[1] != 'p' || b[2] >= 'a' && b[2] != 'm'))
}

func (c *clock) read(b []byte) stamp {
	if len(b) < 10 {
		return stamp{}
	}
	switch ch := b[0]; {
	case ch >= '0' && ch <= '9':
		if n := monthSignLen(b); n > 0 {
			return c.monthFirst(b)
		}
		return c.digitFirst(b)
	case ch == ' ' && b[1] >= '1' && b[1] <= '9':
		if monthSignLen(b[1:]) > 0 {
			s := c.monthFirst(b[1:])
			if s.n > 0 {
				s.n++
			}
			return s
		}
		return stamp{}
	case isLetter(ch):
		if i := bytes.IndexByte(b[:min(len(b), 64)], ':'); i < 0 || !digit(b[i-1]) {
			return stamp{} // all of these state a time of day, before which no colon stands
		}
		if s := c.monthFirst(b); s.n > 0 {
			return s
		}
		if r, _ := utf8.DecodeRune(b); !unicode.IsLetter(r) {
			return stamp{}
		}
		// A weekday in any language, then one of the forms.
		n := wordLen(b)
		if n < 2 || n > 12 || n+2 >= len(b) {
			return stamp{}
		}
		if b[n] == ',' || b[n] == '.' {
			n++
		}
		if b[n] != ' ' {
			return stamp{}
		}
		n++
		if b[n] == ' ' {
			n++
		}
		rest := b[n:]
		var s stamp
		switch {
		case len(rest) < 10:
		case monthSignLen(rest) > 0:
			s = c.monthFirst(rest)
		case rest[0] >= '0' && rest[0] <= '9':
			s = c.digitFirst(rest)
		case isLetter(rest[0]):
			s = c.monthFirst(rest)
		}
		if s.n == 0 || !s.clock || bytes.IndexByte(rest[:s.n], ':') < 0 { // no epoch behind a word
			return stamp{}
		}
		s.n += n
		return s
	}
	return stamp{}
}

// digitFirst reads the forms that begin with a digit.
func (c *clock) digitFirst(b []byte) stamp {
	n := digitsLen(b)
	if n == len(b) || n > 4 && n != 8 {
		return epoch(b, n)
	}
	switch sep := b[n]; {
	case n == 4 && (sep == '-' || sep == '/' || sep == '.'):
		return c.yearFirst(b, sep)
	case n <= 2 && (sep == '/' || sep == '.' || sep == '-'):
		if n+1 < len(b) && isLetter(b[n+1]) {
			return c.dayMonthName(b, n, sep)
		}
		return c.numericDate(b, n, sep)
	case n <= 2 && sep == ' ' && n+1 < len(b) && isLetter(b[n+1]):
		return c.dayMonthName(b, n, sep)
	}
	return epoch(b, n)
}

// epoch reads seconds, milliseconds, microseconds or nanoseconds since 1970.
func epoch(b []byte, n int) stamp {
	v, ok := digits(b[:min(n, len(b))])
	if !ok && n != 19 {
		return stamp{}
	}
	s := stamp{n: n, zoned: true, clock: true}
	switch n {
	case 10:
		nsec := 0
		if n+1 < len(b) && b[n] == '.' && b[n+1]-'0' <= 9 {
			var k int
			nsec, k = fraction(b[n+1:])
			s.n += 1 + k
		}
		s.t = time.Unix(int64(v), int64(nsec)).UTC()
	case 13:
		s.t = time.UnixMilli(int64(v)).UTC()
	case 16:
		s.t = time.UnixMicro(int64(v)).UTC()
	case 19:
		v, _ := digits(b[:18])
		s.t = time.Unix(0, int64(v)*10+int64(b[18]-'0')).UTC()
	default:
		return stamp{}
	}
	// Between 2001 and 2100: other numbers are no times.
	if u := s.t.Unix(); u < 1_000_000_000 || u > 4_102_444_800 {
		return stamp{}
	}
	return s
}

// yearFirst reads 2006-01-02 and what follows.
func (c *clock) yearFirst(b []byte, sep byte) stamp {
	y, _ := digits(b[:4])
	i := 5
	n := digitsLen(b[i:])
	if n == 0 || n > 2 || i+n >= len(b) || b[i+n] != sep {
		return stamp{}
	}
	mo, _ := digits(b[i : i+n])
	i += n + 1
	n = digitsLen(b[i:])
	if n == 0 || n > 2 {
		return stamp{}
	}
	d, _ := digits(b[i : i+n])
	if !validDate(y, mo, d) {
		return stamp{}
	}
	i += n
	return c.dayClock(b, i, civil(y, time.Month(mo), d))
}

// dayClock reads the time of day and the zone behind a date of b that ends
// at i; day is the Unix seconds of its midnight.
func (c *clock) dayClock(b []byte, i int, day int64) stamp {
	j := i
	switch {
	case j < len(b) && (b[j] == 'T' || b[j] == 't' || b[j] == '_' || b[j] == ':'):
		j++
	default:
		if j < len(b) && b[j] == ',' {
			j++
		}
		for j < len(b) && j < i+3 && b[j] == ' ' {
			j++
		}
	}
	sec, nsec, n := timeOfDay(b[min(j, len(b)):])
	if n == 0 || j == i {
		return stamp{t: c.wall(day, 0), n: i}
	}
	j += n
	s := stamp{n: j, clock: true, dated: true}
	if off, n := zoneOffset(b[j:]); n > 0 {
		s.t, s.n, s.zoned = time.Unix(day+int64(sec)-int64(off), int64(nsec)).UTC(), j+n, true
		return s
	} else if n := zoneNameLen(b[j:]); n > 0 {
		s.n += n // an abbreviation that says nothing certain
	}
	s.t = c.wall(day+int64(sec), nsec)
	return s
}

// timeOfDay reads 15:04:05, 15:04:05.999, 15:04 is none; 3:04:05 PM.
func timeOfDay(b []byte) (sec, nsec, n int) {
	h := digitsLen(b)
	if h == 0 || h > 2 || len(b) < h+6 || b[h] != ':' || b[h+3] != ':' {
		return 0, 0, 0
	}
	hh, _ := digits(b[:h])
	mm, ok1 := digits(b[h+1 : h+3])
	ss, ok2 := digits(b[h+4 : h+6])
	if !ok1 || !ok2 || hh > 24 || mm > 59 || ss > 60 {
		return 0, 0, 0
	}
	n = h + 6
	if n+1 < len(b) && (b[n] == '.' || b[n] == ',') && b[n+1]-'0' <= 9 {
		var k int
		nsec, k = fraction(b[n+1:])
		n += 1 + k
	}
	// AM or PM, behind a space, a no-break space or a narrow one.
	m := n
	switch {
	case m < len(b) && b[m] == ' ':
		m++
	case m+1 < len(b) && b[m] == 0xc2 && b[m+1] == 0xa0:
		m += 2
	case m+2 < len(b) && b[m] == 0xe2 && b[m+1] == 0x80 && b[m+2] == 0xaf:
		m += 3
	}
	if k, pm := halfDay(b[m:]); k > 0 && hh >= 1 && hh <= 12 {
		hh %= 12
		if pm {
			hh += 12
		}
		n = m + k
	} else if hh == 24 {
		hh = 0 // toLocaleString writes midnight as 24 in some versions of Node
	}
	return hh*3600 + mm*60 + ss, nsec, n
}

// halfDay reads AM, PM, a.m. or p.m. as a word of its own.
func halfDay(b []byte) (n int, pm bool) {
	if len(b) < 2 || b[0]|0x20 != 'a' && b[0]|0x20 != 'p' {
		return 0, false
	}
	switch {
	case b[1]|0x20 == 'm':
		n = 2
	case len(b) >= 4 && b[1] == '.' && b[2]|0x20 == 'm' && b[3] == '.':
		n = 4
	default:
		return 0, false
	}
	if n < len(b) && isLetter(b[n]) {
		return 0, false
	}
	return n, b[0]|0x20 == 'p'
}

// fraction reads the digits of a second's fraction.
func fraction(b []byte) (nsec, n int) {
	scale := 100_000_000
	for n < len(b) && b[n]-'0' <= 9 {
		nsec += int(b[n]-'0') * scale
		scale /= 10
		n++
	}
	return nsec, n
}

// zoneOffset reads Z, UTC, GMT, GMT+0100, +0100, +01:00 or the abbreviation of
// a zone of which there is only one, with the space before it.
func zoneOffset(b []byte) (off, n int) {
	i := 0
	if i < len(b) && b[i] == ' ' {
		i++
	}
	if i >= len(b) {
		return 0, 0
	}
	switch ch := b[i]; {
	case ch == '+' || ch == '-':
		return signedOffset(b, i)
	case ch == 'Z' && (i+1 == len(b) || !isWord(b[i+1])):
		return 0, i + 1
	case ch >= 'A' && ch <= 'Z':
		k := i
		for k < len(b) && b[k] >= 'A' && b[k] <= 'Z' {
			k++
		}
		if k < len(b) && (b[k] == '+' || b[k] == '-') && k-i == 3 && (string(b[i:k]) == "GMT" || string(b[i:k]) == "UTC") {
			if off, n := signedOffset(b, k); n > 0 {
				return off, parenthesis(b, n)
			}
		}
		if k < len(b) && isWord(b[k]) {
			return 0, 0
		}
		if off, ok := abbreviations[string(b[i:k])]; ok {
			return off * 60, k
		}
	}
	return 0, 0
}

// parenthesis returns the end of " (Coordinated Universal Time)" at n of b.
func parenthesis(b []byte, n int) int {
	if n+1 < len(b) && b[n] == ' ' && b[n+1] == '(' {
		for i := n + 2; i < len(b) && i < n+64; i++ {
			if b[i] == ')' {
				return i + 1
			}
		}
	}
	return n
}

func signedOffset(b []byte, i int) (off, n int) {
	k := digitsLen(b[i+1:])
	j := i + 1
	var hh, mm int
	switch {
	case k == 4:
		hh, _ = digits(b[j : j+2])
		mm, _ = digits(b[j+2 : j+4])
		n = j + 4
	case k == 2 && j+5 <= len(b) && b[j+2] == ':' && digitsLen(b[j+3:]) == 2:
		hh, _ = digits(b[j : j+2])
		mm, _ = digits(b[j+3 : j+5])
		n = j + 5
	case k == 2 && (i == 0 || b[i-1] != ' '):
		hh, _ = digits(b[j : j+2])
		n = j + 2
	default:
		return 0, 0
	}
	if hh > 14 || mm > 59 {
		return 0, 0
	}
	off = hh*3600 + mm*60
	if b[i] == '-' {
		off = -off
	}
	return off, n
}

// abbreviations are those of one meaning, in minutes. IST, CST, BST and the like
// name several zones and are left to the zone of the source.
var abbreviations = map[string]int{
	"UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
	"EDT": -240, "EST": -300, "CDT": -300, "MDT": -360, "MST": -420, "PDT": -420, "PST": -480, "AKDT": -480, "AKST": -540, "HST": -600,
	"JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "WIB": 420, "PKT": 300, "SAST": 120, "AEST": 600, "AEDT": 660, "ACST": 570, "ACDT": 630,
	"AWST": 480, "NZST": 720, "NZDT": 780, "BRT": -180, "ART": -180,
}

// zoneNameLen returns the length of " XYZ" at the start of b where that is the
// abbreviation of a zone of several meanings.
func zoneNameLen(b []byte) int {
	if len(b) < 4 || b[0] != ' ' {
		return 0
	}
	n := 1
	for n < len(b) && b[n] >= 'A' && b[n] <= 'Z' {
		n++
	}
	if n < len(b) && isWord(b[n]) {
		return 0
	}
	switch string(b[1:n]) {
	case "IST", "CST", "BST", "ICT", "AST", "ADT", "WAT", "CAT", "EAT", "GST", "NST", "NDT":
		return n
	}
	return 0
}

// dayMonthName reads 02/Jan/2006:15:04:05, 02 Jan 2006 15:04:05 and
// 02-Jan-2006 15:04:05; n digits of the day have been seen.
func (c *clock) dayMonthName(b []byte, n int, sep byte) stamp {
	d, _ := digits(b[:n])
	mo, k := monthName(b[n+1:])
	i := n + 1 + k
	if k == 0 || i+5 > len(b) || b[i] != sep {
		return stamp{}
	}
	if sec, nsec, m := timeOfDay(b[i+1:]); m > 0 && sep == ' ' {
		// 02 janvier 15:04:05 2006: ctime of some languages
		i += 1 + m
		if i+5 > len(b) || b[i] != ' ' || digitsLen(b[i+1:]) != 4 {
			return stamp{}
		}
		y, _ := digits(b[i+1 : i+5])
		if !validDate(y, int(mo), d) {
			return stamp{}
		}
		return stamp{t: c.wall(civil(y, mo, d)+int64(sec), nsec), n: i + 5, clock: true}
	}
	y, ok := digits(b[i+1 : i+5])
	if !ok || !validDate(y, int(mo), d) {
		return stamp{}
	}
	s := c.dayClock(b, i+5, civil(y, mo, d))
	if !s.clock {
		return stamp{}
	}
	return s
}

// numericDate reads 01/02/2006, 02.01.2006 and 02-01-2006 and what follows. With
// slashes the month is first where AM or PM or a number above 12 says so.
func (c *clock) numericDate(b []byte, n int, sep byte) stamp {
	first, _ := digits(b[:n])
	i := n + 1
	k := digitsLen(b[i:])
	if k == 0 || k > 2 || i+k >= len(b) || b[i+k] != sep {
		return stamp{}
	}
	second, _ := digits(b[i : i+k])
	i += k + 1
	k = digitsLen(b[i:])
	if k != 4 && k != 2 {
		return stamp{}
	}
	y, _ := digits(b[i : i+k])
	if k == 2 {
		y += 2000
	}
	i += k
	d, mo := first, second
	s := c.dayClock(b, i, 0)
	if !s.clock {
		return stamp{}
	}
	twelve := b[s.n-1]|0x20 == 'm' || s.n > 2 && b[s.n-1] == '.' && b[s.n-2]|0x20 == 'm'
	if sep == '/' && (twelve && first <= 12 || second > 12) {
		d, mo = second, first
	}
	if !validDate(y, mo, d) {
		return stamp{}
	}
	day := civil(y, time.Month(mo), d)
	if s.zoned || c.zone == nil {
		s.t = s.t.Add(time.Duration(day) * time.Second)
		return s
	}
	return c.dayClock(b, i, day)
}

// monthFirst reads Jan  2 15:04:05, Jan 2 15:04:05 2006, Jan 02 2006 15:04:05.
func (c *clock) monthFirst(b []byte) stamp {
	// The shape first: most words are no months.
	i := monthSignLen(b)
	if i == 0 {
		if i = wordLen(b); i < 3 || i > 20 {
			return stamp{}
		}
		if i < len(b) && b[i] == '.' {
			i++
		}
	}
	if i+2 >= len(b) || b[i] != ' ' || b[i+1] != ' ' && b[i+1]-'0' > 9 {
		return stamp{}
	}
	// The name of a month in a language that is not known: no time can be made of
	// it, but it is one.
	mo, n := monthName(b)
	known := n == i
	if !known && i > 10 {
		return stamp{}
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	k := digitsLen(b[i:])
	if k == 0 || k > 2 || i+k >= len(b) {
		return stamp{}
	}
	d, _ := digits(b[i : i+k])
	i += k
	if d < 1 || d > 31 {
		return stamp{}
	}
	y := 0
	if b[i] == ',' {
		i++
	}
	if i >= len(b) || b[i] != ' ' {
		return stamp{}
	}
	if digitsLen(b[i+1:]) == 4 {
		y, _ = digits(b[i+1 : i+5])
		i += 5
		if i < len(b) && b[i] == ',' {
			i++
		}
		if i >= len(b) || b[i] != ' ' {
			return stamp{}
		}
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	sec, nsec, n := timeOfDay(b[i:])
	if n == 0 {
		return stamp{}
	}
	i += n
	s := stamp{n: i, clock: true}
	off, k := zoneOffset(b[i:])
	if k > 0 {
		s.zoned = true
	} else {
		k = zoneNameLen(b[i:])
	}
	if y == 0 {
		// A year behind the time (asctime), a zone between them (date).
		if j := i + k; j+5 <= len(b) && b[j] == ' ' && digitsLen(b[j+1:]) == 4 {
			if v, _ := digits(b[j+1 : j+5]); v >= 1970 && v < 2200 && (j+5 == len(b) || !isWord(b[j+5])) {
				y, s.n = v, j+5
			}
		}
		if y == 0 {
			// "Jan  2 15:04:05 UTC" would be a host's name in syslog.
			s.zoned = false
		}
	} else {
		s.n += k
	}
	if !known {
		return s
	}
	switch {
	case y == 0:
		s.t = c.yearless(mo, d, int64(sec), nsec)
	case !validDate(y, int(mo), d):
		return stamp{}
	case s.zoned:
		s.t = time.Unix(civil(y, mo, d)+int64(sec)-int64(off), int64(nsec)).UTC()
	default:
		s.t = c.wall(civil(y, mo, d)+int64(sec), nsec)
	}
	return s
}

func digitsLen(b []byte) int {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '_' }

// wordLen returns how many letters b begins with.
func wordLen(b []byte) int {
	n := 0
	for n < len(b) && isLetter(b[n]) {
		n++
	}
	return n
}
