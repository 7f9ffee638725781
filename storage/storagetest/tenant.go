package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

func tenantRules() []rule {
	return []rule{
		{"tenants are listed by id with what they have", tenantList},
		{"a tenant with live runs is closed by force only", tenantLive},
		{"a closed tenant is quiet: jobs off, users disabled, sessions and tokens gone", tenantQuiet},
		{"in a closed tenant nothing begins", tenantClosed},
		{"a tenant that is open is not erased, an unknown one does not exist", tenantOpen},
		{"a tenant is erased step by step, with everything, and others stay as they are", tenantErase},
		{"the audit rows of an erasure are stored once, with its end", tenantAudit},
		{"workers learn that the runs of an erased tenant are gone", tenantWorkers},
		{"a tenant that was erased can begin anew", tenantAnew},
	}
}

// usageOf is what the list tells of a tenant; the zero value if it is not in it.
func usageOf(ctx context.Context, s jobs.Store, id jobs.TenantID) jobs.TenantUsage {
	list := must(s.Tenants(ctx))
	if i := slices.IndexFunc(list, func(u jobs.TenantUsage) bool { return u.ID == id }); i >= 0 {
		return list[i]
	}
	return jobs.TenantUsage{}
}

// erase removes the tenant in steps of limit and gives their number and the keys of its files.
func erase(ctx context.Context, s jobs.Store, limit int) (steps int, files []jobs.BlobKey) {
	for {
		step := must(s.EraseTenant(ctx, tenant, limit))
		files = append(files, step.Files...)
		switch {
		case step.Removed > limit || step.Done && step.Removed > 0 || !step.Done && step.Removed == 0:
			done(fmt.Errorf("a step of at most %d removed %d, done: %t", limit, step.Removed, step.Done))
		case step.Done:
			slices.Sort(files)
			return steps, files
		}
		steps++
	}
}

func tenantList(ctx context.Context, s jobs.Store) error {
	none := must(s.Tenants(ctx))
	f := furnish(ctx, s)
	return errors.Join(same("tenants of an empty store", none, []jobs.TenantUsage{}),
		same("tenants", must(s.Tenants(ctx)), []jobs.TenantUsage{
			{ID: tenant, Users: 1, Jobs: 2, LiveRuns: 4, EndedRuns: 1, Files: len(f.files), FileBytes: 12}, {ID: foreign, Users: 1, Jobs: 1, LiveRuns: 2},
		}))
}

func tenantLive(ctx context.Context, s jobs.Store) error {
	furnish(ctx, s)
	refusal := s.CloseTenant(ctx, at(5), tenant, false)
	before := usageOf(ctx, s, tenant)
	done(s.CloseTenant(ctx, at(5), tenant, true))
	done(s.CloseTenant(ctx, at(6), tenant, false))
	return errors.Join(conflict("a close without force", refusal, "live", "4"), same("ClosedAt after it", before.ClosedAt.IsZero(), true),
		instant("ClosedAt", usageOf(ctx, s, tenant).ClosedAt, at(5)), same("ClosedAt of the other", usageOf(ctx, s, foreign).ClosedAt.IsZero(), true),
		refused("an unknown tenant", s.CloseTenant(ctx, at(5), "nobody", true), jobs.ErrNotFound))
}

func tenantQuiet(ctx context.Context, s jobs.Store) error {
	furnish(ctx, s)
	done(s.CloseTenant(ctx, at(5), tenant, true))
	var on []string
	for _, j := range must(s.Jobs(ctx, jobs.JobQuery{Tenant: tenant})).Items {
		if j.Enabled || !j.NextRunAt.IsZero() {
			on = append(on, j.Slug)
		}
	}
	return errors.Join(same("jobs that are on", on, nilStrings), same("the next fire", must(s.NextDue(ctx)).IsZero(), true),
		same("the user is enabled", must(s.User(ctx, tenant, clerk)).Enabled, false),
		same("the session", hasSession(ctx, s, 1), false), same("the token", hasToken(ctx, s, 2), false),
		same("the job of another tenant is on", must(s.Jobs(ctx, jobs.JobQuery{Tenant: foreign})).Items[0].Enabled, true))
}

var nilStrings []string

