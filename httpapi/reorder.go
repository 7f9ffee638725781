package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var reorderRoutes = []route{
	{
		method: "POST", path: "/jobs/:id/_reorder", group: groupEdit, handle: (*API).reorder,
		name: "reorder", summary: "Put the actions or datasets of a job in another order", body: reads(readReorder), answers: answers{200: orderView{}},
		also: []int{409},
	},
}

// orderView is the order of the parts of a job (contract 6.7); a list that was not sent is absent.
type orderView struct {
	Actions  []actionPlace  `json:"actions,omitempty"`
	Datasets []datasetPlace `json:"datasets,omitempty"`
}

type actionPlace struct {
	ID    jobs.ActionID `json:"id"`
	Index int           `json:"index"`
}

type datasetPlace struct {
	Alias string `json:"alias"`
	Index int    `json:"index"`
}

// readReorder reads the body of contract 6.7.
func readReorder(b *body) jobs.Reorder {
	var r jobs.Reorder
	if f := given(b, "actions", b.texts("actions")); f.Set {
		r.Actions = make([]jobs.ActionID, 0, len(f.Value)) // empty is a list too
		for _, id := range f.Value {
			r.Actions = append(r.Actions, jobs.ActionID(id))
		}
	}
	if f := given(b, "datasets", b.texts("datasets")); f.Set {
		r.Datasets = append([]string{}, f.Value...)
	}
	return r
}

// reorder serves POST /jobs/{id}/_reorder.
func (a *API) reorder(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	if err := r.mayEdit(ref); err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	order := readReorder(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, err := r.client.Reorder(r.Context(), ref, order)
	if err != nil {
		return err
	}
	var v orderView
	if order.Actions != nil {
		for i := range j.Actions {
			v.Actions = append(v.Actions, actionPlace{j.Actions[i].ID, i})
		}
	}
	if order.Datasets != nil {
		for i := range j.Datasets {
			v.Datasets = append(v.Datasets, datasetPlace{j.Datasets[i].Alias, i})
		}
	}
	return write(w, r.Request, http.StatusOK, v)
}
