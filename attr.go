package culprit

import (
	"encoding/json"
	"strconv"
	"strings"
	"unsafe"
)

// An Attr is one named property of a record, such as upstream or exit_status.
// The names are listed in docs/formats.md.
type Attr struct {
	Key   string
	Value Value
}

// Attrs are the attributes of a record in the order in which they were found.
type Attrs []Attr

type valueType uint8

const (
	typeString valueType = iota
	typeInt
	typeBool
	typeStrings
	typeFrame
)

// A ValueType says which of its types a [Value] has.
type ValueType = valueType

// The types of values.
const (
	TypeString  = typeString
	TypeInt     = typeInt
	TypeBool    = typeBool
	TypeStrings = typeStrings
	TypeFrame   = typeFrame
)

// Type returns the type of the value.
func (v Value) Type() ValueType { return v.typ }

// A Value is a string, an integer, a boolean, a list of strings or a stack
// [Frame]. Its zero value is the empty string. It is small, for a line has a dozen,
// which are written and read for every record.
type Value struct {
	ref unsafe.Pointer // the bytes of a string, the first string of a list, a *Frame
	num int64          // the integer, 1 if a boolean is true, the length of a string or of a list
	typ valueType
}

// A Frame is one call of a stack trace.
type Frame struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Async    bool   `json:"async,omitempty"`
}

// String makes a string value.
func String(s string) Value {
	return Value{ref: unsafe.Pointer(unsafe.StringData(s)), num: int64(len(s))}
}

// Int makes an integer value.
func Int(n int64) Value { return Value{typ: typeInt, num: n} }

// Bool makes a boolean value.
func Bool(b bool) Value {
	v := Value{typ: typeBool}
	if b {
		v.num = 1
	}
	return v
}

// Strings makes a list value.
func Strings(l []string) Value {
	return Value{typ: typeStrings, num: int64(len(l)), ref: unsafe.Pointer(unsafe.SliceData(l))}
}

// FrameOf makes a stack frame value, which shares f.
func FrameOf(f *Frame) Value { return Value{typ: typeFrame, ref: unsafe.Pointer(f)} }

// String returns the value as text; a list is joined by commas.
func (v Value) String() string {
	if v.typ == typeString { // as nearly all are
		return v.string()
	}
	return v.format()
}

// string returns the bytes of a string value.
func (v Value) string() string { return unsafe.String((*byte)(v.ref), v.num) }

func (v Value) format() string {
	switch v.typ {
	case typeInt:
		return strconv.FormatInt(v.num, 10)
	case typeBool:
		return strconv.FormatBool(v.num == 1)
	case typeStrings:
		return strings.Join(v.strings(), ",")
	case typeFrame:
		f := v.Frame()
		return f.Function + " (" + f.File + ":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column) + ")"
	}
	return v.string()
}

// Int returns the value as an integer and whether it is one (a string of
// digits counts).
func (v Value) Int() (int64, bool) {
	switch v.typ {
	case typeInt, typeBool:
		return v.num, true
	case typeString:
		n, err := strconv.ParseInt(v.string(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// List returns the strings of a list value, or the string as a list of one.
func (v Value) List() []string {
	switch {
	case v.typ == typeStrings:
		return v.strings()
	case v.typ == typeString && v.num > 0:
		return []string{v.string()}
	}
	return nil
}

// strings returns the strings of a list value.
func (v Value) strings() []string { return unsafe.Slice((*string)(v.ref), v.num) }

// Frame returns the frame of a frame value, else nil.
func (v Value) Frame() *Frame {
	if v.typ != typeFrame {
		return nil
	}
	return (*Frame)(v.ref)
}

// MarshalJSON writes the value as the JSON type that it has.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.typ {
	case typeInt:
		return strconv.AppendInt(nil, v.num, 10), nil
	case typeBool:
		return strconv.AppendBool(nil, v.num == 1), nil
	case typeStrings:
		return json.Marshal(v.strings())
	case typeFrame:
		return json.Marshal(v.Frame())
	}
	return json.Marshal(v.string())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(b []byte) error {
	*v = Value{}
	if len(b) == 0 {
		return nil
	}
	switch b[0] {
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		*v = String(s)
		return err
	case '[':
		var l []string
		err := json.Unmarshal(b, &l)
		*v = Strings(l)
		return err
	case '{':
		var f Frame
		err := json.Unmarshal(b, &f)
		*v = FrameOf(&f)
		return err
	case 't', 'f':
		*v = Bool(b[0] == 't')
		return nil
	}
	v.typ = typeInt
	return json.Unmarshal(b, &v.num)
}

// Add appends a string attribute unless it is empty.
func (a *Attrs) Add(key, s string) {
	if s != "" {
		*a = append(*a, Attr{key, String(s)})
	}
}

// AddInt appends an integer attribute.
func (a *Attrs) AddInt(key string, n int64) { *a = append(*a, Attr{key, Int(n)}) }

// AddBool appends a boolean attribute.
func (a *Attrs) AddBool(key string, b bool) { *a = append(*a, Attr{key, Bool(b)}) }

// AddValue appends an attribute of any type.
func (a *Attrs) AddValue(key string, v Value) { *a = append(*a, Attr{key, v}) }

// Lookup returns the value of key and whether it is there.
func (a Attrs) Lookup(key string) (Value, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return Value{}, false
}

// Get returns the value of key as text, "" if it is not there.
func (a Attrs) Get(key string) string {
	v, _ := a.Lookup(key)
	return v.String()
}

// GetInt returns the value of key as an integer, 0 if it is none.
func (a Attrs) GetInt(key string) int64 {
	v, _ := a.Lookup(key)
	n, _ := v.Int()
	return n
}

// Clone returns a copy that shares no memory with a. Keys are constants and
// stay shared.
func (a Attrs) Clone() Attrs {
	if len(a) == 0 {
		return nil
	}
	c := make(Attrs, len(a))
	for i := range a {
		c[i] = a[i]
		switch v := &c[i].Value; v.typ {
		case typeString:
			*v = String(own(v.string()))
		case typeStrings:
			l := make([]string, v.num)
			for k, s := range v.strings() {
				l[k] = own(s)
			}
			*v = Strings(l)
		case typeFrame:
			f := *v.Frame()
			f.Function, f.File = own(f.Function), own(f.File)
			*v = FrameOf(&f)
		}
	}
	return c
}

// MarshalJSON writes the attributes as one object, in order.
func (a Attrs) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := range a {
		if i > 0 {
			b = append(b, ',')
		}
		k, err := json.Marshal(a[i].Key)
		if err != nil {
			return nil, err
		}
		v, err := a[i].Value.MarshalJSON()
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, k...), ':'), v...)
	}
	return append(b, '}'), nil
}

// own copies s out of a buffer that may be used again.
func own(s string) string { return strings.Clone(s) }
