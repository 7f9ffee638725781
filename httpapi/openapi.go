package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/carillon-go/carillon/httpapi/internal/openapi"
)

var openAPIRoutes = []route{{
	method: "GET", path: "/job-openapi.json", group: groupOpen, handle: (*API).openAPI,
	name: "getOpenAPI", summary: "This document", answers: answers{200: map[string]any{}}, tagged: true,
}}

// APIVersion is the version of the routes and their shapes, as the OpenAPI document carries it.
const APIVersion = "1.0.0"

// openAPI serves GET /job-openapi.json (contract 20.8). The document is made once: the routes of an API never change.
func (a *API) openAPI(w http.ResponseWriter, r *request) error {
	if err := noQuery(r.Request); err != nil {
		return err
	}
	body, err := a.document()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	if matchesNone(strings.Join(r.Header.Values("If-None-Match"), ","), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	send(w, r.Request, http.StatusOK, plainJSON, body)
	return nil
}

// newDocument describes the routes that an API has. Closed documents are for tests: see openapi.Schemas.
func newDocument(routes []route, prefix string, closed bool) openapi.Object {
	d := newDocumenter(closed)
	paths, used := openapi.Object{}, map[string]bool{}
	for _, route := range routes {
		path := openPath(route.path)
		item, ok := paths[path].(openapi.Object)
		if !ok {
			item = openapi.Object{}
			if wildcards := pathParameters(route.path); len(wildcards) > 0 {
				item["parameters"] = wildcards
			}
			paths[path] = item
		}
		item[strings.ToLower(route.method)] = d.operation(route)
		used[route.resource] = true
	}
	var tags []any
	for _, name := range sortedKeys(used) {
		tags = append(tags, openapi.Object{"name": name, "description": resources[name]})
	}
	return openapi.Object{
		"openapi": "3.1.1",
		"info": openapi.Object{
			"title": "Carillon job API", "version": APIVersion,
			"description": "Jobs that run on schedules: definitions, runs, logs, workers. Answers are HAL; errors have one form; times are UTC with milliseconds.",
			"license":     openapi.Object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{openapi.Object{"url": prefix}},
		"tags":     tags,
		"security": []any{openapi.Object{"bearer": []any{}}, openapi.Object{"cookie": []any{}}},
		"paths":    paths,
		"components": openapi.Object{
			"schemas": d.schemas.Components(), "responses": d.errorResponses(), "headers": answerHeaders,
			"securitySchemes": openapi.Object{
				"bearer": openapi.Object{"type": "http", "scheme": "bearer", "description": "An API token. If a cookie is sent too, the token decides"},
				"cookie": openapi.Object{
					"type": "apiKey", "in": "cookie", "name": "sid",
					"description": "The session of a browser. Requests that write have to come from the same origin",
				},
			},
		},
	}
}

// resources say what the parts of the table are about.
var resources = map[string]string{
	"jobs":        "Definitions of work: type, schedule, settings, policies",
	"drafts":      "Personal copies of jobs: edited at leisure, published at once",
	"revisions":   "Earlier definitions of jobs",
	"actions":     "What a job does after its driver, in order",
	"attachments": "Files that an action makes or carries",
	"datasets":    "Datasets that a job uses, by alias, and snapshots of them",
	"pickers":     "Things of the host that the caller can name",
	"history":     "Runs of jobs: progress, logs, what came of them",
	"schedules":   "Moments at which jobs are due",
	"shares":      "Who else may see or change a job",
	"tags":        "Marks on jobs",
	"favorites":   "Jobs that the caller has marked",
	"workers":     "The processes that run jobs, and their limits",
	"drivers":     "The code behind job types, actions and attachments",
	"templates":   "Ready-made beginnings of jobs",
	"audit":       "Who did what, and when",
	"session":     "Who the caller is",
	"tokens":      "API tokens of the caller",
	"users":       "Users of the built-in identity",
	"teams":       "Teams of the built-in identity",
	"document":    "The description of all routes",
}
