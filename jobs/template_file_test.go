package jobs_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

const templateFile = `{"id": "tell", "name": "Tell", "description": "d", "icon": null, "category": "c", "type": "tell",
	"inputs": [{"name": "n", "label": "N", "type": "number", "required": true, "default": 1.50}, {"name": "s", "type": "string"}],
	"job": {"name": "x${inputs.n}${inputs.s}"}}`

func TestReadTemplates(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	sources, err := jobs.ReadTemplates(fstest.MapFS{
		"b.json": file(templateFile), "a.json": file(`{"id": "a", "name": "A", "type": "count", "job": {}}`), "README.md": file("words"),
		"c.json.bak": file("{"), "below/d.json": file("{"), "e.json/f": file("a folder"),
	})
	want := []jobs.TemplateSource{
		{Name: "a.json", Templates: []jobs.Template{{ID: "a", Name: "A", Type: "count", Job: json.RawMessage(`{}`)}}},
		{Name: "b.json", Templates: []jobs.Template{{
			ID: "tell", Name: "Tell", Description: "d", Category: "c", Type: "tell", Job: json.RawMessage(`{"name":"x${inputs.n}${inputs.s}"}`),
			Inputs: []jobs.TemplateInput{
				{Name: "n", Label: "N", Type: jobs.InputNumber, Required: true, Default: json.Number("1.50")}, {Name: "s", Type: jobs.InputString},
			},
		}}},
	}
	if diff := cmp.Diff(want, sources); err != nil || diff != "" {
		t.Errorf("ReadTemplates: %v (-want +got):\n%s", err, diff)
	}
	if sources, err := jobs.ReadTemplates(fstest.MapFS{}); err != nil || len(sources) > 0 {
		t.Errorf("ReadTemplates of an empty folder = %v, %v", sources, err)
	}
}

func TestReadTemplates_refuses(t *testing.T) {
	t.Parallel()
	files, want := fstest.MapFS{"good.json": {Data: []byte(templateFile)}}, []string{}
	for _, c := range []struct{ name, text, message string }{
		{"array.json", `[]`, `must be an object`},
		{"broken.json", "{\"id\": \"canary\",\n}", `is not valid JSON near byte 17`},
		{"deep.json", strings.Repeat(`{"job":`, 40) + "1" + strings.Repeat("}", 40), `is nested deeper than 32`},
		{"fields.json", `{"id": 1, "inputs": [{"name": "a", "kind": "x", "required": "yes"}, 7], "colour": 1, "job": "x", "available": true}`, `"id" has to be a string; ` +
			`"job" has to be an object; "inputs[0].required" has to be true or false; "inputs[0].kind" is not a field here; "inputs[1]" has to be an object; ` +
			`"available" is not a field here; "colour" is not a field here`},
		{"inputs.json", `{"inputs": {}}`, `"inputs" has to be an array`},
		{"large.json", strings.Repeat(" ", 2*jobs.MaxTemplateJob+1), `has 524289 bytes; at most 524288`},
		{"twice.json", `{"id": "a", "id": "b"}`, `"id" is there twice`},
	} {
		files[c.name] = &fstest.MapFile{Data: []byte(c.text)}
		want = append(want, c.name+": "+c.message)
	}
	sources, err := jobs.ReadTemplates(files)
	if err == nil || len(sources) != 1 || sources[0].Name != "good.json" {
		t.Fatalf("ReadTemplates = %v, %v", sources, err)
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("ReadTemplates (-want +got):\n%s", diff)
	}
}

// unreadable is a folder whose files cannot be opened.
type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	if name == "." {
		return u.MapFS.Open(name)
	}
	return nil, fs.ErrPermission
}

func TestReadTemplates_unreadable(t *testing.T) {
	t.Parallel()
	_, err := jobs.ReadTemplates(unreadable{fstest.MapFS{"a.json": {Data: []byte(templateFile)}}})
	if err == nil || !strings.HasPrefix(err.Error(), "a.json: ") {
		t.Errorf("a file that cannot be opened: %v", err)
	}
	if _, err := jobs.ReadTemplates(os.DirFS(filepath.Join(t.TempDir(), "nothing"))); err == nil {
		t.Error("a folder that does not exist is read")
	}
}
