package webtest

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"culprit"
	"culprit/web"
)

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>{{.Title}}</title><h1>{{.Title}}</h1>{{range .Causes}}{{range .Evidence}}<pre>{{.Text}}</pre>{{end}}{{end}}`))

// Report is a short [web.ReportFunc].
func Report(w io.Writer, inc *culprit.Incident, o web.ReportOptions) error {
	switch o.Format {
	case "html":
		return page.Execute(w, inc)
	case "json":
		return json.NewEncoder(w).Encode(inc)
	}
	_, err := fmt.Fprintf(w, "# %s\n\nTODO(human)\n", inc.Title)
	return err
}
