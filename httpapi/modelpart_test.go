package httpapi_test

import (
	"io"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

type modelDataset struct {
	alias, id string
	snapshot  bool
}

// modelFile is an attachment. Its contents are those of the upload of that number; zero: nothing was uploaded.
type modelFile struct {
	kind, name string
	version    int
	contents   string
}

func viewDatasets(list []modelDataset) []any {
	views := []any{}
	for i, d := range list {
		views = append(views, map[string]any{"alias": d.alias, "datasetId": d.id, "index": i})
	}
	return views
}

func viewFiles(list []modelFile) []any {
	views := []any{}
	for i, f := range list {
		v := map[string]any{"type": f.kind, "name": f.name, "index": i, "file": nil}
		if f.version > 0 {
			v["file"] = map[string]any{"size": len(f.contents), "filename": f.name}
		}
		views = append(views, v)
	}
	return views
}

// addDataset gives a job a dataset (contract 10.3). Everybody of globex may do all with globex:stock and read globex:orders.
func (p *play) addDataset() {
	c, path, j := p.target()
	d := modelDataset{one(p, []string{"a", "b", "c"}), one(p, []string{"globex:stock", "globex:orders", "globex:none"}), p.chance(40)}
	if c.super {
		d.snapshot = d.snapshot && d.id == "globex:stock" // a superuser may put in what the owner cannot use; the runs then fail
	}
	body := map[string]any{"alias": d.alias, "datasetId": d.id}
	if d.snapshot {
		body["snapshots"] = map[string]any{"when": "before"}
	}
	want := c.refused(j, 3)
	switch {
	case want != 0:
	case d.id == "globex:none", c.tenant != "globex":
		want = 400
	case d.snapshot && d.id == "globex:orders":
		want = 403
	case j.dataset(d.alias) >= 0:
		want = 409
	default:
		want = 201
	}
	p.ask(c, want, "POST", path+"/datasets", body)
	if want == 201 {
		j.datasets = append(j.datasets, d)
		j.changed(true)
	}
}

func (j *modelJob) dataset(alias string) int {
	return slices.IndexFunc(j.datasets, func(d modelDataset) bool { return d.alias == alias })
}

func (p *play) deleteDataset() {
	c, path, j := p.target()
	alias := one(p, []string{"a", "b", "c"})
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case j.dataset(alias) < 0:
		want = 404
	case c.level(j) < 3:
		want = 403
	default:
		want = 204
	}
	p.ask(c, want, "DELETE", path+"/datasets/"+alias, nil)
	if want == 204 {
		at := j.dataset(alias)
		j.datasets = slices.Delete(j.datasets, at, at+1)
		j.changed(true)
	}
}

func (p *play) listDatasets() {
	c, path, j := p.target()
	if status := c.refused(j, 1); status != 0 {
		p.ask(c, status, "GET", path+"/datasets", nil)
		return
	}
	p.same("the datasets", map[string]any{
		"start": 0, "count": len(j.datasets), "total": len(j.datasets), "_embedded": map[string]any{"inf:dataset": viewDatasets(j.datasets)},
	}, p.ask(c, 200, "GET", path+"/datasets", nil))
}

// listSnapshots: they are of the runs, and stay when the association goes and comes again.
func (p *play) listSnapshots() {
	c, path, j := p.target()
	alias := one(p, []string{"a", "b", "c"})
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case j.dataset(alias) < 0:
		want = 404
	default:
		want = 200
	}
	answer := p.ask(c, want, "GET", path+"/datasets/"+alias+"/snapshots", nil)
	if want == 200 {
		p.same("the snapshots", map[string]any{"total": j.snapshots[alias]}, answer)
	}
}

// attaching is a caller, the path of the attachments of an action, the job and the action's index; -1 without such an action.
func (p *play) attaching() (c modelCaller, path string, j *modelJob, at int) {
	c, path, j = p.target()
	id, at := unknownID, -1
	if j != nil && len(j.actions) > 0 {
		at = p.dice.IntN(len(j.actions))
		for i, a := range j.actions {
			if a.kind == "attach" && p.chance(80) {
				at = i
			}
		}
		id = j.actions[at].id
	}
	return c, path + "/actions/" + id + "/attachments", j, at
}

