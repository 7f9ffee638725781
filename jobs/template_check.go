package jobs

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs/internal/jsontext"
	"github.com/carillon-go/carillon/jobs/internal/settings"
	"github.com/carillon-go/carillon/jobs/internal/template"
)

// templatePart is a part of a template's job that a driver does: the job itself, an action, an attachment.
type templatePart struct {
	kind   DriverKind
	driver string
	// path is that of the part within the job; empty for the job itself.
	path string
	data map[string]any
}

// driverID is the form of the id of a driver and of a template (contract 13.1, 13.3).
var driverID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// checkTemplate finds all that is wrong with a template. Paths of faults are those of contract 13.3: "inputs[0].type", "job.actions[0].name".
func checkTemplate(drivers Drivers, t Template) (*checkedTemplate, error) {
	var f Faults
	c := &checkedTemplate{Template: t}
	c.Inputs = slices.Clone(t.Inputs)
	checkTemplateTexts(&f, t)
	if len(bytes.TrimSpace(t.Job)) == 0 {
		f.Add("job", "is required")
		return nil, f.Err()
	}
	job, faults := settings.Read(t.Job, MaxTemplateJob)
	if err := f.Merge("job", invalidOf(faults)); err != nil || len(faults) > 0 {
		return nil, f.Err()
	}
	for _, in := range c.Inputs {
		value, err := jsontext.Plain(in.Default)
		if err != nil {
			value = struct{}{} // of no type, which the check of the default says
		}
		c.inputs = append(c.inputs, template.Input{Name: in.Name, Type: string(in.Type), Required: in.Required, Default: value})
	}
	if _, ok := job["type"]; !ok {
		job["type"] = t.Type
	}
	if job["type"] != t.Type {
		f.Add("job.type", "is not the type of the template, %q", t.Type)
	}
	c.job, c.parts = job, partsOfTemplate(&f, job)
	if err := f.Merge("", invalidOf(template.Check(c.inputs, job))); err != nil {
		return nil, err
	}
	if err := c.checkSecrets(&f, drivers); err != nil {
		return nil, err
	}
	c.open = slices.ContainsFunc(c.parts, func(p templatePart) bool {
		_, ok := drivers.Driver(p.kind, p.driver)
		return !ok
	})
	if err := f.Err(); err != nil {
		return nil, err
	}
	if err := c.tryOut(&f); err != nil {
		return nil, err
	}
	return c, f.Err()
}

// checkTemplateTexts checks what is for people, and the ids.
func checkTemplateTexts(f *Faults, t Template) {
	if !driverID.MatchString(t.ID) {
		f.Add("id", "is %.80q; a letter, then up to 62 of a-z, 0-9 and hyphen", t.ID)
	}
	if strings.TrimSpace(t.Name) == "" {
		f.Add("name", "is required")
	}
	if !driverID.MatchString(t.Type) {
		f.Add("type", "is %.80q; the id of a job driver", t.Type)
	}
	short := func(path, text string) {
		if n := utf8.RuneCountInString(text); n > MaxTemplateText {
			f.Add(path, "has %d characters; at most %d", n, MaxTemplateText)
		}
	}
	short("name", t.Name)
	short("icon", t.Icon)
	short("category", t.Category)
	if n := utf8.RuneCountInString(t.Description); n > MaxDescriptionLength {
		f.Add("description", "has %d characters; at most %d", n, MaxDescriptionLength)
	}
	for i, in := range t.Inputs {
		short(fmt.Sprintf("inputs[%d].label", i), in.Label)
	}
}

// partsOfTemplate are the parts of a job, each with its driver, which no input can choose: whether the template is available would not be known.
func partsOfTemplate(f *Faults, job map[string]any) []templatePart {
	var parts []templatePart
	add := func(kind DriverKind, path string, part map[string]any) {
		driver, _ := part["type"].(string)
		if kind != DriverJob && !driverID.MatchString(driver) { // that of the job is that of the template
			f.Add(JoinPath("job", JoinPath(path, "type")), "has to be the id of %s driver, written out", kind.article())
		}
		data, _ := part["data"].(map[string]any)
		parts = append(parts, templatePart{kind, driver, path, data})
	}
	add(DriverJob, "", job)
	for i, action := range objectsIn(job["actions"]) {
		path := indexPath("actions", i)
		add(DriverAction, path, action)
		for k, attachment := range objectsIn(action["attachments"]) {
			add(DriverAttachment, JoinPath(path, indexPath("attachments", k)), attachment)
		}
	}
	return parts
}

// objectsIn are the objects of an array. What else is there is refused by the form of a job, so that its index does not matter.
func objectsIn(value any) []map[string]any {
	list, _ := value.([]any)
	objects := make([]map[string]any, 0, len(list))
	for _, item := range list {
		object, _ := item.(map[string]any)
		objects = append(objects, object)
	}
	return objects
}

// checkSecrets holds R45 for the drivers that are there.
func (t *checkedTemplate) checkSecrets(f *Faults, drivers Drivers) error {
	for _, part := range t.parts {
		d, ok := drivers.Driver(part.kind, part.driver)
		if !ok {
			continue
		}
		rules, err := CompileSettings(d.Info())
		if err != nil {
			return err
		}
		for _, secret := range rules.Secrets() {
			parent, name := settings.ParentOf(part.data, secret)
			if value, ok := parent[name]; ok {
				t.checkSecret(f, JoinPath("job", JoinPath(part.path, JoinPath("data", secret))), value)
			}
		}
	}
	return nil
}

// checkSecret refuses a value that the template itself carries. No message repeats it.
func (t *checkedTemplate) checkSecret(f *Faults, path string, value any) {
	switch x := value.(type) {
	case nil:
		return
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			t.checkSecret(f, JoinPath(path, name), x[name])
		}
		return
	case []any:
		for i, item := range x {
			t.checkSecret(f, indexPath(path, i), item)
		}
		return
	case string:
		name, ok := template.Whole(x)
		i := slices.IndexFunc(t.inputs, func(in template.Input) bool { return in.Name == name })
		if ok && i >= 0 && t.inputs[i].Default != nil {
			f.Add(fmt.Sprintf("inputs[%d].default", i), "is the value of a secret, %s; a template carries none", path)
			return
		}
		if ok {
			return // that there is no such input is said elsewhere
		}
	}
	f.Add(path, "is a secret, which a template does not carry; it may be one placeholder of an input without a default and nothing else")
}

// tryOut fills the template with samples and reads it as a job, which finds fields that do not exist or have the wrong type. What drivers say of
// the settings, and the rules of schedules, depend on the values.
func (t *checkedTemplate) tryOut(f *Faults) error {
	filled, faults := template.Fill(t.job, template.Samples(t.inputs))
	if len(faults) > 0 {
		return f.Merge("", invalidOf(faults))
	}
	_, err := readSpec(filled)
	return f.Merge("job", err)
}
