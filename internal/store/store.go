package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"

	"culprit"
	"culprit/migrations"
)

// Options of a store. The zero value is fit for use.
type Options struct {
	// Resolve names the service that a record is of and the address of the
	// upstream that it is about, "" if unknown. It is called for each record
	// that is added, so it must be fast; what it returns is copied. By default
	// the service is the record's unit without its suffix, and the upstream
	// that of the attribute of this name.
	Resolve func(*culprit.Record) (service, upstream string)

	Parser    int       // version of the parsers, kept with each block
	Retention Retention // what to drop, none by default
	Ballast   int64     // bytes kept for the day on which the disk is full, 32 MiB by default; negative for none
	Now       func() time.Time
	Log       *slog.Logger // what happens in the background, discarded by default
}

// Retention says what is kept. Zero fields set no bound.
type Retention struct {
	Age   time.Duration // since a record was stored
	Bytes int64         // of the data folder
}

const defaultBallast = 32 << 20

// A Store is an open data folder. It is safe for concurrent use, but for what
// [Writer] says about itself.
type Store struct {
	dir  string
	opts Options
	log  *slog.Logger
	lock *os.File

	writes *sql.DB // one connection; every transaction is immediate
	reads  *sql.DB

	// commit is held for reading while a search takes its view, and for
	// writing while a transaction becomes visible: so the catalogue that a
	// search sees and its transaction agree.
	commit  sync.RWMutex
	writing sync.Mutex // one transaction at a time; before commit
	blocks  atomic.Pointer[catalogue]
	sources *sourceSet
	index   *index
	full    atomic.Bool // the disk was full at the last commit

	life      context.Context // ends with Close
	end       context.CancelFunc
	using     sync.RWMutex // held for reading by whoever reads, for writing by Close
	changed   *broadcast   // after each commit
	wake      chan struct{}
	writers   map[*Writer]struct{}
	writerMu  sync.Mutex
	closed    atomic.Bool
	stmts     map[string]*sql.Stmt
	filterRow []byte // memory of transactions
	nextID    struct{ block, event int64 }
	shapes    map[int64]int64 // hash -> id of known shapes
	unjoined  map[int64]bool  // blocks that cannot be joined with others; of Upkeep
	upkeep    sync.Mutex
	onFollow  func() // for tests: Follow has seen what was there
}

// Open opens the data folder, which is made if it is not there. It fails with
// culprit.ErrLocked if another process has it open, culprit.ErrVersion if a later
// version of this program wrote it, and culprit.ErrCorrupt if the database is
// damaged. A damaged index is not an error: it is built anew while the store is
// in use.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	if opts.Resolve == nil {
		opts.Resolve = resolve
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Ballast == 0 {
		opts.Ballast = defaultBallast
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, opts: opts, log: opts.Log, lock: lock, changed: newBroadcast(), wake: make(chan struct{}, 1),
		writers: map[*Writer]struct{}{}, stmts: map[string]*sql.Stmt{}, shapes: map[int64]int64{}, unjoined: map[int64]bool{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(s.classify(err), s.shut())
	}
	return s, nil
}

func (s *Store) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// Pragmas stand in the DSN so that they hold on every connection of a pool.
// auto_vacuum has to be set before the first table is made.
const (
	dsnCommon = "_busy_timeout=5000&_journal_mode=WAL&_synchronous=NORMAL&_foreign_keys=off"
	dsnWrite  = dsnCommon + "&_txlock=immediate&_auto_vacuum=incremental&_cache_size=-4000"
	dsnRead   = dsnCommon + "&_query_only=true&_cache_size=-4000"
	readConns = 4
)

