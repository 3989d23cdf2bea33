package parsers

// No format peels what stands around the calls of a stack: the excerpt of the
// source, the properties of the error. To learn that from each format in turn
// costs more than all else that is done about such a line. So formats declare
// what their lines cannot do without, and one pass over a line shows that
// nothing of it is there.

// A signSet is a set of signs of a line.
type signSet uint8

const (
	signLead    signSet = 1 << iota // a digit comes first, behind spaces and marks of quotation
	signTime                        // the first colon stands behind a digit, as in a time of day
	signColon                       // :
	signBracket                     // [
	signBar                         // |
	signField                       // = or a tab
	signAngle                       // <
	signAny                         // of every line
)

// signOf holds the signs that a byte alone gives.
var signOf = [256]signSet{':': signColon, '[': signBracket, '|': signBar, '=': signField, '\t': signField, '<': signAngle}

// signsByFirst are the signs by the first byte of a line of which each line
// that a format peels has one.
var signsByFirst [256]signSet

// unpeeled reports whether a line has none of the signs of the formats that
// peel lines with its first byte. Formats of Options.LogFormat have no signs.
func unpeeled(line []byte) bool {
	wanted := signsByFirst[line[0]]
	if wanted&signAny != 0 {
		return false
	}
	i := 0
	for i < len(line) && (line[i] == ' ' || line[i] == '>') {
		i++
	}
	if wanted&signLead != 0 && i < len(line) && digit(line[i]) {
		return false
	}
	for colons := 0; i < len(line); i++ {
		sign := signOf[line[i]]
		if sign == signColon {
			if colons++; colons == 1 && i > 0 && digit(line[i-1]) {
				sign |= signTime
			}
		}
		if sign&wanted != 0 {
			return false
		}
	}
	return true
}
