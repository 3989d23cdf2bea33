package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
)

// damagedStore makes a store with an index and closes it.
func damagedStore(t *testing.T) (dir string, shard string) {
	t.Helper()
	dir = t.TempDir()
	st := open(t, dir, store.Options{})
	w := writer(t, st, "a", "")
	for i := range 5000 {
		text := fmt.Sprintf("common line %d", i)
		if i%1000 == 7 {
			text += " rare"
		}
		add(t, w, line("a", i, text))
	}
	commit(t, w, "x")
	indexAll(t, st)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob(filepath.Join(dir, "index", "*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("folders of the index: %v, %v", list, err)
	}
	return dir, list[0]
}

func newest(t *testing.T, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: %v, %v", pattern, list, err)
	}
	return list[len(list)-1]
}

// TestDamagedIndex damages the index in each way that was seen: searches are right
// at once, and the index is built anew.
func TestDamagedIndex(t *testing.T) {
	type damage struct {
		name   string
		damage func(t *testing.T, shard string) error
		unseen bool
	}
	cases := []damage{
		{name: "no folder", damage: func(_ *testing.T, shard string) error { return os.RemoveAll(shard) }},
		{name: "empty folder", damage: func(_ *testing.T, shard string) error {
			return errors.Join(os.RemoveAll(shard), os.Mkdir(shard, 0o700))
		}},
		{name: "cut segment", damage: func(t *testing.T, shard string) error {
			return os.Truncate(newest(t, filepath.Join(shard, "store", "*.zap")), 100)
		}},
		{name: "empty segment", damage: func(t *testing.T, shard string) error {
			return os.Truncate(newest(t, filepath.Join(shard, "store", "*.zap")), 0)
		}},
		{name: "no segment", damage: func(t *testing.T, shard string) error {
			return os.Remove(newest(t, filepath.Join(shard, "store", "*.zap")))
		}},
		{name: "zeroed segment", damage: func(t *testing.T, shard string) error {
			name := newest(t, filepath.Join(shard, "store", "*.zap"))
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			return os.WriteFile(name, make([]byte, info.Size()), 0o600)
		}},
		{name: "cut root", damage: func(_ *testing.T, shard string) error {
			return os.Truncate(filepath.Join(shard, "store", "root.bolt"), 1000)
		}},
		{name: "zeroed root", damage: func(_ *testing.T, shard string) error {
			return os.WriteFile(filepath.Join(shard, "store", "root.bolt"), make([]byte, 64<<10), 0o600)
		}},
		{name: "empty meta", damage: func(_ *testing.T, shard string) error {
			return os.Truncate(filepath.Join(shard, "index_meta.json"), 0)
		}},
		{name: "a file in its place", damage: func(_ *testing.T, shard string) error {
			return errors.Join(os.RemoveAll(shard), os.WriteFile(shard, []byte("x"), 0o600))
		}},
	}
	for _, d := range cases {
		d.name, d.unseen = d.name+", seen by the indexer", true
		cases = append(cases, d)
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			dir, shard := damagedStore(t)
			if err := tt.damage(t, shard); err != nil {
				t.Fatal(err)
			}
			st := open(t, dir, store.Options{})
			all := int64(5000)
			check := func(when string) {
				t.Helper()
				if n := count(t, st, "common"); n != all {
					t.Fatalf("%s: %d records with a common word", when, n)
				}
				if n := count(t, st, "rare"); n != 5 {
					t.Fatalf("%s: %d records with a rare word", when, n)
				}
				if hits := search(t, st, "4321", store.SearchOptions{}); len(hits) != 1 {
					t.Fatalf("%s: %q", when, texts(hits))
				}
			}
			if tt.unseen {
				// The indexer is the first to see the damage.
				w := writer(t, st, "a", "")
				for i := 5000; i < 6000; i++ {
					add(t, w, line("a", i, fmt.Sprintf("common line %d", i)))
				}
				commit(t, w, "y")
				w.Close()
				all = 6000
			} else {
				check("damaged")
			}
			indexAll(t, st)
			check("built anew")
			if blocks, err := st.IndexedBlocks(); err != nil || int64(blocks) != all/512 {
				t.Fatalf("the index holds %d blocks, %v", blocks, err)
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			st = open(t, dir, store.Options{})
			check("after a restart")
			if left, err := filepath.Glob(filepath.Join(dir, "index", "*")); err != nil || len(left) != 1 {
				t.Fatalf("folders of the index: %v, %v", left, err)
			}
		})
	}
}

