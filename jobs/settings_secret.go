package jobs

import (
	"encoding/json"

	"github.com/carillon-go/carillon/jobs/internal/settings"
)

// Split takes the secrets out of settings: public is what may be stored and returned, secrets are the values of the writeOnly
// properties by their path. A secret that is null is in neither. A secret with a placeholder is refused (R47): what it would become
// could be chosen by whoever writes the values of a run. Both results are canonical: names sorted, digits kept.
func (s *Settings) Split(data json.RawMessage) (public json.RawMessage, secrets map[string]json.RawMessage, err error) {
	object, faults := s.schema.Read(data)
	if len(faults) > 0 {
		return nil, nil, invalidOf(faults)
	}
	values, faults := s.schema.Take(object)
	if len(faults) > 0 {
		return nil, nil, invalidOf(faults)
	}
	secrets = map[string]json.RawMessage{}
	for path, value := range values {
		if value == nil {
			continue
		}
		if secrets[path], err = writeJSON(value); err != nil {
			return nil, nil, err
		}
	}
	public, err = writeJSON(object)
	return public, secrets, err
}

// Merge puts secrets back into settings, the inverse of Split. It makes the objects above a secret that are missing; something
// else in their place is a *ValidationError.
func (s *Settings) Merge(public json.RawMessage, secrets map[string]json.RawMessage) (json.RawMessage, error) {
	return mergeSecrets(public, secrets)
}

func mergeSecrets(public json.RawMessage, secrets map[string]json.RawMessage) (json.RawMessage, error) {
	object, faults := settings.Read(public, MaxSettings)
	if len(faults) == 0 {
		faults = settings.Put(object, secrets)
	}
	if len(faults) > 0 {
		return nil, invalidOf(faults)
	}
	return writeJSON(object)
}
