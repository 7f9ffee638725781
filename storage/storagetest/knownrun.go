package storagetest

import (
	"context"
	"errors"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

func knownRunRules() []rule {
	return []rule{
		{"live and ended runs of a job are known, each once", func(ctx context.Context, s jobs.Store) error {
			a := givenAlbum(ctx, s)
			asked := append(slices.Clone(a.runs), a.runs[0], jobs.NewRunID())
			known := must(s.KnownRuns(ctx, tenant, a.job.ID, asked))
			want := slices.Clone(a.runs)
			slices.Sort(known)
			slices.Sort(want)
			return same("known runs", known, want)
		}},
		{"runs of another job and of another tenant are not known", func(ctx context.Context, s jobs.Store) error {
			r := givenRun(ctx, s, givenJob(ctx, s, "stock"), t0)
			other := givenJob(ctx, s, "other")
			return errors.Join(
				same("runs of the other job", must(s.KnownRuns(ctx, tenant, other.ID, []jobs.RunID{r.ID})), []jobs.RunID{}),
				same("runs of the other tenant", must(s.KnownRuns(ctx, foreign, r.JobID, []jobs.RunID{r.ID})), []jobs.RunID{}),
				same("of no ids", must(s.KnownRuns(ctx, tenant, r.JobID, nil)), []jobs.RunID{}),
			)
		}},
		{"a deleted run is not known", func(ctx context.Context, s jobs.Store) error {
			a := givenAlbum(ctx, s)
			done(s.DeleteRun(ctx, tenant, a.job.ID, a.runs[0]))
			return same("known runs", must(s.KnownRuns(ctx, tenant, a.job.ID, a.pick(0, 1))), a.pick(1))
		}},
	}
}
