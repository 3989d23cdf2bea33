package parsers

import "slices"

// Formats returns the names that [Options].Format may have and that
// [Stream.Format] and [Detect] give: formats of lines first, then the parsers
// that know the bodies of records, each in the order in which they are tried.
func Formats() []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, f := range formats {
		add(f.name)
	}
	for _, b := range bodies {
		add(b.name)
	}
	return names
}
