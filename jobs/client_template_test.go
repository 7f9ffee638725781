package jobs_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// useTemplates gives the house these templates over its registry.
func (h *house) useTemplates(registry *drivers.Registry, options jobs.ServiceOptions, templates ...jobs.Template) {
	h.t.Helper()
	var err error
	if options.Templates, err = jobs.NewTemplates(registry, jobs.TemplateSource{Name: "host", Templates: templates}); err != nil {
		h.t.Fatal(err)
	}
	if options.Keys, err = jobs.NewKey([]byte("0123456789abcdef0123456789abcdef")); err != nil {
		h.t.Fatal(err)
	}
	h.service = jobs.NewService(h.store, registry, options)
}

func TestClient_TemplateSpec(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.useTemplates(registryOf(t), jobs.ServiceOptions{}, tellStock(nil))
	mara := h.as("mara")
	spec, err := mara.TemplateSpec(t.Context(), "tell-stock", map[string]any{"warehouse": "HAM", "days": 2, "to": "a@b.example", "password": "a secret of mine"})
	if err != nil {
		t.Fatal(err)
	}
	spec.Description = "Changed in Go"
	j, err := mara.CreateJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if j.Name != "Stock of HAM" || j.Description != "Changed in Go" || j.Schedule.Interval != "2 days" || string(j.Data) != `{"warehouse":"HAM"}` ||
		string(j.Actions[0].Data) != `{"text":"of ${job.name}","to":"a@b.example"}` {
		t.Errorf("the job is %+v", j)
	}
	want := []string{"mara create job ok r1 template.tell-stock", "mara secret.set job ok r1 data.password"}
	if got := h.audit(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	spec.Slug, spec.TemplateID = "ensured", "tell-stock"
	if _, err := mara.Ensure(t.Context(), spec, jobs.EnsureOptions{}); err != nil {
		t.Errorf("Ensure of a template: %v", err)
	}
	spec.TemplateID = "nothing"
	if _, err := mara.CreateJob(t.Context(), spec); fields(err) != "templateId" {
		t.Errorf("CreateJob of a template that does not exist: %v", err)
	}
}

// fields are the paths of a validation error.
func fields(err error) string {
	var invalid *jobs.ValidationError
	if !errors.As(err, &invalid) {
		return ""
	}
	var paths []string
	for _, f := range invalid.Fields {
		paths = append(paths, f.Path)
	}
	return strings.Join(paths, " ")
}

func TestClient_TemplateSpec_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.useTemplates(registryOf(t), jobs.ServiceOptions{}, tellStock(nil), jobs.Template{
		ID: "set", Name: "Set", Type: "count", Inputs: []jobs.TemplateInput{{Name: "set", Type: jobs.InputDataset}},
		Job: json.RawMessage(`{"name": "x", "datasets": [{"alias": "a", "datasetId": "${inputs.set}"}]}`),
	})
	for name, c := range map[string]struct {
		id     string
		inputs map[string]any
		want   string
	}{
		"unknown template":        {"nothing", nil, "templateId"},
		"no inputs":               {"tell-stock", nil, "inputs.warehouse"},
		"a value that is no JSON": {"tell-stock", map[string]any{"warehouse": "HAM", "days": func() {}}, "inputs.days"},
		"a host without datasets": {"set", map[string]any{"set": "globex:stock"}, "inputs.set"},
	} {
		if _, err := h.as("mara").TemplateSpec(t.Context(), c.id, c.inputs); fields(err) != c.want {
			t.Errorf("%s: TemplateSpec: %v, want a fault of %s", name, err, c.want)
		}
		if data, err := h.as("mara").FillTemplate(t.Context(), c.id, c.inputs); fields(err) != c.want || data != nil {
			t.Errorf("%s: FillTemplate = %s, %v, want a fault of %s", name, data, err, c.want)
		}
	}
	reader := h.service.As(jobs.Principal{Tenant: "globex", User: "otto"})
	if _, err := reader.TemplateSpec(t.Context(), "nothing", nil); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("TemplateSpec of who may not create jobs: %v", err)
	}
	for name, use := range map[string]func(*jobs.Client) error{
		"Templates":    func(c *jobs.Client) error { _, err := c.Templates(t.Context(), ""); return err },
		"Template":     func(c *jobs.Client) error { _, err := c.Template(t.Context(), "tell-stock"); return err },
		"TemplateSpec": func(c *jobs.Client) error { _, err := c.TemplateSpec(t.Context(), "tell-stock", nil); return err },
	} {
		if err := use(h.service.As(jobs.Principal{})); !errors.Is(err, jobs.ErrUnauthenticated) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
}

