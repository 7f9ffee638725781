package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func ownerRules() []rule {
	return []rule{
		{"a job that is handed over has its new owner, whose share is gone, and a mark", handOver},
		{"the former owner keeps a share of all levels if it is asked for", handOverKeep},
		{"the mark of a hand-over ends when the job is switched on", handOverEnabled},
		{"a hand-over with another revision changes nothing", handOverPrecondition},
		{"a draft, an unknown job and a full list of shares are not handed over", handOverRefused},
		{"runs that were started before a hand-over keep their owner", handOverRuns},
		{"nothing is given to a user or a team that was just removed, until there is one of the name again", removedOwner},
	}
}

// toClerk is a job as it is handed over to the clerk.
func toClerk(j *jobs.Job) *jobs.Job {
	next := *j
	next.OwnerID, next.Enabled, next.NextRunAt = clerk, false, time.Time{}
	next.Revision, next.UpdatedAt, next.DefnUpdatedAt = j.Revision+1, at(2), at(2)
	return &next
}

func handOver(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", minutely)
	done(put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelNone))
	done(put(ctx, s, at(1), j, "kim", jobs.LevelRun, jobs.LevelNone))
	done(s.HandOver(ctx, at(2), toClerk(j), 1, false))
	got := readJob(ctx, s, j)
	return errors.Join(same("owner", got.OwnerID, clerk), same("shares", levelsOf(ctx, s, j), map[jobs.PrincipalID]jobs.Level{"kim": jobs.LevelRun}),
		same("HandedOver", got.HandedOver, true), same("Enabled", got.Enabled, false), same("Revision", got.Revision, int64(2)),
		same("the next fire of all", must(s.NextDue(ctx)), time.Time{}))
}

func handOverKeep(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(s.HandOver(ctx, at(2), toClerk(j), 1, true))
	return same("shares", levelsOf(ctx, s, j), map[jobs.PrincipalID]jobs.Level{owner: jobs.LevelFull})
}

func handOverEnabled(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(s.HandOver(ctx, at(2), toClerk(j), 1, false))
	save := func(enabled bool) bool {
		next := *readJob(ctx, s, j)
		base := next.Revision
		next.Enabled, next.Revision = enabled, base+1
		done(s.SaveJob(ctx, at(3), &next, base))
		return readJob(ctx, s, j).HandedOver
	}
	return errors.Join(same("the mark after a save that leaves it off", save(false), true), same("after one that switches it on", save(true), false),
		same("after one that switches it off again", save(false), false))
}

func handOverPrecondition(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(put(ctx, s, at(1), j, clerk, jobs.LevelRead, jobs.LevelNone))
	before := readJob(ctx, s, j)
	stale := toClerk(j)
	stale.Revision = 3
	return errors.Join(refused("HandOver", s.HandOver(ctx, at(2), stale, 2, true), jobs.ErrPrecondition), same("the job", readJob(ctx, s, j), before))
}

func handOverRefused(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	d := givenJob(ctx, s, "", draftOf(j))
	for i := range jobs.MaxShares {
		done(put(ctx, s, at(1), j, jobs.PrincipalID(fmt.Sprint("user-", i)), jobs.LevelRead, jobs.LevelNone))
	}
	before := readJob(ctx, s, j)
	unknown := toClerk(newJob("other"))
	return errors.Join(conflict("a draft", s.HandOver(ctx, at(2), toClerk(d), 1, false), "", ""),
		refused("an unknown job", s.HandOver(ctx, at(2), unknown, 1, false), jobs.ErrNotFound),
		conflict("one share more", s.HandOver(ctx, at(2), toClerk(j), 1, true), "", ""), same("the job", readJob(ctx, s, j), before))
}

func handOverRuns(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	r := givenRun(ctx, s, j, t0)
	done(s.HandOver(ctx, at(2), toClerk(j), 1, false))
	return same("owner of the run", must(s.Run(ctx, tenant, r.ID)).OwnerID, owner)
}

func removedOwner(ctx context.Context, s jobs.Store) error {
	givenUser(ctx, s, "kim") // stays, for a tenant keeps one superuser
	givenUser(ctx, s, clerk)
	team := givenTeam(ctx, s, "sales")
	j := givenJob(ctx, s, "stock")
	done(s.DeleteUser(ctx, at(1), tenant, clerk, 0))
	done(s.DeleteTeam(ctx, at(1), tenant, team.ID, 0))
	elsewhere := s.InsertJob(ctx, at(2), newJob("elsewhere", ownedBy(clerk), of(foreign)))
	errs := []error{
		elsewhere,
		conflict("a job of a removed user", s.InsertJob(ctx, at(2), newJob("a", ownedBy(clerk))), "", ""),
		conflict("a job of a removed team", s.InsertJob(ctx, at(2), newJob("b", ownedBy(team.ID))), "", ""),
		conflict("a draft of a removed user", s.InsertJob(ctx, at(2), newJob("", draftOf(j), ownedBy(clerk))), "", ""),
		conflict("a hand-over to a removed user", s.HandOver(ctx, at(2), toClerk(j), 1, false), "", ""),
		conflict("a share of a removed team", put(ctx, s, at(2), j, team.ID, jobs.LevelRead, jobs.LevelNone), "", ""),
		same("the owner", readJob(ctx, s, j).OwnerID, owner),
	}
	givenUser(ctx, s, clerk)
	givenTeam(ctx, s, "sales")
	givenJob(ctx, s, "a", ownedBy(clerk))
	givenJob(ctx, s, "b", ownedBy(team.ID))
	done(s.HandOver(ctx, at(2), toClerk(j), 1, false))
	return errors.Join(errs...)
}
