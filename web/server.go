package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"culprit"
)

// DefaultAddr is where the service listens unless it is told otherwise.
const DefaultAddr = "127.0.0.1:8502"

// stopTime bounds a graceful stop; what is not done by then is cut.
const stopTime = 4 * time.Second

// Config is what a Server needs. Fields without "required" may stay zero.
type Config struct {
	Searcher  Searcher  // required
	Reader    Reader    // required
	Events    Events    // required
	Incidents Incidents // required
	Sources   Sources   // required
	Report    ReportFunc
	Topology  func() *culprit.Topology // who serves what
	Gaps      GapsFunc                 // where evidence is missing
	Ready     func() error             // nil error: everything is open and read
	Registry  *prometheus.Registry     // where metrics are kept; its own one if nil
	Logger    *slog.Logger             // slog.Default if nil
	Clock     func() time.Time         // time.Now if nil
	Addr      string                   // TCP address, DefaultAddr if "", "none" for none
	Socket    string                   // path of a unix socket, "" for none
	TokenFile string                   // a token is asked for if set; the file is made if it is missing
	Hosts     []string                 // names beside the loopback ones under which browsers may call, without port
	Host      string                   // the machine's name, for the page
	Zone      string                   // IANA zone of the machine, "" if unknown
	Version   string                   // the program's

	Searches     int           // searches at a time, 2 if 0
	QueryTimeout time.Duration // bound of one query, 5 s if 0
	Queue        int           // messages that wait for a slow client of a stream, 256 if 0
	Ping         time.Duration // between signs of life on a stream, 10 s if 0
}

// A Server is the HTTP side of culprit. Make one with New.
type Server struct {
	cfg     Config
	log     *slog.Logger
	token   *token
	api     huma.API
	handler http.Handler
	slots   slots
	live    hub
	tail    followers
	metrics *metrics
	ui      *pages

	listeners []net.Listener // opened by Listen
}

// New makes a server and checks its configuration: an address that others can
// reach without a token is refused, as is an unreadable token file.
func New(cfg Config) (*Server, error) {
	if cfg.Searcher == nil || cfg.Reader == nil || cfg.Events == nil || cfg.Incidents == nil || cfg.Sources == nil {
		return nil, errors.New("web: an interface is missing")
	}
	cfg.Addr = cmp.Or(cfg.Addr, DefaultAddr)
	cfg.Searches = cmp.Or(cfg.Searches, 2)
	cfg.QueryTimeout = cmp.Or(cfg.QueryTimeout, 5*time.Second)
	cfg.Queue = cmp.Or(cfg.Queue, 256)
	cfg.Ping = cmp.Or(cfg.Ping, 10*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	if cfg.Topology == nil {
		cfg.Topology = func() *culprit.Topology { return &culprit.Topology{} }
	}
	if cfg.Addr != "none" && cfg.TokenFile == "" && !loopback(cfg.Addr) {
		return nil, fmt.Errorf("%s can be reached by others: set a token file, or listen on %s and come through ssh -L", cfg.Addr, DefaultAddr)
	}
	s := &Server{cfg: cfg, log: cfg.Logger, slots: newSlots(cfg.Searches)}
	if cfg.TokenFile != "" {
		t, err := openToken(cfg.TokenFile)
		if err != nil {
			return nil, err
		}
		s.token = t
	}
	dist, err := fs.Sub(dist, "ui/dist")
	if err != nil {
		return nil, fmt.Errorf("open embedded pages: %w", err)
	}
	if s.ui, err = newPages(dist); err != nil {
		return nil, err
	}
	s.live.size = cfg.Queue
	s.tail.done = make(chan struct{})
	s.metrics = newMetrics(cfg.Registry, s)
	s.handler = s.routes()
	return s, nil
}

// Handler returns the whole service: pages, API, checks.
func (s *Server) Handler() http.Handler { return s.handler }

// routes wires every route; each file registers its own.
func (s *Server) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.UseRawPath = true // a source is a path; its slashes arrive as %2F
	e.RedirectTrailingSlash = false
	e.HandleMethodNotAllowed = true
	if err := e.SetTrustedProxies(nil); err != nil {
		panic(err) // cannot happen: nil is always understood
	}
	s.api = humagin.New(e, apiConfig(s.cfg.Version))
	s.api.UseMiddleware(s.metrics.observe)
	s.registerIncidents()
	s.registerTimeline()
	s.registerReport()
	s.registerSearch()
	s.registerRecords()
	s.registerSources()
	s.registerStatus()
	s.registerHealth()
	s.registerSession()
	s.registerLive()
	s.registerTail()
	e.GET("/metrics", gin.WrapH(s.metrics.handler()))
	e.NoRoute(gin.WrapH(s.ui))
	e.NoMethod(func(c *gin.Context) {
		writeProblem(c.Writer, http.StatusMethodNotAllowed, "This address does not take "+c.Request.Method+".")
	})
	return s.guard(e)
}

// Listen opens the address and the socket that Run answers on. Run does it where
// it was not done before; done by itself it shows early that a port is in use.
func (s *Server) Listen() error {
	var listeners []net.Listener
	if s.cfg.Addr != "none" {
		l, err := net.Listen("tcp", s.cfg.Addr)
		if err != nil {
			if op := (*net.OpError)(nil); errors.As(err, &op) {
				err = op.Err // which does not say the address again
			}
			return fmt.Errorf("listen on %s: %w", s.cfg.Addr, err)
		}
		listeners = append(listeners, l)
	}
	if s.cfg.Socket != "" {
		l, err := listenUnix(s.cfg.Socket)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
			return err
		}
		listeners = append(listeners, l)
	}
	s.listeners = listeners
	return nil
}

// Addr returns the TCP address that Listen has opened, nil if there is none.
func (s *Server) Addr() net.Addr {
	for _, l := range s.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			return a
		}
	}
	return nil
}

// Run serves until ctx ends, then stops within five seconds: streams end at once,
// other requests may finish.
func (s *Server) Run(ctx context.Context) error {
	if s.listeners == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	defer func() {
		for _, l := range s.listeners {
			_ = l.Close()
		}
	}()
	return s.serve(ctx, s.listeners...)
}

// serve answers on listeners, which it closes.
func (s *Server) serve(ctx context.Context, listeners ...net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second, // streams set their own before each write
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, len(listeners))
	for _, l := range listeners {
		s.log.Info("listening", "address", l.Addr().String())
		go func() { done <- srv.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-done:
		if len(listeners) == 0 || errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
	}
	s.live.close()
	s.tail.close()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if e := srv.Shutdown(stop); e != nil {
		_ = srv.Close()
	}
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// listenUnix opens a unix socket that only this user and its group may use. A
// socket that a dead process left is removed; one that answers is not.
func listenUnix(path string) (net.Listener, error) {
	d := net.Dialer{Timeout: time.Second}
	if c, err := d.DialContext(context.Background(), "unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, culprit.ErrLocked)
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove old socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("protect socket: %w", err)
	}
	return l, nil
}

// loopback reports whether only this machine reaches addr.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
