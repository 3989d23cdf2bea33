package store_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
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
}

// BenchmarkSearch asks a store of 5,000,000 records (CULPRIT_BENCH_RECORDS), at
// rest and while more are imported.
func BenchmarkSearch(b *testing.B) {
	n := benchRecords(b, 5_000_000)
	dir := b.TempDir()
	st, stop := openBench(b, dir)
	defer stop()
	l := newLines(1)
	importLines(b, st, n, l)
	ctx := context.Background()
	if err := st.Indexed(ctx); err != nil {
		b.Fatal(err)
	}
	first, last, err := st.Bounds(ctx)
	if err != nil {
		b.Fatal(err)
	}
	unique := l.connection(n / 2)
	page := func(b *testing.B, text string, want int) {
		q := parse(b, text)
		for b.Loop() {
			hits := 0
			if _, err := st.Search(ctx, q, store.SearchOptions{Limit: 100}, func(*store.Hit) error {
				hits++
				return nil
			}); err != nil || hits != want {
				b.Fatalf("%d hits, %v", hits, err)
			}
		}
	}
	counts := func(b *testing.B, text string) {
		q := parse(b, text)
		for b.Loop() {
			if c, err := st.Count(ctx, q, time.Time{}, time.Time{}); err != nil || c == 0 {
				b.Fatalf("%d records, %v", c, err)
			}
		}
	}
	all := func(b *testing.B) {
		b.Run("newest 100 of a common word", func(b *testing.B) { page(b, "refused", 100) })
		b.Run("newest 100 of two words and a field", func(b *testing.B) { page(b, "refused checkout server:books.example.com", 100) })
		b.Run("a unique identifier", func(b *testing.B) { page(b, unique, 1) })
		b.Run("a word that is nowhere", func(b *testing.B) { page(b, "nowhere", 0) })
		b.Run("count of a common word", func(b *testing.B) { counts(b, "refused") })
		b.Run("count of a kind", func(b *testing.B) { counts(b, "kind:upstream_reset") })
		b.Run("histogram of a common word", func(b *testing.B) {
			q := parse(b, "refused")
			for b.Loop() {
				if _, err := st.Histogram(ctx, q, first, last.Add(1), 120); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("facets of all", func(b *testing.B) {
			for b.Loop() {
				if _, err := st.Facets(ctx, query.All(), time.Time{}, time.Time{}, []string{"kind", "severity", "upstream", "server"}, 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("at rest", all)
	b.Run("at rest/count of what has to be looked at", func(b *testing.B) { counts(b, `"connect failed 111" checkout method:delete`) })
	b.Run("while importing", func(b *testing.B) {
		end := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-end:
					return
				default:
					importMore(b, st, 20_000, l)
				}
			}
		}()
		all(b)
		close(end)
		<-done
	})
}

func parse(b *testing.B, text string) *query.Query {
	b.Helper()
	q, err := query.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	return q
}

// importMore stores n lines more, as another file.
func importMore(tb testing.TB, st *store.Store, n int, l *lines) {
	ctx := context.Background()
	l.files++
	w, err := st.Writer(ctx, "/var/log/nginx/error.log", strconv.Itoa(l.files), "nginx_error")
	if err != nil {
		tb.Error(err)
		return
	}
	defer w.Close()
	var p lineParser
	var r culprit.Record
	for range n {
		p.parse(l.append(nil), &r)
		if err := w.Add(&r); err != nil {
			tb.Error(err)
		}
	}
	if err := w.Commit(ctx, nil); err != nil {
		tb.Error(err)
	}
}
