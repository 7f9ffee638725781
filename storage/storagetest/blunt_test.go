package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// way is how a blunt store does one of its methods wrongly.
type way string

const (
	idle      way = "idle"      // says that it has been done, and does nothing
	forgiving way = "forgiving" // says that it has been done where it was refused
	blank     way = "blank"     // finds nothing
	partial   way = "partial"   // loses the first of a list
	reversed  way = "reversed"  // lists backwards
	strangely way = "strangely" // asks for another tenant
)

// blunt is a store that does one of its methods in a wrong way.
type blunt struct {
	jobs.Store
	method string
	way    way
}

func (b *blunt) is(method string, w way) bool { return b.method == method && b.way == w }

func refusal(err error) bool {
	return errors.Is(err, jobs.ErrConflict) || errors.Is(err, jobs.ErrPrecondition) || errors.Is(err, jobs.ErrNotFound) || errors.Is(err, jobs.ErrInvalid)
}

// write is a method that gives an error alone.
func (b *blunt) write(method string, f func() error) error {
	if b.is(method, idle) {
		return nil
	}
	err := f()
	if b.is(method, forgiving) && refusal(err) {
		return nil
	}
	return err
}

// read is a method that gives one value.
func read[T any](b *blunt, method string, f func() (T, error)) (T, error) {
	var none T
	if b.is(method, blank) || b.is(method, idle) {
		return none, nil
	}
	v, err := f()
	if b.is(method, forgiving) && refusal(err) {
		return none, nil
	}
	return v, err
}

// list is a method that gives several.
func list[T any](b *blunt, method string, f func() ([]T, error)) ([]T, error) {
	v, err := read(b, method, f)
	return wrong(b, method, v), err
}

// pageOf is a method that gives a part of a list.
func pageOf[T any](b *blunt, method string, f func() (jobs.Page[T], error)) (jobs.Page[T], error) {
	v, err := read(b, method, f)
	v.Items = wrong(b, method, v.Items)
	return v, err
}

func wrong[T any](b *blunt, method string, v []T) []T {
	switch {
	case b.is(method, partial) && len(v) > 0:
		return v[1:]
	case b.is(method, reversed):
		v = slices.Clone(v)
		slices.Reverse(v)
	}
	return v
}

func (b *blunt) tenant(method string, t jobs.TenantID) jobs.TenantID {
	if b.is(method, strangely) {
		return tenant // whoever asks
	}
	return t
}

func (b *blunt) InsertJob(ctx context.Context, now time.Time, j *jobs.Job) error {
	return b.write("InsertJob", func() error { return b.Store.InsertJob(ctx, now, j) })
}

func (b *blunt) SaveJob(ctx context.Context, now time.Time, j *jobs.Job, base int64) error {
	return b.write("SaveJob", func() error { return b.Store.SaveJob(ctx, now, j, base) })
}

func (b *blunt) DeleteJob(ctx context.Context, now time.Time, t jobs.TenantID, id jobs.ID, revision int64, force bool) error {
	return b.write("DeleteJob", func() error { return b.Store.DeleteJob(ctx, now, t, id, revision, force) })
}

func (b *blunt) Draft(ctx context.Context, t jobs.TenantID, original jobs.ID, user jobs.PrincipalID) (*jobs.Job, error) {
	if b.is("Draft", blank) {
		return nil, jobs.NotFound("draft")
	}
	return b.Store.Draft(ctx, b.tenant("Draft", t), original, user)
}

func (b *blunt) Drafts(ctx context.Context, t jobs.TenantID, user jobs.PrincipalID) ([]jobs.Draft, error) {
	return list(b, "Drafts", func() ([]jobs.Draft, error) { return b.Store.Drafts(ctx, t, user) })
}

func (b *blunt) Editors(ctx context.Context, t jobs.TenantID, original jobs.ID) ([]jobs.Editor, error) {
	return list(b, "Editors", func() ([]jobs.Editor, error) { return b.Store.Editors(ctx, t, original) })
}

func (b *blunt) CommitDraft(ctx context.Context, now time.Time, j *jobs.Job, base int64, draft jobs.ID, revision int64) error {
	return b.write("CommitDraft", func() error { return b.Store.CommitDraft(ctx, now, j, base, draft, revision) })
}

func (b *blunt) ReplaceDraft(ctx context.Context, now time.Time, old jobs.ID, revision int64, draft *jobs.Job) error {
	return b.write("ReplaceDraft", func() error { return b.Store.ReplaceDraft(ctx, now, old, revision, draft) })
}

func (b *blunt) AddFile(ctx context.Context, now time.Time, t jobs.TenantID, key jobs.BlobKey, size int64) error {
	return b.write("AddFile", func() error { return b.Store.AddFile(ctx, now, t, key, size) })
}

func (b *blunt) DropFile(ctx context.Context, t jobs.TenantID, key jobs.BlobKey) (bool, error) {
	return read(b, "DropFile", func() (bool, error) { return b.Store.DropFile(ctx, b.tenant("DropFile", t), key) })
}

