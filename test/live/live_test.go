// Package live_test runs culprit beside real parts: nginx in front of a NestJS
// application that supervisor keeps, logrotate, a journal file, and the kernel
// that kills what passes its limit. docs/development.md says what it needs.
package live_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"culprit"
)

const (
	tellWithin = 5 * time.Second  // from the decisive line to the right verdict
	endWithin  = 30 * time.Second // from the mending to the end of the incident: 20 s without a failure, then a report
	stopWithin = 5 * time.Second

	memoryPromise = 100 << 20 // bytes that serve takes at most
)

// A fault takes the application down in one way.
type fault struct {
	name    string
	verdict culprit.Verdict
	lines   []string // each must stand in the evidence of the verdict

	// cause brings it about and returns when the decisive line was there; mend
	// may be nil where supervisor mends it.
	cause func(t *testing.T) time.Time
	mend  func(t *testing.T)
}

// TestLive lets one fault after the other happen and asks the API what it says.
func TestLive(t *testing.T) {
	requirePrograms(t)
	s := newStand(t)
	users := newTraffic(t, s)
	rotations := rotateEvery(t, s, 4*time.Second)

	t.Run("all is well", func(t *testing.T) {
		begun := time.Now()
		s.waitFor(t, 30*time.Second, "users were served for five seconds while logs were rotated", func() bool {
			if list := s.incidents(t); len(list) > 0 {
				t.Fatalf("an incident, and nothing is wrong: %s", show(list))
			}
			return time.Since(begun) > 5*time.Second && users.ok.Load() > 20 && rotations.count() > 0
		})
		if n := users.bad.Load(); n > 0 {
			t.Fatalf("%d requests failed, and nothing is wrong", n)
		}
	})
	if t.Failed() {
		return
	}

	service := filepath.Join("app", "dist", "orders", "orders.service.js")
	// restart orders a restart and returns when supervisor has noted the stop.
	restart := func(t *testing.T) time.Time {
		before := s.count(t, "log/supervisor/supervisord.log", "stopped: "+s.Service)
		ordered := make(chan struct{})
		go func() {
			defer close(ordered)
			_ = s.supervisorctl("restart", s.Service) // fails if the application does not start, which is meant to happen
		}()
		t.Cleanup(func() { <-ordered })
		s.waitFor(t, 20*time.Second, "supervisor stops the application", func() bool {
			return s.count(t, "log/supervisor/supervisord.log", "stopped: "+s.Service) > before
		})
		return time.Now()
	}
	faults := []fault{
		{
			name: "the kernel kills it", verdict: culprit.VerdictOOMKill,
			lines: []string{"Memory cgroup out of memory: Killed process"},
			cause: func(t *testing.T) time.Time {
				asked := make(chan struct{})
				go func() {
					defer close(asked)
					_ = s.get(t.Context(), s.NginxPort, fmt.Sprintf("/reports/%d", reportSize), nil) // nobody lives to answer
				}()
				t.Cleanup(func() { <-asked })
				var report []kernelLine
				// A cold machine may keep it at its limit for long before it kills.
				s.waitFor(t, time.Minute, "the kernel kills the application", func() bool {
					var err error
					if report, err = s.cgroup.killReport(); err != nil {
						t.Fatal(err)
					}
					return report != nil
				})
				for _, l := range report {
					s.journal.kernel(t, l)
				}
				return time.Now()
			},
		},
		{
			name: "a file is missing at the next start", verdict: culprit.VerdictModuleNotFound,
			lines: []string{"Cannot find module './orders.service'"},
			cause: func(t *testing.T) time.Time {
				if err := os.Rename(s.path(service), s.path("run/orders.service.js")); err != nil {
					t.Fatal(err)
				}
				before := s.count(t, "log/"+s.Service+"/err.log", "Error: Cannot find module")
				restart(t)
				s.waitFor(t, 20*time.Second, "Node misses the file", func() bool {
					return s.count(t, "log/"+s.Service+"/err.log", "Error: Cannot find module") > before
				})
				return time.Now()
			},
			mend: func(t *testing.T) {
				if err := os.Rename(s.path("run/orders.service.js"), s.path(service)); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "a deploy restarts it", verdict: culprit.VerdictPlannedRestart,
			lines: []string{"release 1.9.1 is activated", "stopped: " + s.Service},
			cause: func(t *testing.T) time.Time {
				s.journal.say(t, "deploy", "%s: release 1.9.1 is activated, restarting", s.Service)
				return restart(t)
			},
		},
		{
			name: "somebody restarts it", verdict: culprit.VerdictRestartUnexplained,
			lines: []string{"stopped: " + s.Service},
			cause: restart,
		},
	}
	known := map[string]*culprit.Incident{}
	for i, f := range faults {
		ok := t.Run(f.name, func(t *testing.T) {
			if f.verdict == culprit.VerdictOOMKill && s.noLimit != nil {
				t.Skipf("without a memory cgroup and the kernel's lines: %v", s.noLimit)
			}
			decisive := f.cause(t)
			inc := s.told(t, known, f, decisive)
			known[inc.ID] = inc
			if f.mend != nil {
				f.mend(t)
			}
			if i < len(faults)-1 { // the last one need not be waited for
				s.over(t, known, inc)
			}
		})
		if !ok {
			return
		}
	}

	rotations.stop()
	users.stop()
	t.Run("every line once", func(t *testing.T) { s.stored(t, rotations.count()) })
	t.Run("stop", func(t *testing.T) {
		if peak := s.peak(t); peak > memoryPromise {
			t.Errorf("it took %d MB of memory", peak>>20)
		}
		begun := time.Now()
		if err := s.culprit.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-s.culprit.exited
		if took, code := time.Since(begun), s.culprit.cmd.ProcessState.ExitCode(); took > stopWithin || code != 0 {
			t.Errorf("stopped after %v with exit code %d", took, code)
		}
	})
}

// told waits until the API tells one new incident with the right verdict, which
// it must within tellWithin of the decisive line.
func (s *stand) told(t *testing.T, known map[string]*culprit.Incident, f fault, decisive time.Time) *culprit.Incident {
	t.Helper()
	wrong, list := "", []*culprit.Incident(nil)
	for range poll(time.Until(decisive.Add(tellWithin))) {
		list = s.incidents(t)
		fresh := slices.DeleteFunc(slices.Clone(list), func(i *culprit.Incident) bool { return known[i.ID] != nil })
		if len(fresh) > 1 || len(list)-len(fresh) != len(known) {
			t.Fatalf("%d incidents were known and %d are new: %s", len(list)-len(fresh), len(fresh), show(list))
		}
		wrong = "no new incident"
		if len(fresh) == 1 {
			if wrong = f.wrong(fresh[0], s.Service); wrong == "" {
				t.Logf("%s: %s, told %v after the decisive line, %s", fresh[0].ID, fresh[0].Title, time.Since(decisive).Round(10*time.Millisecond), fresh[0].Tier)
				return fresh[0]
			}
		}
	}
	t.Fatalf("%v after the decisive line: %s: %s", tellWithin, wrong, show(list))
	return nil
}

// wrong says what an incident does not say of a fault, "" if it says all.
func (f *fault) wrong(inc *culprit.Incident, service string) string {
	if inc.Verdict != f.verdict || inc.Service != service {
		return fmt.Sprintf("verdict %s of %q, not %s", inc.Verdict, inc.Service, f.verdict)
	}
	at := slices.IndexFunc(inc.Causes, func(c culprit.Cause) bool { return c.Kind == f.verdict })
	if at < 0 {
		return "its verdict is not among its causes"
	}
	for _, l := range f.lines {
		if !slices.ContainsFunc(inc.Causes[at].Evidence, func(e culprit.Evidence) bool { return strings.Contains(e.Text, l) }) {
			return fmt.Sprintf("%q is not among its evidence", l)
		}
	}
	return ""
}

// over waits until an incident has ended, and sees to it that the API tells no
// other one and stays with its verdicts.
func (s *stand) over(t *testing.T, known map[string]*culprit.Incident, inc *culprit.Incident) {
	t.Helper()
	s.waitFor(t, endWithin+warmUp+10*time.Second, "the incident is over", func() bool {
		list := s.incidents(t)
		ended := false
		for _, now := range list {
			was := known[now.ID]
			if was == nil || now.Verdict != was.Verdict || now.Service != was.Service {
				t.Fatalf("not what was told before: %s", show(list))
			}
			ended = ended || now.ID == inc.ID && !now.Ongoing
			if now.ID != inc.ID && now.Ongoing {
				t.Fatalf("goes on again: %s", show(list))
			}
		}
		return len(list) == len(known) && ended
	})
}

// stored sees to it that the service has every line of nginx's access log once,
// whatever was rotated meanwhile.
func (s *stand) stored(t *testing.T, rotations int) {
	t.Helper()
	if rotations < 5 {
		t.Errorf("nginx's logs were rotated %d times only", rotations)
	}
	for _, log := range []string{"log/supervisor/supervisord.log.1", "log/" + s.Service + "/out.log.1"} {
		if _, err := os.Stat(s.path(log)); err != nil {
			t.Errorf("supervisor did not rotate: %v", err)
		}
	}
	written, found := 0, 0
	for range poll(10 * time.Second) {
		written = s.count(t, "log/nginx/access.log", agent) // nginx answers first and writes then
		var page struct {
			Total int `json:"total"`
		}
		err := s.get(t.Context(), s.CulpritPort, "/api/search?limit=1&q=%22"+agent+"%22", func(b []byte) error { return json.Unmarshal(b, &page) })
		if err != nil {
			t.Fatal(err)
		}
		if found = page.Total; found == written {
			t.Logf("%d lines, %d rotations", written, rotations)
			return
		}
	}
	t.Errorf("%d of %d lines of the access log are stored", found, written)
}

// peak is the most memory that culprit had, in bytes (VmHWM in proc(5)).
func (s *stand) peak(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.culprit.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kib := 0
	_, line, _ := strings.Cut(string(b), "VmHWM:")
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatalf("read the peak of memory: %v", err)
	}
	return kib << 10
}

