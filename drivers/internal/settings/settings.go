// Package settings reads the settings of a step into a Go value, for the drivers that are written in Go.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/carillon-go/carillon/jobs"
)

// MustCompile is jobs.CompileSettings for drivers whose schema is part of the program.
func MustCompile(info jobs.DriverInfo) *jobs.Settings {
	rules, err := jobs.CompileSettings(info)
	if err != nil {
		panic(err)
	}
	return rules
}

// Decode checks the settings of a step, placeholders replaced and secrets filled in, and reads them into v, a pointer. Empty
// data are the empty object. Faults are a *jobs.ValidationError without values of secrets.
func Decode(rules *jobs.Settings, data json.RawMessage, v any) error {
	if err := rules.CheckExpanded(data); err != nil {
		return err
	}
	if len(data) == 0 {
		data = json.RawMessage(`{}`)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	// The schema of a driver may leave this open; a field that nobody reads is a mistake all the same.
	d.DisallowUnknownFields()
	return Fault(d.Decode(v))
}

// Fault words an error of encoding/json for values that passed a schema and do not fit the Go type: 1e30 for an integer. The text
// of the error itself may hold the value, which may be a secret.
func Fault(err error) error {
	if err == nil {
		return nil
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return jobs.Invalid(t.Field, "does not fit: must be %s", t.Type)
	}
	return jobs.Invalid("", "hold a value that cannot be read")
}
