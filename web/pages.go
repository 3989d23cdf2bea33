package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// dist is the built front end. It is committed, so that the program builds
// without Node; `make ui` builds it again.
//
//go:embed all:ui/dist
var dist embed.FS

// pages serves the front end from memory. A path without a file is a page that
// the front end makes itself, so it gets index.html.
type pages struct {
	files map[string]file
}

type file struct {
	body, packed []byte // packed is gzip, nil where that is no smaller
	kind, tag    string
	fixed        bool // its name holds its hash: it never changes
}

// newPages reads all files; the names under assets/ hold their hash.
func newPages(root fs.FS) (*pages, error) {
	p := &pages{files: map[string]file{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		f := file{body: b, kind: contentType(name), tag: `"` + hex.EncodeToString(sum[:12]) + `"`, fixed: strings.HasPrefix(name, "assets/")}
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		if _, err := z.Write(b); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		if buf.Len() < len(b) {
			f.packed = buf.Bytes()
		}
		p.files["/"+name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded pages: %w", err)
	}
	if _, ok := p.files["/index.html"]; !ok {
		return nil, fmt.Errorf("read embedded pages: index.html is missing: build web/ui first")
	}
	return p, nil
}

// contentType does not ask the machine's own tables: a broken one would stop
// the pages.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isAPI(r.URL.Path) {
		writeProblem(w, http.StatusNotFound, "There is no such address in the API.")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeProblem(w, http.StatusMethodNotAllowed, "This address does not take "+r.Method+".")
		return
	}
	f, ok := p.files[path.Clean(r.URL.Path)]
	if !ok {
		if strings.HasPrefix(r.URL.Path, "/assets/") {
			// A page of an older version asks for what is gone: no HTML as a script.
			writeProblem(w, http.StatusNotFound, "There is no such file.")
			return
		}
		f = p.files["/index.html"]
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Vary", "Accept-Encoding")
	if f.fixed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}
