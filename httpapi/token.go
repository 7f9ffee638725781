package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

var tokenRoutes = []route{
	{
		method: "GET", path: "/tokens", group: groupIdentity, handle: (*API).listTokens, accounts: true,
		name: "listTokens", summary: "The caller's own tokens", query: asks(readTokenQuery),
		answers: answers{200: page{rel: "inf:token", item: tokenView{}}},
	},
	{
		method: "POST", path: "/tokens", group: groupIdentity, handle: (*API).createToken, accounts: true,
		name: "createToken", summary: "Make a token; only this answer shows it", body: reads(readTokenSpec), answers: answers{201: tokenView{}},
	},
	{
		method: "DELETE", path: "/tokens/:tokenId", group: groupIdentity, handle: (*API).deleteToken, accounts: true,
		name: "deleteToken", summary: "Remove a token; it stops working at once", answers: answers{204: nothing{}},
	},
}

// tokenSortFields are the fields by which tokens can be sorted.
var tokenSortFields = []string{"name", "readOnly", "createdAt", "expiresAt", "lastUsedAt"}

// tokenView is an API token (contract 15). Token is there once: in the answer to its creation.
type tokenView struct {
	Links      links  `json:"_links"`
	ID         string `json:"id"`
	Type       string `json:"type"`
	Name       string `json:"name"`
	ReadOnly   bool   `json:"readOnly"`
	Token      string `json:"token,omitempty"`
	CreatedAt  stamp  `json:"createdAt" wire:"set"`
	ExpiresAt  stamp  `json:"expiresAt"`
	LastUsedAt stamp  `json:"lastUsedAt"`
}

func (a *API) newTokenView(t jobs.Token) tokenView {
	return tokenView{
		Links: links{"self": a.link("tokens", t.ID)}, ID: t.ID, Type: "api", Name: t.Name, ReadOnly: t.ReadOnly,
		CreatedAt: stamp(t.CreatedAt), ExpiresAt: stamp(t.ExpiresAt), LastUsedAt: stamp(t.LastUsedAt),
	}
}

type tokenQuery struct {
	words        []string
	sort         []jobs.SortKey
	start, limit int
}

// readTokenQuery reads the parameters of GET /tokens.
func readTokenQuery(q *query) tokenQuery {
	start, limit := q.page(30)
	return tokenQuery{q.words(), q.sort(tokenSortFields), start, limit}
}

// listTokens serves GET /tokens: the caller's own.
func (a *API) listTokens(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	tq := readTokenQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	tokens, err := r.accounts.Tokens(r.Context())
	if err != nil {
		return err
	}
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(t jobs.Token) bool { return !hasWords(t.Name, tq.words) })
	sortTokens(tokens, tq.sort)
	total := len(tokens)
	first := min(tq.start, total)
	items := []tokenView{}
	for _, t := range tokens[first:min(first+tq.limit, total)] {
		items = append(items, a.newTokenView(t))
	}
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, a.link("tokens"), "inf:token", items, tq.start, tq.limit, total))
}

// hasWords reports whether every word occurs, without regard to case.
func hasWords(text string, words []string) bool {
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, strings.ToLower(word)) })
}

// sortTokens orders by the keys, by name without any, and equal ones by id (contract 1.7).
func sortTokens(tokens []jobs.Token, keys []jobs.SortKey) {
	if len(keys) == 0 {
		keys = []jobs.SortKey{{Field: "name"}}
	}
	slices.SortFunc(tokens, func(a, b jobs.Token) int {
		for _, key := range keys {
			c := compareTokens(a, b, key.Field)
			if key.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a.ID, b.ID)
	})
}

func compareTokens(a, b jobs.Token, field string) int {
	switch field {
	case "readOnly":
		switch {
		case a.ReadOnly == b.ReadOnly:
			return 0
		case b.ReadOnly:
			return -1
		}
		return 1
	case "createdAt":
		return a.CreatedAt.Compare(b.CreatedAt)
	case "expiresAt":
		return compareOrLast(a.ExpiresAt, b.ExpiresAt)
	case "lastUsedAt":
		return compareOrLast(a.LastUsedAt, b.LastUsedAt)
	}
	return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
}

// compareOrLast puts what is not set behind all moments.
func compareOrLast(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// readTokenSpec reads the body of POST /tokens.
func readTokenSpec(b *body) identity.TokenSpec {
	spec := identity.TokenSpec{Name: requiredText(b, "name"), ReadOnly: given(b, "readOnly", b.boolean("readOnly")).Value}
	if end := b.text("expiresAt"); end.Set && !end.Null {
		var err error
		if spec.ExpiresAt, err = jobs.ParseScheduleTime(end.Value, "", true); err != nil {
			b.faults.Add("expiresAt", "%s", err)
		}
	}
	b.ignore("id", "type", "createdAt", "lastUsedAt", "_links")
	return spec
}

// createToken serves POST /tokens.
func (a *API) createToken(w http.ResponseWriter, r *request) error {
	if err := r.accounts.MayCreateToken(r.Context()); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	spec := readTokenSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	t, secret, err := r.accounts.CreateToken(r.Context(), spec)
	if err != nil {
		return err
	}
	v := a.newTokenView(t)
	v.Token = secret.Reveal()
	noStore(w)
	w.Header().Set("Location", a.path("tokens", t.ID))
	return write(w, r.Request, http.StatusCreated, v)
}

// deleteToken serves DELETE /tokens/{tokenId}: one of the caller's own.
func (a *API) deleteToken(w http.ResponseWriter, r *request) error {
	id, err := r.uuid("tokenId", "token")
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.accounts.DeleteToken(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
