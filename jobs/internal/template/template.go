package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
	"github.com/carillon-go/carillon/jobs/internal/placeholder"
)

// Check finds what is wrong with inputs and job by themselves: names, types and defaults of the inputs, placeholders that name none of them
// or stand where nothing is replaced, and inputs that nothing uses. Paths begin with "inputs" or "job". Any string may hold $${ for a
// literal ${, and must where it means one.
func Check(inputs []Input, job map[string]any) []Fault {
	var f faults
	checkInputs(&f, inputs)
	used := map[string]bool{}
	known := map[string]bool{}
	for _, in := range inputs {
		known[in.Name] = true
	}
	w := walk{}
	w.text = func(path string, _ place, s string) (any, bool) {
		parts, err := placeholder.Parts(s)
		if err != nil {
			f.add(path, "%s", err)
		}
		for _, part := range parts {
			name, is := inputOf(part)
			switch {
			case !is:
			case known[name]:
				used[name] = true
			default:
				f.add(path, "has %s, which is no input of the template", clip(part.Written))
			}
		}
		return s, true
	}
	w.name = func(path, name string) {
		if strings.Contains(name, "${inputs") {
			f.add(path, "has a placeholder in a name; they are replaced in values only")
		}
	}
	w.value("job", placeJob, job)
	for i, in := range inputs {
		if known[in.Name] && !used[in.Name] && in.Name != "" {
			f.add(fmt.Sprintf("inputs[%d]", i), "is not used: the job has no ${inputs.%s}", clip(in.Name))
		}
	}
	return f
}

// inputOf is the name of the input that a placeholder stands for; false if it is for the run.
func inputOf(part placeholder.Part) (string, bool) {
	if part.Path == "inputs" {
		return "", true
	}
	return strings.CutPrefix(part.Path, "inputs.")
}

func isInput(part placeholder.Part) bool {
	_, is := inputOf(part)
	return is
}

// Whole is the name of the input that a string stands for and for nothing else.
func Whole(s string) (string, bool) {
	parts, err := placeholder.Parts(s)
	if err != nil || len(parts) != 1 {
		return "", false
	}
	return inputOf(parts[0])
}

// Fill returns a copy of a checked job with the values of Resolve in place. A string that is one placeholder becomes the value with its type,
// or is left out with its member or entry if there is no value; in a longer text a value is written as in runs, and no value is nothing.
// Values are never read again: in settings, where the run replaces placeholders, a ${ of theirs is escaped.
// Paths of faults are inputs.<name>.
func Fill(job map[string]any, values map[string]any) (map[string]any, []Fault) {
	r := renderer{values: values, left: placeholder.MaxTotal}
	out, _ := walk{text: r.text}.value("", placeJob, job)
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	filled, _ := out.(map[string]any) // the copy of an object is one
	return filled, nil
}

type renderer struct {
	values map[string]any
	left   int // bytes that texts may still make
	faults faults
}

func (r *renderer) text(path string, p place, s string) (any, bool) {
	if !placeholder.In(s) {
		return s, true
	}
	parts, err := placeholder.Parts(s)
	if err != nil {
		r.faults.add(path, "%s", err)
		return s, true
	}
	live := p == placeSettings
	if live && !slices.ContainsFunc(parts, isInput) {
		return s, true // as the run reads it
	}
	if name, ok := Whole(s); ok {
		value, given := r.values[name]
		if text, is := value.(string); is {
			return r.bounded(name, quoteIf(live, text)), true
		}
		return value, given
	}
	var out, literal, last string
	for _, part := range parts {
		name, is := inputOf(part)
		switch {
		case part.Written == "":
			literal += part.Literal
		case is:
			literal, last = literal+r.written(name), name
		default:
			if live && strings.HasSuffix(literal, "$") {
				r.faults.add("inputs."+last, "may not end with \"$\": %s follows it in %s", clip(part.Written), path)
			}
			out, literal = out+quoteIf(live, literal)+part.Written, ""
		}
		if len(out)+len(literal) > placeholder.MaxResult {
			break
		}
	}
	return r.bounded(last, out+quoteIf(live, literal)), true
}

// written is a value inside of a text, as placeholders of a run write it.
func (r *renderer) written(name string) string {
	value, given := r.values[name]
	if !given {
		return ""
	}
	if text, ok := value.(string); ok {
		return text
	}
	text, err := jsontext.Append(nil, value)
	if err != nil {
		r.faults.add("inputs."+name, "cannot be written: %s", err)
	}
	return string(text)
}

// bounded counts a text that an input made.
func (r *renderer) bounded(input, text string) string {
	if r.left -= len(text); len(text) > placeholder.MaxResult || r.left < 0 {
		r.faults.add("inputs."+input, "makes the job too large: at most %d bytes for a text and %d together",
			placeholder.MaxResult, placeholder.MaxTotal)
		r.left = placeholder.MaxTotal // one fault for each overrun
		return ""
	}
	return text
}

func quoteIf(live bool, text string) string {
	if live {
		return placeholder.Quote(text)
	}
	return text
}
