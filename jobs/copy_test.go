package jobs_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// What becomes of each field of a definition and of an action when it is copied to another job. A field that is not here fails the test:
// whoever adds one decides, and puts it into copyDefinition if it holds an id of an action, a secret, or something that can be written to.
var (
	copiedFields = map[string]string{
		"Type": "same", "Name": "same", "Description": "same", "Schedule": "same", "Policies": "same", "Idempotent": "same",
		"Data": "names actions anew", "Secrets": "sealed anew", "Actions": "made anew", "Datasets": "made anew", "Ensured": "left behind",
	}
	copiedActionFields = map[string]string{
		"ID": "new", "OriginID": "the old id", "Type": "same", "Name": "same", "Disabled": "same", "OnError": "same", "Step": "same",
		"Idempotent": "same", "Data": "names actions anew", "Condition": "names actions anew", "Secrets": "sealed anew",
		"CreatedAt": "new", "UpdatedAt": "new", "Attachments": "made anew",
	}
	copiedAttachmentFields = map[string]string{
		"ID": "new", "OriginID": "the old id", "Type": "same", "Name": "same", "Data": "names actions anew", "Secrets": "sealed anew",
		"File": "same", "CreatedAt": "new", "UpdatedAt": "new",
	}
)

// copyWorld is a service with secrets, and a definition with a value in every field.
func copyWorld(t *testing.T) (*jobs.Service, *jobs.Definition) {
	t.Helper()
	service := newHouse(t).service
	first, second := jobs.NewActionID(), jobs.NewActionID()
	condition, err := jobs.ParseCondition(json.RawMessage(`{"match":"all","rules":[{"field":"actions.` + string(first) + `.status","operator":"eq","value":"success"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	naming := func(text string) json.RawMessage {
		return json.RawMessage(`{"text":"` + text + ` <b> ${actions.` + string(first) + `.data.x}"}`)
	}
	made := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	action := func(id jobs.ActionID) jobs.Action {
		field, attachment := "actions."+string(id)+".data.token", jobs.NewAttachmentID()
		return jobs.Action{
			ID: id, OriginID: jobs.NewActionID(), Type: "post", Name: "Post", Disabled: true, Data: naming("a"), Condition: condition,
			Secrets: jobs.Secrets{"token": sealFor(t, service.Vault(), field, "a.example")},
			Attachments: []jobs.Attachment{{
				ID: attachment, OriginID: jobs.NewAttachmentID(), Type: "file", Name: "a.csv", Data: naming("x"), CreatedAt: made, UpdatedAt: made,
				Secrets: jobs.Secrets{"token": sealFor(t, service.Vault(), jobs.AttachmentField(id, attachment)+".token", "c.example")},
				File:    &jobs.File{Key: jobs.NewBlobKey(), Name: "a.csv", ContentType: "text/csv", Size: 3, UpdatedAt: made},
			}},
			OnError: jobs.OnErrorWarn, Step: jobs.DefaultStepPolicy(), Idempotent: true, CreatedAt: made, UpdatedAt: made,
		}
	}
	return service, &jobs.Definition{
		Type: "count", Name: "Stock", Description: "Counts", Schedule: jobs.Schedule{Interval: "1 day", IntervalType: jobs.IntervalSimple, Anchor: made},
		Data: naming("j"), Secrets: jobs.Secrets{"secret": sealFor(t, service.Vault(), "data.secret", "b.example")},
		Actions: []jobs.Action{action(first), action(second)}, Policies: jobs.DefaultPolicies(), Idempotent: true,
		Ensured: map[string]string{"name": "x"},
		Datasets: []jobs.Association{{
			Alias: "stock", DatasetID: "globex:stock", CreatedAt: made, UpdatedAt: made,
			Snapshots: &jobs.SnapshotPolicy{When: jobs.SnapshotBoth, Datasets: []jobs.DatasetID{"globex:stock", "globex:orders"}, Keep: 3},
		}},
	}
}

func sealFor(t *testing.T, v *jobs.Vault, field, target string) jobs.SealedSecret {
	t.Helper()
	sealed, err := v.Seal(t.Context(), jobs.SecretRef{Tenant: "globex", Job: "old", Field: field, Target: target}, []byte(`"`+secretCanary+`"`))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestCopyDefinition_Fields(t *testing.T) {
	service, d := copyWorld(t)
	before, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	got, err := service.CopyDefinition(t.Context(), d, "globex", "old", "new", at)
	if err != nil {
		t.Fatal(err)
	}
	compareFields(t, "Definition", copiedFields, reflect.ValueOf(*d), reflect.ValueOf(got))
	for i := range d.Actions {
		compareFields(t, "Action", copiedActionFields, reflect.ValueOf(d.Actions[i]), reflect.ValueOf(got.Actions[i]))
		old, copied := d.Actions[i].Attachments[0], got.Actions[i].Attachments[0]
		compareFields(t, "Attachment", copiedAttachmentFields, reflect.ValueOf(old), reflect.ValueOf(copied))
		if copied.OriginID != old.ID || !copied.CreatedAt.Equal(at) || old.File == copied.File {
			t.Errorf("attachment of action %d: origin %s, made %s, file shared: %t", i, copied.OriginID, copied.CreatedAt, old.File == copied.File)
		}
		if got.Actions[i].OriginID != d.Actions[i].ID || !got.Actions[i].CreatedAt.Equal(at) || !got.Actions[i].UpdatedAt.Equal(at) {
			t.Errorf("action %d: origin %s, times %s, %s", i, got.Actions[i].OriginID, got.Actions[i].CreatedAt, got.Actions[i].UpdatedAt)
		}
	}
	if got.Ensured != nil {
		t.Errorf("what code ensured went along: %v", got.Ensured)
	}
	after, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the definition that was copied has changed (-before +after):\n%s", diff)
	}
}

// compareFields holds that every field is filled in the fixture, is listed, and is the same or is not, as the list says.
func compareFields(t *testing.T, what string, list map[string]string, before, after reflect.Value) {
	t.Helper()
	for field := range before.Type().Fields() {
		rule, old, copied := list[field.Name], before.FieldByIndex(field.Index), after.FieldByIndex(field.Index)
		switch {
		case rule == "":
			t.Errorf("nobody has decided what becomes of %s.%s in a copy: see copyDefinition", what, field.Name)
		case old.IsZero():
			t.Errorf("the fixture has no %s.%s", what, field.Name)
		case rule == "same" != reflect.DeepEqual(old.Interface(), copied.Interface()):
			t.Errorf("%s.%s (%s): %v became %v", what, field.Name, rule, old, copied)
		case copied.Kind() == reflect.Slice && copied.Len() > 0 && old.Pointer() == copied.Pointer(),
			copied.Kind() == reflect.Map && copied.Len() > 0 && old.Pointer() == copied.Pointer():
			t.Errorf("%s.%s is shared with the original", what, field.Name)
		}
	}
}

func TestCopyDefinition_NamesNothingOld(t *testing.T) {
	service, d := copyWorld(t)
	got, err := service.CopyDefinition(t.Context(), d, "globex", "old", "new", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Actions {
		got.Actions[i].OriginID, got.Actions[i].Attachments[0].OriginID = "", ""
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Actions {
		if strings.Contains(string(text), string(d.Actions[i].ID)) {
			t.Errorf("the copy names action %d by its old id: %s", i, text)
		}
		if strings.Contains(string(text), string(d.Actions[i].Attachments[0].ID)) {
			t.Errorf("the copy names the attachment of action %d by its old id: %s", i, text)
		}
	}
	if want := "${actions." + string(got.Actions[0].ID) + ".data.x}"; strings.Count(string(text), want) != 5 {
		t.Errorf("the placeholders are not %s: %s", want, text)
	}
	if names := got.Actions[1].Condition.Actions(); len(names) != 1 || names[0] != string(got.Actions[0].ID) {
		t.Errorf("the condition names %v, want %s", names, got.Actions[0].ID)
	}
	if strings.Contains(string(got.Data), `\u003c`) {
		t.Errorf("the text was escaped anew: %s", got.Data)
	}
}

func TestCopyDefinition_Secrets(t *testing.T) {
	service, d := copyWorld(t)
	got, err := service.CopyDefinition(t.Context(), d, "globex", "old", "new", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	open := func(field, target string, sealed jobs.SealedSecret) string {
		text, err := service.Vault().Open(t.Context(), jobs.SecretRef{Tenant: "globex", Job: "new", Field: field, Target: target}, sealed)
		if err != nil {
			t.Errorf("open %s in its new place: %v", field, err)
		}
		return string(text)
	}
	a := got.Actions[1]
	for _, text := range []string{
		open("data.secret", "b.example", got.Secrets["secret"]),
		open("actions."+string(a.ID)+".data.token", "a.example", a.Secrets["token"]),
		open(jobs.AttachmentField(a.ID, a.Attachments[0].ID)+".token", "c.example", a.Attachments[0].Secrets["token"]),
	} {
		if text != `"`+secretCanary+`"` {
			t.Errorf("a secret became %q", text)
		}
	}
}
