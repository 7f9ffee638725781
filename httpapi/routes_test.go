package httpapi_test

import (
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
)

// TestRoutes_AreDescribed: a route without a name, a summary, a group, answers, or words for what it can be asked does not get in.
func TestRoutes_AreDescribed(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, route := range httpapi.RouteTable() {
		line := route.Method + " " + route.Path
		if other := names[route.Name]; route.Name == "" || other != "" {
			t.Errorf("%s is called %q, as is %q", line, route.Name, other)
		}
		names[route.Name] = line
		if route.Summary == "" || strings.HasSuffix(route.Summary, ".") || len(route.Summary) > 100 {
			t.Errorf("%s has the summary %q", line, route.Summary)
		}
		if route.Group == "" || route.Resource == "" || len(route.Shown) == 0 {
			t.Errorf("%s has no group, resource or answers", line)
		}
		if httpapi.Resources()[route.Resource] == "" {
			t.Errorf("nobody says what the part %q is about", route.Resource)
		}
		for part := range strings.SplitSeq(route.Path, "/") {
			if name, ok := strings.CutPrefix(part, ":"); ok && httpapi.PathWords()[name] == "" {
				t.Errorf("%s: nobody says what %q is", line, part)
			}
		}
		for _, name := range route.Parameters {
			if route.Words[name] == "" && httpapi.Glossary()[name] == "" {
				t.Errorf("%s: nobody says what the parameter %q means", line, name)
			}
		}
		if reads := route.Method == "POST" || route.Method == "PUT"; route.HasBody != reads {
			t.Errorf("%s: a body is described: %v", line, route.HasBody)
		}
	}
}
