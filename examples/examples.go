// Package examples holds logs of real outages, recorded on a machine for the
// purpose: what `culprit demo` shows, and what tests read.
package examples

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

//go:embed latent-deploy oom-kill
var files embed.FS

// An Example is one recorded outage.
type Example struct {
	Name  string    // of its folder
	Title string    // what it is about
	End   time.Time // when the machine was switched off, which is no part of the outage
}

// All are the examples, the one to begin with first.
var All = []Example{
	{"latent-deploy", "a worker is killed for its memory and cannot come back: a deploy had removed a module that nobody loaded until then",
		time.Date(2026, time.November, 22, 8, 49, 32, 0, time.UTC)},
	{"oom-kill", "the kernel kills a service that has outgrown its cgroup",
		time.Date(2026, time.November, 22, 7, 23, 51, 0, time.UTC)},
}

// Write copies the logs of an example into dir, which is made: the folders nginx,
// apps, journal, syslog and config.
func (e Example) Write(dir string) error {
	logs, err := fs.Sub(files, e.Name+"/logs")
	if err != nil {
		return fmt.Errorf("open example %s: %w", e.Name, err)
	}
	err = fs.WalkDir(logs, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		return copyFile(logs, name, to)
	})
	if err != nil {
		return fmt.Errorf("write example %s: %w", e.Name, err)
	}
	return nil
}

func copyFile(from fs.FS, name, to string) error {
	in, err := from.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
