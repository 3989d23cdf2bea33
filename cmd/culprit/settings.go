package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"culprit/internal/config"
)

// settings are what the configuration file says, over it the environment, over
// that the flags.
func (f *flags) settings() (*config.Config, error) {
	c, err := config.Load(f.config, os.Getenv)
	if err != nil {
		return nil, err
	}
	for flag, v := range map[string]struct{ name, value string }{
		"--data-dir": {"data_dir", f.dataDir},
		"--tz":       {"zone", f.tz},
	} {
		if v.value == "" {
			continue
		}
		if err := c.Set(v.name, v.value); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, errors.Unwrap(err))
		}
	}
	return c, nil
}

// folder is the data folder.
func (f *flags) folder() (string, error) {
	c, err := f.settings()
	if err != nil {
		return "", err
	}
	return c.DataDir, nil
}

// socketIn is where the service that has a data folder open answers other
// commands.
func socketIn(dir string) string { return filepath.Join(dir, "culprit.sock") }
