package settings

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/carillon-go/carillon/jobs/internal/placeholder"
)

// allowPlaceholders lets strings with a placeholder pass what only their expanded form can be checked against.
func allowPlaceholders(s *jsonschema.Schema) {
	if s.Format != nil {
		check := s.Format.Validate
		s.Format = &jsonschema.Format{Name: s.Format.Name, Validate: func(v any) error {
			if isPlaceholder(v) {
				return nil
			}
			return check(v)
		}}
	}
	if s.Pattern != nil {
		s.Pattern = lenientPattern{s.Pattern}
	}
	if s.Enum != nil {
		s.Extensions = append(s.Extensions, lenientEnum{s.Enum.Values})
		s.Enum = nil
	}
	if s.MinLength != nil || s.MaxLength != nil {
		s.Extensions = append(s.Extensions, lenientLength{s.MinLength, s.MaxLength})
		s.MinLength, s.MaxLength = nil, nil
	}
	// contentEncoding and contentMediaType only describe: the compiler asserts them on demand, and we do not demand it.
}

func isPlaceholder(v any) bool {
	text, ok := v.(string)
	return ok && placeholder.In(text)
}

type lenientPattern struct{ jsonschema.Regexp }

func (p lenientPattern) MatchString(s string) bool {
	return placeholder.In(s) || p.Regexp.MatchString(s)
}

type lenientEnum struct{ values []any }

func (e lenientEnum) Validate(ctx *jsonschema.ValidatorContext, v any) {
	if isPlaceholder(v) {
		return
	}
	for _, value := range e.values {
		if equal, err := ctx.Equals(v, value); err == nil && equal {
			return
		}
	}
	ctx.AddError(&kind.Enum{Got: v, Want: e.values})
}

type lenientLength struct{ least, most *int }

func (l lenientLength) Validate(ctx *jsonschema.ValidatorContext, v any) {
	text, ok := v.(string)
	if !ok || placeholder.In(text) {
		return
	}
	n := len([]rune(text))
	if l.least != nil && n < *l.least {
		ctx.AddError(&kind.MinLength{Got: n, Want: *l.least})
	}
	if l.most != nil && n > *l.most {
		ctx.AddError(&kind.MaxLength{Got: n, Want: *l.most})
	}
}

// fixPropertyNames replaces the keyword by one of ours: jsonschema v6.0.3 does not copy the location of its error, which then changes to
// that of a value that is checked later.
func fixPropertyNames(s *jsonschema.Schema) {
	if s.PropertyNames != nil {
		s.Extensions = append(s.Extensions, propertyNames{s.PropertyNames})
		s.PropertyNames = nil
	}
}

type propertyNames struct{ names *jsonschema.Schema }

func (p propertyNames) Validate(ctx *jsonschema.ValidatorContext, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name := range object {
		if p.names.Validate(name) != nil {
			ctx.AddError(&kind.PropertyNames{Property: name})
		}
	}
}
