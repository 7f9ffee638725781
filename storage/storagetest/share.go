package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func shareRules() []rule {
	return []rule{
		{"a share is read with its job, in the order of principals", sharePut},
		{"a share that is put again has the new level and keeps its CreatedAt", sharePutAgain},
		{"a share with the level that it has changes nothing", sharePutSame},
		{"a share is put only in the place of the expected level", sharePutExpected},
		{"a change of shares moves UpdatedAt, never back, and no revision", shareTouches},
		{"a share change is in nobody's way who edits the job", shareBesideSave},
		{"a share of the owner, of a draft or of an unknown job is refused", shareRefused},
		{"a job has as many shares as are allowed, and no more", shareLimit},
		{"a share is taken away with the expected level only", shareDelete},
		{"a list is limited to jobs that are shared with principals", shareReadable},
		{"a new job comes with its shares, a draft has none", shareInsert},
		{"a deleted job takes its shares along", shareJobDeleted},
		{"of many that put different shares at once all succeed", shareRace},
		{"of many that put one share at once exactly one finds what it expects", shareRaceOne},
		{"a share and a delete of the job at once leave no share behind", shareRaceDelete},
	}
}

// levelsOf are the shares of a job as they are stored.
func levelsOf(ctx context.Context, s jobs.Store, j *jobs.Job) map[jobs.PrincipalID]jobs.Level {
	levels := map[jobs.PrincipalID]jobs.Level{}
	for _, share := range readJob(ctx, s, j).Shares {
		levels[share.PrincipalID] = share.Level
	}
	return levels
}

func put(ctx context.Context, s jobs.Store, now time.Time, j *jobs.Job, p jobs.PrincipalID, level, was jobs.Level) error {
	return s.PutShare(ctx, now, j.Tenant, j.ID, p, level, was)
}

func sharePut(ctx context.Context, s jobs.Store) error {
	j, other := givenJob(ctx, s, "stock"), givenJob(ctx, s, "sales")
	done(put(ctx, s, at(2), j, "team:sales", jobs.LevelRun, jobs.LevelNone))
	done(put(ctx, s, at(1), j, clerk, jobs.LevelFull, jobs.LevelNone))
	want := []jobs.Share{
		{JobID: j.ID, PrincipalID: clerk, Level: jobs.LevelFull, CreatedAt: at(1), UpdatedAt: at(1)},
		{JobID: j.ID, PrincipalID: "team:sales", Level: jobs.LevelRun, CreatedAt: at(2), UpdatedAt: at(2)},
	}
	got := readJob(ctx, s, j)
	return errors.Join(same("shares", got.Shares, want), same("shares of another job", len(readJob(ctx, s, other).Shares), 0))
}

func sharePutAgain(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelNone))
	done(put(ctx, s, at(2), j, clerk, jobs.LevelShare, jobs.LevelRead))
	want := []jobs.Share{{JobID: j.ID, PrincipalID: clerk, Level: jobs.LevelShare, CreatedAt: at(1), UpdatedAt: at(2)}}
	return same("shares", readJob(ctx, s, j).Shares, want)
}

func sharePutSame(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelNone))
	before := readJob(ctx, s, j)
	done(put(ctx, s, at(2), j, clerk, jobs.LevelRead, jobs.LevelRead))
	return same("the job", readJob(ctx, s, j), before)
}

func sharePutExpected(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	none := put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelRun)
	done(put(ctx, s, at(1), j, clerk, jobs.LevelEdit, jobs.LevelNone))
	before := readJob(ctx, s, j)
	there := put(ctx, s, at(2), j, clerk, jobs.LevelRead, jobs.LevelNone)
	other := put(ctx, s, at(2), j, clerk, jobs.LevelRead, jobs.LevelRun)
	return errors.Join(refused("a share that was expected and is not there", none, jobs.ErrPrecondition),
		refused("a share that was not expected", there, jobs.ErrPrecondition), refused("a share with another level", other, jobs.ErrPrecondition),
		same("the job", readJob(ctx, s, j), before))
}

