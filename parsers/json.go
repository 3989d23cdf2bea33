package parsers

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"culprit"
)

// AppendJSON appends a record as one JSON object, the form of
// `culprit parse --format json`:
//
//	{"source","line_from","line_to","time","time_text","kind","severity","host","process","pid","unit","message","attributes":{...}}
//
// time is RFC 3339 in UTC or null, severity a number of 0 to 7 or null, kind ""
// for a record without an event. An attribute that occurs twice is written once,
// as the parser gave it first. Bytes that are not UTF-8 become U+FFFD.
func AppendJSON(dst []byte, r *culprit.Record) []byte {
	dst = appendField(dst, `{"source":`, r.Source)
	dst = strconv.AppendInt(append(dst, `,"line_from":`...), int64(r.LineFrom), 10)
	dst = strconv.AppendInt(append(dst, `,"line_to":`...), int64(r.LineTo), 10)
	dst = append(dst, `,"time":`...)
	if r.Time.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, '"')
		dst = r.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, '"')
	}
	dst = appendField(dst, `,"time_text":`, r.TimeText)
	dst = appendField(dst, `,"kind":`, string(r.Kind))
	dst = append(dst, `,"severity":`...)
	if r.Severity == culprit.SeverityNone {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, int64(r.Severity), 10)
	}
	dst = appendField(dst, `,"host":`, r.Host)
	dst = appendField(dst, `,"process":`, r.Process)
	dst = strconv.AppendInt(append(dst, `,"pid":`...), int64(r.PID), 10)
	dst = appendField(dst, `,"unit":`, r.Unit)
	dst = appendField(dst, `,"message":`, r.Message)
	dst = append(dst, `,"attributes":{`...)
	for i, a := range r.Attrs {
		if !firstAt(r.Attrs, i) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = appendString(dst, a.Key)
		dst = append(dst, ':')
		b, err := json.Marshal(a.Value)
		if err != nil {
			b = []byte("null")
		}
		dst = append(dst, b...)
	}
	return append(dst, "}}"...)
}

// firstAt reports whether the key at i of a stands there for the first time.
func firstAt(a culprit.Attrs, i int) bool {
	for j := range i {
		if a[j].Key == a[i].Key {
			return false
		}
	}
	return true
}

func appendField(dst []byte, name, value string) []byte {
	return appendString(append(dst, name...), value)
}

// appendString appends s as a JSON string; control bytes are always escaped.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(append(dst, s[from:i]...), `\ufffd`...)
				from = i + n
			case r < 0xa0 || r == 0x2028 || r == 0x2029: // C1 controls act on terminals
				dst = append(append(dst, s[from:i]...), `\u`...)
				dst = append(dst, hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
				from = i + n
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
