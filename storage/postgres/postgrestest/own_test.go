//go:build unix

package postgrestest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// number runs a query that gives one number.
func number(t *testing.T, s *postgrestest.Server, query string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestServer_of_one_test crashes, comes back with what was committed, and has a replica that lags when it is cut off.
func TestServer_of_one_test(t *testing.T) {
	t.Parallel()
	s := postgrestest.Own(t, "max_connections=20")
	if n := number(t, s, "SELECT CAST(current_setting('max_connections') AS INTEGER)"); n != 20 {
		t.Errorf("max_connections is %d", n)
	}
	s.Execute("CREATE TABLE kept AS SELECT 1 AS n")
	s.Crash()
	if _, err := os.Stat(s.Socket()); err == nil {
		t.Error("the server listens after its crash")
	}
	s.Restart()
	r := s.Replica()
	r.CutOff()
	s.Execute("INSERT INTO kept VALUES (2)")
	s.Crash()
	r.Promote()
	r.Execute("INSERT INTO kept VALUES (3)")
	if n := number(t, r, "SELECT CAST(sum(n) AS INTEGER) FROM kept"); n != 4 {
		t.Errorf("the promoted replica has %d, want what was committed before it was cut off, and since", n)
	}
}
