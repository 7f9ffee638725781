package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

var settingsRules = []rule{
	{"good settings pass schema and Validate", goodSettings},
	{"bad settings are refused when they are written", badSettings},
	{"bad settings are a permanent error of a run", badSettingsInRun},
	{"questions about settings have an answer for any settings", anySettings},
}

// refuse is what a service asks when settings are written.
func refuse(d jobs.Driver, data json.RawMessage) error {
	rules, err := jobs.CompileSettings(d.Info())
	if err != nil {
		return err
	}
	if err := rules.Check(data); err != nil {
		return err
	}
	if v, ok := d.(jobs.Validator); ok {
		return v.Validate(data)
	}
	return nil
}

func goodSettings(_ context.Context, s Subject) error { return refuse(s.Driver, s.Good) }

func badSettings(_ context.Context, s Subject) error {
	if len(s.Bad) == 0 {
		return skip("the subject has no bad settings")
	}
	for name, data := range s.Bad {
		err := refuse(s.Driver, data)
		if err == nil {
			return fmt.Errorf("%s: %s is accepted", name, data)
		}
		if _, ok := errors.AsType[*jobs.ValidationError](err); !ok {
			return fmt.Errorf("%s: the fault is no *jobs.ValidationError: %w", name, err)
		}
	}
	return nil
}

func badSettingsInRun(ctx context.Context, s Subject) error {
	if len(s.Bad)+len(s.BadInRun) == 0 {
		return skip("the subject has no bad settings")
	}
	for _, group := range []map[string]json.RawMessage{s.Bad, s.BadInRun} {
		for name, data := range group {
			_, err := newStep(s, data).run(ctx, s.Driver)
			if kitErr := kitError(err); kitErr != nil {
				return fmt.Errorf("%s: %w", name, kitErr)
			}
			if err == nil {
				return fmt.Errorf("%s: the run succeeds with %s", name, data)
			}
			if !jobs.AdviceOf(err).Permanent {
				return fmt.Errorf("%s: the error is not permanent: %w", name, err)
			}
		}
	}
	if s.Effects != nil && len(s.Effects()) > 0 {
		return fmt.Errorf("bad settings had effects: %q", s.Effects())
	}
	return nil
}

// anySettings asks with settings that no schema has seen. A panic is the fault; try finds it.
func anySettings(_ context.Context, s Subject) error {
	for _, text := range []string{"", "null", "{}", "[]", `""`, "0", "{", `{"url":0}`, `{"":{"":[]}}`, string(s.Good)} {
		data := json.RawMessage(text)
		if v, ok := s.Driver.(jobs.Validator); ok {
			err := v.Validate(data)
			if _, typed := errors.AsType[*jobs.ValidationError](err); err != nil && !typed {
				return fmt.Errorf("Validate(%q): the fault is no *jobs.ValidationError: %w", text, err)
			}
		}
		if first := jobs.Idempotent(s.Driver, data); first != jobs.Idempotent(s.Driver, data) {
			return fmt.Errorf("two answers for whether a step with %q may be repeated", text)
		}
		if t, ok := s.Driver.(jobs.SecretTargets); ok {
			if first := t.SecretTarget(data); first != t.SecretTarget(data) {
				return fmt.Errorf("two targets for the secrets of %q", text)
			}
		}
	}
	return nil
}
