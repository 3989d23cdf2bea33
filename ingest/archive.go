package ingest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"culprit"
)

// A pipe is a source that can be read once and only forwards.
type pipe struct{ r io.Reader }

// waiting returns what open gives, read by a goroutine of its own: a pipe whose
// writer is silent holds up that goroutine, not whoever wants to end with ctx.
func waiting(ctx context.Context, open func() (io.Reader, error)) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		in, err := open()
		if err == nil {
			_, err = io.CopyBuffer(w, struct{ io.Reader }{in}, make([]byte, chunk))
		}
		w.CloseWithError(err)
	}()
	return r
}

// A stoppable reader ends with its context, between two reads.
type stoppable struct {
	ctx context.Context //nolint:containedctx // of one call of Collect
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// stream takes what comes through a pipe: text is read as it comes, archives
// and journals are put on disk first.
func (c *collector) stream(name string, r io.Reader) error {
	c.looked++
	head, err := readHead(r, sampleSize)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	i := &Input{Name: name, coding: codingOf(head), base: name}
	i.Options.Source = name
	r = io.MultiReader(bytes.NewReader(head), r)
	if i.coding != codingNone {
		z, err := i.coding.decode(r, c.opts.Limits.stream())
		if errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("%w: %s is packed with xz; try: xz -dc FILE | culprit why -", culprit.ErrNoInput, name)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", culprit.ErrNoInput, name, err)
		}
		if head, err = readHead(z, sampleSize); err != nil {
			return fmt.Errorf("%w: %s: %w", culprit.ErrNoInput, name, err)
		}
		r = io.MultiReader(bytes.NewReader(head), z)
		i.coding = codingNone
	}
	i.head = head
	kind, format := classify(head)
	i.Format = format
	switch kind {
	case contentTar:
		return c.unpack(name, func(dst string) error { return untar(c.ctx, r, dst, c.opts.Limits) })
	case contentZip, contentJournal:
		dst, err := c.temp()
		if err != nil {
			return err
		}
		file := filepath.Join(dst, "piped")
		if kind == contentJournal {
			file += ".journal"
		}
		if err := writeBounded(file, r, c.opts.Limits.disk()); err != nil {
			return fmt.Errorf("store %s: %w", name, err)
		}
		if kind == contentZip {
			return c.unpack(name, func(dst string) error { return unzip(c.ctx, file, dst, c.opts.Limits) })
		}
		i.Paths = []string{file}
	default:
		i.pipe = &pipe{r}
	}
	if len(head) == 0 {
		return fmt.Errorf("%w: nothing came through %s", culprit.ErrNoInput, name)
	}
	if kind == contentText {
		// What somebody pipes in is meant to be a log, whatever it looks like.
		c.in.Logs = append(c.in.Logs, i)
		return nil
	}
	return c.sort(tree{root: name, name: name}, i, true)
}

// archive unpacks an archive and collects what is in it.
func (c *collector) archive(i *Input, kind content) error {
	if kind == contentZip {
		if i.coding != codingNone {
			c.gap(i.Name, "an archive inside of a compressed file", i.coding.test(i.Paths[0]))
			return nil
		}
		return c.unpack(i.Name, func(dst string) error { return unzip(c.ctx, i.Paths[0], dst, c.opts.Limits) })
	}
	return c.unpack(i.Name, func(dst string) error {
		f, err := os.Open(i.Paths[0])
		if err != nil {
			return err
		}
		defer f.Close()
		z, err := i.coding.decode(f, c.opts.Limits.disk())
		if err != nil {
			return err
		}
		defer z.Close()
		return untar(c.ctx, z, dst, c.opts.Limits)
	})
}

