package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

// Options of Open. The zero value is good for production.
type Options struct {
	// Logger is told of what a person must know; nil is slog.Default().
	Logger *slog.Logger

	// Synchronous is "FULL" (the default): a commit that was answered survives a power cut; or "NORMAL": the last commits before a
	// power cut may be lost, the file stays whole, and single commits are several times faster. A crash of the process loses
	// nothing with either.
	Synchronous string

	// MinFreeBytes is the free space below which no run is claimed, because a full disk cannot even record that a run has
	// ended (R29). Zero is 256 MiB, a negative value no floor.
	MinFreeBytes int64

	// ReadConns is how many reads can go on at once; zero is 4.
	ReadConns int
}

// DefaultMinFreeBytes is the floor of free space of R29.
const DefaultMinFreeBytes = 256 << 20

type core = sqlstore.Core

// Store is a jobs.Store in one SQLite file.
type Store struct {
	*core
	path    string
	db      *database
	workers *workerLocks
}

var _ jobs.Store = (*Store)(nil)

// Open opens the database at path, makes it (0600, in folders that it makes 0700) if there is none, and brings it to the newest
// schema. Errors: the folder or file cannot be written, is on a network file system, is a database of another program or of a
// newer version, or Options are wrong.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	store, err := open(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("open SQLite store %q: %w", path, err)
	}
	return store, nil
}

func open(ctx context.Context, path string, o Options) (*Store, error) {
	switch o.Synchronous {
	case "":
		o.Synchronous = "FULL"
	case "FULL", "NORMAL":
	default:
		return nil, jobs.Invalid("Synchronous", "is %q; one of FULL, NORMAL", o.Synchronous)
	}
	if o.ReadConns < 0 {
		return nil, jobs.Invalid("ReadConns", "is %d; at least 1, or 0 for 4", o.ReadConns)
	}
	if o.ReadConns == 0 {
		o.ReadConns = 4
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = DefaultMinFreeBytes
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	abs, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	writing, conn, err := openWriter(ctx, abs, o)
	if err != nil {
		return nil, err
	}
	reading, err := openReaders(ctx, abs, o)
	if err != nil {
		return nil, errors.Join(err, conn.Close(), writing.Close())
	}
	db := &database{reading: reading, writing: writing, space: newSpace(filepath.Dir(abs), o.MinFreeBytes)}
	db.writer = newWriter(conn)
	hub := sqlstore.NewHub(db.writer.watch)
	db.writer.changed = hub.WakeAll
	go db.writer.loop()
	return &Store{core: sqlstore.New(db, hub, o.ReadConns), path: abs, db: db, workers: newWorkerLocks(abs, o.Logger)}, nil
}

// prepareFile checks the folder and makes an empty file that nobody else may read. A file that exists is not opened: closing it
// would drop the locks that another Store of this process may have on it.
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", errors.New("a path is needed; a database in memory has one connection only")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(abs)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	if err := refuseNetwork(folder); err != nil {
		return "", err
	}
	f, err := os.OpenFile(abs, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return abs, nil
	}
	if err != nil {
		return "", fmt.Errorf("make file: %w", err)
	}
	return abs, f.Close()
}

// Close ends the store after the writes that were accepted and the reads that go on, and gives up its signs of life: workers that
// are still registered through it count as dead for other processes from now on. When the last handle on the file is closed, the file
// alone is the whole database.
func (s *Store) Close() error {
	if s.db.state.Swap(stateClosed) == stateClosed {
		return nil
	}
	// Statements first, readers before the writer: only the last connection to close, with nothing open, folds the write-ahead log into
	// the file and removes it. Else a copy of the file alone would lack what the log has.
	return errors.Join(s.db.writer.close(), sqlstore.CloseReads(s.core), s.db.writer.conn.Close(), s.db.writing.Close(), s.workers.closeAll())
}

// States of a database.
const (
	stateOpen int32 = iota
	// stateFailed: IOERR, CORRUPT or NOTADB was seen; the handle is not used again (R27).
	stateFailed
	stateClosed
)

// database is the dialect of sqlstore for SQLite.
type database struct {
	reading, writing *sqlx.DB
	writer           *writer
	space            *space
	state            atomic.Int32
}

// Ready is sqlstore.Database.
func (d *database) Ready() error {
	switch d.state.Load() {
	case stateFailed:
		return &jobs.UnavailableError{Reason: "the database has failed and is not used any more"}
	case stateClosed:
		return &jobs.UnavailableError{Reason: "the store is closed"}
	}
	return nil
}

// Write is sqlstore.Database.
func (d *database) Write(ctx context.Context, do func(*sqlstore.Tx) error) error {
	if err := d.Ready(); err != nil {
		return err
	}
	return d.writer.line.Submit(ctx, do)
}

// Reader is sqlstore.Database.
func (d *database) Reader() *sqlx.DB { return d.reading }

// RefuseClaims is sqlstore.Database.
func (d *database) RefuseClaims() string { return d.space.refuse() }
