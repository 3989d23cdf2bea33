package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culprit"
	"culprit/correlate"
	"culprit/ingest"
	"culprit/internal/store"
	"culprit/internal/terminal"
	"culprit/internal/topology"
)

func newImportCommand(f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import PATH...",
		Short: "Read logs into the store",
		Long: `Import reads files, folders, archives and journals into the store (--data-dir),
where they can be searched, and stores the incidents that they tell. It may be
interrupted at any time and begun again: what is stored is not stored twice, and
a file that has grown or was rotated meanwhile is read on.`,
		Args: takes(1, many),
		RunE: func(cmd *cobra.Command, paths []string) error { return importPaths(cmd, f, paths) },
	}
	return cmd
}

// commitBytes is the text after which an import commits: some 64 blocks.
const commitBytes = 8 << 20

// An importedSource is what an import says of one input.
type importedSource struct {
	Path    string `json:"path"`
	Source  string `json:"source"` // its name in the store
	Format  string `json:"format"`
	Records int64  `json:"records"` // that are new
	Before  int64  `json:"before"`  // that were stored before
	State   string `json:"state"`   // imported, unchanged, interrupted or failed
	Error   string `json:"error,omitempty"`
}

// An importResult is what `import --format json` prints.
type importResult struct {
	Version   int              `json:"version"` // 1
	Sources   []importedSource `json:"sources"`
	Skipped   []string         `json:"skipped"`
	Gaps      []culprit.Gap    `json:"gaps"`      // what holds evidence and could not be read
	Notices   []string         `json:"notices"`   // about assumptions, such as the zone
	Incidents []string         `json:"incidents"` // ids of those that were found
}

// An importer reads inputs into a store, one after another.
type importer struct {
	st       *store.Store
	c        *correlate.Correlator
	progress *progress
	service  string // of the input that is read
	gaps     []culprit.Gap
	noted    *gapFile // where the reports of later find them
}

// missing takes what could not be read.
func (m *importer) missing(gaps ...culprit.Gap) error {
	for _, g := range gaps {
		m.c.AddGap(g)
		if err := m.noted.add(g, time.Now()); err != nil {
			return fmt.Errorf("note gap: %w", err)
		}
	}
	m.gaps = append(m.gaps, gaps...)
	return nil
}

