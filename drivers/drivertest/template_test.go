package drivertest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/carillon-go/carillon/drivers/drivertest"
	"github.com/carillon-go/carillon/jobs"
)

// offering is a driver that comes with templates.
type offering struct {
	*good
	templates func() []jobs.Template
}

func (o *offering) Templates() []jobs.Template { return o.templates() }

func (o *offering) subject() drivertest.Subject {
	s := o.good.subject()
	s.Driver = o
	return s
}

func offer(data string) jobs.Template {
	return jobs.Template{
		ID: "offered", Name: "Offered", Type: "other", Inputs: []jobs.TemplateInput{{Name: "token", Type: jobs.InputString}},
		Job: json.RawMessage(`{"name": "x", "actions": [{"type": "good", "name": "a", "data": ` + data + `}]}`),
	}
}

// TestCheck_templates: a good one passes, and each fault is found out.
func TestCheck_templates(t *testing.T) {
	t.Parallel()
	calls := 0
	for name, c := range map[string]struct {
		templates func() []jobs.Template
		good      bool
	}{
		"good":        {func() []jobs.Template { return []jobs.Template{offer(`{"mode": "ok", "token": "${inputs.token}"}`)} }, true},
		"none":        {func() []jobs.Template { return nil }, true},
		"a bad input": {func() []jobs.Template { return []jobs.Template{offer(`{"mode": "${inputs.mode}"}`)} }, false},
		"a secret": {func() []jobs.Template {
			return []jobs.Template{offer(`{"mode": "${inputs.token}", "token": "sesame"}`)}
		}, false},
		"others each time": {func() []jobs.Template {
			calls++
			return []jobs.Template{{ID: "offered", Name: fmt.Sprint("Offer ", calls), Type: "other", Job: json.RawMessage(`{"name": "x"}`)}}
		}, false},
		"a panic": {func() []jobs.Template { panic("boom") }, false},
	} {
		found := drivertest.Check(t.Context(), func() drivertest.Subject { return (&offering{new(good), c.templates}).subject() })
		switch {
		case c.good && len(found) > 0:
			t.Errorf("%s: %v", name, found)
		case !c.good && (len(found) != 1 || found[0].Rule != "templates are good, without secrets, and the same each time"):
			t.Errorf("%s: the kit finds %v", name, found)
		}
	}
}
