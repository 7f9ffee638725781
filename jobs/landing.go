package jobs

import (
	"bytes"
	"context"
	"reflect"
	"time"
)

// landing is a draft on its way back to its original.
type landing struct {
	draft, original *Job
	// made is the draft as it was made, source the revision of the original that it was copied from.
	made, source *Definition
}

// landing reads what a draft has to be compared with. The store keeps both as long as there is the draft.
func (c *Client) landing(ctx context.Context, original, draft *Job) (*landing, error) {
	made, err := c.service.store.Definition(ctx, draft.Tenant, draft.ID, 1)
	if err != nil {
		return nil, err
	}
	source, err := c.service.store.Definition(ctx, draft.Tenant, original.ID, draft.Base.Source)
	if err != nil {
		return nil, err
	}
	return &landing{draft: draft, original: original, made: made, source: source}, nil
}

// handedOver tells that the original has another owner than when the draft was made.
func (l *landing) handedOver() bool { return l.draft.Base.OwnerID != l.original.OwnerID }

// enabled is what the original becomes: the draft decides only if it was switched there, and not against a hand-over (R45).
func (l *landing) enabled() bool {
	if l.draft.Enabled == l.draft.Base.Enabled || l.handedOver() {
		return l.original.Enabled
	}
	return l.draft.Enabled
}

// mover is a copying.secrets.
type mover func(ctx context.Context, from, to SecretRef, sealed Secrets) (Secrets, error)

// definition is the definition of the original after the commit. Actions get the ids that they came from, so that links from the history stay
// valid; new ones keep the id that they have in the draft. What is as it is in the original keeps its time of change.
//
// A secret that nobody has entered anew in the draft comes from the revision that the draft was made from, as it is sealed there, so that it
// is the same secret and no new one; after a hand-over it is dropped, for it is the former owner's (R45). Others go through move.
func (l *landing) definition(ctx context.Context, at time.Time, move mover) (Definition, error) {
	place := SecretRef{Tenant: l.draft.Tenant}
	from, to := place, place
	from.Job, to.Job = l.draft.ID, l.original.ID
	made, source := l.made.sealed(), l.source.sealed()
	out, err := copyDefinition(ctx, &l.draft.Definition, copying{
		from: from, to: to, rename: homeIDs(&l.draft.Definition), back: true,
		secrets: func(ctx context.Context, from, to SecretRef, sealed Secrets) (Secrets, error) {
			kept, entered := Secrets{}, Secrets{}
			for path, s := range sealed {
				before, was := made[JoinPath(from.Field, path)]
				stored, is := source[JoinPath(to.Field, path)]
				switch inherited := was && sameSeal(before, s); {
				case inherited && l.handedOver():
				case inherited && is && stored.Target == s.Target:
					kept[path] = stored
				default:
					entered[path] = s
				}
			}
			moved, err := move(ctx, from, to, entered)
			for path, s := range moved {
				kept[path] = s
			}
			return kept, err
		},
	})
	if err != nil {
		return Definition{}, err
	}
	out.Ensured = l.original.Ensured
	if sameSchedule(out.Schedule, l.original.Schedule) {
		out.Schedule = l.original.Schedule
	} else if !out.Schedule.byHand() {
		out.Schedule.Anchor = at
	}
	l.keepTimes(&out, at)
	return out, nil
}

// keepMoved is a mover for a plan, which stores nothing: what was entered stays sealed as it is.
func keepMoved(_ context.Context, _, _ SecretRef, sealed Secrets) (Secrets, error) {
	return sealed, nil
}

func sameSeal(a, b SealedSecret) bool { return a.KeyID == b.KeyID && bytes.Equal(a.Sealed, b.Sealed) }

// homeIDs gives the actions of a draft the ids that they have in the original. Of two that came from one action, the first gets its id.
func homeIDs(d *Definition) func(*Action) ActionID {
	ids, taken := map[ActionID]ActionID{}, map[ActionID]bool{}
	for i := range d.Actions {
		a := &d.Actions[i]
		id := a.OriginID
		if id == "" || taken[id] {
			id = a.ID
		}
		ids[a.ID], taken[id] = id, true
	}
	return func(a *Action) ActionID { return ids[a.ID] }
}

// keepTimes sets when the parts of the new definition were made and changed: what differs from the original is changed now.
func (l *landing) keepTimes(d *Definition, at time.Time) {
	for i := range d.Actions {
		a := &d.Actions[i]
		old, _, ok := l.original.Action(a.ID)
		if !ok {
			a.CreatedAt, a.UpdatedAt = at, at
			for k := range a.Attachments {
				a.Attachments[k].CreatedAt, a.Attachments[k].UpdatedAt = at, at
			}
			continue
		}
		for k := range a.Attachments {
			x := &a.Attachments[k]
			before, _, ok := old.Attachment(x.ID)
			if !ok {
				x.CreatedAt, x.UpdatedAt = at, at
				continue
			}
			if x.CreatedAt, x.UpdatedAt = before.CreatedAt, before.UpdatedAt; !sameAttachment(x, before) {
				x.UpdatedAt = at
			}
		}
		if a.CreatedAt, a.UpdatedAt = old.CreatedAt, old.UpdatedAt; !sameAction(a, old) {
			a.UpdatedAt = at
		}
	}
	for i := range d.Datasets {
		a := &d.Datasets[i]
		before, _, ok := l.original.Association(a.Alias)
		if !ok {
			a.CreatedAt, a.UpdatedAt = at, at
			continue
		}
		if a.CreatedAt, a.UpdatedAt = before.CreatedAt, before.UpdatedAt; !reflect.DeepEqual(a, before) {
			a.UpdatedAt = at
		}
	}
}