func importPaths(cmd *cobra.Command, f *flags, paths []string) (err error) {
	asJSON, err := f.json()
	if err != nil {
		return err
	}
	if f.since != "" || f.until != "" || f.at != "" {
		return errors.New("import reads whole files: leave --since, --until and --at to search and why")
	}
	zone, err := f.zone()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	in, err := ingest.Collect(ctx, paths, ingest.Options{Zone: zone})
	if in != nil {
		defer in.Close()
	}
	if err != nil {
		return err
	}
	topo, gaps := topology.Read(newConfigFS(in.Config), topology.Options{})
	in.Assign(&topo)

	dir, err := f.folder()
	if err != nil {
		return err
	}
	m := &importer{c: correlate.New(topo), progress: newProgress(cmd.ErrOrStderr())}
	if m.st, err = openStore(ctx, dir, store.Options{Resolve: m.resolve, Ballast: -1}); err != nil {
		return err
	}
	if m.noted, err = openGaps(dir); err != nil {
		return errors.Join(err, m.st.Close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- m.st.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ran, m.st.Close())
	}()

	result := importResult{Version: 1, Sources: []importedSource{}, Skipped: []string{}, Gaps: []culprit.Gap{}, Notices: []string{}, Incidents: []string{}}
	result.Notices = append(result.Notices, in.Notices...)
	if err := m.missing(slices.Concat(in.Gaps, gaps)...); err != nil {
		return err
	}
	for _, s := range in.Skipped {
		result.Skipped = append(result.Skipped, s.Name+": "+s.Why)
	}
	slices.SortStableFunc(in.Logs, func(x, y *ingest.Input) int { return readOrder(x) - readOrder(y) })
	var failed error
	for _, i := range in.Logs {
		src, err := m.read(ctx, i)
		if err != nil {
			src.State, src.Error = "failed", oneLine(err.Error())
			if ctx.Err() != nil {
				src.State, src.Error = "interrupted", "interrupted: import it again to go on"
			}
			failed = err
		}
		result.Sources = append(result.Sources, src)
		if ctx.Err() != nil || errors.Is(err, culprit.ErrDiskFull) {
			break
		}
	}
	m.progress.clear()
	if ctx.Err() == nil {
		rep := m.c.Report(m.c.Newest())
		l := newLocator(m.st)
		for _, inc := range rep.Incidents {
			l.locate(ctx, inc)
		}
		if err := m.st.PutIncidents(ctx, rep.Incidents); err != nil {
			failed = errors.Join(failed, err)
		}
		for _, inc := range rep.Incidents {
			result.Incidents = append(result.Incidents, inc.ID)
		}
		// Records are safe and found by now; with the index they are found fast.
		if err := m.st.Indexed(ctx); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	result.Gaps = append(result.Gaps, m.gaps...)
	if !asJSON {
		for _, n := range result.Notices {
			fmt.Fprintln(cmd.ErrOrStderr(), "culprit: "+terminal.EscapeLine(n))
		}
		for _, g := range result.Gaps {
			fmt.Fprintln(cmd.ErrOrStderr(), "culprit: "+terminal.EscapeLine(g.Source+": "+g.Reason+"; try: "+g.Remedy))
		}
	}
	if err := printImport(cmd.OutOrStdout(), &result, asJSON); err != nil {
		return err
	}
	return failed
}

// resolve names the service of a record: its unit, else the program that is known
// to write the file.
func (m *importer) resolve(r *culprit.Record) (service, upstream string) {
	service = strings.TrimSuffix(r.Unit, ".service")
	if service == "" {
		service = m.service
	}
	if v, ok := r.Attrs.Lookup("upstream"); ok && v.Type() == culprit.TypeString {
		upstream = culprit.PassAddress(v.String())
	}
	return service, upstream
}

// An importCheckpoint says how far a file was imported. The last record proves that
// a file is the same one, under whatever name.
type importCheckpoint struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"`
	ModTime  time.Time `json:"mod_time"`
	Done     bool      `json:"done"`     // its end was reached
	Position int64     `json:"position"` // first byte of the last record
	Length   int       `json:"length"`   // of its text
	Sum      string    `json:"sum"`      // SHA-256 of its text
}

// read imports one input.
func (m *importer) read(ctx context.Context, in *ingest.Input) (src importedSource, err error) {
	src = importedSource{Path: in.Name, Source: in.Name, Format: in.Format, State: "imported"}
	name, generation, unchanged, err := m.find(ctx, in)
	if err != nil {
		return src, err
	}
	src.Source = name
	if unchanged {
		src.State = "unchanged"
	}
	m.service = in.Options.Service
	w, err := m.st.Writer(ctx, name, generation, in.Format)
	if err != nil {
		return src, err
	}
	defer w.Close()
	before := w.Records()
	src.Before = before
	var last culprit.Record // position and text of the last record
	pending := 0
	commit := func(done bool) error {
		cp := importCheckpoint{
			Path: in.Name, Size: in.Size, ModTime: in.ModTime, Done: done,
			Position: last.Start.Offset, Length: len(last.Text), Sum: sum(last.Text),
		}
		b, err := json.Marshal(cp)
		if err != nil {
			return err
		}
		pending = 0
		// An interruption ends the reading, not the storing of what was read.
		return w.Commit(context.WithoutCancel(ctx), b)
	}
	m.progress.begin(in.Name, in.Size)
	// Even an unchanged file is read, for the incidents that it takes part in.
	info, gaps, err := ingest.Read(ctx, in, func(r *culprit.Record) error {
		m.c.Add(r)
		if unchanged {
			return nil
		}
		if err := w.Add(r); err != nil {
			return err
		}
		last.Start, last.Text = r.Start, append(last.Text[:0], r.Text...)
		pending += len(r.Text)
		m.progress.add(r.End.Offset)
		if pending >= commitBytes {
			return commit(false)
		}
		return nil
	})
	err = errors.Join(err, m.missing(gaps...))
	if info.Kernel {
		m.c.HasKernel(info.Path)
	}
	if info.Format != "" {
		src.Format = info.Format
		w.SetFormat(info.Format)
	}
	if unchanged {
		return src, err
	}
	if err == nil {
		w.AddUnparsed(max(0, info.Unparsed))
	}
	if last.Text != nil {
		err = errors.Join(err, commit(err == nil))
	}
	src.Records = w.Records() - before
	return src, err
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return fmt.Sprintf("%x", s[:16])
}

