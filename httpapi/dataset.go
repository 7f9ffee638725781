package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

const (
	associationsPath = "/jobs/:id/datasets"
	associationPath  = associationsPath + "/:alias"
)

var datasetRoutes = []route{
	{
		method: "GET", path: associationsPath, group: groupRead, handle: (*API).listAssociations,
		name: "listDatasets", summary: "The datasets of a job in their order", answers: answers{200: page{rel: "inf:dataset", item: associationView{}}},
	},
	{
		method: "POST", path: associationsPath, group: groupEdit, handle: (*API).addAssociation,
		name: "createDataset", summary: "Let a job use a dataset under an alias", body: reads(readAssociationSpec),
		answers: answers{201: associationView{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: associationPath, group: groupRead, handle: (*API).getAssociation,
		name: "getDataset", summary: "Get a dataset of a job by its alias", answers: answers{200: associationView{}}, tagged: true,
	},
	{
		method: "PUT", path: associationPath, group: groupEdit, handle: (*API).updateAssociation,
		name: "updateDataset", summary: "Change the fields that are sent; index moves the dataset", body: reads(readAssociationPatch),
		answers: answers{200: associationView{}}, tagged: true,
	},
	{
		method: "DELETE", path: associationPath, group: groupEdit, handle: (*API).deleteAssociation,
		name: "deleteDataset", summary: "Let a job no longer use a dataset; the dataset and its snapshots stay",
		answers: answers{204: nothing{}}, also: []int{409}, tagged: true,
	},
	{
		method: "GET", path: "/jobs/:id/dataset-permissions", group: groupRead, handle: (*API).datasetPermissions,
		name: "getDatasetPermissions", summary: "May a principal use the datasets of a job as the job does", query: asks(readPrincipalID),
		answers: answers{200: datasetPermissionsView{}}, also: []int{403},
		words: map[string]string{"principalId": "A user or a team; the caller, if left out. Somebody else needs job:share"},
	},
}

// associationView is a dataset of a job (contract 10.1).
type associationView struct {
	Links     links          `json:"_links"`
	Alias     string         `json:"alias"`
	JobID     jobs.ID        `json:"jobId"`
	DatasetID jobs.DatasetID `json:"datasetId"`
	Index     int            `json:"index"`
	Snapshots *snapshotRules `json:"snapshots"`
	Dataset   *datasetView   `json:"dataset"`
	CreatedAt stamp          `json:"createdAt" wire:"set"`
	UpdatedAt stamp          `json:"updatedAt" wire:"set"`
}

// snapshotRules are which snapshots the runs of a job take.
type snapshotRules struct {
	When     jobs.SnapshotWhen `json:"when"`
	Datasets []datasetRef      `json:"snapshotDatasets"`
	Keep     *int              `json:"keep"`
}

// datasetNames are datasets in a list of a request, each as its id alone or as an object with it.
type datasetNames []datasetRef

// datasetRef names a dataset in a list.
type datasetRef struct {
	DatasetID jobs.DatasetID `json:"datasetId"`
}

// UnmarshalJSON reads both forms.
func (d *datasetRef) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, &d.DatasetID)
	}
	var members map[string]*jobs.DatasetID
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	id, ok := members["datasetId"]
	if !ok || id == nil || len(members) > 1 {
		return errors.New("an object with the one member datasetId is wanted")
	}
	d.DatasetID = *id
	return nil
}

// datasetView is a dataset of the host, as the caller may see it.
type datasetView struct {
	ID        jobs.DatasetID `json:"id"`
	Name      string         `json:"name"`
	Records   int64          `json:"records"`
	UpdatedAt stamp          `json:"updatedAt"`
}

func newDatasetView(d jobs.Dataset) datasetView {
	return datasetView{d.ID, d.Name, d.Records, stamp(d.UpdatedAt)}
}

