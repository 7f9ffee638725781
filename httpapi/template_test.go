package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// offering is a driver of the tests that comes with a template.
type offering struct{ *testDriver }

func (o *offering) Templates() []jobs.Template {
	return []jobs.Template{{
		ID: "offered", Name: "Offered by a driver", Type: o.info.ID,
		Inputs: []jobs.TemplateInput{{Name: "price", Type: jobs.InputString, Default: "5 EUR"}},
		Job:    json.RawMessage(`{"name": "Offered", "data": {"note": "${inputs.price}${job.name}"}}`),
	}}
}

// testTemplates are those of testdata and of the drivers.
func testTemplates(t testing.TB, drivers jobs.Drivers) *jobs.Templates {
	t.Helper()
	sources, err := jobs.ReadTemplates(os.DirFS("testdata/templates"))
	if err != nil {
		t.Fatal(err)
	}
	templates, err := jobs.NewTemplates(drivers, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

// everyInputs are inputs of the template "every", drawn at random; some are not given.
func everyInputs(r *rand.Rand, tag jobs.TagID) map[string]any {
	words := []string{"stock", "Ä ö ü", "100 %", "a \"quote\"", "<b>&", "{job.id}", "\\"}
	in := map[string]any{
		"text": words[r.IntN(len(words))], "n": 1 + r.IntN(9), "on": r.IntN(2) == 0,
		"set": []string{"globex:stock", "0f5c1b7e-8d0e-4b57-a1a4-0d2f6f1f3a77"}[r.IntN(2)],
	}
	for name, value := range map[string]any{"zone": "Asia/Tokyo", "day": "2031-02-28", "to": "stock@globex.example", "tag": string(tag)} {
		if r.IntN(2) == 0 {
			in[name] = value
		}
	}
	return in
}

// handFilled is the template "every" as a person would fill it in: no code of templates has a part in it.
func handFilled(in map[string]any) map[string]any {
	type object = map[string]any
	text, n, on := in["text"].(string), in["n"].(int), in["on"].(bool)
	zone, day, to, tags := "Europe/Berlin", "", []any{text}, []any{}
	if given, ok := in["zone"].(string); ok {
		zone = given
	}
	if given, ok := in["to"]; ok {
		to = []any{given, text}
	}
	if given, ok := in["tag"]; ok {
		tags = []any{given}
	}
	job := object{
		"type": "ok", "name": "Every " + text, "description": text, "ownerId": "team:logistics", "interval": fmt.Sprintf("%d hours", n),
		"intervalType": "simple", "timezone": zone, "endOn": "2040-01-01", "enabled": on, "tags": tags,
		"datasets": []any{
			object{"alias": "a", "datasetId": in["set"], "snapshots": object{"when": "both", "keep": n, "snapshotDatasets": []any{in["set"]}}},
			object{"alias": "b", "datasetId": "globex:orders"},
		},
		"actions": []any{
			object{
				"type": "plain", "name": "One " + text, "enabled": on, "data": object{"note": text}, "onError": "warn", "timeoutSeconds": n, "maxRetries": 2,
				"retryDelaySeconds": 5, "backoff": "exponential", "onInterrupt": "retry", "runConditions": object{
					"match": "all", "rules": []any{object{"field": "datasets.a.records", "operator": "gt", "value": n}},
				},
			},
			object{"type": "attach", "name": "Two", "data": object{"note": "${actions[0].status}"}, "attachments": []any{
				object{"type": "made", "name": text, "data": object{"note": fmt.Sprintf("is %t", on)}}, object{"type": "file", "name": "f"},
			}},
		},
		"policies": object{
			"overlap": "queue", "maxConcurrent": 1, "misfire": "all", "misfireGraceSeconds": n, "misfireWindowSeconds": 7200, "jitterSeconds": 1,
			"timeoutSeconds": n, "priority": n, "keepDays": n, "keepRuns": 5,
			"driver": object{"timeoutSeconds": 60, "maxRetries": 1, "retryDelaySeconds": n, "backoff": "exponential", "onInterrupt": "fail"},
		},
	}
	if given, ok := in["day"].(string); ok {
		day, job["startOn"] = given, given
	}
	job["data"] = object{"note": fmt.Sprintf("%s %d %t %s ${job.name}", text, n, on, day), "to": to}
	return job
}

// TestTemplate_equalsHandFilled: over HTTP and in Go, a job of a template is the job that one gets by filling its body in by hand.
func TestTemplate_equalsHandFilled(t *testing.T) {
	w := newWorld(t)
	client := w.as("dataWizard")
	tag, err := w.as("boss").CreateTag(t.Context(), "daily", "")
	if err != nil {
		t.Fatal(err)
	}
	create := func(body map[string]any) map[string]any {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		answer := ask(t, w.api, "dataWizard", "POST", "/api/jobs", string(text))
		if answer.Code != http.StatusCreated {
			t.Fatalf("POST /jobs with %s: %d %s", text, answer.Code, answer.Body)
		}
		return comparableJob(t, answer)
	}
	r := rand.New(rand.NewPCG(13, 3)) //nolint:gosec // the same values each time
	for range 25 {
		in := everyInputs(r, tag.ID)
		want := create(handFilled(in))
		if diff := cmp.Diff(want, create(map[string]any{"templateId": "every", "inputs": in})); diff != "" {
			t.Fatalf("POST /jobs of the template with %v (-by hand +template):\n%s", in, diff)
		}
		spec, err := client.TemplateSpec(t.Context(), "every", in)
		if err != nil {
			t.Fatal(err)
		}
		j, err := client.CreateJob(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		got := comparableJob(t, ask(t, w.api, "dataWizard", "GET", "/api/jobs/"+string(j.ID), ""))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("CreateJob of the template with %v (-by hand +template):\n%s", in, diff)
		}
	}
	w.check()
	// Of each three jobs, one is made by hand: only the audit of the others names the template.
	page, err := w.service.As(jobs.System("globex")).Audit(t.Context(), jobs.AuditQuery{Action: jobs.AuditCreate})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, row := range page.Items {
		if slices.Equal(row.Fields, []string{"template.every"}) {
			named++
		}
	}
	if named != 2*25 {
		t.Errorf("the audit names the template of %d jobs, want 50", named)
	}
}

// comparableJob is the answer of a job without what differs from job to job: ids and what is made of them, and times of day.
func comparableJob(t *testing.T, answer *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var j struct {
		ID       string
		Embedded struct {
			Actions []struct {
				ID       string
				Embedded struct {
					Attachments []struct{ ID string } `json:"inf:job-attachment"`
				} `json:"_embedded"`
			} `json:"inf:job-action"`
		} `json:"_embedded"`
	}
	text := answer.Body.String()
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	ids := []string{j.ID, "<job>"}
	for i, a := range j.Embedded.Actions {
		ids = append(ids, a.ID, fmt.Sprintf("<action %d>", i))
		for k, attachment := range a.Embedded.Attachments {
			ids = append(ids, attachment.ID, fmt.Sprintf("<attachment %d>", k))
		}
	}
	text = strings.NewReplacer(ids...).Replace(text)
	var value map[string]any
	if err := json.Unmarshal([]byte(varying.ReplaceAllString(text, `"$1":"..."`)), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

var varying = regexp.MustCompile(`"(slug|naturalId|createdAt|updatedAt|defnUpdatedAt|nextRunAt)":"[^"]*"`)
