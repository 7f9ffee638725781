package jobs

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/changes"
)

// ChangeKind says what happened to a value of a definition.
type ChangeKind = changes.Kind

// Kinds of changes. A moved action may be changed besides.
const (
	ChangeAdded   = changes.Added
	ChangeRemoved = changes.Removed
	ChangeChanged = changes.Changed
	ChangeMoved   = changes.Moved
)

// Change is one difference between two definitions of a job.
type Change struct {
	// Path is as the wire has it: "actions[1].data.to".
	Path string
	Kind ChangeKind
	// Before and After are JSON-like values; nil for none. Secrets are "***". Of an action that was moved they are its positions.
	Before, After any
	// Words is a sentence for people.
	Words string
}

// changesBetween lists what makes after of before, without values of secrets.
func changesBetween(before, after *Job) ([]Change, error) {
	old, err := documentOf(before)
	if err != nil {
		return nil, err
	}
	current, err := documentOf(after)
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, c := range changes.Between(old, current) {
		out = append(out, Change{Path: c.Path, Kind: c.Kind, Before: c.Before, After: c.After, Words: c.Words})
	}
	return out, nil
}

// note is what a new revision says of itself.
func (c *Client) note(before, after *Job) (RevisionNote, error) {
	list, err := changesBetween(before, after)
	if err != nil {
		return RevisionNote{}, err
	}
	note := RevisionNote{By: c.principal.User}
	for i, change := range list {
		if i == MaxNotedChanges-1 && len(list) > MaxNotedChanges {
			note.Changes = append(note.Changes, fmt.Sprintf("and %d more changes", len(list)-i))
			break
		}
		words := change.Words
		if utf8.RuneCountInString(words) > MaxNotedChange {
			words = string([]rune(words)[:MaxNotedChange-3]) + "..."
		}
		note.Changes = append(note.Changes, words)
	}
	return note, nil
}

// documentOf is a job as it is compared: what its revisions are about, with the names of the wire. A field of Definition that nobody thinks of
// here is compared under its stored name.
func documentOf(j *Job) (changes.Document, error) {
	d, err := looseJSON(&j.Definition)
	if err != nil {
		return nil, err
	}
	unwrap(d, "schedule")
	delete(d, "anchor")
	delete(d, "ensured")
	tidy(d, j.Secrets)
	if policies, ok := d["policies"].(map[string]any); ok {
		inSeconds(policies)
		if driver, ok := policies["driver"].(map[string]any); ok {
			inSeconds(driver)
		}
	}
	actions := changes.List{Noun: "action"}
	for i := range j.Actions {
		a, err := actionDocument(&j.Actions[i])
		if err != nil {
			return nil, err
		}
		actions.Entries = append(actions.Entries, changes.Entry{Key: string(j.Actions[i].ID), Title: j.Actions[i].Name, Value: a})
	}
	d["actions"] = actions
	datasets := changes.List{Noun: "dataset"}
	for i := range j.Datasets {
		a, err := looseJSON(&j.Datasets[i])
		if err != nil {
			return nil, err
		}
		tidy(a, nil)
		datasets.Entries = append(datasets.Entries, changes.Entry{Key: j.Datasets[i].Alias, Title: j.Datasets[i].Alias, Value: a})
	}
	d["datasets"] = datasets
	d["enabled"] = j.Enabled
	if !j.IsDraft() {
		d["slug"], d["ownerId"] = j.Slug, string(j.OwnerID)
	}
	return d, nil
}

func actionDocument(a *Action) (changes.Document, error) {
	d, err := looseJSON(a)
	if err != nil {
		return nil, err
	}
	unwrap(d, "step")
	tidy(d, a.Secrets)
	inSeconds(d)
	d["enabled"] = !a.Disabled
	delete(d, "disabled")
	if condition, ok := d["condition"]; ok {
		d["runConditions"] = changes.Whole{Value: condition}
		delete(d, "condition")
	}
	attachments := changes.List{Noun: "attachment"}
	for i := range a.Attachments {
		x := &a.Attachments[i]
		value, err := looseJSON(x)
		if err != nil {
			return nil, err
		}
		tidy(value, x.Secrets)
		if file, ok := value["file"].(map[string]any); ok {
			// The key is the server's alone; it tells new contents of the same name and size.
			value["file"] = changes.Whole{Value: map[string]any{
				"filename": file["name"], "contentType": file["contentType"], "size": file["size"], "updatedAt": file["updatedAt"],
			}}
		}
		attachments.Entries = append(attachments.Entries, changes.Entry{Key: string(x.ID), Title: x.Name, Value: value})
	}
	d["attachments"] = attachments
	return d, nil
}

func looseJSON(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	value, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("compare definitions: %T is no object", v)
	}
	return object, nil
}

// unwrap puts the members of an object in its place.
func unwrap(d map[string]any, name string) {
	inner, _ := d[name].(map[string]any)
	delete(d, name)
	for member, value := range inner {
		d[member] = value
	}
}

// tidy leaves out what no caller writes, and puts the secrets into the settings, where callers write them.
func tidy(d map[string]any, secrets Secrets) {
	for _, derived := range []string{"id", "originId", "idempotent", "createdAt", "updatedAt", "secrets"} {
		delete(d, derived)
	}
	for path, s := range secrets {
		data, ok := d["data"].(map[string]any)
		if !ok {
			data = map[string]any{}
			d["data"] = data
		}
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			inner, ok := data[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
				data[name] = inner
			}
			data = inner
		}
		data[names[len(names)-1]] = changes.Hidden{Seal: s.KeyID + " " + string(s.Sealed)}
	}
}

// inSeconds writes durations as the wire does.
func inSeconds(d map[string]any) {
	for _, name := range []string{"timeout", "retryDelay", "misfireGrace", "misfireWindow", "jitter"} {
		n, ok := d[name].(json.Number)
		if !ok {
			continue
		}
		delete(d, name)
		if ns, err := n.Int64(); err == nil {
			d[name+"Seconds"] = json.Number(fmt.Sprint(ns / 1e9))
		}
	}
}
