package parsers

import (
	"bytes"
	"time"
)

// monthName reads the name of a month at the start of b, whole or as
// abbreviated in the locales of glibc, with the dot that may follow it. English
// is tried first and does not allocate.
func monthName(b []byte) (time.Month, int) {
	if len(b) >= 4 && !isLetter(b[3]) && b[3] != '.' {
		if mo := english(b[0]|0x20, b[1]|0x20, b[2]|0x20); mo != 0 {
			return mo, 3
		}
	}
	if n := monthSignLen(b); n > 0 {
		mo, _ := digits(b[:digitsLen(b)])
		if mo < 1 || mo > 12 {
			return 0, 0
		}
		return time.Month(mo), n
	}
	n := wordLen(b)
	if n < 3 || n > 20 {
		return 0, 0
	}
	var low [20]byte
	ascii := true
	for i, c := range b[:n] {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
		ascii = ascii && c < 0x80
	}
	mo := months[string(low[:n])]
	if mo == 0 && !ascii {
		mo = months[string(bytes.ToLower(b[:n]))]
	}
	if mo == 0 {
		return 0, 0
	}
	if n < len(b) && b[n] == '.' {
		n++
	}
	return mo, n
}

// monthSignLen returns the length of 11月 or 11월 at the start of b, else 0.
func monthSignLen(b []byte) int {
	n := digitsLen(b)
	if n == 0 || n > 2 || len(b) < n+3 {
		return 0
	}
	if s := string(b[n : n+3]); s != "月" && s != "월" {
		return 0
	}
	return n + 3
}

func english(a, b, c byte) time.Month {
	switch uint32(a)<<16 | uint32(b)<<8 | uint32(c) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return time.January
	case 'f'<<16 | 'e'<<8 | 'b':
		return time.February
	case 'm'<<16 | 'a'<<8 | 'r':
		return time.March
	case 'a'<<16 | 'p'<<8 | 'r':
		return time.April
	case 'm'<<16 | 'a'<<8 | 'y':
		return time.May
	case 'j'<<16 | 'u'<<8 | 'n':
		return time.June
	case 'j'<<16 | 'u'<<8 | 'l':
		return time.July
	case 'a'<<16 | 'u'<<8 | 'g':
		return time.August
	case 's'<<16 | 'e'<<8 | 'p':
		return time.September
	case 'o'<<16 | 'c'<<8 | 't':
		return time.October
	case 'n'<<16 | 'o'<<8 | 'v':
		return time.November
	case 'd'<<16 | 'e'<<8 | 'c':
		return time.December
	}
	return 0
}

// monthNames are those of other languages, and whole English ones. Names that
// mean different months in two languages (Croatian lip, srp, lis) are Polish or Czech here.
var monthNames = [12]string{
	"january jan januar janvier janv jän jänner enero ene janeiro gennaio gen январь января янв januari sty stycznia led ledna oca ocak ian січ tammi jaan",
	"february feb februar februari février fevr févr febrero fevereiro fev febbraio февраль февраля фев лют luty lut lutego úno února şub şubat helmi febr",
	"march mar märz mär mrz mars marzo março март марта мар maart mrt marca marz bře března mart бер maalis märts márc",
	"april apr avril avr abril abr aprile апрель апреля апр kwi kwietnia dub dubna nis nisan кві huhti ápr",
	"may mai mayo maio maggio mag май мая mei maj maja kvě května mayıs тра touko máj",
	"june jun juni juin junio junho giugno giu июнь июня июн cze czerwca čen června haz haziran чер kesä jún",
	"july jul juli juillet juil julio julho luglio lug июль июля июл lip lipca čec července tem temmuz лип heinä júl",
	"august aug août agosto ago август августа авг augustus sie sierpnia srp srpna ağu ağustos сер elo",
	"september sep sept septembre septiembre setembro set settembre sett сентябрь сентября сен сент wrz września zář září eyl eylül вер syys szept",
	"october oct oktober okt octobre octubre outubro out ottobre ott октябрь октября окт paź października říj října eki ekim жов loka",
	"november nov novembre noviembre novembro ноябрь ноября ноя нояб lis listopada listopadu kas kasım лис marras",
	"december dec dezember dez décembre déc diciembre dic dezembro dicembre декабрь декабря дек desember des gru grudnia pro prosince ara aralık гру joulu",
}

var months = func() map[string]time.Month {
	m := make(map[string]time.Month, 256)
	for i, names := range monthNames {
		for _, name := range bytes.Fields([]byte(names)) {
			m[string(name)] = time.Month(i + 1)
		}
	}
	return m
}()
