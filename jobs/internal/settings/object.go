package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
)

// Limits of settings, of params, and of schemas (reliability rules, section 13).
const (
	// MaxBytes is the largest JSON of settings, secrets included.
	MaxBytes = 256 << 10
	// MaxDepth is the deepest nesting of objects and arrays; the settings themselves count as 1.
	MaxDepth = 32
	// MaxKeys bounds the members of all objects together.
	MaxKeys = 10_000
	// maxSchemaDepth: keywords double the depth of what they describe.
	maxSchemaDepth = 2*MaxDepth + 8
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
	faults  []Fault
}

// Read reads an object of at most size bytes; nil, empty and white space are the empty one.
func Read(data []byte, size int) (map[string]any, []Fault) { return readObject(data, size, MaxDepth) }

func readObject(data []byte, size, depth int) (map[string]any, []Fault) {
	if len(data) > size {
		return nil, one("", "has %d bytes; at most %d", len(data), size)
	}
	if !utf8.Valid(data) {
		return nil, one("", "is not valid UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return map[string]any{}, nil
	}
	r := &objectReader{decoder: json.NewDecoder(bytes.NewReader(data)), depth: depth}
	r.decoder.UseNumber()
	value, err := r.value("", 0)
	if err == nil {
		if _, err = r.decoder.Token(); err == nil {
			return nil, one("", "has more after its end")
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, r.refusal(err)
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, one("", "must be an object")
	}
	return object, nil
}

// limitError says which bound ended the reading.
type limitError string

func (e limitError) Error() string { return string(e) }

func limit(format string, n int) error { return limitError(fmt.Sprintf(format, n)) }

// refusal keeps the text of the decoder out of the message: it quotes what it read.
func (r *objectReader) refusal(err error) []Fault {
	if over := limitError(""); errors.As(err, &over) {
		return []Fault{{"", string(over)}}
	}
	return one("", "is not valid JSON near byte %d", r.decoder.InputOffset())
}

func (r *objectReader) note(path, message string) { r.faults = append(r.faults, Fault{path, message}) }

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
			r.note(path, "has a NUL character")
		}
	case json.Number:
		if !boundedNumber(string(x)) {
			r.note(path, "is a number with too many digits")
		}
	case json.Delim:
		if depth >= r.depth {
			return nil, limit("is nested deeper than %d", r.depth)
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
		if r.keys++; r.keys > MaxKeys {
			return nil, limit("has more than %d names", MaxKeys)
		}
		at := memberPath(path, name)
		if strings.ContainsRune(name, 0) {
			r.note(path, "has a name with a NUL character")
		}
		if _, twice := members[name]; twice {
			r.note(at, "is there twice")
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
	return jsontext.JoinPath(path, name)
}

// Patch applies a partial write (contract 1.9): members of changes replace those of object, null removes one.
func Patch(object, changes map[string]any) {
	for name, value := range changes {
		if value == nil {
			delete(object, name)
			continue
		}
		object[name] = value
	}
}
