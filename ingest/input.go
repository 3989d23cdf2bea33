package ingest

import (
	"errors"
	"os"
	"sync"
	"time"

	"culprit"
	"culprit/parsers"
)

// A Class says what an input is.
type Class uint8

// The classes.
const (
	ClassLog     Class = iota // lines
	ClassJournal              // one or more systemd journal files, read by journalctl
	ClassExport               // the text of `journalctl -o export`
)

// An Input is one source that can be read once.
type Input struct {
	Name    string          // as people know it, and as it goes into the records: the path as given, or archive/member
	Class   Class           //
	Paths   []string        // what to open: one file; of a journal its files, or a folder
	Format  string          // what its beginning looks like, "" if no parser knows its lines
	Size    int64           // bytes on disk, 0 of a pipe
	ModTime time.Time       // zero of a pipe
	Options parsers.Options // how to read it; completed by [Inputs.Assign]

	// Since and Until bound what is read; zero is no bound. A plain file is
	// entered near Since instead of at its beginning; see [Read] for what that
	// means to line numbers.
	Since, Until time.Time

	coding coding // of the bytes on disk
	pipe   *pipe  // of a source that is no file
	base   string // where it stood, without a temporary folder: for matching against configuration
	head   []byte // a sample of its beginning, decoded; released by Assign
	live   bool   // a journal of this machine
}

// A ConfigFile is a readable text file that is no log: configuration, the
// output of a command. It is offered to internal/topology.
type ConfigFile struct {
	Name string // as people know it
	Path string // what to open
}

// A Skipped file was looked at and is not read.
type Skipped struct {
	Name string
	Why  string
}

// Inputs is what was found at the paths that were asked for.
type Inputs struct {
	Logs    []*Input
	Config  []ConfigFile
	Skipped []Skipped
	Gaps    []culprit.Gap // files that hold evidence and cannot be read
	Notices []string      // sentences about assumptions, such as the zone

	// Newest is the time of the newest record that states its year, found by
	// [Inputs.Assign] from the ends of the inputs; zero if unknown.
	Newest time.Time

	temp []string // folders to remove
	once sync.Once
	opts Options
}

// Close removes what was unpacked.
func (in *Inputs) Close() error {
	var errs []error
	in.once.Do(func() {
		for _, d := range in.temp {
			errs = append(errs, os.RemoveAll(d))
		}
	})
	return errors.Join(errs...)
}

// Window bounds what [Read] reads of every input; zero is no bound.
func (in *Inputs) Window(since, until time.Time) {
	for _, i := range in.Logs {
		i.Since, i.Until = since, until
	}
}

// Options say how to collect inputs.
type Options struct {
	Format  string         // name of the format of every file, "" to detect it
	Zone    *time.Location // of times that state no offset; nil to find it out
	Stdin   *os.File       // what "-" means; nil is os.Stdin
	Machine bool           // the paths are this machine's own, so its zone and clock are known
	TempDir string         // where archives are unpacked; "" is the system's
	Limits  Limits
}

// Limits bound what is unpacked. Zero values mean the defaults.
type Limits struct {
	Bytes int64 // of one compressed file or archive after unpacking; default 32 GiB for what is streamed, 8 GiB for what needs disk
	Files int   // of one archive; default 20,000
	Depth int   // of folders; default 32
	Walk  int   // files looked at in a folder; default 100,000
}

const (
	defaultStreamBytes = 32 << 30
	defaultDiskBytes   = 8 << 30
	maxRatio           = 200      // unpacked to packed, beyond ratioFloor
	ratioFloor         = 64 << 20 // bytes that may be unpacked at any ratio
	sampleSize         = 64 << 10
)

func (l Limits) stream() int64 { return orDefault(l.Bytes, defaultStreamBytes) }
func (l Limits) disk() int64   { return orDefault(l.Bytes, defaultDiskBytes) }
func (l Limits) files() int    { return orDefault(l.Files, 20_000) }
func (l Limits) depth() int    { return orDefault(l.Depth, 32) }
func (l Limits) walk() int     { return orDefault(l.Walk, 100_000) }

func orDefault[T int | int64](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}
