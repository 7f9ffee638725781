package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// readSpec reads the body of contract 2.2 as it is in templates. It looks at names and types of the fields alone; the rules are those of
// CreateJob. A field that only the server sets is none here.
func readSpec(job map[string]any) (JobSpec, error) {
	var f Faults
	r := newSpecReader(&f, "", job)
	spec := JobSpec{
		Type: r.text("type"), Name: r.text("name"), Slug: r.text("slug"), Description: r.text("description"),
		OwnerID: ParsePrincipalID(r.text("ownerId")),
		Schedule: ScheduleSpec{
			Interval: r.text("interval"), IntervalType: IntervalType(r.text("intervalType")), Timezone: r.text("timezone"),
			StartOn: r.text("startOn"), EndOn: r.text("endOn"),
		},
		Disabled: r.disabled(), Data: r.object("data"), Policies: r.policies(),
	}
	for i, tag := range r.list("tags") {
		text, ok := tag.(string)
		if !ok {
			f.Add(indexPath("tags", i), "has to be a string")
		}
		spec.Tags = append(spec.Tags, TagID(text))
	}
	for i, dataset := range r.list("datasets") {
		spec.Datasets = append(spec.Datasets, readAssociation(newSpecReader(&f, indexPath("datasets", i), dataset)))
	}
	for i, action := range r.list("actions") {
		spec.Actions = append(spec.Actions, readAction(newSpecReader(&f, indexPath("actions", i), action)))
	}
	r.notNull("type", "name", "enabled", "data", "policies")
	r.unknown()
	return spec, f.Err()
}

func readAction(r *specReader) ActionSpec {
	a := ActionSpec{
		Type: r.text("type"), Name: r.text("name"), Index: r.index(), Disabled: r.disabled(), Data: r.object("data"),
		RunConditions: r.object("runConditions"), OnError: OnError(r.word("onError")), Step: r.step(),
	}
	for i, attachment := range r.list("attachments") {
		a.Attachments = append(a.Attachments, readAttachment(newSpecReader(r.f, JoinPath(r.path, indexPath("attachments", i)), attachment)))
	}
	r.notNull("type", "name", "enabled", "data", "index", "onError")
	r.unknown()
	return a
}

func readAttachment(r *specReader) AttachmentSpec {
	a := AttachmentSpec{Type: r.text("type"), Name: r.text("name"), Index: r.index(), Data: r.object("data")}
	r.notNull("type", "name", "index", "data")
	r.unknown()
	return a
}

func readAssociation(r *specReader) AssociationSpec {
	a := AssociationSpec{Alias: r.text("alias"), DatasetID: DatasetID(r.word("datasetId")), Index: r.index()}
	if sub := r.sub("snapshots"); sub != nil {
		p := SnapshotPolicy{When: SnapshotWhen(sub.word("when"))}
		if keep := sub.integer("keep"); keep != nil {
			p.Keep = *keep
			if p.Keep == 0 {
				sub.fault("keep", "is 0; at least 1, or null")
			}
		}
		for i, ref := range sub.list("snapshotDatasets") {
			id, ok := ref.(string)
			if object, is := ref.(map[string]any); is && len(object) == 1 {
				id, ok = object["datasetId"].(string)
			}
			if !ok {
				sub.fault(indexPath("snapshotDatasets", i), "has to be the id of a dataset, or an object with its datasetId")
			}
			p.Datasets = append(p.Datasets, DatasetID(id))
		}
		sub.unknown()
		a.Snapshots = &p
	}
	r.notNull("alias", "datasetId", "index")
	r.unknown()
	return a
}

func (r *specReader) policies() *Policies {
	sub := r.sub("policies")
	if sub == nil {
		return nil
	}
	p := DefaultPolicies()
	sub.number("maxConcurrent", &p.MaxConcurrent)
	sub.number("priority", &p.Priority)
	sub.seconds("misfireGraceSeconds", &p.MisfireGrace)
	sub.seconds("misfireWindowSeconds", &p.MisfireWindow)
	sub.seconds("jitterSeconds", &p.Jitter)
	sub.seconds("timeoutSeconds", &p.Timeout)
	sub.number("keepDays", &p.KeepDays)
	sub.number("keepRuns", &p.KeepRuns)
	sub.atLeastOne("timeoutSeconds", "keepDays", "keepRuns")
	if word := sub.word("overlap"); word != "" {
		p.Overlap = Overlap(word)
	}
	if word := sub.word("misfire"); word != "" {
		p.Misfire = Misfire(word)
	}
	if driver := sub.sub("driver"); driver != nil {
		if step := driver.step(); step != nil {
			p.Driver = *step
		}
		driver.unknown()
	}
	sub.notNull("overlap", "misfire", "driver", "maxConcurrent", "priority", "misfireGraceSeconds", "misfireWindowSeconds", "jitterSeconds")
	sub.unknown()
	return &p
}

