// Measure runs a command and says what it cost: wall and CPU time, peak memory.
// Its output is thrown away; its input is measure's own.
//
// Of the memory the part that is the process's own (heap, stacks) is told apart:
// the rest is pages of the program's file, which the kernel maps two megabytes at
// a time where it can, shares among processes and drops when it needs room.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
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
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	began := time.Now()
	err := cmd.Start()
	own := make(chan int64, 1)
	if err == nil {
		done := make(chan struct{})
		go func() { own <- watch(cmd.Process.Pid, done) }()
		err = cmd.Wait()
		close(done)
	}
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
	fmt.Fprintf(os.Stdout, "%s: %.2f s wall, %.2f s CPU, %d MB own memory, %d MB peak, exit code %d\n", strings.Join(os.Args[1:], " "),
		wall.Seconds(), (state.UserTime() + state.SystemTime()).Seconds(), <-own>>10, peak, state.ExitCode())
	return 0
}

// watch looks at a process every few milliseconds until done is closed, and
// returns the most anonymous memory that it saw, in KiB.
func watch(pid int, done <-chan struct{}) (peak int64) {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return peak
		case <-tick.C:
			status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(string(status), "RssAnon:")
			kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			if n, err := strconv.ParseInt(kib, 10, 64); err == nil {
				peak = max(peak, n)
			}
		}
	}
}
