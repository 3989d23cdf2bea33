package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	sessionCookie = "culprit_session"
	sessionTime   = 12 * time.Hour
	maxSessions   = 64
	maxTries      = 10 // failed sign-ins a minute, all clients together
)

// A token guards a service that others can reach: scripts send it as a bearer,
// browsers trade it for a cookie once.
type token struct {
	hash [sha256.Size]byte // of the token; equal lengths make the comparison constant in time

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]time.Time // hash of the cookie -> end
	tries    int
	minute   time.Time
}

// openToken reads the token, or makes one that only this user can read. A file
// that others can read is refused.
func openToken(path string) (*token, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b = []byte(rand.Text() + "\n")
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make token file: %w", err)
		}
		if _, err = f.Write(b); err == nil {
			err = f.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("write token file: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("read token file: %w", err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read token file: %w", err)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("token file %s can be read by others: chmod 600 %s", path, path)
	}
	text := strings.TrimSpace(string(b))
	if len(text) < 16 {
		return nil, fmt.Errorf("token file %s holds less than 16 characters", path)
	}
	return &token{hash: sha256.Sum256([]byte(text)), sessions: map[[sha256.Size]byte]time.Time{}}, nil
}

// is compares a candidate in constant time.
func (t *token) is(text string) bool {
	h := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(h[:], t.hash[:]) == 1
}

// allows reports whether a request carries the token or a session.
func (t *token) allows(r *http.Request) bool {
	if b, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return t.is(b)
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	h := sha256.Sum256([]byte(c.Value))
	t.mu.Lock()
	defer t.mu.Unlock()
	end, ok := t.sessions[h]
	return ok && time.Now().Before(end)
}

// open starts a session and returns its cookie's value.
func (t *token) open(now time.Time) string {
	id := rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	var oldest [sha256.Size]byte
	for h, end := range t.sessions {
		if now.After(end) {
			delete(t.sessions, h)
		} else if o, ok := t.sessions[oldest]; !ok || end.Before(o) {
			oldest = h
		}
	}
	if len(t.sessions) >= maxSessions {
		delete(t.sessions, oldest)
	}
	t.sessions[sha256.Sum256([]byte(id))] = now.Add(sessionTime)
	return id
}

// mayTry counts a sign-in and reports whether it is one too many in this
// minute. All clients share the count: behind a tunnel they share an address.
func (t *token) mayTry(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.minute) > time.Minute {
		t.minute, t.tries = now, 0
	}
	t.tries++
	return t.tries <= maxTries
}

type signIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"256" doc:"The token from the token file"`
	}
}

type signedIn struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// registerSession registers POST /api/session.
func (s *Server) registerSession() {
	huma.Register(s.api, huma.Operation{
		OperationID: "sign-in", Method: http.MethodPost, Path: "/api/session", DefaultStatus: http.StatusNoContent, MaxBodyBytes: 4 << 10, Tags: []string{"service"},
		Summary: "Trade the token for a cookie", Description: "Only where a token is asked for; elsewhere it answers 404.",
	}, func(_ context.Context, in *signIn) (*signedIn, error) {
		if s.token == nil {
			return nil, huma.Error404NotFound("No token is asked for here.")
		}
		if !s.token.mayTry(time.Now()) {
			return nil, huma.Error429TooManyRequests("Too many tries. Wait a minute.")
		}
		if !s.token.is(strings.TrimSpace(in.Body.Token)) {
			return nil, huma.Error401Unauthorized("This is not the token.")
		}
		return &signedIn{SetCookie: http.Cookie{
			Name: sessionCookie, Value: s.token.open(time.Now()), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(sessionTime / time.Second),
		}}, nil
	})
}
