package drivers_test

import (
	"encoding/json"
	"testing"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/jobs"
)

// Settings either fit, or are refused for good; nothing panics, and what fits is accepted when it is written back.
func FuzzFuncDriver_Run(f *testing.F) {
	for _, seed := range []string{``, `{`, `[]`, `{"unit":"kg"}`, `{"unit":"${a}"}`, `{"Unit":"kg"}`, `{"unit":"kg","unit":"t"}`} {
		f.Add([]byte(seed))
	}
	small := drivers.Func("small", nothing[nested])
	large := drivers.Func("large", nothing[everything])
	full, err := json.Marshal(everything{Number: "1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, d := range []*drivers.FuncDriver{small, large} {
			_, err := d.Run(t.Context(), &jobs.Task{Data: data})
			if err != nil && !jobs.AdviceOf(err).Permanent {
				t.Errorf("Run(%q) = %v", data, err)
			}
			if err == nil && d.Validate(data) != nil {
				t.Errorf("Run(%q) succeeds, but Validate = %v", data, d.Validate(data))
			}
		}
	})
}
