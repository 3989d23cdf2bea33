package report

import (
	"fmt"
	"io"

	"culprit"
)

// Formats are those of [Write].
var Formats = []string{"md", "html", "json"}

// Write writes the postmortem of an incident of rep in one of Formats. rep may be
// nil if only the incident is known.
func Write(w io.Writer, format string, rep *culprit.Report, inc *culprit.Incident, o Options) error {
	if rep == nil {
		rep = &culprit.Report{Version: 1, Incidents: []*culprit.Incident{inc}}
	}
	switch format {
	case "md":
		return Markdown(w, rep, inc, o)
	case "html":
		return HTML(w, rep, inc, o)
	case "json":
		return JSON(w, rep, inc, o)
	}
	return fmt.Errorf("%q is no format of a report", format)
}
