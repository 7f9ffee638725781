package template

import (
	"maps"
	"slices"
	"strconv"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// place is what stands at a path of a job, as far as it matters here.
type place int

const (
	placeOther place = iota
	placeJob
	placeActions
	placeAction
	placeAttachments
	placeAttachment
	// placeSettings is data of a job, an action or an attachment, and all below it: its placeholders are replaced at run time (contract 6.1).
	placeSettings
)

// below is the place of a member of an object.
func (p place) below(name string) place {
	switch {
	case p == placeSettings, name == "data" && (p == placeJob || p == placeAction || p == placeAttachment):
		return placeSettings
	case p == placeJob && name == "actions":
		return placeActions
	case p == placeAction && name == "attachments":
		return placeAttachments
	}
	return placeOther
}

// item is the place of an entry of an array.
func (p place) item() place {
	switch p {
	case placeActions:
		return placeAction
	case placeAttachments:
		return placeAttachment
	case placeSettings:
		return placeSettings
	default:
		return placeOther
	}
}

// walk copies a job. Every string goes through text, whose false leaves the member or entry out; every name of a member goes to name.
type walk struct {
	text func(path string, p place, s string) (any, bool)
	name func(path, name string)
}

func (w walk) value(path string, p place, v any) (any, bool) {
	switch x := v.(type) {
	case string:
		return w.text(path, p, x)
	case []any:
		out := make([]any, 0, len(x))
		for i, item := range x {
			if made, ok := w.value(path+"["+strconv.Itoa(i)+"]", p.item(), item); ok {
				out = append(out, made)
			}
		}
		return out, true
	case map[string]any:
		out := make(map[string]any, len(x))
		for _, name := range slices.Sorted(maps.Keys(x)) {
			at := jsontext.JoinPath(path, name)
			if w.name != nil {
				w.name(at, name)
			}
			if made, ok := w.value(at, p.below(name), x[name]); ok {
				out[name] = made
			}
		}
		return out, true
	}
	return v, true
}
