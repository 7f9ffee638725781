package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

// Limits of a JSON body (R65).
const (
	maxBody      = 1 << 20
	maxBodyDepth = 32
	maxBodyKeys  = 10_000
)

// readBody reads and checks a JSON object: type, size, encoding, depth, keys. An empty body is an object without fields where the
// route allows it.
func readBody(r *http.Request, emptyAllowed bool) (json.RawMessage, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fail(http.StatusRequestEntityTooLarge, "The body is larger than %d bytes", maxBody)
	case err != nil:
		return nil, fail(http.StatusBadRequest, "The body could not be read")
	case len(bytes.Trim(data, jsonSpace)) == 0 && emptyAllowed:
		return json.RawMessage("{}"), nil
	case len(bytes.Trim(data, jsonSpace)) == 0:
		return nil, fail(http.StatusBadRequest, "The body is empty; it has to be a JSON object")
	case r.Header.Get("Content-Encoding") != "":
		return nil, fail(http.StatusUnsupportedMediaType, "The body has to be sent without a Content-Encoding")
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err != nil || (mediaType != "application/json" && mediaType != "application/hal+json") || (charset != "" && charset != "utf-8") {
		return nil, fail(http.StatusUnsupportedMediaType, "The body has to be application/json in UTF-8")
	}
	if err := checkJSON(data); err != nil {
		return nil, fail(http.StatusBadRequest, "The body is not acceptable JSON: %s", err)
	}
	if bytes.Trim(data, jsonSpace)[0] != '{' {
		return nil, fail(http.StatusBadRequest, "The body has to be a JSON object")
	}
	return data, nil
}

// jsonSpace is the white space of JSON; that of Unicode is not allowed there.
const jsonSpace = " \t\r\n"

// checkJSON refuses what encoding/json lets through: bad UTF-8, half surrogates, NUL, duplicate keys, depth, number of keys, text after the
// value.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("it is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	keys := 0
	if err := checkValue(d, 1, &keys); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("it ends too early")
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return checkEscapes(data)
}

// checkEscapes refuses \ud800 without its other half: encoding/json would put another character in its place in silence. The data is
// known to be JSON, so a backslash is inside a string and begins an escape.
func checkEscapes(data []byte) error {
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 {
			return nil
		}
		data = data[i:]
		first, ok := escapedRune(data)
		if !ok {
			data = data[2:]
			continue
		}
		data = data[6:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escapedRune(data)
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return errors.New("a string holds half of a surrogate pair")
		}
		data = data[6:]
	}
}

// escapedRune reads an escape of the form \u0041 at the beginning of data.
func escapedRune(data []byte) (rune, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return rune(n), err == nil
}

func checkValue(d *json.Decoder, depth int, keys *int) error {
	if depth > maxBodyDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxBodyDepth)
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case string:
		return checkString(t)
	case json.Delim:
		if t == '{' {
			return checkObject(d, depth, keys)
		}
		for d.More() {
			if *keys++; *keys > maxBodyKeys {
				return fmt.Errorf("it has more than %d keys and entries", maxBodyKeys)
			}
			if err := checkValue(d, depth+1, keys); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	return nil
}

func checkObject(d *json.Decoder, depth int, keys *int) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return errors.New("a key is not a string")
		}
		if err := checkString(key); err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("the key %q occurs twice in one object", clip(key))
		}
		seen[key] = true
		if *keys++; *keys > maxBodyKeys {
			return fmt.Errorf("it has more than %d keys and entries", maxBodyKeys)
		}
		if err := checkValue(d, depth+1, keys); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func checkString(s string) error {
	if strings.ContainsRune(s, 0) {
		return errors.New("a string holds a NUL character")
	}
	return nil
}

func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// body reads the fields of one object and collects what is wrong with them. Fields that nobody asked for are faults at finish.
type body struct {
	faults *jobs.Faults
	prefix string
	fields map[string]json.RawMessage
	known  map[string]bool
	// shape, if it is set, notes what is asked for; such a body has no fields (see describe.go).
	shape *shape
}

// newBody reads the body of a request that has no query parameters.
func newBody(r *http.Request, emptyAllowed bool) (*body, error) {
	if err := noQuery(r); err != nil {
		return nil, err
	}
	return newBodyBesideQuery(r, emptyAllowed)
}

// newBodyBesideQuery reads the body of a request whose query the caller reads.
func newBodyBesideQuery(r *http.Request, emptyAllowed bool) (*body, error) {
	data, err := readBody(r, emptyAllowed)
	if err != nil {
		return nil, err
	}
	return objectBody(data, "", &jobs.Faults{})
}

func objectBody(data json.RawMessage, prefix string, faults *jobs.Faults) (*body, error) {
	b := newObject(prefix, faults)
	if err := json.Unmarshal(data, &b.fields); err != nil {
		return nil, fail(http.StatusBadRequest, "The body is not acceptable JSON: %s", err)
	}
	return b, nil
}

func newObject(prefix string, faults *jobs.Faults) *body {
	if faults == nil {
		faults = &jobs.Faults{}
	}
	return &body{faults: faults, prefix: prefix, known: map[string]bool{}}
}

// note gives the place where the description of a field is written; nobody reads it unless the body is describing.
func (b *body) note(name string) *field {
	if b.shape == nil {
		return &field{}
	}
	return b.shape.at(name)
}

