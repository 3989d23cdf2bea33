package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"culprit/internal/config"
	"culprit/internal/query"
)

// flags are the flags that several commands share.
type flags struct {
	since, until, at string
	tz               string
	config           string
	dataDir          string
	format           string
}

func newRootCommand() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:           "culprit",
		Short:         "Why did users get 502s, what proves it, and what would have prevented it?",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if f.bounded() && !slices.Contains([]string{"why", "search", "report", "import"}, cmd.Name()) {
			return fmt.Errorf("%s takes no --since, --until or --at; why, search and report do", cmd.CommandPath())
		}
		return nil
	}
	root.SuggestionsMinimumDistance = 2 // letters that may be wrong
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	p := root.PersistentFlags()
	p.StringVar(&f.since, "since", "", "begin of the window: 2026-11-22 08:00, 08:00, 2h (ago)")
	p.StringVar(&f.until, "until", "", "end of the window")
	p.StringVar(&f.at, "at", "", "a moment; the window is an hour to either side")
	p.StringVar(&f.tz, "tz", "", "zone of times that state none, such as Europe/Berlin (default: found out)")
	p.StringVar(&f.config, "config", "", "configuration file")
	p.StringVar(&f.dataDir, "data-dir", "", "folder of the store")
	p.StringVar(&f.format, "format", "text", "text or json")
	root.AddCommand(
		newWhyCommand(f),
		newParseCommand(f),
		newEvalCommand(f),
		newReportCommand(f),
		newImportCommand(f),
		newSearchCommand(f),
		newServeCommand(f),
		newSourcesCommand(f),
		newDoctorCommand(f),
		newDemoCommand(f),
	)
	return root
}

// unknownCommand refuses what is no command and says what may have been meant.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	do := "culprit --help lists them"
	if _, err := os.Stat(args[0]); err == nil {
		do = "did you mean culprit why " + args[0] + "?"
	} else if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		do = "did you mean culprit " + near[0] + "?"
	}
	return fmt.Errorf("%q is no command; %s", args[0], do)
}

// many is no bound of arguments.
const many = 1 << 20

// takes bounds the arguments of a command.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("nothing was named; the form is: %s", cmd.UseLine())
		case len(args) > most:
			return fmt.Errorf("%q is one too many; the form is: %s", args[most], cmd.UseLine())
		}
		return nil
	}
}

// json reports whether the output is for a machine.
func (f *flags) json() (bool, error) {
	switch f.format {
	case "text", "":
		return false, nil
	case "json":
		return true, nil
	}
	return false, fmt.Errorf("--format %s is not known: use text or json", f.format)
}

// zone reads --tz; nil if it was not given.
func (f *flags) zone() (*time.Location, error) {
	if f.tz == "" {
		return nil, nil
	}
	z, err := config.ParseZone(f.tz)
	if err != nil {
		return nil, fmt.Errorf("--tz: %w", err)
	}
	return z, nil
}

// window reads --since, --until and --at; zero times are no bound. Clock times and
// spans are as of now, dates without an offset are in zone.
func (f *flags) window(now time.Time, zone *time.Location) (since, until time.Time, err error) {
	if f.at != "" {
		if f.since != "" || f.until != "" {
			return since, until, fmt.Errorf("--at goes without --since and --until")
		}
		t, err := moment("--at", f.at, now, zone)
		return t.Add(-time.Hour), t.Add(time.Hour), err
	}
	if f.since != "" {
		if since, err = moment("--since", f.since, now, zone); err != nil {
			return since, until, err
		}
	}
	if f.until != "" {
		if until, err = moment("--until", f.until, now, zone); err != nil {
			return since, until, err
		}
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, fmt.Errorf("--since %s is not before --until %s", f.since, f.until)
	}
	return since, until, nil
}

// bounded reports whether a window was asked for.
func (f *flags) bounded() bool { return f != nil && (f.since != "" || f.until != "" || f.at != "") }

// moment reads a point in time.
func moment(flag, s string, now time.Time, zone *time.Location) (time.Time, error) {
	t, err := query.ParseTime(s, now, zone)
	if err != nil {
		return t, fmt.Errorf("%s %q is no time: use 2026-11-22 08:00, 08:00 or 2h", flag, s)
	}
	return t, nil
}
