package jobs

import (
	"context"
	"encoding/json"
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
