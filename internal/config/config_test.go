package config_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culprit/internal/config"
)

// load reads settings from a text.
func load(t *testing.T, text string, env map[string]string) (*config.Config, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "culprit.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, func(k string) string { return env[k] })
	return c, path, err
}

// TestLoad_Example: the annotated file sets what holds without it.
func TestLoad_Example(t *testing.T) {
	c, path, err := load(t, config.Example, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := config.Default()
	d.File = path
	if len(c.Journals) != 1 || len(d.Journals) != 1 || c.Journals[0] != d.Journals[0] {
		t.Errorf("journals %v, want %v", c.Journals, d.Journals)
	}
	c.Journals, d.Journals = nil, nil
	if c.DataDir != d.DataDir || c.Listen != d.Listen || c.LogLevel != d.LogLevel || c.Discover != d.Discover || c.Retention != d.Retention ||
		c.Window != d.Window || c.Backfill != d.Backfill || c.Memory != d.Memory || c.TokenFile != "" || c.Topology != "" || c.Zone != nil || len(c.Sources)+len(c.Hosts) != 0 {
		t.Errorf("the example sets\n%+v\nthe default is\n%+v", c, d)
	}
}

// TestLoad_Samples: what the example shows behind a # is understood.
func TestLoad_Samples(t *testing.T) {
	var text []string
	for line := range strings.Lines(config.Example) {
		bare := strings.TrimPrefix(line, "# ")
		key, _, _ := strings.Cut(strings.TrimLeft(bare, " -"), ":")
		if strings.HasPrefix(line, "# ") && strings.Contains(bare, ":") && key == strings.ToLower(key) && !strings.Contains(key, " ") && key != "none" {
			line = bare
		}
		text = append(text, line)
	}
	c, _, err := load(t, strings.Join(text, ""), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, strings.Join(text, ""))
	}
	if c.DataDir != "/var/lib/culprit" || c.TokenFile == "" || c.Zone == nil || c.Topology == "" || len(c.Hosts) != 1 || len(c.Sources) != 1 || c.Sources[0].Zone != time.UTC || c.Sources[0].Service != "shop-api" {
		t.Errorf("samples give %+v", c)
	}
}

