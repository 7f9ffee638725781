package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/httpapi/identity"
)

// served gets the document that an API serves.
func served(t *testing.T, api http.Handler, prefix string) *spec {
	t.Helper()
	answer := ask(t, api, "", http.MethodGet, prefix+"/job-openapi.json", "")
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	s, err := newSpec(answer.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// operations walks over all operations of a document.
func (s *spec) operations(t *testing.T, visit func(path, method string, item, operation map[string]any)) {
	t.Helper()
	paths, _ := s.doc["paths"].(map[string]any)
	for path, v := range paths {
		item, _ := v.(map[string]any)
		for method, v := range item {
			if method == "parameters" {
				continue
			}
			operation, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%s %s is no operation", method, path)
			}
			visit(path, method, item, operation)
		}
	}
}

// TestOpenAPI_Routes holds that a document has exactly the routes of its API, also with the built-in identity and below another prefix.
func TestOpenAPI_Routes(t *testing.T) {
	w := newWorld(t)
	accounts, err := identity.New(w.store, identity.Options{DefaultTenant: "globex", Logger: w.logger()})
	if err != nil {
		t.Fatal(err)
	}
	full, err := httpapi.New(w.service, httpapi.Options{Accounts: accounts, Logger: w.logger(), Prefix: "/host/v1"})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, api := range map[string]*httpapi.API{"/api": w.api, "/host/v1": full} {
		s := served(t, api, prefix)
		if got := fmt.Sprint(s.doc["servers"]); got != "[map[url:"+prefix+"]]" {
			t.Errorf("servers are %s", got)
		}
		want := map[string]bool{}
		for _, route := range httpapi.RouteTable() {
			if !route.Accounts || api == full {
				want[strings.ToLower(route.Method)+" "+openAPIPath(route.Path)] = true
			}
		}
		s.operations(t, func(path, method string, _, _ map[string]any) {
			if name := method + " " + path; !want[name] {
				t.Errorf("%s: the document has %s, the router has not", prefix, name)
			}
			delete(want, method+" "+path)
		})
		if len(want) > 0 {
			t.Errorf("%s: the document lacks %v", prefix, want)
		}
	}
}

var componentName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// TestOpenAPI_Form holds what OpenAPI 3.1 demands of the parts that we use, and what generators of clients need: references that lead
// somewhere, path parameters that are declared, ids that are unique, schemas and examples that are valid.
func TestOpenAPI_Form(t *testing.T) {
	w := newWorld(t)
	open := served(t, w.api, "/api")
	closed, err := theSpec()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*spec{"served": open, "closed": closed} {
		t.Run(name, func(t *testing.T) {
			s.checkValue(t, "#", s.doc)
			s.checkOperations(t)
			s.checkSchemas(t)
		})
	}
}

// requiredBy are the members that a schema requires, be it under a condition.
func requiredBy(schema map[string]any) []any {
	required, _ := schema["required"].([]any)
	then, _ := schema["then"].(map[string]any)
	more, _ := then["required"].([]any)
	condition, _ := schema["if"].(map[string]any)
	not, _ := condition["not"].(map[string]any)
	without, _ := not["required"].([]any)
	return slices.Concat(required, more, without)
}

// checkValue looks at every value of the document.
func (s *spec) checkValue(t *testing.T, place string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"]; ok {
			text, _ := ref.(string)
			if target, _ := s.at(strings.Split(strings.TrimPrefix(text, "#/"), "/")...); target == nil || !strings.HasPrefix(text, "#/components/") {
				t.Errorf("%s refers to %v, which is not there", place, ref)
			}
		}
		properties, _ := v["properties"].(map[string]any)
		for _, name := range requiredBy(v) {
			if text, _ := name.(string); properties[text] == nil {
				t.Errorf("%s requires %v, which it does not describe", place, name)
			}
		}
		for key, member := range v {
			if key == "if" || key == "then" {
				continue // parts of this schema, which describes what they require
			}
			if member == nil {
				t.Errorf("%s has null under %q", place, key)
			}
			s.checkValue(t, place+"/"+key, member)
		}
	case []any:
		for i, entry := range v {
			s.checkValue(t, fmt.Sprintf("%s/%d", place, i), entry)
		}
	}
}

