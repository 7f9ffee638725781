package postgres_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/postgres"
	"github.com/carillon-go/carillon/storage/postgres/postgrestest"
)

func limits(n int) jobs.Limits {
	l := jobs.DefaultLimits()
	l.ClusterConcurrency = n
	return l
}

// clusterLimit is what is stored.
func clusterLimit(t *testing.T, s *postgres.Store) int {
	t.Helper()
	l, err := s.Limits(context.Background(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return l.ClusterConcurrency
}

// TestWrite_lostAnswer: a commit whose answer is lost is told as one of which nobody knows, is done once, and the store goes on.
func TestWrite_lostAnswer(t *testing.T) {
	ctx := context.Background()
	dsn := postgrestest.Database(t)
	p, through := newProxy(t, dsn)
	s, direct := openAt(t, through), openAt(t, dsn)
	if err := s.RegisterWorker(ctx, time.UnixMilli(1), jobs.Worker{ID: "w", Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	beat := func(n int64) error {
		_, err := s.Exchange(ctx, jobs.ExchangeRequest{Worker: "w", Beat: n, Now: time.UnixMilli(n), Has: func(jobs.DriverKind, string) bool { return true }})
		return err
	}
	if err := beat(1); err != nil {
		t.Fatal(err)
	}
	p.armed.Store(true)
	if err := beat(2); !errors.Is(err, jobs.ErrUnavailable) || !has(err, "not known") {
		t.Errorf("an exchange whose answer was lost: %v, want unavailable, and that it is not known", err)
	}
	if p.lost.Load() != 1 {
		t.Fatalf("%d answers were lost", p.lost.Load())
	}
	worker, err := direct.Worker(ctx, "w", "")
	if err != nil || worker.HeartbeatAt.UnixMilli() != 2 {
		t.Errorf("the heartbeat is of %s, %v; want the one whose answer was lost", worker.HeartbeatAt, err)
	}
	if err := beat(2); !errors.Is(err, jobs.ErrFenced) {
		t.Errorf("the same exchange again: %v, want that it was done before (R3)", err)
	}
	if err := beat(3); err != nil {
		t.Errorf("the next exchange: %v", err)
	}
}

// TestWrite_endedSession: a session that is ended in the middle of a write undoes it, and the next write has a new one.
func TestWrite_endedSession(t *testing.T) {
	ctx := context.Background()
	dsn := postgrestest.Database(t)
	s := openAt(t, dsn)
	if err := s.SetLimits(ctx, "acme", limits(1), true); err != nil {
		t.Fatal(err)
	}
	release := s.Hold()
	sqlOn(t, dsn, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"+
		" AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	if err := release(); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("a write whose session was ended: %v, want unavailable", err)
	}
	if err := s.SetLimits(ctx, "acme", limits(3), true); err != nil {
		t.Errorf("the next write: %v", err)
	}
	if got := clusterLimit(t, s); got != 3 {
		t.Errorf("the limit is %d", got)
	}
}

// TestWrite_again: a write that loses against another transaction is done again, and not for ever (R9).
func TestWrite_again(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name, code   string
		losses, want int
		err          error
	}{
		{"a deadlock", "40P01", 2, 3, nil},
		{"a serialization failure", "40001", 4, 5, nil},
		{"one that never wins", "40001", 99, 5, jobs.ErrUnavailable},
		{"another fault", "22012", 99, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := postgrestest.Blank(t)
			s := openAt(t, dsn)
			// What a sequence has given is not undone with a transaction.
			sqlOn(t, dsn, "CREATE SEQUENCE tries", `CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF nextval('tries') <= `+strconv.Itoa(c.losses)+` THEN
			RAISE EXCEPTION 'lost' USING ERRCODE = '`+c.code+`';
		END IF;
		RETURN NEW;
	END $$`, "CREATE TRIGGER lose BEFORE INSERT ON carillon.cluster FOR EACH ROW EXECUTE FUNCTION lose()")
			err := s.SetLimits(ctx, "acme", limits(7), true)
			var tries int
			if fault := session(t, dsn).QueryRow(ctx, "SELECT last_value FROM tries").Scan(&tries); fault != nil {
				t.Fatal(fault)
			}
			if tries != c.want {
				t.Errorf("%d tries, want %d", tries, c.want)
			}
			if lost := c.losses >= tries; lost != (err != nil) || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("the write: %v", err)
			}
			if got, want := clusterLimit(t, s), limits(7).ClusterConcurrency; err == nil && got != want {
				t.Errorf("the limit is %d, want %d", got, want)
			}
		})
	}
}

// TestWrite_group: writes that gather are committed together; one that fails takes nothing of the others with it.
func TestWrite_group(t *testing.T) {
	ctx := context.Background()
	s := openAt(t, postgrestest.Database(t))
	const writes = 30
	run := func(write func(i int) error) (commits int64, errs []error) {
		release, before := s.Hold(), s.Commits()
		errs = make([]error, writes)
		var all sync.WaitGroup
		for i := range writes {
			all.Go(func() { errs[i] = write(i) })
		}
		for s.Waiting() < writes {
			runtime.Gosched()
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		return s.Commits() - before, errs
	}
	commits, errs := run(func(i int) error { return s.InsertTag(ctx, tag(i, i)) })
	if err := errors.Join(errs...); err != nil || commits != 2 {
		t.Errorf("%d writes took %d commits beside the one that held them, %v", writes, commits-1, err)
	}
	_, errs = run(func(i int) error {
		return s.InsertUser(ctx, jobs.User{Tenant: "acme", ID: "user:mara", DisplayName: "Mara", Enabled: true})
	})
	failed := 0
	for _, err := range errs {
		if errors.Is(err, jobs.ErrConflict) {
			failed++
		} else if err != nil {
			t.Errorf("a user that exists: %v", err)
		}
	}
	if n, err := s.CountUsers(ctx, "acme"); failed != writes-1 || n != 1 || err != nil {
		t.Errorf("%d of %d were told of the conflict, %d users, %v", failed, writes, n, err)
	}
}

func tag(id, name int) jobs.Tag {
	text := strings.Repeat("x", name+1)
	return jobs.Tag{ID: jobs.TagID(strings.Repeat("t", id+1)), Tenant: "acme", Name: text, CreatedAt: time.UnixMilli(1), UpdatedAt: time.UnixMilli(1)}
}

// TestWrite_panic: a fault of ours is the caller's, not the writer's.
func TestWrite_panic(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	func() {
		defer func() {
			if v := recover(); v == nil || !strings.Contains(v.(string), "oh") {
				t.Errorf("recovered %v", v)
			}
		}()
		_ = s.WritePanic("oh")
	}()
	if err := s.SetLimits(context.Background(), "acme", limits(2), true); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func TestTranslate(t *testing.T) {
	s := openAt(t, postgrestest.Database(t))
	for code, word := range map[string]string{
		"08006": "connection", "57P01": "stopped", "57014": "too long", "25006": "read-only", "53100": "disk", "53200": "resources", "53300": "connections",
		"55P03": "lock", "42501": "rights", "26000": "default_query_exec_mode=exec", "42P05": "default_query_exec_mode=exec", "40001": "beside others",
		"25P03": "stood still", "58030": "system", "XX001": "failed", "28P01": "let this user in", "0A000": "schema",
	} {
		if err := s.Translate(&pgconn.PgError{Code: code}); !errors.Is(err, jobs.ErrUnavailable) || !has(err, word) {
			t.Errorf("%s becomes %v, want unavailable with %q", code, err, word)
		}
	}
	if err := s.Translate(io.ErrUnexpectedEOF); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("a lost connection becomes %v", err)
	}
	for _, code := range []string{"23505", "23503", "42P01", "22021"} {
		if err := s.Translate(&pgconn.PgError{Code: code}); errors.Is(err, jobs.ErrUnavailable) {
			t.Errorf("%s becomes %v, want it as it is: to try again would not help", code, err)
		}
	}
}
