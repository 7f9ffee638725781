package httpapi_test

import (
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func (p *play) revisions() {
	c, path, j := p.target()
	if status := c.refused(j, 1); status != 0 {
		p.ask(c, status, "GET", path+"/revisions", nil)
		return
	}
	answer := p.ask(c, 200, "GET", path+"/revisions?limit=3", nil)
	if j.defn >= jobs.KeptRevisions {
		return // which of the older ones are kept is for the store to know
	}
	var items []any
	for n := j.defn + 1; n > 0 && len(items) < 3; n-- {
		items = append(items, map[string]any{"revision": n, "jobId": j.id, "current": n == j.defn+1, "ownerId": j.past[n].owner})
	}
	p.same("the revisions", map[string]any{"total": j.defn + 1, "_embedded": map[string]any{"inf:job-revision": items}}, answer)
}

// someRevision is the number of a revision of a job, mostly one that it has.
func (p *play) someRevision(j *modelJob) int {
	if j == nil {
		return 1
	}
	return max(1, j.defn+2-p.dice.IntN(min(j.defn+2, jobs.KeptRevisions)))
}

func (p *play) revision() {
	c, path, j := p.target()
	n := p.someRevision(j)
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case n > j.defn+1:
		want = 404
	default:
		want = 200
	}
	answer := p.ask(c, want, "GET", fmt.Sprintf("%s/revisions/%d", path, n), nil)
	if want != 200 {
		return
	}
	then := j.past[n]
	actions := []any{}
	for i, a := range then.actions {
		actions = append(actions, map[string]any{"id": a.id, "name": a.name, "index": i, "_embedded": map[string]any{"inf:job-attachment": viewFiles(a.files)}})
	}
	p.same("the revision", map[string]any{"revision": n, "current": n == j.defn+1, "definition": map[string]any{
		"type": then.kind, "name": then.name, "description": then.description, "actions": actions, "datasets": viewDatasets(then.datasets),
	}}, answer)
}

// restore makes a draft from a revision (contract 20.4).
func (p *play) restore() {
	c, path, j := p.target()
	original, d := p.draftOf(c, j)
	n, force := p.someRevision(original), p.chance(40)
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case c.level(original) < 1:
		want = 403
	case n > original.defn+1:
		want = 404
	case c.level(original) < 3:
		want = 403
	case d != nil && !force:
		want = 409
	default:
		want = 200
	}
	answer := p.ask(c, want, "POST", fmt.Sprintf("%s/revisions/%d/_restore", path, n), map[string]any{"force": force})
	if want != 200 || answer == nil {
		return
	}
	owner := c.user
	if d != nil {
		owner = d.owner // a superuser may do it in the draft of another one
		p.m.remove(d)
	}
	p.born(c, original.draftFor(owner, original.past[n]), answer)
}

// planCommit asks what a commit would do (contract 20.4). It tells of a change if and only if the commit would make one.
func (p *play) planCommit() {
	c, path, j := p.target()
	original, d := p.draftOf(c, j)
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case d == nil:
		want = 404
	case c.level(original) < 1:
		want = 403
	default:
		want = 200
	}
	answer := p.ask(c, want, "GET", path+"/draft/plan", nil)
	if want != 200 || answer == nil {
		return
	}
	p.same("the plan", map[string]any{"draftId": d.id, "jobId": original.id, "warnings": []any{}}, answer)
	after := *original
	after.land(d, p.m.now)
	changes, _ := answer["changes"].([]any)
	if after.same(original) != (len(changes) == 0) {
		p.t.Errorf("the plan tells of the changes %v; the commit changes something: %t", changes, !after.same(original))
	}
	if conflicts, _ := answer["conflicts"].([]any); len(conflicts) > 0 && original.defn == d.base {
		p.t.Errorf("the plan tells of the conflicts %v, but nobody has changed the job since", conflicts)
	}
}
