package jobs

import (
	"context"
	"maps"
	"slices"
	"time"
)

// copying says how the definition of one job becomes that of another one: a draft of its original, the original of its draft, a copy.
type copying struct {
	// from and to name tenant and job; the other fields are set here.
	from, to SecretRef
	// rename gives the id of the copy of an action. Two actions may not get one id.
	rename func(*Action) ActionID
	// origins: the copies say which actions and attachments they came from, as those of a draft do.
	origins bool
	// back: attachments of a draft get the ids that they came from, and new ones keep theirs.
	back bool
	// secrets says what becomes of the sealed values of one part. The Field of both references is the path of its settings.
	secrets func(ctx context.Context, from, to SecretRef, sealed Secrets) (Secrets, error)
	// at is when the actions were made; zero keeps the times that they have.
	at time.Time
}

// copyDefinition makes the definition of another job: actions get other ids, conditions and placeholders name those, and secrets are
// sealed anew or dropped, for they belong to one place (R62). What code said of the job (Ensured) belongs to that job and stays behind.
// d itself does not change, and shares nothing with the result that a caller may write to.
//
// A new field of Definition or Action has to be thought about here: TestCopyDefinition_Fields fails until it is listed.
func copyDefinition(ctx context.Context, d *Definition, c copying) (Definition, error) {
	out := *d
	out.Ensured = nil
	out.Datasets = copyAssociations(d.Datasets, c.at)
	out.Actions = slices.Clone(d.Actions)
	names := make(map[string]string, len(d.Actions))
	for i := range d.Actions {
		names[string(d.Actions[i].ID)] = string(c.rename(&d.Actions[i]))
	}
	var err error
	if out.Data, err = renameInData(slices.Clone(d.Data), names); err != nil {
		return Definition{}, err
	}
	if out.Secrets, err = c.move(ctx, "data", "data", d.Secrets); err != nil {
		return Definition{}, err
	}
	for i := range out.Actions {
		if out.Actions[i], err = copyAction(ctx, &d.Actions[i], names, c); err != nil {
			return Definition{}, err
		}
	}
	return out, nil
}

// copyAction makes the action of another job.
func copyAction(ctx context.Context, a *Action, names map[string]string, c copying) (Action, error) {
	out := *a
	out.ID, out.OriginID = ActionID(names[string(a.ID)]), ""
	if c.origins {
		out.OriginID = a.ID
	}
	out.Condition = a.Condition.Rewrite(names)
	var err error
	if out.Data, err = renameInData(slices.Clone(a.Data), names); err != nil {
		return Action{}, err
	}
	if out.Secrets, err = c.move(ctx, actionField(a.ID), actionField(out.ID), a.Secrets); err != nil {
		return Action{}, err
	}
	if out.Attachments, err = copyAttachments(ctx, a, out.ID, names, c); err != nil {
		return Action{}, err
	}
	if !c.at.IsZero() {
		out.CreatedAt, out.UpdatedAt = c.at, c.at
	}
	return out, nil
}

// copyAttachments makes the attachments of the copy of an action. A draft's have new ids and say where they came from; on the way back each
// gets the id that it had, so that its address stays. Uploaded contents are shared: they never change.
func copyAttachments(ctx context.Context, a *Action, action ActionID, names map[string]string, c copying) ([]Attachment, error) {
	var list []Attachment
	taken := map[AttachmentID]bool{}
	for _, x := range a.Attachments {
		out := x
		switch {
		case c.origins:
			out.ID, out.OriginID = NewAttachmentID(), x.ID
		case c.back && x.OriginID != "" && !taken[x.OriginID]:
			out.ID, out.OriginID = x.OriginID, ""
		case c.back && !taken[x.ID]:
			out.OriginID = ""
		default:
			out.ID, out.OriginID = NewAttachmentID(), ""
		}
		taken[out.ID] = true
		if x.File != nil {
			file := *x.File
			out.File = &file
		}
		var err error
		if out.Data, err = renameInData(slices.Clone(x.Data), names); err != nil {
			return nil, err
		}
		if out.Secrets, err = c.move(ctx, AttachmentField(a.ID, x.ID), AttachmentField(action, out.ID), x.Secrets); err != nil {
			return nil, err
		}
		if !c.at.IsZero() {
			out.CreatedAt, out.UpdatedAt = c.at, c.at
		}
		list = append(list, out)
	}
	return list, nil
}

// move brings the secrets of one part to their new place.
func (c copying) move(ctx context.Context, from, to string, sealed Secrets) (Secrets, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	source, target := c.from, c.to
	source.Field, target.Field = from, to
	moved, err := c.secrets(ctx, source, target, maps.Clone(sealed))
	if err != nil || len(moved) == 0 {
		return nil, err
	}
	return moved, nil
}

// reseal is a copying.secrets that seals every value for its new place.
func (s *Service) reseal(ctx context.Context, from, to SecretRef, sealed Secrets) (Secrets, error) {
	return ResealSettings(ctx, s.vault, from, to, sealed)
}

// dropSecrets is a copying.secrets for copies, which carry none (R45).
func dropSecrets(context.Context, SecretRef, SecretRef, Secrets) (Secrets, error) { return nil, nil }

// newActionIDs gives every action a new id, the same one whenever it is asked.
func newActionIDs() func(*Action) ActionID {
	given := map[ActionID]ActionID{}
	return func(a *Action) ActionID {
		if given[a.ID] == "" {
			given[a.ID] = NewActionID()
		}
		return given[a.ID]
	}
}

// sealed are all secrets of a definition by the field to which each is sealed: "data.secret", "actions.<id>.data.token".
func (d *Definition) sealed() map[string]SealedSecret {
	all := map[string]SealedSecret{}
	add := func(field string, secrets Secrets) {
		for path, s := range secrets {
			all[JoinPath(field, path)] = s
		}
	}
	add("data", d.Secrets)
	for i := range d.Actions {
		a := &d.Actions[i]
		add(actionField(a.ID), a.Secrets)
		for k := range a.Attachments {
			add(AttachmentField(a.ID, a.Attachments[k].ID), a.Attachments[k].Secrets)
		}
	}
	return all
}
