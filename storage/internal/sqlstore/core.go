// Package sqlstore is what the stores of Carillon on SQL databases share: the statements, the rows, and the order in which a
// transaction does its work. A dialect brings the connections, the group commit, the codes of errors and the spelling.
//
// The text of each statement stands above the method that runs it. Statements are written for SQLite with marks that a
// dialect rewrites: ? (or ?1 where one value is used twice) for a parameter, IN LIST(?) for a JSON array of texts, IN NUMBERS(?)
// for one of numbers, GREATEST for the greater of two values, and IN ONCE(...)ONCE for a list that is read once before the rows are looked up by
// it, with SKIP LOCKED at its end one that leaves out rows which somebody else has locked.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/carillon-go/carillon/jobs"
)

// Database is a dialect: what the core needs of a database and cannot say in common SQL.
type Database interface {
	// Ready is nil, or a *jobs.UnavailableError if the database was closed or has failed for good.
	Ready() error
	// Write runs do in a write transaction and returns after its commit. Writes see each other's results one after another. If do
	// fails, nothing of it is kept. Do may run again from the start (serialization failures), so it assigns its results afresh.
	// A context that ends before do begins is its error; the transaction itself cannot be cancelled.
	Write(ctx context.Context, do func(*Tx) error) error
	// Reader is the pool of connections for reads.
	Reader() *sqlx.DB
	// ReadOptions are those of a transaction that sees one state; nil are those of the driver.
	ReadOptions() *sql.TxOptions
	// Prepares tells whether constant reads are prepared here, once for each connection. False: the driver does so by itself, or must not.
	Prepares() bool
	// Rewrite turns the text of a statement into the database's own spelling.
	Rewrite(query string) string
	// Remote tells whether each statement goes to a server: then several rows go in one.
	Remote() bool
	// Translate turns an error of the database into one of package jobs where there is one (*jobs.UnavailableError), else gives it
	// back.
	Translate(err error) error
	// Unique reports whether a statement broke a unique index.
	Unique(err error) bool
	// RefuseClaims says why no run may be claimed now (R29); empty if runs may be.
	RefuseClaims() string
}

// Core implements jobs.Store on a Database, except for Close.
type Core struct {
	db   Database
	defs *definitions
	hub  *Hub
	// limited is set when a claim left a due run because of a limit: the next end is news for all workers.
	limited atomic.Bool
	// lastTenant is the tenant that was served last: the next claim begins behind it (R11).
	turn       sync.Mutex // guards the field below
	lastTenant jobs.TenantID

	sets driverSets

	// readers has a place for each read transaction. The pool has one connection more, on which statements are prepared: a read that
	// holds a connection and needs another one must not wait for reads that do the same.
	readers chan struct{}
	stmts   sync.Mutex // guards the field below
	reads   map[string]*sqlx.Stmt
}

// New makes the core of a store on which up to readers reads go on at once; the pool of db has one connection more.
func New(db Database, hub *Hub, readers int) *Core {
	return &Core{
		db: db, defs: newDefinitions(4096), hub: hub, readers: make(chan struct{}, readers), reads: map[string]*sqlx.Stmt{},
	}
}

// Tx is one write transaction. It is used by one goroutine.
type Tx struct {
	ctx     context.Context
	prepare func(query string) (Statement, error)
	touch   func() error
	news    news
	queued  map[jobs.TenantID]int
	ended   map[endedOf]int
	last    map[jobs.ID]*lastEnd
	changes []storedChange
	// onCommit is run after the commit, in order.
	onCommit []func()
	// tookLimited: Core.limited was taken back by this transaction, and stands again if that is not committed.
	tookLimited bool
	// nothingDone: the write found that its work was done before, so the audit rows of its context are not stored.
	nothingDone bool
}

// NewTx makes the transaction that a dialect hands to a write. Prepare gives the statement of a text on the writing connection;
// touch is called before each statement that may write.
func NewTx(ctx context.Context, prepare func(query string) (Statement, error), touch func() error) *Tx {
	return &Tx{ctx: ctx, prepare: prepare, touch: touch}
}

