package jsontext_test

import (
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

func TestJoinPath(t *testing.T) {
	for _, tc := range []struct{ prefix, path, want string }{
		{"", "", ""}, {"a", "", "a"}, {"", "b", "b"}, {"a", "b", "a.b"}, {"a", "[0]", "a[0]"}, {"actions[0]", "name", "actions[0].name"}, {"", "[1]", "[1]"},
	} {
		if got := jsontext.JoinPath(tc.prefix, tc.path); got != tc.want {
			t.Errorf("JoinPath(%q, %q) = %q, want %q", tc.prefix, tc.path, got, tc.want)
		}
	}
}

func TestPathWithin(t *testing.T) {
	for _, tc := range []struct {
		path, outer string
		want        bool
	}{
		{"a", "a", true}, {"a.b", "a", true}, {"a[0]", "a", true}, {"ab", "a", false}, {"a", "a.b", false}, {"", "a", false}, {"b.a", "a", false},
	} {
		if got := jsontext.PathWithin(tc.path, tc.outer); got != tc.want {
			t.Errorf("PathWithin(%q, %q) = %v, want %v", tc.path, tc.outer, got, tc.want)
		}
	}
}
