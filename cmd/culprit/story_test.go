package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"culprit"
	"culprit/correlate"
	"culprit/correlate/eval"
	"culprit/internal/report"
	"culprit/internal/terminal"
)

// TestCaptures holds the analysis to everything that is known about the
// captures of the project, in every view, and the record of its verdicts to what
// they give.
func TestCaptures(t *testing.T) {
	captures, err := eval.Load("../../correlate/testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var total eval.Score
	t.Run("all", func(t *testing.T) {
		for _, c := range captures {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				rows := scoreViews(t, c)
				mu.Lock()
				defer mu.Unlock()
				for _, r := range rows {
					total.Add(r)
				}
			})
		}
	})
	for _, tier := range []culprit.Tier{culprit.TierProven, culprit.TierLikely} {
		right, of := correlate.Tally(tier)
		if got := total.Tiers[tier]; got.Right != right || got.Of != of {
			t.Errorf("%s: %d of %d right, the program says %d of %d", tier, got.Right, got.Of, right, of)
		}
	}
}

func TestExamples(t *testing.T) {
	captures, err := eval.Load("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range captures {
		t.Run(c.Name, func(t *testing.T) { scoreViews(t, c) })
	}
}

// scoreViews analyses every view of a capture, with its zone and without, and
// returns the rows of the latter.
func scoreViews(t *testing.T, c *eval.Capture) (rows []*eval.Row) {
	for _, v := range c.Views() {
		for _, zone := range []string{c.Truth.Zone, ""} {
			q := question{paths: v.Paths}
			if zone != "" {
				loc, err := time.LoadLocation(zone)
				if err != nil {
					t.Fatal(err)
				}
				q.zone = loc
			}
			a, err := analyse(context.Background(), q)
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			row := eval.Compare(c, v.Name, a.report)
			for _, p := range row.Problems {
				t.Errorf("%s, zone %q: %s", v.Name, zone, p)
			}
			if zone == "" {
				rows = append(rows, row)
			}
		}
	}
	return rows
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
