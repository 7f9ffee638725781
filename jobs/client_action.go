package jobs

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Actions gives the job, whose Actions are in their order.
func (c *Client) Actions(ctx context.Context, ref JobRef) (*Job, error) { return c.readable(ctx, ref) }

// Action reads one action with its job and its index.
func (c *Client) Action(ctx context.Context, ref JobRef, id ActionID) (*Job, int, error) {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return nil, 0, err
	}
	_, i, ok := j.Action(id)
	if !ok {
		return nil, 0, NotFound("action")
	}
	return j, i, nil
}

// AddAction adds an action to a job (contract 6.3) and gives the job with the new action's index.
func (c *Client) AddAction(ctx context.Context, ref JobRef, spec ActionSpec) (*Job, int, error) {
	id := NewActionID()
	j, err := c.change(ctx, ref, Precondition{}, func(j *Job, at time.Time) error {
		var f Faults
		index := len(j.Actions)
		if spec.Index != nil {
			index = *spec.Index
			checkRange(&f, "index", index, 0, len(j.Actions))
		}
		a, err := c.buildAction(ctx, j, id, spec, nil, at)
		if err := f.Merge("", err); err != nil {
			return err
		}
		if err := f.Err(); err != nil {
			return err
		}
		if len(j.Actions) >= MaxActions {
			return Conflict("the job has %d actions already", MaxActions)
		}
		j.Actions = slices.Insert(j.Actions, index, a)
		return checkConditions(&j.Definition, func(i int) string { return ifIndex(i == index, "runConditions", conditionPath(i)) })
	})
	return withAction(j, id, err)
}

// UpdateAction changes an action partially (contract 6.5) and gives the job with the action's index.
func (c *Client) UpdateAction(ctx context.Context, ref JobRef, id ActionID, patch ActionPatch, expect Precondition) (*Job, int, error) {
	j, err := c.change(ctx, ref, Precondition{}, func(j *Job, at time.Time) error {
		_, i, ok := j.Action(id)
		if !ok {
			return NotFound("action")
		}
		old := j.Actions[i]
		a, index, err := c.patchAction(ctx, j, i, patch)
		if err != nil {
			return err
		}
		j.Actions = slices.Insert(slices.Delete(j.Actions, i, i+1), index, a)
		// Only a condition that this patch brings can be wrong by itself; one that is stored became wrong by the move.
		brings := patch.RunConditions.Set
		if err := checkConditions(&j.Definition, func(k int) string { return ifIndex(brings && k == index, "runConditions", "index") }); err != nil {
			return err
		}
		if !expect.UpdatedAt.IsZero() && !expect.UpdatedAt.Equal(old.UpdatedAt) {
			return ErrPrecondition
		}
		if index != i || !sameAction(&old, &a) {
			j.Actions[index].UpdatedAt = at
		}
		return nil
	})
	return withAction(j, id, err)
}

// DeleteAction removes an action (contract 6.6). One that a condition of another action names is a *ConflictError.
func (c *Client) DeleteAction(ctx context.Context, ref JobRef, id ActionID, expect Precondition) error {
	_, err := c.change(ctx, ref, Precondition{}, func(j *Job, _ time.Time) error {
		_, i, ok := j.Action(id)
		if !ok {
			return NotFound("action")
		}
		if !expect.UpdatedAt.IsZero() && !expect.UpdatedAt.Equal(j.Actions[i].UpdatedAt) {
			return ErrPrecondition
		}
		var users []string
		for k := range j.Actions {
			if k != i && j.Actions[k].Condition != nil && slices.Contains(j.Actions[k].Condition.Actions(), string(id)) {
				users = append(users, string(j.Actions[k].ID))
			}
		}
		if users != nil {
			return &ConflictError{
				Reason: "a run condition of another action names this action", Data: map[string]any{"jobActionIds": users},
			}
		}
		j.Actions = slices.Delete(j.Actions, i, i+1)
		return nil
	})
	return err
}

func withAction(j *Job, id ActionID, err error) (*Job, int, error) {
	if err != nil {
		return nil, 0, err
	}
	_, i, ok := j.Action(id)
	if !ok {
		return nil, 0, NotFound("action") // somebody removed it after our change
	}
	return j, i, nil
}

func ifIndex(same bool, own, other string) string {
	if same {
		return own
	}
	return other
}

func sameAction(a, b *Action) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
