package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/carillon-go/carillon/storage/internal/sqlstore"
)

// SchemaVersion is the schema that a test of migrations expects.
const SchemaVersion = schemaVersion

// Words are the names that get the schema in front.
func Words() []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(tables)), maps.Keys(functions))
	slices.Sort(all)
	return all
}

// Rewrite spells a statement of the core for PostgreSQL.
func Rewrite(query string) string { return rewrite(query) }

// Storable gives a text as it is stored.
func Storable(text string) string { return storable(text) }

// Commits and Statements count what the writing connection has done.
func (s *Store) Commits() int64    { return s.db.writer.commits.Load() }
func (s *Store) Statements() int64 { return s.db.writer.statements.Load() }

// NotifyEvery is the pause between two notifications of a node.
const NotifyEvery = notifyEvery

// Notifier is what decides when other nodes are told.
type Notifier = notifier

// NewNotifier makes one.
func NewNotifier(node string) *Notifier { return newNotifier(node) }

// Now, Due, Late, Again and Stop are what the writer calls.
func (n *notifier) Now(news sqlstore.News) string { return n.now(news) }
func (n *notifier) Due() <-chan time.Time         { return n.due() }
func (n *notifier) Late() string                  { return n.late() }
func (n *notifier) Again()                        { n.again() }
func (n *notifier) Stop()                         { n.stop() }

// Payload and ParsePayload are the text of a notification.
func Payload(node string, news sqlstore.News) string { return payload(node, news) }

func ParsePayload(text string) (node string, news sqlstore.News, ok bool) { return parsePayload(text) }

// Translate gives an error to the dialect, as if a statement had failed with it.
func (s *Store) Translate(err error) error { return s.db.Translate(err) }

// Explain says what an error at Open means.
func Explain(err error) error { return explain(err) }

// WritePanic runs a write that panics.
func (s *Store) WritePanic(value any) error {
	return s.db.Write(context.Background(), func(*sqlstore.Tx) error { panic(value) })
}

// Hold keeps the writer busy until release is called, so that writes gather. It returns when the writer is held, within a transaction.
func (s *Store) Hold() (release func() error) {
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		done <- s.db.Write(context.Background(), func(*sqlstore.Tx) error {
			if first {
				first = false
				close(held)
			}
			<-free
			return nil
		})
	}()
	<-held
	return func() error {
		close(free)
		return <-done
	}
}

// Waiting is how many writes wait for the writer.
func (s *Store) Waiting() int { return s.db.writer.line.Waiting() }
