package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"culprit"
)

// Collect finds out what lies at paths: files, folders, journal files and
// folders, archives (tar, also compressed, and zip), "-" for standard input. It
// reads a sample of each file and classifies it by its content first.
//
// What cannot be read becomes a gap and the rest goes on. If nothing is left,
// the error wraps culprit.ErrNoInput (nothing there, nothing readable) or
// culprit.ErrNoLog (text, but no log) and says what to do; the Inputs that come
// with it still hold the gaps. The caller closes the Inputs in either case.
//
// The end of ctx also ends the waiting for the writer of a pipe, here and when
// the pipe is read later.
func Collect(ctx context.Context, paths []string, o Options) (*Inputs, error) {
	c := &collector{ctx: ctx, in: &Inputs{opts: o}, opts: o, seen: map[string]bool{}}
	if len(paths) == 0 {
		return c.in, fmt.Errorf("%w: no path given", culprit.ErrNoInput)
	}
	for _, p := range paths {
		if err := c.add(p); err != nil {
			return c.in, err
		}
	}
	c.groupJournals()
	c.dropTwins()
	if ctx.Err() != nil {
		return c.in, ctx.Err()
	}
	if len(c.in.Logs) == 0 {
		return c.in, c.nothing(paths)
	}
	if len(c.archives) > 0 {
		c.in.Notices = append(c.in.Notices, c.inside()+".")
	}
	return c.in, nil
}

// inside tells of archives that were not read, and how to have them read.
func (c *collector) inside() string {
	name := c.archives[0]
	do := "unpack it and give the folder"
	if _, err := os.Stat(name); err == nil {
		do = "give it by name"
	}
	if n := len(c.archives) - 1; n > 0 {
		return fmt.Sprintf("%s and %d more are archives inside of what was given and are not read: %s", name, n, do)
	}
	return name + " is an archive inside of what was given and is not read: " + do
}

type collector struct {
	ctx      context.Context //nolint:containedctx // of one call of Collect
	in       *Inputs
	opts     Options
	seen     map[string]bool // device and inode of files
	journals []*Input        // single journal files
	files    int
	archives []string // inside of what was given, not read
	unknown  []string // text files given by name that no parser knows
	looked   int      // files that were there at all
	placed   bool     // the files lie where logs lie, so their names need not say it
}

// A tree is where a file is found: the folder that was asked for, or an archive.
type tree struct {
	root string // on disk
	name string // as people know it
}

func (t tree) nameOf(path string) string {
	rel, err := filepath.Rel(t.root, path)
	if err != nil || rel == "." {
		return t.name
	}
	return filepath.Join(t.name, rel)
}

// add takes one path of the command line. Its error ends everything: a name that
// is not there is a mistake of the caller, not a gap.
func (c *collector) add(path string) error {
	if path == "-" {
		f := c.opts.Stdin
		if f == nil {
			f = os.Stdin
		}
		return c.stream("-", waiting(c.ctx, func() (io.Reader, error) { return f, nil }))
	}
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s does not exist", culprit.ErrNoInput, path)
	case err != nil:
		c.unreadable(path, path, err)
		return nil
	}
	path = filepath.Clean(path)
	t := tree{root: path, name: path}
	switch mode := fi.Mode(); {
	case mode.IsDir():
		return c.walk(t)
	case mode.IsRegular():
		return c.file(t, path, fi, true)
	case mode&fs.ModeNamedPipe != 0:
		// Opening waits for a writer, too.
		return c.stream(path, waiting(c.ctx, func() (io.Reader, error) { return os.Open(path) }))
	default:
		return fmt.Errorf("%w: %s is neither a file nor a folder", culprit.ErrNoInput, path)
	}
}

// walk visits the regular files of a folder in the order of their names.
// Symbolic links are followed if they stay inside.
func (c *collector) walk(t tree) error {
	root, err := filepath.EvalSymlinks(t.root)
	if err != nil {
		c.unreadable(t.name, t.root, err)
		return nil
	}
	depth := strings.Count(root, string(filepath.Separator)) + c.opts.Limits.depth()
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Join(t.name, strings.TrimPrefix(path, root))
		if err != nil {
			c.unreadable(name, path, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if b := d.Name(); path != root && (b == ".git" || b == "node_modules") {
				return fs.SkipDir
			}
			if strings.Count(path, string(filepath.Separator)) > depth {
				c.gap(name, "folders nested too deeply, not read", "give this folder by name")
				return fs.SkipDir
			}
			return nil
		}
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if c.files++; c.files > c.opts.Limits.walk() {
			c.gap(t.name, fmt.Sprintf("more than %d files, the rest was not read", c.opts.Limits.walk()), "give the folder of the logs by name")
			return fs.SkipAll
		}
		sub := tree{root: root, name: t.name}
		if d.Type()&fs.ModeSymlink != 0 {
			return c.link(sub, path)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return nil // gone since the folder was listed
		}
		return c.file(sub, path, fi, false)
	})
}

