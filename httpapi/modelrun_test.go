package httpapi_test

import (
	"fmt"
	"slices"
	"time"
)

type modelRun struct {
	id, status, trigger, owner, retryOf string
	revision                            int
	fireAt                              time.Time
	steps                               []modelStep
	// batch is of the runs that were made at once: in the history, which is newest first, they are in their order.
	batch int
}

// modelStep is a step with its result. Its id is that of an action, "driver", or "snapshot of" an alias.
type modelStep struct {
	id, state string
}

const (
	modelDone    = "success"
	modelFailed  = "error"
	modelSkipped = "skipped"
)

// plan are the steps of a run of a definition, none of them made.
func (j *modelJob) plan() []modelStep {
	var steps []modelStep
	for _, d := range j.datasets {
		if d.snapshot {
			steps = append(steps, modelStep{id: "snapshot of " + d.alias})
		}
	}
	steps = append(steps, modelStep{id: "driver"})
	for _, a := range j.actions {
		steps = append(steps, modelStep{id: a.id})
	}
	return steps
}

// works tells whether a step of a definition succeeds: all do but the driver "fail", and an action whose file was not uploaded.
func (j *modelJob) works(step string) bool {
	if step == "driver" {
		return j.kind != "fail"
	}
	for _, a := range j.actions {
		if a.id == step {
			return !slices.ContainsFunc(a.files, func(f modelFile) bool { return f.kind == "file" && f.version == 0 })
		}
	}
	return true
}

// perform makes the steps of a run of one of the job's definitions that are not kept, and adds the run to the history.
func (j *modelJob) perform(r modelRun, d *modelJob, kept []modelStep) {
	r.status, r.owner = modelDone, j.owner
	if r.revision == 0 {
		r.revision = j.defn + 1
	}
	for _, s := range d.plan() {
		at := slices.IndexFunc(kept, func(k modelStep) bool { return k.id == s.id })
		switch {
		case at >= 0:
			s.state = kept[at].state
		case r.status == modelFailed:
			s.state = modelSkipped // the rule of the first error (contract 7.3)
		case d.works(s.id):
			s.state = modelDone
			j.took(s.id)
		default:
			s.state, r.status = modelFailed, modelFailed
		}
		r.steps = append(r.steps, s)
	}
	if j.fired == nil {
		j.fired = map[int64]bool{}
	}
	if !r.fireAt.IsZero() {
		j.fired[r.fireAt.UnixMilli()] = true
	}
	if r.batch == 0 {
		r.batch = len(j.runs) + 1
	}
	j.runs = append(j.runs, r)
}

// took counts a snapshot, if the step is one.
func (j *modelJob) took(step string) {
	if j.snapshots == nil {
		j.snapshots = map[string]int{}
	}
	var alias string
	if n, err := fmt.Sscanf(step, "snapshot of %s", &alias); err == nil && n == 1 {
		j.snapshots[alias]++
	}
}

func (p *play) run() {
	c, path, j := p.target()
	want := c.refused(j, 2)
	switch {
	case want != 0:
	case j.original != nil:
		want = 409
	default:
		want = 202
	}
	answer := p.ask(c, want, "POST", path+"?wait=0", map[string]any{})
	if want != 202 || answer == nil {
		return
	}
	id, _ := answer["id"].(string)
	p.pass(time.Millisecond)
	j.perform(modelRun{id: id, trigger: "manual"}, j, nil)
}

func (p *play) history() {
	c, path, j := p.target()
	if status := c.refused(j, 1); status != 0 {
		p.ask(c, status, "GET", path+"/history", nil)
		return
	}
	start, limit := p.dice.IntN(4), 1+p.dice.IntN(5)
	var items []any
	shown := page(j.history(), start, limit)
	for _, r := range shown {
		items = append(items, r.view(j))
	}
	answer := p.ask(c, 200, "GET", fmt.Sprintf("%s/history?start=%d&limit=%d", path, start, limit), nil)
	p.same("the history", map[string]any{
		"start": start, "count": len(items), "total": len(j.runs), "_embedded": map[string]any{"inf:job-history": orEmpty(items)},
	}, answer)
	for i, id := range idsOf(answer, "inf:job-history") {
		shown[i].id = id
	}
}

// history are the runs, the newest first, and those of one moment by their ids.
func (j *modelJob) history() []*modelRun {
	list := make([]*modelRun, len(j.runs))
	for i := range j.runs {
		list[i] = &j.runs[i]
	}
	slices.SortStableFunc(list, func(a, b *modelRun) int { return b.batch - a.batch })
	return list
}

