package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
	"github.com/carillon-go/carillon/storage/storagetest"
)

// startPooler starts pgbouncer, which hands out connections by transaction, before the server of a connection string, and gives the
// string that leads through it.
func startPooler(t *testing.T, dsn string) string {
	t.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("pgbouncer is not installed")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "pool") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s
[pgbouncer]
unix_socket_dir = %s
listen_port = 6432
auth_type = trust
auth_file = %s/users
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
`, u.Query().Get("host"), folder, folder)
	for name, content := range map[string]string{config: text, filepath.Join(folder, "users"): "\"test\" \"\"\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	who, err := postgrestest.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if who != nil {
		if err := os.Chown(folder, int(who.Uid), int(who.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	var output bytes.Buffer
	cmd := exec.Command(path, config)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = &output, &output, folder, &syscall.SysProcAttr{Credential: who}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	through := "postgres://test@/" + databaseName(dsn) + "?port=6432&host=" + url.QueryEscape(folder)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, through+"&default_query_exec_mode=exec")
		if err == nil {
			if err := conn.Close(ctx); err != nil {
				t.Fatal(err)
			}
			return through
		}
		if ctx.Err() != nil {
			t.Fatalf("pgbouncer does not answer: %v: %s", err, output.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pooled is a store behind a pooler, of which another can be opened.
type pooled struct {
	*postgres.Store
	through string
}

// Beside is storagetest.Companion.
func (p pooled) Beside(t testing.TB) jobs.Store {
	t.Helper()
	return pooled{openAt(t, p.through), p.through}
}

// TestPooler runs rules behind a pooler by transaction: there is no state of a session, and what others do is noticed though no notification
// gets through.
func TestPooler(t *testing.T) {
	first := startPooler(t, postgrestest.Database(t))
	storagetest.RunSome(t, []string{"claim", "exchange", "start", "job", "wait"}, func(t testing.TB) jobs.Store {
		dsn := postgrestest.Database(t)
		through := strings.Replace(first, "/"+databaseName(first)+"?", "/"+databaseName(dsn)+"?", 1) + "&default_query_exec_mode=exec"
		return pooled{openAt(t, through), through}
	})
}

// TestPooler_prepared: without the option that such a pooler needs, the error says which.
func TestPooler_prepared(t *testing.T) {
	through := startPooler(t, postgrestest.Database(t))
	store, err := postgres.Open(context.Background(), through, postgres.Options{Logger: slog.New(slog.DiscardHandler)})
	for i := 0; err == nil && i < 50; i++ {
		// Each session of the server has statements of its own, and each transaction may get another one.
		_, err = store.Jobs(context.Background(), jobs.JobQuery{Tenant: "acme"})
		if err == nil {
			_, err = store.Beats(context.Background())
		}
		if err == nil {
			err = store.SetLimits(context.Background(), "acme", limits(i+1), true)
		}
	}
	if store != nil {
		if fault := store.Close(); fault != nil {
			t.Error(fault)
		}
	}
	if err == nil {
		t.Skip("this pooler knows prepared statements")
	}
	if !has(err, "default_query_exec_mode=exec") {
		t.Errorf("the error %q does not say what to do", err)
	}
}
