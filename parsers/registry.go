package parsers

// The lists that a stream works with, in the order in which they are tried.
// They are set in init since parsers may parse what is inside of their bodies.
var (
	formats []*format
	rules   []*rule
	bodies  []body
)

// byFirst holds the formats that may peel a line by its first byte, transports
// and others apart.
var byFirst, byFirstInner [256][]*format

func init() {
	// One line each: the list of a file that has several.
	for _, l := range [][]*format{
		textFormats,
		nginxFormats,
	} {
		formats = append(formats, l...)
	}
	for _, l := range [][]*rule{} {
		rules = append(rules, l...)
	}
	for _, l := range [][]body{} {
		bodies = append(bodies, l...)
	}

	for _, f := range formats {
		table := &byFirstInner
		if f.transport {
			table = &byFirst
		}
		for b := range 256 {
			if f.first == "" || contains(f.first, byte(b)) {
				table[b] = append(table[b], f)
			}
		}
	}
}

func contains(s string, b byte) bool {
	for i := range len(s) {
		if s[i] == b {
			return true
		}
	}
	return false
}

// formatOf returns the format of a name, nil if there is none.
func formatOf(name string) *format {
	for _, f := range formats {
		if f.name == name {
			return f
		}
	}
	return nil
}
