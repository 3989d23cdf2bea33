package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"culprit"
	"culprit/internal/report"
	"culprit/internal/terminal"
)

func newWhyCommand(f *flags) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "why [PATH...]",
		Short: "Explain the failed requests in logs, or on this machine",
		Long: `Why reads logs once and explains the failed requests in them: what users saw,
what took the upstream down, what proves it, what was ruled out.

PATH is a file, a folder, a journal, an archive, or - for standard input.
Without a PATH it looks at this machine: the last 24 hours, or the window that
--since, --until or --at name. In logs of a PATH a clock time is of their last
day, and 2h is two hours before their end. Nothing is stored, nothing is changed.

It tells the incident that goes on, else the newest of the last 24 hours of the
logs, and the others in one line each.

Exit code: 0 no request failed, 1 an incident, 2 could not run, 3 cannot tell
because what would be needed could not be read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return why(cmd, f, args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "tell every incident in full")
	return cmd
}

func why(cmd *cobra.Command, f *flags, paths []string, all bool) error {
	asJSON, err := f.json()
	if err != nil {
		return err
	}
	now := time.Now()
	q := question{paths: paths, window: f, now: now}
	if q.zone, err = f.zone(); err != nil {
		return err
	}
	if slices.Contains(paths, "-") && terminal.Of(os.Stdin, os.Getenv).Width > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "culprit: reading what is typed or pasted here; Ctrl-D ends it")
	}
	a, err := analyse(cmd.Context(), q)
	if err != nil {
		return err
	}
	code := exitOK
	switch {
	case len(a.report.Incidents) > 0:
		code = exitIncident
	case !a.covered:
		code = exitUnknown
	}
	out := cmd.OutOrStdout()
	if asJSON {
		err = writeJSON(out, a.report, all)
	} else {
		for _, n := range a.notices {
			fmt.Fprintln(cmd.ErrOrStderr(), "culprit: "+terminal.EscapeLine(n))
		}
		err = report.Text(out, a.report, report.TextOptions{
			Screen: terminal.Of(os.Stdout, os.Getenv), Zone: a.zone, All: all, Now: now, Elapsed: time.Since(now), Exit: code,
		})
	}
	if err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	if code != exitOK {
		return exitCode(code)
	}
	return nil
}

// writeJSON prints the report; without all only the incidents that text tells.
func writeJSON(w io.Writer, rep *culprit.Report, all bool) error {
	r := *rep
	if !all {
		tell, _ := report.Select(rep, false)
		r.Incidents = slices.Clone(tell)
	}
	if r.Incidents == nil {
		r.Incidents = []*culprit.Incident{}
	}
	return report.WriteJSON(w, &r)
}
