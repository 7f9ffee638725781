package jobs_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// offerer is a driver that comes with templates.
type offerer struct {
	poster
	templates []jobs.Template
}

func (o *offerer) Templates() []jobs.Template { return o.templates }

// tellStock is a good template with all that a template can have; change may spoil it.
func tellStock(change func(*jobs.Template)) jobs.Template {
	t := jobs.Template{
		ID: "tell-stock", Name: "Tell the stock", Description: "d", Icon: "box", Category: "Stock", Type: "count",
		Inputs: []jobs.TemplateInput{
			{Name: "warehouse", Label: "Warehouse", Type: jobs.InputString, Required: true},
			{Name: "password", Type: jobs.InputString},
			{Name: "days", Type: jobs.InputNumber, Default: 7},
			{Name: "to", Type: jobs.InputEmail},
		},
		Job: json.RawMessage(`{"name": "Stock of ${inputs.warehouse}", "interval": "${inputs.days} days",
			"data": {"warehouse": "${inputs.warehouse}", "password": "${inputs.password}"},
			"actions": [{"type": "tell", "name": "Tell", "data": {"to": "${inputs.to}", "text": "of ${job.name}"}}]}`),
	}
	if change != nil {
		change(&t)
	}
	return t
}

func TestNewTemplates(t *testing.T) {
	t.Parallel()
	d := &offerer{templates: []jobs.Template{tellStock(func(t *jobs.Template) { t.ID, t.Name = "offered", "An offer" })}}
	templates, err := jobs.NewTemplates(registryOf(t, d),
		jobs.TemplateSource{Name: "host", Templates: []jobs.Template{
			tellStock(nil), tellStock(func(t *jobs.Template) { t.ID = "again" }),
			{ID: "absent", Name: "Of nobody", Type: "absent", Job: json.RawMessage(`{"name": "x", "data": {"anything": "at all"}}`)},
		}}, jobs.TemplateSource{Name: "none"})
	if err != nil {
		t.Fatal(err)
	}
	client := jobs.NewService(nil, registryOf(t, d), jobs.ServiceOptions{Templates: templates}).As(jobs.Principal{Tenant: "globex", User: "mara"})
	for driver, want := range map[string][]string{
		"": {"offered true", "absent false", "again true", "tell-stock true"}, "absent": {"absent false"}, "nothing": nil,
	} {
		views, err := client.Templates(t.Context(), driver)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range views {
			got = append(got, v.ID+map[bool]string{true: " true", false: " false"}[v.Available])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Templates(%q) (-want +got):\n%s", driver, diff)
		}
	}
	view, err := client.Template(t.Context(), "tell-stock")
	if diff := cmp.Diff(tellStock(nil), view.Template); err != nil || diff != "" {
		t.Errorf("Template: %v (-want +got):\n%s", err, diff)
	}
}

// job changes the job of a template by a replacement in its text.
func job(old, replacement string) func(*jobs.Template) {
	return func(t *jobs.Template) {
		text := string(t.Job)
		if !strings.Contains(text, old) {
			panic("the job has no " + old)
		}
		t.Job = json.RawMessage(strings.Replace(text, old, replacement, 1))
	}
}

