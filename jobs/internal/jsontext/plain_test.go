package jsontext_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

func TestPlain(t *testing.T) {
	in := map[string]any{
		"time": time.Date(2026, 3, 26, 0, 4, 5, 6_000_000, time.FixedZone("", 3600)), "n": json.Number("1.50"), "i": 7, "f": 0.5,
		"list": []any{nil, true, struct {
			A int `json:"a"`
		}{12}}, "raw": json.RawMessage(`{"n":12345678901234567890}`),
	}
	want := map[string]any{
		"time": "2026-03-25T23:04:05.006Z", "n": json.Number("1.50"), "i": 7, "f": 0.5,
		"list": []any{nil, true, map[string]any{"a": json.Number("12")}}, "raw": map[string]any{"n": json.Number("12345678901234567890")},
	}
	got, err := jsontext.Plain(in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got.(map[string]any)["list"].([]any)[1] = false
	if in["list"].([]any)[1] != true {
		t.Error("the copy shares memory with the value")
	}
	for name, v := range map[string]any{
		"a function": func() {}, "infinity": math.Inf(1), "no number, inside": []any{map[string]any{"x": math.NaN()}}, "no JSON": json.RawMessage(`{`),
	} {
		if got, err := jsontext.Plain(v); err == nil {
			t.Errorf("%s: %v, want an error", name, got)
		}
	}
}
