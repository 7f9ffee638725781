package settings

// Read reads settings strictly; nil, empty and white space are the empty object. Faults inside a secret have the path of the secret.
func (s *Schema) Read(data []byte) (map[string]any, []Fault) {
	object, faults := Read(data, MaxBytes)
	for i := range faults {
		faults[i].Path = s.Hide(faults[i].Path)
	}
	return object, faults
}

// Check validates settings as they are written: strings with a placeholder are not checked against format, pattern, enum and length.
// An error that is no fault is one of the validator.
func (s *Schema) Check(data []byte) ([]Fault, error) {
	object, faults := s.Read(data)
	if len(faults) > 0 {
		return faults, nil
	}
	return s.written.check(object, s.secrets)
}

// CheckExpanded validates settings in which placeholders are replaced: all of the schema holds.
func (s *Schema) CheckExpanded(data []byte) ([]Fault, error) {
	object, faults := s.Read(data)
	if len(faults) > 0 {
		return faults, nil
	}
	return s.expanded.check(object, s.secrets)
}

// CheckParams is CheckExpanded for the params of a run, at most size bytes.
func (s *Schema) CheckParams(params []byte, size int) ([]Fault, error) {
	object, faults := Read(params, size)
	if len(faults) > 0 {
		return faults, nil
	}
	return s.expanded.check(object, s.secrets)
}
