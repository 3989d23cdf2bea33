package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"culprit"
	"culprit/ingest"
	"culprit/internal/terminal"
	"culprit/parsers"
)

func newParseCommand(f *flags) *cobra.Command {
	var sourceType string
	cmd := &cobra.Command{
		Use:   "parse FILE...",
		Short: "Print the records of log files as the parsers understand them",
		Long: `Parse prints each record of log files: where it stands, its time as it is
written, the kind of its event and its message; with --format json everything that
was understood, one object a line. The format is found out; the names for
--source-type are:

` + formatNames(),
		Args: takes(1, many),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if _, err := f.json(); err != nil {
				return err
			}
			if sourceType != "" && !slices.Contains(parsers.Formats(), sourceType) {
				return fmt.Errorf("--source-type %s is not known: use one of %s", sourceType, strings.Join(parsers.Formats(), ", "))
			}
			zone, err := f.zone()
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
			var errs []error
			for _, path := range paths {
				errs = append(errs, parsePath(cmd, out, path, f.format, ingest.Options{Format: sourceType, Zone: zone}))
			}
			return errors.Join(append(errs, out.Flush())...)
		},
	}
	cmd.Flags().StringVar(&sourceType, "source-type", "", "name of the format, where detection is wrong")
	return cmd
}

// formatNames lists the formats, a few a line.
func formatNames() string {
	var b strings.Builder
	for line := range slices.Chunk(parsers.Formats(), 5) {
		b.WriteString("  " + strings.Join(line, " ") + "\n")
	}
	return b.String()
}

// parsePath prints the records of a file, a journal, an archive or a folder. A
// file that is not recognized as a log is read all the same: as a file of lines.
func parsePath(cmd *cobra.Command, out *bufio.Writer, path, format string, o ingest.Options) error {
	found, err := ingest.Collect(cmd.Context(), []string{path}, o)
	defer found.Close() //nolint:staticcheck // set along with an error, too
	info, statErr := os.Stat(path)
	switch {
	case err == nil:
		found.Assign(nil)
	case statErr == nil && info.Mode().IsRegular() && (errors.Is(err, culprit.ErrNoLog) || errors.Is(err, culprit.ErrNoInput)):
		in := &ingest.Input{Name: path, Paths: []string{path}, Size: info.Size(), ModTime: info.ModTime()}
		in.Options = parsers.Options{Source: path, Format: o.Format, Zone: parsers.ZoneOf(o.Zone), Ref: info.ModTime()}
		found.Logs = append(found.Logs, in)
	default:
		return err
	}
	var buf []byte
	for _, in := range found.Logs {
		_, gaps, err := ingest.Read(cmd.Context(), in, func(r *culprit.Record) error {
			if format == "json" {
				buf = append(parsers.AppendJSON(buf[:0], r), '\n')
				_, err := out.Write(buf)
				return err
			}
			return printRecord(out, r)
		})
		for _, g := range gaps {
			fmt.Fprintf(cmd.ErrOrStderr(), "culprit: %s: %s\n", terminal.EscapeLine(g.Source), terminal.EscapeLine(g.Reason))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printRecord writes a record for people: what it means and where it stands.
func printRecord(out io.Writer, r *culprit.Record) error {
	kind, at := string(r.Kind), r.TimeText
	if kind == "" {
		kind = "-"
	}
	if at == "" {
		at = "-"
	}
	message, _, _ := strings.Cut(r.Message, "\n")
	_, err := fmt.Fprintf(out, "%s:%d  %s  %s  %s\n", terminal.EscapeLine(r.Source), r.LineFrom, terminal.EscapeLine(at), kind, terminal.EscapeLine(message))
	return err
}
