package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culprit"
	"culprit/internal/report"
	"culprit/internal/store"
	"culprit/internal/terminal"
)

// reportFlags are the flags of `culprit report`.
type reportFlags struct {
	output      string
	showClients bool
	showSecrets bool
	host        string
}

func newReportCommand(f *flags) *cobra.Command {
	r := &reportFlags{}
	cmd := &cobra.Command{
		Use:   "report INCIDENT",
		Short: "Write a postmortem of an incident",
		Long: `Report writes a postmortem of one incident: summary, impact, root cause and
trigger, timeline, evidence, what was ruled out and what could not be seen,
proposed actions, and places for people to fill in, marked TODO(human).

INCIDENT is the id of an incident in the store, "last" for the newest one there,
or a file or folder of logs or -, which is read once and not stored; of that the
incident that goes on is reported, else the newest.

Tokens, passwords, cookies, e-mail addresses and the addresses of clients are
replaced, and the report says how many of each.`,
		Example: `  culprit report last -o outage.html
  culprit report ./logs-from-customer --format md
  culprit report 7f3a91c2 --format json`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return writeReport(cmd, f, r, args[0]) },
	}
	cmd.Flags().StringVarP(&r.output, "output", "o", "", "write to this file; its ending names the format")
	cmd.Flags().BoolVar(&r.showClients, "show-clients", false, "leave the addresses of clients in")
	cmd.Flags().BoolVar(&r.showSecrets, "show-secrets", false, "leave tokens, passwords, cookies and e-mail addresses in")
	cmd.Flags().StringVar(&r.host, "host", "", "name of the machine that the logs are of")
	return cmd
}

func writeReport(cmd *cobra.Command, f *flags, r *reportFlags, incident string) error {
	format, err := r.format(f.format, cmd.Flags().Changed("format"))
	if err != nil {
		return err
	}
	now := time.Now()
	rep, inc, zone, err := findIncident(cmd.Context(), f, incident, now)
	if err != nil {
		return err
	}
	if others := len(rep.Incidents) - 1; others > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "culprit: reporting %s, the others (%d) with --at or --until\n", inc.Start.In(zone).Format("2006-01-02 15:04:05"), others)
	}
	o := report.Options{Zone: zone, Now: now, Host: r.host, Secrets: r.showSecrets, ShowClients: r.showClients}
	var b bytes.Buffer
	if err := report.Write(&b, format, rep, inc, o); err != nil {
		return err
	}
	if r.output == "" || r.output == "-" {
		if format == "html" && terminal.Of(os.Stdout, os.Getenv).Width > 0 {
			return errors.New("HTML is not for a terminal: name a file with -o")
		}
		_, err := cmd.OutOrStdout().Write(b.Bytes())
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	}
	if err := replaceFile(r.output, b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "culprit: wrote %s\n", terminal.EscapeLine(r.output))
	return nil
}

// format is what --format names, else what the ending of the output file does,
// else Markdown.
func (r *reportFlags) format(flag string, given bool) (string, error) {
	if !given {
		ending := strings.TrimPrefix(strings.ToLower(filepath.Ext(r.output)), ".")
		switch ending {
		case "htm":
			ending = "html"
		case "markdown", "txt", "":
			ending = "md"
		}
		flag = ending
	}
	if !slices.Contains(report.Formats, flag) {
		return "", fmt.Errorf("%q is no format of a report: use --format %s", flag, strings.Join(report.Formats, ", "))
	}
	return flag, nil
}

// findIncident looks an incident up: in logs if there is a file or folder of that
// name, else in the store. It returns the report that it is part of and the zone to
// write times in.
func findIncident(ctx context.Context, f *flags, name string, now time.Time) (*culprit.Report, *culprit.Incident, *time.Location, error) {
	zone, err := f.zone()
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := os.Stat(name); err == nil || name == "-" {
		a, err := analyse(ctx, question{paths: []string{name}, zone: zone, window: f, now: now})
		if err != nil {
			return nil, nil, nil, err
		}
		tell, others := report.Select(a.report, false)
		if all := slices.Concat(tell, others); len(all) > 0 {
			return a.report, all[0], a.zone, nil
		}
		if !a.covered {
			return nil, nil, nil, fmt.Errorf("nothing in %s tells whether requests failed: culprit why says what is missing", name)
		}
		return nil, nil, nil, fmt.Errorf("no request failed in %s: there is nothing to report: %w", name, culprit.ErrNotFound)
	}
	if f.bounded() {
		return nil, nil, nil, fmt.Errorf("%q is no file: --since, --until and --at go with logs, not with a stored incident", name)
	}
	if zone == nil {
		zone = time.Local
	}
	dir, err := f.folder()
	if err != nil {
		return nil, nil, nil, err
	}
	inc, err := storedIncident(ctx, dir, name)
	if errors.Is(err, culprit.ErrNotFound) && name != "last" {
		if _, e := os.Stat(dir); e == nil {
			err = fmt.Errorf("%q is no file, and no incident in %s has that id: %w", name, dir, culprit.ErrNotFound)
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	gaps, err := openGaps(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	return &culprit.Report{Version: 1, Incidents: []*culprit.Incident{inc}, Gaps: gaps.near(inc)}, inc, zone, nil
}

// storedIncident reads an incident from the store in dir, or from the service
// that has it open.
func storedIncident(ctx context.Context, dir, id string) (*culprit.Incident, error) {
	if a := dialService(ctx, socketIn(dir)); a != nil {
		defer a.Close()
		return a.incident(ctx, id)
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%q is no file, and there is no store in %s: import logs first, or name a folder of logs: %w", id, dir, culprit.ErrNotFound)
	}
	s, err := openStore(ctx, dir, store.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if id != "last" {
		return s.Incident(ctx, id)
	}
	list, err := s.Incidents(ctx, store.IncidentFilter{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the store in %s holds no incident: %w", dir, culprit.ErrNotFound)
	}
	return list[0], nil
}

// replaceFile writes a file that only its owner may read, whole or not at all.
func replaceFile(path string, b []byte) error {
	t, err := os.CreateTemp(filepath.Dir(path), ".culprit-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(t.Name()) }() // gone if it was renamed
	_, err = t.Write(b)
	if err := errors.Join(err, t.Close()); err != nil {
		return err
	}
	return os.Rename(t.Name(), path)
}
