package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"culprit/correlate/eval"
)

func newEvalCommand(f *flags) *cobra.Command {
	var noZone bool
	cmd := &cobra.Command{
		Use:   "eval DIR",
		Short: "Score the verdicts on captures whose truth is known",
		Long: `Eval runs the analysis of why on every capture in DIR (a folder with truth.json
and logs/) and compares it with the truth: incidents found, verdict, service,
decisive line, start, chain, missed and invented ones, and for each tier of
confidence how often it was right.

Exit code 1 if anything is missed, wrong or invented.`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := f.json()
			if err != nil {
				return err
			}
			captures, err := eval.Load(args[0])
			if err != nil {
				return err
			}
			var total eval.Score
			for _, c := range captures {
				for _, view := range c.Views() {
					q := question{paths: view.Paths}
					if !noZone {
						if q.zone, err = time.LoadLocation(c.Truth.Zone); err != nil {
							return fmt.Errorf("read the zone of %s: %w", c.Name, err)
						}
					}
					a, err := analyse(cmd.Context(), q)
					if err != nil {
						return fmt.Errorf("analyse %s, view %s: %w", filepath.Base(c.Dir), view.Name, err)
					}
					row := eval.Compare(c, view.Name, a.report)
					total.Add(row)
					if !asJSON {
						row.WriteText(cmd.OutOrStdout())
					}
				}
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", " ")
				err = enc.Encode(&total)
			} else {
				err = total.WriteText(cmd.OutOrStdout())
			}
			if err != nil {
				return fmt.Errorf("write the score: %w", err)
			}
			if !total.Perfect() {
				return exitCode(exitIncident)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&noZone, "no-tz", false, "let the program find the zone out by itself")
	cmd.SetOut(os.Stdout)
	return cmd
}
