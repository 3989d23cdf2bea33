package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"culprit/correlate/eval"
	"culprit/internal/report"
	"culprit/internal/terminal"
)

// TestCaptures holds the analysis to everything that is known about the
// captures of the project, in every view.
func TestCaptures(t *testing.T) {
	for _, dir := range []string{"../../correlate/testdata/captures", "../../examples"} {
		captures, err := eval.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range captures {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				for _, v := range c.Views() {
					for _, zone := range []string{"", c.Truth.Zone} {
						q := question{paths: v.Paths}
						if zone != "" {
							if q.zone, err = time.LoadLocation(zone); err != nil {
								t.Fatal(err)
							}
						}
						a, err := analyse(context.Background(), q)
						if err != nil {
							t.Fatalf("%s: %v", v.Name, err)
						}
						for _, p := range eval.Compare(c, v.Name, a.report).Problems {
							t.Errorf("%s, zone %q: %s", v.Name, zone, p)
						}
					}
				}
			})
		}
	}
}

// TestREADME: the output in the README is the program's.
func TestREADME(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const command = "$ culprit why examples/latent-deploy\n\n"
	_, block, ok := strings.Cut(string(readme), command)
	if !ok {
		t.Fatalf("README.md does not show %q", command)
	}
	block, _, _ = strings.Cut(block, "\n```")
	a, err := analyse(context.Background(), question{paths: []string{"examples/latent-deploy"}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = report.Text(&out, a.report, report.TextOptions{Screen: terminal.Screen{Width: 80}, Zone: a.zone, Now: a.newest, Exit: exitIncident})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSpace(out.String())
	if !strings.HasPrefix(got, strings.TrimSpace(block)) {
		t.Errorf("the README shows\n%s\nand the program prints\n%s", block, got)
	}
}
