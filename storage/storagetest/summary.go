package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func summaryRules() []rule {
	return []rule{
		{"a summary tells of a job what Job tells", summaryAsJob},
		{"summaries are what Jobs lists, in the same order, with the same total", summaryAsJobs},
		{"a summary has the states of the runs that ended last, the newest first", summaryRecent},
		{"the last run is the one with the latest end, whatever was recorded first", summaryLatest},
		{"when the last run is removed the one before it is the last", summaryRemoved},
		{"a summary has the draft of the viewer and of nobody else", summaryDraft},
		{"jobs are filtered by the state of the run that ended last", summaryLastStatus},
		{"a job is late if it is enabled and its fire lies longer back than the bound", summaryLate},
		{"durations are those of the last runs that ended well, the newest first", summaryDurations},
		{"the flat list has all jobs by name with their shares, without drafts", flatByName},
		{"the flat list is limited to what principals may read", flatReadable},
	}
}

func summaries(ctx context.Context, s jobs.Store, q jobs.JobQuery) []jobs.JobSummary {
	q.Tenant = tenant
	return must(s.JobSummaries(ctx, q)).Items
}

func summaryOf(ctx context.Context, s jobs.Store, j *jobs.Job) jobs.JobSummary {
	for _, found := range summaries(ctx, s, jobs.JobQuery{Viewer: owner}) {
		if found.ID == j.ID {
			return found
		}
	}
	done(fmt.Errorf("no summary of job %s", j.Slug))
	return jobs.JobSummary{}
}

func summaryAsJob(ctx context.Context, s jobs.Store) error {
	j := fullJob()
	done(s.InsertJob(ctx, t0, j))
	done(s.PutShare(ctx, t0, tenant, j.ID, "team:sales", jobs.LevelEdit, jobs.LevelNone))
	for _, name := range []string{"nightly", "stock"} {
		tag := jobs.Tag{ID: jobs.NewTagID(), Tenant: tenant, Name: name, CreatedAt: t0, UpdatedAt: t0}
		done(s.InsertTag(ctx, tag))
		done(s.PutJobTag(ctx, t0, tenant, j.ID, tag.ID))
	}
	done(s.SetFavorite(ctx, tenant, owner, j.ID, true))
	h := givenWorker(ctx, s, "node-a")
	givenEnded(ctx, s, h, j, at(1), jobs.RunWarning)
	givenRun(ctx, s, j, at(2))
	h.take(ctx, s, at(3))
	got, want := summaryOf(ctx, s, j), readJob(ctx, s, j).Summary()
	want.Recent, want.Favorite = []jobs.RunStatus{jobs.RunWarning}, true
	other := summaries(ctx, s, jobs.JobQuery{Viewer: clerk})[0]
	flat := must(s.FlatJobs(ctx, jobs.JobQuery{Tenant: tenant}))[0]
	return errors.Join(same("the summary", got, want), same("a favorite of somebody else", other.Favorite, false),
		same("tags of the flat list", flat.Tags, want.Tags), same("tags", len(want.Tags), 2),
		holds(want.LastRun != nil && !want.LockedAt.IsZero() && len(want.Shares) == 1, "the job has %v, %s, %v", want.LastRun, want.LockedAt, want.Shares))
}

func summaryAsJobs(ctx context.Context, s jobs.Store) error {
	for i, name := range []string{"delta", "Alpha", "charlie", "Bravo", "echo"} {
		givenJob(ctx, s, fmt.Sprintf("j%d", i), named(name), ownedBy([]jobs.PrincipalID{"a", "b"}[i%2]))
	}
	givenJob(ctx, s, "x", of(foreign))
	for _, q := range []jobs.JobQuery{
		{},
		{Limit: 2, Start: 1},
		{Sort: []jobs.SortKey{{Field: "slug", Descending: true}}},
		{ReadableBy: []jobs.PrincipalID{"a"}, Limit: 2},
		{Words: []string{"A"}, Limit: 1},
		{Start: 99, Limit: 3},
		{ReadableBy: []jobs.PrincipalID{}},
	} {
		q.Tenant = tenant
		full, short := must(s.Jobs(ctx, q)), must(s.JobSummaries(ctx, q))
		var want, got []jobs.ID
		for _, j := range full.Items {
			want = append(want, j.ID)
		}
		for _, j := range short.Items {
			got = append(got, j.ID)
		}
		if err := errors.Join(same("ids", got, want), same("Total", short.Total, full.Total)); err != nil {
			return fmt.Errorf("%+v: %w", q, err)
		}
	}
	_, err := s.JobSummaries(ctx, jobs.JobQuery{Tenant: tenant, Sort: []jobs.SortKey{{Field: "nothing"}}})
	return holds(err != nil, "a sort by no field of JobSortFields is accepted")
}

