package ingest_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"culprit"
	"culprit/ingest"
)

const (
	errorLine  = "2026/11/22 08:29:09 [error] 1512#1512: *942 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.64, server: billing.example.com, request: \"POST /hooks HTTP/1.1\", upstream: \"http://127.0.0.1:4000/hooks\", host: \"billing.example.com\"\n"
	accessLine = "198.51.100.44 - - [22/Nov/2026:08:29:09 +0100] \"GET /api HTTP/1.1\" 502 157 \"-\" \"okhttp/4.12.0\"\n"
	traceText  = "node:internal/modules/cjs/loader:1143\n  throw err;\n  ^\n\nError: Cannot find module './db'\n    at Module._load (node:internal/modules/cjs/loader:985:27)\n"
)

// write makes files below a folder; names that end in / are folders.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(p, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, os.WriteFile(p, []byte(text), 0o644))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func gz(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	must(t, err)
	must(t, w.Close())
	return b.String()
}

// names returns what was collected, below dir.
func names(in *ingest.Inputs, dir string) []string {
	var out []string
	for _, i := range in.Logs {
		out = append(out, strings.TrimPrefix(i.Name, dir+"/"))
	}
	slices.Sort(out)
	return out
}

func texts(t *testing.T, in *ingest.Inputs) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, i := range in.Logs {
		var b strings.Builder
		_, gaps, err := ingest.Read(context.Background(), i, func(r *culprit.Record) error {
			b.Write(r.Text)
			b.WriteByte('\n')
			return nil
		})
		must(t, err)
		if len(gaps) > 0 {
			fmt.Fprintf(&b, "GAP %s | %s", gaps[0].Reason, gaps[0].Remedy)
		}
		out[i.Name] = b.String()
	}
	return out
}

func TestCollect(t *testing.T) {
	bin := string([]byte{0x7f, 'E', 'L', 'F', 0, 1, 2, 3, 0xff, 0xfe, 0, 0, 0, 9, 1, 0})
	tests := []struct {
		name    string
		files   map[string]string
		link    [2]string // symbolic link: name, target
		want    []string
		config  []string
		skipped map[string]string
		gap     string // part of the only gap's reason
	}{
		{
			name: "a capture",
			files: map[string]string{
				"nginx/error.log": errorLine, "nginx/access.log": accessLine, "apps/billing/err.log": traceText, "apps/billing/out.log": "",
				"config/nginx/nginx.conf": "http {\n}\n", "config/at-end/list-boots.txt": "Nov 22 08:29:09 x y: z\n", "README": "what this is\n",
			},
			want:    []string{"apps/billing/err.log", "nginx/access.log", "nginx/error.log"},
			config:  []string{"README", "config/at-end/list-boots.txt", "config/nginx/nginx.conf"},
			skipped: map[string]string{"apps/billing/out.log": "empty"},
		},
		{
			name:    "the same lines twice, packed and not",
			files:   map[string]string{"error.log": errorLine, "error.log.1": errorLine + errorLine, "error.log.1.gz": gz(t, errorLine+errorLine)},
			want:    []string{"error.log.1"},
			skipped: map[string]string{"error.log": "the same lines as error.log.1", "error.log.1.gz": "the same lines as error.log.1"},
		},
		{
			name:  "the same trace of two programs is two logs",
			files: map[string]string{"apps/a/err.log": traceText, "apps/b/err.log": traceText},
			want:  []string{"apps/a/err.log", "apps/b/err.log"},
		},
		{
			name:    "one unknown file among others",
			files:   map[string]string{"error.log": errorLine, "core": bin},
			want:    []string{"error.log"},
			skipped: map[string]string{"core": "binary"},
		},
		{
			name:  "a corrupt gzip",
			files: map[string]string{"error.log": errorLine, "error.log.2.gz": "\x1f\x8b\x08\x00garbage that is no deflate stream at all"},
			want:  []string{"error.log"},
			gap:   "cannot be unpacked",
		},
		{
			name:  "xz",
			files: map[string]string{"error.log": errorLine, "error.log.2.xz": "\xfd7zXZ\x00\x00\x04"},
			want:  []string{"error.log"},
			gap:   "xz",
		},
		{
			name:  "a gzip without its name",
			files: map[string]string{"error.log.old": gz(t, errorLine)},
			want:  []string{"error.log.old"},
		},
		{
			name:    "a link that leaves the folder",
			files:   map[string]string{"error.log": errorLine},
			link:    [2]string{"passwd.log", "/etc/passwd"},
			want:    []string{"error.log"},
			skipped: map[string]string{"passwd.log": "a link that leaves the folder"},
		},
		{
			name:   "a link inside",
			files:  map[string]string{"error.log": errorLine, "sites-available/shop": "server {}\n", "sites-enabled/": ""},
			link:   [2]string{"sites-enabled/shop", "../sites-available/shop"},
			want:   []string{"error.log"},
			config: []string{"sites-available/shop", "sites-enabled/shop"},
		},
		{
			name:  "a hole of copytruncate before the first line",
			files: map[string]string{"error.log": strings.Repeat("\x00", 3000) + errorLine},
			want:  []string{"error.log"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.files)
			if tt.link[0] != "" {
				must(t, os.Symlink(tt.link[1], filepath.Join(dir, tt.link[0])))
			}
			in, err := ingest.Collect(t.Context(), []string{dir}, ingest.Options{})
			must(t, err)
			defer in.Close()
			if got := names(in, dir); !slices.Equal(got, tt.want) {
				t.Errorf("logs %q, want %q", got, tt.want)
			}
			var config []string
			for _, c := range in.Config {
				config = append(config, strings.TrimPrefix(c.Name, dir+"/"))
			}
			slices.Sort(config)
			if !slices.Equal(config, tt.config) {
				t.Errorf("config %q, want %q", config, tt.config)
			}
			for _, s := range in.Skipped {
				if why, n := strings.ReplaceAll(s.Why, dir+"/", ""), strings.TrimPrefix(s.Name, dir+"/"); tt.skipped[n] != why {
					t.Errorf("skipped %s: %s, want %q", n, why, tt.skipped[n])
				}
			}
			if len(in.Skipped) != len(tt.skipped) {
				t.Errorf("skipped %v, want %v", in.Skipped, tt.skipped)
			}
			switch {
			case tt.gap == "" && len(in.Gaps) > 0:
				t.Errorf("gaps %v", in.Gaps)
			case tt.gap != "" && (len(in.Gaps) != 1 || !strings.Contains(in.Gaps[0].Reason, tt.gap) || in.Gaps[0].Remedy == ""):
				t.Errorf("gaps %v, want one about %q with a remedy", in.Gaps, tt.gap)
			}
		})
	}
}

