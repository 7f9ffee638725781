package httpapi

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/carillon-go/carillon/httpapi/internal/openapi"
)

// successWords and errorWords say what a status means (contract 1.10).
var successWords = map[int]string{
	200: "Success", 201: "Created", 202: "Accepted, not finished", 204: "Success, without a body", 206: "A part of the contents",
}

var errorWords = map[int]string{
	400: "Malformed JSON, a bad field, a bad parameter",
	401: "No valid session or token",
	403: "Readable, but the permission is missing; a request from another origin; a read-only token",
	404: "Unknown, not readable, of another tenant, or a malformed id",
	405: "The method is not allowed on this path",
	406: "Accept fits nothing that the route can send",
	409: "A duplicate, or the state forbids it; data has facts",
	412: "If-Match does not match",
	413: "The body or file is too large",
	415: "Wrong content type",
	416: "The range cannot be met",
	429: "Too many tries",
	500: "An internal error, logged under the id of X-Request-Id",
	503: "Shutting down, or the store cannot be reached",
}

// answerHeaders are the headers of answers.
var answerHeaders = func() openapi.Object {
	headers := openapi.Object{}
	for name, words := range map[string]string{
		"X-Request-Id": "Id under which the server logs this request", "Location": "Path of what was created or started",
		"ETag": "Strong tag of this version", "Preference-Applied": "What was heeded of Prefer", "Retry-After": "Seconds to wait before the next try",
		"WWW-Authenticate": "Bearer", "Allow": "Methods of this path",
	} {
		headers[name] = openapi.Object{"description": words, "schema": openapi.Object{"type": "string"}}
	}
	return headers
}()

func headerRefs(names ...string) openapi.Object {
	refs := openapi.Object{}
	for _, name := range names {
		refs[name] = openapi.Object{"$ref": "#/components/headers/" + name}
	}
	return refs
}

func errorName(status int) string {
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

// errorResponses are the errors that the operations refer to; all have one body.
func (d *documenter) errorResponses() openapi.Object {
	responses := openapi.Object{}
	for status := range d.errors {
		headers := []string{"X-Request-Id"}
		switch status {
		case http.StatusUnauthorized:
			headers = append(headers, "WWW-Authenticate")
		case http.StatusMethodNotAllowed:
			headers = append(headers, "Allow")
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			headers = append(headers, "Retry-After")
		}
		example := openapi.Object{"statusCode": status, "error": http.StatusText(status), "message": errorWords[status]}
		responses[errorName(status)] = openapi.Object{
			"description": errorWords[status], "headers": headerRefs(headers...),
			"content": openapi.Object{"application/json": openapi.Object{"schema": d.schemas.Of(reflect.TypeFor[errorBody]()), "example": example}},
		}
	}
	return responses
}
