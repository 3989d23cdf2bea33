package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-kind", "nginx_access", "-n", "7", "-seed", "5"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 7 {
		t.Errorf("%d lines", n)
	}
}

func TestRunFailure(t *testing.T) {
	for _, args := range [][]string{{"-kind", "apache"}, {"-n", "many"}, {"file"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
