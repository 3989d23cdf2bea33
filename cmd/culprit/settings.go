package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"culprit"
	"culprit/internal/config"
	"culprit/internal/store"
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

// openStore opens the store in a folder; an error says what to do where the
// program knows.
func openStore(ctx context.Context, dir string, o store.Options) (*store.Store, error) {
	s, err := store.Open(ctx, dir, o)
	switch {
	case errors.Is(err, culprit.ErrCorrupt):
		return nil, fmt.Errorf("open the store: %w; move %s away and begin again: what is still in the logs is read anew", err, dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open the store: %w; only its owner may use it: try sudo, or name another folder with --data-dir", err)
	case err != nil:
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return s, nil
}
