package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/condition"
)

// Limits of settings, of params, and of schemas (reliability rules, section 13).
const (
	// MaxSettings is the largest JSON of the settings of a job, an action or an attachment with its secrets, in bytes.
	MaxSettings = 256 << 10
	// MaxSettingsDepth is the deepest nesting of objects and arrays; the settings themselves count as 1.
	MaxSettingsDepth = 32
	// MaxSettingsKeys bounds the members of all objects together.
	MaxSettingsKeys = 10_000
	// maxSchemaDepth: keywords double the depth of what they describe.
	maxSchemaDepth = 2*MaxSettingsDepth + 8
	// maxNumber and maxExponent bound a number: the schema validator computes exactly, and 1e999999999 exactly fills the memory.
	maxNumber   = 100
	maxExponent = 400
)

// objectReader reads one JSON object strictly and keeps the digits of numbers. encoding/json alone lets names that occur twice,
// broken UTF-8 and any depth pass.
type objectReader struct {
	decoder *json.Decoder
	depth   int
	keys    int
	faults  Faults
}

// readObject reads an object; nil, empty and white space are the empty one. Faults are a *ValidationError.
func readObject(data []byte, size, depth int) (map[string]any, error) {
	if len(data) > size {
		return nil, Invalid("", "has %d bytes; at most %d", len(data), size)
	}
	if !utf8.Valid(data) {
		return nil, Invalid("", "is not valid UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return map[string]any{}, nil
	}
	r := &objectReader{decoder: json.NewDecoder(bytes.NewReader(data)), depth: depth}
	r.decoder.UseNumber()
	value, err := r.value("", 0)
	if err == nil {
		if _, err = r.decoder.Token(); err == nil {
			return nil, Invalid("", "has more after its end")
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, r.refusal(err)
	}
	if err := r.faults.Err(); err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, Invalid("", "must be an object")
	}
	return object, nil
}

// refusal keeps the text of the decoder out of the message: it quotes what it read.
func (r *objectReader) refusal(err error) error {
	if invalid := (*ValidationError)(nil); errors.As(err, &invalid) {
		return err
	}
	return Invalid("", "is not valid JSON near byte %d", r.decoder.InputOffset())
}

// token reads on inside a value, where the end of the input is no end.
func (r *objectReader) token() (json.Token, error) {
	token, err := r.decoder.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return token, err
}

func (r *objectReader) value(path string, depth int) (any, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	switch x := token.(type) {
	case string:
		if strings.ContainsRune(x, 0) {
			r.faults.Add(path, "has a NUL character")
		}
	case json.Number:
		if !boundedNumber(string(x)) {
			r.faults.Add(path, "is a number with too many digits")
		}
	case json.Delim:
		if depth >= r.depth {
			return nil, Invalid("", "is nested deeper than %d", r.depth)
		}
		if x == '{' {
			return r.object(path, depth+1)
		}
		return r.array(path, depth+1)
	}
	return token, nil
}

func (r *objectReader) array(path string, depth int) (any, error) {
	items := []any{}
	for r.decoder.More() {
		item, err := r.value(path+"["+strconv.Itoa(len(items))+"]", depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := r.token()
	return items, err
}

func (r *objectReader) object(path string, depth int) (any, error) {
	members := map[string]any{}
	for r.decoder.More() {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("a name is missing")
		}
		if r.keys++; r.keys > MaxSettingsKeys {
			return nil, Invalid("", "has more than %d names", MaxSettingsKeys)
		}
		at := memberPath(path, name)
		if strings.ContainsRune(name, 0) {
			r.faults.Add(path, "has a name with a NUL character")
		}
		if _, twice := members[name]; twice {
			r.faults.Add(at, "is there twice")
		}
		if members[name], err = r.value(at, depth); err != nil {
			return nil, err
		}
	}
	_, err := r.token()
	return members, err
}

// boundedNumber accepts a JSON number that can be computed with exactly.
func boundedNumber(text string) bool {
	if len(text) > maxNumber {
		return false
	}
	_, exponent, found := strings.Cut(strings.ToLower(text), "e")
	if !found {
		return true
	}
	n, err := strconv.Atoi(exponent)
	return err == nil && -maxExponent <= n && n <= maxExponent
}

// memberPath is the path of an object's member in a message; a long name is cut with a mark.
func memberPath(path, name string) string {
	const longest = 100
	if utf8.RuneCountInString(name) > longest {
		name = string([]rune(name)[:longest]) + "…"
	}
	return JoinPath(path, name)
}

// writeJSON is the one form of settings that we store: names sorted, digits of numbers kept.
func writeJSON(value any) (json.RawMessage, error) { return condition.AppendJSON(nil, value) }

// MergePatch applies a partial write of data (contract 1.9): members of the patch replace those of old, null removes one, and what
// the patch leaves out stays. Only the first level is merged. Old and patch are objects, nil is the empty one; the result has
// its names sorted.
func MergePatch(old, patch json.RawMessage) (json.RawMessage, error) {
	before, err := readObject(old, MaxSettings, MaxSettingsDepth)
	if err != nil {
		return nil, err
	}
	changes, err := readObject(patch, MaxSettings, MaxSettingsDepth)
	if err != nil {
		return nil, err
	}
	patchObject(before, changes)
	return writeJSON(before)
}

func patchObject(object, changes map[string]any) {
	for name, value := range changes {
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = value
	}
}
