package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"time"
)

// edit makes the caller's draft of a job, or gets the one that is there (contract 5.1).
func (p *play) edit() {
	c, path, j := p.target()
	want := c.refused(j, 3)
	original, _ := p.draftOf(c, j)
	switch {
	case want != 0:
	case c.level(original) < 3:
		want = 403 // a draft outlives the permission of its maker
	default:
		want = 200
	}
	answer := p.ask(c, want, "POST", path+"/_edit", nil)
	if want != 200 || answer == nil {
		return
	}
	if j.original != nil {
		p.same("the draft of a draft", p.m.view(c, j), answer)
		return
	}
	if d := p.m.draft(c, j); d != nil {
		p.same("the draft that was there", p.m.view(c, d), answer)
		return
	}
	d := j.draftFor(c.user, j)
	p.born(c, d, answer)
	for _, a := range d.actions {
		if slices.ContainsFunc(j.actions, func(b modelAction) bool { return a.id == b.id }) {
			p.t.Errorf("an action of the draft has the id of one of the original: %s", a.id)
		}
	}
}

// draftFor is a new draft of a job, from one of its revisions.
func (j *modelJob) draftFor(user string, from *modelJob) *modelJob {
	d := from.clone()
	d.tenant, d.owner, d.slug, d.enabled, d.original, d.base, d.defn = j.tenant, user, "", j.enabled, j, j.defn, 0
	d.enabledThen, d.ownerThen = j.enabled, j.owner
	for i := range d.actions {
		d.actions[i].origin, d.actions[i].id = d.actions[i].id, ""
	}
	return d
}

// draftOf is the job and the draft that a path names for a caller: the original's id, or that of the caller's own draft.
func (p *play) draftOf(c modelCaller, j *modelJob) (original, draft *modelJob) {
	if j != nil && j.original != nil {
		return j.original, j
	}
	return j, p.m.draft(c, j)
}

func (p *play) getDraft() {
	c, path, j := p.target()
	want := c.refused(j, 1)
	_, d := p.draftOf(c, j)
	switch {
	case want != 0:
	case d == nil:
		want = 404
	default:
		want = 200
	}
	answer := p.ask(c, want, "GET", path+"/draft", nil)
	if want == 200 {
		p.same("the draft", p.m.view(c, d), answer)
	}
}

func (p *play) discard() {
	c, path, j := p.target()
	want := c.refused(j, 1)
	_, d := p.draftOf(c, j)
	switch {
	case want != 0:
	case d == nil:
		want = 404
	default:
		want = 204
	}
	p.ask(c, want, "DELETE", path+"/draft", nil)
	if want == 204 {
		p.m.remove(d)
	}
}

// commit publishes a draft (contract 5.2).
func (p *play) commit() {
	c, path, j := p.target()
	force := p.chance(30)
	want := c.refused(j, 1)
	original, d := p.draftOf(c, j)
	switch {
	case want != 0:
	case d == nil && c.level(j) >= 3:
		want = 404
	case c.level(original) < 3:
		want = 403
	case d.enabled && !d.enabledThen && d.ownerThen == original.owner && !original.enabled && original.handedOver && !c.mayOwn(original.owner):
		want = 403
	case original.defn != d.base && !force:
		want = 409
	default:
		want = 200
	}
	answer := p.ask(c, want, "POST", path+one(p, []string{"/_commit", "/draft/_commit"}), map[string]any{"force": force})
	if want != 200 || answer == nil {
		return
	}
	before := *original
	original.land(d, p.m.now)
	original.changed(!original.same(&before))
	p.m.remove(d)
	p.same("the published job", p.m.view(c, original), answer)
}

// land makes of a job what a draft of it says.
func (j *modelJob) land(d *modelJob, now time.Time) {
	if j.every != d.every {
		j.every, j.anchor = d.every, now
	}
	// A draft that says nothing of it leaves it as it is; so does one from before a hand-over.
	if d.enabled != d.enabledThen && d.ownerThen == j.owner {
		j.enabled = d.enabled
		j.handedOver = j.handedOver && !d.enabled
	}
	from := d.clone()
	j.name, j.description, j.actions, j.datasets = from.name, from.description, from.actions, from.datasets
	for i := range j.actions {
		if a := &j.actions[i]; a.origin != "" {
			a.id, a.origin = a.origin, ""
		}
	}
}

// drafts lists the caller's drafts (contract 5.6).
func (p *play) drafts() {
	c := p.caller()
	want := []string{}
	for _, d := range p.m.jobs {
		if d.original != nil && d.owner == c.user && d.tenant == c.tenant {
			want = append(want, d.id+" of "+d.original.id)
		}
	}
	got := []string{}
	for _, item := range p.askList(c, "/job-drafts") {
		editing, _ := item["editing"].(map[string]any)
		got = append(got, fmt.Sprint(item["id"], " of ", editing["id"]))
	}
	slices.Sort(want)
	slices.Sort(got)
	p.same("the drafts", want, toAny(got))
}

// askList is ask for an answer that is a plain array.
func (p *play) askList(c modelCaller, path string) []map[string]any {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), "GET", "/api"+path, nil)
	r.Header.Set(callerHeader, c.name)
	w := httptest.NewRecorder()
	p.w.api.ServeHTTP(w, r)
	p.trace = append(p.trace, fmt.Sprintf("GET %s as %s: %d", path, c.name, w.Code))
	var list []map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &list); w.Code != 200 || err != nil {
		p.t.Errorf("GET %s as %s: status %d, %v: %s", path, c.name, w.Code, err, w.Body)
	}
	return list
}

// same tells whether two states of a job have one definition.
func (j *modelJob) same(other *modelJob) bool {
	return j.name == other.name && j.description == other.description && j.enabled == other.enabled && j.every == other.every &&
		slices.EqualFunc(j.actions, other.actions, modelAction.same) && slices.Equal(j.datasets, other.datasets)
}

func (a modelAction) same(b modelAction) bool {
	return a.id == b.id && a.origin == b.origin && a.kind == b.kind && a.name == b.name && slices.Equal(a.files, b.files)
}
