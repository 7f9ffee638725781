package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func auditRules() []rule {
	return []rule{
		{"every write stores the audit rows of its context", auditWrites},
		{"a write that fails stores none", auditFailure},
		{"rows are stored once, however many writes their context is used for", auditOnce},
		{"a start that gives the run of an earlier one has no row", auditReplay},
		{"rows are listed as they were written, newest first, those of one tenant", auditList},
		{"a list is filtered by job, actor, action and time, and paged", auditFilters},
		{"rows outlive the job that they tell of", auditOutlives},
		{"rows are pruned when they are older than the retention", auditPrune},
	}
}

// noted is the context of a write that is to be audited as an action.
func noted(ctx context.Context, action jobs.AuditAction) context.Context {
	return jobs.WithAudit(ctx, jobs.AuditRow{Tenant: tenant, Actor: clerk, Action: action, Kind: "job"})
}

// audited are the actions in the audit of the tenant, newest first.
func audited(ctx context.Context, s jobs.Store, q jobs.AuditQuery) string {
	q.Tenant = tenant
	var list []jobs.AuditAction
	for _, r := range must(s.Audit(ctx, q)).Items {
		list = append(list, r.Action)
	}
	return fmt.Sprint(list)
}

func auditWrites(ctx context.Context, s jobs.Store) error {
	j := newJob("stock")
	h := givenWorker(ctx, s, "node-a")
	team := newTeam("sales")
	user := jobs.User{Tenant: tenant, ID: clerk, Enabled: true, Revision: 1, CreatedAt: t0, UpdatedAt: t0}
	var run jobs.Run
	for _, w := range []struct {
		name  jobs.AuditAction
		write func(ctx context.Context) error
	}{
		{"insert job", func(ctx context.Context) error { return s.InsertJob(ctx, t0, j) }},
		{"save job", func(ctx context.Context) error {
			j.Revision, j.Name = 2, "Stock"
			return s.SaveJob(ctx, t0, j, 1)
		}},
		{"start runs", func(ctx context.Context) error {
			runs, err := s.StartRuns(ctx, t0, ask(j))
			run = runs[0]
			return err
		}},
		{"cancel run", func(ctx context.Context) error {
			_, err := s.CancelRun(ctx, t0, tenant, run.ID, clerk)
			return err
		}},
		{"delete run", func(ctx context.Context) error { return s.DeleteRun(ctx, tenant, j.ID, run.ID) }},
		{"delete runs", func(ctx context.Context) error { return s.DeleteRuns(ctx, tenant, j.ID, at(1)) }},
		{"set limits", func(ctx context.Context) error { return s.SetLimits(ctx, tenant, jobs.DefaultLimits(), false) }},
		{"steer worker", func(ctx context.Context) error { return s.SteerWorker(ctx, h.id, jobs.WorkerDraining, 0) }},
		{"delete job", func(ctx context.Context) error { return s.DeleteJob(ctx, t0, tenant, j.ID, 0, false) }},
		{"insert user", func(ctx context.Context) error { return s.InsertUser(ctx, user) }},
		{"save user", func(ctx context.Context) error { return s.SaveUser(ctx, user, nil) }},
		{"insert session", func(ctx context.Context) error { return s.InsertSession(ctx, session(1, user.ID, 0), 3) }},
		{"delete session", func(ctx context.Context) error { return s.DeleteSession(ctx, hash(1)) }},
		{"insert token", func(ctx context.Context) error { return s.InsertToken(ctx, token(2, user.ID, 0)) }},
		{"delete token", func(ctx context.Context) error { return s.DeleteToken(ctx, tenant, user.ID, "token-2") }},
		{"insert team", func(ctx context.Context) error { return s.InsertTeam(ctx, team) }},
		{"save team", func(ctx context.Context) error { return s.SaveTeam(ctx, team) }},
		{"put member", func(ctx context.Context) error {
			return s.PutMember(ctx, t0, tenant, team.ID, as(user.ID, jobs.RoleAdmin))
		}},
		{"delete member", func(ctx context.Context) error { return s.DeleteMember(ctx, t0, tenant, team.ID, user.ID) }},
		{"delete team", func(ctx context.Context) error { return s.DeleteTeam(ctx, t0, tenant, team.ID, 0) }},
		{"delete user", func(ctx context.Context) error { return s.DeleteUser(ctx, t0, tenant, user.ID, 0) }},
	} {
		if err := w.write(noted(ctx, w.name)); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		if got, want := audited(ctx, s, jobs.AuditQuery{Action: w.name}), fmt.Sprintf("[%s]", w.name); got != want {
			return fmt.Errorf("after %s the audit has %s", w.name, got)
		}
	}
	return nil
}

