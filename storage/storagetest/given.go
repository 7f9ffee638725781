package storagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Tenants of the rules, and the moment at which they begin.
const (
	tenant  = jobs.TenantID("acme")
	foreign = jobs.TenantID("umbrella")
	owner   = jobs.PrincipalID("mara.lind")
	clerk   = jobs.PrincipalID("ole.berg")
)

var t0 = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// at is t0 and some minutes.
func at(minutes int) time.Time { return t0.Add(time.Duration(minutes) * time.Minute) }

// newJob is a valid job that is run by hand, made at t0.
func newJob(slug string, change ...func(*jobs.Job)) *jobs.Job {
	j := &jobs.Job{
		ID: jobs.NewID(), Tenant: tenant, Slug: slug, OwnerID: owner, Enabled: true, Revision: 1,
		CreatedAt: t0, UpdatedAt: t0, DefnUpdatedAt: t0,
		Definition: jobs.Definition{
			Type: "report", Name: slug, Data: json.RawMessage(`{}`), Policies: jobs.DefaultPolicies(),
		},
	}
	for _, f := range change {
		f(j)
	}
	return j
}

// givenJob stores a new job at t0.
func givenJob(ctx context.Context, s jobs.Store, slug string, change ...func(*jobs.Job)) *jobs.Job {
	j := newJob(slug, change...)
	done(s.InsertJob(ctx, t0, j))
	return j
}

// Changes of newJob.

func named(name string) func(*jobs.Job)          { return func(j *jobs.Job) { j.Name = name } }
func of(t jobs.TenantID) func(*jobs.Job)         { return func(j *jobs.Job) { j.Tenant = t } }
func ownedBy(p jobs.PrincipalID) func(*jobs.Job) { return func(j *jobs.Job) { j.OwnerID = p } }
func overlap(o jobs.Overlap) func(*jobs.Job)     { return func(j *jobs.Job) { j.Policies.Overlap = o } }

func priority(n int) func(*jobs.Job)      { return func(j *jobs.Job) { j.Policies.Priority = n } }
func typed(driver string) func(*jobs.Job) { return func(j *jobs.Job) { j.Type = driver } }
func draftOf(original *jobs.Job) func(*jobs.Job) {
	return func(j *jobs.Job) {
		j.Slug, j.EditingID, j.Enabled = "", original.ID, false
		j.Base = jobs.DraftBase{
			Revision: original.Revision, Source: 1, DefnUpdatedAt: original.DefnUpdatedAt, OwnerID: original.OwnerID, Enabled: original.Enabled,
		}
	}
}

// allowing lets n runs of the job be live at once.
func allowing(n int) func(*jobs.Job) {
	return func(j *jobs.Job) { j.Policies.Overlap, j.Policies.MaxConcurrent = jobs.OverlapAllow, n }
}

// minutely fires every minute, next at t0 and one minute.
func minutely(j *jobs.Job) {
	j.Schedule = jobs.Schedule{Interval: "* * * * *", IntervalType: jobs.IntervalCron}
	j.NextRunAt = at(1)
}

// acting adds actions with these drivers.
func acting(drivers ...string) func(*jobs.Job) {
	return func(j *jobs.Job) {
		for _, d := range drivers {
			j.Actions = append(j.Actions, jobs.Action{
				ID: jobs.NewActionID(), Type: d, Name: "then " + d, Data: json.RawMessage(`{}`), OnError: jobs.OnErrorStop,
				Step: jobs.DefaultStepPolicy(), CreatedAt: t0, UpdatedAt: t0,
			})
		}
	}
}

// attachingType gives the last action an attachment of that driver.
func attachingType(driver string) func(*jobs.Job) {
	return func(j *jobs.Job) {
		a := &j.Actions[len(j.Actions)-1]
		a.Attachments = append(a.Attachments, jobs.Attachment{
			ID: jobs.NewAttachmentID(), Type: driver, Name: driver, Data: json.RawMessage(`{}`), CreatedAt: t0, UpdatedAt: t0,
		})
	}
}

// idempotent makes every step repeatable.
func idempotent(j *jobs.Job) {
	j.Idempotent = true
	for i := range j.Actions {
		j.Actions[i].Idempotent = true
	}
}

// ask is a start by hand of one run.
func ask(j *jobs.Job) jobs.Start {
	return jobs.Start{
		Tenant: j.Tenant, JobID: j.ID, Trigger: jobs.TriggerManual, TriggeredBy: clerk,
		Params: []json.RawMessage{json.RawMessage(`{}`)},
	}
}

// givenRun starts one run by hand.
func givenRun(ctx context.Context, s jobs.Store, j *jobs.Job, now time.Time) jobs.Run {
	runs := must(s.StartRuns(ctx, now, ask(j)))
	if len(runs) != 1 {
		done(fmt.Errorf("a start of one run gave %d", len(runs)))
	}
	return runs[0]
}

// givenRuns starts n runs of a job at once.
func givenRuns(ctx context.Context, s jobs.Store, j *jobs.Job, now time.Time, n int) []jobs.Run {
	a := ask(j)
	a.Params = nil
	for i := range n {
		a.Params = append(a.Params, json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)))
	}
	runs := must(s.StartRuns(ctx, now, a))
	if len(runs) != n {
		done(fmt.Errorf("a start of %d runs gave %d", n, len(runs)))
	}
	return runs
}

// hand is a worker that a rule plays.
type hand struct {
	id   jobs.WorkerID
	beat int64
	has  func(kind jobs.DriverKind, id string) bool
}

