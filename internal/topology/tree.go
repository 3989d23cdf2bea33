package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"culprit"
)

// Bounds of what is read. Real configurations stay far below them.
const (
	maxFile    = 1 << 20  // bytes read of one file
	maxTotal   = 32 << 20 // bytes read in all
	maxEntries = 20_000   // directory entries looked at in a folder
	maxDepth   = 12       // of folders
	maxMatches = 2_000    // files of one glob
	maxGaps    = 50
)

// A tree is a file system with bounds. Its paths are slash-separated and
// relative to the root.
type tree struct {
	fsys    fs.FS
	machine bool
	total   int
	found   []culprit.Gap
	told    map[string]bool
}

func newTree(fsys fs.FS, machine bool) *tree {
	return &tree{fsys: fsys, machine: machine, told: map[string]bool{}}
}

func (t *tree) gaps() []culprit.Gap { return t.found }

// gap notes once per source what could not be read.
func (t *tree) gap(source, reason, remedy string) {
	if t.told[source] || len(t.found) >= maxGaps {
		return
	}
	t.told[source] = true
	t.found = append(t.found, culprit.Gap{Source: t.display(source), Reason: reason, Remedy: remedy})
}

// display returns a path as people know it.
func (t *tree) display(name string) string {
	if t.machine && !strings.HasPrefix(name, "/") {
		return "/" + name
	}
	return name
}

// read returns a regular file's content, and whether it is there. A file that is
// there and may not be read, or is too long, becomes a gap.
func (t *tree) read(name string) ([]byte, bool) {
	name, info, ok := t.follow(name)
	if !ok {
		return nil, false
	}
	if !info.Mode().IsRegular() {
		// A FIFO or a device would block or never end.
		return nil, false
	}
	if t.total >= maxTotal {
		t.gap(".", fmt.Sprintf("more than %d MB of configuration; the rest was not read", maxTotal>>20), "")
		return nil, false
	}
	f, err := t.fsys.Open(name)
	if err != nil {
		t.unreadable(name, err)
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		t.unreadable(name, err)
		return nil, false
	}
	if len(data) > maxFile {
		data = data[:maxFile]
		t.gap(name, fmt.Sprintf("longer than %d MB; the rest was not read", maxFile>>20), "")
	}
	t.total += len(data)
	if bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 && !strings.HasPrefix(name, "proc/") {
		return nil, false // binary
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), true
}

func (t *tree) unreadable(name string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	remedy := ""
	if errors.Is(err, fs.ErrPermission) {
		remedy = "sudo chmod a+r " + t.display(name)
		if t.machine {
			remedy = "run culprit as root"
		}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	t.gap(name, fmt.Sprintf("the configuration could not be read: %v", err), remedy)
}

// follow resolves symbolic links. In a folder that someone sent, an absolute one
// ("sites-enabled/shop -> /etc/nginx/sites-available/shop") means a file of the
// machine that the folder was taken from, so it is looked for in the folder.
func (t *tree) follow(name string) (string, fs.FileInfo, bool) {
	name = path.Clean(name)
	for range 8 {
		if !fs.ValidPath(name) {
			return "", nil, false
		}
		info, err := fs.Stat(t.fsys, name)
		if err == nil {
			return name, info, true
		}
		target, linkErr := fs.ReadLink(t.fsys, name)
		if linkErr != nil {
			t.unreadable(name, err)
			return "", nil, false
		}
		if path.IsAbs(target) {
			if t.machine {
				return "", nil, false
			}
			hit := t.resolve(target, path.Dir(name))
			if hit == "" || hit == name {
				return "", nil, false
			}
			name = hit
			continue
		}
		name = path.Join(path.Dir(name), target)
	}
	return "", nil, false
}

// resolve returns the file that a configuration in folder from means by a path,
// or "". See [tree.glob].
func (t *tree) resolve(name, from string) string {
	hits := t.glob(escapeGlob(name), from)
	if len(hits) == 0 {
		return ""
	}
	return hits[0]
}

// glob returns the files that a configuration in folder from means by an
// absolute pattern. On a machine these are just the matches. A folder that
// someone sent holds some part of the machine's tree under some name, so the
// longest tail of the pattern that matches below from or one of the folders
// above it counts: /etc/nginx/sites-enabled/* is etc/nginx/sites-enabled/*,
// config/nginx/sites-enabled/* or sites-enabled/*. A file may also have been
// flattened: /etc/default/shop to default-shop.
func (t *tree) glob(pattern, from string) []string {
	pattern = path.Clean("/" + pattern)
	if t.machine {
		return t.match(strings.TrimPrefix(pattern, "/"))
	}
	parts := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	last := parts[len(parts)-1]
	for i := range parts {
		tail := parts[i:]
		if len(tail) == 1 && hasGlob(last) {
			break // "*" alone would be any file
		}
		for _, base := range ancestors(from) {
			if hits := t.match(path.Join(escapeGlob(base), strings.Join(tail, "/"))); len(hits) > 0 {
				return hits
			}
		}
	}
	if !hasGlob(last) {
		for i := 0; i < len(parts)-1; i++ {
			flat := strings.Join(parts[i:], "-")
			for _, base := range ancestors(from) {
				if hits := t.match(path.Join(escapeGlob(base), flat)); len(hits) > 0 {
					return hits
				}
			}
		}
	}
	return nil
}

// match returns the files that match a pattern, links that lead nowhere from
// here included: follow may know better.
func (t *tree) match(pattern string) []string {
	if strings.HasPrefix(pattern, "../") || pattern == ".." {
		return nil
	}
	if !hasGlob(pattern) {
		name := unescapeGlob(pattern)
		if !fs.ValidPath(name) {
			return nil
		}
		if _, err := fs.Lstat(t.fsys, name); err != nil {
			t.unreadable(name, err)
			return nil
		}
		return []string{name}
	}
	if strings.Count(pattern, "*") > 8 {
		return nil // nobody means that
	}
	hits, err := fs.Glob(t.fsys, pattern)
	if err != nil || len(hits) == 0 {
		return nil
	}
	if len(hits) > maxMatches {
		t.gap(pattern, fmt.Sprintf("more than %d files; the rest was not read", maxMatches), "")
		hits = hits[:maxMatches]
	}
	slices.Sort(hits)
	return hits
}

// ancestors returns a folder and those above it, up to the root.
func ancestors(dir string) []string {
	var list []string
	for dir = path.Clean(dir); ; dir = path.Dir(dir) {
		list = append(list, dir)
		if dir == "." || dir == "/" {
			return list
		}
	}
}

func hasGlob(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

func escapeGlob(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

func unescapeGlob(pattern string) string {
	if !strings.Contains(pattern, `\`) {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// walk visits the files of a folder that someone sent, in order, and the
// symbolic links.
func (t *tree) walk(visit func(name string, entry fs.DirEntry)) {
	seen := 0
	err := fs.WalkDir(t.fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			t.unreadable(name, err)
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if seen++; seen > maxEntries {
			t.gap(".", fmt.Sprintf("more than %d files; configuration was not looked for in the rest", maxEntries), "name the folder that holds the configuration")
			return fs.SkipAll
		}
		if entry.IsDir() {
			if name != "." && (entry.Name() == "node_modules" || entry.Name() == ".git" || strings.Count(name, "/") >= maxDepth) {
				return fs.SkipDir
			}
			return nil
		}
		visit(name, entry)
		return nil
	})
	if err != nil {
		t.unreadable(".", err)
	}
}

// stem returns a base name without its last extension.
func stem(name string) string {
	base := path.Base(name)
	return strings.TrimSuffix(base, path.Ext(base))
}
