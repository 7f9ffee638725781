//go:build unix

package postgrestest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Server is a server that belongs to one test, which may crash it, start it again, and have a replica of it.
type Server struct {
	t testing.TB
	*server
}

// Own starts a server for one test. Settings are lines of its configuration, such as "max_connections=50". Like the common one it is skipped or
// fails where PostgreSQL is not installed.
func Own(t testing.TB, settings ...string) *Server {
	t.Helper()
	need(t) // it knows what to do where there is none
	s, err := start(settings...)
	return owned(t, s, err)
}

func owned(t testing.TB, s *server, err error) *Server {
	t.Helper()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return &Server{t, s}
}

// DSN names a database of the server; "postgres" is always there.
func (s *Server) DSN(database string) string { return s.dsn(database) }

// Socket is the path of the socket on which the server listens.
func (s *Server) Socket() string { return filepath.Join(s.folder, ".s.PGSQL.5432") }

// Execute runs a statement as an administrator.
func (s *Server) Execute(statement string) {
	s.t.Helper()
	if err := execute(s.dsn("postgres"), statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

// Crash ends the server as "pg_ctl stop -m immediate" does.
func (s *Server) Crash() {
	s.t.Helper()
	if err := s.crash(); err != nil {
		s.t.Fatalf("end PostgreSQL: %v", err)
	}
}

// Restart starts a server that has crashed and waits until it has recovered.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.begin(); err != nil {
		s.t.Fatalf("start PostgreSQL again: %v", err)
	}
	if err := s.ready(); err != nil {
		s.t.Fatalf("start PostgreSQL again: %v", err)
	}
}

// Replica starts a server that follows this one; its commits do not wait for it.
func (s *Server) Replica() *Server {
	s.t.Helper()
	r, err := prepare(nil)
	if err != nil {
		s.t.Fatalf("make a replica: %v", err)
	}
	if err := r.tool("pg_basebackup", "-D", r.data(), "-h", s.folder, "-U", "test", "-R", "--no-sync", "-c", "fast"); err != nil {
		s.t.Fatalf("make a replica: %v", errors.Join(err, os.RemoveAll(r.folder)))
	}
	r, err = r.serve()
	return owned(s.t, r, err)
}

// CutOff ends the stream from the primary: what it commits from now on the replica does not get.
func (s *Server) CutOff() {
	s.t.Helper()
	s.Execute("ALTER SYSTEM SET primary_conninfo = ''")
	s.Execute("SELECT pg_reload_conf()")
	s.Execute(`
	DO $$
	BEGIN
		WHILE EXISTS (SELECT 1 FROM pg_stat_get_wal_receiver() WHERE pid IS NOT NULL) LOOP
			PERFORM pg_sleep(0.01);
			PERFORM pg_stat_clear_snapshot();
		END LOOP;
	END;
	$$`)
}

// Promote makes a replica a primary.
func (s *Server) Promote() {
	s.t.Helper()
	s.Execute("SELECT pg_promote(TRUE, 60)")
}