// incidents asks the API.
func (s *stand) incidents(t *testing.T) []*culprit.Incident {
	t.Helper()
	var out struct {
		Incidents []*culprit.Incident `json:"incidents"`
	}
	if err := s.get(t.Context(), s.CulpritPort, "/api/incidents", func(b []byte) error { return json.Unmarshal(b, &out) }); err != nil {
		t.Fatalf("ask culprit: %v\n%s", err, s.output())
	}
	return out.Incidents
}

// output is what culprit wrote to standard error, for messages.
func (s *stand) output() []byte {
	b, err := os.ReadFile(s.path("log/culprit.out"))
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

// show writes incidents for a message.
func show(list []*culprit.Incident) string {
	var b bytes.Buffer
	for _, i := range list {
		fmt.Fprintf(&b, "\n%s %s–%s ongoing=%v %s %s known to %q, %d failed: %s", i.ID, i.Start.Format("15:04:05.000"), i.End.Format("15:04:05.000"), i.Ongoing, i.Service, i.Verdict, i.KnownTo, i.Failures.Failed, i.Title)
		for _, c := range i.Causes {
			fmt.Fprintf(&b, "\n  %s %s", c.Kind, c.Entity)
			for _, e := range c.Evidence {
				fmt.Fprintf(&b, "\n    %s:%d %s", filepath.Base(e.Source), e.Line, e.Text)
			}
		}
	}
	return b.String()
}

// rotation is logrotate at work.
type rotation struct {
	stop func()
	mu   sync.Mutex
	n    int
}

func (r *rotation) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// rotateEvery rotates until stop is called or the test ends.
func rotateEvery(t *testing.T, s *stand, every time.Duration) *rotation {
	t.Helper()
	r := &rotation{}
	end := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
			}
			// Not with the test's context: killed half-way it would leave nginx
			// writing to a file that has gone.
			if err := s.rotate(); err != nil {
				t.Errorf("rotate: %v", err)
				return
			}
			r.mu.Lock()
			r.n++
			r.mu.Unlock()
		}
	})
	r.stop = sync.OnceFunc(func() {
		close(end)
		work.Wait()
	})
	t.Cleanup(r.stop)
	return r
}

// requirePrograms skips the test where something that it needs is missing, and
// fails where the caller has seen to it that all is there (ci/go does).
func requirePrograms(t *testing.T) {
	t.Helper()
	var missing []string
	for _, name := range []string{"nginx", "supervisord", "supervisorctl", "logrotate", "node", "go", "journalctl", journalRemote} {
		if _, err := findProgram(name); err != nil {
			missing = append(missing, name)
		}
	}
	if _, err := os.Stat("app/node_modules/typescript/bin/tsc"); err != nil {
		missing = append(missing, "the packages of the application (npm ci in test/live/app)")
	}
	if len(missing) == 0 {
		return
	}
	if os.Getenv("CULPRIT_REQUIRE_LIVE") != "" {
		t.Fatalf("missing: %s", strings.Join(missing, ", "))
	}
	t.Skipf("missing: %s", strings.Join(missing, ", "))
}
