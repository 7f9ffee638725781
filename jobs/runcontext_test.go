package jobs_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunContext_Lookup(t *testing.T) {
	c := contextOf(t, map[string]any{
		"run.startedAt": time.Date(2026, 3, 30, 5, 30, 0, 7_900_000, time.FixedZone("CEST", 7200)),
		"run.params":    json.RawMessage(`{"list":[{"n":12345678901234567890},null],"null":null,"00":"zeros"}`),
		"driver.data":   struct{ Rows int }{412},
	})
	c.SetUnknown("previous")
	c.SetUnknown("job.data")
	c.SetUnknown("actions.a.data")
	for _, path := range []string{"previous.data.late", "actions.a"} {
		if err := c.Set(path, "known"); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		want         any
		found, known bool
	}{
		"run.startedAt":         {"2026-03-30T03:30:00.007Z", true, true},
		"run.params.list.0.n":   {json.Number("12345678901234567890"), true, true},
		"run.params.list.1":     {nil, true, true},
		"run.params.list.2":     {nil, false, true},
		"run.params.list.-1":    {nil, false, true},
		"run.params.list.x":     {nil, false, true},
		"run.params.list.0.n.x": {nil, false, true},
		"run.params.null":       {nil, true, true},
		"run.params.null.x":     {nil, false, true},
		"run.params.00":         {"zeros", true, true},
		"run.params.":           {nil, false, true},
		"":                      {nil, false, true},
		"driver.data.Rows":      {json.Number("412"), true, true},
		"previous.status":       {nil, false, false},
		"previous.data.late":    {"known", true, true},
		"previous":              {nil, false, false},
		"actions.a":             {"known", true, true},
		"actions.a.data":        {nil, false, true},
		"previously":            {nil, false, true},
		"job":                   {nil, false, false},
		"job.data.x":            {nil, false, false},
		"job.datax":             {nil, false, true},
		"jo":                    {nil, false, true},
	}
	for path, test := range tests {
		got, found, known := c.Lookup(path)
		if diff := cmp.Diff(test.want, got); diff != "" || found != test.found || known != test.known {
			t.Errorf("Lookup(%q) = %v, %v, %v; want %v, %v, %v", path, got, found, known, test.want, test.found, test.known)
		}
	}
}

func TestRunContext_SetUnknownRemovesWhatWasThere(t *testing.T) {
	c := contextOf(t, map[string]any{"actions.a.data.x": 1, "actions.b.data.x": 2, "run.status": "success"})
	c.SetUnknown("actions.a")
	c.SetUnknown("nothing.there")
	if _, found, known := c.Lookup("actions.a.data.x"); found || known {
		t.Error("the value is still there")
	}
	if v, found, known := c.Lookup("actions.b.data.x"); v != 2 || !found || !known {
		t.Error("the neighbour is gone")
	}
	c.SetUnknown("run")
	if _, found, known := c.Lookup("run.status"); found || known {
		t.Error("a root is still there")
	}
}

func TestRunContext_SetCopies(t *testing.T) {
	data := map[string]any{"list": []any{map[string]any{"n": 1}}}
	c := contextOf(t, map[string]any{"job.data": data})
	data["list"].([]any)[0].(map[string]any)["n"] = 2
	if v, _, _ := c.Lookup("job.data.list.0.n"); v != 1 {
		t.Errorf("the caller's change shows: %v", v)
	}
	if err := c.Set("job.data.list", "new"); err != nil {
		t.Fatal(err)
	}
	if v, _, _ := c.Lookup("job.data.list"); v != "new" {
		t.Errorf("value = %v", v)
	}
}

func TestRunContext_SetRefuses(t *testing.T) {
	c := contextOf(t, map[string]any{"run.status": "success"})
	for path, value := range map[string]any{
		"": 1, "a..b": 1, "a.": 1, ".a": 1, "run.status.x": 1, "x.nan": math.NaN(), "x.deep": []any{map[string]any{"a": math.Inf(1)}},
		"x.func": func() {}, "x.raw": json.RawMessage(`{"a":`),
	} {
		if err := c.Set(path, value); err == nil || !strings.Contains(err.Error(), "run context") {
			t.Errorf("Set(%q, %T) = %v, want an error", path, value, err)
		}
	}
	for _, path := range []string{"x", "a", ""} {
		if v, found, _ := c.Lookup(path); found {
			t.Errorf("a refused Set left %q = %v", path, v)
		}
	}
}