func TestCollect_NothingToRead(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		path  string // below the folder
		want  error
		says  string
	}{
		{"no such path", nil, "missing", culprit.ErrNoInput, "does not exist"},
		{"an empty folder", map[string]string{"d/": ""}, "d", culprit.ErrNoInput, "is empty"},
		{"only empty files", map[string]string{"error.log": ""}, "", culprit.ErrNoInput, "only empty files"},
		{"only configuration", map[string]string{"nginx.conf": "http {}\n"}, "", culprit.ErrNoLog, "no log"},
		{"a text that is no log", map[string]string{"notes.txt": "hello\nworld\n"}, "notes.txt", culprit.ErrNoLog, "known format"},
		{"a program", map[string]string{"a": "\x7fELF\x00\x01\x02\x03\x04\x05"}, "a", culprit.ErrNoLog, "known format"},
		{"a log of binary content", map[string]string{"a.log.1": "\x00\x00\x00\x00\x01\x02\x03"}, "", culprit.ErrNoInput, "holds no text; try: file "},
		{"the rest of a zip", map[string]string{"a.zip": "PK\x03\x04\x14\x00\x00\x00\x08\x00"}, "a.zip", culprit.ErrNoInput, "zip -FF "},
		{"a corrupt gzip alone", map[string]string{"a.gz": "\x1f\x8b\x08broken, and nothing else"}, "a.gz", culprit.ErrNoInput, "gzip -t"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.files)
			in, err := ingest.Collect(t.Context(), []string{filepath.Join(dir, tt.path)}, ingest.Options{})
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.says) {
				t.Errorf("error %q, want %q that says %q", err, tt.want, tt.says)
			}
			in.Close()
		})
	}
}

func TestCollect_UnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"error.log": errorLine, "other.log": errorLine + accessLine})
	must(t, os.Chmod(filepath.Join(dir, "other.log"), 0))
	in, err := ingest.Collect(t.Context(), []string{dir}, ingest.Options{})
	must(t, err)
	defer in.Close()
	if len(in.Logs) != 1 || len(in.Gaps) != 1 || !strings.Contains(in.Gaps[0].Remedy, "setfacl") && !strings.Contains(in.Gaps[0].Remedy, "usermod") {
		t.Errorf("logs %v, gaps %v", names(in, dir), in.Gaps)
	}
}

