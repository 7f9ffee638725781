package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

func newsRules() []rule {
	return []rule{
		{"an empty store has no news and the head zero", newsEmpty},
		{"a job that is made, changed, shared and removed is news", newsJob},
		{"every state of a run is news, its progress is none", newsRun},
		{"a worker that comes, is steered and goes is news", newsWorker},
		{"news are read after a number, some commits at a time", newsPages},
		{"a number that is newer than all is a gap", newsGap},
		{"a commit that changes more than is told one by one says so", newsMany},
		{"what is refused is no news", newsRefused},
		{"news wake those who watch them", newsWatch},
	}
}

func head(ctx context.Context, s jobs.Store) int64 { return must(s.News(ctx, -1, 1)).Head }

// news is what happens in act, as texts.
func news(ctx context.Context, s jobs.Store, act func()) []string {
	before := head(ctx, s)
	act()
	var list []string
	for _, n := range must(s.News(ctx, before, 1000)).News {
		list = append(list, string(n.Kind)+string(n.Status))
	}
	return list
}

func newsEmpty(ctx context.Context, s jobs.Store) error {
	return same("the feed", must(s.News(ctx, 0, 10)), jobs.NewsPage{})
}

func newsJob(ctx context.Context, s jobs.Store) error {
	j := newJob("stock", minutely)
	made := news(ctx, s, func() { done(s.InsertJob(ctx, t0, j)) })
	drafted := news(ctx, s, func() { givenJob(ctx, s, "", draftOf(j)) })
	shared := news(ctx, s, func() { done(s.PutShare(ctx, at(1), tenant, j.ID, clerk, jobs.LevelRead, jobs.LevelNone)) })
	missed := news(ctx, s, func() {
		j := readJob(ctx, s, j)
		j.Enabled, j.Revision, j.NextRunAt = false, 2, at(2)
		done(s.SaveJob(ctx, at(1), j, 1))
	})
	before := head(ctx, s)
	done(s.DeleteShare(ctx, at(3), tenant, j.ID, clerk, jobs.LevelRead))
	done(s.PutShare(ctx, at(3), tenant, j.ID, "team:sales", jobs.LevelRead, jobs.LevelNone))
	done(s.DeleteJob(ctx, at(4), tenant, j.ID, 0, false))
	var lost []string
	for _, n := range must(s.News(ctx, before, 10)).News {
		if n.Tenant != tenant || n.JobID != j.ID {
			return fmt.Errorf("%s: news of job %s in %s, want %s in %s", place(), n.JobID, n.Tenant, j.ID, tenant)
		}
		slices.Sort(n.Lost)
		if len(n.Lost) > 0 {
			lost = append(lost, fmt.Sprint(n.Lost))
		}
	}
	one := []string{"job"}
	return errors.Join(same("made", made, one), same("a draft is news of its job", drafted, one), same("shared", shared, one), same("changed", missed, one),
		same("who can no longer read it", lost, []string{"[" + string(clerk) + "]", "[" + string(owner) + " team:sales]"}))
}

func newsRun(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", acting("webhook"))
	h := givenWorker(ctx, s, "node-a")
	var c jobs.Claim
	queued := news(ctx, s, func() { givenRun(ctx, s, j, t0) })
	claimed := news(ctx, s, func() { c = h.take(ctx, s, t0) })
	steps := news(ctx, s, func() { h.turn(ctx, s, t0, 0, withLog(outcome(c), "hello"), proceeds(c, t0)) })
	back := outcome(c)
	back.Requeue = &jobs.Requeue{NotBefore: at(1)}
	requeued := news(ctx, s, func() { h.turn(ctx, s, at(1), 0, back) })
	again := h.take(ctx, s, at(2))
	ended := news(ctx, s, func() { h.turn(ctx, s, at(3), 0, ends(again, jobs.RunError, at(3))) })
	removed := news(ctx, s, func() { done(s.DeleteRun(ctx, tenant, j.ID, c.Run.ID)) })
	return errors.Join(same("a start", queued, []string{"runqueued"}), same("a claim", claimed, []string{"runrunning"}),
		same("progress", steps, []string(nil)), same("given back", requeued, []string{"runqueued"}), same("an end", ended, []string{"runerror"}),
		same("a removal", removed, []string{"job"}))
}

func newsWorker(ctx context.Context, s jobs.Store) error {
	var h *hand
	one := []string{"worker"}
	return errors.Join(
		same("registered", news(ctx, s, func() { h = givenWorker(ctx, s, "node-a") }), one),
		same("a beat", news(ctx, s, func() { h.turn(ctx, s, t0, 0) }), []string(nil)),
		same("steered", news(ctx, s, func() { done(s.SteerWorker(ctx, h.id, jobs.WorkerDraining, 0)) }), one),
		same("stopped", news(ctx, s, func() { done(s.StopWorker(ctx, t0, h.id)) }), one),
		same("removed", news(ctx, s, func() { done(s.DeleteWorker(ctx, h.id)) }), one),
	)
}

func newsPages(ctx context.Context, s jobs.Store) error {
	var want []jobs.ID
	for i := range 5 {
		want = append(want, givenJob(ctx, s, fmt.Sprintf("job-%d", i)).ID)
	}
	var got []jobs.ID
	after := int64(0)
	for range 9 {
		page := must(s.News(ctx, after, 2))
		for _, n := range page.News {
			if n.Seq < after || n.Seq > page.Head {
				return fmt.Errorf("%s: number %d after %d with the head %d", place(), n.Seq, after, page.Head)
			}
			got, after = append(got, n.JobID), n.Seq
		}
	}
	return errors.Join(same("the jobs", got, want), same("the last number", after, head(ctx, s)))
}

func newsGap(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock")
	page := must(s.News(ctx, head(ctx, s)+1, 10))
	return holds(page.Gap && len(page.News) == 0, "after a number that is not there yet: %+v", page)
}

func newsMany(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(1000))
	few := news(ctx, s, func() { givenRuns(ctx, s, j, t0, jobs.MaxNews) })
	many := news(ctx, s, func() { givenRuns(ctx, s, j, t0, jobs.MaxNews+1) })
	return errors.Join(same("as many as are told", len(few), jobs.MaxNews), same("more", many, []string{"many"}))
}

func newsRefused(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	none := news(ctx, s, func() {
		_, err := s.StartRuns(ctx, t0, jobs.Start{Tenant: foreign, JobID: j.ID, Trigger: jobs.TriggerManual, Params: ask(j).Params})
		done(refused("StartRuns", err, jobs.ErrNotFound))
		done(refused("InsertJob", s.InsertJob(ctx, t0, newJob("stock")), jobs.ErrConflict))
	})
	return same("news", none, []string(nil))
}

func newsWatch(ctx context.Context, s jobs.Store) error {
	j := newJob("stock")
	return errors.Join(
		wakes(ctx, s, jobs.TopicNews, "", "a new job", func() { done(s.InsertJob(ctx, t0, j)) }),
		wakes(ctx, s, jobs.TopicNews, "", "a start", func() { givenRun(ctx, s, j, t0) }),
	)
}
