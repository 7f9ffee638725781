package jobs

import (
	"context"
	"strings"
	"time"
)

// buildAttachments makes the attachments of a new action; paths of faults are relative to the action. One with the name and type of an old
// attachment takes its place: id, secrets and uploaded contents stay.
func (c *Client) buildAttachments(ctx context.Context, f *Faults, j *Job, a *Action, specs []AttachmentSpec, old []Attachment, at time.Time) error {
	if len(specs) == 0 {
		return nil
	}
	if len(specs) > MaxAttachments {
		f.Add("attachments", "has %d entries; at most %d", len(specs), MaxAttachments)
		return nil
	}
	if !c.takesAttachments(a.Type) {
		f.Add("attachments", "cannot be given: the action driver %q takes none", a.Type)
		return nil
	}
	used := map[AttachmentID]bool{}
	for i, spec := range specs {
		path := indexPath("attachments", i)
		if spec.Index != nil && *spec.Index != i {
			f.Add(path+".index", "is %d; attachments of a new action are in their order", *spec.Index)
		}
		before := attachmentBefore(old, used, spec)
		if before != nil {
			used[before.ID] = true
		}
		x, err := c.buildAttachment(ctx, j, a.ID, spec, before, at)
		if err := f.Merge(path, err); err != nil {
			return err
		}
		a.Attachments = append(a.Attachments, x)
	}
	return nil
}

// takesAttachments reports whether an action driver does. One that this process does not have is refused by the check of the type.
func (c *Client) takesAttachments(action string) bool {
	d, ok := c.service.drivers.Driver(DriverAction, action)
	return !ok || d.Info().Attachments
}

// attachmentBefore finds the first old attachment that a spec stands for and that no other spec has taken; nil if there is none.
func attachmentBefore(old []Attachment, used map[AttachmentID]bool, spec AttachmentSpec) *Attachment {
	for i := range old {
		if a := &old[i]; a.Type == spec.Type && a.Name == strings.TrimSpace(spec.Name) && !used[a.ID] {
			return a
		}
	}
	return nil
}

// buildAttachment makes one attachment, new or in the place of another one; paths of faults are relative to it.
func (c *Client) buildAttachment(
	ctx context.Context, j *Job, action ActionID, spec AttachmentSpec, before *Attachment, at time.Time,
) (Attachment, error) {
	var f Faults
	a := Attachment{ID: NewAttachmentID(), Type: spec.Type, CreatedAt: at, UpdatedAt: at}
	if before != nil {
		a.ID, a.OriginID, a.File, a.CreatedAt = before.ID, before.OriginID, before.File, before.CreatedAt
	}
	a.Name = checkName(&f, spec.Name)
	change := settingsChange{
		kind: DriverAttachment, driver: spec.Type, ref: j.secretRef(AttachmentField(action, a.ID)), data: spec.Data,
	}
	if before != nil {
		change.old, change.secrets, change.keepSame = before.Data, before.Secrets, true
	}
	settings, err := c.service.change(ctx, change)
	if err := f.Merge("", err); err != nil {
		return Attachment{}, err
	}
	a.Data, a.Secrets = settings.data, settings.secrets
	if before != nil {
		// Written again as it is stored, it is not changed.
		same := a
		if same.UpdatedAt = before.UpdatedAt; sameAttachment(&same, before) {
			a = same
		}
	}
	return a, f.Err()
}

// patchAttachment applies a patch to the attachment at i of an action and gives its new index.
func (c *Client) patchAttachment(ctx context.Context, j *Job, action *Action, i int, p AttachmentPatch) (Attachment, int, error) {
	var f Faults
	a := action.Attachments[i]
	if p.Type.Set && (p.Type.Null || p.Type.Value != a.Type) {
		f.Add("type", "cannot be changed; it is %q", a.Type)
	}
	if name := required(&f, "name", p.Name, a.Name); p.Name.Set && !p.Name.Null {
		a.Name = checkName(&f, name)
	}
	index := required(&f, "index", p.Index, i)
	checkRange(&f, "index", index, 0, len(action.Attachments)-1)
	if data := required(&f, "data", p.Data, nil); data != nil {
		settings, err := c.service.change(ctx, settingsChange{
			kind: DriverAttachment, driver: a.Type, ref: j.secretRef(AttachmentField(action.ID, a.ID)), data: data,
			patch: true, old: a.Data, secrets: a.Secrets,
		})
		if err := f.Merge("", err); err != nil {
			return Attachment{}, 0, err
		}
		a.Data, a.Secrets = settings.data, settings.secrets
	}
	return a, index, f.Err()
}
