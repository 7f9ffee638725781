package jobs_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func TestRole_Level(t *testing.T) {
	t.Parallel()
	for role, want := range map[jobs.Role]jobs.Level{
		jobs.RoleMember: jobs.LevelRead, jobs.RoleMemberPlus: jobs.LevelRead, jobs.RoleDesigner: jobs.LevelRun,
		jobs.RoleDataWizard: jobs.LevelEdit, jobs.RolePublisher: jobs.LevelShare, jobs.RoleAdmin: jobs.LevelFull,
		"owner": jobs.LevelNone, "": jobs.LevelNone,
	} {
		if got := role.Level(); got != want {
			t.Errorf("role %q has level %d, want %d", role, got, want)
		}
	}
}

func TestLevel_Valid(t *testing.T) {
	t.Parallel()
	for level := jobs.Level(-1); level <= 12; level++ {
		want := level == 1 || level == 2 || level == 3 || level == 5 || level == 10
		if got := level.Valid(); got != want {
			t.Errorf("Level(%d).Valid() is %v", level, got)
		}
	}
}

func TestPrincipal_LevelOn(t *testing.T) {
	t.Parallel()
	team := func(role jobs.Role) []jobs.Membership { return []jobs.Membership{{Team: "team:stock", Role: role}} }
	share := func(id jobs.PrincipalID, l jobs.Level) []jobs.Share { return []jobs.Share{{PrincipalID: id, Level: l}} }
	kim := jobs.Principal{Tenant: "globex", User: "kim"}
	with := func(change func(*jobs.Principal)) jobs.Principal {
		p := kim
		change(&p)
		return p
	}
	mine := jobs.Job{Tenant: "globex", OwnerID: "mara"}
	cases := []struct {
		name string
		p    jobs.Principal
		job  jobs.Job
		want jobs.Level
	}{
		{"the zero principal has nothing, not even on a job without an owner", jobs.Principal{}, jobs.Job{}, jobs.LevelNone},
		{"a stranger has nothing", kim, mine, jobs.LevelNone},
		{"the owner has everything", kim, jobs.Job{Tenant: "globex", OwnerID: "kim"}, jobs.LevelFull},
		{"the owner's name in another tenant has nothing", kim, jobs.Job{Tenant: "initech", OwnerID: "kim"}, jobs.LevelNone},
		{"a superuser has everything in the tenant", with(func(p *jobs.Principal) { p.Superuser = true }), mine, jobs.LevelFull},
		{"and nothing in another", with(func(p *jobs.Principal) { p.Superuser = true }), jobs.Job{Tenant: "initech"}, jobs.LevelNone},
		{
			"a team's job gives the level of the role", with(func(p *jobs.Principal) { p.Teams = team(jobs.RoleDesigner) }),
			jobs.Job{Tenant: "globex", OwnerID: "team:stock"},
			jobs.LevelRun,
		},
		{
			"a role in another team gives nothing", with(func(p *jobs.Principal) { p.Teams = team(jobs.RoleAdmin) }),
			jobs.Job{Tenant: "globex", OwnerID: "team:sales"},
			jobs.LevelNone,
		},
		{
			"a team's bare name is no membership", with(func(p *jobs.Principal) { p.Teams = team(jobs.RoleAdmin) }),
			jobs.Job{Tenant: "globex", OwnerID: "stock"},
			jobs.LevelNone,
		},
		{"a share with the user", kim, jobs.Job{Tenant: "globex", OwnerID: "mara", Shares: share("kim", jobs.LevelShare)}, jobs.LevelShare},
		{
			"a share with a team gives every member its level, whatever the role", with(func(p *jobs.Principal) { p.Teams = team(jobs.RoleMember) }),
			jobs.Job{Tenant: "globex", OwnerID: "mara", Shares: share("team:stock", jobs.LevelEdit)},
			jobs.LevelEdit,
		},
		{"a share with others gives nothing", kim, jobs.Job{Tenant: "globex", OwnerID: "mara", Shares: share("max", jobs.LevelFull)}, jobs.LevelNone},
		{"of several sources the highest counts", with(func(p *jobs.Principal) { p.Teams = team(jobs.RoleDataWizard) }), jobs.Job{
			Tenant: "globex", OwnerID: "team:stock", Shares: append(share("kim", jobs.LevelRun), share("team:stock", jobs.LevelRead)...),
		}, jobs.LevelEdit},
		{"a draft is its maker's", kim, jobs.Job{Tenant: "globex", OwnerID: "kim", EditingID: "x"}, jobs.LevelFull},
		{
			"and nobody else's, shares or not", kim,
			jobs.Job{Tenant: "globex", OwnerID: "mara", EditingID: "x", Shares: share("kim", jobs.LevelFull)},
			jobs.LevelNone,
		},
		{
			"a draft is not its team's", with(func(p *jobs.Principal) { p.Teams = team(jobs.RoleAdmin) }),
			jobs.Job{Tenant: "globex", OwnerID: "team:stock", EditingID: "x"},
			jobs.LevelNone,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.LevelOn(&c.job); got != c.want {
				t.Errorf("level is %d, want %d", got, c.want)
			}
		})
	}
}

