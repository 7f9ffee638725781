package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

// SchemaVersion is the schema that a test of migrations expects.
const SchemaVersion = schemaVersion

// Commits and Statements count what the writing connection has done.
func (s *Store) Commits() int64    { return s.db.writer.commits.Load() }
func (s *Store) Statements() int64 { return s.db.writer.statements.Load() }

// Hold keeps the writer busy until release is called, so that writes gather. It returns when the writer is held.
func (s *Store) Hold() (release func()) {
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.db.Write(context.Background(), func(*sqlstore.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		if err := <-done; err != nil {
			panic(err)
		}
	}
}

// Waiting is how many writes wait for the writer.
func (s *Store) Waiting() int { return s.db.writer.line.Waiting() }

// SetBusyTimeout changes how long the writer waits for other processes.
func (s *Store) SetBusyTimeout(d time.Duration) error {
	release := s.Hold()
	defer release()
	_, err := s.db.writer.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
	return err
}

// WritePanic runs a write that panics.
func (s *Store) WritePanic(value any) error {
	return s.db.Write(context.Background(), func(*sqlstore.Tx) error { panic(value) })
}

// Translate gives an error to the dialect, as if a statement had failed with it.
func (s *Store) Translate(err error) error { return s.db.Translate(err) }
