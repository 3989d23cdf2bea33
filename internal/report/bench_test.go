package report_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"culprit"
	"culprit/internal/report"
	"culprit/internal/terminal"
)

func BenchmarkReport(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("testdata", "oom_kill.json"))
	if err != nil {
		b.Fatal(err)
	}
	rep := new(culprit.Report)
	if err := json.Unmarshal(text, rep); err != nil {
		b.Fatal(err)
	}
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := report.Text(io.Discard, rep, report.TextOptions{Screen: terminal.Screen{Width: 80, Color: true}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f.write(io.Discard, rep, rep.Incidents[0], report.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