func TestPrincipal_PermissionsOn(t *testing.T) {
	t.Parallel()
	kim := jobs.Principal{Tenant: "globex", User: "kim"}
	shared := func(l jobs.Level) *jobs.Job {
		return &jobs.Job{Tenant: "globex", OwnerID: "mara", Shares: []jobs.Share{{PrincipalID: "kim", Level: l}}}
	}
	// Contract 1.5: each level has all of the lower ones.
	want := jobs.Permissions{}
	for _, step := range []struct {
		level jobs.Level
		adds  func(*jobs.Permissions)
	}{
		{jobs.LevelNone, func(*jobs.Permissions) {}},
		{jobs.LevelRead, func(*jobs.Permissions) {}},
		{jobs.LevelRun, func(p *jobs.Permissions) { p.Run, p.Copy = true, true }},
		{jobs.LevelEdit, func(p *jobs.Permissions) { p.Edit, p.AssignTags = true, true }},
		{jobs.LevelShare, func(p *jobs.Permissions) { p.Share = true }},
		{jobs.LevelFull, func(p *jobs.Permissions) { p.Delete, p.ChangeOwner = true, true }},
	} {
		step.adds(&want)
		if diff := cmp.Diff(want, kim.PermissionsOn(shared(step.level))); diff != "" {
			t.Errorf("level %d (-want +got):\n%s", step.level, diff)
		}
	}
	reader := kim
	reader.ReadOnly = true
	if got := reader.PermissionsOn(shared(jobs.LevelFull)); got != (jobs.Permissions{}) {
		t.Errorf("a read-only token shows %+v", got)
	}
	draft := &jobs.Job{Tenant: "globex", OwnerID: "kim", EditingID: "x"}
	if diff := cmp.Diff(jobs.Permissions{Edit: true, Delete: true}, kim.PermissionsOn(draft)); diff != "" {
		t.Errorf("a draft (-want +got):\n%s", diff)
	}
}

