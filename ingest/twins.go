package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// dropTwins leaves out files that hold what another one holds: error.log.1 next
// to its error.log.1.gz, a copy in a second folder. Text without a time may stand
// in the logs of two programs word for word, so there only rotated forms of one
// log count as the same.
func (c *collector) dropTwins() {
	type headKey struct {
		family string
		head   string
	}
	byHead := map[headKey][]*Input{}
	keep := c.in.Logs[:0]
	for _, i := range c.in.Logs {
		if i.Class != ClassLog || i.pipe != nil || len(i.head) == 0 {
			keep = append(keep, i)
			continue
		}
		k := headKey{family(filepath.Base(i.base)), string(i.head[:min(len(i.head), 128)])}
		isDated := hasDate.Match(i.head[:min(len(i.head), 4096)])
		twin := false
		for n, other := range byHead[k] {
			if !isDated && unpackedName(other.base) != unpackedName(i.base) {
				continue
			}
			switch longer, same := compare(c.ctx, other, i, c.opts.Limits.stream()); {
			case !same:
			case longer == i: // other is an early copy of i
				c.skip(other.Name, "the same lines as "+i.Name)
				byHead[k][n] = i
				for m := range keep {
					if keep[m] == other {
						keep[m] = i
					}
				}
				twin = true
			default:
				c.skip(i.Name, "the same lines as "+other.Name)
				twin = true
			}
			if twin {
				break
			}
		}
		if !twin {
			byHead[k] = append(byHead[k], i)
			keep = append(keep, i)
		}
	}
	c.in.Logs = keep
}

// unpackedName returns the name that a packed file had before.
func unpackedName(name string) string {
	switch ext := filepath.Ext(name); ext {
	case ".gz", ".zst", ".bz2":
		return strings.TrimSuffix(name, ext)
	}
	return name
}

var hasDate = regexp.MustCompile(`\d{4}[-/]\d\d[-/]\d\d|\d\d/[A-Z][a-z]{2}/\d{4}|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|"time(stamp)?":\s*"?\d`)

// compare reads two files side by side. They are the same if one is the
// beginning of the other; longer is the one with more.
func compare(ctx context.Context, a, b *Input, limit int64) (longer *Input, same bool) {
	ra, err := a.open(limit)
	if err != nil {
		return nil, false
	}
	defer ra.Close()
	rb, err := b.open(limit)
	if err != nil {
		return nil, false
	}
	defer rb.Close()
	ba, bb := make([]byte, 64<<10), make([]byte, 64<<10)
	for ctx.Err() == nil {
		na, erra := io.ReadFull(ra, ba)
		nb, errb := io.ReadFull(rb, bb)
		if !ended(erra) || !ended(errb) {
			return nil, false
		}
		n := min(na, nb)
		if !bytes.Equal(ba[:n], bb[:n]) {
			return nil, false
		}
		switch {
		case na > nb:
			return a, true
		case nb > na:
			return b, true
		case erra != nil:
			return a, true
		}
	}
	return nil, false
}

// ended reports whether err is nil or the end of a file.
func ended(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// open returns the decoded bytes of a file.
func (i *Input) open(limit int64) (io.ReadCloser, error) {
	f, err := os.Open(i.Paths[0])
	if err != nil {
		return nil, err
	}
	z, err := i.coding.decode(f, limit)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &bothClosed{z, f}, nil
}

// bothClosed closes a decoder and the file below it.
type bothClosed struct {
	io.ReadCloser
	file *os.File
}

func (b *bothClosed) Close() error {
	err := b.ReadCloser.Close()
	if ferr := b.file.Close(); err == nil {
		err = ferr
	}
	return err
}
