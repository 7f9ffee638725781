package jobs

import (
	"fmt"
	"log/slog"
)

// Secret is an opened secret value (reliability rule R61). Whatever prints, marshals or logs it shows Redacted; only Reveal
// gives the text, and only the call of a driver should ask for it. Do not use it as the key of a map: encoding/json writes
// keys of a string type as they are.
type Secret string

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String is Redacted.
func (s Secret) String() string { return Redacted }

// GoString is Redacted.
func (s Secret) GoString() string { return Redacted }

// Format writes Redacted for every verb, also %x and %q.
func (s Secret) Format(f fmt.State, _ rune) { writeRedacted(f) }

// MarshalText is Redacted, for encodings of text such as XML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON is Redacted as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// LogValue is Redacted.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }
