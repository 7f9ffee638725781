package drivertest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

var secretRules = []rule{
	{"secrets show in no output, message, error, log or preview", secretsHidden},
}

func secretsHidden(ctx context.Context, s Subject) error {
	info := s.Driver.Info()
	var shown []string // what people and programs may read
	secrets := map[string]bool{}
	rules, err := jobs.CompileSettings(info)
	if err != nil {
		return err
	}
	look := func(data json.RawMessage) error {
		for _, secret := range secretsOf(rules, data) {
			secrets[secret] = true
		}
		st := newStep(s, data)
		output, err := st.run(ctx, s.Driver)
		if kitErr := kitError(err); kitErr != nil {
			return kitErr
		}
		text, jsonErr := json.Marshal(output.Data)
		if jsonErr != nil {
			return jsonErr
		}
		shown = append(shown, string(text), output.Message, fmt.Sprint(err), st.log.String())
		if info.Preview {
			preview, err := s.Driver.(jobs.Previewer).Preview(ctx, newStep(s, data).task)
			text, jsonErr := json.Marshal(preview)
			if jsonErr != nil {
				return jsonErr
			}
			shown = append(shown, string(text), fmt.Sprint(err))
		}
		return nil
	}
	if err := look(s.Good); err != nil {
		return err
	}
	for _, failure := range s.Failures {
		if err := look(failure.Data); err != nil {
			return err
		}
	}
	for _, group := range []map[string]json.RawMessage{s.Bad, s.BadInRun} {
		for _, data := range group {
			if err := look(data); err != nil {
				return err
			}
			shown = append(shown, fmt.Sprint(refuse(s.Driver, data)))
		}
	}
	if len(secrets) == 0 {
		return skip("the settings have no secrets of at least 6 bytes")
	}
	for _, text := range shown {
		for secret := range secrets {
			if strings.Contains(text, secret) {
				return fmt.Errorf("a secret shows in %q", text)
			}
		}
	}
	return nil
}

// secretsOf collects the texts of the secrets in settings. Short ones would be found in ordinary text.
func secretsOf(rules *jobs.Settings, data json.RawMessage) []string {
	_, secrets, err := rules.Split(data)
	if err != nil {
		return nil // bad settings need not be JSON
	}
	var found []string
	for _, text := range secrets {
		var value any
		if json.Unmarshal(text, &value) == nil { // Split writes JSON
			found = append(found, texts(value)...)
		}
	}
	return found
}

func texts(value any) []string {
	var found []string
	switch v := value.(type) {
	case string:
		if len(v) >= jobs.MinRedactedSecret {
			found = append(found, v)
		}
	case []any:
		for _, item := range v {
			found = append(found, texts(item)...)
		}
	case map[string]any:
		for _, member := range v {
			found = append(found, texts(member)...)
		}
	}
	return found
}
