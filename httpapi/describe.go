package httpapi

import (
	"reflect"
	"slices"
	"strings"
)

// The readers of bodies and queries describe themselves: the same function that reads a request is run once over nothing, and body and query
// note what it asks for. So the document cannot say anything else than what is read.

// field is what a reader asks for: one member of a body, or one parameter of a query.
type field struct {
	name string
	// typ is the Go type of the value; nil if it is an object or a list that fields describes, or an empty list.
	typ reflect.Type
	// fields are the members of an object, or of each entry of a list.
	fields *shape
	list   bool
	// notNull: null is refused. required: it has to be there. ignored: only the server sets it; what was read can be sent back.
	notNull, required, ignored bool
	// without is the field without which this one has to be there; empty if there is none.
	without string

	// For parameters: the words that are allowed, the range and default of a number, whether it may be repeated, and whether it is a moment.
	words     []string
	low, high *int
	def       any
	repeated  bool
	moment    bool
}

// shape is a set of fields in the order in which they are read.
type shape struct{ fields []*field }

// at gives the field of a name, a new one if nobody has asked for it yet.
func (s *shape) at(name string) *field {
	for _, f := range s.fields {
		if f.name == name {
			return f
		}
	}
	f := &field{name: name}
	s.fields = append(s.fields, f)
	return f
}

// names are the names of the fields, in order of the alphabet.
func (s *shape) names() []string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// bodyForm is what a route reads from the body of a request. The zero value is a route without a body.
type bodyForm struct {
	read func(*body)
	// optional: the body may be left out.
	optional bool
	// types are the content types of a body that is no JSON; read is nil then. A multipart body has one part, named file.
	types []string
}

// reads is a body that a reader of it describes.
func reads[T any](reader func(*body) T) bodyForm {
	return bodyForm{read: func(b *body) { reader(b) }}
}

// mayRead is reads for a body that may be left out.
func mayRead[T any](reader func(*body) T) bodyForm {
	form := reads(reader)
	form.optional = true
	return form
}

// noFields is the body of a route that writes and needs nothing: left out, or an empty object.
var noFields = bodyForm{read: func(*body) {}, optional: true}

// shape runs the reader over nothing. It is nil if the route has no JSON body.
func (f bodyForm) shape() *shape {
	if f.read == nil {
		return nil
	}
	s := &shape{}
	f.read(describing(s))
	return s
}

func (f bodyForm) none() bool { return f.read == nil && f.types == nil }

// describing is a body without fields that notes what is asked of it.
func describing(s *shape) *body {
	b := newObject("", nil)
	b.shape = s
	return b
}

// asks is a query that a reader of it describes.
func asks[T any](reader func(*query) T) func(*query) {
	return func(q *query) { reader(q) }
}

// parameters runs the reader of a route's query over nothing.
func (r route) parameters() *shape {
	s := &shape{}
	if r.query != nil {
		r.query(&query{known: map[string]bool{}, shape: s})
	}
	return s
}

// What an answer may be beside a view.
type (
	// page is a collection (contract 1.7): items below a relation, and what extra, a struct with the envelope inside, has beside them.
	page struct {
		rel   string
		item  any
		extra any
	}
	// events are server-sent events by their names, each with the view of its data.
	events map[string]any
	// bytesOf is contents of these types, any if there are none.
	bytesOf []string
	// either are answers of one status that differ by content type.
	either []any
	// nothing is an answer without a body.
	nothing struct{}
)

// answers are the answers of a route that are no errors, by status: a view, or one of the above.
type answers map[int]any

// implied are the errors that a route has by its form (contract 1.10): they are not written in the table.
func (r route) implied() []int {
	list := []int{400, 405, 500, 503}
	if r.group != groupOpen {
		list = append(list, 401)
	}
	if strings.Contains(r.path, "/:") {
		list = append(list, 404)
	}
	if !slices.Contains([]group{groupOpen, groupIdentity, groupRead}, r.group) || r.method != "GET" {
		list = append(list, 403) // the permission, a read-only token, a request from another origin
	}
	if !r.body.none() {
		list = append(list, 413, 415)
	}
	if r.method == "PUT" || r.method == "DELETE" {
		list = append(list, 412)
	}
	return list
}

// statuses are all statuses of a route.
func (r route) statuses() []int {
	list := append(r.implied(), r.also...)
	for status := range r.answers {
		list = append(list, status)
	}
	if r.tagged && r.method == "GET" {
		list = append(list, 304)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
