package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
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
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if _, err := f.json(); err != nil {
				return err
			}
			o := parsers.Options{Format: sourceType}
			zone, err := f.zone()
			if err != nil {
				return err
			}
			if zone != nil {
				o.Zone = parsers.ZoneOf(zone)
			}
			out := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
			var errs []error
			for _, path := range paths {
				o := o
				o.Source = path
				errs = append(errs, parseFile(cmd, out, path, f.format, o))
			}
			return errors.Join(append(errs, out.Flush())...)
		},
	}
	cmd.Flags().StringVar(&sourceType, "source-type", "", "name of the format, where detection is wrong")
	return cmd
}

// parseFile prints the records of one file.
func parseFile(cmd *cobra.Command, out *bufio.Writer, path, format string, o parsers.Options) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if o.Ref.IsZero() {
		o.Ref = info.ModTime()
	}
	in := &ingest.Input{Name: path, Paths: []string{path}, Size: info.Size(), ModTime: info.ModTime(), Options: o}
	var buf []byte
	_, _, err = ingest.Read(cmd.Context(), in, func(r *culprit.Record) error {
		if format == "json" {
			buf = append(parsers.AppendJSON(buf[:0], r), '\n')
			_, err := out.Write(buf)
			return err
		}
		return printRecord(out, r)
	})
	return err
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
