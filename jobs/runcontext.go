package jobs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// RunContext holds the values of a run as a tree (contract 7.2), for conditions and placeholders. Lookups are safe for
// concurrent use with each other, not with Set and SetUnknown.
type RunContext struct {
	root    map[string]any
	unknown []string // prefixes
}

var _ Values = (*RunContext)(nil)

// NewRunContext is empty: every path leads to nothing.
func NewRunContext() *RunContext { return &RunContext{root: map[string]any{}} }

// Set puts a copy of value at path, in place of what was there, and makes the objects above it. A time.Time is stored as
// contract 1.8 writes it; other Go values as the JSON that they marshal to. A value that is no JSON, an empty name in the
// path, and a path through something that is not an object are errors; nothing is changed then.
func (c *RunContext) Set(path string, value any) error {
	value, err := jsontext.Plain(value)
	if err != nil {
		return fmt.Errorf("set %q in the run context: %w", path, err)
	}
	names := strings.Split(path, ".")
	if slices.Contains(names, "") {
		return fmt.Errorf("set %q in the run context: a name is empty", path)
	}
	at, last := c.root, len(names)-1
	for i, name := range names[:last] {
		next, there := at[name]
		object, ok := next.(map[string]any)
		if there && !ok {
			return fmt.Errorf("set %q in the run context: %q is not an object", path, strings.Join(names[:i+1], "."))
		}
		if !there {
			object = map[string]any{}
			at[name] = object
		}
		at = object
	}
	at[names[last]] = value
	c.unknown = slices.DeleteFunc(c.unknown, func(prefix string) bool { return atOrBelow(prefix, path) })
	return nil
}

// SetUnknown marks a path and all below it as existing only in a run, and removes what was there. What is Set below it
// later is known again.
func (c *RunContext) SetUnknown(prefix string) {
	parent, name := c.root, prefix
	if i := strings.LastIndexByte(prefix, '.'); i >= 0 {
		above, _, _ := c.Lookup(prefix[:i])
		parent, _ = above.(map[string]any) // a nil map has nothing to delete
		name = prefix[i+1:]
	}
	delete(parent, name)
	c.unknown = append(c.unknown, prefix)
}

// Lookup implements Values. An object of which a part is unknown is unknown as a whole.
func (c *RunContext) Lookup(path string) (value any, found, known bool) {
	for _, prefix := range c.unknown {
		if atOrBelow(prefix, path) {
			return nil, false, false
		}
	}
	if value, found = walkPath(c.root, path); found {
		return value, true, true
	}
	for _, prefix := range c.unknown {
		if atOrBelow(path, prefix) {
			return nil, false, false
		}
	}
	return nil, false, true
}

// atOrBelow reports whether path is prefix or leads through it.
func atOrBelow(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '.')
}

func walkPath(at any, path string) (any, bool) {
	for more := true; more; {
		var name string
		name, path, more = strings.Cut(path, ".")
		switch x := at.(type) {
		case map[string]any:
			next, ok := x[name]
			if !ok {
				return nil, false
			}
			at = next
		case []any:
			i, err := strconv.ParseUint(name, 10, 31)
			if err != nil || i >= uint64(len(x)) {
				return nil, false // not a position of this array
			}
			at = x[i]
		default:
			return nil, false
		}
	}
	return at, true
}