func (b *blunt) ForgetFiles(ctx context.Context, now time.Time, limit int) ([]jobs.BlobKey, error) {
	if b.is("ForgetFiles", strangely) {
		now = now.AddDate(1, 0, 0) // knows no grace
	}
	return list(b, "ForgetFiles", func() ([]jobs.BlobKey, error) { return b.Store.ForgetFiles(ctx, now, limit) })
}

func (b *blunt) UnknownFiles(ctx context.Context, keys []jobs.BlobKey) ([]jobs.BlobKey, error) {
	return list(b, "UnknownFiles", func() ([]jobs.BlobKey, error) { return b.Store.UnknownFiles(ctx, keys) })
}

func (b *blunt) News(ctx context.Context, after int64, limit int) (jobs.NewsPage, error) {
	if b.is("News", strangely) {
		return jobs.NewsPage{Head: 1}, nil // news of nothing
	}
	return read(b, "News", func() (jobs.NewsPage, error) { return b.Store.News(ctx, after, limit) })
}

func (b *blunt) Watch(topics jobs.Topic, id jobs.RunID) (<-chan struct{}, func()) {
	if b.is("Watch", idle) {
		return make(chan struct{}), func() {}
	}
	return b.Store.Watch(topics, id)
}

func (b *blunt) JobSummaries(ctx context.Context, q jobs.JobQuery) (jobs.Page[jobs.JobSummary], error) {
	return pageOf(b, "JobSummaries", func() (jobs.Page[jobs.JobSummary], error) { return b.Store.JobSummaries(ctx, q) })
}

func (b *blunt) SummariesOf(ctx context.Context, t jobs.TenantID, ids []jobs.ID) ([]jobs.JobSummary, error) {
	return list(b, "SummariesOf", func() ([]jobs.JobSummary, error) { return b.Store.SummariesOf(ctx, t, ids) })
}

func (b *blunt) FlatJobs(ctx context.Context, q jobs.JobQuery) ([]jobs.FlatJob, error) {
	return list(b, "FlatJobs", func() ([]jobs.FlatJob, error) { return b.Store.FlatJobs(ctx, q) })
}

func (b *blunt) Durations(ctx context.Context, t jobs.TenantID, ids []jobs.ID, n int) (map[jobs.ID][]time.Duration, error) {
	return read(b, "Durations", func() (map[jobs.ID][]time.Duration, error) { return b.Store.Durations(ctx, t, ids, n) })
}

func (b *blunt) Revisions(ctx context.Context, q jobs.RevisionQuery) (jobs.Page[jobs.Revision], error) {
	return pageOf(b, "Revisions", func() (jobs.Page[jobs.Revision], error) { return b.Store.Revisions(ctx, q) })
}

func (b *blunt) Revision(ctx context.Context, t jobs.TenantID, id jobs.ID, number int64) (*jobs.Revision, error) {
	if b.is("Revision", blank) {
		return nil, jobs.NotFound("revision")
	}
	return b.Store.Revision(ctx, t, id, number)
}

func (b *blunt) Definition(ctx context.Context, t jobs.TenantID, id jobs.ID, revision int64) (*jobs.Definition, error) {
	switch {
	case b.is("Definition", blank):
		return nil, jobs.NotFound("revision")
	case b.is("Definition", forgiving):
		d, err := b.Store.Definition(ctx, t, id, revision)
		if refusal(err) {
			return &jobs.Definition{}, nil
		}
		return d, err
	}
	return b.Store.Definition(ctx, t, id, revision)
}

func (b *blunt) Waits(ctx context.Context, now time.Time, q jobs.WaitQuery) (map[jobs.RunID]jobs.Wait, error) {
	if b.is("Waits", strangely) {
		q.ReadableBy = nil // names what the caller may not read
	}
	return read(b, "Waits", func() (map[jobs.RunID]jobs.Wait, error) { return b.Store.Waits(ctx, now, q) })
}

func (b *blunt) RetryRun(ctx context.Context, now time.Time, r jobs.Retry) (*jobs.Run, error) {
	switch {
	case b.is("RetryRun", idle): // a start like any other
		runs, err := b.Store.StartRuns(ctx, now, jobs.Start{
			Tenant: r.Tenant, JobID: r.JobID, Trigger: jobs.TriggerManual, TriggeredBy: r.TriggeredBy, Params: []json.RawMessage{nil}, Key: r.Key,
		})
		if err != nil {
			return nil, err
		}
		return &runs[0], nil
	case b.is("RetryRun", partial):
		r.Key = ""
	case b.is("RetryRun", reversed):
		r.Current = !r.Current
	case b.is("RetryRun", strangely):
		r.FromStart = !r.FromStart
	}
	run, err := b.Store.RetryRun(ctx, now, r)
	if b.is("RetryRun", forgiving) && refusal(err) {
		return &jobs.Run{ID: r.RunID}, nil
	}
	return run, err
}

func (b *blunt) BackfillRuns(ctx context.Context, now time.Time, f jobs.Backfill) ([]jobs.BackfillRun, error) {
	switch {
	case b.is("BackfillRuns", idle):
		f.DryRun = true
	case b.is("BackfillRuns", strangely):
		f.DryRun = false
	}
	runs, err := list(b, "BackfillRuns", func() ([]jobs.BackfillRun, error) { return b.Store.BackfillRuns(ctx, now, f) })
	return runs, err
}
