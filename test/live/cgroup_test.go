package live_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// initialPIDNamespace is the inode of the namespace whose pids the kernel's lines
// name (PROC_PID_INIT_INO in the kernel's proc_ns.h).
const initialPIDNamespace = "pid:[4026531836]"

// A cgroup is a memory cgroup of the test's own.
type cgroup struct {
	dir  string
	kmsg int // where the kernel's lines are read from
	open [][]byte
}

// newCgroup makes a cgroup with a limit. Where that or reading the kernel's lines
// is not allowed, it says why.
func newCgroup(t *testing.T, limit int64) (*cgroup, error) {
	t.Helper()
	if ns, err := os.Readlink("/proc/self/ns/pid"); err != nil || ns != initialPIDNamespace {
		return nil, errors.New("in a container the kernel's lines have other pids")
	}
	kmsg, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/kmsg cannot be read: %w", err)
	}
	t.Cleanup(func() { _ = syscall.Close(kmsg) })
	if _, err := syscall.Seek(kmsg, 0, 2); err != nil {
		return nil, fmt.Errorf("/dev/kmsg cannot be read: %w", err)
	}

	root, limits := "/sys/fs/cgroup/memory", map[string]int64{"memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": limit}
	if b, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil && bytes.Contains(b, []byte("memory")) {
		root, limits = "/sys/fs/cgroup", map[string]int64{"memory.max": limit, "memory.swap.max": 0}
		if err := os.WriteFile(root+"/cgroup.subtree_control", []byte("+memory"), 0); err != nil {
			return nil, fmt.Errorf("no cgroup with a limit can be made: %w", err)
		}
	}
	removeStale(root)
	c := &cgroup{dir: filepath.Join(root, prefix+strconv.Itoa(os.Getpid())), kmsg: kmsg}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("no cgroup can be made: %w", err)
	}
	t.Cleanup(func() { c.remove(t) })
	for _, name := range []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max", "memory.swap.max"} {
		v, ok := limits[name]
		if !ok {
			continue
		}
		err := os.WriteFile(filepath.Join(c.dir, name), []byte(strconv.FormatInt(v, 10)), 0)
		if err != nil && !(strings.Contains(name, "sw") && errors.Is(err, os.ErrNotExist)) { // a kernel that does not account for swap
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return c, nil
}

const prefix = "culprit-live-"

// removeStale removes the cgroups of tests that were killed.
func removeStale(root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, prefix+"*"))
	for _, d := range dirs {
		if _, err := os.Stat("/proc/" + strings.TrimPrefix(filepath.Base(d), prefix)); err != nil {
			_ = os.Remove(d) // fails if something still runs in it
		}
	}
}

// remove removes the cgroup once it is empty: the last of its processes is
// accounted for a moment longer than it runs.
func (c *cgroup) remove(t *testing.T) {
	t.Helper()
	var err error
	for range poll(5 * time.Second) {
		if err = os.Remove(c.dir); err == nil {
			return
		}
	}
	t.Errorf("remove the cgroup: %v", err)
}

// A kernelLine is a line as /dev/kmsg gives it.
type kernelLine struct {
	priority int
	micros   int64 // since the boot
	text     string
}

// killReport returns the lines of a report about this cgroup, from the first to
// the one that says whom the kernel killed, once they are there. Others' reports
// stand in the same log.
func (c *cgroup) killReport() ([]kernelLine, error) {
	buf := make([]byte, 16<<10)
	for {
		n, err := syscall.Read(c.kmsg, buf)
		switch {
		case errors.Is(err, syscall.EPIPE):
			continue // lines were overwritten before they were read
		case errors.Is(err, syscall.EAGAIN):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("read /dev/kmsg: %w", err)
		}
		line := bytes.Clone(buf[:n])
		if bytes.Contains(line, []byte(" invoked oom-killer:")) {
			c.open = nil
		}
		c.open = append(c.open, line)
		if !bytes.Contains(line, []byte(": Killed process ")) {
			continue
		}
		report := bytes.Join(c.open, nil)
		lines := c.open
		c.open = nil
		if !bytes.Contains(report, []byte("/"+filepath.Base(c.dir)+",")) { // oom_memcg=/culprit-live-1,task_memcg=
			continue
		}
		var out []kernelLine
		for _, l := range lines {
			k, err := parseKernelLine(l)
			if err != nil {
				return nil, err
			}
			out = append(out, k)
		}
		return out, nil
	}
}

// parseKernelLine reads "6,339,5140900,-;NET: Registered" and leaves out the
// dictionary below it (Documentation/ABI/testing/dev-kmsg of the kernel).
func parseKernelLine(b []byte) (kernelLine, error) {
	b, _, _ = bytes.Cut(b, []byte("\n"))
	head, text, ok := strings.Cut(string(b), ";")
	f := strings.Split(head, ",")
	if !ok || len(f) < 3 {
		return kernelLine{}, fmt.Errorf("not a line of /dev/kmsg: %q", b)
	}
	prio, err := strconv.Atoi(f[0])
	micros, err2 := strconv.ParseInt(f[2], 10, 64)
	return kernelLine{prio & 7, micros, text}, errors.Join(err, err2)
}