func TestNewTemplates_refuses(t *testing.T) {
	t.Parallel()
	const secret = "is a secret, which a template does not carry; it may be one placeholder of an input without a default and nothing else"
	registry := registryOf(t, &poster{})
	for name, c := range map[string]struct {
		change func(*jobs.Template)
		want   string
	}{
		"id":            {func(t *jobs.Template) { t.ID = "Tell" }, `"id" is "Tell"; a letter, then up to 62 of a-z, 0-9 and hyphen`},
		"name":          {func(t *jobs.Template) { t.Name = " " }, `"name" is required`},
		"long name":     {func(t *jobs.Template) { t.Name = strings.Repeat("ä", 256) }, `"name" has 256 characters; at most 255`},
		"long label":    {func(t *jobs.Template) { t.Inputs[0].Label = strings.Repeat("ä", 256) }, `"inputs[0].label" has 256 characters; at most 255`},
		"long text":     {func(t *jobs.Template) { t.Description = strings.Repeat("ä", 4001) }, `"description" has 4001 characters; at most 4000`},
		"type":          {func(t *jobs.Template) { t.Type = "" }, `"type" is ""; the id of a job driver`},
		"another type":  {job(`{"name"`, `{"type": "tell", "name"`), `"job.type" is not the type of the template, "count"`},
		"type by input": {job(`"type": "tell"`, `"type": "${inputs.to}"`), `"job.actions[0].type" has to be the id of an action driver, written out`},
		"no job":        {func(t *jobs.Template) { t.Job = nil }, `"job" is required`},
		"job":           {func(t *jobs.Template) { t.Job = json.RawMessage(`[]`) }, `"job" must be an object`},
		"name twice":    {job(`{"name"`, `{"name": "x", "name"`), `"job.name" is there twice`},
		"large job":     {job(`of ${job.name}`, strings.Repeat("x", jobs.MaxTemplateJob)), `"job" has`},
		"field":         {job(`"interval"`, `"intervall"`), `"job.intervall" is not a field here`},
		"field below":   {job(`"name": "Tell"`, `"name": "Tell", "retries": 3`), `"job.actions[0].retries" is not a field here`},
		"kind of field": {job(`"${inputs.days} days"`, `"${inputs.days}"`), `"job.interval" has to be a string`},
		"null":          {job(`"name": "Tell"`, `"name": "Tell", "onError": null`), `"job.actions[0].onError" may not be null`},
		"template":      {job(`{"name"`, `{"templateId": "x", "name"`), `"job.templateId" is not a field here`},
		"unknown input": {job(`${inputs.to}`, `${inputs.too}`), `"job.actions[0].data.to" has ${inputs.too}, which is no input of the template; "inputs[3]" is not used: the job has no ${inputs.to}`},
		"input type":    {func(t *jobs.Template) { t.Inputs[0].Type = "text" }, `"inputs[0].type" is "text"; string, number, boolean, date, dataset or email`},
		"default":       {func(t *jobs.Template) { t.Inputs[2].Default = "7" }, `"inputs[2].default" has to be a number`},
		"no default":    {func(t *jobs.Template) { t.Inputs[2].Default = func() {} }, `"inputs[2].default" has to be a number`},
		"secret":        {job(`"${inputs.password}"`, `"${inputs.days} canary"`), `"inputs[1]" is not used: the job has no ${inputs.password}; "job.data.password" ` + secret},
		"part secret":   {job(`"${inputs.password}"`, `"canary ${inputs.password}"`), `"job.data.password" ` + secret},
		"number secret": {job(`"${inputs.password}"`, `[1, {"a": "${inputs.password}"}]`), `"job.data.password[0]" ` + secret},
		"run's secret":  {job(`"${inputs.password}"`, `"${run.params.password}"`), `"inputs[1]" is not used: the job has no ${inputs.password}; "job.data.password" ` + secret},
		"default secret": {
			func(t *jobs.Template) { t.Inputs[1].Default = "canary" }, `"inputs[1].default" is the value of a secret, job.data.password; a template carries none`,
		},
		"secret of an action": {
			job(`"type": "tell", "name": "Tell", "data": {`, `"type": "post", "name": "Tell", "data": {"host": "h", "token": "canary", `), `"job.actions[0].data.token" ` + secret,
		},
	} {
		set, err := jobs.NewTemplates(registry, jobs.TemplateSource{Name: "mail.json", Templates: []jobs.Template{tellStock(c.change)}})
		want := `mail.json: template "` + tellStock(c.change).ID + `": ` + c.want
		if err == nil || set != nil || err.Error() != want && !(strings.HasPrefix(name, "large") && strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: NewTemplates = %v, %v, want %s", name, set, err, want)
			continue
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

// TestNewTemplates_all: every fault of every template is told, and an id that two sources have with both of them.
func TestNewTemplates_all(t *testing.T) {
	t.Parallel()
	d := &offerer{templates: []jobs.Template{tellStock(nil)}}
	_, err := jobs.NewTemplates(registryOf(t, d),
		jobs.TemplateSource{Name: "a.json", Templates: []jobs.Template{tellStock(func(t *jobs.Template) { t.Name, t.Type = "", "" })}},
		jobs.TemplateSource{Name: "b.json", Templates: []jobs.Template{tellStock(nil)}},
		jobs.TemplateSource{Name: "c.json", Templates: []jobs.Template{tellStock(func(t *jobs.Template) { t.ID = "" })}})
	if err == nil {
		t.Fatal("NewTemplates takes them")
	}
	want := []string{
		`a.json: template "tell-stock": "name" is required; "type" is ""; the id of a job driver`,
		`c.json: template "": "id" is ""; a letter, then up to 62 of a-z, 0-9 and hyphen`,
		`action driver "post": template "tell-stock": there is one of that id already in b.json`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("NewTemplates (-want +got):\n%s", diff)
	}
}

// TestNewTemplates_keepsItsOwn: what the caller does with its slices afterwards changes nothing.
func TestNewTemplates_keepsItsOwn(t *testing.T) {
	t.Parallel()
	mine := []jobs.Template{tellStock(nil)}
	sources := slices.Grow([]jobs.TemplateSource{{Name: "host", Templates: mine}}, 5)
	registry := registryOf(t, &offerer{})
	templates, err := jobs.NewTemplates(registry, sources...)
	if err != nil {
		t.Fatal(err)
	}
	mine[0].Inputs[0].Name = "changed"
	if sources[:2][1].Name != "" {
		t.Error("NewTemplates writes into the slice of the caller")
	}
	client := jobs.NewService(nil, registry, jobs.ServiceOptions{Templates: templates}).As(jobs.System("globex"))
	if v, err := client.Template(t.Context(), "tell-stock"); err != nil || v.Inputs[0].Name != "warehouse" {
		t.Errorf("Template = %v, %v", v.Inputs, err)
	}
}