func (p *play) addAttachment() {
	c, path, j, at := p.attaching()
	f := modelFile{kind: one(p, []string{"file", "file", "made", "unheard-of"}), name: one(p, modelNames)}
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case at < 0:
		want = 404
	case c.level(j) < 3:
		want = 403
	case f.kind == "unheard-of", j.actions[at].kind != "attach":
		want = 400
	case len(j.actions[at].files) == jobs.MaxAttachments:
		want = 409
	default:
		want = 201
	}
	answer := p.ask(c, want, "POST", path, map[string]any{"type": f.kind, "name": f.name})
	if want == 201 {
		p.same("the new attachment", map[string]any{"type": f.kind, "name": f.name, "file": nil, "index": len(j.actions[at].files)}, answer)
		j.actions[at].files = append(j.actions[at].files, f)
		j.changed(true)
	}
}

// attachment is attaching with one of the action's attachments, which it finds by the list; -1 if there is none.
func (p *play) attachment() (c modelCaller, path string, j *modelJob, f *modelFile, least int) {
	c, path, j, at := p.attaching()
	want := c.refused(j, 1)
	switch {
	case want != 0:
	case at < 0:
		want = 404
	default:
		want = 200
	}
	answer := p.ask(c, want, "GET", path, nil)
	if want != 200 || answer == nil {
		return c, path + "/" + unknownID, j, nil, want
	}
	files := j.actions[at].files
	p.same("the attachments", map[string]any{
		"count": len(files), "total": len(files), "_embedded": map[string]any{"inf:job-attachment": viewFiles(files)},
	}, answer)
	ids := idsOf(answer, "inf:job-attachment")
	if len(files) == 0 || len(ids) != len(files) {
		return c, path + "/" + unknownID, j, nil, 404
	}
	i := p.dice.IntN(len(files))
	return c, path + "/" + ids[i], j, &files[i], 0
}

func (p *play) deleteAttachment() {
	c, path, j, f, want := p.attachment()
	switch {
	case want != 0:
	case c.level(j) < 3:
		want = 403
	default:
		want = 204
	}
	p.ask(c, want, "DELETE", path, nil)
	if want != 204 {
		return
	}
	for i := range j.actions {
		files := j.actions[i].files
		for k := range files {
			if &files[k] == f {
				j.actions[i].files = slices.Delete(slices.Clone(files), k, k+1)
				j.changed(true)
				return
			}
		}
	}
}

// upload puts contents of up to the limit of the world, and a little more, into an attachment (contract 8.8).
func (p *play) upload() {
	c, path, j, f, want := p.attachment()
	size := one(p, []int{0, 1, 40, maxUpload, maxUpload + 1})
	switch {
	case want != 0:
	case c.level(j) < 3:
		want = 403
	case size > maxUpload:
		want = 413 // before the attachment is looked at
	case f.kind != "file":
		want = 400
	default:
		want = 200
	}
	contents := strings.Repeat(one(p, []string{"a", "b"}), size)
	p.bytes(c, want, "PUT", path+"/action-attachment-file-contents", contents)
	if want == 200 {
		p.uploads++
		f.version, f.contents = p.uploads, contents
		j.changed(true)
	}
}

func (p *play) download() {
	c, path, _, f, want := p.attachment()
	switch {
	case want != 0:
	case f.version == 0:
		want = 404
	default:
		want = 200
	}
	got := p.bytes(c, want, "GET", path+"/action-attachment-file-contents", "")
	if want == 200 && got != f.contents {
		p.t.Errorf("downloaded %.20q with %d bytes, uploaded %.20q with %d", got, len(got), f.contents, len(f.contents))
	}
}

// bytes is ask for bodies that are no JSON.
func (p *play) bytes(c modelCaller, want int, method, path, body string) string {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), method, "/api"+path, strings.NewReader(body))
	if method == "PUT" {
		r.Header.Set("Content-Type", "text/plain")
	}
	r.Header.Set(callerHeader, c.name)
	w := httptest.NewRecorder()
	p.w.api.ServeHTTP(w, r)
	p.note(c, method, path, body, w.Code)
	got, err := io.ReadAll(w.Body)
	if w.Code != want || err != nil {
		p.t.Errorf("%s %s as %s: status %d, %v, want %d: %.300s", method, path, c.name, w.Code, err, want, got)
	}
	return string(got)
}