func summaryRecent(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "sales")
	h := givenWorker(ctx, s, "node-a")
	var want []jobs.RunStatus
	for i := range jobs.RecentRuns + 3 {
		status := []jobs.RunStatus{jobs.RunSuccess, jobs.RunError, jobs.RunWarning, jobs.RunSuccess, jobs.RunSuccess}[i%5]
		givenEnded(ctx, s, h, j, at(i), status)
		want = append(want, status)
	}
	givenRun(ctx, s, j, at(99)) // a run that goes on is not among them
	slices.Reverse(want)
	return errors.Join(same("Recent", summaryOf(ctx, s, j).Recent, want[:jobs.RecentRuns]),
		same("Recent of another job", summaryOf(ctx, s, other).Recent, []jobs.RunStatus(nil)))
}

func summaryLatest(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(9))
	h := givenWorker(ctx, s, "node-a")
	givenRuns(ctx, s, j, t0, 3)
	c := h.claim(ctx, s, t0, 3)
	h.turn(ctx, s, at(9), 0, ends(c[0], jobs.RunSuccess, at(5)), ends(c[1], jobs.RunError, at(7)))
	h.turn(ctx, s, at(9), 0, ends(c[2], jobs.RunWarning, at(6)))
	got := summaryOf(ctx, s, j)
	return errors.Join(
		same("Recent", got.Recent, []jobs.RunStatus{jobs.RunError, jobs.RunWarning, jobs.RunSuccess}),
		holds(got.LastRun != nil && got.LastRun.ID == c[1].Run.ID && got.LastRun.Status == jobs.RunError, "the last run is %+v", got.LastRun))
}

func summaryRemoved(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	h := givenWorker(ctx, s, "node-a")
	first := givenEnded(ctx, s, h, j, at(1), jobs.RunWarning)
	last := givenEnded(ctx, s, h, j, at(2), jobs.RunError)
	done(s.DeleteRun(ctx, tenant, j.ID, last.ID))
	got := summaryOf(ctx, s, j)
	if err := holds(got.LastRun != nil && got.LastRun.ID == first.ID && got.LastRun.Warnings, "the last run is %+v", got.LastRun); err != nil {
		return err
	}
	failed := summaries(ctx, s, jobs.JobQuery{LastStatuses: []jobs.RunStatus{jobs.RunError}})
	done(s.DeleteRuns(ctx, tenant, j.ID, at(9)))
	got = summaryOf(ctx, s, j)
	return errors.Join(same("jobs whose last run failed", len(failed), 0),
		holds(got.LastRun == nil && got.Recent == nil, "without runs the last one is %+v, of %v", got.LastRun, got.Recent))
}

func summaryDraft(ctx context.Context, s jobs.Store) error {
	a, b := givenJob(ctx, s, "a"), givenJob(ctx, s, "b")
	mine := givenJob(ctx, s, "", draftOf(a))
	givenJob(ctx, s, "", draftOf(b), ownedBy(clerk))
	yes, no := true, false
	with := func(draft *bool) (list []string) {
		for _, j := range summaries(ctx, s, jobs.JobQuery{Viewer: owner, Draft: draft}) {
			list = append(list, j.Slug)
		}
		return list
	}
	anonymous := summaries(ctx, s, jobs.JobQuery{})
	return errors.Join(
		same("the draft of the viewer", summaryOf(ctx, s, a).Draft, &jobs.DraftNote{ID: mine.ID, UpdatedAt: t0}),
		same("a draft of somebody else", summaryOf(ctx, s, b).Draft, (*jobs.DraftNote)(nil)),
		same("the draft without a viewer", anonymous[0].Draft, (*jobs.DraftNote)(nil)),
		same("jobs with a draft", with(&yes), []string{"a"}), same("jobs without one", with(&no), []string{"b"}),
	)
}

func summaryLastStatus(ctx context.Context, s jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	for i, status := range []jobs.RunStatus{jobs.RunSuccess, jobs.RunWarning, jobs.RunError, jobs.RunCanceled} {
		j := givenJob(ctx, s, string(status))
		givenEnded(ctx, s, h, j, at(2*i), jobs.RunSuccess)
		givenEnded(ctx, s, h, j, at(2*i+1), status)
	}
	givenJob(ctx, s, "never")
	with := func(statuses ...jobs.RunStatus) []string { return slugs(ctx, s, jobs.JobQuery{LastStatuses: statuses}) }
	return errors.Join(
		same("error", with(jobs.RunError), []string{"error"}), same("warning", with(jobs.RunWarning), []string{"warning"}),
		same("success or canceled", with(jobs.RunSuccess, jobs.RunCanceled), []string{"canceled", "success"}),
		same("none", with(""), []string{"never"}), same("running", with(jobs.RunRunning), []string{}),
	)
}

