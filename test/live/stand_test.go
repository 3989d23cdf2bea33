package live_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"
)

const (
	service     = "shop-api"
	memoryLimit = 150 << 20 // of the application's cgroup, in bytes
	reportSize  = 1500      // MiB; far past the limit in one step

	// warmUp is what the application spends before it listens; it keeps it down
	// for long enough to fail several requests on any machine.
	warmUp = 2500 * time.Millisecond
)

// A stand is a folder with nginx in front of an application that supervisor
// keeps, a journal, and culprit beside them.
type stand struct {
	Dir, Service, Command string
	NginxPort, AppPort    int
	CulpritPort           int
	WarmUpMS              int64
	Root                  bool

	cgroup  *cgroup // nil where none can be made
	noLimit error   // why
	journal *journal
	culprit *process
}

// config are the files of the stand.
var config = map[string]string{
	"etc/nginx/nginx.conf": `{{if .Root}}user root;
{{end}}worker_processes 1;
daemon off;
pid {{.Dir}}/run/nginx.pid;
error_log {{.Dir}}/log/nginx/error.log;
events { worker_connections 256; }
http {
    access_log {{.Dir}}/log/nginx/access.log;
    client_body_temp_path {{.Dir}}/run/nginx-body;
    proxy_temp_path {{.Dir}}/run/nginx-proxy;
    fastcgi_temp_path {{.Dir}}/run/nginx-fastcgi;
    uwsgi_temp_path {{.Dir}}/run/nginx-uwsgi;
    scgi_temp_path {{.Dir}}/run/nginx-scgi;
    server {
        listen 127.0.0.1:{{.NginxPort}};
        server_name shop.example.org;
        location / {
            proxy_pass http://127.0.0.1:{{.AppPort}};
            proxy_set_header Host $host;
        }
    }
}
`,
	"etc/supervisor/supervisord.conf": `[unix_http_server]
file={{.Dir}}/run/supervisor.sock
[supervisord]
nodaemon=true
logfile={{.Dir}}/log/supervisor/supervisord.log
logfile_maxbytes=1KB
logfile_backups=50
pidfile={{.Dir}}/run/supervisord.pid
childlogdir={{.Dir}}/log/supervisor
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{{.Dir}}/run/supervisor.sock
[program:{{.Service}}]
command={{.Command}}
directory={{.Dir}}/app
environment=HOST="127.0.0.1",PORT="{{.AppPort}}",WARM_UP_MS="{{.WarmUpMS}}"
autorestart=true
startsecs=1
startretries=10
stdout_logfile={{.Dir}}/log/{{.Service}}/out.log
stdout_logfile_maxbytes=4KB
stdout_logfile_backups=50
stderr_logfile={{.Dir}}/log/{{.Service}}/err.log
stderr_logfile_maxbytes=4KB
stderr_logfile_backups=50
`,
	// As Debian's for nginx, but at once and keeping all.
	"etc/logrotate.d/nginx": `{{.Dir}}/log/nginx/*.log {
    size 1
    rotate 100
    missingok
    notifempty
    compress
    delaycompress
    create 0640
    sharedscripts
    postrotate
        kill -USR1 $(cat {{.Dir}}/run/nginx.pid)
    endscript
}
`,
	"culprit.yaml": `data_dir: {{.Dir}}/data
listen: 127.0.0.1:{{.CulpritPort}}
discover: false
topology: {{.Dir}}/etc
journals: [{{.Dir}}/journal]
sources:
  - path: {{.Dir}}/log/nginx/*.log
  - path: {{.Dir}}/log/supervisor/supervisord.log
  - path: {{.Dir}}/log/{{.Service}}/*.log
    service: {{.Service}}
`,
}

