package web

import (
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// policy is the content security policy of the pages: scripts, styles, images
// and requests from here only, no inline code, no frames but the report's.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// reportPolicy is that of an exported report in its frame: its own style, no
// script, and only our page may show it.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"

// maxBody bounds what a client may send.
const maxBody = 16 << 10

// guard stands before every route: headers, Host, Origin, content type, token,
// and a panic that must not end the process.
func (s *Server) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				// The path alone: headers and query may hold secrets.
				s.log.Error("handler panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				writeProblem(w, http.StatusInternalServerError, "Something went wrong here; the log of culprit says what.")
			}
		}()
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		local := overSocket(r)
		if !local {
			if !s.knownHost(r) {
				writeProblem(w, http.StatusForbidden, "This name is not one of culprit's own. Add it to hosts in the configuration if it should be.")
				return
			}
			if !sameOrigin(r) {
				writeProblem(w, http.StatusForbidden, "Requests from another site are refused.")
				return
			}
			if err := cross.Check(r); err != nil {
				writeProblem(w, http.StatusForbidden, "Requests from another site are refused.")
				return
			}
		}
		if isAPI(r.URL.Path) {
			h.Set("Cache-Control", "no-store")
			if r.Method == http.MethodPost {
				if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
					writeProblem(w, http.StatusUnsupportedMediaType, "Send JSON, with Content-Type: application/json.")
					return
				}
			}
			if s.token != nil && !local && !open(r.URL.Path) && !s.token.allows(r) {
				h.Set("WWW-Authenticate", "Bearer")
				writeProblem(w, http.StatusUnauthorized, "Sign in with the token; it stands in the token file on the server.")
				return
			}
		}
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// isAPI reports whether a path hands out data; all others are the pages, which
// hold none.
func isAPI(path string) bool {
	return strings.HasPrefix(path, "/api/") || path == "/metrics"
}

// open reports whether a route answers without a token: signing in, and the
// question whether the service lives.
func open(path string) bool {
	return path == "/api/session" || path == "/api/health" || path == "/api/readyz"
}

// knownHost checks the Host header against DNS rebinding: a foreign site whose
// name was pointed at 127.0.0.1 sends its own name. The port is left free,
// since ssh -L 7070:127.0.0.1:8502 brings another one; another site on a
// loopback name is stopped by its Origin. The address that the request came to is
// no name that could be pointed at something.
func (s *Server) knownHost(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	switch host {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	if to, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok && to.IP.Equal(net.ParseIP(host)) {
		return true
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// sameOrigin refuses what another site's page asks for, reading included: a
// stream or a search must not be started from there.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		// A link from elsewhere may open a page; it may not fetch data.
		return !isAPI(r.URL.Path) && r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// overSocket reports whether a request came over the unix socket, whose file
// mode says who may ask.
func overSocket(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && a.Network() == "unix"
}
