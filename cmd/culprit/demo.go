package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"culprit"
	"culprit/correlate"
	"culprit/examples"
	"culprit/ingest"
	"culprit/internal/report"
	"culprit/internal/store"
	"culprit/internal/terminal"
	"culprit/internal/topology"
	"culprit/web"
)

func newDemoCommand(f *flags) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what it does on recorded outages",
		Long: `Demo loads recorded outages, which are part of the program, into a temporary
store, tells the first one as culprit why does, and serves the pages until it is
interrupted. Nothing on this machine is read, and nothing is left behind.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd, f, once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "tell the outage and end, without serving")
	cmd.Flags().BoolVar(&once, "no-serve", false, "the same")
	return cmd
}

func demo(cmd *cobra.Command, f *flags, once bool) (err error) {
	asJSON, err := f.json()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	dir, err := os.MkdirTemp("", "culprit-demo-")
	if err != nil {
		return fmt.Errorf("make temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demonstration{dir: dir}
	if d.store, err = openStore(ctx, filepath.Join(dir, "data"), store.Options{Resolve: d.resolve, Ballast: -1}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	if d.gaps, err = openGaps(filepath.Join(dir, "data")); err != nil {
		return err
	}
	for i, e := range examples.All {
		rep, zone, err := d.add(ctx, e)
		if err != nil {
			return fmt.Errorf("load example %s: %w", e.Name, err)
		}
		if i > 0 {
			continue
		}
		out := cmd.OutOrStdout()
		if asJSON {
			err = writeJSON(out, rep, false)
		} else {
			err = report.Text(out, rep, report.TextOptions{Screen: terminal.Of(os.Stdout, os.Getenv), Zone: zone, Now: d.newest, Exit: exitOK})
		}
		if err != nil {
			return fmt.Errorf("write the verdict: %w", err)
		}
	}
	if once {
		return nil
	}
	return d.serve(ctx, cmd.ErrOrStderr())
}

// A demonstration is a temporary store with the examples.
type demonstration struct {
	dir    string
	store  *store.Store
	topo   culprit.Topology
	names  *attribution
	newest time.Time
	gaps   *gapFile
}

// resolve implements store.Options.Resolve.
func (d *demonstration) resolve(r *culprit.Record) (service, upstream string) {
	return d.names.resolve(r)
}

// add loads one example, as an import does, under names without the temporary folder.
func (d *demonstration) add(ctx context.Context, e examples.Example) (*culprit.Report, *time.Location, error) {
	logs := filepath.Join(d.dir, e.Name)
	if err := e.Write(logs); err != nil {
		return nil, nil, err
	}
	in, err := ingest.Collect(ctx, []string{logs}, ingest.Options{})
	if in != nil {
		defer in.Close()
	}
	if err != nil {
		return nil, nil, err
	}
	topo, gaps := topology.Read(newConfigFS(in.Config), topology.Options{})
	d.topo.Add(topo)
	d.names = newAttribution(&topo)
	in.Assign(&topo)
	in.Window(time.Time{}, e.End)
	slices.SortStableFunc(in.Logs, func(x, y *ingest.Input) int { return readOrder(x) - readOrder(y) })
	m := &importer{st: d.store, c: correlate.New(topo), progress: newProgress(io.Discard), noted: d.gaps}
	for _, i := range in.Logs {
		if name, err := filepath.Rel(d.dir, i.Name); err == nil {
			i.Name, i.Options.Source = name, name
		}
		if _, err := m.read(ctx, i); err != nil {
			return nil, nil, err
		}
	}
	if err := m.missing(slices.Concat(in.Gaps, gaps)...); err != nil {
		return nil, nil, err
	}
	newest := m.c.Newest()
	rep := m.c.Report(newest)
	if newest.After(d.newest) {
		d.newest = newest
	}
	l := newLocator(d.store)
	for _, inc := range rep.Incidents {
		l.locate(ctx, inc)
	}
	if err := d.store.PutIncidents(ctx, rep.Incidents); err != nil {
		return nil, nil, err
	}
	return rep, zoneToShow(question{}, false, topo.Zone, in.Logs, newest), nil
}

const (
	demoPort  = 8502 // the first that is tried
	demoPorts = 20
)

// serve serves the pages until ctx ends. The clock stands shortly after the
// last record, and goes on from there.
func (d *demonstration) serve(ctx context.Context, out io.Writer) error {
	begun := time.Now()
	clock := func() time.Time { return d.newest.Add(time.Minute + time.Since(begun)) }
	a := archive{d.store}
	cfg := web.Config{
		Searcher: a, Reader: a, Events: a, Incidents: a, Sources: storedSources{d.store}, Report: reportOf("", d.gaps, clock),
		Topology: func() *culprit.Topology { return &d.topo }, Clock: clock, Logger: slog.New(slog.DiscardHandler), Host: "demo", Version: version(),
	}
	if cfg.Socket = socketIn(filepath.Join(d.dir, "data")); len(cfg.Socket) > maxSocketPath {
		cfg.Socket = ""
	}
	s, err := listenNear(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nculprit: the pages are at http://%s/ until Ctrl-C\n", s.Addr())
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- d.store.Run(base) }()
	err = s.Run(ctx)
	stop()
	return errors.Join(err, <-ran)
}

// listenNear listens on the usual port, or on one of the next that is free.
func listenNear(cfg web.Config) (*web.Server, error) {
	var first error
	for port := demoPort; port <= demoPort+demoPorts; port++ {
		cfg.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if port == demoPort+demoPorts {
			cfg.Addr = "127.0.0.1:0"
		}
		s, err := web.New(cfg)
		if err != nil {
			return nil, err
		}
		if err = s.Listen(); err == nil {
			return s, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// storedSources tells what is stored of each source where nothing is followed.
type storedSources struct{ store *store.Store }

// Sources implements web.Sources.
func (s storedSources) Sources(context.Context) ([]web.SourceState, error) {
	var out []web.SourceState
	for _, t := range s.store.Sources() {
		out = append(out, web.SourceState{Path: t.Name, Format: t.Format, Health: web.HealthOK, Records: t.Records, Last: t.Last})
	}
	return out, nil
}