func (s *spec) checkOperations(t *testing.T) {
	t.Helper()
	if version, _ := s.doc["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("the version is %q", version)
	}
	info, _ := s.doc["info"].(map[string]any)
	if info["title"] == nil || info["version"] == nil {
		t.Errorf("info is %v", info)
	}
	tags := map[string]bool{}
	list, _ := s.doc["tags"].([]any)
	for _, tag := range list {
		tag, _ := tag.(map[string]any)
		name, _ := tag["name"].(string)
		if text, _ := tag["description"].(string); name == "" || text == "" || tags[name] {
			t.Errorf("tag %v", tag)
		}
		tags[name] = true
	}
	ids := map[string]string{}
	s.operations(t, func(path, method string, item, op map[string]any) {
		name := method + " " + path
		id, _ := op["operationId"].(string)
		if other := ids[id]; id == "" || other != "" {
			t.Errorf("%s has the id %q, as has %s", name, id, other)
		}
		ids[id] = name
		for _, tag := range op["tags"].([]any) {
			if text, _ := tag.(string); !tags[text] {
				t.Errorf("%s has the unknown tag %v", name, tag)
			}
		}
		if words, _ := op["x-permission"].(string); words == "" {
			t.Errorf("%s does not say who may use it", name)
		}
		own, _ := item["parameters"].([]any)
		more, _ := op["parameters"].([]any)
		s.checkParameters(t, name, path, slices.Concat(own, more))
		s.checkResponses(t, name, op)
	})
}

func (s *spec) checkParameters(t *testing.T, name, path string, parameters []any) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range parameters {
		p, _ := p.(map[string]any)
		key := fmt.Sprint(p["in"], " ", p["name"])
		if seen[key] {
			t.Errorf("%s has the parameter %s twice", name, key)
		}
		seen[key] = true
		if words, _ := p["description"].(string); words == "" || p["schema"] == nil || !slices.Contains([]any{"query", "header", "path"}, p["in"]) {
			t.Errorf("%s: parameter %v", name, p)
		}
		if p["in"] == "path" && p["required"] != true {
			t.Errorf("%s: %s has to be required", name, key)
		}
	}
	for _, part := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(path, -1) {
		if !seen["path "+part[1]] {
			t.Errorf("%s does not declare {%s}", name, part[1])
		}
	}
}

func (s *spec) checkResponses(t *testing.T, name string, op map[string]any) {
	t.Helper()
	responses, _ := op["responses"].(map[string]any)
	good := false
	for status := range responses {
		if !regexp.MustCompile(`^[2-5][0-9][0-9]$`).MatchString(status) {
			t.Errorf("%s has the status %q", name, status)
		}
		good = good || status[0] == '2'
		response, _ := s.at("paths", strings.Fields(name)[1], strings.Fields(name)[0], "responses", status)
		declared, _ := response.(map[string]any)
		if words, _ := declared["description"].(string); words == "" {
			t.Errorf("%s: nobody says what %s means", name, status)
		}
		content, _ := declared["content"].(map[string]any)
		if hasBody := status != "204" && status != "304"; hasBody != (len(content) > 0) {
			t.Errorf("%s: content of %s is %v", name, status, content)
		}
	}
	if !good {
		t.Errorf("%s never ends well", name)
	}
}

// checkSchemas compiles every schema and judges every example by it.
func (s *spec) checkSchemas(t *testing.T) {
	t.Helper()
	components, _ := s.doc["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for name := range schemas {
		if !componentName.MatchString(name) {
			t.Errorf("the component %q has a bad name", name)
		}
		if err := s.valid("#/components/schemas/"+name, []byte("null")); err != nil && !isInvalid(err) {
			t.Errorf("the component %s is no schema: %v", name, err)
		}
	}
	examples := 0
	var walk func(place string, v any)
	walk = func(place string, v any) {
		object, ok := v.(map[string]any)
		if list, isList := v.([]any); isList {
			for i, entry := range list {
				walk(fmt.Sprintf("%s/%d", place, i), entry)
			}
		}
		if !ok {
			return
		}
		judge := func(where string, example any) {
			examples++
			data, err := json.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.valid(where, data); err != nil {
				t.Errorf("the example at %s is not valid: %v", place, err)
			}
		}
		if list, ok := object["examples"].([]any); ok {
			for _, example := range list {
				judge(place, example)
			}
		}
		if example, ok := object["example"]; ok && object["schema"] != nil {
			judge(place+"/schema", example)
		}
		for key, member := range object {
			if key != "example" && key != "examples" {
				walk(place+"/"+strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key), member)
			}
		}
	}
	walk("#", s.doc)
	if examples < 100 {
		t.Errorf("the document has %d examples only", examples)
	}
}

func isInvalid(err error) bool {
	_, ok := err.(*jsonschema.ValidationError) //nolint:errorlint // it is what Validate gives, unwrapped
	return ok
}
