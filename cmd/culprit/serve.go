package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"culprit"
	"culprit/ingest"
	"culprit/internal/config"
	"culprit/internal/store"
	"culprit/web"
)

func newServeCommand(f *flags) *cobra.Command {
	var listen, level string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Follow this machine's logs, tell incidents as they happen, serve the pages",
		Long: `Serve reads the logs of this machine while they grow, keeps them in the data
folder, tells incidents while they happen, and serves the pages and the API,
by default on http://127.0.0.1:8502 for this machine alone.

It reads what it finds at the usual places and what the configuration file adds;
culprit sources lists what that is. It stops on SIGINT or SIGTERM within five
seconds, at once on a second one; nothing that was stored is ever lost, and what
comes meanwhile is read at the next start.`,
		Example: `  culprit serve
  culprit serve --config /etc/culprit/culprit.yaml
  culprit serve --listen 127.0.0.1:9000 --data-dir ~/outage`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.settings()
			if err != nil {
				return err
			}
			for flag, v := range map[string]struct{ name, value string }{"--listen": {"listen", listen}, "--log-level": {"log_level", level}} {
				if v.value == "" {
					continue
				}
				if err := cfg.Set(v.name, v.value); err != nil {
					return fmt.Errorf("%s: %w", flag, errors.Unwrap(err))
				}
			}
			return serve(cmd.Context(), cfg)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address of the pages and the API, or none")
	cmd.Flags().StringVar(&level, "log-level", "", "debug, info, warn or error")
	return cmd
}

// serve runs the service until ctx ends.
func serve(ctx context.Context, cfg *config.Config) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(cfg.Memory)
	}
	behave()
	log := slog.New(slog.NewTextHandler(escaped{os.Stderr}, &slog.HandlerOptions{Level: cfg.LogLevel}))

	defer abort(ctx, log)()

	s, err := newService(ctx, cfg, log, time.Now)
	if err != nil {
		return err
	}
	defer s.close()
	if a := s.web.Addr(); a != nil {
		log.Info("serving", "address", "http://"+a.String()+"/", "data", cfg.DataDir)
	}
	err = s.run(ctx)
	log.Info("stopped")
	return err
}

// A service is all parts of `culprit serve`.
type service struct {
	cfg     *config.Config
	log     *slog.Logger
	store   *store.Store
	machine *machine
	live    *live
	follow  *ingest.Follower
	web     *web.Server
	sources *sourceList

	now   func() time.Time
	after func(time.Duration) <-chan time.Time
	ready chan struct{} // closed when everything runs

	started time.Time // when following began
}

