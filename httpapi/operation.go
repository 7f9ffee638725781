package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-go/carillon/httpapi/internal/openapi"
)

// documenter writes the operations of a document and collects what they share.
type documenter struct {
	schemas *openapi.Schemas
	errors  map[int]bool
	pages   map[string]struct{ item, envelope reflect.Type }
}

func newDocumenter(closed bool) *documenter {
	d := &documenter{schemas: newSchemas(), errors: map[int]bool{}, pages: map[string]struct{ item, envelope reflect.Type }{}}
	d.schemas.Closed = closed
	return d
}

func (d *documenter) operation(r route) openapi.Object {
	op := openapi.Object{
		"operationId": r.name, "summary": r.summary, "tags": []any{r.resource}, "responses": d.responses(r),
		"x-permission": permissions[r.group],
	}
	if r.group == groupOpen {
		op["security"] = []any{}
	}
	if parameters := d.parameters(r); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if body := d.requestBody(r); body != nil {
		op["requestBody"] = body
	}
	return op
}

// openPath is a path in the notation of OpenAPI.
func openPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := wildcard(part); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// wildcard gives the name of a part of a path that stands for a value, or for all that follows.
func wildcard(part string) (string, bool) {
	if part == "" || part[0] != ':' && part[0] != '*' {
		return "", false
	}
	return part[1:], true
}

// uuidWildcards are those whose value is a UUID; any other value is 404.
var uuidWildcards = []string{"jobActionId", "jobActionAttachmentId", "historyId", "snapshotId", "tagId", "tokenId"}

func pathParameters(path string) []any {
	var list []any
	for part := range strings.SplitSeq(path, "/") {
		name, ok := wildcard(part)
		if !ok {
			continue
		}
		schema := openapi.Object{"type": "string"}
		if slices.Contains(uuidWildcards, name) {
			schema["format"] = "uuid"
		}
		list = append(list, openapi.Object{
			"name": name, "in": "path", "required": true, "description": pathWords[name], "schema": schema,
		})
	}
	return list
}

// parameters are those of the query and the headers.
func (d *documenter) parameters(r route) []any {
	var list []any
	for _, f := range r.parameters().fields {
		p := openapi.Object{"name": f.name, "in": "query", "description": r.explain(f.name), "schema": d.parameter(f)}
		if f.required {
			p["required"] = true
		}
		list = append(list, p)
	}
	headers := slices.Clone(r.headers)
	if r.tagged {
		switch r.method {
		case http.MethodGet:
			headers = append(headers, "If-None-Match")
		case http.MethodPut, http.MethodDelete:
			headers = append(headers, "If-Match")
		}
	}
	for _, name := range headers {
		list = append(list, openapi.Object{"name": name, "in": "header", "description": r.explain(name), "schema": openapi.Object{"type": "string"}})
	}
	return list
}

// explain gives the words for a parameter or header.
func (r route) explain(name string) string {
	if words, ok := r.words[name]; ok {
		return words
	}
	return glossary[name]
}

func (d *documenter) parameter(f *field) openapi.Object {
	schema := openapi.Object{"type": "string"}
	switch {
	case f.moment:
		schema["examples"] = []any{"2026-03-26T04:30:00Z", "2026-03-26"}
	case f.typ == reflect.TypeFor[int]():
		schema = openapi.Object{"type": "integer", "minimum": *f.low, "maximum": *f.high}
		if f.def != nil {
			schema["default"] = f.def
		}
	case f.typ == reflect.TypeFor[bool]():
		schema = openapi.Object{"type": "boolean"}
	case f.name == "sort":
		words := make([]string, 0, 2*len(f.words))
		for _, word := range f.words {
			words = append(words, word, "-"+word)
		}
		schema = wordsSchema(words)
	case f.words != nil:
		schema = wordsSchema(f.words)
	}
	if f.repeated {
		schema = openapi.Object{"type": "array", "items": schema, "maxItems": maxQueryValues}
	}
	return schema
}

func (d *documenter) requestBody(r route) openapi.Object {
	if r.body.none() {
		return nil
	}
	content := openapi.Object{}
	if shape := r.body.shape(); shape != nil {
		schema := d.shape(shape)
		content["application/json"] = openapi.Object{"schema": schema, "example": d.schemas.Example(schema)}
	}
	for _, name := range r.body.types {
		content[name] = openapi.Object{}
		if strings.HasPrefix(name, "multipart/") {
			content[name] = openapi.Object{"schema": openapi.Object{
				"type": "object", "required": []string{"file"},
				"properties": openapi.Object{"file": openapi.Object{"type": "string", "contentMediaType": "application/octet-stream"}},
			}}
		}
	}
	return openapi.Object{"required": !r.body.optional, "content": content}
}

// shape is the schema of a body. Members that only the server sets may be there, whatever they hold, so that what was read can be sent back.
func (d *documenter) shape(s *shape) openapi.Object {
	properties, required, without := openapi.Object{}, []string{}, map[string][]string{}
	for _, f := range s.fields {
		properties[f.name] = d.field(f)
		if f.without != "" {
			without[f.without] = append(without[f.without], f.name)
		}
		if f.required {
			required = append(required, f.name)
		}
	}
	schema := openapi.Object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		slices.Sort(required)
		schema["required"] = required
	}
	for other, names := range without { // one at most: a second "if" would need an "allOf"
		slices.Sort(names)
		schema["if"] = openapi.Object{"not": openapi.Object{"required": []string{other}}}
		schema["then"] = openapi.Object{"required": names}
	}
	return schema
}

