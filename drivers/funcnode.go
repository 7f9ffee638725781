package drivers

import "encoding/json"

// node is a part of a JSON Schema. Its fields are written in this order, and properties in the order of the struct, which
// is the order of the form that a page makes of it.
type node struct {
	Draft                string      `json:"$schema,omitempty"`
	Type                 any         `json:"type,omitempty"` // a name, or a list of names
	Title                string      `json:"title,omitempty"`
	Description          string      `json:"description,omitempty"`
	Format               string      `json:"format,omitempty"`
	ContentEncoding      string      `json:"contentEncoding,omitempty"`
	Enum                 []any       `json:"enum,omitempty"`
	Minimum              *int64      `json:"minimum,omitempty"`
	Maximum              *int64      `json:"maximum,omitempty"`
	WriteOnly            bool        `json:"writeOnly,omitempty"`
	MinItems             *int        `json:"minItems,omitempty"`
	MaxItems             *int        `json:"maxItems,omitempty"`
	Items                *node       `json:"items,omitempty"`
	Properties           *properties `json:"properties,omitempty"`
	Required             []string    `json:"required,omitempty"`
	AdditionalProperties any         `json:"additionalProperties,omitempty"` // a node or false
}

type property struct {
	name string
	node *node
}

// properties is a JSON object in a given order.
type properties []property

// MarshalJSON writes the properties in their order.
func (p properties) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, property := range p {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(property.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(property.node)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}