// TestClient_TemplateSpec_datasets: a dataset of an input has to exist and to be readable, by whatever id it is named.
func TestClient_TemplateSpec_datasets(t *testing.T) {
	t.Parallel()
	h, provider := newDatasetHouse(t)
	h.useTemplates(registryOf(t), jobs.ServiceOptions{Datasets: provider}, jobs.Template{
		ID: "sets", Name: "Sets", Type: "count", Inputs: []jobs.TemplateInput{{Name: "a", Type: jobs.InputDataset}, {Name: "b", Type: jobs.InputDataset}},
		Job: json.RawMessage(`{"name": "x", "description": "${inputs.a} ${inputs.b}"}`),
	})
	fill := func(user jobs.PrincipalID, a, b any) error {
		_, err := h.as(user).TemplateSpec(t.Context(), "sets", map[string]any{"a": a, "b": b})
		return err
	}
	if err := fill("kim", "01890a5d-ac96-774b-bcce-b302099a8057", "globex:stock"); err != nil {
		t.Errorf("two names of a dataset: %v", err)
	}
	if err := fill("mara", "globex:nothing", "initech:secret"); fields(err) != "inputs.a inputs.b" {
		t.Errorf("datasets that do not exist: %v", err)
	}
	if err := fill("kim", nil, "globex:orders"); !errors.Is(err, jobs.ErrForbidden) {
		t.Errorf("a dataset that the caller may not read: %v", err)
	}
	if got, want := h.audit(), "kim dataset:use dataset denied r0 "; len(got) != 1 || got[0] != want {
		t.Errorf("the audit is %q, want %q", got, want)
	}
}

// TestClient_TemplateSpec_laterDriver: a driver that comes after the templates were checked finds no secret in them either.
func TestClient_TemplateSpec_laterDriver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	registry := registryOf(t)
	h.useTemplates(registry, jobs.ServiceOptions{}, tellStock(job(`"type": "tell", "name": "Tell", "data": {`,
		`"type": "post", "name": "Tell", "data": {"host": "h", "token": "canary", `)))
	mara := h.as("mara")
	if v, err := mara.Template(t.Context(), "tell-stock"); err != nil || v.Available {
		t.Errorf("Template = %v, %v, want one that is not available", v.Available, err)
	}
	if err := registry.Add(&poster{}); err != nil {
		t.Fatal(err)
	}
	if v, err := mara.Template(t.Context(), "tell-stock"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("Template shows the secret: %s, %v", v.Job, err)
	}
	if views, err := mara.Templates(t.Context(), ""); err != nil || len(views) > 0 {
		t.Errorf("Templates = %v, %v", views, err)
	}
	_, err := mara.TemplateSpec(t.Context(), "tell-stock", map[string]any{"warehouse": "HAM"})
	if fields(err) != "templateId" || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "job.actions[0].data.token") {
		t.Errorf("TemplateSpec: %v", err)
	}
}

// TestService_withoutTemplates has none, and says so.
func TestService_withoutTemplates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if views, err := h.as("mara").Templates(t.Context(), ""); err != nil || len(views) > 0 {
		t.Errorf("Templates = %v, %v", views, err)
	}
	if _, err := h.as("mara").Template(t.Context(), "x"); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("Template: %v", err)
	}
	if _, err := h.as("mara").TemplateSpec(t.Context(), "x", nil); fields(err) != "templateId" {
		t.Errorf("TemplateSpec: %v", err)
	}
}

// TestClient_TemplateSpec_ofThePaper is the example of contract 13.3. Its drivers need not be there for the spec to be made.
func TestClient_TemplateSpec_ofThePaper(t *testing.T) {
	t.Parallel()
	h, provider := newDatasetHouse(t)
	h.useTemplates(registryOf(t), jobs.ServiceOptions{Datasets: provider}, jobs.Template{
		ID: "refresh-and-mail", Name: "Refresh a dataset and mail it", Category: "Datasets", Type: "dataset-refresh",
		Inputs: []jobs.TemplateInput{
			{Name: "dataset", Label: "Dataset", Type: jobs.InputDataset, Required: true}, {Name: "to", Label: "Recipient", Type: jobs.InputEmail, Required: true},
		},
		Job: json.RawMessage(`{ "type": "dataset-refresh", "name": "Refresh and mail",
			"datasets": [{ "alias": "data", "datasetId": "${inputs.dataset}" }],
			"actions": [{ "type": "email", "name": "Mail it",
				"data": { "to": ["${inputs.to}"], "subject": "${job.name}", "text": "See attachment." },
				"attachments": [{ "type": "dataset", "name": "data.csv", "data": { "alias": "data" } }] }] }`),
	})
	got, err := h.as("mara").TemplateSpec(t.Context(), "refresh-and-mail", map[string]any{"dataset": "globex:stock", "to": "stock@globex.example"})
	want := jobs.JobSpec{
		Type: "dataset-refresh", Name: "Refresh and mail", Datasets: []jobs.AssociationSpec{{Alias: "data", DatasetID: "globex:stock"}},
		Actions: []jobs.ActionSpec{{
			Type: "email", Name: "Mail it", Data: json.RawMessage(`{"subject":"${job.name}","text":"See attachment.","to":["stock@globex.example"]}`),
			Attachments: []jobs.AttachmentSpec{{Type: "dataset", Name: "data.csv", Data: json.RawMessage(`{"alias":"data"}`)}},
		}},
		TemplateID: "refresh-and-mail",
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("TemplateSpec: %v (-want +got):\n%s", err, diff)
	}
}
