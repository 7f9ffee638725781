package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServer_templates: a folder of files beside those of the drivers; a job is made of one.
func TestServer_templates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put(t, filepath.Join(folder, "ping.json"), `{"id": "ping", "name": "A ping", "type": "api-call", "inputs": [{"name": "path", "type": "string"}],
		"job": {"name": "Ping", "data": {"url": "http://127.0.0.1:9000/${inputs.path}"}}}`, 0o600)
	p := start(t, t.TempDir(), "-templates", folder, "-allow-private")
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	ask := func(method, path string, body any, want int, into any) {
		t.Helper()
		response, err := p.send(method, path, body, bearer)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != want {
			t.Fatalf("%s %s: status %d, %v, want %d", method, path, response.StatusCode, err, want)
		}
	}
	var list struct {
		Embedded struct {
			Templates []struct {
				ID        string
				Available bool
			} `json:"inf:job-template"`
		} `json:"_embedded"`
	}
	ask("GET", "/job-templates", nil, http.StatusOK, &list)
	available := map[string]bool{}
	for _, v := range list.Embedded.Templates {
		available[v.ID] = v.Available
	}
	// Without a mail server, what sends mails is there and not available.
	if is, there := available["watch-an-api"]; !there || is || !available["ping"] || !available["pass-on-an-api"] {
		t.Errorf("templates: %v", available)
	}
	var made struct{ Data struct{ URL string } }
	ask("POST", "/jobs", map[string]any{"templateId": "ping", "inputs": map[string]any{"path": "health"}}, http.StatusCreated, &made)
	if made.Data.URL != "http://127.0.0.1:9000/health" {
		t.Errorf("the job calls %q", made.Data.URL)
	}
}

// TestServer_refuses_bad_templates: every file that is wrong is named with the reason, all at once, and nothing is made.
func TestServer_refuses_bad_templates(t *testing.T) {
	t.Parallel()
	folder, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	for name, text := range map[string]string{
		"broken.json": `{`, "taken.json": `{"id": "watch-an-api", "name": "Mine", "type": "api-call", "job": {"name": "x"}}`,
		"secret.json":  `{"id": "secret", "name": "S", "type": "api-call", "job": {"name": "x", "data": {"secretHeaders": {"Authorization": "canary"}}}}`,
		"unknown.json": `{"id": "u", "name": "U", "type": "api-call", "job": {"name": "${inputs.a}", "colour": 1}}`,
	} {
		put(t, filepath.Join(folder, name), text, 0o600)
	}
	p := launch(t, nil, "-addr", "127.0.0.1:0", "-data", data, "-templates", folder)
	p.ends(1)
	text := p.stderr.String()
	for _, want := range []string{
		"server: -templates: broken.json: ", `template "watch-an-api": there is one of that id already in taken.json`,
		`secret.json: template "secret": "job.data.secretHeaders.Authorization" is a secret`, `unknown.json: template "u": "job.name" has ${inputs.a}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the error does not have %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "canary") || p.stdout.String() != "" {
		t.Errorf("the start wrote %s and %s", p.stdout, text)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a refused start has made the folder: %v", err)
	}
	none := launch(t, nil, "-addr", "127.0.0.1:0", "-data", data, "-templates", filepath.Join(folder, "nothing"))
	none.ends(1)
	if got := none.stderr.String(); !strings.HasPrefix(got, "server: -templates: ") {
		t.Errorf("a folder that does not exist: %s", got)
	}
}