// newService opens everything: first what shows that another process is here (the
// data folder, then the port), then what costs time. now is the clock by which
// incidents go on or end.
func newService(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (*service, error) {
	s := &service{cfg: cfg, log: log, now: now, after: time.After, ready: make(chan struct{})}
	var err error
	s.store, err = openStore(ctx, cfg.DataDir, store.Options{
		Resolve:   func(r *culprit.Record) (string, string) { return s.live.resolve(r) },
		Retention: store.Retention{Age: cfg.Retention.Age, Bytes: cfg.Retention.Size},
		Now:       now,
		Log:       log,
	})
	if err != nil {
		return nil, err
	}
	gaps, err := openGaps(cfg.DataDir)
	if err != nil {
		s.store.Close()
		return nil, err
	}
	s.machine = &machine{cfg: cfg}
	s.live = newLive(s.store, culprit.Topology{}, cfg.Window)
	s.live.log, s.live.gaps, s.live.now = log, gaps, now
	s.live.own = ownWords(ownUnit(), os.Getpid())
	s.live.backlog, s.live.behind = s.backlog, s.behind
	s.live.tell = func(change string, inc *culprit.Incident) {
		log.Info("incident "+change, "id", inc.ID, "title", inc.Title, "verdict", inc.Verdict)
		s.web.PublishIncident(change, inc)
	}
	s.follow = ingest.NewFollower(s.live, ingest.FollowOptions{
		Places: s.machine.places, Parse: s.machine.parse, Ignore: ownFiles(cfg.DataDir), Journals: s.machine.journals(), Backfill: cfg.Backfill, Log: log, Now: now,
	})
	s.sources = &sourceList{machine: s.machine, stored: s.store.Sources, followed: s.follow.Status, gaps: gaps, now: s.now}
	if err := s.listen(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// maxSocketPath is the longest path that a unix socket may have.
const maxSocketPath = 107

// listen makes the web server and opens its addresses.
func (s *service) listen() error {
	host, _ := os.Hostname()
	a := archive{s.store}
	socket := socketIn(s.cfg.DataDir)
	if len(socket) > maxSocketPath {
		s.log.Warn("the path of the data folder is too long for a socket: other commands cannot ask this service", "path", socket)
		socket = ""
	}
	registry := prometheus.NewRegistry()
	var err error
	s.web, err = web.New(web.Config{
		Searcher: a, Reader: a, Events: a, Incidents: a, Sources: s.sources, Report: reportOf(host, s.live.gaps, s.now),
		Topology: func() *culprit.Topology { t, _ := s.machine.topology(); return &t },
		Gaps: func(_ context.Context, since, until time.Time) ([]culprit.Gap, error) {
			return s.live.gaps.between(since, until), nil
		},
		Ready: s.isReady, Registry: registry, Logger: s.log, Clock: s.now,
		Addr: s.cfg.Listen, Socket: socket, TokenFile: s.cfg.TokenFile, Hosts: s.cfg.Hosts, Host: host, Zone: zoneName(s.cfg.Zone), Version: version(),
	})
	if err != nil {
		return err
	}
	registerMetrics(registry, s)
	return s.web.Listen()
}

// run starts the parts in the order in which each needs the one before, and stops
// them the other way round:
//
//  1. the store's work in the background
//  2. the web server: pages and what is stored are there at once, /api/readyz
//     follows when the rest runs
//  3. the topology, and the correlator with what the store holds of the window
//  4. the follower, which hands both what it reads
//  5. what tells incidents, and what watches configuration and sources
//
// To stop, 5 and 4 end first: the follower commits what it has read, then one
// last report is told; then the web server, then the store. The first part that
// fails stops all.
func (s *service) run(ctx context.Context) error {
	outer, stopOuter := context.WithCancel(context.WithoutCancel(ctx))
	defer stopOuter()
	base, outer := errgroup.WithContext(outer)
	webCtx, stopWeb := context.WithCancel(outer)
	base.Go(func() error { return s.store.Run(outer) })
	base.Go(func() error {
		defer stopOuter() // without it nobody sees anything
		return s.web.Run(webCtx)
	})
	// ctx ends by a signal, outer by a failure.
	inner, stopInner := context.WithCancel(ctx)
	defer context.AfterFunc(outer, stopInner)()

	err := s.work(inner)
	stopInner()
	notify("STOPPING=1")
	stopWeb()
	err = errors.Join(err, base.Wait())
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// work runs what follows and tells.
func (s *service) work(ctx context.Context) error {
	s.machine.load()
	topo, gaps := s.machine.topology()
	err := s.live.setTopology(ctx, topo, gaps)
	if err == nil {
		err = s.live.load(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.started = time.Now()
	close(s.ready)
	notify("READY=1")
	followed, stop := context.WithCancel(ctx)
	g, gctx := errgroup.WithContext(followed)
	g.Go(func() error {
		defer stop() // the others have nothing to do without it
		return s.follow.Run(gctx)
	})
	g.Go(func() error { return s.live.run(gctx) })
	g.Go(func() error { return s.machine.watch(gctx, s.log, s.after, s.reread) })
	g.Go(func() error { return s.sources.watch(gctx, s.after, s.web.PublishSources) })
	err = g.Wait()
	stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, e := s.live.report(last); e != nil && err == nil {
		s.log.Error("tell incidents", "error", e)
	}
	return err
}

// reread begins anew with a topology that has changed.
func (s *service) reread(topo culprit.Topology, gaps []culprit.Gap) error {
	return s.live.setTopology(context.Background(), topo, gaps)
}

// isReady implements web.Config.Ready.
func (s *service) isReady() error {
	select {
	case <-s.ready:
	default:
		return fmt.Errorf("what is stored is being read: %w", culprit.ErrUnavailable)
	}
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	if s.live.failed != nil {
		return fmt.Errorf("what is read cannot be stored: %w", s.live.failed)
	}
	return nil
}

// backlog reports whether a file holds much that was not read yet.
func (s *service) backlog() bool {
	return slices.ContainsFunc(s.follow.Status(), func(st ingest.SourceStatus) bool { return st.Path != "" && st.Size-st.Offset > 64<<10 })
}

// behind reports whether what had gathered before the start is still being read;
// of a journal nobody knows how much that is, so it is over when nothing more
// comes for a while.
func (s *service) behind() bool {
	list := s.follow.Status()
	running := time.Since(s.started)
	if len(list) == 0 {
		return running < 2*time.Second // nothing was found yet
	}
	return s.backlog() || slices.ContainsFunc(list, func(st ingest.SourceStatus) bool {
		if st.Path != "" {
			return false
		}
		if st.Read.IsZero() {
			return running < 3*time.Second
		}
		return s.now().Sub(st.Read) < 500*time.Millisecond
	})
}

// close closes the store, after everything that uses it.
func (s *service) close() {
	s.live.close()
	if err := s.store.Close(); err != nil {
		s.log.Error("close the store", "error", err)
	}
}

// zoneName is the name of the zone in which people here read times.
func zoneName(z *time.Location) string {
	if z == nil {
		z = time.Local
	}
	if n := z.String(); n != "Local" {
		return n
	}
	if link, err := os.Readlink("/etc/localtime"); err == nil {
		for _, dir := range []string{"/usr/share/zoneinfo/", "../usr/share/zoneinfo/"} {
			if len(link) > len(dir) && link[:len(dir)] == dir {
				return link[len(dir):]
			}
		}
	}
	return ""
}

// version is the program's, as the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