// exec runs a statement that writes, and gives the number of rows that it touched.
func (t *Tx) exec(query string, args ...any) (int, error) {
	if err := t.touch(); err != nil {
		return 0, err
	}
	stmt, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// returning runs a statement that writes and calls scan for each row that it returns.
func (t *Tx) returning(query string, scan func(scanner) error, args ...any) error {
	if err := t.touch(); err != nil {
		return err
	}
	return t.each(query, scan, args...)
}

// each runs a query and calls scan for each row.
func (t *Tx) each(query string, scan func(scanner) error, args ...any) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryxContext(t.ctx, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

func drain(rows *sqlx.Rows, scan func(scanner) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// get reads one row into dest, a pointer to a struct with db tags or to a single value; false if there is none.
func (t *Tx) get(dest any, query string, args ...any) (bool, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return false, err
	}
	return found(stmt.GetContext(t.ctx, dest, args...))
}

// all reads all rows into dest, a pointer to a slice.
func (t *Tx) all(dest any, query string, args ...any) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	return stmt.SelectContext(t.ctx, dest, args...)
}

func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// write runs do in a write transaction, and tells the hub after its commit.
func (c *Core) write(ctx context.Context, operation string, do func(*Tx) error) error {
	var done *Tx
	void := func() {
		if done != nil && done.tookLimited {
			c.limited.Store(true)
		}
	}
	err := c.db.Write(ctx, func(t *Tx) error {
		void() // it runs again, so what it did before was undone
		done = t
		if err := do(t); err != nil {
			return err
		}
		if err := t.flushQueued(); err != nil {
			return err
		}
		if err := t.flushEnded(); err != nil {
			return err
		}
		if err := t.flushLast(); err != nil {
			return err
		}
		if err := t.flushChanges(); err != nil {
			return err
		}
		return t.auditContext(ctx)
	})
	if err != nil {
		void()
		c.defs.clear() // a definition may have been read that was never committed
		return c.fail(operation, err)
	}
	for _, do := range done.onCommit {
		do()
	}
	c.hub.publish(done.news)
	return nil
}

// View is a read transaction: all its reads see one state.
type View struct {
	ctx  context.Context
	core *Core
	tx   *sqlx.Tx
}

// read runs do on one state of the database.
func (c *Core) read(ctx context.Context, operation string, do func(*View) error) error {
	if err := c.db.Ready(); err != nil {
		return err
	}
	select {
	case c.readers <- struct{}{}:
		defer func() { <-c.readers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	tx, err := c.db.Reader().BeginTxx(ctx, c.db.ReadOptions())
	if err != nil {
		return c.fail(operation, err)
	}
	err = do(&View{ctx: ctx, core: c, tx: tx})
	// Nothing was written, so there is nothing that a failed rollback could lose; a broken connection shows with its next use.
	_ = tx.Rollback()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return c.fail(operation, err)
	}
	return nil
}

// get is Tx.get of a reader, for constant statements.
func (v *View) get(dest any, query string, args ...any) (bool, error) {
	stmt, err := v.prepare(query)
	if err != nil {
		return false, err
	}
	return found(stmt.GetContext(v.ctx, dest, args...))
}

// all is Tx.all of a reader, for constant statements.
func (v *View) all(dest any, query string, args ...any) error {
	stmt, err := v.prepare(query)
	if err != nil {
		return err
	}
	return stmt.SelectContext(v.ctx, dest, args...)
}

func (v *View) prepare(query string) (Statement, error) {
	if !v.core.db.Prepares() {
		return Direct(v.tx, v.core.db.Rewrite(query)), nil
	}
	stmt, err := v.core.readStmt(v.ctx, query)
	if err != nil {
		return nil, err
	}
	return v.tx.StmtxContext(v.ctx, stmt), nil
}

// build reads all rows of a statement whose text was put together for this call.
func (v *View) build(dest any, q *query) error {
	return v.tx.SelectContext(v.ctx, dest, v.core.db.Rewrite(q.text()), q.args...)
}

// readStmt prepares a constant statement once for all reading connections.
func (c *Core) readStmt(ctx context.Context, query string) (*sqlx.Stmt, error) {
	c.stmts.Lock()
	defer c.stmts.Unlock()
	if stmt, ok := c.reads[query]; ok {
		return stmt, nil
	}
	stmt, err := c.db.Reader().PreparexContext(ctx, c.db.Rewrite(query))
	if err != nil {
		return nil, err
	}
	c.reads[query] = stmt
	return stmt, nil
}

// CloseReads waits for the reads that go on, and closes their statements and their pool. Reads that come later fail. It is for the
// Close of a dialect, after Database.Ready has become an error.
func CloseReads(c *Core) error {
	for range cap(c.readers) {
		c.readers <- struct{}{}
		defer func() { <-c.readers }()
	}
	c.stmts.Lock()
	defer c.stmts.Unlock()
	var errs []error
	for _, stmt := range c.reads {
		errs = append(errs, stmt.Close())
	}
	clear(c.reads)
	return errors.Join(append(errs, c.db.Reader().Close())...)
}

// fail gives an error its form for callers: errors of package jobs and of contexts as they are, others translated or wrapped with
// the operation.
func (c *Core) fail(operation string, err error) error {
	for _, plain := range []error{
		jobs.ErrNotFound, jobs.ErrConflict, jobs.ErrPrecondition, jobs.ErrUnavailable, jobs.ErrFenced,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, plain) {
			return err
		}
	}
	if translated := c.db.Translate(err); errors.Is(translated, jobs.ErrUnavailable) {
		return translated
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// toMillis is a time as it is stored: milliseconds in UTC, 0 for none.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis is its inverse.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// orNull stores 0 as NULL, for columns with a partial index.
func orNull(ms int64) any {
	if ms == 0 {
		return nil
	}
	return ms
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
