package jobs

import (
	"bytes"
	"encoding/json"
	"time"
)

// SetJobValues sets job.id, job.name, job.type and job.data of a run context (contract 7.2). Data holds no secrets.
func SetJobValues(values *RunContext, id ID, d *Definition) error {
	data, err := decodeJSON(d.Data)
	if err != nil {
		return err
	}
	return setAll(values, "job", map[string]any{"id": string(id), "name": d.Name, "type": d.Type, "data": data})
}

// SetRunValues sets run.trigger, run.startedAt and run.params of a run context (contract 7.2); run.status changes while the run goes on.
func SetRunValues(values *RunContext, trigger Trigger, startedAt time.Time, params json.RawMessage) error {
	decoded, err := decodeJSON(params)
	if err != nil {
		return err
	}
	return setAll(values, "run", map[string]any{
		"trigger": string(trigger), "startedAt": FormatTime(startedAt), "params": decoded,
	})
}

// SetStepValues sets status, error and data below a prefix: "driver", "previous" or "actions.<id>".
func SetStepValues(values *RunContext, prefix string, s *Step) error {
	var output any = map[string]any{}
	if len(s.Output) > 0 {
		var err error
		if output, err = decodeJSON(s.Output); err != nil {
			return err
		}
	}
	fields := map[string]any{"status": string(s.State), "data": output}
	if s.State == StepError || s.State == StepWarning {
		fields["error"] = s.Message
	} else {
		fields["error"] = nil
	}
	return setAll(values, prefix, fields)
}

// NamesDatasets reports whether placeholders of settings ask for values of datasets, which are read only then.
func NamesDatasets(data json.RawMessage) bool { return bytes.Contains(data, []byte("${datasets.")) }

// SetDatasetValues sets records and updatedAt of a dataset below "datasets.<alias>" (contract 7.2).
func SetDatasetValues(values *RunContext, alias string, d Dataset) error {
	fields := map[string]any{"records": d.Records, "updatedAt": nil}
	if !d.UpdatedAt.IsZero() {
		fields["updatedAt"] = FormatTime(d.UpdatedAt)
	}
	return setAll(values, "datasets."+alias, fields)
}

func setAll(values *RunContext, prefix string, fields map[string]any) error {
	for name, value := range fields {
		if err := values.Set(prefix+"."+name, value); err != nil {
			return err
		}
	}
	return nil
}

// ExpandData replaces the placeholders in the strings of settings (contract 6.1).
func ExpandData(data json.RawMessage, values Values, at time.Time, zone *time.Location) (json.RawMessage, error) {
	if !bytes.Contains(data, []byte("${")) {
		return data, nil
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	expanded, err := ExpandPlaceholders(value, values, at, zone)
	if err != nil {
		return nil, err
	}
	return json.Marshal(expanded)
}

// FormatTime writes a moment as the wire does: UTC with milliseconds (contract 1.8).
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Location is the zone of the schedule, UTC without one or with one that is unknown on this machine.
func (s Schedule) Location() *time.Location { return zoneOf(s.Timezone) }

func zoneOf(name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// decodeJSON reads a value and keeps numbers exact.
func decodeJSON(data json.RawMessage) (any, error) {
	if len(data) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}
