// Package template checks and fills the templates of jobs (contract 13.3): JSON-like values in which ${inputs.<name>} stands for what a user
// gives. It knows where in a job placeholders are replaced again at run time, so that what was given is text there and nothing else.
package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Types of inputs.
const (
	String  = "string"
	Number  = "number"
	Boolean = "boolean"
	Date    = "date"
	Dataset = "dataset"
	Email   = "email"
)

// Limits of the inputs of one template.
const (
	MaxInputs = 50
	// MaxDatasetID is the longest id of a dataset, in characters.
	MaxDatasetID = 255
)

// Input is a value that the user of a template gives.
type Input struct {
	Name, Type string
	Required   bool
	// Default nil is none.
	Default any
}

// Fault is one thing that is wrong, and where.
type Fault struct{ Path, Message string }

// faults collects them.
type faults []Fault

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, Fault{path, fmt.Sprintf(format, args...)})
}

// inputName is a name that a placeholder can carry.
var inputName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

// checkInputs finds what is wrong with the inputs themselves; paths begin with inputs[n].
func checkInputs(f *faults, inputs []Input) {
	if len(inputs) > MaxInputs {
		f.add("inputs", "has %d entries; at most %d", len(inputs), MaxInputs)
	}
	first := map[string]int{}
	for i, in := range inputs {
		path := fmt.Sprintf("inputs[%d]", i)
		switch before, twice := first[in.Name]; {
		case in.Name == "":
			f.add(path+".name", "is required")
		case !inputName.MatchString(in.Name):
			f.add(path+".name", "is %.80q; a letter, then up to 62 letters, digits, _ and -", in.Name)
		case twice:
			f.add(path+".name", "is %q, as that of inputs[%d]", in.Name, before)
		default:
			first[in.Name] = i
		}
		if samples[in.Type] == nil {
			f.add(path+".type", "is %.80q; string, number, boolean, date, dataset or email", in.Type)
			continue
		}
		if in.Default == nil {
			continue
		}
		if message := in.refuse(in.Default); message != "" {
			f.add(path+".default", "%s", message)
		}
	}
}

// samples are values of each type.
var samples = map[string]any{
	String: "sample", Number: json.Number("1"), Boolean: true, Date: "2026-03-26", Dataset: "sample:sample", Email: "sample@example.org",
}

// Samples are values with which a template can be tried.
func Samples(inputs []Input) map[string]any {
	values := make(map[string]any, len(inputs))
	for _, in := range inputs {
		values[in.Name] = samples[in.Type]
	}
	return values
}

// Resolve gives the value of each input: what was given, or its default. Null counts as not given, and so does an empty text for a required
// one. An input without a value is left out. Paths of faults are inputs.<name>; whether a dataset exists is for the caller to find out.
func Resolve(inputs []Input, given map[string]any) (map[string]any, []Fault) {
	var f faults
	values := make(map[string]any, len(inputs))
	known := make(map[string]bool, len(inputs))
	for _, in := range inputs {
		known[in.Name] = true
		path := "inputs." + in.Name
		value := given[in.Name]
		if value == nil {
			value = in.Default
		}
		switch {
		case value == nil && in.Required, in.Required && value == "":
			f.add(path, "is required")
		case value == nil:
		default:
			if message := in.refuse(value); message != "" {
				f.add(path, "%s", message)
				continue
			}
			values[in.Name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !known[name] {
			f.add("inputs."+clip(name), "is no input of this template")
		}
	}
	return values, f
}

// refuse says why a value is none of the input; empty if it is one.
func (in Input) refuse(value any) string {
	text, isText := value.(string)
	switch in.Type {
	case Number:
		switch value.(type) {
		case json.Number, float64, int, int64, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
			if n, err := jsontext.Append(nil, value); err == nil && len(n) <= 100 {
				return ""
			}
		}
		return "has to be a number"
	case Boolean:
		if _, ok := value.(bool); !ok {
			return "has to be true or false"
		}
		return ""
	}
	if !isText {
		return "has to be " + textTypes[in.Type]
	}
	wrong := false
	switch in.Type {
	case Date:
		_, err := time.Parse(time.DateOnly, text)
		wrong = err != nil
	case Dataset:
		wrong = text == "" || len([]rune(text)) > MaxDatasetID
	case Email:
		address, err := mail.ParseAddress(text)
		wrong = err != nil || address.Name != "" || address.Address != text
	}
	if wrong {
		return fmt.Sprintf("is %q; it has to be %s", clip(text), textTypes[in.Type])
	}
	return ""
}

// textTypes names the types that are texts to people.
var textTypes = map[string]string{
	String: "a text", Date: "a date that exists, as YYYY-MM-DD", Dataset: "the id of a dataset", Email: "an e-mail address",
}

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
