package webtest

import (
	"io"

	"culprit"
	"culprit/internal/report"
	"culprit/web"
)

// Report is the [web.ReportFunc] of the recorded morning.
func Report(w io.Writer, inc *culprit.Incident, o web.ReportOptions) error {
	rep := &culprit.Report{Version: 1, Incidents: []*culprit.Incident{inc}}
	opts := report.Options{Zone: o.Zone, Now: Outage, Host: "web-01", ShowClients: !o.HideClients}
	switch o.Format {
	case "html":
		return report.HTML(w, rep, inc, opts)
	case "json":
		return report.JSON(w, rep, inc, opts)
	}
	return report.Markdown(w, rep, inc, opts)
}