func summaryLate(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "due", minutely) // at(1)
	givenJob(ctx, s, "off", minutely, func(j *jobs.Job) { j.Enabled = false })
	givenJob(ctx, s, "by-hand")
	yes, no := true, false
	bound := at(1).Add(jobs.LateAfter)
	for _, now := range []struct {
		late []string
		q    jobs.JobQuery
	}{
		{[]string{}, jobs.JobQuery{Now: bound}},
		{[]string{"due"}, jobs.JobQuery{Now: bound.Add(1e6)}},
	} {
		now.q.Late = &yes
		late := slugs(ctx, s, now.q)
		for _, j := range summaries(ctx, s, jobs.JobQuery{}) {
			if j.Late(now.q.Now) != slices.Contains(late, j.Slug) {
				return fmt.Errorf("%s: at %s the list of late jobs is %v, and Late of %s says %t", place(), now.q.Now, late, j.Slug, j.Late(now.q.Now))
			}
		}
		now.q.Late = &no
		if err := errors.Join(same("late", late, now.late), same("late and not late", len(slugs(ctx, s, now.q))+len(late), 3)); err != nil {
			return err
		}
	}
	return nil
}

func summaryDurations(ctx context.Context, s jobs.Store) error {
	j, idle, alien := givenJob(ctx, s, "stock"), givenJob(ctx, s, "idle"), givenJob(ctx, s, "alien", of(foreign))
	h := givenWorker(ctx, s, "node-a")
	for i, status := range []jobs.RunStatus{jobs.RunSuccess, jobs.RunError, jobs.RunWarning, jobs.RunCanceled, jobs.RunSuccess} {
		for _, job := range []*jobs.Job{j, alien} {
			givenRun(ctx, s, job, at(10*i))
			h.turn(ctx, s, at(10*i+i+1), 0, ends(h.take(ctx, s, at(10*i)), status, at(10*i+i+1)))
		}
	}
	ids := []jobs.ID{j.ID, idle.ID, alien.ID}
	all, few := must(s.Durations(ctx, tenant, ids, 9)), must(s.Durations(ctx, tenant, ids, 3))
	none := must(s.Durations(ctx, tenant, nil, 3))
	minutes := func(n ...time.Duration) map[jobs.ID][]time.Duration {
		for i := range n {
			n[i] *= time.Minute
		}
		return map[jobs.ID][]time.Duration{j.ID: n}
	}
	return errors.Join(same("of all runs", all, minutes(5, 3, 1)), same("of the last three", few, minutes(5, 3)), same("of no job", len(none), 0))
}

func flatByName(ctx context.Context, s jobs.Store) error {
	b := givenJob(ctx, s, "b", named("Beta"), typed("email"), func(j *jobs.Job) { j.Enabled = false })
	a := givenJob(ctx, s, "a", named("alpha"), ownedBy("team:sales"))
	givenJob(ctx, s, "c", of(foreign))
	givenJob(ctx, s, "", draftOf(a))
	done(s.PutShare(ctx, t0, tenant, a.ID, clerk, jobs.LevelRun, jobs.LevelNone))
	shares := readJob(ctx, s, a).Shares
	want := []jobs.FlatJob{
		{ID: a.ID, Slug: "a", Name: "alpha", Type: "report", OwnerID: "team:sales", Enabled: true, Shares: shares},
		{ID: b.ID, Slug: "b", Name: "Beta", Type: "email", OwnerID: owner},
	}
	return errors.Join(same("the list", must(s.FlatJobs(ctx, jobs.JobQuery{Tenant: tenant})), want), same("shares", len(shares), 1))
}

func flatReadable(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "a", ownedBy("mara.lind"))
	b := givenJob(ctx, s, "b", ownedBy("ole.berg"))
	givenJob(ctx, s, "c", ownedBy("ole.berg"))
	done(s.PutShare(ctx, t0, tenant, b.ID, "team:sales", jobs.LevelRead, jobs.LevelNone))
	of := func(who ...jobs.PrincipalID) (list []string) {
		for _, j := range must(s.FlatJobs(ctx, jobs.JobQuery{Tenant: tenant, ReadableBy: who})) {
			list = append(list, j.Slug)
		}
		return list
	}
	return errors.Join(same("of two", of("mara.lind", "team:sales"), []string{"a", "b"}),
		same("of nobody", of([]jobs.PrincipalID{}...), []string(nil)), same("of a stranger", of("x"), []string(nil)))
}
