package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var favoriteRoutes = []route{
	{
		method: "PUT", path: "/jobs/:id/favorite", group: groupRead, handle: setFavorite(true),
		name: "putFavorite", summary: "Make a job a favorite of the caller", body: noFields, answers: answers{204: nothing{}}, also: []int{409},
	},
	{
		method: "DELETE", path: "/jobs/:id/favorite", group: groupRead, handle: setFavorite(false),
		name: "deleteFavorite", summary: "Make a job a favorite of the caller no longer", answers: answers{204: nothing{}}, also: []int{409},
	},
}

// setFavorite serves PUT and DELETE /jobs/{id}/favorite. Both are harmless to repeat, so nothing can be expected to be as it was.
func setFavorite(favorite bool) func(*API, http.ResponseWriter, *request) error {
	return func(_ *API, w http.ResponseWriter, r *request) error {
		ref, err := r.job()
		if err != nil {
			return err
		}
		if err := r.client.CanWrite(r.Context(), ref); err != nil {
			return err
		}
		check := noBody
		if !favorite {
			check = noQuery
		}
		if err := check(r.Request); err != nil {
			return err
		}
		if err := r.expectNothing(); err != nil {
			return err
		}
		if err := r.client.SetFavorite(r.Context(), ref, favorite); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// favorites tells which jobs are favorites of the caller, for an answer.
func (a *API) favorites(r *request, list ...*jobs.Job) (map[jobs.ID]bool, error) {
	favorites, err := r.client.Favorites(r.Context(), list...)
	if err != nil && !safe(r.Method) {
		// What was written is written; a caller who is told of a failure would write it again.
		a.log.WarnContext(r.Context(), "no favorites for an answer", "request_id", r.id, "err", err)
		return nil, nil
	}
	return favorites, err
}
