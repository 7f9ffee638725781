package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

const (
	// maxGroup is how many writes one commit carries at most.
	maxGroup = 256
	// maxTries is how often a transaction is repeated that lost against another one (R9).
	maxTries = 5
	// groupTimeout is after how long a transaction is given up whose connection says nothing: later than the limits of the server, which tell more.
	groupTimeout = 45 * time.Second
)

// writeLock is the number of the advisory lock that each write takes for its transaction ("CARL", 1): writes of all nodes follow one another, and
// what a statement has read is still so when the next one writes. It goes with the transaction, so a pooler may hand on the connection.
const writeLock = "1128354380, 1"

// begin starts a write, in one message. The limits are those of R26, except that a process that stands still in the middle of a write, and with it
// all others, is thrown out sooner. Each statement from here on sees what was committed before it began, and the lock is given back after a
// commit can be seen.
const begin = `BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '5s';
SET LOCAL idle_in_transaction_session_timeout = '3s';
SELECT pg_advisory_xact_lock(` + writeLock + `)`

// writer is the one goroutine of a process that writes. Everything that waits for it is committed together.
type writer struct {
	db     *sqlx.DB
	line   *sqlstore.Line
	ended  chan struct{}
	texts  *constants
	notify *notifier
	log    *slog.Logger

	commits    atomic.Int64
	statements atomic.Int64
}

func newWriter(db *sqlx.DB, texts *constants, notify *notifier, log *slog.Logger) *writer {
	return &writer{
		db: db, line: sqlstore.NewLine(2 * maxGroup), ended: make(chan struct{}), texts: texts, notify: notify, log: log,
	}
}

// close lets the accepted writes finish.
func (w *writer) close() {
	w.line.Close()
	<-w.ended
}

// loop takes what waits, and sends the news that were held back when their time has come.
func (w *writer) loop() {
	defer close(w.ended)
	defer w.notify.stop()
	for {
		select {
		case r, ok := <-w.line.Queue():
			if !ok {
				w.tell()
				return
			}
			w.group(r)
		case <-w.notify.due():
			w.tell()
		}
	}
}

// tell sends the news that wait, in a transaction of their own.
func (w *writer) tell() {
	text := w.notify.late()
	if text == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	if _, err := w.db.ExecContext(ctx, text); err != nil {
		// Others look for themselves with their next heartbeat; a connection that is broken is told of by the next write.
		w.log.Debug("other nodes could not be woken", slog.Any("err", err))
	}
}

// group commits all writes that wait together. If one of them fails after it has written, nothing is kept of any, and each is done alone: that is
// rare, and savepoints would cost every write two statements.
func (w *writer) group(first *sqlstore.Request) {
	var batch []*sqlstore.Request
	for r := first; r != nil; r = w.line.Next(maxGroup - len(batch)) {
		if r.Begin() {
			batch = append(batch, r)
		}
	}
	if len(batch) == 0 {
		return
	}
	errs, err := w.repeat(batch)
	if errors.Is(err, errSpoiled) && len(batch) > 1 {
		for _, r := range batch {
			alone := []*sqlstore.Request{r}
			errs, err := w.repeat(alone)
			answer(alone, errs, err)
		}
		return
	}
	answer(batch, errs, err)
}

// answer tells the callers what has become of their writes.
func answer(batch []*sqlstore.Request, errs []error, err error) {
	for i, r := range batch {
		if err == nil || errors.Is(err, errSpoiled) { // spoiled by itself, for it was alone
			r.Answer(errs[i])
		} else {
			r.Answer(err)
		}
	}
}

// repeat does a transaction until it is decided.
func (w *writer) repeat(batch []*sqlstore.Request) (errs []error, err error) {
	for try := 1; ; try++ {
		errs, err = w.once(batch)
		fault := err
		if errors.Is(err, errSpoiled) {
			fault = errs[len(errs)-1]
		}
		if fault == nil || !repeatable(fault) || try == maxTries {
			return errs, err
		}
		time.Sleep(time.Duration(try) * time.Duration(rand.Int64N(int64(10*time.Millisecond)))) //nolint:gosec // jitter
	}
}

// errSpoiled: a write failed after it may have written, and the transaction was undone; its error is the last one of the list.
var errSpoiled = errors.New("the transaction was undone")

