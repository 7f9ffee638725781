package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
)

// settingsChange is a write of the settings of a job or an action, by the id of the driver.
type settingsChange struct {
	kind   DriverKind
	driver string
	ref    SecretRef
	// data is what the caller wrote; patch merges it over old.
	data    json.RawMessage
	patch   bool
	old     json.RawMessage
	secrets Secrets
	// keepSame keeps a stored secret that is written again with the same value, so that nothing has changed. It is for code at start-up
	// only: to a caller over a network it would tell whether a guess was right.
	keepSame bool
}

// changedSettings is what to store.
type changedSettings struct {
	data       json.RawMessage
	secrets    Secrets
	idempotent bool
}

// change checks a write of settings. Faults have the paths of the body: "type", "data.url".
func (s *Service) change(ctx context.Context, c settingsChange) (changedSettings, error) {
	d, err := s.driver(c.kind, c.driver)
	if err != nil {
		return changedSettings{}, err
	}
	data, secrets, err := SealSettings(ctx, s.vault, SettingsChange{
		Driver: d, Ref: c.ref, Data: c.data, Patch: c.patch, Old: c.old, Secrets: c.secrets,
	})
	if err != nil {
		return changedSettings{}, JoinInvalid("data", err)
	}
	if c.keepSame {
		if err := s.keepSame(ctx, c, secrets); err != nil {
			return changedSettings{}, err
		}
	}
	value, err := decodeJSON(data)
	if err != nil {
		return changedSettings{}, err
	}
	if err := CheckPlaceholders(value); err != nil {
		return changedSettings{}, JoinInvalid("data", err)
	}
	if len(secrets) == 0 {
		secrets = nil // so that nothing and an empty set are the same definition
	}
	return changedSettings{data: data, secrets: secrets, idempotent: Idempotent(d, data)}, nil
}

// keepSame puts the stored form of a secret in the place of a new one that holds the same value for the same target.
func (s *Service) keepSame(ctx context.Context, c settingsChange, secrets Secrets) error {
	for path, sealed := range secrets {
		stored, ok := c.secrets[path]
		if !ok || stored.Target != sealed.Target {
			continue
		}
		before, err := openSecret(ctx, s.vault, c.ref, path, stored, stored.Target)
		if errors.Is(err, ErrUnopenable) {
			continue // the new one replaces what nobody can read any longer
		}
		if err != nil {
			return err
		}
		after, err := openSecret(ctx, s.vault, c.ref, path, sealed, sealed.Target)
		if err != nil {
			return err
		}
		if reflect.DeepEqual(before, after) {
			secrets[path] = stored
		}
	}
	return nil
}

// driver finds a driver that can be used in a definition.
func (s *Service) driver(kind DriverKind, id string) (Driver, error) {
	if id == "" {
		return nil, Invalid("type", "is required")
	}
	d, ok := s.drivers.Driver(kind, id)
	if !ok {
		return nil, Invalid("type", "is not %s driver of this system: %q", kind.article(), id)
	}
	if err := unavailable(d); err != nil {
		return nil, Invalid("type", "is %s driver that is not available: %s", kind.article(), err)
	}
	return d, nil
}

func (k DriverKind) article() string {
	if k == DriverJob {
		return "a job"
	}
	return "an " + string(k)
}

// publicData is what a caller wrote without the values of writeOnly properties.
func (s *Service) publicData(kind DriverKind, id string, data json.RawMessage) (json.RawMessage, error) {
	d, ok := s.drivers.Driver(kind, id)
	if !ok {
		return nil, nil // the write itself says what is wrong
	}
	settings, err := CompileSettings(d.Info())
	if err != nil {
		return nil, err
	}
	public, _, err := settings.Split(data)
	return public, err
}

// checkParams checks the params of a run against the driver of the job. A driver that this process does not have leaves it to the worker.
func (s *Service) checkParams(jobType string, params json.RawMessage) error {
	var schema json.RawMessage
	if d, ok := s.drivers.Driver(DriverJob, jobType); ok {
		schema = d.Info().ParamsSchema
	}
	return CheckParams(schema, params)
}