// unpack runs into on a fresh folder and collects what it left there. Damage or
// a bound in the middle is a gap; what came out before it is read.
func (c *collector) unpack(name string, into func(dst string) error) error {
	dst, err := c.temp()
	if err != nil {
		return err
	}
	if err := into(dst); err != nil {
		switch {
		case c.ctx.Err() != nil:
			return c.ctx.Err()
		case errors.Is(err, errBomb), errors.Is(err, culprit.ErrCorrupt):
			remedy := "unpack it by hand and give the folder"
			if errors.Is(err, zip.ErrFormat) { // its list of files stands at its end
				remedy = "zip -FF " + quote(name) + " --out mended.zip"
			}
			c.gap(name, "the archive is read in part only ("+err.Error()+")", remedy)
		case errors.Is(err, fs.ErrPermission):
			c.unreadable(name, name, err)
		default:
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
	return c.walk(tree{root: dst, name: name})
}

// temp makes a folder that Close removes.
func (c *collector) temp() (string, error) {
	dst, err := os.MkdirTemp(c.opts.TempDir, "culprit-")
	if err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	c.in.temp = append(c.in.temp, dst)
	return dst, nil
}

// untar writes the regular files of a tar below dst; os.Root refuses whatever
// would leave it. Links are left out: what they point to is in the archive
// under its own name, or not meant for us.
func untar(ctx context.Context, r io.Reader, dst string, l Limits) error {
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer root.Close()
	left := l.disk()
	t := tar.NewReader(stoppable{ctx, r})
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		if n >= l.files() {
			return fmt.Errorf("%w: over %d files", errBomb, l.files())
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		k, err := put(root, h.Name, t, h.ModTime, left)
		if left -= k; err != nil {
			return err
		}
	}
}

// unzip is untar for zip archives.
func unzip(ctx context.Context, file, dst string, l Limits) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return damaged(err)
	}
	defer z.Close()
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer root.Close()
	left := l.disk()
	for n, f := range z.File {
		if n >= l.files() {
			return fmt.Errorf("%w: over %d files", errBomb, l.files())
		}
		if !f.Mode().IsRegular() || f.Flags&1 != 0 { // bit 0: encrypted
			continue
		}
		if f.UncompressedSize64 > ratioFloor && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
			return fmt.Errorf("%w: %s is %d bytes out of %d", errBomb, f.Name, f.UncompressedSize64, f.CompressedSize64)
		}
		r, err := f.Open()
		if err != nil {
			return damaged(err)
		}
		k, err := put(root, f.Name, stoppable{ctx, r}, f.Modified, left)
		r.Close()
		if left -= k; err != nil {
			return err
		}
	}
	return nil
}

func damaged(err error) error {
	if errors.Is(err, errBomb) || errors.Is(err, culprit.ErrCorrupt) {
		return err
	}
	return damage{err}
}

// put writes one member of an archive and returns its size. Names that would
// leave the folder are taken below it: /var/log/x becomes var/log/x.
func put(root *os.Root, name string, r io.Reader, mod time.Time, limit int64) (int64, error) {
	name = strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, "\\", "/")), "/")
	if name == "" || strings.ContainsRune(name, 0) || len(name) > 1024 {
		return 0, nil
	}
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return 0, nil // a file stands where a folder should: the archive contradicts itself
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return 0, nil // the same name twice: the first one stays
		}
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	n, err := io.Copy(f, io.LimitReader(r, limit+1))
	if cerr := f.Close(); err == nil && cerr != nil {
		return n, fmt.Errorf("write %s: %w", name, cerr)
	}
	if !mod.IsZero() {
		// The time of the last write is evidence about years and rotation.
		_ = root.Chtimes(name, mod, mod)
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return n, err // our own disk
		}
		return n, damaged(err)
	}
	if n > limit {
		return n, fmt.Errorf("%w: over %d bytes", errBomb, limit)
	}
	return n, nil
}

// writeBounded stores what r gives in a new file.
func writeBounded(file string, r io.Reader, limit int64) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, limit+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && n > limit {
		err = fmt.Errorf("%w: over %d bytes", errBomb, limit)
	}
	return err
}

// unpackJournal puts a compressed journal on disk, because journalctl reads no
// other. On damage or a bound it becomes a gap and stays packed.
func (c *collector) unpackJournal(i *Input) error {
	dst, err := c.temp()
	if err != nil {
		return err
	}
	f, err := os.Open(i.Paths[0])
	if err != nil {
		c.unreadable(i.Name, i.Paths[0], err)
		return nil
	}
	defer f.Close()
	z, err := i.coding.decode(f, c.opts.Limits.disk())
	if err == nil {
		defer z.Close()
		name := filepath.Join(dst, "unpacked.journal")
		if err = writeBounded(name, stoppable{c.ctx, z}, c.opts.Limits.disk()); err == nil {
			i.Paths, i.coding = []string{name}, codingNone
			return nil
		}
	}
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	if errors.Is(err, errBomb) || errors.Is(err, culprit.ErrCorrupt) {
		c.gap(i.Name, "the journal cannot be unpacked ("+err.Error()+")", i.coding.test(i.Paths[0]))
		return nil
	}
	return fmt.Errorf("unpack %s: %w", i.Name, err)
}
