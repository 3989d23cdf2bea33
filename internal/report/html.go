package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"culprit"
)

//go:embed report.html.tmpl
var htmlText string

//go:embed report.css
var css string

var htmlTemplate = template.Must(template.New("report").Parse(htmlText))

// stylePolicy allows the one style sheet of a report by its hash; the page may
// load, run and send nothing else.
var stylePolicy = func() string {
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

// HTML writes the postmortem of an incident of rep as one file: no script, no
// request to anywhere, the timeline as inline SVG, light and dark, for the screen
// and for paper. It is redacted as the options say.
func HTML(w io.Writer, rep *culprit.Report, inc *culprit.Incident, o Options) error {
	page := struct {
		*document
		CSS    template.CSS
		Policy string
	}{newDocument(rep, inc, o), template.CSS(css), stylePolicy} // our own style sheet
	var b bytes.Buffer
	if err := htmlTemplate.Execute(&b, page); err != nil {
		return fmt.Errorf("render report: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
