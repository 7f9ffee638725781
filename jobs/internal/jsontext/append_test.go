package jsontext_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// FuzzAppend: what is written reads back, by encoding/json, as the same value.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{`{"b":[1,2.50,-1e7],"a":"\u0001\n\"é\u2028<>&"}`, `""`, `null`, `[true,false,{}]`, `123456789012345678901234567890`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return
		}
		out, err := jsontext.Append(nil, v)
		if err != nil {
			if strings.ContainsAny(text, "eE") {
				return // an exponent beyond the bound
			}
			t.Fatal(err)
		}
		if !json.Valid(out) {
			t.Fatalf("Append = %s, no JSON", out)
		}
		again := json.NewDecoder(bytes.NewReader(out))
		again.UseNumber()
		var back any
		if err := again.Decode(&back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, back); diff != "" {
			t.Errorf("Append reads back as another value (-want +got):\n%s", diff)
		}
	})
}

func TestAppend_Floats(t *testing.T) {
	tests := map[float64]string{0: "0", 1.5e6: "1500000", 0.1: "0.1", 1e21: "1e+21", -2.5e-9: "-2.5e-09", 412: "412"}
	for f, want := range tests {
		if got, err := jsontext.Append(nil, f); string(got) != want || err != nil {
			t.Errorf("Append(%g) = %s, %v; want %s", f, got, err, want)
		}
	}
	for _, v := range []any{math.NaN(), math.Inf(-1), struct{}{}, json.Number("1,5"), json.Number("")} {
		if got, err := jsontext.Append(nil, v); err == nil {
			t.Errorf("Append(%v) = %s, want an error", v, got)
		}
	}
}