func tenantClosed(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	u := givenUser(ctx, s, clerk)
	done(s.CloseTenant(ctx, at(5), tenant, false))
	on := *readJob(ctx, s, j)
	on.Enabled, on.Revision = true, on.Revision+1
	_, start := s.StartRuns(ctx, at(6), ask(j))
	u = must(s.User(ctx, tenant, u.ID))
	u.Enabled = true
	return errors.Join(conflict("a new job", s.InsertJob(ctx, at(6), newJob("mail")), "", ""),
		conflict("a job that is switched on", s.SaveJob(ctx, at(6), &on, on.Revision-1), "", ""), conflict("a start", start, "", ""),
		conflict("a new user", s.InsertUser(ctx, newUser("kim")), "", ""), conflict("a user that is enabled", s.SaveUser(ctx, u, nil), "", ""),
		same("its jobs", usageOf(ctx, s, tenant).Jobs, 1))
}

func tenantOpen(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	done(s.SetLimits(ctx, tenant, jobs.DefaultLimits(), false))
	_, open := s.EraseTenant(ctx, tenant, 10)
	_, unknown := s.EraseTenant(ctx, "nobody", 10)
	return errors.Join(conflict("an open tenant", open, "", ""), refused("an unknown one", unknown, jobs.ErrNotFound),
		same("its job", readJob(ctx, s, j).ID, j.ID))
}

func tenantErase(ctx context.Context, s jobs.Store) error {
	f := furnish(ctx, s)
	slices.Sort(f.files)
	before := usageOf(ctx, s, foreign)
	done(s.CloseTenant(ctx, at(5), tenant, true))
	steps, files := erase(ctx, s, 2)
	_, gone := s.EraseTenant(ctx, tenant, 2)
	_, user := s.User(ctx, tenant, clerk)
	return errors.Join(holds(steps > 5, "it took %d steps of 2", steps), same("keys of files", files, f.files),
		refused("a further step", gone, jobs.ErrNotFound), same("what is left of it", usageOf(ctx, s, tenant), jobs.TenantUsage{}),
		refused("its user", user, jobs.ErrNotFound), same("its audit", must(s.Audit(ctx, jobs.AuditQuery{Tenant: tenant})).Total, 0),
		same("its keys", len(must(s.TenantKeys(ctx, tenant))), 0), same("its tags", len(must(s.Tags(ctx, tenant, ""))), 0),
		same("what another tenant has", usageOf(ctx, s, foreign), before))
}

func tenantAudit(ctx context.Context, s jobs.Store) error {
	furnish(ctx, s)
	done(s.CloseTenant(ctx, at(5), tenant, true))
	ctx = jobs.WithAudit(ctx, jobs.AuditRow{Tenant: foreign, Actor: "root", Action: jobs.AuditDelete, Kind: "tenant", Object: string(tenant)})
	rows := func() int { return must(s.Audit(ctx, jobs.AuditQuery{Tenant: foreign})).Total }
	must(s.EraseTenant(ctx, tenant, 1))
	early := rows()
	erase(ctx, s, 100)
	return errors.Join(same("rows before the end", early, 0), same("rows", rows(), 1))
}

func tenantWorkers(ctx context.Context, s jobs.Store) error {
	f := furnish(ctx, s)
	done(s.CloseTenant(ctx, at(5), tenant, true))
	erase(ctx, s, 100)
	r := f.worker.turn(ctx, s, at(6), 0, ends(f.running, jobs.RunSuccess, at(6)), ends(f.elsewhere, jobs.RunSuccess, at(6)))
	left := must(s.Run(ctx, foreign, f.elsewhere.Run.ID))
	_, run := s.Run(ctx, tenant, f.running.Run.ID)
	return errors.Join(same("fenced runs", r.Fenced, []jobs.RunID{f.running.Run.ID}), same("the run of another tenant", left.Status, jobs.RunSuccess),
		refused("the erased run", run, jobs.ErrNotFound))
}

func tenantAnew(ctx context.Context, s jobs.Store) error {
	furnish(ctx, s)
	done(s.CloseTenant(ctx, at(5), tenant, true))
	erase(ctx, s, 100)
	givenUser(ctx, s, clerk)
	j := givenJob(ctx, s, "again")
	givenRun(ctx, s, j, at(6))
	return same("the tenant", usageOf(ctx, s, tenant), jobs.TenantUsage{ID: tenant, Users: 1, Jobs: 1, LiveRuns: 1})
}
