// Measure runs a command and says what it cost: wall and CPU time, peak memory.
// Its output is thrown away. A Debian without the package time has no other way.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: measure COMMAND ARGS...")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd := exec.CommandContext(ctx, os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(os.Stderr, "measure: %v\n", err)
		return 2
	}
	state := cmd.ProcessState
	peak := int64(0)
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss >> 10 // KiB on Linux
	}
	fmt.Fprintf(os.Stdout, "%s: %.2f s wall, %.2f s CPU, %d MB peak, exit code %d\n", strings.Join(os.Args[1:], " "),
		wall.Seconds(), (state.UserTime() + state.SystemTime()).Seconds(), peak, state.ExitCode())
	return 0
}
