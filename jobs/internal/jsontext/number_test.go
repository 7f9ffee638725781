package jsontext_test

import (
	"encoding/json"
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

func TestIsNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-0": true, "1.50": true, "-12e+3": true, "1E-7": true, "1e1000000000000": true,
		"": false, "-": false, "01": false, "1.": false, ".5": false, "+1": false, "1e": false, "1e1000000000001": false, "0x1": false, "NaN": false, " 1": false,
	} {
		if got := jsontext.IsNumber(text); got != want {
			t.Errorf("IsNumber(%q) = %v, want %v", text, got, want)
		}
	}
}

// Against math/big it is fuzzed in package condition, whose operators it serves.
func TestCompareNumbers(t *testing.T) {
	for _, tc := range []struct {
		a, b any
		want int
		ok   bool
	}{
		{1, json.Number("1.0"), 0, true},
		{json.Number("10e-1"), 1.0, 0, true},
		{uint64(1 << 63), int64(-1), 1, true},
		{json.Number("9007199254740993"), json.Number("9007199254740992"), 1, true},
		{json.Number("-1e999999999"), 0, -1, true},
		{"1", 1, 0, false},
		{1, nil, 0, false},
		{json.Number("x"), 1, 0, false},
	} {
		got, ok := jsontext.CompareNumbers(tc.a, tc.b)
		if got != tc.want || ok != tc.ok {
			t.Errorf("CompareNumbers(%v, %v) = %d, %v; want %d, %v", tc.a, tc.b, got, ok, tc.want, tc.ok)
		}
	}
}
