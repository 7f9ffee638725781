package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

// pickerRoutes are for forms in which something of the host is chosen: plain arrays of what the caller may name (contract 20.6), empty where
// the host has no such thing.
var pickerRoutes = []route{
	{
		method: "GET", path: "/job-principals", group: groupIdentity, handle: (*API).findPrincipals,
		name: "findPrincipals", summary: "Find users and teams by words", query: asks(readSearch), answers: answers{200: []principalView{}},
		words: pickerWords,
	},
	{
		method: "GET", path: "/job-datasets", group: groupIdentity, handle: (*API).findDatasets,
		name: "findDatasets", summary: "Find datasets that the caller can read by words", query: asks(readSearch), answers: answers{200: []datasetView{}},
		words: pickerWords,
	},
	{
		method: "GET", path: "/job-reports", group: groupIdentity, handle: (*API).findReports,
		name: "findReports", summary: "Find reports that the caller can read by words", query: asks(readSearch), answers: answers{200: []thingView{}},
		words: pickerWords,
	},
	{
		method: "GET", path: "/job-libraries", group: groupIdentity, handle: (*API).findLibraries,
		name: "findLibraries", summary: "Find libraries that the caller can read by words", query: asks(readSearch), answers: answers{200: []thingView{}},
		words: pickerWords,
	},
}

var pickerWords = map[string]string{
	"q":     "Words; every one has to occur in name or id, without regard to case",
	"limit": "The most items of the answer",
}

// thingView is a report or a library of the host.
type thingView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type search struct {
	words []string
	limit int
}

func readSearch(q *query) search { return search{q.words(), q.integer("limit", 30, 1, maxPage)} }

// find answers a search with the views of what was found.
func find[T, V any](w http.ResponseWriter, r *request, look func(s search) ([]T, error), view func(T) V) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	s := readSearch(q)
	if err := q.finish(); err != nil {
		return err
	}
	found, err := look(s)
	if err != nil {
		return err
	}
	views := make([]V, len(found))
	for i, thing := range found {
		views[i] = view(thing)
	}
	return writePlain(w, r.Request, views)
}

// findPrincipals serves GET /job-principals.
func (a *API) findPrincipals(w http.ResponseWriter, r *request) error {
	look := func(s search) ([]jobs.PrincipalInfo, error) {
		return r.client.FindPrincipals(r.Context(), s.words, s.limit)
	}
	return find(w, r, look, func(p jobs.PrincipalInfo) principalView { return *newPrincipalView(p) })
}

// findDatasets serves GET /job-datasets.
func (a *API) findDatasets(w http.ResponseWriter, r *request) error {
	look := func(s search) ([]jobs.Dataset, error) { return r.client.FindDatasets(r.Context(), s.words, s.limit) }
	return find(w, r, look, newDatasetView)
}

// findReports serves GET /job-reports.
func (a *API) findReports(w http.ResponseWriter, r *request) error {
	look := func(s search) ([]jobs.HostThing, error) { return r.client.FindReports(r.Context(), s.words, s.limit) }
	return find(w, r, look, newThingView)
}

// findLibraries serves GET /job-libraries.
func (a *API) findLibraries(w http.ResponseWriter, r *request) error {
	look := func(s search) ([]jobs.HostThing, error) { return r.client.FindLibraries(r.Context(), s.words, s.limit) }
	return find(w, r, look, newThingView)
}

func newThingView(t jobs.HostThing) thingView { return thingView{t.ID, t.Name} }
