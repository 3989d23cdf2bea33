// Package config reads the settings of the service: a YAML file, over it the
// environment, over that what the command line says. docs/configuration.md
// describes every setting; Example is an annotated file.
package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// A Config is the settings in force.
type Config struct {
	File      string         // that was read, "" for none
	DataDir   string         // of the store
	Listen    string         // TCP address of the pages and the API, "none" for none
	TokenFile string         // what signing in asks for, "" for nothing
	Hosts     []string       // names under which browsers may call, beside the loopback ones
	Zone      *time.Location // of times that state no offset; nil to find it out
	LogLevel  slog.Level
	Discover  bool     // read what is found at the usual places and in the configuration of nginx and of the services
	Topology  string   // folder with the configuration of nginx and of the services; "" for this machine's own
	Sources   []Source // read beside what is found
	Journals  []Journal
	Retention Retention
	Window    time.Duration // how far back incidents are told anew when a line arrives late
	Backfill  time.Duration // how far back a source is read that was never read
	Memory    int64         // bytes that the collector tries to stay under
}

// A Source names log files by a pattern.
type Source struct {
	Path    string         // of filepath.Match, absolute
	Format  string         // of the lines, "" to detect it
	Zone    *time.Location // of times that state no offset, nil for that of the Config
	Service string         // the program that writes them, "" to take it from the path
}

// A Journal names a systemd journal.
type Journal struct {
	Dir string // folder with its files, "" for this machine's own
}

// Retention says what is kept. Zero sets no bound.
type Retention struct {
	Age  time.Duration
	Size int64 // bytes of the data folder
}

// Default returns the settings that hold where nothing else is said.
func Default() *Config {
	return &Config{
		DataDir:   defaultDataDir(),
		Listen:    "127.0.0.1:8502",
		LogLevel:  slog.LevelInfo,
		Discover:  true,
		Journals:  []Journal{{}},
		Retention: Retention{Age: 30 * day, Size: 2 << 30},
		Window:    6 * time.Hour,
		Backfill:  day,
		Memory:    56 << 20,
	}
}

const day = 24 * time.Hour

// defaultDataDir is what systemd gives the service, else a folder of the
// system's for root and of the user's own for others.
func defaultDataDir() string {
	if d := os.Getenv("STATE_DIRECTORY"); d != "" {
		return d
	}
	if os.Geteuid() == 0 {
		return "/var/lib/culprit"
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "culprit")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "culprit-data"
	}
	return filepath.Join(home, ".local", "state", "culprit")
}

// files are where a configuration file is looked for if none is named.
func files() []string {
	var out []string
	if d, err := os.UserConfigDir(); err == nil && os.Geteuid() != 0 {
		out = append(out, filepath.Join(d, "culprit", "culprit.yaml"))
	}
	return append(out, "/etc/culprit/culprit.yaml")
}