// associationViews builds the datasets of a job. What the provider does not tell now is left out: nobody loses the view of a job because its
// datasets cannot be reached.
func (a *API) associationViews(r *request, j *jobs.Job) []associationView {
	found, err := r.client.DatasetsOf(r.Context(), j)
	if err != nil {
		a.log.WarnContext(r.Context(), "no datasets for an answer", "request_id", r.id, "job_id", j.ID, "err", err)
	}
	views := make([]associationView, len(j.Datasets))
	for i := range j.Datasets {
		x := &j.Datasets[i]
		views[i] = associationView{
			Links: links{"self": a.link("jobs", string(j.ID), "datasets", x.Alias)}, Alias: x.Alias, JobID: j.ID, DatasetID: x.DatasetID, Index: i,
			CreatedAt: stamp(x.CreatedAt), UpdatedAt: stamp(x.UpdatedAt),
		}
		if d, ok := found[x.DatasetID]; ok {
			v := newDatasetView(d)
			views[i].Dataset = &v
		}
		if p := x.Snapshots; p != nil {
			rules := snapshotRules{When: p.When, Datasets: []datasetRef{}, Keep: orNull(p.Keep)}
			for _, id := range x.SnapshotDatasets() {
				rules.Datasets = append(rules.Datasets, datasetRef{id})
			}
			views[i].Snapshots = &rules
		}
	}
	return views
}

var associationServerFields = []string{"jobId", "dataset", "createdAt", "updatedAt", "_links"}

// readAssociationSpec reads the body of contract 10.3.
func readAssociationSpec(b *body) jobs.AssociationSpec {
	spec := jobs.AssociationSpec{
		Alias: given(b, "alias", b.text("alias")).Value, DatasetID: given(b, "datasetId", word[jobs.DatasetID](b, "datasetId")).Value,
	}
	if index := given(b, "index", b.integer("index")); index.Set {
		spec.Index = &index.Value
	}
	if p := readSnapshotPatch(b, true); p.Set && !p.Null {
		spec.Snapshots = &jobs.SnapshotPolicy{When: p.Value.When.Value, Datasets: p.Value.Datasets.Value, Keep: p.Value.Keep.Value}
	}
	b.requires("alias", "datasetId")
	b.ignore(associationServerFields...)
	return spec
}

// readAssociationPatch reads the body of contract 10.5.
func readAssociationPatch(b *body) jobs.AssociationPatch {
	p := jobs.AssociationPatch{
		Alias: b.text("alias"), DatasetID: word[jobs.DatasetID](b, "datasetId"), Index: b.integer("index"), Snapshots: readSnapshotPatch(b, false),
	}
	b.ignore(associationServerFields...)
	return p
}

// readSnapshotPatch reads the field snapshots; whole says that nothing is stored that it could be merged with.
func readSnapshotPatch(b *body, whole bool) jobs.Field[jobs.SnapshotPatch] {
	sub, set, null := b.sub("snapshots")
	if sub == nil {
		return jobs.Field[jobs.SnapshotPatch]{Set: set, Null: null}
	}
	p := jobs.SnapshotPatch{When: word[jobs.SnapshotWhen](sub, "when"), Keep: sub.integer("keep")}
	refs := typed[datasetNames](sub, "snapshotDatasets", "an array of dataset ids, or of objects with a datasetId")
	p.Datasets = jobs.Field[[]jobs.DatasetID]{Set: refs.Set, Null: refs.Null}
	if refs.Set && !refs.Null {
		p.Datasets.Value = []jobs.DatasetID{}
		for _, ref := range refs.Value {
			p.Datasets.Value = append(p.Datasets.Value, ref.DatasetID)
		}
	}
	if whole {
		sub.requires("when")
		positive(sub, "keep", p.Keep)
	}
	sub.unknown()
	return jobs.Value(p)
}

// association reads :id and :alias. The job is looked at first.
func (r *request) association() (jobs.JobRef, string, error) {
	ref, err := r.job()
	if err != nil {
		return ref, "", err
	}
	alias := r.params.ByName("alias")
	if !jobs.ValidAlias(alias) {
		return ref, "", r.below(ref, jobs.NotFound("dataset association"))
	}
	return ref, alias, nil
}

// existingAssociation is association for writes: the association and the permission are looked at before the body.
func (r *request) existingAssociation() (jobs.JobRef, string, error) {
	ref, alias, err := r.association()
	if err != nil {
		return ref, alias, err
	}
	if _, _, err := r.client.Association(r.Context(), ref, alias); err != nil {
		return ref, alias, err
	}
	return ref, alias, r.mayEdit(ref)
}

// listAssociations serves GET /jobs/{id}/datasets.
func (a *API) listAssociations(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	j, err := r.client.Associations(r.Context(), ref)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	self := a.link("jobs", string(j.ID), "datasets")
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, self, "inf:dataset", a.associationViews(r, j)))
}

// getAssociation serves GET /jobs/{id}/datasets/{alias}.
func (a *API) getAssociation(w http.ResponseWriter, r *request) error {
	ref, alias, err := r.association()
	if err != nil {
		return err
	}
	j, i, err := r.client.Association(r.Context(), ref, alias)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return writeTagged(w, r.Request, associationVersion(&j.Datasets[i]), a.associationViews(r, j)[i])
}

