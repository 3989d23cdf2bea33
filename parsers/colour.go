package parsers

import "encoding/binary"

// printable reports whether a short line holds nothing but printable ASCII, as
// nearly all do: such a line is shown as it stands. For long ones the passes that
// this spares cost less.
func printable(line []byte) bool {
	if len(line) > 128 {
		return false
	}
	const ones = 0x0101010101010101
	// The highest bit of each byte that is none.
	var odd uint64
	if n := len(line); n >= 8 { // the last eight bytes may overlap those before
		for i := 0; i+8 < n; i += 8 {
			x := binary.LittleEndian.Uint64(line[i:])
			odd |= x | (x - 0x20*ones)
		}
		x := binary.LittleEndian.Uint64(line[n-8:])
		odd |= x | (x - 0x20*ones)
		return odd&(0x80*ones) == 0
	}
	for _, b := range line {
		odd |= uint64(b | (b - 0x20))
	}
	return odd&(0x80*ones) == 0
}

// appendVisible appends line without NULs and terminal sequences (CSI and OSC).
func appendVisible(dst, line []byte) []byte {
	for i := 0; i < len(line); {
		b := line[i]
		switch {
		case b == 0:
			i++
		case b == 0x1b:
			i += escapeLen(line[i:])
		default:
			dst = append(dst, b)
			i++
		}
	}
	return dst
}

// escapeLen returns the length of the terminal sequence at the start of b.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 1
	}
	switch b[1] {
	case '[':
		if n := csiLen(b[2:]); n > 0 {
			return 2 + n
		}
		return 2
	case ']': // OSC: up to BEL or ESC \
		for i := 2; i < len(b) && i < 512; i++ {
			if b[i] == 7 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
		}
		return 2
	case '(', ')':
		return min(3, len(b))
	}
	return 1
}

// csiLen returns the length of the rest of a control sequence (parameters and
// the final byte), 0 if it is none.
func csiLen(b []byte) int {
	for i := 0; i < len(b) && i < 64; i++ {
		switch c := b[i]; {
		case c >= 0x20 && c < 0x40: // parameters and intermediates
		case c >= 0x40 && c < 0x7f:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}
