package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"culprit"
	"culprit/parsers"
)

// journalctl is run in a process of its own: it knows every format of journal
// file there is, and damage that kills it does not kill us.
const journalctl = "journalctl"

// journalArgs returns the arguments that select the files of an input.
func (i *Input) journalArgs() []string {
	args := []string{"--output=export", "--all", "--merge", "--no-pager", "--quiet"}
	switch {
	case i.live:
	case len(i.Paths) == 1 && isDir(i.Paths[0]):
		args = append(args, "--directory="+i.Paths[0])
	default:
		for _, p := range i.Paths {
			args = append(args, "--file="+literal(p))
		}
	}
	return args
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// literal escapes what --file would take for a pattern.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// window returns the arguments that bound the entries in time. The clock may
// have been set back in between, which --since does not see, so the margin is wide.
func (i *Input) window() []string {
	const margin = 10 * time.Minute
	var args []string
	if !i.Since.IsZero() {
		args = append(args, "--since=@"+strconv.FormatInt(i.Since.Add(-margin).Unix(), 10))
	}
	if !i.Until.IsZero() {
		args = append(args, "--until=@"+strconv.FormatInt(i.Until.Add(margin).Unix(), 10))
	}
	return args
}

// journal reads the entries of a journal.
func (r *reading) journal(ctx context.Context) error {
	i := r.in
	s := parsers.NewStream(i.Options)
	defer r.finish(s)
	said, err := i.run(ctx, s, r)
	switch {
	case r.err != nil:
		return r.err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		r.gaps = append(r.gaps, culprit.Gap{
			Source: i.Name, Reason: "the journal was not read: there is no journalctl on this machine",
			Remedy: "journalctl --file=" + quote(i.Paths[0]) + " -o json --all > journal.json   # on a machine with systemd",
		})
		return nil
	}
	if err != nil && r.info.Records == 0 && len(i.Paths) > 1 {
		// One file that cannot be opened keeps journalctl from all the others.
		if r.apart(ctx, s); r.err != nil {
			return r.err
		}
		s.Close(r.take)
		return r.err
	}
	s.Close(r.take)
	if r.err != nil {
		return r.err
	}
	r.journalGap(i, said, err)
	r.info.Kernel = i.hasKernel(ctx)
	return ctx.Err()
}

// hasKernel reports whether a journal holds the kernel's messages at all: in a
// container it does not, and a quiet kernel may say nothing for days.
func (i *Input) hasKernel(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, journalctl, append(i.journalArgs(), "--lines=1", "--output-fields=PRIORITY", "_TRANSPORT=kernel")...)
	out, err := cmd.Output()
	return err == nil && len(bytes.TrimSpace(out)) > 0
}

// apart reads the files of a journal one after the other.
func (r *reading) apart(ctx context.Context, s *parsers.Stream) {
	for _, p := range r.in.Paths {
		one := *r.in
		one.Paths = []string{p}
		said, err := one.run(ctx, s, r)
		if r.err != nil || ctx.Err() != nil {
			return
		}
		r.journalGap(&one, said, err)
	}
}

// run reads what journalctl prints for the input. It returns what it said on its
// standard error.
func (i *Input) run(ctx context.Context, s *parsers.Stream, r *reading) (said string, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, journalctl, append(i.journalArgs(), i.window()...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_LOG_LEVEL=info")
	stderr := &lastBytes{max: 4 << 10}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	take := r.take
	perr := pushEntries(ctx, parsers.NewExportReader(out), func(l parsers.Line) error {
		s.Push(l, take)
		return r.err
	})
	if perr != nil {
		stop() // it would wait for a reader
	}
	werr := cmd.Wait()
	said = strings.TrimSpace(stderr.String())
	if perr != nil {
		return said, perr
	}
	return said, werr
}

// journalGap turns what journalctl said into a gap.
func (r *reading) journalGap(i *Input, said string, err error) {
	name := i.Name
	if len(i.Paths) == 1 && len(r.in.Paths) > 1 {
		name = i.Paths[0]
	}
	g := culprit.Gap{Source: name}
	switch {
	case strings.Contains(said, "not seeing messages from other users"), strings.Contains(said, "insufficient permissions"), strings.Contains(said, "Permission denied"):
		g.Reason, g.Remedy = "this user may not read all of the journal", "sudo usermod -aG systemd-journal $USER"
	case strings.Contains(said, "No journal files were found"), strings.Contains(said, "No journal files were opened"):
		g.Reason, g.Remedy = "there is no journal", "sudo mkdir -p /var/log/journal && sudo systemctl restart systemd-journald"
	case err != nil:
		g.Reason = "the journal is damaged, read in part: " + firstLine(said, err)
		g.Remedy = "journalctl --verify --file=" + quote(i.Paths[0])
		if i.live {
			g.Remedy = "journalctl --verify"
		}
		if !r.last.IsZero() {
			from := r.last
			g.From = &from
		}
	case strings.Contains(said, "corrupt"), strings.Contains(said, "Bad message"), strings.Contains(said, "truncated"):
		g.Reason, g.Remedy = "part of the journal is damaged: "+firstLine(said, nil), "journalctl --verify"
	default:
		return
	}
	r.gaps = append(r.gaps, g)
}

func firstLine(said string, err error) string {
	if said == "" && err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(said, "\n")
	return line
}

// journalSpan asks for the first and the last entry.
func (i *Input) journalSpan() (first, last time.Time) {
	return i.edge(), i.edge("--lines=1")
}

// edge returns the time of the first entry that journalctl prints.
func (i *Input) edge(arg ...string) time.Time {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, journalctl, append(append(i.journalArgs(), "--output-fields=MESSAGE"), arg...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return time.Time{}
	}
	if err := cmd.Start(); err != nil {
		return time.Time{}
	}
	head, _ := readHead(out, 4<<10)
	stop() // it would print all of the journal
	_ = cmd.Wait()
	return entryTime(head)
}

// entryTime returns the receive time of the first entry of an export text.
func entryTime(out []byte) time.Time {
	const field = "__REALTIME_TIMESTAMP="
	k := bytes.Index(out, []byte(field))
	if k < 0 {
		return time.Time{}
	}
	v, _, _ := bytes.Cut(out[k+len(field):], []byte("\n"))
	us, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	b   []byte
	max int
}

func (t *lastBytes) Write(p []byte) (int, error) {
	n := len(p)
	t.b = append(t.b, p...)
	if over := len(t.b) - t.max; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return n, nil
}

func (t *lastBytes) String() string { return string(t.b) }

// An entryReader reads the entries of a journal in one of journalctl's forms.
type entryReader interface {
	Next(*parsers.JournalEntry) error
}

// pushEntries hands the entries of r to push.
func pushEntries(ctx context.Context, r entryReader, push func(parsers.Line) error) error {
	var e parsers.JournalEntry
	for n := 1; ; n++ {
		if n&0xff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		err := r.Next(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := push(e.Line()); err != nil {
			return err
		}
	}
}
