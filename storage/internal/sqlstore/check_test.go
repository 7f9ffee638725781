package sqlstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/internal/sqlstore"
	"github.com/carillon-go/carillon/storage/sqlite"
)

var morning = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// world fills a store with something of everything: a job with an ended, a running and a queued run of its fires, a draft.
func world(t *testing.T, s *sqlite.Store) {
	t.Helper()
	ctx := context.Background()
	j := &jobs.Job{
		ID: "j", Tenant: "acme", Slug: "stock", OwnerID: "mara", Enabled: true, Revision: 1, CreatedAt: morning, UpdatedAt: morning,
		NextRunAt:  morning.Add(time.Minute),
		Definition: jobs.Definition{Type: "report", Name: "Stock", Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies()},
	}
	j.Schedule = jobs.Schedule{Interval: "* * * * *", IntervalType: jobs.IntervalCron}
	j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, 2
	single := *j
	single.ID, single.Slug, single.NextRunAt = "single", "single", time.Time{}
	single.Policies.Overlap, single.Policies.MaxConcurrent = jobs.OverlapQueue, 1
	draft := *j
	attached := &jobs.File{Key: jobs.NewBlobKey(), Name: "a.csv", Size: 3}
	single.Actions = []jobs.Action{{ID: "a", Type: "email", Attachments: []jobs.Attachment{{ID: "f", Type: "file", File: attached}}}}
	draft.ID, draft.Slug, draft.EditingID, draft.NextRunAt, draft.Enabled = "draft", "", "j", time.Time{}, false
	draft.Base = jobs.DraftBase{Revision: 1, Source: 1}
	steps := []error{
		s.AddFile(ctx, morning, "acme", attached.Key, attached.Size),
		s.InsertJob(ctx, morning, j), s.InsertJob(ctx, morning, &single), s.InsertJob(ctx, morning, &draft),
		s.RegisterWorker(ctx, morning, jobs.Worker{ID: "w", Hostname: "h"}),
	}
	for i := range 3 {
		_, err := s.Plan(ctx, morning.Add(time.Duration(i+1)*time.Minute), 10)
		steps = append(steps, err)
	}
	now := morning.Add(3 * time.Minute)
	start := jobs.Start{Tenant: "acme", JobID: "single", Trigger: jobs.TriggerManual, Params: []json.RawMessage{nil}}
	_, err := s.StartRuns(ctx, now, start)
	_, err2 := s.StartRuns(ctx, now, start)
	steps = append(steps, err, err2)
	has := func(jobs.DriverKind, string) bool { return true }
	r, err := s.Exchange(ctx, jobs.ExchangeRequest{Worker: "w", Beat: 1, Now: now, Want: 2, Has: has})
	if err := errors.Join(append(steps, err)...); err != nil {
		t.Fatal(err)
	}
	c := r.Claimed[0]
	c.Run.Steps[0].State, c.Run.Steps[0].Seq = jobs.StepSuccess, 2
	_, err = s.Exchange(ctx, jobs.ExchangeRequest{Worker: "w", Beat: 2, Now: now, Has: has, Outcomes: []jobs.Outcome{{
		RunID: c.Run.ID, Fence: c.Run.Fence, Steps: c.Run.Steps, Seq: 3, End: &jobs.RunEnd{Status: jobs.RunSuccess, At: now},
		Logs: []jobs.LogEntry{{Index: 0, Seq: 1, Message: "a", CreatedAt: now}, {Index: 1, Seq: 3, Message: "b", CreatedAt: now}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

// people adds two users to a world, one of them with a session and a token, and their team.
func people(t *testing.T, s *sqlite.Store) {
	t.Helper()
	ctx := context.Background()
	var steps []error
	for _, id := range []jobs.PrincipalID{"kim", "mara"} {
		steps = append(steps, s.InsertUser(ctx, jobs.User{Tenant: "acme", ID: id, Enabled: true, CreatedAt: morning, UpdatedAt: morning}))
	}
	steps = append(steps,
		s.InsertTeam(ctx, jobs.Team{
			Tenant: "acme", ID: "team:sales", Name: "Sales", CreatedAt: morning, UpdatedAt: morning,
			Members: []jobs.Member{{User: "kim", Role: jobs.RoleAdmin}, {User: "mara", Role: jobs.RoleMember}},
		}),
		s.InsertSession(ctx, jobs.Session{
			Hash: []byte("s"), Tenant: "acme", User: "kim", CreatedAt: morning, SeenAt: morning, ExpiresAt: morning.Add(time.Hour),
		}, 20),
		s.InsertToken(ctx, jobs.Token{ID: "k", Hash: []byte("k"), Tenant: "acme", User: "kim", Name: "importer", CreatedAt: morning}))
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
}

// breaks has, for each invariant, changes of the database after which it does not hold.
var breaks = map[string][]string{
	"I2: a job has at most one run that does not wait, unless its policy allows more": {
		`UPDATE runs SET blocked = 0 WHERE job_id = 'single' AND blocked = 1`,
	},
	"I2: queued runs that may start are within the policy of their job": {`UPDATE jobs SET max_concurrent = 1 WHERE id = 'j'`},
	"I10: a run waits only if its job has no room":                      {`UPDATE jobs SET overlap = 'allow', max_concurrent = 9 WHERE id = 'single'`},
	"an exclusive key is held only by a job whose runs must not overlap": {
		`UPDATE jobs SET overlap = 'allow' WHERE id = 'single'`,
	},
	"a job whose runs must not overlap and that has one open run gives it the exclusive key": {`UPDATE runs SET exclusive_key = NULL`},
	"I3: a fire has one line": {`INSERT INTO fires SELECT job_id, fire_at, 0, 0, 'ran', '', '', 0 FROM run_history`},
	"I8: the next fire is later than every fire that was decided": {
		`INSERT INTO fires VALUES ('j', 1, 0, 0, 'missed', 'x', '', 0), ('j', 2, 9000000000000, 5, 'missed', 'x', '', 0)`,
	},
	"a draft has no slug and no next fire": {
		`PRAGMA ignore_check_constraints = 1`, `UPDATE jobs SET next_run_at = 7 WHERE id = 'draft'`,
	},
	"a draft is of a job of its tenant that is no draft itself": {`UPDATE jobs SET tenant = 'umbrella' WHERE id = 'draft'`},
	"the revisions that a draft was made from are kept":         {`UPDATE jobs SET base_revision = 2 WHERE id = 'draft'`},
	"a revision is not newer than its job":                      {`INSERT INTO job_revisions SELECT job_id, 2, definition, 1, '', '', '[]' FROM job_revisions WHERE job_id = 'j'`},
	"a live run is not in the history":                          {`UPDATE runs SET id = (SELECT id FROM run_history) WHERE status = 'running'`},
	"a running run is held by a live worker":                    {`UPDATE job_workers SET status = 'lost', stopped_at = 1`},
	"a run belongs to a job of its tenant":                      {`UPDATE runs SET tenant = 'umbrella'`},
	"the revision of a run is kept":                             {`UPDATE runs SET revision = 9`},
	"the definition of a job is kept":                           {`UPDATE jobs SET revision = 9`},
	"a log entry belongs to a run":                              {`UPDATE run_logs SET run_id = 'x'`},
	"events of a run are not newer than its number":             {`UPDATE run_logs SET seq = 99 WHERE idx = 1`},
	"the run of a job that ended last is noted":                 {`UPDATE last_runs SET started_at = 7`},
	"what lists show of a job is what its definition says":      {`UPDATE jobs SET timezone = 'Europe/Berlin' WHERE id = 'j'`},
	"a share belongs to a job, and is neither its owner's nor one of a draft": {
		`INSERT INTO job_shares SELECT id, owner_id, 1, 1, 1 FROM jobs WHERE id = 'j'`,
	},
	"a tag of a job is one of its tenant, and not of a draft": {
		`INSERT INTO tags VALUES ('t', 'umbrella', 'x', 'x', '', 1, 1)`, `INSERT INTO job_tags VALUES ('a', 'j', 't')`,
	},
	"a favorite is a job of the user's tenant, and no draft":      {`INSERT INTO job_favorites VALUES ('umbrella', 'kim', 'j')`},
	"a job that was handed over and not switched on since is off": {`INSERT INTO job_handovers VALUES ('j', 1)`},
	"at most one run of a backfill of a job does not wait": {
		`PRAGMA ignore_check_constraints = 1`, `DROP INDEX runs_chain`, `DROP INDEX runs_fire`,
		`UPDATE runs SET trigger_kind = 'backfill', fire_at = created_at, blocked = 0`,
	},
	"what a revision names of contents is noted, and nothing else": {`DELETE FROM revision_files`},
	"contents that a revision names are of its tenant and marked":  {`UPDATE files SET tenant = 'umbrella'`},
	"the files of a tenant are within their limits":                {`UPDATE files SET size = 10737418241`},
	"events of a run grow with the index of their entries": {
		`UPDATE run_logs SET seq = 3 WHERE idx = 0`, `UPDATE run_logs SET seq = 2 WHERE idx = 1`,
	},
	"a run that has not begun has the revision, the drivers and the priority of its job": {
		`UPDATE runs SET urgency = 5 WHERE status = 'queued'`,
	},
	"a stored definition can be read": {`DROP TRIGGER job_revisions_final`, `UPDATE job_revisions SET definition = '{"type"' WHERE job_id = 'j'`},
	"stored steps can be read":        {`UPDATE runs SET steps = '[{' WHERE status = 'running'`},
	"I4: an ended run began before it ended": {
		`PRAGMA ignore_check_constraints = 1`, `DROP TRIGGER run_history_final`, `UPDATE run_history SET started_at = 0`,
	},
	"an ended run has a result for each step that its worker told of": {
		`DROP TRIGGER run_history_final`, `UPDATE run_history SET steps = '[{"state":"started"}]'`,
	},
	"the number of queued runs of a tenant is counted right":                 {`UPDATE tenants SET queued = queued + 1`},
	"the number of ended runs of a job is counted right":                     {`UPDATE run_totals SET ended = ended + 1`},
	"the number of jobs of a tenant is counted right":                        {`UPDATE tenants SET jobs = jobs + 1`},
	"the sign of a delay is set for every run that waits for a time to come": {`UPDATE runs SET not_before = updated_at + 1 WHERE status = 'queued'`},
	"a member of a team is a user of the team's tenant":                      {`UPDATE team_members SET user_id = 'ghost' WHERE user_id = 'kim'`},
	"a member is in a team of its tenant":                                    {`UPDATE team_members SET team_id = 'team:ghosts' WHERE user_id = 'kim'`},
	"a session belongs to a user who is enabled":                             {`DELETE FROM tokens`, `UPDATE users SET enabled = 0 WHERE id = 'kim'`},
	"a token belongs to a user who is enabled":                               {`DELETE FROM sessions`, `UPDATE users SET enabled = 0 WHERE id = 'kim'`},
	"a step result names its event":                                          {`UPDATE runs SET steps = '[{"seq":99}]'`},
}

func TestCore_Check(t *testing.T) {
	ctx := context.Background()
	t.Run("what the store has written passes", func(t *testing.T) {
		s, _ := newDatabase(t)
		world(t, s)
		people(t, s)
		if err := s.Check(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, sentence := range sqlstore.Invariants() {
		t.Run(sentence, func(t *testing.T) {
			s, db := newDatabase(t)
			world(t, s)
			people(t, s)
			changes, ok := breaks[sentence]
			if !ok {
				t.Fatal("nothing breaks this invariant")
			}
			for _, change := range changes {
				if _, err := db.Exec(change); err != nil {
					t.Fatalf("%s: %v", change, err)
				}
			}
			if err := s.Check(ctx); err == nil || !strings.Contains(err.Error(), sentence) {
				t.Errorf("Check: %v, want it to name the broken invariant", err)
			}
		})
	}
	t.Run("limits that are exceeded are named", func(t *testing.T) {
		s, db := newDatabase(t)
		world(t, s)
		if _, err := db.Exec(`UPDATE runs SET status = 'running', worker_id = 'w', started_at = 1 WHERE blocked = 0`); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`UPDATE tenants SET concurrency = 1`); err != nil {
			t.Fatal(err)
		}
		var fault *sqlstore.CheckError
		if err := s.Check(ctx); !errors.As(err, &fault) || !strings.Contains(err.Error(), "running, limit 1") {
			t.Errorf("Check: %v, want the limit named", err)
		}
	})
}

func TestSchema_finalRows(t *testing.T) {
	s, db := newDatabase(t)
	world(t, s)
	for _, change := range []string{`UPDATE run_history SET error = 'x'`, `UPDATE job_revisions SET definition = '{}'`} {
		if _, err := db.Exec(change); err == nil {
			t.Errorf("%s: no error", change)
		}
	}
}
