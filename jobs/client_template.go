package jobs

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
	"github.com/carillon-go/carillon/jobs/internal/template"
)

// TemplateView is a template with whether it can be used now. Its slices are not to be changed.
type TemplateView struct {
	Template
	// Available: all drivers that its job uses are there and have what they need.
	Available bool
}

// Templates lists the templates by name; of one job driver, unless driver is empty.
func (c *Client) Templates(_ context.Context, driver string) ([]TemplateView, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	var views []TemplateView
	if set := c.service.options.Templates; set != nil {
		for _, t := range set.list {
			if (driver == "" || t.Type == driver) && c.service.carriesSecret(t) == nil {
				views = append(views, c.service.templateView(t))
			}
		}
	}
	return views, nil
}

// carriesSecret says which secret a template carries for a driver that has come since it was checked. Such a template is as good as absent.
func (s *Service) carriesSecret(t *checkedTemplate) error {
	if !t.open {
		return nil
	}
	var f Faults
	if err := t.checkSecrets(&f, s.drivers); err != nil {
		return err
	}
	return f.Err()
}

// Template reads one template.
func (c *Client) Template(_ context.Context, id string) (TemplateView, error) {
	if err := c.identified(); err != nil {
		return TemplateView{}, err
	}
	t := c.service.options.Templates.find(id)
	if t == nil || c.service.carriesSecret(t) != nil {
		return TemplateView{}, NotFound("template")
	}
	return c.service.templateView(t), nil
}

func (s *Service) templateView(t *checkedTemplate) TemplateView {
	missing := func(p templatePart) bool {
		_, err := s.driver(p.kind, p.driver)
		return err != nil
	}
	return TemplateView{Template: t.Template, Available: !slices.ContainsFunc(t.parts, missing)}
}

// TemplateSpec makes the spec of a new job of a template: its job with these inputs, by name. The caller may change the spec before it gives it
// to CreateJob or Ensure. A value is text and nothing else: a placeholder in it is not one for the run. Faults are those of "templateId" and
// "inputs.<name>", and those of the job as CreateJob names them.
func (c *Client) TemplateSpec(ctx context.Context, id string, inputs map[string]any) (JobSpec, error) {
	filled, err := c.fillTemplate(ctx, id, inputs)
	if err != nil {
		return JobSpec{}, err
	}
	spec, err := readSpec(filled)
	spec.TemplateID = id
	return spec, err
}

// FillTemplate is TemplateSpec for who reads bodies of contract 2.2: a JSON object of fields of a new job.
func (c *Client) FillTemplate(ctx context.Context, id string, inputs map[string]any) (json.RawMessage, error) {
	filled, err := c.fillTemplate(ctx, id, inputs)
	if err != nil {
		return nil, err
	}
	return writeJSON(filled)
}

func (c *Client) fillTemplate(ctx context.Context, id string, inputs map[string]any) (map[string]any, error) {
	if err := c.mayCreate(ctx, ""); err != nil {
		return nil, err
	}
	t := c.service.options.Templates.find(id)
	if t == nil {
		return nil, Invalid("templateId", unknownTemplate, id)
	}
	if err := c.service.carriesSecret(t); err != nil {
		return nil, Invalid("templateId", "is a template that cannot be used: %s", err)
	}
	var f Faults
	given := make(map[string]any, len(inputs))
	for name, value := range inputs {
		plain, err := jsontext.Plain(value)
		if err != nil {
			f.Add("inputs."+name, "is no JSON value: %s", err)
		}
		given[name] = plain
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	values, faults := template.Resolve(t.inputs, given)
	if err := f.Merge("", invalidOf(faults)); err != nil {
		return nil, err
	}
	if err := c.checkDatasetInputs(ctx, &f, t, values); err != nil {
		return nil, err
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	filled, faults := template.Fill(t.job, values)
	return filled, invalidOf(faults)
}

const unknownTemplate = "is not a template of this system: %.80q"

// checkDatasetInputs looks whether the datasets among the values exist; one that the caller may not read is ErrForbidden, as in a job.
func (c *Client) checkDatasetInputs(ctx context.Context, f *Faults, t *checkedTemplate, values map[string]any) error {
	asked := map[string]DatasetID{}
	var ids []DatasetID
	for _, in := range t.inputs {
		if id, ok := values[in.Name].(string); ok && in.Type == template.Dataset {
			asked[in.Name] = DatasetID(id)
			ids = append(ids, DatasetID(id))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found := map[DatasetID]Dataset{}
	if c.service.options.Datasets != nil {
		var err error
		if found, err = askDatasets(ctx, c.service.options.Datasets, c.principal.Tenant, c.principal.User, ids); err != nil {
			return datasetsFail(err)
		}
	}
	for _, in := range t.inputs {
		id, ok := asked[in.Name]
		if !ok {
			continue
		}
		dataset, exists := found[id]
		switch {
		case c.service.options.Datasets == nil:
			f.Add("inputs."+in.Name, "cannot be used: this system has no datasets")
		case !exists:
			f.Add("inputs."+in.Name, "is not a dataset of this system: %.80q", id)
		case !dataset.Rights.Read && !c.principal.Superuser:
			return c.denied(ctx, Forbidden("read on the dataset %.80q is not allowed", id), "dataset:use", "dataset", string(id), "")
		}
	}
	return nil
}
