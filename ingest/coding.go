package ingest

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"culprit"
)

// A coding is how the bytes of a file are packed.
type coding uint8

const (
	codingNone coding = iota
	codingGzip
	codingZstd
	codingBzip2
	codingXZ // recognized, not read
)

// codingOf recognizes a coding by its first bytes, whatever the name says.
func codingOf(head []byte) coding {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return codingGzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return codingZstd
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 9 && bytes.Equal(head[4:10], []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}):
		return codingBzip2
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return codingXZ
	}
	return codingNone
}

// codingByName says how a file is packed by what its name ends in.
func codingByName(name string) coding {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".gz", ".tgz":
		return codingGzip
	case ".zst":
		return codingZstd
	case ".bz2":
		return codingBzip2
	case ".xz":
		return codingXZ
	}
	return codingNone
}

// test returns the command that checks or repairs a file of this coding.
func (c coding) test(path string) string {
	switch c {
	case codingGzip:
		return "gzip -t " + quote(path)
	case codingZstd:
		return "zstd -t " + quote(path)
	case codingBzip2:
		return "bzip2recover " + quote(path)
	}
	return "xz -dk " + quote(path)
}

// damage is an error of a decoder; it is a [culprit.ErrCorrupt].
type damage struct{ error }

func (d damage) Is(target error) bool { return target == culprit.ErrCorrupt }
func (d damage) Unwrap() error        { return d.error }

// errBomb ends the reading of a file that grows out of proportion.
var errBomb = errors.New("unpacks to more than it may")

// decode returns what r holds, unpacked, bounded in size and ratio. A bound that
// is reached is an error that wraps errBomb; damage wraps culprit.ErrCorrupt.
func (c coding) decode(r io.Reader, limit int64) (io.ReadCloser, error) {
	in := &countReader{r: r}
	var out io.ReadCloser
	switch c {
	case codingNone:
		return io.NopCloser(r), nil
	case codingGzip:
		z, err := gzip.NewReader(bufio.NewReaderSize(in, chunk))
		if err != nil {
			return nil, damage{err}
		}
		out = z
	case codingZstd:
		// One goroutine and a bounded window: a file may ask for 2 GB of memory.
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, damage{err}
		}
		out = z.IOReadCloser()
	case codingBzip2:
		out = io.NopCloser(bzip2.NewReader(bufio.NewReaderSize(in, chunk)))
	default:
		return nil, fmt.Errorf("unpack xz: %w", errors.ErrUnsupported)
	}
	return &boundedReader{r: out, in: in, limit: limit}, nil
}

type countReader struct {
	r io.Reader
	n int64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// A boundedReader stops at limit bytes, or when its output is far larger than
// what went in.
type boundedReader struct {
	r     io.ReadCloser
	in    *countReader
	n     int64
	limit int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case b.n > b.limit:
		return 0, fmt.Errorf("%w: over %d bytes", errBomb, b.limit)
	case b.n > ratioFloor && b.n/maxRatio > b.in.n:
		return 0, fmt.Errorf("%w: %d bytes out of %d", errBomb, b.n, b.in.n)
	case err != nil && !errors.Is(err, io.EOF):
		return n, damage{err}
	}
	return n, err
}

func (b *boundedReader) Close() error { return b.r.Close() }
