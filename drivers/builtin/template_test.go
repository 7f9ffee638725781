package builtin_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/drivers/builtin"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

// TestTemplates makes a job of each template, with what a user has to give alone and with everything.
func TestTemplates(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	client := templatesOf(t, store, &mail.Settings{Host: "mail.example.com", From: "jobs@example.com"})
	url, to, hook := "https://api.example.com/stock?a=1&b=${c}", "ops@example.com", "https://hook.example.com/in"
	type given = map[string]any
	cases := map[string][2]given{
		"watch-an-api": {{"url": url, "to": to}, {"url": url, "to": to, "minutes": 30}},
		"pass-on-an-api": {
			{"url": url, "authorization": "Bearer t0ken", "hook": hook},
			{"url": url, "authorization": "Bearer t0ken", "hook": hook, "secret": "s3cret", "cron": "*/5 * * * *", "timezone": "Asia/Tokyo"},
		},
		"mail-at-set-times": {
			{"to": to, "subject": "Count ${x}", "text": "Please"},
			{"to": to, "subject": "Count", "text": "Please", "cc": to, "cron": "0 8 1 * *", "timezone": "Asia/Tokyo", "until": "2040-12-31"},
		},
	}
	views, err := client.Templates(t.Context(), "")
	if err != nil || len(views) != len(cases) {
		t.Fatalf("%d templates, %v; the test knows %d", len(views), err, len(cases))
	}
	for _, v := range views {
		if !v.Available || v.Description == "" || v.Category == "" || v.Icon == "" {
			t.Errorf("%s is %+v", v.ID, v)
		}
		for _, in := range v.Inputs {
			if in.Label == "" {
				t.Errorf("%s: the input %s has no label", v.ID, in.Name)
			}
		}
		for _, inputs := range cases[v.ID] {
			spec, err := client.TemplateSpec(t.Context(), v.ID, inputs)
			if err != nil {
				t.Errorf("%s: TemplateSpec: %v", v.ID, err)
				continue
			}
			j, err := client.CreateJob(t.Context(), spec)
			if err != nil {
				t.Errorf("%s: CreateJob: %v", v.ID, err)
				continue
			}
			if j.NextRunAt.IsZero() {
				t.Errorf("%s: the job never fires", v.ID)
			}
			seen := seenByRun(t, j)
			for name, value := range inputs {
				text, _ := value.(string)
				if secret := name == "authorization" || name == "secret"; text != "" && strings.Contains(seen, text) == secret {
					t.Errorf("%s: %s = %q; the run sees %s", v.ID, name, text, seen)
				}
			}
		}
	}
}

// seenByRun is what a run makes of the definition: schedule and settings with placeholders replaced.
func seenByRun(t *testing.T, j *jobs.Job) string {
	t.Helper()
	texts := []string{j.Schedule.Interval, j.Schedule.Timezone, j.Schedule.EndOn.In(j.Schedule.Location()).Format("2006-01-02")}
	settings := []json.RawMessage{j.Data}
	for _, a := range j.Actions {
		settings = append(settings, a.Data)
	}
	values := jobs.NewRunContext()
	for path, value := range map[string]any{"job.name": j.Name, "driver.error": "no answer", "driver.data": map[string]any{"body": "stock"}} {
		if err := values.Set(path, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range settings {
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatal(err)
		}
		expanded, err := jobs.ExpandPlaceholders(value, values, j.CreatedAt, nil)
		if err != nil {
			t.Fatalf("%s: a run cannot read %s: %v", j.Name, data, err)
		}
		var text strings.Builder
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(expanded); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text.String())
	}
	return strings.Join(texts, "\n")
}

// templatesOf is a client over the built-in drivers and their templates.
func templatesOf(t *testing.T, store jobs.Store, server *mail.Settings) *jobs.Client {
	t.Helper()
	all, err := builtin.Drivers(builtin.Options{Mail: server})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := drivers.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	templates, err := jobs.NewTemplates(registry)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return jobs.NewService(store, registry, jobs.ServiceOptions{Templates: templates, Keys: keys}).As(jobs.System("globex"))
}

// TestTemplates_closed: without a mail server, what sends mails is not available.
func TestTemplates_closed(t *testing.T) {
	t.Parallel()
	views, err := templatesOf(t, nil, nil).Templates(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, v := range views {
		got[v.ID] = v.Available
	}
	if diff := cmp.Diff(map[string]bool{"watch-an-api": false, "pass-on-an-api": true, "mail-at-set-times": false}, got); diff != "" {
		t.Errorf("available (-want +got):\n%s", diff)
	}
}
