package jobs

// Field is one field of a partial update: left out, null, or a value.
type Field[T any] struct {
	Set   bool
	Null  bool
	Value T
}

// Value is a field that sets v.
func Value[T any](v T) Field[T] { return Field[T]{Set: true, Value: v} }

// Null is a field that removes what is stored.
func Null[T any]() Field[T] { return Field[T]{Set: true, Null: true} }

// required gives the value of a field that may not be null, or old if it was left out.
func required[T any](f *Faults, path string, field Field[T], old T) T {
	switch {
	case !field.Set:
		return old
	case field.Null:
		f.Add(path, "may not be null")
		return old
	}
	return field.Value
}

// optional gives the value of a field, the zero value for null, or old if it was left out.
func optional[T any](field Field[T], old T) T {
	if !field.Set {
		return old
	}
	if field.Null {
		var zero T
		return zero
	}
	return field.Value
}
