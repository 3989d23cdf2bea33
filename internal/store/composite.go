package store

import (
	"encoding/binary"

	"culprit"
)

// appendComposite writes a list of strings, or a frame, byte for byte.
func appendComposite(dst []byte, v culprit.Value) []byte {
	if f := v.Frame(); f != nil {
		dst = appendString(dst, f.Function)
		dst = appendString(dst, f.File)
		dst = binary.AppendVarint(dst, int64(f.Line))
		dst = binary.AppendVarint(dst, int64(f.Column))
		if f.Async {
			return append(dst, 1)
		}
		return append(dst, 0)
	}
	list := v.List()
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}

// parseComposite reads what appendComposite wrote, an empty value if that makes no
// sense. It shares the memory of b.
func parseComposite(typ culprit.ValueType, b []byte) culprit.Value {
	r := reader{b: b}
	if typ == culprit.TypeFrame {
		f := culprit.Frame{Function: view(r.bytes()), File: view(r.bytes()), Line: int(r.varint()), Column: int(r.varint()), Async: r.byte() == 1}
		if r.bad {
			f = culprit.Frame{}
		}
		return culprit.FrameOf(&f)
	}
	list := make([]string, r.count())
	for i := range list {
		list[i] = view(r.bytes())
	}
	if r.bad {
		list = nil
	}
	return culprit.Strings(list)
}