func TestCollect_Archives(t *testing.T) {
	files := map[string]string{"host/nginx/error.log": errorLine, "host/nginx/error.log.1.gz": gz(t, accessLine+errorLine), "host/config/nginx.conf": "http {}\n"}
	var tarred, zipped bytes.Buffer
	tw := tar.NewWriter(&tarred)
	zw := zip.NewWriter(&zipped)
	when := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
	for name, text := range files {
		must(t, tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, ModTime: when}))
		_, err := tw.Write([]byte(text))
		must(t, err)
		w, err := zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: when})
		must(t, err)
		_, err = w.Write([]byte(text))
		must(t, err)
	}
	must(t, tw.WriteHeader(&tar.Header{Name: "host/link.log", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}))
	must(t, tw.WriteHeader(&tar.Header{Name: "../../escaped.log", Size: int64(len(accessLine)), Mode: 0o644}))
	_, err := tw.Write([]byte(accessLine))
	must(t, err)
	must(t, tw.Close())
	must(t, zw.Close())

	for name, data := range map[string]string{"x.tar": tarred.String(), "x.tar.gz": gz(t, tarred.String()), "x.zip": zipped.String()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{name: data})
			in, err := ingest.Collect(t.Context(), []string{filepath.Join(dir, name)}, ingest.Options{TempDir: dir})
			must(t, err)
			want := []string{name + "/host/nginx/error.log", name + "/host/nginx/error.log.1.gz"}
			if name != "x.zip" {
				want = append([]string{name + "/escaped.log"}, want...)
			}
			if got := names(in, dir); !slices.Equal(got, want) {
				t.Errorf("logs %q, want %q", got, want)
			}
			if !in.Logs[len(in.Logs)-1].ModTime.Equal(when) {
				t.Errorf("time of the file %v, want %v", in.Logs[len(in.Logs)-1].ModTime, when)
			}
			if got := texts(t, in)[filepath.Join(dir, name, "host/nginx/error.log.1.gz")]; got != accessLine+errorLine {
				t.Errorf("text %q", got)
			}
			must(t, in.Close())
			left, err := filepath.Glob(filepath.Join(dir, "culprit-*"))
			must(t, err)
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(dir), "escaped.log")); !errors.Is(err, fs.ErrNotExist) {
				t.Error("a member of the archive left its folder")
			}
		})
	}
}

func TestCollect_ArchiveBounds(t *testing.T) {
	var tarred bytes.Buffer
	tw := tar.NewWriter(&tarred)
	for k := range 20 {
		text := strings.Repeat(errorLine, 100)
		must(t, tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("n/error.log.%d", k), Size: int64(len(text)), Mode: 0o644}))
		_, err := tw.Write([]byte(text))
		must(t, err)
	}
	must(t, tw.Close())
	dir := t.TempDir()
	write(t, dir, map[string]string{"x.tar": tarred.String(), "cut.tar": tarred.String()[:100_000]})
	for _, tt := range []struct {
		name, file string
		limits     ingest.Limits
	}{
		{"bytes", "x.tar", ingest.Limits{Bytes: 60_000}},
		{"files", "x.tar", ingest.Limits{Files: 3}},
		{"cut short", "cut.tar", ingest.Limits{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := ingest.Collect(t.Context(), []string{filepath.Join(dir, tt.file)}, ingest.Options{Limits: tt.limits, TempDir: t.TempDir()})
			must(t, err)
			defer in.Close()
			if len(in.Logs) == 0 || len(in.Gaps) != 1 || !strings.Contains(in.Gaps[0].Reason, "in part only") {
				t.Errorf("%d logs, gaps %v: want the beginning and a gap", len(in.Logs), in.Gaps)
			}
		})
	}
}

// pipeOf returns the reading end of a pipe that gives s.
func pipeOf(t *testing.T, s string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	go func() {
		_, _ = w.WriteString(s)
		w.Close()
	}()
	t.Cleanup(func() { r.Close() })
	return r
}

func TestCollect_Stdin(t *testing.T) {
	var tarred bytes.Buffer
	tw := tar.NewWriter(&tarred)
	must(t, tw.WriteHeader(&tar.Header{Name: "error.log", Size: int64(len(errorLine)), Mode: 0o644}))
	_, err := tw.Write([]byte(errorLine))
	must(t, err)
	must(t, tw.Close())
	long := strings.Repeat(errorLine, 3000)
	for _, tt := range []struct{ name, give, source, want string }{
		{"text", long, "-", long},
		{"gzip", gz(t, long), "-", long},
		{"a packed archive", gz(t, tarred.String()), "-/error.log", errorLine},
		{"text of no known format", "hello\n", "-", "hello\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := ingest.Collect(t.Context(), []string{"-"}, ingest.Options{Stdin: pipeOf(t, tt.give), TempDir: t.TempDir()})
			must(t, err)
			defer in.Close()
			in.Assign(nil)
			if got := texts(t, in)[tt.source]; got != tt.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tt.want))
			}
		})
	}
	if _, err := ingest.Collect(t.Context(), []string{"-"}, ingest.Options{Stdin: pipeOf(t, "")}); !errors.Is(err, culprit.ErrNoInput) {
		t.Errorf("an empty pipe: %v", err)
	}
}

// TestCollect_Interrupted: a pipe whose writer is silent, and one that has none,
// can be given up.
func TestCollect_Interrupted(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { w.Close(); r.Close() })
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(fifo, 0o600))
	t.Cleanup(func() { // lets the opening of it end
		f, err := os.OpenFile(fifo, os.O_RDWR, 0)
		must(t, err)
		f.Close()
	})
	for _, path := range []string{"-", fifo} {
		ctx, stop := context.WithCancel(t.Context())
		go stop()
		in, err := ingest.Collect(ctx, []string{path}, ingest.Options{Stdin: r})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want that it was cancelled", path, err)
		}
		in.Close()
	}
}

func inodeNumber(fi os.FileInfo) uint64 { return fi.Sys().(*syscall.Stat_t).Ino }
