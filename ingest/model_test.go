package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFollow_Model does random things to a log and its follower and compares
// what is stored with what was written.
func TestFollow_Model(t *testing.T) {
	runs := 60
	if testing.Short() {
		runs = 8
	}
	for seed := range runs {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { model(t, uint64(seed)) }) {
			return
		}
	}
}

func model(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 77))
	b := newBench(t)
	var did []string
	defer func() {
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, strings.Join(did, "\n"))
		}
	}()
	written := 0 // complete lines
	partial := ""
	var old *os.File // still open after the rename
	running := false
	push := func(f *os.File, text string) {
		_, err := f.WriteString(text)
		must(t, err)
	}
	cur, err := os.OpenFile(b.path("error.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(t, err)
	defer func() { cur.Close() }()
	finish := func() {
		if partial != "" {
			push(cur, partial)
			partial = ""
			written++
		}
	}
	settle := func() {
		if !running {
			b.start()
			running = true
		}
		b.later(30 * time.Second) // the files have real times, and a slow machine may take some
		b.until(fmt.Sprintf("storing of %d lines", written), func() bool { return len(b.m.lines()) >= written })
	}
	rotate := func() {
		for k := 40; k > 0; k-- {
			for _, ext := range []string{"", ".gz"} {
				if _, err := os.Lstat(b.path(fmt.Sprintf("error.log.%d%s", k, ext))); err == nil {
					b.rename(fmt.Sprintf("error.log.%d%s", k, ext), fmt.Sprintf("error.log.%d%s", k+1, ext))
				}
			}
		}
	}
	for range 40 {
		switch a := rnd.IntN(14); a {
		case 0, 1, 2, 3:
			finish()
			n := 1 + rnd.IntN(30)
			push(cur, numbered(written, n))
			did = append(did, fmt.Sprintf("write %d..%d", written, written+n-1))
			written += n
		case 4:
			if partial == "" {
				l := fmt.Sprintf("line %d of many\n", written)
				k := 1 + rnd.IntN(len(l)-1)
				push(cur, l[:k])
				partial = l[k:]
				did = append(did, fmt.Sprintf("write part of %d", written))
			} else {
				finish()
				did = append(did, "write the rest")
			}
		case 5, 6: // rename; the writer goes on with the old file for a while
			finish()
			rotate()
			b.rename("error.log", "error.log.1")
			if old != nil {
				old.Close()
			}
			old = cur
			cur, err = os.OpenFile(b.path("error.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			must(t, err)
			did = append(did, "rename")
		case 7:
			if old != nil {
				finish()
				n := 1 + rnd.IntN(5)
				push(old, numbered(written, n))
				did = append(did, fmt.Sprintf("write late %d..%d", written, written+n-1))
				written += n
			}
		case 8:
			if running {
				b.kill()
				running = false
				did = append(did, "kill")
			}
		case 9:
			if running {
				b.halt()
				running = false
				did = append(did, "stop")
			}
		case 10:
			if !running {
				b.start()
				running = true
				did = append(did, "start")
			}
		case 11:
			if running {
				d := time.Duration(rnd.IntN(9)) * time.Second
				b.later(d)
				did = append(did, "later "+d.String())
			}
		case 12: // pack the second one, as logrotate with delaycompress does
			if old != nil {
				old.Close()
				old = nil
			}
			for k := 2; k < 40; k++ {
				name := fmt.Sprintf("error.log.%d", k)
				data, err := os.ReadFile(b.path(name))
				if err != nil {
					continue
				}
				if len(data) > 0 && running {
					settle()
				}
				write(t, b.dir, map[string]string{name + ".gz": gz(t, string(data))})
				b.remove(name)
				did = append(did, "pack "+name)
			}
		case 13: // copytruncate
			finish()
			settle()
			rotate()
			data, err := os.ReadFile(b.path("error.log"))
			must(t, err)
			if len(data) == 0 {
				break
			}
			must(t, os.WriteFile(b.path("error.log.1"), data, 0o644))
			must(t, os.Truncate(b.path("error.log"), 0))
			if old != nil {
				old.Close()
				old = nil
			}
			did = append(did, "copytruncate")
		}
	}
	finish()
	did = append(did, "the end")
	settle()
	b.later(7 * time.Second)
	b.wantLines(written)
	if t.Failed() {
		return
	}
	// And once more from the start: nothing comes again.
	b.halt()
	b.start()
	b.later(7 * time.Second)
	b.later(7 * time.Second)
	b.wantLines(written)
}
