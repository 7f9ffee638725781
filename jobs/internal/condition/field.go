package condition

import (
	"errors"
	"fmt"
	"strings"
)

// AllowedRoots is the list of fields of contract 7.2, for the message of a refusal.
const AllowedRoots = "run.status, run.trigger, run.startedAt, run.fireAt, run.params.<path>, job.id, job.name, job.type, job.data.<path>, " +
	"driver.status|error|data.<path>, previous.status|error|data.<path>, actions.<id>.status|error|data.<path>, " +
	"datasets.<alias>.records|updatedAt"

// Field is a checked path into the run context.
type Field struct {
	// Path is the text as written.
	Path string
	// Action is the id of the action that the path names, "[2]" for the inline form "actions[2]", or "".
	Action string
	// Alias is the dataset alias that the path names, or "".
	Alias string
	// Status says that the path is a status field of contract 7.3.
	Status bool
	// rest is what follows the action's name.
	rest string
}

var errField = errors.New("is not a field of the run context; allowed are " + AllowedRoots)

// ParseField checks a path against contract 7.2. The error is the reason, without the path.
func ParseField(path string) (Field, error) {
	f := Field{Path: path}
	root, rest, ok := strings.Cut(path, ".")
	if !ok || strings.ContainsRune(path, 0) {
		return f, errField
	}
	if n, inline := strings.CutPrefix(root, "actions["); inline {
		if !validIndex(n) {
			return f, fmt.Errorf("names an action by a bad position: %q; write actions[0] for the first one", root)
		}
		f.Action, f.rest = "["+n, rest
		f.Status = rest == "status" || rest == "error"
		return f, orRefuse(isResult(rest))
	}
	switch root {
	case "run":
		f.Status = rest == "status"
		return f, orRefuse(f.Status || rest == "trigger" || rest == "startedAt" || rest == "fireAt" || isBelow(rest, "params"))
	case "job":
		return f, orRefuse(rest == "id" || rest == "name" || rest == "type" || isBelow(rest, "data"))
	case "driver", "previous":
		f.Status = rest == "status" || rest == "error"
		return f, orRefuse(isResult(rest))
	case "actions":
		f.Action, f.rest, _ = strings.Cut(rest, ".")
		f.Status = f.rest == "status" || f.rest == "error"
		return f, orRefuse(f.Action != "" && isResult(f.rest))
	case "datasets":
		f.Alias, rest, _ = strings.Cut(rest, ".")
		return f, orRefuse(f.Alias != "" && (rest == "records" || rest == "updatedAt"))
	}
	return f, errField
}

// Rename returns the field with its action named anew: by id, or by "[n]" for the inline form.
func (f Field) Rename(action string) Field {
	f.Action = action
	if strings.HasPrefix(action, "[") {
		f.Path = "actions" + action + "." + f.rest
		return f
	}
	f.Path = "actions." + action + "." + f.rest
	return f
}

func orRefuse(ok bool) error {
	if ok {
		return nil
	}
	return errField
}

// isResult reports whether rest is a part of a step's result.
func isResult(rest string) bool { return rest == "status" || rest == "error" || isBelow(rest, "data") }

// isBelow reports whether rest is root, a dot, and a path without empty names.
func isBelow(rest, root string) bool {
	path, ok := strings.CutPrefix(rest, root+".")
	return ok && path != "" && path[0] != '.' && path[len(path)-1] != '.' && !strings.Contains(path, "..")
}

// validIndex reports whether s is "n]" with a plain number of at most three digits: a job has at most 100 actions.
func validIndex(s string) bool {
	digits, ok := strings.CutSuffix(s, "]")
	if !ok || digits == "" || len(digits) > 3 || (digits[0] == '0' && digits != "0") {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}