func (d *documenter) field(f *field) openapi.Object {
	var schema openapi.Object
	switch {
	case f.ignored:
		return openapi.Object{"readOnly": true}
	case f.list && f.fields == nil:
		schema = openapi.Object{"type": "array", "maxItems": 0}
	case f.list:
		schema = openapi.Object{"type": "array", "items": d.shape(f.fields)}
	case f.fields != nil:
		schema = d.shape(f.fields)
	default:
		schema = d.schemas.WithExample(f.name, d.schemas.Of(f.typ))
	}
	if f.notNull {
		return schema
	}
	return openapi.Nullable(schema)
}

func (d *documenter) responses(r route) openapi.Object {
	responses := openapi.Object{}
	for _, status := range r.statuses() {
		answer, ok := r.answers[status]
		switch {
		case ok:
			responses[strconv.Itoa(status)] = d.response(r, status, answer)
		case status == http.StatusNotModified:
			responses["304"] = openapi.Object{"description": "The client has this version", "headers": headerRefs("X-Request-Id", "ETag")}
		default:
			d.errors[status] = true
			responses[strconv.Itoa(status)] = openapi.Object{"$ref": "#/components/responses/" + errorName(status)}
		}
	}
	return responses
}

func (d *documenter) response(r route, status int, answer any) openapi.Object {
	headers := []string{"X-Request-Id"}
	if status == http.StatusCreated || status == http.StatusAccepted && slices.Contains(r.headers, "Idempotency-Key") {
		headers = append(headers, "Location")
	}
	if r.tagged && status != http.StatusNoContent {
		headers = append(headers, "ETag")
	}
	if slices.Contains(r.headers, "Prefer") {
		headers = append(headers, "Preference-Applied")
	}
	response := openapi.Object{"description": successWords[status], "headers": headerRefs(headers...)}
	if content := d.content(answer); len(content) > 0 {
		response["content"] = content
	}
	return response
}

// content are the content types of an answer.
func (d *documenter) content(answer any) openapi.Object {
	content := openapi.Object{}
	switch a := answer.(type) {
	case nothing:
	case either:
		for _, one := range a {
			for name, media := range d.content(one) {
				content[name] = media
			}
		}
	case events:
		data := openapi.Object{}
		for _, name := range sortedKeys(a) {
			data[name] = d.schemas.Of(reflect.TypeOf(a[name]))
		}
		content["text/event-stream"] = openapi.Object{
			"schema": openapi.Object{"type": "string", "description": "Server-sent events; x-events has the data of each"}, "x-events": data,
		}
	case bytesOf:
		for _, name := range a {
			content[name] = openapi.Object{}
		}
		if len(a) == 0 {
			content["*/*"] = openapi.Object{}
		}
	case page:
		schema := d.page(a)
		content["application/json"] = openapi.Object{"schema": schema}
		content["application/hal+json"] = openapi.Object{"schema": schema}
	default:
		t := reflect.TypeOf(answer)
		schema := d.schemas.Of(t)
		content["application/json"] = openapi.Object{"schema": schema}
		if hal := d.hasLinks(schema); hal {
			content["application/hal+json"] = openapi.Object{"schema": schema}
		}
	}
	return content
}

// hasLinks reports whether a component is a HAL resource.
func (d *documenter) hasLinks(schema openapi.Object) bool {
	ref, _ := schema["$ref"].(string)
	component, _ := d.schemas.Components()[strings.TrimPrefix(ref, "#/components/schemas/")].(openapi.Object)
	properties, _ := component["properties"].(openapi.Object)
	return properties["_links"] != nil
}

// relationName makes a relation the name of a component: inf:job-action is JobAction.
func relationName(rel string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(strings.TrimPrefix(rel, "inf:"), "-") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

// page is the schema of a collection: the envelope with the items below their relation, as a component named after the relation.
func (d *documenter) page(p page) openapi.Object {
	envelope := reflect.TypeOf(p.extra)
	if envelope == nil {
		envelope = reflect.TypeFor[collection]()
	}
	name := relationName(p.rel) + "Page"
	same := struct{ item, envelope reflect.Type }{reflect.TypeOf(p.item), envelope}
	if other, made := d.pages[name]; made && other != same {
		name = relationName(p.rel) + openapi.Name(same.item) + "Page" // one relation, items of another form
	}
	if d.pages[name] == same {
		return openapi.Ref(name)
	}
	d.pages[name] = same
	schema := d.schemas.Structure(envelope)
	properties, _ := schema["properties"].(openapi.Object)
	embedded := openapi.Object{
		"type": "object", "required": []string{p.rel},
		"properties": openapi.Object{p.rel: openapi.Object{"type": "array", "items": d.schemas.Of(reflect.TypeOf(p.item))}},
	}
	if d.schemas.Closed {
		embedded["additionalProperties"] = false
	}
	properties["_embedded"] = embedded
	return d.schemas.Define(name, schema)
}
