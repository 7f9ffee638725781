package storagetest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

// FilledTenant is the tenant that Fill fills.
const FilledTenant = tenant

// Fill stores something of each kind in FilledTenant, and in another tenant, "umbrella", things of the same names: for tests of what goes over
// all tables of a store, such as the removal of a tenant or a move to another database.
func Fill(ctx context.Context, s jobs.Store) error {
	return attempt(func() error {
		furnish(ctx, s)
		return nil
	})
}

// filled is what Fill has stored, as far as rules ask for it.
type filled struct {
	worker *hand
	// running is a claimed run of each tenant.
	running, elsewhere jobs.Claim
	files              []jobs.BlobKey
}

func furnish(ctx context.Context, s jobs.Store) filled {
	f := filled{worker: givenWorker(ctx, s, "node-a")}
	h := f.worker
	u := givenUser(ctx, s, clerk)
	done(s.InsertSession(ctx, session(1, u.ID, 0), 3))
	done(s.InsertToken(ctx, token(2, u.ID, 0)))
	givenTeam(ctx, s, "sales", as(u.ID, jobs.RoleAdmin))
	givenTeam(ctx, s, "gone")
	done(s.DeleteTeam(ctx, t0, tenant, jobs.TeamID("gone"), 0))
	done(s.AddTenantKey(ctx, jobs.TenantKey{ID: "key-1", Tenant: tenant, Wrapped: []byte("wrapped")}, 0))
	done(s.SetLimits(ctx, tenant, jobs.DefaultLimits(), false))
	tag := givenTag(ctx, s, "nightly")

	file := givenFile(ctx, s, 5, t0)
	lonely := givenFile(ctx, s, 7, t0)
	f.files = []jobs.BlobKey{file.Key, lonely.Key}
	j := newJob("stock", minutely, allowing(9), attaching(file))
	j.Shares = []jobs.Share{{JobID: j.ID, PrincipalID: clerk, Level: jobs.LevelRun, CreatedAt: t0, UpdatedAt: t0}}
	done(s.InsertJob(noted(ctx, jobs.AuditCreate), t0, j))
	done(s.PutJobTag(ctx, t0, tenant, j.ID, tag.ID))
	done(s.SetFavorite(ctx, tenant, u.ID, j.ID, true))
	done(s.InsertJob(ctx, t0, newJob("", draftOf(j), ownedBy(u.ID))))
	handed := givenJob(ctx, s, "handed")
	done(s.HandOver(ctx, at(2), toClerk(handed), 1, false))

	keyed := ask(j)
	keyed.Key = "order-7"
	must(s.StartRuns(ctx, t0, keyed))
	c := h.take(ctx, s, t0)
	o := ends(c, jobs.RunError, at(1))
	o.Logs = []jobs.LogEntry{{RunID: c.Run.ID, Seq: o.Seq, Level: jobs.LogInfo, Message: "counted", Data: json.RawMessage(`{"n":3}`), CreatedAt: t0}}
	h.turn(ctx, s, at(1), 0, o)
	must(s.Plan(ctx, at(3), 10)) // with a fire that is covered by the next one
	f.running = h.take(ctx, s, at(3))
	o = outcome(f.running)
	o.Seq++
	o.Logs = []jobs.LogEntry{{RunID: f.running.Run.ID, Seq: o.Seq, Level: jobs.LogInfo, Message: "counting", CreatedAt: at(3)}}
	h.turn(ctx, s, at(3), 0, o)
	givenRun(ctx, s, j, at(3))

	other := givenJob(ctx, s, "stock", of(foreign), allowing(9))
	start := ask(other)
	start.Tenant = foreign
	must(s.StartRuns(ctx, at(4), start))
	for _, c := range h.claim(ctx, s, at(4), 2) {
		if c.Run.Tenant == foreign {
			f.elsewhere = c
		}
	}
	if f.elsewhere.Run.ID == "" {
		done(fmt.Errorf("the run of %s was not claimed", foreign))
	}
	givenRun(ctx, s, j, at(4)) // stays queued
	fillForeign(ctx, s, other)
	return f
}

// fillForeign gives another tenant users, teams and keys of the same names.
func fillForeign(ctx context.Context, s jobs.Store, j *jobs.Job) {
	done(s.SetLimits(ctx, foreign, jobs.DefaultLimits(), false))
	u := newUser(clerk)
	u.Tenant = foreign
	done(s.InsertUser(ctx, u))
	x := newTeam("sales", as(u.ID, jobs.RoleAdmin))
	x.Tenant = foreign
	done(s.InsertTeam(ctx, x))
	done(s.SetFavorite(ctx, foreign, u.ID, j.ID, true))
	done(s.AddTenantKey(ctx, jobs.TenantKey{ID: "key-2", Tenant: foreign, Wrapped: []byte("wrapped")}, 0))
	start := ask(j)
	start.Tenant, start.Key = foreign, "order-7"
	must(s.StartRuns(ctx, at(4), start))
}
