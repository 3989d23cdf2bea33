package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"culprit/parsers"
)

// maxFile bounds a configuration file.
const maxFile = 1 << 20

// file is the form of the YAML file. Scalars are text here and get their meaning
// from settings, so that all ways of setting one take the same words.
type file struct {
	DataDir   *string   `yaml:"data_dir"`
	Listen    *string   `yaml:"listen"`
	TokenFile *string   `yaml:"token_file"`
	Hosts     []string  `yaml:"hosts"`
	Zone      *string   `yaml:"zone"`
	LogLevel  *string   `yaml:"log_level"`
	Discover  *string   `yaml:"discover"`
	Topology  *string   `yaml:"topology"`
	Window    *string   `yaml:"window"`
	Backfill  *string   `yaml:"backfill"`
	Memory    *string   `yaml:"memory"`
	Journals  *[]string `yaml:"journals"`
	Retention struct {
		Age  *string `yaml:"age"`
		Size *string `yaml:"size"`
	} `yaml:"retention"`
	Sources []struct {
		Path    string `yaml:"path"`
		Format  string `yaml:"format"`
		Zone    string `yaml:"zone"`
		Service string `yaml:"service"`
	} `yaml:"sources"`
}

// Load returns the settings of the file at path, or of the first of the usual
// files that is there if path is "", over the defaults; and over those what
// getenv says under names such as CULPRIT_DATA_DIR. An error is a sentence that
// names the file and the line, or the variable.
func Load(path string, getenv func(string) string) (*Config, error) {
	c := Default()
	if path == "" {
		path = getenv("CULPRIT_CONFIG")
	}
	if path != "" {
		if err := c.readFile(path); err != nil {
			return nil, err
		}
	} else {
		for _, p := range files() {
			// Where HOME is another user's, the file is not ours.
			if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				continue
			}
			if err := c.readFile(p); err != nil {
				return nil, err
			}
			break
		}
	}
	for i := range settings {
		name := "CULPRIT_" + strings.ToUpper(strings.ReplaceAll(settings[i].name, ".", "_"))
		if v := getenv(name); v != "" {
			if err := settings[i].set(c, v); err != nil {
				return nil, fmt.Errorf("environment: %s: %w", name, err)
			}
		}
	}
	return c, nil
}

// Set sets one value by its name in the file, such as retention.age.
func (c *Config) Set(name, value string) error {
	s := find(name)
	if s == nil {
		return fmt.Errorf("%s is no setting", name)
	}
	if err := s.set(c, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *Config) readFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return fmt.Errorf("read configuration: %s is no file of at most 1 MiB", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	c.File = path
	return c.parse(path, b)
}

// parse applies the text of a file.
func (c *Config) parse(path string, text []byte) error {
	var f file
	tree, err := parser.ParseBytes(text, 0)
	if err == nil && !empty(tree) {
		err = yaml.UnmarshalWithOptions(text, &f, yaml.Strict())
	}
	if err != nil {
		return at(path, err)
	}
	wrong := func(where string, err error) error {
		return fmt.Errorf("%s%s: %s: %w", path, lineOf(tree, where), strings.TrimPrefix(where, "$."), err)
	}
	for name, v := range map[string]*string{
		"data_dir": f.DataDir, "listen": f.Listen, "token_file": f.TokenFile, "zone": f.Zone, "log_level": f.LogLevel, "discover": f.Discover, "topology": f.Topology,
		"window": f.Window, "backfill": f.Backfill, "memory": f.Memory, "retention.age": f.Retention.Age, "retention.size": f.Retention.Size,
	} {
		if v == nil || *v == "" {
			continue
		}
		if err := find(name).set(c, *v); err != nil {
			return wrong("$."+name, err)
		}
	}
	c.Hosts = f.Hosts
	if f.Journals != nil {
		c.Journals = nil
		for i, j := range *f.Journals {
			switch {
			case j == "system":
				c.Journals = append(c.Journals, Journal{})
			case filepath.IsAbs(j):
				c.Journals = append(c.Journals, Journal{Dir: filepath.Clean(j)})
			default:
				return wrong(fmt.Sprintf("$.journals[%d]", i), fmt.Errorf("%q is neither system nor the absolute path of a folder", j))
			}
		}
	}
	for i, s := range f.Sources {
		here := fmt.Sprintf("$.sources[%d]", i)
		if !filepath.IsAbs(s.Path) {
			return wrong(here+".path", fmt.Errorf("%q is no absolute path", s.Path))
		}
		if _, err := filepath.Match(s.Path, ""); err != nil {
			return wrong(here+".path", fmt.Errorf("%q is no pattern: a [ has no ]", s.Path))
		}
		if s.Format != "" && !slices.Contains(parsers.Formats(), s.Format) {
			return wrong(here+".format", fmt.Errorf("%q is not known: use one of %s", s.Format, strings.Join(parsers.Formats(), ", ")))
		}
		o := Source{Path: filepath.Clean(s.Path), Format: s.Format, Service: s.Service}
		if s.Zone != "" {
			if o.Zone, err = ParseZone(s.Zone); err != nil {
				return wrong(here+".zone", err)
			}
		}
		c.Sources = append(c.Sources, o)
	}
	return nil
}

// empty reports whether a file says nothing, which strict decoding refuses.
func empty(tree *ast.File) bool {
	for _, d := range tree.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType && d.Body.Type() != ast.NullType {
			return false
		}
	}
	return true
}

// at makes a sentence of an error of the YAML package, which would print an
// excerpt of several lines.
func at(path string, err error) error {
	var e yaml.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("read configuration: %s: %w", path, err)
	}
	line := ""
	if t := e.GetToken(); t != nil && t.Position != nil {
		line = fmt.Sprintf(":%d", t.Position.Line)
	}
	message := e.GetMessage()
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		if t := unknown.GetToken(); t != nil {
			message = fmt.Sprintf("%q is no setting here", t.Value)
		}
	}
	return fmt.Errorf("%s%s: %s", path, line, message)
}

// lineOf returns the line of a value as ":7", "" if it is not found.
func lineOf(tree *ast.File, where string) string {
	p, err := yaml.PathString(where)
	if err != nil {
		return ""
	}
	n, err := p.FilterFile(tree)
	if err != nil || n == nil || n.GetToken() == nil {
		return ""
	}
	return fmt.Sprintf(":%d", n.GetToken().Position.Line)
}
