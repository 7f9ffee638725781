package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (p *play) createJob() {
	c := p.caller()
	j := &modelJob{
		tenant: c.tenant, owner: c.user, kind: one(p, []string{"ok", "ok", "fail"}), name: one(p, modelNames), enabled: true, anchor: p.m.now,
		shares: map[string]int{}, favorites: map[string]bool{},
	}
	body := map[string]any{"type": j.kind, "name": j.name}
	if p.chance(40) {
		j.every = one(p, []int{30, 45, 120})
		body["interval"] = fmt.Sprintf("%d minutes", j.every)
	}
	if p.chance(30) {
		j.enabled = false
		body["enabled"] = false
	}
	if p.chance(20) {
		j.description = "about " + j.name
		body["description"] = j.description
	}
	if p.chance(30) {
		j.slug = one(p, []string{"stock", "orders", "zug", "x-1"})
		body["slug"] = j.slug
	}
	if p.chance(40) {
		j.owner = one(p, []string{"team:logistics", "otto", "mara", "ghost"})
		body["ownerId"] = j.owner
	}
	var actions []any
	for range p.dice.IntN(3) {
		a := modelAction{kind: one(p, []string{"noted", "plain", "attach"}), name: one(p, modelNames)}
		j.actions = append(j.actions, a)
		actions = append(actions, map[string]any{"type": a.kind, "name": a.name})
	}
	if actions != nil {
		body["actions"] = actions
	}
	want := 201
	switch {
	case !c.creates || !c.mayOwn(j.owner):
		want = 403
	case j.owner == "ghost":
		want = 400
	case p.m.slugTaken(j.tenant, j.slug, nil):
		want = 409
	}
	answer := p.ask(c, want, "POST", "/jobs", body)
	if want == 201 && answer != nil {
		p.born(c, j, answer)
	}
}

// born takes the ids of a new job from its answer, and compares the rest.
func (p *play) born(c modelCaller, j *modelJob, answer map[string]any) {
	j.id, _ = answer["id"].(string)
	if j.slug == "" && j.original == nil {
		j.slug, _ = answer["slug"].(string)
		if base := strings.ReplaceAll(strings.ToLower(j.name), " ", "-"); !strings.HasPrefix(j.slug, base) || p.m.slugTaken(j.tenant, j.slug, j) {
			p.t.Errorf("the slug of %q is %q", j.name, j.slug)
		}
	}
	ids := idsOf(answer, "inf:job-action")
	for i := range j.actions {
		if i < len(ids) {
			j.actions[i].id = ids[i]
		}
	}
	p.m.jobs = append(p.m.jobs, j)
	p.same("the new job", p.m.view(c, j), answer)
}

func (p *play) getJob() {
	c, path, j := p.target()
	if status := c.refused(j, 1); status != 0 {
		p.ask(c, status, "GET", path, nil)
		return
	}
	p.same("the job", p.m.view(c, j), p.ask(c, 200, "GET", path, nil))
}

func (p *play) updateJob() {
	c, path, j := p.target()
	body := map[string]any{}
	name, slug, every, enabled := "", "", -1, p.chance(50)
	switch p.dice.IntN(5) {
	case 0:
		name = one(p, append(modelNames, ""))
		body["name"] = name
	case 1:
		slug = one(p, []string{"stock", "orders", "zug", "x-2", "Not A Slug"})
		body["slug"] = slug
	case 2:
		every = one(p, []int{0, 30, 90})
		body["interval"] = nil
		if every > 0 {
			body["interval"] = fmt.Sprintf("%d minutes", every)
		}
	case 3:
		body["enabled"] = enabled
	case 4:
		body["ownerId"] = "otto"
	}
	_, renames := body["name"]
	_, switches := body["enabled"]
	_, owns := body["ownerId"]
	want := c.refused(j, 3)
	switch {
	case want != 0:
	case renames && name == "", slug == "Not A Slug" && j.original == nil, owns && j.owner != "otto":
		want = 400
	case switches && enabled && !j.enabled && j.handedOver && !c.mayOwn(j.owner):
		want = 403
	case slug != "" && (j.original != nil || p.m.slugTaken(j.tenant, slug, j)):
		want = 409
	default:
		want = 200
	}
	answer := p.ask(c, want, "PUT", path, body)
	if want != 200 || answer == nil {
		return
	}
	if name != "" {
		j.changed(name != j.name)
		j.name = name
	}
	if slug != "" {
		j.changed(slug != j.slug)
		j.slug = slug
	}
	if every >= 0 && every != j.every {
		j.changed(true)
		j.every, j.anchor = every, p.m.now
	}
	if switches {
		j.changed(enabled != j.enabled)
		j.enabled = enabled
		j.handedOver = j.handedOver && !enabled
	}
	p.same("the changed job", p.m.view(c, j), answer)
}

