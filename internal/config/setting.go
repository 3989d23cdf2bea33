package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A setting is one value that a file, the environment and the command line can
// set in the same words.
type setting struct {
	name string // as in the file: retention.age; in the environment CULPRIT_RETENTION_AGE
	set  func(c *Config, v string) error
}

// settings are all settings of one value.
var settings = []setting{
	{"data_dir", func(c *Config, v string) error { return absolute(&c.DataDir, v) }},
	{"listen", func(c *Config, v string) error { return address(&c.Listen, v) }},
	{"token_file", func(c *Config, v string) error { return absolute(&c.TokenFile, v) }},
	{"zone", func(c *Config, v string) error { return zone(&c.Zone, v) }},
	{"log_level", func(c *Config, v string) error { return level(&c.LogLevel, v) }},
	{"discover", func(c *Config, v string) error { return boolean(&c.Discover, v) }},
	{"topology", func(c *Config, v string) error { return absolute(&c.Topology, v) }},
	{"retention.age", func(c *Config, v string) error { return span(&c.Retention.Age, v, 0, 0) }},
	{"retention.size", func(c *Config, v string) error { return size(&c.Retention.Size, v, 0) }},
	{"window", func(c *Config, v string) error { return span(&c.Window, v, 10*time.Minute, 7*day) }},
	{"backfill", func(c *Config, v string) error { return span(&c.Backfill, v, time.Second, 0) }},
	{"memory", func(c *Config, v string) error { return size(&c.Memory, v, 32<<20) }},
}

func find(name string) *setting {
	for i := range settings {
		if settings[i].name == name {
			return &settings[i]
		}
	}
	return nil
}

func absolute(dst *string, v string) error {
	if v == "" {
		return fmt.Errorf("is empty: give a path")
	}
	p, err := filepath.Abs(v)
	if err != nil {
		return fmt.Errorf("is no path: %w", err)
	}
	*dst = p
	return nil
}

func address(dst *string, v string) error {
	if v == "none" {
		*dst = v
		return nil
	}
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address: use one such as 127.0.0.1:8502, or none", v)
	}
	*dst = v
	return nil
}

func zone(dst **time.Location, v string) error {
	z, err := ParseZone(v)
	if err != nil {
		return err
	}
	*dst = z
	return nil
}

// ParseZone reads an IANA name or an offset from UTC.
func ParseZone(v string) (*time.Location, error) {
	if v != "" {
		if z, err := time.LoadLocation(v); err == nil {
			return z, nil
		}
		for _, layout := range []string{"-07:00", "-0700", "-07"} {
			if t, err := time.Parse(layout, v); err == nil {
				_, off := t.Zone()
				return time.FixedZone(v, off), nil
			}
		}
	}
	return nil, fmt.Errorf("%q is no zone: use a name such as Europe/Berlin or an offset such as +02:00", v)
}

func level(dst *slog.Level, v string) error {
	switch strings.ToLower(v) {
	case "debug":
		*dst = slog.LevelDebug
	case "info":
		*dst = slog.LevelInfo
	case "warn", "warning":
		*dst = slog.LevelWarn
	case "error":
		*dst = slog.LevelError
	default:
		return fmt.Errorf("%q is no level: use debug, info, warn or error", v)
	}
	return nil
}

func boolean(dst *bool, v string) error {
	switch strings.ToLower(v) {
	case "true", "yes", "on", "1":
		*dst = true
	case "false", "no", "off", "0":
		*dst = false
	default:
		return fmt.Errorf("%q is neither true nor false", v)
	}
	return nil
}

// span reads a duration such as 30d, 24h or 90m; a high of 0 is no bound.
func span(dst *time.Duration, v string, low, high time.Duration) error {
	d, err := parseSpan(v)
	switch {
	case err != nil:
		return err
	case d < low:
		return fmt.Errorf("%q is too short: at least %s", v, low)
	case high != 0 && d > high:
		return fmt.Errorf("%q is too long: at most %s", v, high)
	}
	*dst = d
	return nil
}

func parseSpan(v string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no span of time: use one such as 30d, 24h or 90m", v)
	if v == "0" || v == "off" {
		return 0, nil
	}
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if n, ok := strings.CutSuffix(v, unit); ok {
			f, err := strconv.ParseFloat(n, 64)
			if err != nil || !(f >= 0) || f > 36500 {
				return 0, bad
			}
			return time.Duration(f * float64(length)), nil
		}
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, bad
	}
	return d, nil
}

// size reads bytes: 2GiB, 500M, 1048576; decimal units count like binary ones,
// as they do in systemd's settings.
func size(dst *int64, v string, low int64) error {
	bad := fmt.Errorf("%q is no size: use one such as 2GiB or 500MiB", v)
	if v == "off" {
		v = "0"
	}
	n := strings.TrimSpace(v)
	shift := 0
	s := strings.TrimSuffix(strings.TrimSuffix(n, "B"), "i")
	if k := strings.IndexByte("KMGT", cmp.Or(last(s), ' ')); k >= 0 {
		shift, s = 10*(k+1), s[:len(s)-1]
	} else if s != n && s+"B" != n {
		return bad // 5iB
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(f >= 0) || f*math.Pow(2, float64(shift)) > 1<<60 {
		return bad
	}
	b := int64(f * math.Pow(2, float64(shift)))
	if b < low {
		return fmt.Errorf("%q is too small: at least %d MiB", v, low>>20)
	}
	*dst = b
	return nil
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}
