package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

const (
	// maxGroup is how many writes one commit carries at most: enough to make a sync of the disk cheap, few enough that the first one
	// does not wait long.
	maxGroup = 256
	// idleAfter is how long after the last write the write-ahead log is folded into the file.
	idleAfter = time.Second
	// pollEvery is how often commits of other processes are looked for while somebody watches. Our own need no look.
	pollEvery = time.Second
)

// writer owns the writing connection. Everything that waits for it is committed together (group commit): while one commit is on
// its way to the disk the next group gathers, so a lone write goes at once and no timer is in its way.
type writer struct {
	conn  *sqlx.Conn
	stmts map[string]*sqlx.Stmt
	line  *sqlstore.Line
	ended chan struct{}

	// changed is called when another process has committed something.
	changed  func()
	watching atomic.Bool
	nudge    chan struct{}
	version  int64

	commits    atomic.Int64
	statements atomic.Int64
}

func newWriter(conn *sqlx.Conn) *writer {
	return &writer{
		conn: conn, stmts: map[string]*sqlx.Stmt{}, line: sqlstore.NewLine(2 * maxGroup), ended: make(chan struct{}),
		nudge: make(chan struct{}, 1), version: -1,
	}
}

// close lets the accepted writes finish, and closes the statements: a connection that has open ones does not close.
func (w *writer) close() error {
	w.line.Close()
	<-w.ended
	var errs []error
	for query, stmt := range w.stmts {
		errs = append(errs, stmt.Close())
		delete(w.stmts, query)
	}
	return errors.Join(errs...)
}

// watch tells whether somebody wants to know of other processes' commits.
func (w *writer) watch(on bool) {
	w.watching.Store(on)
	select {
	case w.nudge <- struct{}{}:
	default: // the loop has not looked since the last nudge; it will see the newest state
	}
}

// loop is the one goroutine that uses the connection.
func (w *writer) loop() {
	defer close(w.ended)
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	idle.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	poll.Stop()
	polling := false
	w.look()
	for {
		select {
		case r, ok := <-w.line.Queue():
			if !ok {
				return
			}
			w.group(r)
			idle.Reset(idleAfter)
		case <-w.nudge:
			if on := w.watching.Load(); on != polling {
				polling = on
				if on {
					// Against the version of the last look: what was committed between Watch and this moment is news too.
					if w.look() {
						w.changed()
					}
					poll.Reset(pollEvery)
				} else {
					poll.Stop()
				}
			}
		case <-poll.C:
			if w.look() {
				w.changed()
			}
		case <-idle.C:
			w.checkpoint()
		}
	}
}

// group runs the writes that wait, commits them together and answers.
func (w *writer) group(first *sqlstore.Request) {
	if err := w.run("BEGIN IMMEDIATE"); err != nil {
		w.line.Refuse(first, err)
		return
	}
	var batch []*sqlstore.Request
	var errs []error
	var fatal error
	for r := first; r != nil && fatal == nil; r = w.line.Next(maxGroup - len(batch)) {
		if !r.Begin() {
			continue
		}
		batch = append(batch, r)
		var err error
		err, fatal = w.one(r, len(batch) > 1)
		errs = append(errs, err)
	}
	if fatal == nil {
		fatal = w.run("COMMIT")
		w.commits.Add(1)
	}
	if fatal != nil {
		// The database may have rolled back by itself; then there is nothing to roll back, and that is the only error there can be.
		_ = w.run("ROLLBACK")
	}
	for i, r := range batch {
		if fatal != nil {
			errs[i] = fatal
		}
		r.Answer(errs[i])
	}
}

// one runs a write. If it fails after it has written, only its part is undone: by a savepoint that it set before its first
// write, or, for the first write of the group, by beginning again. Fatal is an error of the whole transaction.
func (w *writer) one(r *sqlstore.Request, behindOthers bool) (own, fatal error) {
	touched := false
	tx := sqlstore.NewTx(r.Context(), w.statement, func() error {
		if touched {
			return nil
		}
		touched = true
		if behindOthers {
			return w.run("SAVEPOINT one")
		}
		return nil
	})
	own = r.Run(tx)
	switch {
	case own != nil && endsTransaction(own):
		return own, own
	case !touched:
		return own, nil
	case own == nil && behindOthers:
		return nil, w.run("RELEASE one")
	case own == nil:
		return nil, nil
	}
	undo := []string{"ROLLBACK", "BEGIN IMMEDIATE"}
	if behindOthers {
		undo = []string{"ROLLBACK TO one", "RELEASE one"}
	}
	for _, statement := range undo {
		if err := w.run(statement); err != nil {
			return own, fmt.Errorf("undo a write: %w", err)
		}
	}
	return own, nil
}

// statement is prepare for the core.
func (w *writer) statement(query string) (sqlstore.Statement, error) {
	stmt, err := w.prepare(query)
	if err != nil {
		return nil, err // not stmt: a nil pointer in an interface is not nil
	}
	return stmt, nil
}

// prepare gives the prepared statement of a text; each text is prepared once.
func (w *writer) prepare(query string) (*sqlx.Stmt, error) {
	w.statements.Add(1)
	if stmt, ok := w.stmts[query]; ok {
		return stmt, nil
	}
	// The connection lives as long as the statement, and the goroutine that owns both is never cancelled.
	stmt, err := w.conn.PreparexContext(context.Background(), spelling.Replace(query))
	if err != nil {
		return nil, err
	}
	w.stmts[query] = stmt
	return stmt, nil
}

func (w *writer) run(statement string) error {
	stmt, err := w.prepare(statement)
	if err != nil {
		return err
	}
	_, err = stmt.Exec() //nolint:noctx // the goroutine that owns the connection is never cancelled
	return err
}

// look reports whether another connection has committed since the last look.
func (w *writer) look() bool {
	stmt, err := w.prepare("PRAGMA data_version")
	if err != nil {
		return true // a needless wake is harmless; a lost one is found by the next look
	}
	var version int64
	if err := stmt.Get(&version); err != nil {
		return true
	}
	changed := w.version >= 0 && version != w.version
	w.version = version
	return changed
}

// checkpoint folds the write-ahead log into the file while nobody writes. A reader that is still busy keeps it from being
// shortened; the next idle moment does it.
func (w *writer) checkpoint() {
	stmt, err := w.prepare("PRAGMA wal_checkpoint(TRUNCATE)")
	if err != nil {
		return // the next write will show what is wrong
	}
	var busy, log, done int
	// The result says how far it came; nothing depends on it.
	_ = stmt.QueryRow().Scan(&busy, &log, &done) //nolint:noctx // as in run
}
