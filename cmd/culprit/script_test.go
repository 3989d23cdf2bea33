package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts' cmp commands compare with")

// asCommand makes the test binary the program, for tests that need a process of it.
const asCommand = "CULPRIT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:]))
	}
	testscript.Main(m, map[string]func(){
		"culprit": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the end-to-end tests of the command line, one file of
// testdata/script each. Beside testscript's commands they know
//
//	exits CODE PROGRAM ARGS...   run a program that must end with this code
//	ready FOLDER [N [M]]         wait until a service has it open, is ready, and holds N records and M incidents
//	occupy VARIABLE              listen on a free port and set the variable to it
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			repo, err := os.Getwd()
			if err != nil {
				return err
			}
			e.Setenv("REPO", repo+"/../..")
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"ready":  ready,
			"occupy": occupy,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// ready waits until a service runs and, where that is said, has stored a number of
// records and of incidents.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 3 {
		ts.Fatalf("usage: ready FOLDER [RECORDS [INCIDENTS]]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		dir := ts.MkAbs(args[0])
		if found, _ := filepath.Glob(dir); len(found) > 0 {
			dir = found[0]
		}
		err := errors.New("nobody listens")
		held := []string{}
		if a := dialService(ctx, socketIn(dir)); a != nil {
			var body struct{ Ready bool }
			var h struct{ Total int }
			err = a.get(ctx, "/api/readyz", nil, &body)
			if err == nil && len(args) > 1 {
				err = a.get(ctx, "/api/histogram", url.Values{"q": {""}, "bins": {"1"}}, &h)
				held = append(held, strconv.Itoa(h.Total))
			}
			if err == nil && len(args) > 2 {
				var list struct{ Incidents []any }
				err = a.get(ctx, "/api/incidents", nil, &list)
				held = append(held, strconv.Itoa(len(list.Incidents)))
			}
			_ = a.Close()
		}
		if err == nil && slices.Equal(held, args[1:]) {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("no such service in %s: %v, it holds %v", args[0], err, held)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// occupy listens on a port until the script ends.
func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy VARIABLE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}
