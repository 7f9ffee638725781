package httpapi

import (
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

const (
	snapshotsPath = associationPath + "/snapshots"
	snapshotPath  = snapshotsPath + "/:snapshotId"
)

var snapshotRoutes = []route{
	{
		method: "GET", path: snapshotsPath, group: groupRead, handle: (*API).listSnapshots,
		name: "listSnapshots", summary: "The snapshots that a job has made through one of its datasets", query: asks(readSnapshotQuery),
		answers: answers{200: page{rel: "inf:snapshot", item: snapshotView{}}},
		words:   map[string]string{"historyId": "Only those of this run"},
	},
	{
		method: "GET", path: snapshotPath, group: groupRead, handle: (*API).getSnapshot,
		name: "getSnapshot", summary: "Get a snapshot", answers: answers{200: snapshotView{}},
	},
	{
		method: "DELETE", path: snapshotPath, group: groupEdit, handle: (*API).deleteSnapshot,
		name: "deleteSnapshot", summary: "Remove a snapshot for good", answers: answers{204: nothing{}},
	},
}

// snapshotView is a snapshot (contract 10.8).
type snapshotView struct {
	Links     links             `json:"_links"`
	ID        jobs.SnapshotID   `json:"id" wire:"uuid"`
	DatasetID jobs.DatasetID    `json:"datasetId"`
	JobID     jobs.ID           `json:"jobId"`
	Alias     string            `json:"alias"`
	HistoryID text              `json:"historyId"`
	When      jobs.SnapshotWhen `json:"when"`
	Name      string            `json:"name"`
	Records   int64             `json:"records"`
	Size      int64             `json:"size"`
	CreatedAt stamp             `json:"createdAt" wire:"set"`
}

func (a *API) newSnapshotView(s jobs.Snapshot) snapshotView {
	return snapshotView{
		Links: links{"self": a.link("jobs", string(s.JobID), "datasets", s.Alias, "snapshots", string(s.ID))}, ID: s.ID, DatasetID: s.DatasetID,
		JobID: s.JobID, Alias: s.Alias, HistoryID: text(s.RunID), When: s.When, Name: s.Name, Records: s.Records, Size: s.Size,
		CreatedAt: stamp(s.CreatedAt),
	}
}

// readSnapshotQuery reads the parameters of contract 10.8.
func readSnapshotQuery(q *query) jobs.SnapshotQuery {
	var s jobs.SnapshotQuery
	s.Start, s.Limit = q.page(30)
	s.Sort = q.sort(jobs.SnapshotSortFields)
	if id, ok := q.one("historyId"); ok {
		if s.RunID = jobs.RunID(id); !jobs.ValidUUID(id) {
			q.faults.Add("historyId", "is not the id of a run: %q", clip(id))
		}
	}
	return s
}

// listSnapshots serves GET /jobs/{id}/datasets/{alias}/snapshots.
func (a *API) listSnapshots(w http.ResponseWriter, r *request) error {
	ref, alias, err := r.association()
	if err != nil {
		return err
	}
	j, _, err := r.client.Association(r.Context(), ref, alias)
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	sq := readSnapshotQuery(q)
	if err := q.finish(); err != nil {
		return err
	}
	page, err := r.client.Snapshots(r.Context(), ref, alias, sq)
	if err != nil {
		return err
	}
	views := make([]snapshotView, len(page.Items))
	for i, s := range page.Items {
		views[i] = a.newSnapshotView(s)
	}
	self := a.link("jobs", string(j.ID), "datasets", alias, "snapshots")
	return write(w, r.Request, http.StatusOK, newCollection(r.Request, self, "inf:snapshot", views, sq.Start, sq.Limit, page.Total))
}

// snapshot reads :id, :alias and :snapshotId. What is above is looked at first.
func (r *request) snapshot() (jobs.JobRef, string, jobs.SnapshotID, error) {
	ref, alias, err := r.association()
	if err != nil {
		return ref, alias, "", err
	}
	id, err := r.uuid("snapshotId", "snapshot")
	if err != nil {
		if _, _, above := r.client.Association(r.Context(), ref, alias); above != nil {
			return ref, alias, "", above
		}
	}
	return ref, alias, jobs.SnapshotID(id), err
}

// getSnapshot serves GET /jobs/{id}/datasets/{alias}/snapshots/{snapshotId}.
func (a *API) getSnapshot(w http.ResponseWriter, r *request) error {
	ref, alias, id, err := r.snapshot()
	if err != nil {
		return err
	}
	s, err := r.client.Snapshot(r.Context(), ref, alias, id)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, a.newSnapshotView(s))
}

// deleteSnapshot serves DELETE /jobs/{id}/datasets/{alias}/snapshots/{snapshotId}.
func (a *API) deleteSnapshot(w http.ResponseWriter, r *request) error {
	ref, alias, id, err := r.snapshot()
	if err != nil {
		return err
	}
	if err := r.client.CanDeleteSnapshot(r.Context(), ref, alias, id); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.expectNothing(); err != nil {
		return err
	}
	if err := r.client.DeleteSnapshot(r.Context(), ref, alias, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
