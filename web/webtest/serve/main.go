// Serve shows the recorded morning of package webtest in a browser, for work on
// the pages, for pictures and for the browser tests. Its /control/ routes move
// the clock and add what the tests need; culprit itself has no such routes.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"culprit"
	"culprit/web"
	"culprit/web/webtest"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	addr := flag.String("addr", "127.0.0.1:8599", "where to listen")
	at := flag.String("at", "outage", "quiet, outage or begin: where the clock stands")
	empty := flag.Bool("empty", false, "with nothing in it")
	token := flag.String("token", "", "token file")
	flag.Parse()
	now := map[string]time.Time{"quiet": webtest.Quiet, "outage": webtest.Outage, "begin": webtest.Begin}[*at]
	a, err := webtest.New(now)
	if err != nil {
		return err
	}
	if *empty {
		a.Clear()
	}
	cfg := webtest.Config(a)
	cfg.Addr, cfg.TokenFile, cfg.Ping = *addr, *token, 2*time.Second
	s, err := web.New(cfg)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler())
	mux.Handle("/control/", control(a, s))
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err := srv.Serve(l); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// control answers what only the tests may ask.
func control(a *webtest.Archive, s *web.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /control/advance", func(w http.ResponseWriter, r *http.Request) {
		t, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("to"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		hits, changed := a.Advance(t)
		for change, inc := range changed {
			s.PublishIncident(change, inc)
		}
		fmt.Fprintln(w, len(hits), len(changed))
	})
	mux.HandleFunc("POST /control/add", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Source, Service, Text, Kind string
			Severity                    int8
			Times                       int
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h := a.Add(in.Source, in.Service, in.Text, culprit.Severity(in.Severity), culprit.Kind(in.Kind), max(in.Times, 1))
		_ = json.NewEncoder(w).Encode(h.Seq)
	})
	mux.HandleFunc("POST /control/incident", func(w http.ResponseWriter, r *http.Request) {
		var inc culprit.Incident
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<20)).Decode(&inc); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.AddIncident(&inc)
		s.PublishIncident("new", &inc)
	})
	mux.HandleFunc("POST /control/storm", func(w http.ResponseWriter, r *http.Request) {
		inc := a.Storm(100_000)
		s.PublishIncident("new", inc)
		fmt.Fprintln(w, inc.ID)
	})
	mux.HandleFunc("POST /control/fail", func(_ http.ResponseWriter, r *http.Request) {
		if strings.TrimSpace(r.URL.Query().Get("on")) == "1" {
			a.Fail(culprit.ErrUnavailable)
			return
		}
		a.Fail(nil)
	})
	return mux
}