func (r modelRun) view(j *modelJob) map[string]any {
	v := map[string]any{
		"status": r.status, "success": r.status == modelDone, "trigger": r.trigger, "jobId": j.id, "revision": r.revision,
		"retryOf": orNil(r.retryOf), "fireAt": nil,
	}
	if !r.fireAt.IsZero() {
		v["fireAt"] = r.fireAt.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return v
}

// retry repeats a run (contract 20.5).
func (p *play) retry() {
	c, path, j := p.target()
	old := modelRun{id: unknownID}
	if j != nil && len(j.runs) > 0 {
		if r := one(p, j.runs); r.id != "" {
			old = r
		}
	}
	from, revision := one(p, []string{"failed", "start"}), one(p, []string{"same", "current"})
	d, kept := p.m.retried(j, old, from, revision)
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case old.id == unknownID:
		want = 404
	case c.level(j) < 2:
		want = 403
	case d == nil:
		want = 409
	default:
		want = 202
	}
	answer := p.ask(c, want, "POST", path+"/history/"+old.id+"/_retry", map[string]any{"from": from, "revision": revision})
	if want != 202 || answer == nil {
		return
	}
	id, _ := answer["id"].(string)
	p.pass(time.Millisecond)
	j.perform(modelRun{id: id, trigger: "manual", retryOf: old.id, revision: d.defn + 1}, d, kept)
}

// retried is the definition that a retry executes, and the steps that keep their results; nil if it is a conflict.
func (m *model) retried(j *modelJob, old modelRun, from, revision string) (d *modelJob, kept []modelStep) {
	switch {
	case old.id == unknownID, from == "failed" && old.status == modelDone:
		return nil, nil
	case revision == "current", old.revision == j.defn+1:
		d = j
	case old.owner != j.owner:
		return nil, nil // the secrets of that revision are not the present owner's
	default:
		d = j.past[old.revision]
	}
	if from == "start" {
		return d, nil
	}
	kept = old.steps[:slices.IndexFunc(old.steps, func(s modelStep) bool { return s.state == modelFailed })]
	open := false
	for _, s := range d.plan() {
		has := slices.ContainsFunc(kept, func(k modelStep) bool { return k.id == s.id })
		if has && open {
			return nil, nil
		}
		open = open || !has
	}
	return d, kept
}

// backfill fills the gaps of the last hours (contract 20.5).
func (p *play) backfill() {
	c, path, j := p.target()
	from := p.m.now.Add(-time.Duration(1+p.dice.IntN(300)) * time.Minute)
	to := from.Add(time.Duration(p.dice.IntN(240)) * time.Minute)
	dry := p.chance(30)
	want := c.refused(j, 2)
	switch {
	case want != 0:
	case to.After(p.m.now), !to.After(from):
		want = 400
	case j.original != nil, j.every == 0:
		want = 409
	case dry:
		want = 200
	default:
		want = 202
	}
	const layout = "2006-01-02T15:04:05.000Z"
	answer := p.ask(c, want, "POST", path+"/_backfill", map[string]any{
		"from": from.UTC().Format(layout), "to": to.UTC().Format(layout), "dryRun": dry,
	})
	if want >= 400 || answer == nil {
		return
	}
	gaps := j.gaps(from, to)
	fires := []any{}
	for _, at := range gaps {
		fires = append(fires, map[string]any{"at": at.UTC().Format(layout)})
	}
	p.same("the backfill", map[string]any{"dryRun": dry, "count": len(gaps), "fires": fires}, answer)
	if dry {
		return
	}
	shown, _ := answer["fires"].([]any)
	p.pass(time.Millisecond)
	batch := len(j.runs) + 1
	for i, at := range gaps {
		fields, _ := shown[i].(map[string]any)
		id, _ := fields["historyId"].(string)
		j.perform(modelRun{id: id, trigger: "backfill", fireAt: at, batch: batch}, j, nil)
	}
}

// gaps are the fires of the present schedule in a range that have no run.
func (j *modelJob) gaps(from, to time.Time) []time.Time {
	var list []time.Time
	step := time.Duration(j.every) * time.Minute
	for at := j.anchor.Add(step); at.Before(to); at = at.Add(step) {
		if !at.Before(from) && !j.fired[at.UnixMilli()] {
			list = append(list, at)
		}
	}
	return list
}
