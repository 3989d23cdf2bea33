package live_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const journalRemote = "/lib/systemd/systemd-journal-remote"

// A journal is a real journal file that grows: what the test writes stands in it
// as journald would have written it.
type journal struct {
	dir, boot, host string
	process         *process

	mu    sync.Mutex
	stdin io.WriteCloser
}

// newJournal starts what writes the journal.
func newJournal(t *testing.T, dir, output string) *journal {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{dir: dir, boot: strings.ReplaceAll(strings.TrimSpace(string(boot)), "-", ""), host: host}
	cmd := exec.CommandContext(context.Background(), journalRemote, "--output="+filepath.Join(dir, "app.journal"), "--split-mode=none", "-")
	// A pipe of files: the process has its end for itself, and ends with ours.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdin, j.stdin = r, w
	j.process = start(t, output, cmd)
	t.Cleanup(func() { _ = w.Close() })
	return j
}

// write writes an entry. fields are NAME=value.
func (j *journal) write(t *testing.T, fields ...string) {
	t.Helper()
	var mono unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono); err != nil {
		t.Fatal(err)
	}
	head := []string{
		"__REALTIME_TIMESTAMP=" + strconv.FormatInt(time.Now().UnixMicro(), 10),
		"__MONOTONIC_TIMESTAMP=" + strconv.FormatInt(mono.Nano()/1000, 10),
		"_BOOT_ID=" + j.boot, "_HOSTNAME=" + j.host,
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := io.WriteString(j.stdin, strings.Join(append(head, fields...), "\n")+"\n\n"); err != nil {
		t.Errorf("write to the journal: %v", err)
	}
}

// kernel writes a line as journald writes one that it has read from the kernel,
// with the kernel's own stamp beside the time at which it was read.
func (j *journal) kernel(t *testing.T, l kernelLine) {
	t.Helper()
	j.write(t, "_SOURCE_MONOTONIC_TIMESTAMP="+strconv.FormatInt(l.micros, 10), "_TRANSPORT=kernel", "SYSLOG_FACILITY=0", "SYSLOG_IDENTIFIER=kernel",
		"PRIORITY="+strconv.Itoa(l.priority), "MESSAGE="+l.text)
}

// say writes a line that a program gave to syslog.
func (j *journal) say(t *testing.T, program, format string, args ...any) {
	t.Helper()
	j.write(t, "_TRANSPORT=syslog", "SYSLOG_IDENTIFIER="+program, "SYSLOG_PID="+strconv.Itoa(os.Getpid()), "_PID="+strconv.Itoa(os.Getpid()),
		"PRIORITY=6", "MESSAGE="+fmt.Sprintf(format, args...))
}
