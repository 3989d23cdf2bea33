package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// An inode is a file's place on its disk. A file system gives the number of a
// deleted file to the next one, so it identifies a file only while that is held
// open; else its content has to agree.
type inode struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

func inodeOf(fi fs.FileInfo) inode {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	return inode{uint64(st.Dev), st.Ino} //nolint:unconvert // 32 bits on some systems
}

const (
	headSize  = 1024 // bytes at the beginning of a file that identify it, fewer while it is shorter
	guardSize = 256  // bytes before a position that must be there again to go on from it
)

// A digest identifies a stretch of bytes.
type digest struct {
	Len int    `json:"len"`
	Sum string `json:"sum,omitempty"` // SHA-256, the first 16 bytes in hex
}

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest{len(b), hex.EncodeToString(sum[:16])}
}

// headOf identifies the beginning of a file that is size bytes long.
func headOf(f io.ReaderAt, size int64) (digest, error) {
	b := make([]byte, min(size, headSize))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, int64(len(b))), b); err != nil {
		return digest{}, err
	}
	return digestOf(b), nil
}

// guardOf identifies n bytes before a position.
func guardOf(f io.ReaderAt, offset, n int64) (digest, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset-n, n), b); err != nil {
		return digest{}, err
	}
	return digestOf(b), nil
}

// A checkpoint says how far a file was read and how to recognize it.
type checkpoint struct {
	Version int       `json:"v"`
	Source  string    `json:"source"`
	Path    string    `json:"path"` // where it was last seen
	Inode   inode     `json:"inode"`
	Head    digest    `json:"head"` // of the bytes that were read, at most headSize
	Offset  int64     `json:"offset"`
	Line    int       `json:"line"`  // number of the line at Offset
	Guard   digest    `json:"guard"` // of the bytes before Offset
	After   time.Time `json:"after,omitzero"`
	State   state     `json:"state,omitempty"`
	Born    int64     `json:"born"` // when it was first seen, Unix nanoseconds: the order of the files of a source

	Cursor  string `json:"cursor,omitempty"`  // of a journal, instead of all but Source
	Include bool   `json:"include,omitempty"` // the entry at Cursor has to be read again
	Micros  int64  `json:"micros,omitempty"`  // its receive time
}

type state string

const (
	stateOpen    state = ""        // to be read on
	stateDone    state = "done"    // read to its end
	stateSkipped state = "skipped" // older than what was asked for when its source was first seen
	stateCopy    state = "copy"    // holds what another file of its source holds
)

const checkpointVersion = 1

func (c *checkpoint) marshal() []byte {
	c.Version = checkpointVersion
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // no field of it can fail
	}
	return b
}

func parseCheckpoint(b []byte) (*checkpoint, error) {
	var c checkpoint
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	if c.Version != checkpointVersion {
		return nil, fmt.Errorf("read checkpoint: version %d", c.Version)
	}
	return &c, nil
}

// begins reports whether a file has the beginning that the checkpoint names.
func (c *checkpoint) begins(f io.ReaderAt, size int64) bool {
	if c.Head.Len == 0 || size < int64(c.Head.Len) {
		return false // of nothing, every file is the continuation
	}
	d, err := headOf(f, int64(c.Head.Len))
	return err == nil && d == c.Head
}

// guarded reports whether the bytes before the checkpoint's position are still there.
func (c *checkpoint) guarded(f io.ReaderAt, size int64) bool {
	if size < c.Offset {
		return false
	}
	if c.Guard.Len == 0 || int64(c.Guard.Len) > c.Offset {
		return c.Offset == 0
	}
	d, err := guardOf(f, c.Offset, int64(c.Guard.Len))
	return err == nil && d == c.Guard
}
