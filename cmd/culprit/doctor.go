package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"culprit/internal/terminal"
)

func newDoctorCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check whether the logs of this machine would explain an outage",
		Long: `Doctor checks what an explanation needs: that nginx's logs and the journal can be
read and say enough, that the kernel's messages are seen, that times can be told,
that there is room on the disk, and that the store is sound. For what is not as it
should be it prints the command that mends it; it changes nothing itself.

Exit code: 0 nothing failed (there may be warnings), 1 a check failed, 2 could not run.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return doctor(cmd, f) },
	}
}

// A checkState says how a check ended.
type checkState string

const (
	checkOK      checkState = "ok"
	checkWarning checkState = "warning" // an explanation will be less sure
	checkFailed  checkState = "failed"  // there will be none
	checkSkipped checkState = "skipped" // it does not apply here
)

// A check is one finding.
type check struct {
	Name   string     `json:"name"`
	State  checkState `json:"state"`
	Text   string     `json:"text"`
	Remedy string     `json:"remedy"` // a command or a line of configuration
}

func doctor(cmd *cobra.Command, f *flags) error {
	asJSON, err := f.json()
	if err != nil {
		return err
	}
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	m := &machine{cfg: cfg}
	m.load()
	var list []check
	for _, look := range []func(context.Context, *machine) []check{
		checkNginxLogs, checkAccessFormat, checkErrorLevel, checkJournal, checkKernel, checkConfiguration, checkZone, checkDisk, checkStore,
	} {
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		list = append(list, look(cmd.Context(), m)...)
	}
	failed := 0
	for _, c := range list {
		if c.State == checkFailed {
			failed++
		}
	}
	if asJSON {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"version": 1, "ok": failed == 0, "checks": list})
	} else {
		err = printChecks(cmd.OutOrStdout(), list)
	}
	if err != nil {
		return err
	}
	if failed > 0 {
		return exitCode(1)
	}
	return nil
}

func printChecks(w io.Writer, list []check) error {
	out := bufio.NewWriter(w)
	count := map[checkState]int64{}
	for _, c := range list {
		count[c.State]++
		fmt.Fprintf(out, "%-8s %s\n", c.State, terminal.EscapeLine(c.Text))
		if c.Remedy != "" {
			fmt.Fprintf(out, "         %s\n", terminal.EscapeLine(c.Remedy))
		}
	}
	switch {
	case count[checkFailed] > 0:
		fmt.Fprintf(out, "\n%s failed: an outage could not be explained\n", plural(count[checkFailed], "check"))
	case count[checkWarning] > 0:
		fmt.Fprintf(out, "\n%s: an outage will be explained, less surely than it could be\n", plural(count[checkWarning], "warning"))
	default:
		fmt.Fprintln(out, "\nall is well")
	}
	return out.Flush()
}
