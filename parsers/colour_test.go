package parsers

import (
	"bytes"
	"testing"
)

func TestPrintable(t *testing.T) {
	for n := range 20 {
		line := bytes.Repeat([]byte(" ~"), n)
		if !printable(line) {
			t.Errorf("%q is not printable", line)
		}
		for i := range line {
			for b := range 256 {
				odd := bytes.Clone(line)
				odd[i] = byte(b)
				if got, want := printable(odd), b >= 0x20 && b < 0x80; got != want {
					t.Fatalf("printable(%q) = %v", odd, got)
				}
			}
		}
	}
}