func auditFailure(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock")
	err := s.InsertJob(noted(ctx, jobs.AuditCreate), t0, newJob("stock"))
	return errors.Join(holds(errors.Is(err, jobs.ErrConflict), "a taken slug is %v", err),
		same("rows", audited(ctx, s, jobs.AuditQuery{}), "[]"))
}

func auditOnce(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock")
	write := noted(ctx, jobs.AuditCreate)
	if err := s.InsertJob(write, t0, newJob("stock")); !errors.Is(err, jobs.ErrConflict) {
		return fmt.Errorf("a taken slug is not ErrConflict: %w", err)
	}
	done(s.InsertJob(write, t0, newJob("stock-2")))
	done(s.InsertJob(write, t0, newJob("stock-3")))
	return same("rows", audited(ctx, s, jobs.AuditQuery{}), "[create]")
}

func auditReplay(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	a := ask(j)
	a.Key = "once"
	first := must(s.StartRuns(noted(ctx, jobs.AuditRun), t0, a))
	again := must(s.StartRuns(noted(ctx, jobs.AuditRun), t0, a))
	return errors.Join(same("the run", again[0].ID, first[0].ID), same("rows", audited(ctx, s, jobs.AuditQuery{}), "[run]"))
}

// wholeRow is an audit row that has everything.
func wholeRow(of jobs.TenantID, n int) jobs.AuditRow {
	return jobs.AuditRow{
		ID: jobs.NewUUID(), At: at(n), Tenant: of, Actor: owner, ActorKind: jobs.ActorUser, TokenID: "t1", Address: "192.0.2.7", RequestID: "r1",
		Action: jobs.AuditUpdate, Kind: "job", Object: "o1", JobID: jobs.NewID(), Revision: 7, Fields: []string{"name", "data"}, Result: jobs.AuditDenied,
	}
}

func auditList(ctx context.Context, s jobs.Store) error {
	first, second, other := wholeRow(tenant, 1), wholeRow(tenant, 2), wholeRow(foreign, 3)
	done(s.AddAudit(ctx, []jobs.AuditRow{first, second}))
	done(s.AddAudit(ctx, []jobs.AuditRow{other}))
	done(s.AddAudit(ctx, nil))
	page := must(s.Audit(ctx, jobs.AuditQuery{Tenant: tenant}))
	return same("the list", page, jobs.Page[jobs.AuditRow]{Items: []jobs.AuditRow{second, first}, Total: 2})
}

func auditFilters(ctx context.Context, s jobs.Store) error {
	var rows []jobs.AuditRow
	job := jobs.NewID()
	for i, action := range []jobs.AuditAction{"a", "b", "c", "d", "e"} {
		r := wholeRow(tenant, i)
		r.Action = action
		if i%2 == 0 {
			r.Actor = clerk
		}
		if i > 2 {
			r.JobID = job
		}
		rows = append(rows, r)
	}
	done(s.AddAudit(ctx, rows))
	paged := must(s.Audit(ctx, jobs.AuditQuery{Tenant: tenant, Start: 1, Limit: 2}))
	return errors.Join(
		same("by job", audited(ctx, s, jobs.AuditQuery{JobID: job}), "[e d]"),
		same("by actor", audited(ctx, s, jobs.AuditQuery{Actor: clerk}), "[e c a]"),
		same("by action", audited(ctx, s, jobs.AuditQuery{Action: "b"}), "[b]"),
		same("from and to", audited(ctx, s, jobs.AuditQuery{From: at(1), To: at(3)}), "[c b]"),
		same("a page", audited(ctx, s, jobs.AuditQuery{Start: 1, Limit: 2}), "[d c]"),
		same("the total of a page", paged.Total, 5),
		same("a job of nobody", audited(ctx, s, jobs.AuditQuery{JobID: jobs.NewID()}), "[]"),
	)
}

func auditOutlives(ctx context.Context, s jobs.Store) error {
	j := newJob("stock")
	row := jobs.AuditRow{Tenant: tenant, Actor: owner, Action: jobs.AuditCreate, Kind: "job", JobID: j.ID}
	done(s.InsertJob(jobs.WithAudit(ctx, row), t0, j))
	done(s.DeleteJob(ctx, t0, tenant, j.ID, 0, false))
	return same("rows", audited(ctx, s, jobs.AuditQuery{JobID: j.ID}), "[create]")
}

func auditPrune(ctx context.Context, s jobs.Store) error {
	old, young := wholeRow(tenant, 0), wholeRow(tenant, 0)
	old.At, young.At = t0.Add(-time.Millisecond), t0
	old.Action, young.Action = "old", "young"
	done(s.AddAudit(ctx, []jobs.AuditRow{old, young}))
	must(s.Prune(ctx, t0.Add(jobs.AuditRetention), jobs.Retention{}, 10))
	return same("rows", audited(ctx, s, jobs.AuditQuery{}), "[young]")
}