// step reads the fields of a step over the defaults; nil if there is none.
func (r *specReader) step() *StepPolicy {
	p, fields := DefaultStepPolicy(), []string{"timeoutSeconds", "maxRetries", "retryDelaySeconds", "backoff", "onInterrupt"}
	r.seconds("timeoutSeconds", &p.Timeout)
	r.atLeastOne("timeoutSeconds")
	r.number("maxRetries", &p.MaxRetries)
	r.seconds("retryDelaySeconds", &p.RetryDelay)
	if word := r.word("backoff"); word != "" {
		p.Backoff = Backoff(word)
	}
	if word := r.word("onInterrupt"); word != "" {
		p.OnInterrupt = OnInterrupt(word)
	}
	r.notNull(fields[1:]...)
	if !slices.ContainsFunc(fields, func(name string) bool { return r.fields[name] != nil }) {
		return nil
	}
	return &p
}

// specReader reads the members of one object and collects what is wrong with them. A member that is null counts as left out.
type specReader struct {
	f      *Faults
	path   string
	fields map[string]any
	known  map[string]bool
}

// newSpecReader reads a value that has to be an object.
func newSpecReader(f *Faults, path string, value any) *specReader {
	fields, ok := value.(map[string]any)
	if !ok {
		f.Add(path, "has to be an object")
	}
	return &specReader{f, path, fields, map[string]bool{}}
}

func (r *specReader) fault(name, format string, args ...any) {
	r.f.Add(JoinPath(r.path, name), format, args...)
}

func (r *specReader) field(name string) any {
	r.known[name] = true
	return r.fields[name]
}

func (r *specReader) text(name string) string {
	value := r.field(name)
	text, ok := value.(string)
	if value != nil && !ok {
		r.fault(name, "has to be a string")
	}
	return text
}

// word reads a text that cannot be empty.
func (r *specReader) word(name string) string {
	text := r.text(name)
	if value, ok := r.fields[name].(string); ok && value == "" {
		r.fault(name, "is empty")
	}
	return text
}

func (r *specReader) disabled() bool {
	value := r.field("enabled")
	enabled, ok := value.(bool)
	if value != nil && !ok {
		r.fault("enabled", "has to be true or false")
	}
	return ok && !enabled
}

// integer gives nil if the member is left out.
func (r *specReader) integer(name string) *int {
	value := r.field(name)
	if value == nil {
		return nil
	}
	number, err := json.Marshal(value)
	if err == nil {
		if n, err := strconv.Atoi(string(number)); err == nil {
			return &n
		}
	}
	r.fault(name, "has to be an integer")
	return nil
}

func (r *specReader) index() *int { return r.integer("index") }

// number changes n to what is given.
func (r *specReader) number(name string, n *int) {
	if value := r.integer(name); value != nil {
		*n = *value
	}
}

// seconds is number for a duration. What cannot be one is out of every range and is refused by the rules.
func (r *specReader) seconds(name string, d *time.Duration) {
	const most = 1 << 31
	if value := r.integer(name); value != nil {
		*d = time.Duration(min(max(*value, -1), most)) * time.Second
	}
}

// atLeastOne refuses 0 where null says that there is no bound.
func (r *specReader) atLeastOne(names ...string) {
	for _, name := range names {
		if n := r.fields[name]; n == json.Number("0") || n == 0 {
			r.fault(name, "is 0; at least 1, or null")
		}
	}
}

// object gives a member that has to be an object, as JSON; nil if it is left out.
func (r *specReader) object(name string) json.RawMessage {
	value := r.field(name)
	if value == nil {
		return nil
	}
	if _, ok := value.(map[string]any); !ok {
		r.fault(name, "has to be an object")
		return nil
	}
	data, err := writeJSON(value)
	if err != nil {
		r.fault(name, "cannot be written as JSON: %s", err)
	}
	return data
}

// sub reads a member that has to be an object; nil if it is left out.
func (r *specReader) sub(name string) *specReader {
	value := r.field(name)
	if value == nil {
		return nil
	}
	return newSpecReader(r.f, JoinPath(r.path, name), value)
}

func (r *specReader) list(name string) []any {
	value := r.field(name)
	list, ok := value.([]any)
	if value != nil && !ok {
		r.fault(name, "has to be an array")
	}
	return list
}

// notNull refuses null for members that can be left out only.
func (r *specReader) notNull(names ...string) {
	for _, name := range names {
		if value, set := r.fields[name]; set && value == nil {
			r.fault(name, "may not be null")
		}
	}
}

func (r *specReader) unknown() {
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if !r.known[name] {
			r.fault(name, "is not a field here")
		}
	}
}
