package parsers

import "strings"

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
		bodies = append(bodies, list...)
	}

	for _, f := range formats {
		table := &byFirstInner
		if f.transport {
			table = &byFirst
		}
		for b := range 256 {
			if f.first == "" || strings.IndexByte(f.first, byte(b)) >= 0 {
				table[b] = append(table[b], f)
			}
		}
	}
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
