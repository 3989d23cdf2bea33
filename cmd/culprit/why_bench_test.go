package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
	var cpu, peak, own float64
	for b.Loop() {
		cmd := exec.Command(culprit, "why", "--tz", "UTC", log)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		done, most := make(chan struct{}), make(chan float64)
		go func() { most <- ownMemory(cmd.Process.Pid, done) }()
		err := cmd.Wait()
		close(done)
		own = max(own, <-most)
		if code := cmd.ProcessState.ExitCode(); code != exitIncident {
			b.Fatalf("exit code %d: %v", code, err)
		}
		u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		peak = max(peak, float64(u.Maxrss)/1024)
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(benchLines)/(cpu/float64(b.N)), "lines/cpu-s")
	b.ReportMetric(own, "own-MB")
	b.ReportMetric(peak, "peak-MB")
}

// ownMemory looks at a process until done is closed and returns the most
// anonymous memory that it saw, in MB: heap and stacks, without the pages of the
// program's file, of which the kernel maps as many as it likes.
func ownMemory(pid int, done <-chan struct{}) (most float64) {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return most
		case <-tick.C:
			status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(string(status), "RssAnon:")
			kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			if n, err := strconv.ParseFloat(kib, 64); err == nil {
				most = max(most, n/1024)
			}
		}
	}
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
