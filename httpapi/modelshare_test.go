package httpapi_test

import (
	"maps"
	"slices"
)

func (p *play) putShare() {
	c, path, j := p.target()
	who := one(p, []string{"otto", "dataWizard", "team:logistics", "mara", "ghost"})
	level := one(p, []int{1, 2, 3, 5, 10, 4})
	want := c.refused(j, 5)
	switch own := c.level(j); {
	case want != 0:
	case level > own && level != 4 || j.shares[who] > own:
		want = 403
	case level == 4 || who == "ghost" || who == j.owner:
		want = 400
	case j.original != nil:
		want = 409
	default:
		want = 200
	}
	answer := p.ask(c, want, "PUT", path+"/shares/"+who, map[string]any{"accessLevel": level})
	if want == 200 {
		j.shares[who] = level
		p.same("the share", map[string]any{"jobId": j.id, "principalId": who, "accessLevel": level}, answer)
	}
}

func (p *play) deleteShare() {
	c, path, j := p.target()
	who := one(p, []string{"otto", "dataWizard", "team:logistics", "mara"})
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case j.original == nil && j.shares[who] == 0:
		want = 404
	case who != c.user && c.level(j) < 5, who != c.user && j.shares[who] > c.level(j):
		want = 403
	case j.original != nil:
		want = 409
	default:
		want = 204
	}
	p.ask(c, want, "DELETE", path+"/shares/"+who, nil)
	if want == 204 {
		delete(j.shares, who)
	}
}

func (p *play) listShares() {
	c, path, j := p.target()
	if status := c.refused(j, 1); status != 0 {
		p.ask(c, status, "GET", path+"/shares", nil)
		return
	}
	var items []any
	for _, who := range slices.Sorted(maps.Keys(j.shares)) {
		items = append(items, map[string]any{"principalId": who, "accessLevel": j.shares[who]})
	}
	p.same("the shares", map[string]any{
		"start": 0, "count": len(items), "total": len(items), "_embedded": map[string]any{"inf:share": orEmpty(items)},
	}, p.ask(c, 200, "GET", path+"/shares", nil))
}
