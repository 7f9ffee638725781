package jobs

import (
	"context"
	"slices"
	"time"
)

// Reorder is a new order of the parts of a job (contract 6.7). Nil leaves a list as it is; at least one is needed.
type Reorder struct {
	// Actions are all actions of the job, Datasets all aliases.
	Actions  []ActionID
	Datasets []string
}

// Reorder puts actions and datasets of a job in another order. A list that is not the full set, and an order in which a condition would
// refer to a later action, are a *ValidationError.
func (c *Client) Reorder(ctx context.Context, ref JobRef, r Reorder) (*Job, error) {
	return c.change(ctx, ref, Precondition{}, func(j *Job, at time.Time) error {
		var f Faults
		if r.Actions == nil && r.Datasets == nil {
			f.Add("actions", "or datasets is required")
			return f.Err()
		}
		actions := ordered(&f, "actions", j.Actions, r.Actions, func(a *Action) ActionID { return a.ID })
		datasets := ordered(&f, "datasets", j.Datasets, r.Datasets, func(a *Association) string { return a.Alias })
		if err := f.Err(); err != nil {
			return err
		}
		for i := range actions {
			if actions[i].ID != j.Actions[i].ID {
				actions[i].UpdatedAt = at // index is a field of it
			}
		}
		for i := range datasets {
			if datasets[i].Alias != j.Datasets[i].Alias {
				datasets[i].UpdatedAt = at
			}
		}
		j.Actions, j.Datasets = actions, datasets
		return checkConditions(&j.Definition, func(int) string { return "actions" })
	})
}

// ordered gives a list in the order of its ids; nil ids keep it as it is. The result is a list of its own.
func ordered[T any, K comparable](f *Faults, path string, list []T, ids []K, id func(*T) K) []T {
	if ids == nil {
		return slices.Clone(list)
	}
	out := make([]T, 0, len(list))
	seen := make(map[K]bool, len(ids))
	for i, want := range ids {
		at := slices.IndexFunc(list, func(x T) bool { return id(&x) == want })
		switch {
		case seen[want]:
			f.Add(indexPath(path, i), "is there twice")
		case at < 0:
			f.Add(indexPath(path, i), "is none of this job")
		default:
			out = append(out, list[at])
		}
		seen[want] = true
	}
	if len(out) == len(ids) && len(out) != len(list) {
		f.Add(path, "has %d of %d; all are needed", len(out), len(list))
	}
	if len(list) == 0 {
		return nil
	}
	return out
}
