package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

// link is a HAL link; href is an absolute path without a host.
type link struct {
	Href      string `json:"href"`
	Templated bool   `json:"templated,omitempty"`
}

type links map[string]link

// path builds an href below the prefix; each element is escaped.
func (a *API) path(elements ...string) string {
	p := a.prefix
	for _, e := range elements {
		p += "/" + url.PathEscape(e)
	}
	return p
}

func (a *API) link(elements ...string) link { return link{Href: a.path(elements...)} }

// collection is the envelope of contract 1.7.
type collection struct {
	Links    links          `json:"_links"`
	Embedded map[string]any `json:"_embedded"`
	Start    int            `json:"start"`
	Count    int            `json:"count"`
	Total    int            `json:"total"`
}

// newCollection is an envelope of a page. Self is the plain path, or a template that begins with it; next and prev keep all other
// parameters of the request.
func newCollection[T any](r *http.Request, self link, rel string, items []T, start, limit, total int) collection {
	if items == nil {
		items = []T{}
	}
	c := collection{
		Links: links{"self": self}, Embedded: map[string]any{rel: items}, Start: start, Count: len(items), Total: total,
	}
	path, _, _ := strings.Cut(self.Href, "{")
	page := func(start int) link {
		q := r.URL.Query()
		q.Set("start", strconv.Itoa(start))
		q.Set("limit", strconv.Itoa(limit))
		return link{Href: path + "?" + q.Encode()}
	}
	if limit > 0 && start+len(items) < total && len(items) > 0 {
		c.Links["next"] = page(start + len(items))
	}
	if limit > 0 && start > 0 && total > 0 {
		c.Links["prev"] = page(max(min(start, total)-limit, 0))
	}
	return c
}

// wholeCollection is an envelope that is never paged: the parts of one job, drivers.
func wholeCollection[T any](r *http.Request, self link, rel string, items []T) collection {
	return newCollection(r, self, rel, items, 0, 0, len(items))
}

// permissionsView is what the caller may do with a job (contract 1.5).
type permissionsView struct {
	Edit        bool `json:"edit"`
	Write       bool `json:"write"`
	Delete      bool `json:"delete"`
	Share       bool `json:"share"`
	Run         bool `json:"run"`
	Copy        bool `json:"copy"`
	ChangeOwner bool `json:"changeOwner"`
	AssignTags  bool `json:"assignTags"`
}

func newPermissionsView(p jobs.Permissions) permissionsView {
	return permissionsView{
		Edit: p.Edit, Write: p.Edit, Delete: p.Delete, Share: p.Share, Run: p.Run, Copy: p.Copy,
		ChangeOwner: p.ChangeOwner, AssignTags: p.AssignTags,
	}
}