func (s *Store) open(ctx context.Context) error {
	dsn := "file:" + escapePath(s.path("culprit.db"))
	var err error
	if s.writes, err = sql.Open("sqlite3", dsn+"?"+dsnWrite); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	s.writes.SetMaxOpenConns(1)
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.reads, err = sql.Open("sqlite3", dsn+"?"+dsnRead); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	s.reads.SetMaxOpenConns(readConns)
	s.reads.SetMaxIdleConns(readConns)
	if err := s.checkClean(ctx); err != nil {
		return err
	}
	if _, err := s.writes.ExecContext(ctx, "PRAGMA journal_size_limit = 16777216"); err != nil {
		return fmt.Errorf("bound the write-ahead log: %w", err)
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	s.index, err = openIndex(ctx, s)
	if err != nil {
		return err
	}
	if err := s.fillBallast(); err != nil {
		s.log.Warn("ballast file could not be written", "error", err)
	}
	return nil
}

// escapePath makes a path fit for the file part of a DSN.
func escapePath(p string) string {
	var b []byte
	for i := range len(p) {
		switch c := p[i]; c {
		case '%', '?', '#':
			b = fmt.Appendf(b, "%%%02X", c)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations.FS, ".")
	if err != nil {
		return fmt.Errorf("open migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.writes, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read version of database: %w", err)
	}
	if have > want {
		return fmt.Errorf("database in %s has version %d, this program knows %d: %w", s.dir, have, want, culprit.ErrVersion)
	}
	if have == want {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring database up to date: %w", err)
	}
	// goose reads its files through buffers of 4 MB each; nobody needs them again.
	debug.FreeOSMemory()
	return nil
}

// quickCheckTime bounds the check of a database after an unclean stop.
const quickCheckTime = 20 * time.Second

// checkClean looks for damage after an unclean stop, and notes that the store is
// in use.
func (s *Store) checkClean(ctx context.Context) error {
	var clean int
	err := s.writes.QueryRowContext(ctx, "SELECT value FROM state WHERE key = 'clean'").Scan(&clean)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read state: %w", err)
	}
	if err == nil && clean == 0 {
		check, cancel := context.WithTimeout(ctx, quickCheckTime)
		defer cancel()
		var result string
		switch err := s.writes.QueryRowContext(check, "PRAGMA quick_check(1)").Scan(&result); {
		case check.Err() != nil && ctx.Err() == nil:
			s.log.Info("check of the database after an unclean stop takes too long and is left out")
		case err != nil:
			return fmt.Errorf("check database: %w", err)
		case result != "ok":
			return fmt.Errorf("check database: %s: %w", strings.ReplaceAll(result, "\n", " "), culprit.ErrCorrupt)
		}
	}
	return s.setClean(ctx, 0)
}

func (s *Store) setClean(ctx context.Context, clean int) error {
	if _, err := s.writes.ExecContext(ctx, "INSERT OR REPLACE INTO state (key, value) VALUES ('clean', ?)", clean); err != nil {
		return fmt.Errorf("note state: %w", err)
	}
	return nil
}

// load reads what is kept in memory.
func (s *Store) load(ctx context.Context) error {
	c, err := loadCatalogue(ctx, s.writes)
	if err != nil {
		return err
	}
	s.blocks.Store(c)
	if s.sources, err = loadSources(ctx, s.writes); err != nil {
		return err
	}
	for table, id := range map[string]*int64{"blocks": &s.nextID.block} {
		err := s.writes.QueryRowContext(ctx, "SELECT seq FROM sqlite_sequence WHERE name = ?", table).Scan(id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read last id of %s: %w", table, err)
		}
		*id++
	}
	if err := s.writes.QueryRowContext(ctx, "SELECT coalesce(max(value), 0) + 1 FROM state WHERE key = 'event'").Scan(&s.nextID.event); err != nil {
		return fmt.Errorf("read last id of events: %w", err)
	}
	return nil
}

// Close stops the use of the store. Writers must not be used afterwards; what they
// have not committed is gone. A search that runs is ended.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.end()
	s.using.Lock()
	defer s.using.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.shut()
}

// enter begins a use of the store, which Close waits for; the context ends when
// the store is closed.
func (s *Store) enter(ctx context.Context) (context.Context, func(), error) {
	s.using.RLock()
	if s.closed.Load() {
		s.using.RUnlock()
		return nil, nil, fmt.Errorf("the store is closed: %w", culprit.ErrUnavailable)
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.using.RUnlock()
	}, nil
}

func (s *Store) shut() error {
	var errs []error
	s.end()
	if s.index != nil {
		errs = append(errs, s.index.close())
	}
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	if s.writes != nil {
		if s.sources != nil { // it was opened completely
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			errs = append(errs, s.setClean(ctx, 1))
			if _, err := s.writes.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				errs = append(errs, fmt.Errorf("write back the log: %w", err))
			}
		}
		errs = append(errs, s.writes.Close())
	}
	return errors.Join(append(errs, unlockFolder(s.lock))...)
}

// classify wraps an error of SQLite with the sentinel that says what it means.
func (s *Store) classify(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("%w: %w", culprit.ErrDiskFull, err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return fmt.Errorf("database %s: %w: %w", s.path("culprit.db"), culprit.ErrCorrupt, err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("database %s: %w: %w", s.path("culprit.db"), culprit.ErrLocked, err)
	}
	return err
}

// resolve is the default of Options.Resolve.
func resolve(r *culprit.Record) (service, upstream string) {
	service = r.Unit
	const suffix = ".service"
	if len(service) > len(suffix) && service[len(service)-len(suffix):] == suffix {
		service = service[:len(service)-len(suffix)]
	}
	if v, ok := r.Attrs.Lookup("upstream"); ok && v.Type() == culprit.TypeString {
		upstream = culprit.PassAddress(v.String())
	}
	return service, upstream
}
