package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"culprit/internal/logsample"
)

// benchLines is how many lines the figures in docs/performance.md stand for.
const benchLines = 1_000_000

// BenchmarkWhy measures the whole process of `culprit why` on a million lines
// of nginx's error log: processor time, and the most memory that it held.
func BenchmarkWhy(b *testing.B) {
	dir := b.TempDir()
	log := filepath.Join(dir, "error.log")
	writeSample(b, log)
	culprit := filepath.Join(dir, "culprit")
	if out, err := exec.Command("go", "build", "-o", culprit, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	var cpu, peak float64
	for b.Loop() {
		cmd := exec.Command(culprit, "why", "--tz", "UTC", log)
		err := cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != exitIncident {
			b.Fatalf("exit code %d: %v", code, err)
		}
		u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		peak = max(peak, float64(u.Maxrss)/1024)
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s/op")
	b.ReportMetric(peak, "peak-MB")
}

func writeSample(b *testing.B, path string) {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	g, err := logsample.New(logsample.NginxError, 1)
	if err != nil {
		b.Fatal(err)
	}
	var line []byte
	for range benchLines {
		line = g.Append(line[:0])
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}