// find returns the name and generation under which an input is stored, or will be,
// and whether all of it is there already.
func (m *importer) find(ctx context.Context, in *ingest.Input) (name, generation string, unchanged bool, err error) {
	if in.Class != ingest.ClassLog {
		return in.Name, "", false, nil // sequence numbers tell what is stored
	}
	var candidates []store.Generation
	for _, g := range m.st.Generations() {
		if g.Checkpoint != nil && family(g.Name) == family(in.Name) {
			candidates = append(candidates, g)
		}
	}
	slices.Reverse(candidates) // the latest is the likeliest
	for _, g := range candidates {
		var cp importCheckpoint
		if json.Unmarshal(g.Checkpoint, &cp) != nil || cp.Sum == "" || in.ModTime.IsZero() {
			continue
		}
		if cp.Done && cp.Path == in.Name && cp.Size == in.Size && cp.ModTime.Equal(in.ModTime) {
			return g.Name, g.Generation, true, nil
		}
		same, err := holds(ctx, in, &cp)
		if err != nil {
			return "", "", false, err
		}
		if same {
			return g.Name, g.Generation, false, nil
		}
	}
	return in.Name, "import " + rand.Text()[:10], false, nil
}

// rotated is what rotation puts behind a file's name.
var rotated = regexp.MustCompile(`([.-]\d{1,14})?(\.(gz|zst|xz|bz2))?$`)

// family returns what the names of a file and of its rotated predecessors share.
func family(name string) string {
	return path.Join(filepath.Dir(name), rotated.ReplaceAllString(filepath.Base(name), ""))
}

var errSeen = errors.New("seen enough")

// holds reports whether an input has the record that a checkpoint ends with.
func holds(ctx context.Context, in *ingest.Input, cp *importCheckpoint) (same bool, err error) {
	_, _, err = ingest.Read(ctx, in, func(r *culprit.Record) error {
		if r.Start.Offset < cp.Position {
			return nil
		}
		same = r.Start.Offset == cp.Position && len(r.Text) >= cp.Length && sum(r.Text[:cp.Length]) == cp.Sum
		return errSeen
	})
	if err != nil && !errors.Is(err, errSeen) {
		return false, err
	}
	return same, nil
}

func printImport(w io.Writer, r *importResult, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	var total int64
	for _, s := range r.Sources {
		total += s.Records
		line := fmt.Sprintf("%s  %s", terminal.EscapeLine(s.Path), plural(s.Records, "new record"))
		if s.Before > 0 {
			line += fmt.Sprintf(", %d stored before", s.Before)
		}
		if s.Source != s.Path {
			line += "  (" + terminal.EscapeLine(s.Source) + ")"
		}
		if s.Error != "" {
			line += "  " + terminal.EscapeLine(s.Error)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s from %s; %s found\n", plural(total, "new record"), plural(int64(len(r.Sources)), "source"), plural(int64(len(r.Incidents)), "incident"))
	return err
}

func plural(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
