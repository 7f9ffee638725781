package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/template"
)

// Template is a ready-made start for a job (contract 13.3). It carries no secret (R45): a setting that is writeOnly may hold nothing but
// placeholders of inputs without a default, so that whoever makes the job enters it.
type Template struct {
	// ID is ^[a-z][a-z0-9-]{0,62}$, unique over all sources.
	ID string
	// Name is for people, as are Description, Icon and Category, which may be empty.
	Name        string
	Description string
	Icon        string
	Category    string
	// Type is the job driver.
	Type string
	// Inputs are the values that the user gives, at most MaxTemplateInputs. Each is used by Job.
	Inputs []TemplateInput
	// Job is the body of a new job (contract 2.2), a JSON object of at most MaxTemplateJob bytes; its type is Type if it is left out. In its
	// strings ${inputs.<name>} stands for an input and $${ for a literal ${; other placeholders are for the run and belong into settings. A
	// string that is one such placeholder becomes the value with its type; without a value its member or entry is left out.
	Job json.RawMessage
}

// TemplateInput is a value that the user of a template gives.
type TemplateInput struct {
	// Name is ^[A-Za-z][A-Za-z0-9_-]{0,62}$, unique in the template. Label is for people; empty for none.
	Name     string
	Label    string
	Type     InputType
	Required bool
	// Default is a value of the type; nil for none.
	Default any
}

// InputType is the type of an input.
type InputType string

// Types of inputs. A date is YYYY-MM-DD, a dataset the id of one that the caller may read.
const (
	InputString  InputType = template.String
	InputNumber  InputType = template.Number
	InputBoolean InputType = template.Boolean
	InputDate    InputType = template.Date
	InputDataset InputType = template.Dataset
	InputEmail   InputType = template.Email
)

// Limits of templates.
const (
	MaxTemplateInputs = template.MaxInputs
	// MaxTemplateJob is the largest Template.Job, in bytes: 256 KiB.
	MaxTemplateJob = MaxSettings
	// MaxTemplateText is the longest name, label, icon or category, in characters.
	MaxTemplateText = MaxNameLength
)

// TemplateOfferer is a driver that comes with templates.
type TemplateOfferer interface {
	// Templates are the same at every call; they are not changed by the caller.
	Templates() []Template
}

// TemplateSource is a set of templates with the name under which faults tell of it: "host", the name of a file.
type TemplateSource struct {
	Name      string
	Templates []Template
}

// Templates is a checked set of templates. Immutable, safe for concurrent use.
type Templates struct {
	// list is ordered by name, then by id.
	list []*checkedTemplate
	byID map[string]*checkedTemplate
}

// checkedTemplate is a template with what was found out about it.
type checkedTemplate struct {
	Template
	job    map[string]any
	inputs []template.Input
	parts  []templatePart
	// open: a driver was not there when the template was checked, so that nobody knows which of its settings are secrets.
	open bool
	// source is where it comes from.
	source string
}

// NewTemplates checks the templates of these sources and of the drivers that offer some. The error has every fault of every template with its
// source; there is no set then. Drivers that a template uses need not be there: it is not available as long as one is missing.
func NewTemplates(drivers Drivers, sources ...TemplateSource) (*Templates, error) {
	for _, kind := range []DriverKind{DriverJob, DriverAction, DriverAttachment} {
		for _, d := range drivers.All(kind) {
			if offerer, ok := d.(TemplateOfferer); ok {
				name := fmt.Sprintf("%s driver %q", kind, d.Info().ID)
				sources = append(slices.Clone(sources), TemplateSource{name, offerer.Templates()})
			}
		}
	}
	set := &Templates{byID: map[string]*checkedTemplate{}}
	var errs []error
	for _, source := range sources {
		for _, t := range source.Templates {
			checked, err := checkTemplate(drivers, t)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: template %q: %w", source.Name, t.ID, err))
				continue
			}
			checked.source = source.Name
			if other := set.byID[t.ID]; other != nil {
				errs = append(errs, fmt.Errorf("%s: template %q: there is one of that id already in %s", source.Name, t.ID, other.source))
				continue
			}
			set.byID[t.ID] = checked
			set.list = append(set.list, checked)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(set.list, func(a, b *checkedTemplate) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return set, nil
}

// find gives a template of the set; a nil set has none.
func (s *Templates) find(id string) *checkedTemplate {
	if s == nil {
		return nil
	}
	return s.byID[id]
}
