package postgres_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/internal/sqlstore"
	"github.com/carillon-go/carillon/storage/postgres"
)

// TestNotifier: news go at once after a pause, and together at the end of one.
func TestNotifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := postgres.NewNotifier("node-a")
		defer n.Stop()
		told := func(topics jobs.Topic, held bool) string {
			return "SELECT pg_notify('carillon', '" + postgres.Payload("node-a", sqlstore.News{Topics: topics, Held: held}) + "')"
		}
		same := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		same("no news", n.Now(sqlstore.News{}), "")
		same("the first news", n.Now(sqlstore.News{Topics: jobs.TopicPlan}), told(jobs.TopicPlan, false))
		same("news within the pause", n.Now(sqlstore.News{Topics: jobs.TopicQueue}), "")
		same("more of them", n.Now(sqlstore.News{Topics: jobs.TopicRun, Held: true}), "")
		began := time.Now()
		<-n.Due()
		if waited := time.Since(began); waited != postgres.NotifyEvery {
			t.Errorf("the end of the pause came after %s, want %s", waited, postgres.NotifyEvery)
		}
		same("the end of the pause", n.Late(), told(jobs.TopicQueue|jobs.TopicRun, true))
		same("nothing is told twice", n.Late(), "")
		n.Again()
		<-n.Due()
		same("news whose commit failed", n.Late(), told(jobs.TopicQueue|jobs.TopicRun, true))
		time.Sleep(postgres.NotifyEvery)
		same("news after a pause", n.Now(sqlstore.News{Topics: jobs.TopicNews}), told(jobs.TopicNews, false))
	})
}

func TestPayload(t *testing.T) {
	for _, news := range []sqlstore.News{{Topics: jobs.TopicPlan}, {Topics: jobs.TopicRun | jobs.TopicNews, Held: true}, {Held: true}} {
		node, got, ok := postgres.ParsePayload(postgres.Payload("a-b", news))
		if d := cmp.Diff(news, got); !ok || node != "a-b" || d != "" {
			t.Errorf("read again: %s, %t:\n%s", node, ok, d)
		}
	}
	for _, text := range []string{"", "a", "a b", "a hello", "a -1", "a 99999999999"} {
		if _, news, ok := postgres.ParsePayload(text); ok {
			t.Errorf("%q was read as %+v", text, news)
		}
	}
}