func shareTouches(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	var faults []error
	last := j
	look := func(what string) {
		got := readJob(ctx, s, j)
		faults = append(faults, holds(got.UpdatedAt.After(last.UpdatedAt), "after %s UpdatedAt is %s, was %s", what, got.UpdatedAt, last.UpdatedAt),
			same("DefnUpdatedAt after "+what, got.DefnUpdatedAt, t0), same("Revision after "+what, got.Revision, int64(1)))
		last = got
	}
	done(put(ctx, s, at(5), j, clerk, jobs.LevelRead, jobs.LevelNone))
	look("a share")
	done(put(ctx, s, at(4), j, "kim", jobs.LevelRead, jobs.LevelNone))
	look("a share by a clock that is behind")
	done(s.DeleteShare(ctx, at(4), tenant, j.ID, clerk, jobs.LevelRead))
	look("a share that was taken away")
	next := *last
	next.Name, next.Revision, next.UpdatedAt, next.DefnUpdatedAt = "changed", 2, at(3), at(3)
	done(s.SaveJob(ctx, at(3), &next, 1))
	got := readJob(ctx, s, j)
	faults = append(faults, holds(got.UpdatedAt.After(last.UpdatedAt), "after a save UpdatedAt is %s, was %s", got.UpdatedAt, last.UpdatedAt))
	return errors.Join(faults...)
}

func shareBesideSave(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	edited := *readJob(ctx, s, j)
	done(put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelNone))
	edited.Name, edited.Revision = "edited", 2
	done(s.SaveJob(ctx, at(2), &edited, 1))
	got := readJob(ctx, s, j)
	return errors.Join(same("the name", got.Name, "edited"), same("shares", len(got.Shares), 1))
}

func shareRefused(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	unknown := s.PutShare(ctx, at(1), tenant, jobs.NewID(), clerk, jobs.LevelRead, jobs.LevelNone)
	other := s.PutShare(ctx, at(1), foreign, j.ID, clerk, jobs.LevelRead, jobs.LevelNone)
	otherGone := s.DeleteShare(ctx, at(1), foreign, j.ID, clerk, jobs.LevelRead)
	return errors.Join(
		conflict("a share of the owner", put(ctx, s, at(1), j, owner, jobs.LevelRead, jobs.LevelNone), "", ""),
		conflict("a share of a draft", put(ctx, s, at(1), d, clerk, jobs.LevelRead, jobs.LevelNone), "", ""),
		refused("a share of an unknown job", unknown, jobs.ErrNotFound), refused("a share by another tenant", other, jobs.ErrNotFound),
		refused("a share taken away by another tenant", otherGone, jobs.ErrNotFound),
		same("the job", readJob(ctx, s, j), j), same("the draft", readJob(ctx, s, d), d))
}

func shareLimit(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	name := func(i int) jobs.PrincipalID { return jobs.PrincipalID(fmt.Sprintf("user-%03d", i)) }
	for i := range jobs.MaxShares {
		done(put(ctx, s, at(1), j, name(i), jobs.LevelRead, jobs.LevelNone))
	}
	beyond := put(ctx, s, at(1), j, "one-more", jobs.LevelRead, jobs.LevelNone)
	changed := put(ctx, s, at(1), j, name(0), jobs.LevelRun, jobs.LevelRead)
	full := newJob("full")
	for i := range jobs.MaxShares + 1 {
		full.Shares = append(full.Shares, jobs.Share{PrincipalID: name(i), Level: jobs.LevelRead, CreatedAt: t0, UpdatedAt: t0})
	}
	insert := s.InsertJob(ctx, t0, full)
	full.Shares = full.Shares[1:]
	done(s.InsertJob(ctx, t0, full))
	return errors.Join(conflict("one share more", beyond, "", ""), changed, conflict("a new job with one share more", insert, "", ""),
		same("shares", len(readJob(ctx, s, j).Shares), jobs.MaxShares), same("shares of the new job", len(readJob(ctx, s, full).Shares), jobs.MaxShares))
}

func shareDelete(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(put(ctx, s, at(1), j, clerk, jobs.LevelEdit, jobs.LevelNone))
	done(put(ctx, s, at(1), j, "team:sales", jobs.LevelRead, jobs.LevelNone))
	other := s.DeleteShare(ctx, at(2), tenant, j.ID, clerk, jobs.LevelRead)
	before := levelsOf(ctx, s, j)
	done(s.DeleteShare(ctx, at(2), tenant, j.ID, clerk, jobs.LevelEdit))
	again := s.DeleteShare(ctx, at(2), tenant, j.ID, clerk, jobs.LevelEdit)
	unknown := s.DeleteShare(ctx, at(2), tenant, jobs.NewID(), clerk, jobs.LevelEdit)
	return errors.Join(refused("another level", other, jobs.ErrPrecondition), same("shares before", len(before), 2),
		refused("a second time", again, jobs.ErrNotFound), refused("an unknown job", unknown, jobs.ErrNotFound),
		same("shares after", levelsOf(ctx, s, j), map[jobs.PrincipalID]jobs.Level{"team:sales": jobs.LevelRead}))
}

