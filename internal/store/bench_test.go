package store_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
)

// benchRecords is the number of records that BenchmarkImport stores: 1,000,000
// unless CULPRIT_BENCH_RECORDS says otherwise.
func benchRecords(b *testing.B, n int) int {
	if s := os.Getenv("CULPRIT_BENCH_RECORDS"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	return n
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		panic(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// peakMemory returns the largest resident size of the process so far.
func peakMemory() int64 {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		panic(err)
	}
	return ru.Maxrss << 10
}

func folderSize(t testing.TB, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// importLines stores n lines as an import does: read, parse, add, a commit every
// 64 blocks. It returns the CPU time of making the lines, which is no part of it.
func importLines(tb testing.TB, st *store.Store, n int, l *lines) time.Duration {
	ctx := context.Background()
	w, err := st.Writer(ctx, "/var/log/nginx/error.log", "", "nginx_error")
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	var p lineParser
	var r culprit.Record
	var text []byte
	var made time.Duration
	for done := 0; done < n; {
		before := cpuTime()
		text = text[:0]
		for k := 0; k < 32768 && done < n; k++ {
			text = append(l.append(text), '\n')
			done++
		}
		made += cpuTime() - before
		for rest := text; len(rest) > 0; {
			i := bytes.IndexByte(rest, '\n')
			p.parse(rest[:i], &r)
			if err := w.Add(&r); err != nil {
				tb.Fatal(err)
			}
			rest = rest[i+1:]
		}
		if err := w.Commit(ctx, strconv.AppendInt(nil, p.pos, 10)); err != nil {
			tb.Fatal(err)
		}
	}
	return made
}

func openBench(b *testing.B, dir string) (*store.Store, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	st, err := store.Open(ctx, dir, store.Options{Ballast: -1})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- st.Run(ctx) }()
	return st, func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}
}

func BenchmarkImport(b *testing.B) {
	n := benchRecords(b, 1_000_000)
	for b.Loop() {
		dir := b.TempDir()
		before := cpuTime()
		st, stop := openBench(b, dir)
		made := importLines(b, st, n, newLines(1))
		if err := st.Indexed(context.Background()); err != nil {
			b.Fatal(err)
		}
		stop()
		used := cpuTime() - before - made
		b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(n), "cpu-us/record")
		b.ReportMetric(float64(folderSize(b, dir))/float64(n), "disk-B/record")
		b.ReportMetric(float64(peakMemory())/(1<<20), "peak-MB")
		b.ReportMetric(float64(n), "records")
	}
	runtime.KeepAlive(query.All())
}