// newStand starts everything and waits until it serves.
func newStand(t *testing.T) *stand {
	t.Helper()
	ctx := t.Context()
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tidy(t, dir, filepath.Join(tree, "tmp", "live-failed")) })
	// logrotate refuses folders that others may write to, whatever the umask.
	for _, d := range []string{"", "run", "log", "log/nginx", "log/supervisor", "log/" + service, "journal", "app", "etc", "etc/nginx", "etc/supervisor", "etc/logrotate.d"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, d), 0o755), os.Chmod(filepath.Join(dir, d), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	ports := freePorts(t, 3)
	s := &stand{Dir: dir, Service: service, NginxPort: ports[0], AppPort: ports[1], CulpritPort: ports[2], WarmUpMS: warmUp.Milliseconds(), Root: os.Getuid() == 0}

	// Two compilers at once.
	built := make(chan error, 1)
	binary := filepath.Join(dir, "culprit")
	go func() {
		_, err := run(ctx, tree, "go", "build", "-o", binary, "./cmd/culprit")
		built <- err
	}()
	app := filepath.Join(tree, "test", "live", "app")
	_, err = run(ctx, app, "node", "node_modules/typescript/bin/tsc", "--outDir", filepath.Join(dir, "app", "dist"))
	err = errors.Join(err, <-built, os.Symlink(filepath.Join(app, "node_modules"), filepath.Join(dir, "app", "node_modules")))
	if err != nil {
		t.Fatal(err)
	}

	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	s.Command = node + " dist/main.js"
	if s.cgroup, s.noLimit = newCgroup(t, memoryLimit); s.noLimit == nil {
		s.Command = fmt.Sprintf("/bin/sh -c 'echo $$ > %s/cgroup.procs && exec %s'", s.cgroup.dir, s.Command)
	}
	for name, text := range config {
		var b bytes.Buffer
		if err := template.Must(template.New(name).Parse(text)).Execute(&b, s); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	s.journal = newJournal(t, s.path("journal"), s.path("log/journal-remote.out"))
	boot, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	s.journal.kernel(t, kernelLine{5, 0, strings.TrimSpace(string(boot))})
	start(t, s.path("log/nginx.out"), exec.CommandContext(context.Background(), lookPath(t, "nginx"), "-p", dir, "-e", s.path("log/nginx/error.log"), "-c", s.path("etc/nginx/nginx.conf")))
	start(t, s.path("log/supervisord.out"), exec.CommandContext(context.Background(), lookPath(t, "supervisord"), "-c", s.path("etc/supervisor/supervisord.conf")))
	s.waitFor(t, 60*time.Second, "the application answers", func() bool { return s.get(ctx, s.AppPort, "/orders", nil) == nil })

	cmd := exec.CommandContext(context.Background(), binary, "serve", "--config", s.path("culprit.yaml"))
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CULPRIT_") })
	s.culprit = start(t, s.path("log/culprit.out"), cmd)
	s.waitFor(t, 20*time.Second, "culprit is ready", func() bool { return s.get(ctx, s.CulpritPort, "/api/readyz", nil) == nil })
	return s
}

func (s *stand) path(name string) string { return filepath.Join(s.Dir, name) }

// tidy removes the folder. That of a test that failed is kept in the tree's
// ignored folder for temporary files, for whoever looks for the reason.
func tidy(t *testing.T, dir, kept string) {
	t.Helper()
	if t.Failed() {
		err := errors.Join(os.RemoveAll(kept), os.MkdirAll(kept, 0o755))
		for _, d := range []string{"etc", "log", "journal", "data"} {
			err = errors.Join(err, os.CopyFS(filepath.Join(kept, d), os.DirFS(filepath.Join(dir, d))))
		}
		t.Logf("logs of this run are in %s %v", kept, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// lookPath finds a program, also where only root usually looks.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	p, err := findProgram(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func findProgram(name string) (string, error) {
	p, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err == nil {
			break
		}
		p, err = exec.LookPath(filepath.Join(dir, name))
	}
	return p, err
}

// freePorts returns ports of the loopback at which nobody listens.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// client is for all requests of the test; each has a connection of its own.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get asks a server for something; into takes the body.
func (s *stand) get(ctx context.Context, port int, path string, into func([]byte) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, body[:min(len(body), 300)])
	}
	if into == nil {
		return nil
	}
	return into(body)
}

// poll yields until a time has passed.
func poll(within time.Duration) func(func() bool) {
	return func(yield func() bool) {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for until := time.Now().Add(within); time.Now().Before(until); <-ticker.C {
			if !yield() {
				return
			}
		}
	}
}

// waitFor waits until something is so.
func (s *stand) waitFor(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	for range poll(within) {
		if is() {
			return
		}
		if t.Context().Err() != nil {
			break
		}
	}
	t.Fatalf("waited %v for this in vain: %s", within, what)
}

// supervisorctl gives supervisor an order.
func (s *stand) supervisorctl(args ...string) error {
	program, err := findProgram("supervisorctl")
	if err != nil {
		return err
	}
	_, err = run(context.Background(), s.Dir, program, append([]string{"-c", s.path("etc/supervisor/supervisord.conf")}, args...)...)
	return err
}

// rotate rotates nginx's logs; supervisor rotates its own.
func (s *stand) rotate() error {
	program, err := findProgram("logrotate")
	if err != nil {
		return err
	}
	_, err = run(context.Background(), s.Dir, program, "--state", s.path("run/logrotate.state"), "--force", s.path("etc/logrotate.d/nginx"))
	return err
}

// count counts the lines that contain a text in a log and its rotated
// predecessors.
func (s *stand) count(t *testing.T, log, text string) int {
	t.Helper()
	paths, err := filepath.Glob(s.path(log) + "*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range paths {
		b, err := readLog(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was rotated a moment ago
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			if bytes.Contains(line, []byte(text)) {
				n++
			}
		}
	}
	return n
}

func readLog(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if filepath.Ext(path) != ".gz" {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	return b, cmp.Or(err, z.Close())
}
