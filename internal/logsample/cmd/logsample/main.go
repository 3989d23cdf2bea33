// Logsample writes made-up log lines for benchmarks, the same for the same seed:
//
//	go run ./internal/logsample/cmd/logsample -kind nginx_error -n 1000000 -seed 1 > error.log
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"culprit/internal/logsample"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "logsample: %v\n", err)
		os.Exit(2)
	}
}

func run(args []string, out, help io.Writer) error {
	flags := flag.NewFlagSet("logsample", flag.ContinueOnError)
	flags.SetOutput(help)
	kind := flags.String("kind", logsample.NginxError, "kind of log: "+strings.Join(logsample.Kinds(), ", "))
	n := flags.Int("n", 1_000_000, "number of records")
	seed := flags.Uint64("seed", 1, "seed; the same gives the same log")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	g, err := logsample.New(*kind, *seed)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	var line []byte
	for range *n {
		line = g.Append(line[:0])
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
