package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/jmoiron/sqlx"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

// Options of Open. The zero value is good for production.
type Options struct {
	// Logger is told of what a person must know; nil is slog.Default().
	Logger *slog.Logger

	// ReadConns is how many reads can go on at once; zero is 8. A node has two connections more: one that writes, and one that listens.
	ReadConns int

	// ListenDSN is where to listen for what other nodes have committed, if that is not the way of the statements: a pooler that hands out
	// connections by transaction cannot pass notifications on. Empty is the same way.
	ListenDSN string
}

// DefaultReadConns is how many reads can go on at once.
const DefaultReadConns = 8

type core = sqlstore.Core

// Store is a jobs.Store in a database of PostgreSQL. There may be any number of them on one database, in any number of processes.
type Store struct {
	*core
	db       *database
	listener *listener
}

var _ jobs.Store = (*Store)(nil)

// Open connects to the database that a connection string names (postgres://user@host/name, or host=… dbname=…), and brings the schema
// carillon to the newest version, making it if there is none. Errors say what to do: the string is wrong; the server cannot be reached, does not
// let the user in, is older than MinServer, is read-only or keeps texts in another encoding than UTF8; the rights do not suffice; the schema is of a
// newer version; or Options are wrong. No error and no log line has the password.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	store, err := open(ctx, dsn, o)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL store: %w", err)
	}
	return store, nil
}

func open(ctx context.Context, dsn string, o Options) (*Store, error) {
	if dsn == "" {
		return nil, jobs.Invalid("dsn", "is empty; it names the database, such as postgres://user@host/name")
	}
	if o.ReadConns < 0 {
		return nil, jobs.Invalid("ReadConns", "is %d; at least 1, or 0 for %d", o.ReadConns, DefaultReadConns)
	}
	if o.ReadConns == 0 {
		o.ReadConns = DefaultReadConns
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	config, err := parse(dsn)
	if err != nil {
		return nil, jobs.Invalid("dsn", "cannot be read: %v", err)
	}
	listening := config
	if o.ListenDSN != "" {
		if listening, err = parse(o.ListenDSN); err != nil {
			return nil, jobs.Invalid("ListenDSN", "cannot be read: %v", err)
		}
	}
	if err := prepare(ctx, config, o.Logger); err != nil {
		return nil, err
	}
	node := jobs.NewUUID()
	texts := &constants{texts: map[string]string{}}
	db := &database{reading: connect(config, o.ReadConns), writing: connect(config, 1), texts: texts}
	db.writer = newWriter(db.writing, texts, newNotifier(node), o.Logger)
	go db.writer.loop()
	s := &Store{core: sqlstore.New(db, sqlstore.NewHub(nil), o.ReadConns), db: db}
	s.listener = newListener(listening, node, s.core, o.Logger)
	go s.listener.loop()
	return s, nil
}

// Close ends the store after the writes that were accepted and the reads that go on. Workers that are registered through it count as alive until
// their counters have stood still for the time-out.
func (s *Store) Close() error {
	if s.db.closed.Swap(true) {
		return nil
	}
	s.listener.close()
	s.db.writer.close()
	return errors.Join(sqlstore.CloseReads(s.core), s.db.writing.Close())
}

// database is the dialect of sqlstore for PostgreSQL.
type database struct {
	reading, writing *sqlx.DB
	texts            *constants
	writer           *writer
	closed           atomic.Bool
}

// Ready is sqlstore.Database.
func (d *database) Ready() error {
	if d.closed.Load() {
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

// RefuseClaims is sqlstore.Database: the room on the server's disk cannot be asked for. When it is full, writes fail and nothing is lost.
func (d *database) RefuseClaims() string { return "" }