// once does the writes in one transaction. Errs are those of the single writes, which change nothing; err is that of the transaction.
func (w *writer) once(batch []*sqlstore.Request) (errs []error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	conn, err := w.db.Connx(ctx)
	if err != nil {
		return nil, timedOut(ctx, err)
	}
	defer func() {
		// A connection in the middle of a transaction is not used again: the pool looks before it hands it out.
		_ = conn.Close()
	}()
	t := &turn{w: w, ctx: ctx, conn: conn}
	if err := t.run(begin); err != nil {
		return nil, t.undo(err)
	}
	for _, r := range batch {
		fault, spoiled := t.one(r)
		errs = append(errs, fault)
		if spoiled {
			return errs, t.undo(errSpoiled)
		}
	}
	return errs, t.commit()
}

// timedOut tells the end of our own patience from that of a caller.
func timedOut(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &jobs.UnavailableError{Reason: "the database does not answer", Cause: fmt.Errorf("%v", err)} //nolint:errorlint // the context is ours
	}
	return err
}

// turn is one transaction of the writer.
type turn struct {
	w    *writer
	ctx  context.Context
	conn *sqlx.Conn
	// failed is the first error of a statement: nothing can be committed after it.
	failed error
	news   sqlstore.News
}

func (t *turn) run(text string) error {
	t.w.statements.Add(1)
	_, err := t.conn.ExecContext(t.ctx, text)
	return err
}

// undo ends the transaction without a commit, and gives the error back. If it cannot be ended the connection is broken, and the server ends it.
func (t *turn) undo(err error) error {
	if fault := t.run("ROLLBACK"); fault != nil && t.failed == nil {
		t.failed = fault
	}
	return timedOut(t.ctx, err)
}

// one runs a write. Spoiled: it failed and may have written, so the transaction is void.
func (t *turn) one(r *sqlstore.Request) (fault error, spoiled bool) {
	touched := false
	tx := sqlstore.NewTx(r.Context(), t.prepare, func() error {
		touched = true
		return nil
	})
	fault = r.Run(tx)
	if t.failed != nil {
		if fault == nil {
			fault = fmt.Errorf("a statement failed and the write went on: %w", t.failed)
		}
		return timedOut(t.ctx, fault), true
	}
	if fault == nil {
		t.news.Add(tx.News())
	}
	return fault, fault != nil && (touched || code(fault) != "" || lost(fault))
}

// commit sends the news with the commit, in one message, so that nobody is woken before there is something to see. The server does what comes in one
// message one after another.
func (t *turn) commit() error {
	text := "COMMIT"
	if notify := t.w.notify.now(t.news); notify != "" {
		text = notify + "; COMMIT"
	}
	err := t.run(text)
	if err == nil {
		t.w.commits.Add(1)
		return nil
	}
	t.w.notify.again()
	if code(err) != "" && !uncertain(err) {
		return t.undo(err) // the server has said no
	}
	return &jobs.UnavailableError{
		Reason: "the connection was lost during a commit: whether the write was done is not known", Cause: fmt.Errorf("%v", err), //nolint:errorlint // a context of ours
	}
}

// uncertain tells an end of the connection, which may come after a commit that was done (R4), from an answer to the commit.
func uncertain(err error) bool {
	c := code(err)
	return len(c) == 5 && (c[:2] == "08" || c[:3] == "57P" || c[:2] == "58" || c[:2] == "XX")
}

// prepare gives a statement of the core in this transaction.
func (t *turn) prepare(query string) (sqlstore.Statement, error) {
	t.w.statements.Add(1)
	return statement{t, sqlstore.Direct(t.conn, t.w.texts.rewrite(query))}, nil
}

// statement notes whether it has failed. Contexts of callers do not end it: that would end the transaction, and others are in it.
type statement struct {
	t *turn
	sqlstore.Statement
}

func (s statement) note(err error) error {
	if err != nil && !errors.Is(err, sql.ErrNoRows) && s.t.failed == nil {
		s.t.failed = err
	}
	return err
}

// ExecContext is sqlstore.Statement.
func (s statement) ExecContext(_ context.Context, args ...any) (sql.Result, error) {
	result, err := s.Statement.ExecContext(s.t.ctx, args...)
	return result, s.note(err)
}

// QueryxContext is sqlstore.Statement.
func (s statement) QueryxContext(_ context.Context, args ...any) (*sqlx.Rows, error) {
	rows, err := s.Statement.QueryxContext(s.t.ctx, args...)
	return rows, s.note(err)
}

// GetContext is sqlstore.Statement.
func (s statement) GetContext(_ context.Context, dest any, args ...any) error {
	return s.note(s.Statement.GetContext(s.t.ctx, dest, args...))
}

// SelectContext is sqlstore.Statement.
func (s statement) SelectContext(_ context.Context, dest any, args ...any) error {
	return s.note(s.Statement.SelectContext(s.t.ctx, dest, args...))
}
