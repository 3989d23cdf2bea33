package report

import (
	"fmt"
	"reflect"
	"time"

	"culprit"
	"culprit/internal/redact"
)

// redacted returns copies of a report and of one of its incidents in which every
// string went through r, so that a field that is added later cannot be
// forgotten. With r nil the strings are only cut.
func redacted(rep *culprit.Report, inc *culprit.Incident, r *redact.Redactor) (*culprit.Report, *culprit.Incident) {
	edit := func(s string) string {
		if r != nil {
			s = r.Text(head(s, maxRecord+maxSecret))
		}
		if short := head(s, maxRecord); len(short) < len(s) {
			return fmt.Sprintf("%s ... %d bytes more", short, len(s)-len(short))
		}
		return s
	}
	only := *rep
	only.Incidents = []*culprit.Incident{inc}
	out := mapStrings(reflect.ValueOf(&only), edit).Interface().(*culprit.Report)
	return out, out.Incidents[0]
}

// maxSecret is how far a secret may reach over the end of what is kept of a text
// and still be recognized.
const maxSecret = 4 << 10

var timeType = reflect.TypeFor[time.Time]()

// mapStrings returns a deep copy of v with every string edited.
func mapStrings(v reflect.Value, edit func(string) string) reflect.Value {
	if v.Type() == timeType {
		return v
	}
	switch v.Kind() {
	case reflect.String:
		out := reflect.New(v.Type()).Elem()
		out.SetString(edit(v.String()))
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(mapStrings(v.Elem(), edit))
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(mapStrings(v.Field(i), edit))
		}
		return out
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(mapStrings(v.Index(i), edit))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, e := range v.Seq2() {
			out.SetMapIndex(mapStrings(k, edit), mapStrings(e, edit))
		}
		return out
	}
	return v
}
