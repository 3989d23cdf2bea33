package parsers

import (
	"cmp"
	"slices"
	"strings"
)

// The lists that a stream works with, in the order in which they are tried.
// They are set in init since parsers may parse what is inside of their bodies.
var (
	formats []*format
	rules   []*rule
	bodies  []*body
)

// The same by the first byte of a text: those that may know it. Of the formats
// transports and others are apart.
var (
	transportsByFirst, innerByFirst [256][]*format
	rulesByFirst                    [256][]*rule
	bodiesByFirst                   [256][]*body
)

func init() {
	// One line each: the list of a file.
	for _, list := range [][]*format{
		{journalJSON},
		containerFormats,
		syslogFormats,
		{dmesgFormat, verboseFormat},
		nginxErrorFormats,
		nginxAccessFormats,
		systemFormats,
		loggerFormats,
		{timedFormat},
	} {
		formats = append(formats, list...)
	}
	for _, list := range [][]*rule{systemRules, nodeRules} {
		rules = append(rules, list...)
	}
	for _, list := range [][]body{traceBodies, systemBodies, nodeBodies} {
		for i := range list {
			bodies = append(bodies, &list[i])
		}
	}

	for _, f := range formats {
		if f.transport {
			enter(&transportsByFirst, f, f.first)
		} else {
			enter(&innerByFirst, f, f.first)
		}
	}
	for b := range signsByFirst {
		for _, f := range slices.Concat(transportsByFirst[b], innerByFirst[b]) {
			signsByFirst[b] |= cmp.Or(f.signs, signAny)
		}
	}
	for _, r := range rules {
		enter(&rulesByFirst, r, r.first)
	}
	for _, b := range bodies {
		enter(&bodiesByFirst, b, b.first)
	}
}

// enter appends v to the lists of the bytes in first, to all for "".
func enter[T any](table *[256][]T, v T, first string) {
	for b := range table {
		if first == "" || strings.IndexByte(first, byte(b)) >= 0 {
			table[b] = append(table[b], v)
		}
	}
}

// What the members of the lists declare as first bytes.
const (
	digitBytes = "0123456789"
	spaceBytes = " \t"
)

var letterBytes = letters() // those of isLetter

func letters() string {
	var all []byte
	for b := range 256 {
		if isLetter(byte(b)) {
			all = append(all, byte(b))
		}
	}
	return string(all)
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
