package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// refusal is a use case that is refused below its level, with a token that only reads, and without sight of the job. Its input is as wrong as
// can be, and its state as well, for a permission that is missing is told before both.
type refusal struct {
	name  string
	level jobs.Level
	ask   func(ctx context.Context, c *jobs.Client) error
}

// refusalsOf are the use cases of one job; run is one of its runs.
func refusalsOf(j *jobs.Job, run jobs.RunID) []refusal {
	job, action := ref(j), j.Actions[0].ID
	file := jobs.AttachmentRef{Job: job, Action: action, ID: jobs.NewAttachmentID()}
	return []refusal{
		{"Run", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.Run(ctx, job, jobs.RunOptions{Params: json.RawMessage(`7`)})
			return err
		}},
		{"RunMany", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.RunMany(ctx, job, nil)
			return err
		}},
		{"CancelRun", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.CancelRun(ctx, job, run)
			return err
		}},
		{"RetryRun", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.RetryRun(ctx, job, run, jobs.RetryOptions{})
			return err
		}},
		{"Backfill", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.Backfill(ctx, job, jobs.BackfillOptions{})
			return err
		}},
		{"CopyJob", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.CopyJob(ctx, job, jobs.CopySpec{})
			return err
		}},
		{"CopyJob with shares", jobs.LevelShare, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.CopyJob(ctx, job, jobs.CopySpec{Sharing: true})
			return err
		}},
		{"PreviewAction", jobs.LevelRun, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.PreviewAction(ctx, job, action, jobs.PreviewRequest{})
			return err
		}},
		{"UpdateJob", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.UpdateJob(ctx, job, jobs.JobPatch{Name: jobs.Value("")}, jobs.Precondition{Revision: 7})
			return err
		}},
		{"EditJob", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.EditJob(ctx, job)
			return err
		}},
		{"CommitDraft", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.CommitDraft(ctx, job, false)
			return err
		}},
		{"RestoreRevision", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.RestoreRevision(ctx, job, 99, false)
			return err
		}},
		{"AddAction", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, _, err := c.AddAction(ctx, job, jobs.ActionSpec{})
			return err
		}},
		{"UpdateAction", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, _, err := c.UpdateAction(ctx, job, action, jobs.ActionPatch{Name: jobs.Value("")}, jobs.Precondition{})
			return err
		}},
		{"DeleteAction", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			return c.DeleteAction(ctx, job, action, jobs.Precondition{UpdatedAt: time.Unix(7, 0)})
		}},
		{"Reorder", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.Reorder(ctx, job, jobs.Reorder{})
			return err
		}},
		{"AddAttachment", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.AddAttachment(ctx, file, jobs.AttachmentSpec{})
			return err
		}},
		{"AddAssociation", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, _, err := c.AddAssociation(ctx, job, jobs.AssociationSpec{})
			return err
		}},
		{"DeleteAssociation", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			return c.DeleteAssociation(ctx, job, "stock", jobs.Precondition{UpdatedAt: time.Unix(7, 0)})
		}},
		{"DeleteRun", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			return c.DeleteRun(ctx, job, run)
		}},
		{"DeleteRuns", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			return c.DeleteRuns(ctx, job, time.Time{})
		}},
		{"JobAudit", jobs.LevelEdit, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.JobAudit(ctx, job, jobs.AuditQuery{})
			return err
		}},
		{"PutShare", jobs.LevelShare, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.PutShare(ctx, job, "", 7)
			return err
		}},
		{"DeleteShare", jobs.LevelShare, func(ctx context.Context, c *jobs.Client) error {
			return c.DeleteShare(ctx, job, "lea")
		}},
		{"DatasetPermissions of another", jobs.LevelShare, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.DatasetPermissions(ctx, job, "someone")
			return err
		}},
		{"HandOver", jobs.LevelFull, func(ctx context.Context, c *jobs.Client) error {
			_, err := c.HandOver(ctx, job, "", false, jobs.Precondition{Revision: 7})
			return err
		}},
		{"DeleteJob", jobs.LevelFull, func(ctx context.Context, c *jobs.Client) error {
			return c.DeleteJob(ctx, job, false, jobs.Precondition{Revision: 7})
		}},
	}
}

// below is the highest level that is lower.
func below(level jobs.Level) jobs.Level {
	best := jobs.LevelNone
	for _, l := range []jobs.Level{jobs.LevelRead, jobs.LevelRun, jobs.LevelEdit, jobs.LevelShare} {
		if l < level {
			best = l
		}
	}
	return best
}

// TestClient_refusals: Go programs have nothing in front of these checks, as HTTP has.
func TestClient_refusals(t *testing.T) {
	t.Parallel()
	h, d := newDatasetHouse(t)
	d.Grant("globex", "globex:stock", "noa", jobs.AllDatasetRights())
	mara := h.as("mara")
	readOnly := h.service.As(jobs.Principal{Tenant: "globex", User: "mara", Rights: jobs.Rights{CreateJobs: true}, ReadOnly: true})
	j := h.shared(func(s *jobs.JobSpec) {
		s.Datasets = []jobs.AssociationSpec{stockSpec()}
		s.Actions = []jobs.ActionSpec{{Type: "tell", Name: "Tell", Data: json.RawMessage(`{"to":"x"}`)}}
	})
	run := h.started(mara, j)
	reads := map[string]bool{"JobAudit": true, "DatasetPermissions of another": true}
	for _, r := range refusalsOf(j, run.ID) {
		t.Run(r.name, func(t *testing.T) {
			if _, err := mara.PutShare(t.Context(), ref(j), "noa", below(r.level)); err != nil {
				t.Fatal(err)
			}
			if err := r.ask(t.Context(), h.as("noa")); !errors.Is(err, jobs.ErrForbidden) {
				t.Errorf("with level %d: %v, want that it is forbidden", below(r.level), err)
			}
			if err := r.ask(t.Context(), h.as("stranger")); !errors.Is(err, jobs.ErrNotFound) {
				t.Errorf("a stranger: %v, want that there is no such job", err)
			}
			if err := r.ask(t.Context(), readOnly); !reads[r.name] && !errors.Is(err, jobs.ErrForbidden) {
				t.Errorf("a token that only reads: %v, want that it is forbidden", err)
			}
			if _, err := mara.PutShare(t.Context(), ref(j), "noa", r.level); err != nil {
				t.Fatal(err)
			}
			if err := r.ask(t.Context(), h.as("noa")); errors.Is(err, jobs.ErrForbidden) {
				t.Errorf("with level %d: %v, want no refusal", r.level, err)
			}
		})
	}
}
