package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

var templateRoutes = []route{
	{
		method: "GET", path: "/job-templates", group: groupIdentity, handle: (*API).listTemplates,
		name: "listTemplates", summary: "Ready-made starts for jobs", query: asks(readTemplateType),
		answers: answers{200: page{rel: "inf:job-template", item: templateItem{}}},
		words:   map[string]string{"type": "Only templates of this job driver"},
	},
	{
		method: "GET", path: "/job-templates/:templateId", group: groupIdentity, handle: (*API).getTemplate,
		name: "getTemplate", summary: "A template with its job", answers: answers{200: templateView{}},
	},
}

// templateItem is a template without its job, as the list shows it (contract 13.3).
type templateItem struct {
	Links       links       `json:"_links"`
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description text        `json:"description"`
	Icon        text        `json:"icon"`
	Category    text        `json:"category"`
	Type        string      `json:"type"`
	Available   bool        `json:"available"`
	Inputs      []inputView `json:"inputs"`
}

type inputView struct {
	Name     string         `json:"name"`
	Label    text           `json:"label"`
	Type     jobs.InputType `json:"type"`
	Required bool           `json:"required"`
	Default  any            `json:"default"`
}

type templateView struct {
	templateItem
	Job json.RawMessage `json:"job" wire:"object"`
}

func (a *API) newTemplateItem(t jobs.TemplateView) templateItem {
	item := templateItem{
		Links: links{"self": a.link("job-templates", t.ID)}, ID: t.ID, Name: t.Name, Description: text(t.Description), Icon: text(t.Icon),
		Category: text(t.Category), Type: t.Type, Available: t.Available, Inputs: make([]inputView, len(t.Inputs)),
	}
	for i, in := range t.Inputs {
		item.Inputs[i] = inputView{Name: in.Name, Label: text(in.Label), Type: in.Type, Required: in.Required, Default: in.Default}
	}
	return item
}

func readTemplateType(q *query) string { return q.text("type") }

// listTemplates serves GET /job-templates.
func (a *API) listTemplates(w http.ResponseWriter, r *request) error {
	q, err := newQuery(r.Request)
	if err != nil {
		return err
	}
	driver := readTemplateType(q)
	if err := q.finish(); err != nil {
		return err
	}
	templates, err := r.client.Templates(r.Context(), driver)
	if err != nil {
		return err
	}
	items := make([]templateItem, len(templates))
	for i, t := range templates {
		items[i] = a.newTemplateItem(t)
	}
	return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, a.link("job-templates"), "inf:job-template", items))
}

// getTemplate serves GET /job-templates/{templateId}.
func (a *API) getTemplate(w http.ResponseWriter, r *request) error {
	t, err := r.client.Template(r.Context(), r.params.ByName("templateId"))
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	return write(w, r.Request, http.StatusOK, templateView{a.newTemplateItem(t), t.Job})
}

// templateUse is the part of a body of contract 2.2 that names a template.
type templateUse struct {
	id     jobs.Field[string]
	inputs jobs.Field[json.RawMessage]
	// named: there is a templateId, be it one that is none.
	named bool
}

func readTemplateUse(b *body) templateUse {
	use := templateUse{id: b.text("templateId"), inputs: b.object("inputs")}
	use.named = b.has("templateId") && !use.id.Null
	if !use.named && use.inputs.Set && !use.inputs.Null {
		b.faults.Add(b.at("inputs"), "is allowed only together with templateId")
	}
	return use
}

// readNewJob reads the body of contract 2.2; fill puts the fields of its template in place.
func readNewJob(b *body, fill func(templateUse)) jobs.JobSpec {
	use := readTemplateUse(b)
	fill(use)
	spec := readJobSpec(b)
	spec.TemplateID = use.id.Value
	b.requiresWithout("templateId", "type", "name")
	return spec
}

// describeNewJob is readNewJob for the description of what is read.
func describeNewJob(b *body) jobs.JobSpec { return readNewJob(b, func(templateUse) {}) }

// newJobSpec reads the body of contract 2.2. All faults are told together: those of the template and its inputs, of the form, and of the rules.
func (r *request) newJobSpec(b *body) (jobs.JobSpec, error) {
	filled, failed := true, error(nil)
	spec := readNewJob(b, func(use templateUse) { filled, failed = r.fillBody(b, use) })
	if failed != nil {
		return spec, failed
	}
	b.unknown()
	if b.faults.Empty() {
		return spec, nil
	}
	err := r.client.CheckJob(r.Context(), spec)
	if !filled && (err == nil || errors.Is(err, jobs.ErrInvalid)) {
		return spec, b.faults.Err() // what the rules miss, the template would have had
	}
	return spec, mergeFaults(b.faults, err)
}

// fillBody puts the fields of the template's job into a body that does not have them. Each field of the body takes the place of the
// template's as a whole; interval also that of intervalType, which follows from it. Faults are added to those of the body; false says that
// the body names a template and is without its fields.
func (r *request) fillBody(b *body, use templateUse) (bool, error) {
	if !use.named {
		return true, nil
	}
	if !use.id.Set || b.has("inputs") && !use.inputs.Set {
		return false, nil // of the wrong type, which is a fault already
	}
	inputs := map[string]any{}
	if len(use.inputs.Value) > 0 {
		d := json.NewDecoder(bytes.NewReader(use.inputs.Value))
		d.UseNumber()
		if err := d.Decode(&inputs); err != nil {
			return false, err
		}
	}
	job, err := r.client.FillTemplate(r.Context(), use.id.Value, inputs)
	if err != nil {
		return false, b.faults.Merge("", err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(job, &fields); err != nil {
		return false, err
	}
	if b.has("interval") {
		delete(fields, "intervalType")
	}
	for name, value := range fields {
		if !b.has(name) {
			b.fields[name] = value
		}
	}
	return true, nil
}