func (j *modelJob) changed(is bool) {
	if is {
		j.defn++
	}
}

func (p *play) deleteJob() {
	c, path, j := p.target()
	want := c.refused(j, 10)
	if want == 0 {
		want = 204
	}
	p.ask(c, want, "DELETE", path, nil)
	if want == 204 {
		p.m.remove(j)
	}
}

func (p *play) listJobs() {
	c := p.caller()
	start, limit := p.dice.IntN(8), 1+p.dice.IntN(6)
	query := fmt.Sprintf("?start=%d&limit=%d", start, limit)
	keep := func(*modelJob) bool { return true }
	switch p.dice.IntN(5) {
	case 0:
		word := one(p, []string{"sto", "ZUG", "about", "nothing"})
		query += "&q=" + word
		keep = func(j *modelJob) bool { return contains(j.name+"\x00"+fmt.Sprint(j.description), word) }
	case 1:
		query += "&enabled=true"
		keep = func(j *modelJob) bool { return j.enabled }
	case 2:
		query += "&ownerId=team:logistics"
		keep = func(j *modelJob) bool { return j.owner == "team:logistics" }
	case 3:
		query += "&type=fail"
		keep = func(j *modelJob) bool { return j.kind == "fail" }
	}
	ids := p.m.visible(c, keep)
	answer := p.ask(c, 200, "GET", "/jobs"+query, nil)
	p.same("the list", page(ids, start, limit), toAny(idsOf(answer, "inf:job")))
	p.same("its numbers", map[string]any{
		"start": start, "count": len(page(ids, start, limit)), "total": len(ids), "permissions": map[string]any{"create": c.creates},
	}, answer)
}

func toAny(list []string) any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (p *play) addAction() {
	c, path, j := p.target()
	a := modelAction{kind: one(p, []string{"noted", "plain", "attach", "unheard-of"}), name: one(p, modelNames)}
	body := map[string]any{"type": a.kind, "name": a.name}
	want := c.refused(j, 3)
	index := 0
	if j != nil {
		index = len(j.actions)
	}
	if p.chance(40) {
		index = p.dice.IntN(4)
		body["index"] = index
	}
	switch {
	case want != 0:
	case a.kind == "unheard-of" || index > len(j.actions):
		want = 400
	default:
		want = 201
	}
	answer := p.ask(c, want, "POST", path+"/actions", body)
	if want != 201 || answer == nil {
		return
	}
	a.id, _ = answer["id"].(string)
	j.actions = slices.Insert(j.actions, index, a)
	j.changed(true)
	p.same("the new action", map[string]any{"jobId": j.id, "type": a.kind, "name": a.name, "index": index, "originId": nil}, answer)
}

func (p *play) deleteAction() {
	c, path, j := p.target()
	id, at := unknownID, -1
	if j != nil && len(j.actions) > 0 {
		at = p.dice.IntN(len(j.actions))
		id = j.actions[at].id
	}
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case at < 0:
		want = 404
	default:
		if want = c.refused(j, 3); want == 0 {
			want = 204
		}
	}
	p.ask(c, want, "DELETE", path+"/actions/"+id, nil)
	if want == 204 {
		j.actions = slices.Delete(j.actions, at, at+1)
		j.changed(true)
	}
}

func orEmpty(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

// wait lets hours go by.
func (p *play) wait() { p.pass(time.Duration(1+p.dice.IntN(180)) * time.Minute) }