// TestIndexThatCannotBeBuilt: where the new folder cannot be written either, the
// indexer waits before it tries again, and a search goes on without it.
func TestIndexThatCannotBeBuilt(t *testing.T) {
	dir, shard := damagedStore(t)
	if err := os.RemoveAll(shard); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	st := open(t, dir, store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := os.WriteFile(strings.TrimSuffix(shard, "1")+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := count(t, st, "common"); n != 5000 {
		t.Fatalf("%d records with a common word", n)
	}
	indexAll(t, st)
	if !strings.Contains(log.String(), `"again in"=1s`) || strings.Count(log.String(), "built anew") != 4 { // will be, is
		t.Errorf("it did not wait:\n%s", log.String())
	}
	if n := count(t, st, "common"); n != 5000 {
		t.Fatalf("%d records with a common word", n)
	}
}

// TestIndexBehind loses the index's last state: what the operations table knows is
// applied again.
func TestIndexBehind(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir, store.Options{})
	w := writer(t, st, "a", "")
	for i := range 3000 {
		add(t, w, line("a", i, fmt.Sprintf("common line %d", i)))
	}
	commit(t, w, "x")
	w.Close()
	if s, err := st.Stats(context.Background()); err != nil || s.IndexLag != 5 {
		t.Fatalf("%+v, %v", s, err)
	}
	if n := count(t, st, "common"); n != 3000 {
		t.Fatalf("%d records before they are indexed", n)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = open(t, dir, store.Options{})
	indexAll(t, st)
	if n, err := st.IndexedBlocks(); err != nil || n != 5 {
		t.Fatalf("the index holds %d blocks, %v", n, err)
	}
	if n := count(t, st, "common"); n != 3000 {
		t.Fatalf("%d records", n)
	}
}

// TestDamagedBlock zeroes one block's text: the others are still found.
func TestDamagedBlock(t *testing.T) {
	dir, _ := damagedStore(t)
	db, err := sql.Open("sqlite3", filepath.Join(dir, "culprit.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE block_data SET text = zeroblob(length(text)) WHERE id = 3"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE filters SET data = zeroblob(10)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	st := open(t, dir, store.Options{})
	if n := len(search(t, st, "NOT missing", store.SearchOptions{Limit: store.MaxLimit})); n != 5000-512 {
		t.Fatalf("%d records", n)
	}
	if hits := search(t, st, "4321", store.SearchOptions{}); len(hits) != 1 {
		t.Fatalf("%q", texts(hits))
	}
	if _, err := st.Record(context.Background(), "", 1<<32|1030); !errors.Is(err, culprit.ErrCorrupt) {
		t.Fatal(err)
	}
}

func TestRetentionByAge(t *testing.T) {
	now := morning
	dir := t.TempDir()
	st := open(t, dir, store.Options{Now: func() time.Time { return now }, Retention: store.Retention{Age: 24 * time.Hour}})
	w := writer(t, st, "a", "")
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			r := line("a", i, fmt.Sprintf("common line %d", i))
			r.Kind, r.Process, r.Message = culprit.KindExited, "node", string(r.Text)
			add(t, w, r)
		}
		commit(t, w, "x")
	}
	fill(0, 1600)
	now = now.Add(20 * time.Hour)
	fill(1600, 3000)
	indexAll(t, st)
	now = now.Add(5 * time.Hour)
	if err := st.Upkeep(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The first three blocks were full after the first commit.
	if n := count(t, st, "common"); n != 3000-1536 {
		t.Fatalf("%d records are left", n)
	}
	if hits := search(t, st, "1500", store.SearchOptions{}); len(hits) != 0 {
		t.Fatalf("%q", texts(hits))
	}
	if hits := search(t, st, "1537", store.SearchOptions{}); len(hits) != 1 {
		t.Fatalf("%q", texts(hits))
	}
	if _, err := st.Record(context.Background(), "", 1<<32|10); !errors.Is(err, culprit.ErrNotFound) {
		t.Fatal(err)
	}
	first := true
	if err := st.Events(context.Background(), store.EventFilter{}, func(e *culprit.Event) error {
		if first && !strings.HasSuffix(e.Text, " 1536") {
			return fmt.Errorf("the first event is %q", e.Text)
		}
		first = false
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	now = now.Add(30 * time.Hour)
	if err := st.Upkeep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, st, ""); n != 0 {
		t.Fatalf("%d records are left", n)
	}
}

func TestRetentionBySize(t *testing.T) {
	dir := t.TempDir()
	const limit = 3 << 20
	st := open(t, dir, store.Options{Retention: store.Retention{Bytes: limit}})
	l := newLines(9)
	importLines(t, st, 150_000, l)
	indexAll(t, st)
	if err := st.Upkeep(context.Background()); err != nil {
		t.Fatal(err)
	}
	indexAll(t, st)
	if err := st.Upkeep(context.Background()); err != nil {
		t.Fatal(err)
	}
	n := count(t, st, "upstream")
	if n < 50_000 || n > 120_000 {
		t.Fatalf("%d records are left", n)
	}
	if hits := search(t, st, "", store.SearchOptions{Limit: 1}); len(hits) != 1 || hits[0].Record.LineFrom != 150_000 {
		t.Fatalf("the newest record is gone: %v", hits)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if size := folderSize(t, dir); size > limit+9<<20 { // what SQLite keeps free for what comes next
		t.Fatalf("%d bytes on disk", size)
	}
}

// TestDropShards drops all blocks of the first shards, with their folders.
func TestDropShards(t *testing.T) {
	store.SetShardBlocks(t, 4)
	now := morning
	dir := t.TempDir()
	st := open(t, dir, store.Options{Now: func() time.Time { return now }, Retention: store.Retention{Age: time.Hour}})
	w := writer(t, st, "a", "")
	for i := range 10*512 + 1 {
		if i == 9*512 {
			commit(t, w, "x")
			now = now.Add(30 * time.Minute)
		}
		add(t, w, line("a", i, fmt.Sprintf("word %d", i)))
	}
	commit(t, w, "x")
	indexAll(t, st)
	shards := func() []string {
		list, err := filepath.Glob(filepath.Join(dir, "index", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			list[i] = filepath.Base(list[i])
		}
		return list
	}
	if got := shards(); !slices.Equal(got, []string{"000000-1", "000001-1", "000002-1"}) {
		t.Fatalf("folders %v", got)
	}
	now = now.Add(45 * time.Minute)
	if err := st.Upkeep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := shards(); !slices.Equal(got, []string{"000002-1"}) {
		t.Fatalf("folders %v", got)
	}
	indexAll(t, st)
	if n := count(t, st, "word"); n != 2*512+1 {
		t.Fatalf("%d records are left", n)
	}
	if n, err := st.IndexedBlocks(); err != nil || n != 2 {
		t.Fatalf("the index holds %d blocks, %v", n, err)
	}
}

// TestSmallBlocksAreJoined flushes a slow source several times.
func TestSmallBlocksAreJoined(t *testing.T) {
	now := morning
	st := open(t, t.TempDir(), store.Options{Now: func() time.Time { return now }})
	for round := range 6 {
		w := writer(t, st, "a", "")
		for i := round * 40; i < round*40+40; i++ {
			add(t, w, line("a", i, fmt.Sprintf("common line %d", i)))
		}
		commit(t, w, "x")
		if round%2 == 0 {
			w.Close() // a source without a writer, and one with
		}
		now = now.Add(2 * time.Hour)
		if err := st.Upkeep(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if n := count(t, st, "common"); n != int64(round*40+40) {
			t.Fatalf("%d records after round %d", n, round)
		}
	}
	s, err := st.Stats(context.Background())
	if err != nil || s.Blocks != 1 || s.Open != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	indexAll(t, st)
	if got := texts(search(t, st, "common 7", store.SearchOptions{})); len(got) != 1 {
		t.Fatalf("%q", got)
	}
}

// TestSearchWhileWriting reads while records are stored: what is seen is a prefix.
func TestSearchWhileWriting(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := st.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	q, err := query.Parse("common")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		group.Go(func() {
			var last int64
			for ctx.Err() == nil {
				n, err := st.Count(ctx, q, time.Time{}, time.Time{})
				if ctx.Err() != nil {
					return
				}
				if err != nil || n < last || n%10 != 0 {
					t.Errorf("count %d after %d: %v", n, last, err)
					return
				}
				last = n
				if _, err := st.Search(ctx, q, store.SearchOptions{Limit: 20}, func(*store.Hit) error { return nil }); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	w := writer(t, st, "a", "")
	for i := range 20_000 {
		add(t, w, line("a", i, fmt.Sprintf("common line %d", i)))
		if i%500 == 499 {
			commit(t, w, "x")
		}
	}
	if err := st.Upkeep(ctx); err != nil {
		t.Error(err)
	}
	cancel()
	group.Wait()
}

// TestDiskFull fills a small disk: the commit fails with a clear error, reading
// goes on, and once there is room again nothing is missing.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small disk: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	st := open(t, filepath.Join(dir, "data"), store.Options{Ballast: 1 << 20})
	w := writer(t, st, "a", "")
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 6<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLines(3)
	stored, n := 0, 0
	var failed error
	for failed == nil && n < 400_000 {
		for range 5000 {
			add(t, w, line("a", n, string(l.append(nil))))
			n++
		}
		if failed = w.Commit(context.Background(), []byte("x")); failed == nil {
			stored = n
		}
	}
	if !errors.Is(failed, culprit.ErrDiskFull) {
		t.Fatalf("after %d records: %v", n, failed)
	}
	if c := count(t, st, ""); c != int64(stored) {
		t.Fatalf("%d records are found, %d were stored", c, stored)
	}
	if s, err := st.Stats(context.Background()); err != nil || !s.DiskFull {
		t.Fatalf("%+v, %v", s, err)
	}
	// The ballast makes room enough to go on for a moment.
	if err := st.Upkeep(context.Background()); err != nil {
		t.Logf("upkeep on a full disk: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "ballast")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the ballast is still there: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	commit(t, w, "y")
	if c := count(t, st, "upstream"); c != int64(n) {
		t.Fatalf("%d records are found, %d were stored", c, n)
	}
	if s, err := st.Stats(context.Background()); err != nil || s.DiskFull {
		t.Fatalf("%+v, %v", s, err)
	}
	w.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = open(t, filepath.Join(dir, "data"), store.Options{})
	if c := count(t, st, "upstream"); c != int64(n) {
		t.Fatalf("%d records after a restart", c)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHostileQueries are answered in time, or refused.
func TestHostileQueries(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	importLines(t, st, 30_000, newLines(4))
	indexAll(t, st)
	for _, text := range []string{
		"*", "* * * *", "a* b* c* d*", strings.Repeat("a* OR ", 200) + "b", strings.Repeat("(", 2000), strings.Repeat("NOT ", 1000) + "a", strings.Repeat("-(a ", 100),
		strings.Repeat("x ", 250), "status:>0 OR status:<0 OR pid:>0", strings.Repeat(`"a `, 500), strings.Repeat("1.2.3.4.", 500), "source:* kind:* severity:>=0 message:e*",
		strings.Repeat("a", 5000), strings.Repeat("ü*", 1000),
	} {
		q, err := query.Parse(text)
		if err != nil {
			if !errors.Is(err, culprit.ErrQuery) {
				t.Fatal(err)
			}
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if _, err := st.Count(ctx, q, time.Time{}, time.Time{}); err != nil {
			t.Errorf("count %.40q: %v", text, err)
		}
		if _, err := st.Search(ctx, q, store.SearchOptions{Limit: 1 << 30}, func(*store.Hit) error { return nil }); err != nil {
			t.Errorf("search %.40q: %v", text, err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := st.Count(ctx, query.All(), time.Time{}, time.Time{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := st.Search(context.Background(), query.All(), store.SearchOptions{Cursor: "AAAA!"}, nil); !errors.Is(err, culprit.ErrQuery) {
		t.Fatal(err)
	}
}
