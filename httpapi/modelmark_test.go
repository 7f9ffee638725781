package httpapi_test

import "slices"

func (p *play) favorite() {
	c, path, j := p.target()
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case j.original != nil:
		want = 409
	default:
		want = 204
	}
	method := one(p, []string{"PUT", "DELETE"})
	p.ask(c, want, method, path+"/favorite", nil)
	if want == 204 {
		j.favorites[c.user] = method == "PUT"
	}
}

func (p *play) listFavorites() {
	c := p.caller()
	ids := p.m.visible(c, func(j *modelJob) bool { return j.favorites[c.user] })
	answer := p.ask(c, 200, "GET", "/jobs?favorite=true&limit=1000", nil)
	p.same("the favourites", ids, toAny(idsOf(answer, "inf:job")))
}

func (p *play) createTag() {
	c := p.caller()
	name := one(p, []string{"nightly", "Nightly", "money", "x"})
	want := 201
	switch {
	case !c.tagger:
		want = 403
	case p.m.tagNamed(c.tenant, name) != "":
		want = 409
	}
	answer := p.ask(c, want, "POST", "/tags", map[string]any{"name": name})
	if want == 201 && answer != nil {
		id, _ := answer["id"].(string)
		p.m.tags[id] = modelTag{c.tenant, name}
	}
}

func (m *model) tagNamed(tenant, name string) string {
	for id, tag := range m.tags {
		if tag.tenant == tenant && contains(tag.name, name) && contains(name, tag.name) {
			return id
		}
	}
	return ""
}

// tag is the id of some tag, or of none.
func (p *play) tag() string {
	ids := []string{unknownID}
	for id := range p.m.tags {
		ids = append(ids, id)
	}
	slices.Sort(ids) // the order of a map is no part of the seed
	return one(p, ids)
}

func (p *play) deleteTag() {
	c, id := p.caller(), p.tag()
	want := 204
	switch {
	case !c.tagger:
		want = 403
	case p.m.tags[id].tenant != c.tenant:
		want = 404
	}
	p.ask(c, want, "DELETE", "/tags/"+id, nil)
	if want == 204 {
		delete(p.m.tags, id)
		for _, j := range p.m.jobs {
			j.untag(id)
		}
	}
}

func (p *play) tagJob() {
	c, path, j := p.target()
	id := p.tag()
	want := c.refused(j, 3)
	switch {
	case p.m.tags[id].tenant != c.tenant:
		want = 404
	case want != 0:
	case j.original != nil:
		want = 409
	default:
		want = 200
	}
	p.ask(c, want, "PUT", path+"/tags/"+id, map[string]any{})
	if want == 200 && !slices.Contains(j.tags, id) {
		j.tags = append(j.tags, id)
	}
}

func (p *play) untagJob() {
	c, path, j := p.target()
	id := p.tag()
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case j.original != nil:
		if want = c.refused(j, 3); want == 0 {
			want = 409
		}
	case !slices.Contains(j.tags, id):
		want = 404
	default:
		if want = c.refused(j, 3); want == 0 {
			want = 204
		}
	}
	p.ask(c, want, "DELETE", path+"/tags/"+id, nil)
	if want == 204 {
		j.untag(id)
	}
}

func (j *modelJob) untag(id string) {
	j.tags = slices.DeleteFunc(j.tags, func(other string) bool { return other == id })
}

// handOver gives a job another owner (contract 14.5).
func (p *play) handOver() {
	c, path, j := p.target()
	owner := one(p, []string{"otto", "mara", "dataWizard", "team:logistics", "ghost"})
	keep := p.chance(30)
	want := c.refused(j, 10)
	switch {
	case want != 0:
	case owner == "ghost":
		want = 400
	case owner == "team:logistics" && !c.mayOwn(owner):
		want = 403
	case j.original != nil:
		want = 409
	default:
		want = 200
	}
	answer := p.ask(c, want, "PUT", path+"/owner", map[string]any{"ownerId": owner, "keepAccess": keep})
	if want != 200 || answer == nil {
		return
	}
	if owner != j.owner {
		if keep {
			j.shares[j.owner] = 10
		}
		delete(j.shares, owner)
		j.owner, j.enabled, j.handedOver = owner, false, true
		j.changed(true)
	}
	if c.level(j) > 0 {
		p.same("the job of another owner", p.m.view(c, j), answer)
	}
}

func (p *play) copyJob() {
	c, path, j := p.target()
	sharing := p.chance(30)
	name := one(p, append(modelNames, ""))
	want := c.refused(j, 2)
	switch {
	case want != 0:
	case !c.creates, sharing && c.level(j) < 5:
		want = 403
	case name == "":
		want = 400
	case j.original != nil:
		want = 409
	default:
		want = 201
	}
	query := ""
	if sharing {
		query = "?sharing=true"
	}
	answer := p.ask(c, want, "POST", path+"/copy"+query, map[string]any{"name": name})
	if want != 201 || answer == nil {
		return
	}
	d := &modelJob{
		tenant: j.tenant, owner: c.user, kind: j.kind, name: name, description: j.description, every: j.every, anchor: p.m.now,
		shares: map[string]int{}, favorites: map[string]bool{},
	}
	d.tags = slices.Clone(j.tags)
	if sharing {
		for who, level := range j.shares {
			if who != d.owner {
				d.shares[who] = level
			}
		}
	}
	from := j.clone()
	d.datasets = from.datasets
	for _, a := range from.actions {
		d.actions = append(d.actions, modelAction{kind: a.kind, name: a.name, files: a.files})
	}
	p.born(c, d, answer)
}
