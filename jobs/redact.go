package jobs

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/carillon-go/carillon/jobs/internal/redact"
)

const (
	// Redacted stands in place of a secret: three asterisks.
	Redacted = redact.Mark
	// MinRedactedSecret is the shortest secret that a Redactor looks for: 6 bytes. Shorter ones would hit ordinary text.
	MinRedactedSecret = redact.MinSecret
)

// Redactor replaces opened secrets and passwords in URLs before text leaves a step: logs, errors, outputs, progress, lines
// of plugins (reliability rule R63). It finds a secret as it is, URL-encoded, base64-encoded (also as a part of a longer
// encoded text, as in basic authentication), and escaped as JSON or Go writes it. It is immutable and safe for concurrent
// use; a nil Redactor knows no secrets and still redacts URLs.
type Redactor struct{ engine *redact.Engine }

// NewRedactor looks for these secrets. Those shorter than MinRedactedSecret are not looked for.
func NewRedactor(secrets ...string) *Redactor { return &Redactor{redact.New(secrets...)} }

// String returns s with every secret and URL password replaced by Redacted. Without any it returns s itself.
func (r *Redactor) String(s string) string { return r.inner().String(s) }

// Value returns a copy of a JSON-like value with all strings redacted, names of object members too. A number that shows a
// secret becomes the string Redacted. Other Go values are redacted as the JSON that they marshal to; what does not marshal
// becomes Redacted.
func (r *Redactor) Value(v any) any { return r.inner().Value(v) }

// inner is nil for a nil Redactor, which knows no secrets.
func (r *Redactor) inner() *redact.Engine {
	if r == nil {
		return nil
	}
	return r.engine
}

// Format keeps the patterns out of everything that prints the Redactor.
func (r *Redactor) Format(f fmt.State, _ rune) { writeRedacted(f) }

// LogValue keeps the patterns out of logs.
func (r *Redactor) LogValue() slog.Value { return slog.StringValue("Redactor(" + Redacted + ")") }

// writeRedacted ignores the error as fmt has nobody to give it to.
func writeRedacted(w io.Writer) { _, _ = io.WriteString(w, Redacted) }