// TestClient_order_of_checks holds contract 1.5: 401, then 404, then 403, then 400, then 409 or 412. Every call has every fault at once.
func TestClient_order_of_checks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wizard := h.as("ada", jobs.Membership{Team: "team:stock", Role: jobs.RoleDataWizard})
	j := h.job(wizard, func(s *jobs.JobSpec) {
		s.OwnerID, s.Actions = "team:stock", []jobs.ActionSpec{{Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"a"}`)}}
	})
	run, err := wizard.Run(t.Context(), ref(j), jobs.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	member := h.as("max", jobs.Membership{Team: "team:stock", Role: jobs.RoleMember})
	readOnly := h.service.As(jobs.Principal{Tenant: "globex", User: "root", Superuser: true, ReadOnly: true, Rights: jobs.Rights{CreateJobs: true}})
	id, ctx := j.Actions[0].ID, t.Context()
	stale := jobs.Precondition{Revision: 99, UpdatedAt: j.CreatedAt.AddDate(1, 0, 0)}
	// bad tells whether the call is to have a fault in its input; else only the state is against it.
	calls := map[string]func(c *jobs.Client, bad bool) error{
		"update": func(c *jobs.Client, bad bool) error {
			_, err := c.UpdateJob(ctx, ref(j), jobs.JobPatch{Name: jobs.Value(worse(bad, "", "New"))}, stale)
			return err
		},
		"update action": func(c *jobs.Client, bad bool) error {
			_, _, err := c.UpdateAction(ctx, ref(j), id, jobs.ActionPatch{Name: jobs.Value(worse(bad, "", "New"))}, stale)
			return err
		},
		"run": func(c *jobs.Client, bad bool) error {
			_, err := c.Run(ctx, ref(j), jobs.RunOptions{Params: json.RawMessage(worse(bad, `[]`, `{}`))})
			return err
		},
		"delete runs": func(c *jobs.Client, bad bool) error {
			if !bad {
				return c.DeleteRun(ctx, ref(j), run.ID)
			}
			return c.DeleteRuns(ctx, ref(j), time.Time{})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			for _, step := range []struct {
				who  string
				c    *jobs.Client
				bad  bool
				want error
			}{
				{"nobody", h.service.As(jobs.Principal{Tenant: "globex"}), true, jobs.ErrUnauthenticated},
				{"a user of no tenant", h.service.As(jobs.Principal{User: "ada"}), true, jobs.ErrUnauthenticated},
				{"a stranger", h.as("kim"), true, jobs.ErrNotFound},
				{"a member of the team", member, true, jobs.ErrForbidden},
				{"a read-only token of a superuser", readOnly, true, jobs.ErrForbidden},
				{"a dataWizard with a fault", wizard, true, jobs.ErrInvalid},
			} {
				if err := call(step.c, step.bad); !errors.Is(err, step.want) {
					t.Errorf("%s: error is %v, want %v", step.who, err, step.want)
				}
			}
			if err := call(wizard, false); !errors.Is(err, jobs.ErrConflict) && !errors.Is(err, jobs.ErrPrecondition) {
				t.Errorf("a dataWizard against the state: error is %v", err)
			}
		})
	}
	if err := wizard.DeleteJob(ctx, ref(j), true, stale); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("a dataWizard deletes: %v", err)
	}
}

func worse(bad bool, wrong, right string) string {
	if bad {
		return wrong
	}
	return right
}

func TestClient_Can(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	j := h.job(h.as("ada", jobs.Membership{Team: "team:stock", Role: jobs.RoleAdmin}), func(s *jobs.JobSpec) { s.OwnerID = "team:stock" })
	all := []jobs.Permission{
		jobs.PermissionRead, jobs.PermissionRun, jobs.PermissionCopy, jobs.PermissionEdit, jobs.PermissionAssignTags, jobs.PermissionShare,
		jobs.PermissionDelete, jobs.PermissionChangeOwner,
	}
	for role, first := range map[jobs.Role]int{
		jobs.RoleMember: 1, jobs.RoleDesigner: 3, jobs.RoleDataWizard: 5, jobs.RolePublisher: 6, jobs.RoleAdmin: 8,
	} {
		c := h.as("max", jobs.Membership{Team: "team:stock", Role: role})
		for i, perm := range all {
			err := c.Can(t.Context(), ref(j), perm)
			if i < first && err != nil || i >= first && !errors.Is(err, jobs.ErrForbidden) {
				t.Errorf("%s, %s: %v", role, perm, err)
			}
		}
	}
	if err := h.as("max").Can(t.Context(), ref(j), "job:unheard-of"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if err := h.as("max", jobs.Membership{Team: "team:stock", Role: jobs.RolePublisher}).Can(t.Context(), ref(j), "job:unheard-of"); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("an unknown permission needs less than the full level: %v", err)
	}
}
