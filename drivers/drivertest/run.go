package drivertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

var runRules = []rule{
	{"a run with good settings succeeds", succeeds},
	{"a run leaves its task as it was", taskUnchanged},
	{"two attempts of a step show the same key, two steps do not", sameKey},
	{"runs at the same time do not disturb each other", concurrent},
	{"a cancelled run ends soon, with an error", cancelled},
	{"an error says whether another try makes sense", advice},
}

// atOnce is how many runs the rule about concurrency starts.
const atOnce = 8

func succeeds(ctx context.Context, s Subject) error {
	output, err := newStep(s, s.Good).run(ctx, s.Driver)
	if err != nil {
		return err
	}
	if strings.ContainsAny(output.Message, "\r\n") {
		return fmt.Errorf("the message has more than one line: %q", output.Message)
	}
	return jsonWithin(output.Data)
}

// jsonWithin checks what the engine does with an output: it writes it as JSON of limited size.
func jsonWithin(data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("the output is not JSON: %w", err)
	}
	if len(text) > jobs.MaxStepOutput {
		return fmt.Errorf("the output has %d bytes; at most %d are allowed", len(text), jobs.MaxStepOutput)
	}
	return nil
}

func taskUnchanged(ctx context.Context, s Subject) error {
	st := newStep(s, s.Good)
	data, params := bytes.Clone(st.task.Data), bytes.Clone(st.task.Params)
	if _, err := st.run(ctx, s.Driver); err != nil {
		return err
	}
	if !bytes.Equal(data, st.task.Data) || !bytes.Equal(params, st.task.Params) {
		return errors.New("the driver wrote into the settings or params of its task")
	}
	return nil
}

func sameKey(ctx context.Context, s Subject) error {
	first, second := newStep(s, s.Good), newStep(s, s.Good)
	for _, st := range []*step{first, second} {
		if _, err := st.run(ctx, s.Driver); err != nil {
			return err
		}
	}
	first.again()
	if _, err := first.run(ctx, s.Driver); err != nil {
		return fmt.Errorf("second attempt: %w", err)
	}
	if s.Effects == nil {
		return skip("the effects of this driver cannot be counted")
	}
	got, want := s.Effects(), []string{first.task.Key, second.task.Key, first.task.Key}
	// An effect that is recognised as repeated may be left out.
	if !slices.Equal(got, want) && !slices.Equal(got, want[:2]) {
		return fmt.Errorf("the keys of the effects are %q, want %q", got, want)
	}
	return nil
}

func concurrent(ctx context.Context, s Subject) error {
	var want []string
	var all []<-chan outcome
	for range atOnce {
		st := newStep(s, s.Good)
		want = append(want, st.task.Key)
		all = append(all, st.start(ctx, s.Driver))
	}
	deadline := time.After(Patience)
	for _, ended := range all {
		select {
		case o := <-ended:
			if o.err != nil {
				return o.err
			}
			if err := jsonWithin(o.output.Data); err != nil {
				return err
			}
		case <-deadline:
			return errDeaf
		}
	}
	if s.Effects == nil {
		return nil
	}
	got := s.Effects()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%d runs at once had the effects %q, want %q", atOnce, got, want)
	}
	return nil
}

func cancelled(ctx context.Context, s Subject) error {
	if s.Wait == nil {
		return skip("runs of this driver never wait")
	}
	waiting := s.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := newStep(s, waiting.Data).start(ctx, s.Driver)
	select {
	case <-waiting.Entered:
	case o := <-ended:
		return fmt.Errorf("the run did not wait: %w", orSuccess(o.err))
	case <-time.After(Patience):
		return errors.New("the run did not begin to wait")
	}
	cancel(jobs.ErrCanceled)
	select {
	case o := <-ended:
		if o.err == nil {
			return errors.New("a run that was cancelled while it waited reports success")
		}
		return kitError(o.err)
	case <-time.After(Patience):
		return errDeaf
	}
}

func orSuccess(err error) error {
	if err == nil {
		return errors.New("it succeeded")
	}
	return err
}

func advice(ctx context.Context, s Subject) error {
	if len(s.Failures) == 0 {
		return skip("the subject knows no way to fail")
	}
	for name, failure := range s.Failures {
		_, err := newStep(s, failure.Data).run(ctx, s.Driver)
		if kitErr := kitError(err); kitErr != nil {
			return fmt.Errorf("%s: %w", name, kitErr)
		}
		if err == nil {
			return fmt.Errorf("%s: the run succeeds", name)
		}
		if got := jobs.AdviceOf(err); got != failure.Want {
			return fmt.Errorf("%s: the error says %+v, want %+v: %w", name, got, failure.Want, err)
		}
	}
	return nil
}