// addAssociation serves POST /jobs/{id}/datasets.
func (a *API) addAssociation(w http.ResponseWriter, r *request) error {
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
	spec := readAssociationSpec(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, i, err := r.client.AddAssociation(r.Context(), ref, spec)
	if err != nil {
		return err
	}
	w.Header().Set("Location", a.path("jobs", string(j.ID), "datasets", spec.Alias))
	return writeVersion(w, r.Request, http.StatusCreated, associationVersion(&j.Datasets[i]), a.associationViews(r, j)[i])
}

// updateAssociation serves PUT /jobs/{id}/datasets/{alias}.
func (a *API) updateAssociation(w http.ResponseWriter, r *request) error {
	ref, alias, err := r.existingAssociation()
	if err != nil {
		return err
	}
	b, err := newBody(r.Request, false)
	if err != nil {
		return err
	}
	patch := readAssociationPatch(b)
	if err := b.finish(); err != nil {
		return err
	}
	j, i, err := r.client.UpdateAssociation(r.Context(), ref, alias, patch, r.expectAssociation(ref, alias))
	if err != nil {
		return err
	}
	return writeVersion(w, r.Request, http.StatusOK, associationVersion(&j.Datasets[i]), a.associationViews(r, j)[i])
}

// deleteAssociation serves DELETE /jobs/{id}/datasets/{alias}.
func (a *API) deleteAssociation(w http.ResponseWriter, r *request) error {
	ref, alias, err := r.existingAssociation()
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	if err := r.client.DeleteAssociation(r.Context(), ref, alias, r.expectAssociation(ref, alias)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// expectAssociation is If-Match of an association.
func (r *request) expectAssociation(ref jobs.JobRef, alias string) jobs.Precondition {
	versions, star := r.ifMatch()
	if star {
		return jobs.Precondition{}
	}
	ms := expected(versions, "t", func() int64 {
		j, i, err := r.client.Association(r.Context(), ref, alias)
		if err != nil {
			return 0 // the write finds the same error, or none any more
		}
		return j.Datasets[i].UpdatedAt.UnixMilli()
	})
	return jobs.Precondition{UpdatedAt: time.UnixMilli(ms).UTC()}
}

// datasetPermissionsView is contract 10.7.
type datasetPermissionsView struct {
	PrincipalID jobs.PrincipalID    `json:"principalId"`
	Allowed     bool                `json:"allowed"`
	Datasets    []datasetPermission `json:"datasets"`
}

type datasetPermission struct {
	Alias       string         `json:"alias"`
	DatasetID   jobs.DatasetID `json:"datasetId"`
	Exists      bool           `json:"exists"`
	Allowed     bool           `json:"allowed"`
	Permissions datasetRights  `json:"permissions"`
	Reason      text           `json:"reason"`
}

type datasetRights struct {
	Read     bool `json:"read"`
	Refresh  bool `json:"refresh"`
	Snapshot bool `json:"snapshot"`
}

func readPrincipalID(q *query) jobs.PrincipalID { return jobs.ParsePrincipalID(q.text("principalId")) }

// datasetPermissions serves GET /jobs/{id}/dataset-permissions.
func (a *API) datasetPermissions(w http.ResponseWriter, r *request) error {
	ref, err := r.job()
	if err != nil {
		return err
	}
	q, err := newQuery(r.Request)
	if err != nil {
		return r.below(ref, err)
	}
	who := readPrincipalID(q)
	checks, err := r.client.DatasetPermissions(r.Context(), ref, who)
	if err != nil && !errors.Is(err, jobs.ErrInvalid) {
		return err // what the caller may not do comes before what is wrong with the query
	}
	if fault := q.finish(); fault != nil {
		return fault
	}
	if err != nil {
		return badInput("query", err)
	}
	v := datasetPermissionsView{PrincipalID: who, Allowed: true, Datasets: []datasetPermission{}}
	if who == "" {
		v.PrincipalID = r.identity.Principal.User
	}
	for _, c := range checks {
		v.Allowed = v.Allowed && c.Allowed()
		v.Datasets = append(v.Datasets, datasetPermission{
			c.Alias, c.DatasetID, c.Exists, c.Allowed(), datasetRights{c.Rights.Read, c.Rights.Refresh, c.Rights.Snapshot}, text(c.Reason),
		})
	}
	return write(w, r.Request, http.StatusOK, v)
}
