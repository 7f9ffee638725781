package httpapi_test

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-go/carillon/httpapi"
)

// spec is the OpenAPI document as a judge of requests and answers.
type spec struct {
	doc map[string]any

	mu       sync.Mutex // guards the fields below
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

var theSpec = sync.OnceValues(func() (*spec, error) {
	data, err := httpapi.ClosedDocument()
	if err != nil {
		return nil, err
	}
	return newSpec(data)
})

func newSpec(data []byte) (*spec, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	root, ok := doc.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is no object")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is loaded from anywhere
	if err := c.AddResource("doc.json", doc); err != nil {
		return nil, err
	}
	return &spec{doc: root, compiler: c, schemas: map[string]*jsonschema.Schema{}}, nil
}

// at walks into the document and follows references.
func (s *spec) at(keys ...string) (any, string) {
	var here any = s.doc
	pointer := "#"
	for _, key := range keys {
		object, ok := here.(map[string]any)
		if !ok {
			return nil, ""
		}
		if here, ok = object[key]; !ok {
			return nil, ""
		}
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		if object, ok = here.(map[string]any); ok {
			if ref, ok := object["$ref"].(string); ok && len(object) == 1 {
				here, _ = s.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
				pointer = ref
			}
		}
	}
	return here, pointer
}

// valid judges a JSON value by the schema at a place of the document.
func (s *spec) valid(pointer string, data []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	schema, ok := s.schemas[pointer]
	if !ok {
		if schema, err = s.compiler.Compile("doc.json" + pointer); err != nil {
			return err
		}
		s.schemas[pointer] = schema
	}
	return schema.Validate(value)
}

// openAPIPath is a path of the route table as the document writes it.
func openAPIPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part != "" && strings.ContainsAny(part[:1], ":*") {
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

// judge holds an exchange against the document: the status and the content type are declared, the body fits, and so does the body of a
// request that was done. Paths that are no route are left alone.
func (s *spec) judge(t testing.TB, r *http.Request, sent string, w *httptest.ResponseRecorder) {
	t.Helper()
	name, ok := routeOf(r.Method, r.URL.Path)
	if !ok {
		return
	}
	method, path, _ := strings.Cut(name, " ")
	operation := []string{"paths", openAPIPath(path), strings.ToLower(method)}
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: "+format, append([]any{name}, args...)...)
	}
	status := fmt.Sprint(w.Code)
	response, where := s.at(append(operation, "responses", status)...)
	if response == nil {
		fail("status %s is not described: %.300s", status, w.Body)
		return
	}
	declared, _ := response.(map[string]any)
	for _, header := range []string{"Location", "ETag", "Retry-After", "Preference-Applied", "Allow", "WWW-Authenticate"} {
		headers, _ := declared["headers"].(map[string]any)
		if headers[header] == nil && w.Header().Get(header) != "" {
			fail("%s has the header %s, which is not described", status, header)
		}
	}
	if w.Body.Len() > 0 {
		s.judgeBody(fail, where, declared, w)
	} else if _, content := declared["content"]; content && r.Method != http.MethodHead {
		fail("%s has no body", status)
	}
	sentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if w.Code >= 300 || sent == "" || sentType != "application/json" && sentType != "application/hal+json" {
		return
	}
	if bytes, _ := s.at(append(operation, "requestBody", "content", "*/*")...); bytes != nil {
		return // contents of a file, whatever their type
	}
	if _, where := s.at(append(operation, "requestBody", "content", "application/json", "schema")...); where == "" {
		fail("a body was read that is not described")
	} else if err := s.valid(where, []byte(sent)); err != nil {
		fail("a request was done that is not valid: %v\n%.500s", err, sent)
	}
}

func (s *spec) judgeBody(fail func(string, ...any), where string, declared map[string]any, w *httptest.ResponseRecorder) {
	contentType, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		fail("content type %q: %v", w.Header().Get("Content-Type"), err)
		return
	}
	content, _ := declared["content"].(map[string]any)
	media, ok := content[contentType].(map[string]any)
	if _, any := content["*/*"]; !ok && any {
		return
	}
	if !ok {
		fail("%d is of the type %s, which is not described", w.Code, contentType)
		return
	}
	place := where + "/content/" + strings.ReplaceAll(contentType, "/", "~1")
	switch {
	case contentType == "text/event-stream":
		s.judgeEvents(fail, place, media, w.Body.Bytes())
	case strings.HasSuffix(contentType, "json") && media["schema"] != nil:
		if err := s.valid(place+"/schema", w.Body.Bytes()); err != nil {
			fail("the body of %d is not as described: %v\n%.1500s", w.Code, err, w.Body)
		}
	}
}

func (s *spec) judgeEvents(fail func(string, ...any), place string, media map[string]any, body []byte) {
	known, _ := media["x-events"].(map[string]any)
	for _, block := range strings.Split(string(body), "\n\n") {
		name, data := "", ""
		for _, line := range strings.Split(block, "\n") {
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				name = v
			}
			if v, ok := strings.CutPrefix(line, "data: "); ok {
				data = v
			}
		}
		if name == "" {
			continue
		}
		if known[name] == nil {
			fail("the event %q is not described", name)
		} else if err := s.valid(place+"/x-events/"+name, []byte(data)); err != nil {
			fail("the event %q is not as described: %v\n%.500s", name, err, data)
		}
	}
}