// givenWorker registers a worker that has every driver.
func givenWorker(ctx context.Context, s jobs.Store, host string) *hand {
	h := &hand{id: jobs.WorkerID(host + "-" + jobs.NewUUID()), has: func(jobs.DriverKind, string) bool { return true }}
	done(s.RegisterWorker(ctx, t0, h.row(host)))
	return h
}

func (h *hand) row(host string) jobs.Worker {
	return jobs.Worker{
		ID: h.id, Hostname: host, PID: 4711, Version: "1.4.0", Status: jobs.WorkerActive, Concurrency: 1000,
		JobTypes: []string{"email", "report"}, ActionTypes: []string{"webhook"}, AttachmentTypes: []string{jobs.AttachmentFile}, StartedAt: t0, HeartbeatAt: t0,
	}
}

// try is one exchange. The beat counts only if it succeeds.
func (h *hand) try(ctx context.Context, s jobs.Store, now time.Time, want int, outcomes ...jobs.Outcome) (*jobs.ExchangeResult, error) {
	r, err := s.Exchange(ctx, jobs.ExchangeRequest{
		Worker: h.id, Beat: h.beat + 1, Now: now, Outcomes: outcomes, Want: want, Has: h.has,
	})
	if err == nil {
		h.beat++
	}
	return r, err
}

// turn is an exchange that has to succeed.
func (h *hand) turn(ctx context.Context, s jobs.Store, now time.Time, want int, outcomes ...jobs.Outcome) *jobs.ExchangeResult {
	return must(h.try(ctx, s, now, want, outcomes...))
}

// claim is an exchange that has to give exactly n runs.
func (h *hand) claim(ctx context.Context, s jobs.Store, now time.Time, n int) []jobs.Claim {
	r := h.turn(ctx, s, now, n)
	if len(r.Claimed) != n {
		done(fmt.Errorf("an exchange that wants %d runs claimed %d", n, len(r.Claimed)))
	}
	return r.Claimed
}

// take claims one run.
func (h *hand) take(ctx context.Context, s jobs.Store, now time.Time) jobs.Claim {
	return h.claim(ctx, s, now, 1)[0]
}

// outcome is what a worker says of a run that it holds; nothing has happened yet.
func outcome(c jobs.Claim) jobs.Outcome {
	return jobs.Outcome{RunID: c.Run.ID, Fence: c.Run.Fence, Seq: c.Run.Seq}
}

// ends is the outcome that ends a run, with the results of all its steps.
func ends(c jobs.Claim, status jobs.RunStatus, now time.Time) jobs.Outcome {
	o := outcome(c)
	o.Seq++
	o.Steps = append([]jobs.Step(nil), c.Run.Steps...)
	for i := range o.Steps {
		if o.Steps[i].State.Done() {
			continue
		}
		state := map[jobs.RunStatus]jobs.StepState{
			jobs.RunSuccess: jobs.StepSuccess, jobs.RunWarning: jobs.StepWarning, jobs.RunError: jobs.StepError, jobs.RunCanceled: jobs.StepSkipped,
		}[status]
		o.Steps[i].State, o.Steps[i].EndedAt, o.Steps[i].Seq = state, now, o.Seq
	}
	o.End = &jobs.RunEnd{Status: status, At: now}
	if status == jobs.RunError {
		o.End.Error = "it broke"
	}
	o.Warnings = status == jobs.RunWarning
	return o
}

// proceeds records the result of the current step and starts the next one (T4).
func proceeds(c jobs.Claim, now time.Time) jobs.Outcome {
	o := outcome(c)
	o.Seq++
	o.Steps = append([]jobs.Step(nil), c.Run.Steps...)
	i := jobs.CurrentStep(o.Steps)
	o.Steps[i].State, o.Steps[i].EndedAt, o.Steps[i].Seq = jobs.StepSuccess, now, o.Seq
	o.Steps[i].Output = json.RawMessage(`{"rows":3}`)
	if i+1 < len(o.Steps) {
		o.Steps[i+1].State, o.Steps[i+1].Attempt, o.Steps[i+1].StartedAt, o.Steps[i+1].Seq = jobs.StepStarted, 1, now, o.Seq
		o.Starts = true
	}
	return o
}

// givenEnded starts, claims and ends one run of a job that has nothing else waiting.
func givenEnded(ctx context.Context, s jobs.Store, h *hand, j *jobs.Job, now time.Time, status jobs.RunStatus) jobs.Run {
	r := givenRun(ctx, s, j, now)
	c := h.take(ctx, s, now)
	if c.Run.ID != r.ID {
		done(fmt.Errorf("claimed run %s, want %s", c.Run.ID, r.ID))
	}
	h.turn(ctx, s, now, 0, ends(c, status, now))
	return *must(s.Run(ctx, j.Tenant, r.ID))
}

func ids(runs []jobs.Run) []jobs.RunID {
	list := make([]jobs.RunID, len(runs))
	for i := range runs {
		list[i] = runs[i].ID
	}
	return list
}

func pageIDs(runs []*jobs.Run) []jobs.RunID {
	list := make([]jobs.RunID, len(runs))
	for i := range runs {
		list[i] = runs[i].ID
	}
	return list
}

func claimIDs(claims []jobs.Claim) []jobs.RunID {
	list := make([]jobs.RunID, len(claims))
	for i := range claims {
		list[i] = claims[i].Run.ID
	}
	return list
}