func shareReadable(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "mine", ownedBy(clerk))
	a, b := givenJob(ctx, s, "shared"), givenJob(ctx, s, "team")
	givenJob(ctx, s, "closed")
	done(put(ctx, s, at(1), a, clerk, jobs.LevelRead, jobs.LevelNone))
	done(put(ctx, s, at(1), b, "team:sales", jobs.LevelRead, jobs.LevelNone))
	of := func(names ...jobs.PrincipalID) []string { return slugs(ctx, s, jobs.JobQuery{ReadableBy: names}) }
	both := of(clerk, "team:sales")
	done(s.DeleteShare(ctx, at(2), tenant, a.ID, clerk, jobs.LevelRead))
	return errors.Join(same("jobs of a user and a team", both, []string{"mine", "shared", "team"}), same("jobs of the team", of("team:sales"), []string{"team"}),
		same("jobs of the user without the share", of(clerk), []string{"mine"}))
}

func shareInsert(ctx context.Context, s jobs.Store) error {
	j := newJob("copy")
	j.Shares = []jobs.Share{{PrincipalID: clerk, Level: jobs.LevelShare, CreatedAt: t0, UpdatedAt: t0}}
	done(s.InsertJob(ctx, t0, j))
	d := newJob("", draftOf(j))
	d.Shares = j.Shares
	done(s.InsertJob(ctx, t0, d))
	own := newJob("own")
	own.Shares = []jobs.Share{{PrincipalID: owner, Level: jobs.LevelRead, CreatedAt: t0, UpdatedAt: t0}}
	return errors.Join(same("shares", levelsOf(ctx, s, j), map[jobs.PrincipalID]jobs.Level{clerk: jobs.LevelShare}),
		same("shares of the draft", len(readJob(ctx, s, d).Shares), 0),
		conflict("a new job that is shared with its owner", s.InsertJob(ctx, t0, own), "", ""))
}

func shareJobDeleted(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelNone))
	done(s.DeleteJob(ctx, at(2), tenant, j.ID, 1, false))
	again := newJob("stock")
	again.ID = j.ID
	done(s.InsertJob(ctx, at(3), again))
	return same("shares of a job with the same id", len(readJob(ctx, s, again).Shares), 0)
}

func shareRace(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	errs := together(16, func(i int) error {
		return put(ctx, s, at(1), j, jobs.PrincipalID(fmt.Sprint("user-", i)), jobs.LevelRead, jobs.LevelNone)
	})
	return errors.Join(errors.Join(errs...), same("shares", len(readJob(ctx, s, j).Shares), 16))
}

func shareRaceOne(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	levels := []jobs.Level{jobs.LevelRead, jobs.LevelRun, jobs.LevelEdit, jobs.LevelShare, jobs.LevelFull}
	errs := together(len(levels), func(i int) error { return put(ctx, s, at(1), j, clerk, levels[i], jobs.LevelNone) })
	var won []jobs.Level
	for i, err := range errs {
		switch {
		case err == nil:
			won = append(won, levels[i])
		case !errors.Is(err, jobs.ErrPrecondition):
			return refused("a share that came too late", err, jobs.ErrPrecondition)
		}
	}
	got := levelsOf(ctx, s, j)
	return errors.Join(same("how many were stored", len(won), 1), same("the level", got[clerk], won[0]))
}

func shareRaceDelete(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	errs := together(9, func(i int) error {
		if i == 4 {
			return s.DeleteJob(ctx, at(1), tenant, j.ID, 0, false)
		}
		err := put(ctx, s, at(1), j, jobs.PrincipalID(fmt.Sprint("user-", i)), jobs.LevelRead, jobs.LevelNone)
		if errors.Is(err, jobs.ErrNotFound) {
			return nil // the job was gone
		}
		return err
	})
	again := newJob("stock")
	again.ID = j.ID
	done(s.InsertJob(ctx, at(2), again))
	return errors.Join(errors.Join(errs...), same("shares of a job with the same id", len(readJob(ctx, s, again).Shares), 0))
}