func (b *body) at(name string) string { return jobs.JoinPath(b.prefix, name) }

// field gives the raw value of a field, and whether it was sent and is null.
func (b *body) field(name string) (raw json.RawMessage, set, null bool) {
	b.known[name] = true
	raw, set = b.fields[name]
	return raw, set, set && string(raw) == "null" // raw messages come without the white space around them
}

// has reports whether a field was sent, whatever its value.
func (b *body) has(name string) bool {
	_, set := b.fields[name]
	return set
}

// typed reads a field of a Go type; kind names it to people.
func typed[T any](b *body, name, kind string) jobs.Field[T] {
	b.note(name).typ = reflect.TypeFor[T]()
	raw, set, null := b.field(name)
	if !set || null {
		return jobs.Field[T]{Set: set, Null: null}
	}
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		b.faults.Add(b.at(name), "has to be %s", kind)
		return jobs.Field[T]{}
	}
	return jobs.Value(v)
}

func (b *body) text(name string) jobs.Field[string]  { return typed[string](b, name, "a string") }
func (b *body) integer(name string) jobs.Field[int]  { return typed[int](b, name, "an integer") }
func (b *body) boolean(name string) jobs.Field[bool] { return typed[bool](b, name, "true or false") }

// object reads a field that has to be an object.
func (b *body) object(name string) jobs.Field[json.RawMessage] {
	b.note(name).typ = reflect.TypeFor[map[string]any]()
	raw, set, null := b.field(name)
	if !set || null {
		return jobs.Field[json.RawMessage]{Set: set, Null: null}
	}
	if raw[0] != '{' {
		b.faults.Add(b.at(name), "has to be an object")
		return jobs.Field[json.RawMessage]{}
	}
	return jobs.Value(raw)
}

// sub reads a field that has to be an object as a body of its own, which the caller has to finish with unknown. It is nil if the field was
// not sent, is null, or is no object, which is a fault.
func (b *body) sub(name string) (sub *body, set, null bool) {
	if b.shape != nil {
		f := b.note(name)
		f.fields = &shape{}
		return describing(f.fields), true, false
	}
	raw := b.object(name)
	if !raw.Set || raw.Null {
		return nil, raw.Set, raw.Null
	}
	sub, err := objectBody(raw.Value, b.at(name), b.faults)
	if err != nil {
		b.faults.Add(b.at(name), "has to be an object")
		return nil, false, false
	}
	return sub, true, false
}

// list reads a field that has to be an array of objects, each as a body of its own, which the caller has to finish with unknown. Null is an
// empty list.
func (b *body) list(name string) []*body {
	if b.shape != nil {
		f := b.note(name)
		f.list, f.fields = true, &shape{}
		return []*body{describing(f.fields)}
	}
	raw, set, null := b.field(name)
	if !set || null {
		return nil
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		b.faults.Add(b.at(name), "has to be an array")
		return nil
	}
	bodies := make([]*body, 0, len(entries))
	for i, entry := range entries {
		path := fmt.Sprintf("%s[%d]", b.at(name), i)
		if entry[0] != '{' {
			b.faults.Add(path, "has to be an object")
			continue
		}
		sub, err := objectBody(entry, path, b.faults)
		if err != nil {
			b.faults.Add(path, "has to be an object")
			continue
		}
		bodies = append(bodies, sub)
	}
	return bodies
}

// texts reads a field that has to be an array of strings.
func (b *body) texts(name string) jobs.Field[[]string] {
	return typed[[]string](b, name, "an array of strings")
}

// refuse is a fault for a field that exists elsewhere, if it was sent; why says what to do instead.
func (b *body) refuse(why string, names ...string) {
	for _, name := range names {
		if _, set, _ := b.field(name); set {
			b.faults.Add(b.at(name), "%s", why)
		}
	}
}

// requires says which fields the rules demand. They are the ones who tell the caller, together with all that is wrong.
func (b *body) requires(names ...string) {
	for _, name := range names {
		b.note(name).required = true
	}
}

// requiresWithout is requires for fields that another one can stand in for.
func (b *body) requiresWithout(other string, names ...string) {
	for _, name := range names {
		b.note(name).without = other
	}
}

// ignore names fields that only the server sets; what was read can be sent back (contract 1.9).
func (b *body) ignore(names ...string) {
	for _, name := range names {
		b.known[name] = true
		b.note(name).ignored = true
	}
}

// finish reports unknown fields and gives all faults.
func (b *body) finish() error {
	b.unknown()
	return b.faults.Err()
}

func (b *body) unknown() {
	for _, name := range sortedKeys(b.fields) {
		if b.known[name] {
			continue
		}
		if right := b.similar(name); right != "" {
			b.faults.Add(b.at(clip(name)), "is not a field here; it is written %q", right)
			continue
		}
		b.faults.Add(b.at(clip(name)), "is not a field here")
	}
}

// similar finds the field that somebody wrote with other capitals.
func (b *body) similar(name string) string {
	for known := range b.known {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

// noBody refuses a body where none is expected, but lets the empty object through.
func noBody(r *http.Request) error {
	b, err := newBody(r, true)
	if err != nil {
		return err
	}
	return b.finish()
}