func TestLoad(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		env        map[string]string
		is         func(*config.Config) bool
	}{
		{name: "nothing", text: "", is: func(c *config.Config) bool { return c.Listen == "127.0.0.1:8502" && c.Discover }},
		{name: "comments only", text: "# nothing yet\n", is: func(c *config.Config) bool { return c.Listen == "127.0.0.1:8502" }},
		{name: "numbers and booleans without quotes", text: "discover: false\nretention: {age: 0, size: 1073741824}\n",
			is: func(c *config.Config) bool { return !c.Discover && c.Retention == config.Retention{Size: 1 << 30} }},
		{name: "spans", text: "retention: {age: 1.5d}\nwindow: 90m\nbackfill: 2w\n",
			is: func(c *config.Config) bool {
				return c.Retention.Age == 36*time.Hour && c.Window == 90*time.Minute && c.Backfill == 14*24*time.Hour
			}},
		{name: "sizes", text: "retention: {size: 500M}\nmemory: 1.5 GiB\n",
			is: func(c *config.Config) bool { return c.Retention.Size == 500<<20 && c.Memory == 3<<29 }},
		{name: "no journal", text: "journals: []\n", is: func(c *config.Config) bool { return len(c.Journals) == 0 }},
		{name: "journals", text: "journals: [system, /srv/j/]\n", is: func(c *config.Config) bool {
			return len(c.Journals) == 2 && c.Journals[0].Dir == "" && c.Journals[1].Dir == "/srv/j"
		}},
		{name: "no address", text: "listen: none\n", is: func(c *config.Config) bool { return c.Listen == "none" }},
		{name: "zone as an offset", text: "zone: '+05:30'\n", is: func(c *config.Config) bool {
			_, off := time.Time{}.In(c.Zone).Zone()
			return off == 19800
		}},
		{name: "environment goes first", text: "listen: 127.0.0.1:1\nlog_level: debug\n", env: map[string]string{"CULPRIT_LISTEN": "127.0.0.1:2", "CULPRIT_RETENTION_AGE": "7d"},
			is: func(c *config.Config) bool {
				return c.Listen == "127.0.0.1:2" && c.LogLevel == slog.LevelDebug && c.Retention.Age == 7*24*time.Hour
			}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _, err := load(t, tc.text, tc.env)
			if err != nil {
				t.Fatal(err)
			}
			if !tc.is(c) {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestLoad_BadInput(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"unknown setting", "listen: none\nretension: {age: 1d}\n", `FILE:2: "retension" is no setting here`},
		{"unknown setting inside", "retention:\n  age: 1d\n  bytes: 5\n", `FILE:3: "bytes" is no setting here`},
		{"unknown setting of a source", "sources:\n  - path: /a\n    zones: UTC\n", `FILE:3: "zones" is no setting here`},
		{"set twice", "listen: none\nlisten: none\n", `FILE:2: mapping key "listen" already defined at [1:1]`},
		{"list for a value", "listen: [a, b]\n", "FILE:1: "},
		{"value for a list", "sources: /var/log\n", "FILE:1: "},
		{"no YAML", "listen: [\n", "FILE:1: "},
		{"a text", "hello\n", "FILE:1: "},
		{"span", "window: 5\n", `FILE:1: window: "5" is no span of time: use one such as 30d, 24h or 90m`},
		{"span below zero", "backfill: -5h\n", `FILE:1: backfill: "-5h" is no span`},
		{"short span", "window: 1s\n", `window: "1s" is too short: at least 10m0s`},
		{"long span", "\n\nwindow: 30d\n", `FILE:3: window: "30d" is too long`},
		{"NaN", "backfill: NaNd\n", `"NaNd" is no span`},
		{"size", "retention:\n  size: lots\n", `FILE:2: retention.size: "lots" is no size: use one such as 2GiB or 500MiB`},
		{"size of nothing", "memory: 5iB\n", `"5iB" is no size`},
		{"size below zero", "memory: -5G\n", `"-5G" is no size`},
		{"small memory", "memory: 1M\n", `memory: "1M" is too small: at least 32 MiB`},
		{"address", "listen: localhost\n", `FILE:1: listen: "localhost" is no address: use one such as 127.0.0.1:8502, or none`},
		{"port", "listen: 127.0.0.1:99999\n", `is no address`},
		{"zone", "zone: Europe/Nowhere\n", `FILE:1: zone: "Europe/Nowhere" is no zone`},
		{"level", "log_level: loud\n", `log_level: "loud" is no level: use debug, info, warn or error`},
		{"boolean", "discover: maybe\n", `discover: "maybe" is neither true nor false`},
		{"relative source", "sources:\n  - path: logs/*.log\n", `FILE:2: sources[0].path: "logs/*.log" is no absolute path`},
		{"pattern", "sources:\n  - path: /logs/[a\n", `sources[0].path: "/logs/[a" is no pattern`},
		{"format", "sources:\n  - {path: /a, format: apache}\n", `sources[0].format: "apache" is not known: use one of `},
		{"zone of a source", "sources:\n  - {path: /a, zone: Mars}\n", `sources[0].zone: "Mars" is no zone`},
		{"journal", "journals: [systemd]\n", `FILE:1: journals[0]: "systemd" is neither system nor the absolute path of a folder`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, path, err := load(t, tc.text, nil)
			if err == nil {
				t.Fatal("no error")
			}
			want := strings.ReplaceAll(tc.want, "FILE", path)
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error\n%s\nwant\n%s", err, want)
			}
		})
	}
	t.Run("environment", func(t *testing.T) {
		_, _, err := load(t, "", map[string]string{"CULPRIT_MEMORY": "much"})
		if err == nil || !strings.Contains(err.Error(), `environment: CULPRIT_MEMORY: "much" is no size`) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no file", func(t *testing.T) {
		_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("folder", func(t *testing.T) {
		_, err := config.Load(t.TempDir(), func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), "is no file") {
			t.Errorf("error %v", err)
		}
	})
}

// TestConfiguration: every setting stands in the document, and no other.
func TestConfiguration(t *testing.T) {
	b, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for line := range strings.Lines(config.Example) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "# "), ":")
		if !ok || strings.ContainsAny(name, " -#") || name != strings.ToLower(name) {
			continue
		}
		if !strings.Contains(doc, "`"+name+"`") && !strings.Contains(doc, "`"+name+".") {
			t.Errorf("docs/configuration.md does not tell of %s", name)
		}
	}
	if !strings.Contains(doc, config.Example) {
		t.Error("docs/configuration.md does not show the example as it is")
	}
}
