package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/carillon-go/carillon/jobs/internal/settings"
)

// SettingsChange is a write of the settings of a job, an action or an attachment.
type SettingsChange struct {
	// Driver gives the schema and, if it is one, the Validator and the SecretTargets.
	Driver Driver
	// Ref says where the settings are: tenant, job, and as Field the path of the settings ("data"). Target is ignored: it comes from
	// the driver.
	Ref SecretRef
	// Data is what the caller wrote; nil is the empty object.
	Data json.RawMessage
	// Patch tells that Data is merged over Old at its first level (contract 1.9); else it takes the place of Old.
	Patch bool
	// Old and Secrets are what is stored; nil for new settings.
	Old     json.RawMessage
	Secrets Secrets
}

// SealSettings checks a write and seals its secrets: data and secrets are what to store. All faults of the caller are in one
// *ValidationError, paths relative to the settings, without values of secrets.
//
// A secret that the write leaves out is kept as it is stored, null removes it, and it goes with the object that holds it. If the target
// that the driver names has changed, a kept secret has to be entered again, which is a fault that names it (R46). What is checked
// is the whole: kept secrets are opened for the schema and for the driver's own Validate, so a rule such as "user needs password" holds, and
// one that can no longer be opened is a fault that names it, and not a surprise of the next run. Other errors are those of the vault's store
// and key service. A nil vault refuses secrets.
//
// Like Vault.Seal it is not to be called inside a transaction of the store.
func SealSettings(ctx context.Context, v *Vault, c SettingsChange) (data json.RawMessage, secrets Secrets, err error) {
	s, err := CompileSettings(c.Driver.Info())
	if err != nil {
		return nil, nil, err
	}
	public, entered, kept, err := s.apply(c)
	if err != nil {
		return nil, nil, err
	}
	if data, err = writeJSON(public); err != nil {
		return nil, nil, err
	}
	opened, err := openKept(ctx, v, c.Ref, kept)
	if err != nil {
		return nil, nil, err
	}
	whole, err := wholeOf(data, entered, opened)
	if err != nil {
		return nil, nil, err
	}
	if err := s.Check(whole); err != nil {
		return nil, nil, err
	}
	target := TargetOf(c.Driver, data)
	if err := checkTargets(kept, target); err != nil {
		return nil, nil, err
	}
	if err := s.validateByDriver(c.Driver, whole, entered, opened); err != nil {
		return nil, nil, err
	}
	secrets, err = sealEntered(ctx, v, c.Ref, target, entered)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(secrets, kept)
	if len(secrets) == 0 {
		secrets = nil
	}
	return data, secrets, nil
}

// TargetOf is where a driver would send secrets with these settings, as they are stored: placeholders not replaced, without secrets.
// Empty for a driver that does not say.
func TargetOf(d Driver, data json.RawMessage) string {
	if t, ok := d.(SecretTargets); ok {
		return t.SecretTarget(data)
	}
	return ""
}

// apply makes the new public settings, and says which secrets were entered and which stored ones stay.
func (s *Settings) apply(c SettingsChange) (public, entered map[string]any, kept Secrets, err error) {
	written, faults := s.schema.Read(c.Data)
	if len(faults) > 0 {
		return nil, nil, nil, invalidOf(faults)
	}
	entered, faults = s.schema.Take(written)
	if len(faults) > 0 {
		return nil, nil, nil, invalidOf(faults)
	}
	public = map[string]any{}
	if c.Patch {
		if public, faults = settings.Read(c.Old, MaxSettings); len(faults) > 0 {
			return nil, nil, nil, fmt.Errorf("read stored settings: %w", invalidOf(faults))
		}
		// A stored value at the path of a secret is older than the schema that made it one. It is not shown any longer, so what is wrong
		// with it does not matter.
		s.schema.Take(public)
	}
	settings.Patch(public, written)
	kept = Secrets{}
	for _, path := range s.schema.Secrets() {
		if value, ok := entered[path]; ok {
			if value == nil {
				delete(entered, path)
			}
			continue
		}
		sealed, ok := c.Secrets[path]
		if parent, _ := settings.ParentOf(public, path); ok && parent != nil {
			kept[path] = sealed
		}
	}
	return public, entered, kept, nil
}

// openKept opens stored secrets for the check of the whole.
func openKept(ctx context.Context, v *Vault, ref SecretRef, kept Secrets) (map[string]any, error) {
	var f Faults
	opened := map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(kept)) {
		value, err := openSecret(ctx, v, ref, path, kept[path], kept[path].Target)
		switch {
		case errors.Is(err, ErrUnopenable):
			f.Add(path, "cannot be read any longer and has to be entered again")
		case err != nil:
			return nil, err
		}
		opened[path] = value
	}
	return opened, f.Err()
}

