package store

import "unsafe"

// view returns b as a string that shares its memory.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// viewString returns the bytes of s, which must not be changed.
func viewString(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
