package parsers

import (
	"bytes"
	"slices"
	"testing"
)

// TestSigns: no format peels a line of the golden files, or what stands behind
// a piece of it, that has none of the signs it declares.
func TestSigns(t *testing.T) {
	var c clock
	for _, log := range goldenLogs(t) {
		for line := range bytes.Lines(log.data) {
			line = bytes.TrimRight(line, "\r\n")
			for range 12 {
				for _, lead := range []string{"", "> ", "    "} {
					b := append([]byte(lead), line...)
					if len(b) == 0 || !unpeeled(b) {
						continue
					}
					for _, f := range slices.Concat(transportsByFirst[b[0]], innerByFirst[b[0]]) {
						if e := (Envelope{}); f.peel(&c, b, &e) {
							t.Errorf("%s: %s peels %q", log.path, f.name, b)
						}
					}
				}
				_, rest, ok := bytes.Cut(line, []byte(" "))
				if !ok {
					break
				}
				line = rest
			}
		}
	}
}

func TestUnpeeled(t *testing.T) {
	for _, line := range []string{"    throw er; // Unhandled 'error' event", "  errno: -111,", "  address: '127.0.0.1',", "Node.js v24.21.0", "Error: connect ECONNREFUSED 127.0.0.1:5432", "}", "^", "- /srv/app/main.js"} {
		if !unpeeled([]byte(line)) {
			t.Errorf("%q may be peeled", line)
		}
	}
	for _, line := range []string{" 10", "> 10", "Nov 22 10:00:00 web-01 app: x", "{", "web | x", "a\tb", "2026"} {
		if unpeeled([]byte(line)) {
			t.Errorf("%q is not peeled", line)
		}
	}
}
