package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

func woken(wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	default:
		return false
	}
}

// TestStore_Watch plays two processes by two stores on one file.
func TestStore_Watch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		open := func() *sqlite.Store {
			s, err := sqlite.Open(ctx, path, sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		mine, other := open(), open()
		defer func() {
			if err := mine.Close(); err != nil {
				t.Error(err)
			}
		}()
		wake, stop := mine.Watch(jobs.TopicPlan, "")
		synctest.Wait()
		if err := other.InsertJob(ctx, morning, queueJob("stock")); err != nil {
			t.Fatal(err)
		}
		if woken(wake) {
			t.Fatal("woken before the look")
		}
		time.Sleep(1100 * time.Millisecond)
		if !woken(wake) {
			t.Error("not woken by a commit of another process within a second")
		}
		// Folding the log into the file looks like a commit to others, so the other process may wake us once more before it ends.
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		woken(wake)
		if err := mine.InsertJob(ctx, morning, queueJob("sales")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if woken(wake) {
			t.Error("woken by a commit of its own that does not touch the topic")
		}
		stop()
		synctest.Wait()
		before := mine.Statements()
		time.Sleep(time.Hour)
		if got := mine.Statements() - before; got != 0 {
			t.Errorf("%d statements in an idle hour in which nobody watches, want none", got)
		}
	})
}