// openSecret opens one secret of settings and parses it.
func openSecret(ctx context.Context, v *Vault, ref SecretRef, path string, sealed SealedSecret, target string) (any, error) {
	ref.Field, ref.Target = JoinPath(ref.Field, path), target
	if v == nil {
		return nil, fmt.Errorf("open %s: %w: this system has no key for secrets", ref.Field, ErrUnopenable)
	}
	text, err := v.Open(ctx, ref, sealed)
	if err != nil {
		return nil, err
	}
	value, faults := settings.ReadSecret(path, text)
	if len(faults) > 0 {
		return nil, fmt.Errorf("open %s: %w: not JSON", ref.Field, ErrUnopenable)
	}
	return value, nil
}

func wholeOf(public json.RawMessage, groups ...map[string]any) (json.RawMessage, error) {
	secrets := map[string]json.RawMessage{}
	for _, group := range groups {
		for path, value := range group {
			text, err := writeJSON(value)
			if err != nil {
				return nil, err
			}
			secrets[path] = text
		}
	}
	return mergeSecrets(public, secrets)
}

func checkTargets(kept Secrets, target string) error {
	var f Faults
	for _, path := range slices.Sorted(maps.Keys(kept)) {
		if kept[path].Target != target {
			f.Add(path, "has to be entered again because its target has changed")
		}
	}
	return f.Err()
}

// validateByDriver asks the driver. It has the secrets in its hands, so what it says is searched for them.
func (s *Settings) validateByDriver(d Driver, whole json.RawMessage, groups ...map[string]any) error {
	checker, ok := d.(Validator)
	if !ok {
		return nil
	}
	err := checker.Validate(whole)
	if err == nil {
		return nil
	}
	var plaintexts []string
	for _, group := range groups {
		for _, value := range group {
			plaintexts = append(plaintexts, settings.Strings(value)...)
		}
	}
	redactor := NewRedactor(plaintexts...)
	clean := func(text string) string {
		// A redactor leaves short secrets alone, because they are found in ordinary words too. Here that costs a message, not a log.
		for _, secret := range plaintexts {
			if len(secret) >= 3 && len(secret) < MinRedactedSecret && strings.Contains(text, secret) {
				return "is not valid"
			}
		}
		return redactor.String(text)
	}
	var invalid *ValidationError
	if !errors.As(err, &invalid) {
		// The cause stays out: its text may hold a secret.
		return fmt.Errorf("driver %q checks settings: %s", d.Info().ID, clean(err.Error()))
	}
	fields := slices.Clone(invalid.Fields)
	for i := range fields {
		fields[i].Path, fields[i].Message = s.schema.Hide(fields[i].Path), clean(fields[i].Message)
	}
	return &ValidationError{Fields: fields}
}

func sealEntered(ctx context.Context, v *Vault, ref SecretRef, target string, entered map[string]any) (Secrets, error) {
	secrets := Secrets{}
	prefix := ref.Field
	ref.Target = target
	var f Faults
	for _, path := range slices.Sorted(maps.Keys(entered)) {
		if v == nil {
			f.Add(path, "cannot be stored: this system has no key for secrets")
			continue
		}
		text, err := writeJSON(entered[path])
		if err != nil {
			return nil, err
		}
		ref.Field = JoinPath(prefix, path)
		if secrets[path], err = v.Seal(ctx, ref, text); err != nil {
			return nil, err
		}
	}
	return secrets, f.Err()
}

// OpenSettings gives the settings of a step with their secrets: merged, and every string inside a secret for a Redactor. ref is where the
// settings are stored, its Field their path ("data"), its Target TargetOf(driver, data): a secret that was sealed for another target does
// not open, whoever changed the settings (R46). Data is what is stored: replace placeholders afterwards, secrets have none.
// A secret that does not open is ErrUnopenable and names its field; settings without secrets need no vault.
func OpenSettings(
	ctx context.Context, v *Vault, ref SecretRef, data json.RawMessage, sealed Secrets,
) (merged json.RawMessage, plaintexts []string, err error) {
	if len(sealed) == 0 {
		return data, nil, nil
	}
	opened := map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(sealed)) {
		value, err := openSecret(ctx, v, ref, path, sealed[path], ref.Target)
		if err != nil {
			return nil, nil, err
		}
		opened[path] = value
		plaintexts = append(plaintexts, settings.Strings(value)...)
	}
	merged, err = wholeOf(data, opened)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", ref.Field, err)
	}
	return merged, plaintexts, nil
}

// ResealSettings seals stored secrets anew for another place: drafts, commits and copies are jobs of their own, and copied actions have
// other ids (R62). The Field of both references is the path of the settings; the targets of the secrets stay, the references' are ignored.
// The tenant may change only if the caller may move secrets between tenants.
func ResealSettings(ctx context.Context, v *Vault, from, to SecretRef, sealed Secrets) (Secrets, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	out := make(Secrets, len(sealed))
	for _, path := range slices.Sorted(maps.Keys(sealed)) {
		old := sealed[path]
		value, err := openSecret(ctx, v, from, path, old, old.Target)
		if err != nil {
			return nil, err
		}
		text, err := writeJSON(value)
		if err != nil {
			return nil, err
		}
		ref := to
		ref.Field, ref.Target = JoinPath(to.Field, path), old.Target
		if out[path], err = v.Seal(ctx, ref, text); err != nil {
			return nil, err
		}
	}
	return out, nil
}
