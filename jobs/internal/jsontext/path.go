// Package jsontext has what the model does with JSON-like values: it writes them in one form, compares their numbers exactly, and names
// the places in them.
package jsontext

import "strings"

// JoinPath joins two paths of places in a value: JoinPath("actions[0]", "name") is "actions[0].name".
func JoinPath(prefix, path string) string {
	switch {
	case prefix == "":
		return path
	case path == "":
		return prefix
	case strings.HasPrefix(path, "["):
		return prefix + path
	}
	return prefix + "." + path
}

// PathWithin reports whether path is outer or the path of a place inside it.
func PathWithin(path, outer string) bool {
	if len(path) <= len(outer) {
		return path == outer
	}
	return path[:len(outer)] == outer && (path[len(outer)] == '.' || path[len(outer)] == '[')
}
