// Package openapi makes JSON Schemas, as OpenAPI 3.1 has them, from Go types, and examples from those schemas. It knows nothing of routes.
package openapi