// link looks at a symbolic link that a walk met. A file inside the folder is met
// by the walk as well; only as configuration does its second name matter.
func (c *collector) link(t tree, path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	if !within(t.root, target) {
		if isLogName(filepath.Base(path)) {
			c.skip(t.nameOf(path), "a link that leaves the folder")
		}
		return nil
	}
	if fi, err := os.Stat(target); err == nil && fi.Mode().IsRegular() && fi.Size() > 0 && isConfig(c.rel(t, path)) {
		c.in.Config = append(c.in.Config, ConfigFile{Name: t.nameOf(path), Path: path})
	}
	return nil
}

func within(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// rel returns the path of a file below its tree, with the tree's own last name
// in front: config/nginx.conf for a tree that is itself called config.
func (c *collector) rel(t tree, path string) string {
	if t.root == path {
		return filepath.Base(path)
	}
	rel, err := filepath.Rel(filepath.Dir(t.root), path)
	if err != nil {
		return filepath.Base(path)
	}
	return rel
}

// file classifies one regular file. byName tells that it was asked for itself.
func (c *collector) file(t tree, path string, fi fs.FileInfo, byName bool) error {
	c.looked++
	name := t.nameOf(path)
	if id := identityOf(fi); id != "" {
		if c.seen[id] {
			c.skip(name, "the same file as another one")
			return nil
		}
		c.seen[id] = true
	}
	if fi.Size() == 0 {
		c.skip(name, "empty")
		return nil
	}
	head, cod, err := sample(path)
	if errors.Is(err, errors.ErrUnsupported) {
		c.gap(name, "packed with xz, which is not read", cod.test(path))
		return nil
	}
	if err != nil && len(head) == 0 {
		if errors.Is(err, culprit.ErrCorrupt) {
			c.gap(name, "cannot be unpacked ("+reason(err)+")", cod.test(path))
			return nil
		}
		c.unreadable(name, path, err)
		return nil
	}
	if want := codingByName(name); want != codingNone && cod == codingNone {
		c.gap(name, "cannot be unpacked (its name says how it is packed, its content does not)", want.test(path))
		return nil
	}
	i := &Input{
		Name: name, Paths: []string{path}, Size: fi.Size(), ModTime: fi.ModTime(), coding: cod, base: c.rel(t, path), head: head,
	}
	if t.root == path {
		i.base = name
	}
	i.Options.Source = name
	return c.sort(t, i, byName)
}

// sort puts an input where its content belongs.
func (c *collector) sort(t tree, i *Input, byName bool) error {
	kind, format := classify(i.head)
	if c.opts.Format != "" && kind != contentTar && kind != contentZip && kind != contentJournal {
		kind, format, i.Options.Format = contentLog, c.opts.Format, c.opts.Format
	}
	i.Format = format
	switch kind {
	case contentEmpty:
		c.skip(i.Name, "empty")
	case contentBinary:
		if filepath.Ext(family(filepath.Base(i.base))) == ".log" {
			c.gap(i.Name, "its name says that it is a log, but it holds no text", "file "+quote(i.Name))
			return nil
		}
		c.skip(i.Name, "binary")
		if byName {
			c.unknown = append(c.unknown, i.Name)
		}
	case contentJournal:
		i.Class, i.head = ClassJournal, nil
		if i.coding != codingNone {
			if err := c.unpackJournal(i); err != nil {
				return err
			}
			if i.coding != codingNone {
				return nil // it is a gap now
			}
		}
		c.journals = append(c.journals, i)
	case contentExport:
		i.Class = ClassExport
		c.in.Logs = append(c.in.Logs, i)
	case contentTar, contentZip:
		if !byName {
			c.skip(i.Name, "an archive inside of what was given")
			c.archives = append(c.archives, i.Name)
			return nil
		}
		return c.archive(i, kind)
	case contentLog:
		if c.opts.Format == "" && !byName && !c.placed && isConfig(i.base) {
			c.config(i)
			return nil
		}
		c.in.Logs = append(c.in.Logs, i)
	case contentText:
		if c.placed || byName && format != "" || isLogName(i.base) && !isConfig(i.base) {
			c.in.Logs = append(c.in.Logs, i)
			return nil
		}
		c.config(i)
		if byName {
			c.unknown = append(c.unknown, i.Name)
		}
	}
	return nil
}

// maxConfig is the size above which a text is no configuration.
const maxConfig = 4 << 20

func (c *collector) config(i *Input) {
	if i.coding == codingNone && i.Size <= maxConfig {
		c.in.Config = append(c.in.Config, ConfigFile{Name: i.Name, Path: i.Paths[0]})
		return
	}
	c.skip(i.Name, "no log")
}

func (c *collector) skip(name, why string) {
	c.in.Skipped = append(c.in.Skipped, Skipped{Name: name, Why: why})
}

func (c *collector) gap(name, why, remedy string) {
	c.in.Gaps = append(c.in.Gaps, culprit.Gap{Source: name, Reason: why, Remedy: remedy})
}

// unreadable reports a file or folder that could not be opened.
func (c *collector) unreadable(name, path string, err error) {
	c.looked++
	c.in.Gaps = append(c.in.Gaps, unreadable(name, path, err))
}

// groupJournals makes one input of the journal files of a folder: entries of the
// system's and of users' journals interleave in time.
func (c *collector) groupJournals() {
	byDir := map[string][]*Input{}
	var dirs []string
	for _, j := range c.journals {
		d := filepath.Dir(j.Name)
		if byDir[d] == nil {
			dirs = append(dirs, d)
		}
		byDir[d] = append(byDir[d], j)
	}
	for _, d := range dirs {
		js := byDir[d]
		sort.Slice(js, func(a, b int) bool { return js[a].Name < js[b].Name })
		i := js[0]
		if len(js) > 1 {
			i = &Input{Name: d, Class: ClassJournal, base: filepath.Dir(js[0].base)}
			for _, j := range js {
				i.Paths = append(i.Paths, j.Paths...)
				i.Size += j.Size
				if j.ModTime.After(i.ModTime) {
					i.ModTime = j.ModTime
				}
			}
			i.Options.Source = d
		}
		c.in.Logs = append(c.in.Logs, i)
	}
}

// nothing says why there is nothing to read, and what to do about it.
func (c *collector) nothing(paths []string) error {
	what := paths[0]
	if len(paths) > 1 {
		what = fmt.Sprintf("%s and %d more", what, len(paths)-1)
	}
	switch {
	case len(c.unknown) > 0:
		return fmt.Errorf("%w: %s: no line in it is of a known format; give the log itself, such as nginx's error.log", culprit.ErrNoLog, c.unknown[0])
	case len(c.archives) > 0:
		return fmt.Errorf("%w: %s", culprit.ErrNoLog, c.inside())
	case len(c.in.Gaps) > 0:
		g := c.in.Gaps[0]
		return fmt.Errorf("%w: %s: %s; try: %s", culprit.ErrNoInput, g.Source, g.Reason, g.Remedy)
	case c.looked == 0:
		return fmt.Errorf("%w: %s is empty; give the folder that holds the logs, such as /var/log/nginx", culprit.ErrNoInput, what)
	case len(c.in.Skipped) >= c.looked && allEmpty(c.in.Skipped):
		return fmt.Errorf("%w: %s holds only empty files; the lines may be in rotated files next to it (error.log.1)", culprit.ErrNoInput, what)
	}
	files := "1 file"
	if c.looked != 1 {
		files = fmt.Sprintf("%d files", c.looked)
	}
	return fmt.Errorf("%w: %s holds %s but no log; give the folder of nginx's logs, the journal or the app's logs", culprit.ErrNoLog, what, files)
}

func allEmpty(s []Skipped) bool {
	for _, k := range s {
		if k.Why != "empty" {
			return false
		}
	}
	return true
}

// sample returns the decoded beginning of a file and how it is packed.
func sample(path string) ([]byte, coding, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, codingNone, err
	}
	defer f.Close()
	head, err := readHead(f, sampleSize)
	if err != nil {
		return nil, codingNone, err
	}
	cod := codingOf(head)
	if cod == codingNone {
		return head, cod, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, cod, err
	}
	z, err := cod.decode(f, ratioFloor)
	if err != nil {
		return nil, cod, err
	}
	defer z.Close()
	b := make([]byte, sampleSize)
	n := 0
	for n < len(b) && err == nil { // not io.ReadFull: a file that ends early must not look like a short one
		var k int
		k, err = z.Read(b[n:])
		n += k
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		err = damage{err}
	}
	return b[:n], cod, err
}

// readHead reads up to n bytes.
func readHead(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	k, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:k], err
}
