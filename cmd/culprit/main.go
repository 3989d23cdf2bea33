// Command culprit says why users got 502s: it reads what a machine has written
// and links failed requests to what took their upstream down.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"culprit"
	"culprit/internal/terminal"
)

// Exit codes of `culprit why`; the other commands use exitOK and exitFailed.
const (
	exitOK       = 0
	exitIncident = 1 // an incident was found
	exitFailed   = 2 // could not run
	exitUnknown  = 3 // cannot tell: what would be needed could not be read
)

// An exitCode is an outcome that is no failure and still no exitOK.
type exitCode int //nolint:errname // no failure

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// memoryTarget is what the collector tries to stay under: the program is a guest
// on a machine that may have died for its memory. GOMEMLIMIT overrides it.
const memoryTarget = 40 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryTarget)
	}
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process, whatever holds up the first
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "culprit: interrupted")
		return exitFailed
	}
	fmt.Fprintln(os.Stderr, "culprit: "+terminal.EscapeLine(sentence(err)))
	return exitFailed
}

// stopTime is how long a stop may take.
const stopTime = 5 * time.Second

// abort ends the process at once when a second signal comes, or when a stop takes
// too long: whatever was committed is safe, the rest is read again. The returned
// function calls it off.
func abort(ctx context.Context, log *slog.Logger) (done func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		late := time.After(stopTime)
		for first := true; ; first = false {
			select {
			case <-signals:
				if first {
					continue // the one that ended ctx
				}
				log.Warn("stopped at once")
			case <-late:
				log.Warn("stopped in the middle: it took too long")
			case <-over:
				return
			}
			os.Exit(exitFailed)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(over)
	}
}

// oneLine makes one line of errors that were joined, each told once.
func oneLine(s string) string {
	var told []string
	for line := range strings.SplitSeq(s, "\n") {
		if !slices.ContainsFunc(told, func(t string) bool { return strings.Contains(t, line) }) {
			told = append(told, line)
		}
	}
	return strings.Join(told, "; ")
}

// sentence turns an error into what a user reads: what failed, then what to do
// where the program knows.
func sentence(err error) string {
	s := oneLine(err.Error())
	for _, kind := range []error{culprit.ErrNotFound, culprit.ErrUnavailable} {
		s = strings.TrimSuffix(s, ": "+kind.Error()) // the sentence before says it
	}
	for _, hint := range []struct {
		is error
		do string
	}{
		{culprit.ErrLocked, "stop the other process, or name another folder with --data-dir"},
		{culprit.ErrVersion, "name another folder with --data-dir, or use the program that wrote it"},
		{syscall.EADDRINUSE, "stop the other program, or name another address with --listen"},
		{culprit.ErrDiskFull, "free space on that disk and try again; nothing that was stored is lost"},
	} {
		if errors.Is(err, hint.is) {
			return s + "; " + hint.do
		}
	}
	return s
}
