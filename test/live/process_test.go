package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// starts hands commands to the one thread that starts processes. The kernel ends
// a child with Pdeathsig when the thread that started it ends: this one lives as
// long as the test binary, so nothing outlives a test that ran out of time.
var starts = sync.OnceValue(func() chan<- func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range c {
			start()
		}
	}()
	return c
})

// A process is a server that the test has started.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
}

// start starts a server whose output goes to a file. It is stopped when the test
// ends; whatever it leaves behind is killed, and is a failure.
func start(t *testing.T, output string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: filepath.Base(cmd.Path), cmd: cmd, exited: make(chan struct{})}
	out, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	starts() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop asks a process to end, waits until it has, and sees to it that nothing
// that it started goes on.
func (p *process) stop(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
		return
	default:
	}
	family := descendants(t, p.cmd.Process.Pid)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		t.Errorf("%s did not stop when it was asked to", p.name)
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	for _, f := range family {
		if now, ok := status(f.pid); ok && now.started == f.started && now.state != 'Z' {
			t.Errorf("%s left %s behind, process %d", p.name, now.command, f.pid)
			_ = syscall.Kill(f.pid, syscall.SIGKILL)
		}
	}
}

// A pidStatus is what /proc/PID/stat says.
type pidStatus struct {
	pid, parent int
	command     string
	state       byte
	started     string // in clock ticks since the boot; tells two users of one pid apart
}

func status(pid int) (pidStatus, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if err != nil || open < 0 || end < open {
		return pidStatus{}, false
	}
	f := bytes.Fields(b[end+1:]) // from the third field on, see proc(5)
	if len(f) < 20 {
		return pidStatus{}, false
	}
	parent, err := strconv.Atoi(string(f[1]))
	return pidStatus{pid, parent, string(b[open+1 : end]), f[0][0], string(f[19])}, err == nil
}

// descendants lists what a process has started, and what that has started.
func descendants(t *testing.T, root int) []pidStatus {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]pidStatus{}
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		if s, ok := status(pid); ok {
			children[s.parent] = append(children[s.parent], s)
		}
	}
	var all []pidStatus
	for left := []int{root}; len(left) > 0; left = left[1:] {
		all = append(all, children[left[0]]...)
		for _, c := range children[left[0]] {
			left = append(left, c.pid)
		}
	}
	return all
}

// run runs a command that ends by itself and returns what it printed.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", filepath.Base(name), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}
