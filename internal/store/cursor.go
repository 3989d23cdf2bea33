package store

import (
	"strconv"
	"strings"
)

// ParseCursor returns the sequence number of a journal's cursor (its field i, in
// hexadecimal) and the id of the sequence that it counts in (s). The format is
// systemd's and stable enough for its own tools: "s=...;i=...;b=...".
func ParseCursor(cursor string) (sequence string, number int64, ok bool) {
	for part := range strings.SplitSeq(cursor, ";") {
		switch {
		case strings.HasPrefix(part, "s="):
			sequence = part[2:]
		case strings.HasPrefix(part, "i="):
			n, err := strconv.ParseInt(part[2:], 16, 64)
			if err != nil {
				return "", 0, false
			}
			number, ok = n, true
		}
	}
	return sequence, number, ok && sequence != ""
}

// formatCursor is the shortest cursor that journalctl takes for the same entry.
func formatCursor(sequence string, number int64) string {
	return "s=" + sequence + ";i=" + strconv.FormatInt(number, 16)
}
