package httpapi

import (
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// jobServerFields are set by the server alone and ignored in bodies, so that what was read can be sent back (contract 1.9).
var jobServerFields = []string{
	"id", "naturalId", "tenant", "ownerName", "nextRunAt", "lockedAt", "lastRun", "editingId", "shared", "favorite", "permissions",
	"revision", "drafts", "createdAt", "updatedAt", "defnUpdatedAt", "_links", "_embedded",
}

// readJobSpec reads the fields of contract 2.2 that are those of a job.
func readJobSpec(b *body) jobs.JobSpec {
	enabled := given(b, "enabled", b.boolean("enabled"))
	spec := jobs.JobSpec{
		Type: given(b, "type", b.text("type")).Value, Name: given(b, "name", b.text("name")).Value, Slug: b.text("slug").Value,
		Description: b.text("description").Value, OwnerID: jobs.ParsePrincipalID(b.text("ownerId").Value),
		Schedule: jobs.ScheduleSpec{
			Interval: b.text("interval").Value, IntervalType: jobs.IntervalType(b.text("intervalType").Value),
			Timezone: b.text("timezone").Value, StartOn: b.text("startOn").Value, EndOn: b.text("endOn").Value,
		},
		Disabled: enabled.Set && !enabled.Value, Data: given(b, "data", b.object("data")).Value,
	}
	if p := given(b, "policies", readPolicies(b, "policies")); p.Set {
		spec.Policies = &p.Value
	}
	for _, action := range b.list("actions") {
		spec.Actions = append(spec.Actions, readActionSpec(action))
		action.unknown()
	}
	for _, dataset := range b.list("datasets") {
		spec.Datasets = append(spec.Datasets, readAssociationSpec(dataset))
		dataset.unknown()
	}
	spec.Tags = tagList(b.texts("tags")).Value
	b.ignore(jobServerFields...)
	return spec
}

// given lets a field through that may be left out, but not be null.
func given[T any](b *body, name string, f jobs.Field[T]) jobs.Field[T] {
	b.note(name).notNull = true
	if f.Null {
		b.faults.Add(b.at(name), "may not be null")
		return jobs.Field[T]{}
	}
	return f
}

// readJobPatch reads the body of contract 2.4.
func readJobPatch(b *body) jobs.JobPatch {
	owner := word[jobs.PrincipalID](b, "ownerId")
	owner.Value = jobs.ParsePrincipalID(string(owner.Value))
	const elsewhere = "cannot be changed here; it has routes of its own"
	b.refuse(elsewhere, "actions", "datasets")
	b.ignore(jobServerFields...)
	return jobs.JobPatch{
		Type: b.text("type"), OwnerID: owner, Name: b.text("name"), Slug: b.text("slug"),
		Description: b.text("description"), Interval: b.text("interval"), IntervalType: b.text("intervalType"), Timezone: b.text("timezone"),
		StartOn: b.text("startOn"), EndOn: b.text("endOn"), Enabled: b.boolean("enabled"), Data: given(b, "data", b.object("data")),
		Policies: readPolicies(b, "policies"), Tags: tagList(b.texts("tags")),
	}
}

// readActionSpec reads the body of contract 6.3.
func readActionSpec(b *body) jobs.ActionSpec {
	enabled := given(b, "enabled", b.boolean("enabled"))
	spec := jobs.ActionSpec{
		Type: given(b, "type", b.text("type")).Value, Name: given(b, "name", b.text("name")).Value, Disabled: enabled.Set && !enabled.Value,
		Data: given(b, "data", b.object("data")).Value, RunConditions: b.condition("runConditions").Value,
		OnError: given(b, "onError", word[jobs.OnError](b, "onError")).Value,
	}
	if index := given(b, "index", b.integer("index")); index.Set {
		spec.Index = &index.Value
	}
	if step, set := readStepPolicy(b); set {
		spec.Step = &step
	}
	for _, attachment := range b.list("attachments") {
		spec.Attachments = append(spec.Attachments, readAttachmentSpec(attachment))
		attachment.unknown()
	}
	b.requires("type", "name")
	b.ignore(actionServerFields...)
	return spec
}

// readActionPatch reads the body of contract 6.5.
func readActionPatch(b *body) jobs.ActionPatch {
	p := jobs.ActionPatch{
		Type: b.text("type"), Name: b.text("name"), Index: b.integer("index"), Enabled: b.boolean("enabled"), Data: given(b, "data", b.object("data")),
		RunConditions: b.condition("runConditions"), OnError: word[jobs.OnError](b, "onError"), Timeout: b.seconds("timeoutSeconds"),
		MaxRetries: b.integer("maxRetries"), RetryDelay: b.seconds("retryDelaySeconds"), Backoff: word[jobs.Backoff](b, "backoff"),
		OnInterrupt: word[jobs.OnInterrupt](b, "onInterrupt"),
	}
	b.ignore(actionServerFields...)
	return p
}

// readAttachmentSpec reads the body of contract 8.3.
func readAttachmentSpec(b *body) jobs.AttachmentSpec {
	spec := jobs.AttachmentSpec{
		Type: given(b, "type", b.text("type")).Value, Name: given(b, "name", b.text("name")).Value, Data: given(b, "data", b.object("data")).Value,
	}
	if index := given(b, "index", b.integer("index")); index.Set {
		spec.Index = &index.Value
	}
	b.requires("type", "name")
	b.ignore(attachmentServerFields...)
	return spec
}

// readAttachmentPatch reads the body of contract 8.5.
func readAttachmentPatch(b *body) jobs.AttachmentPatch {
	p := jobs.AttachmentPatch{Type: b.text("type"), Name: b.text("name"), Index: b.integer("index"), Data: given(b, "data", b.object("data"))}
	b.ignore(attachmentServerFields...)
	return p
}

var attachmentServerFields = []string{"id", "jobActionId", "file", "createdAt", "updatedAt", "_links"}

var actionServerFields = []string{"id", "jobId", "originId", "createdAt", "updatedAt", "_links", "_embedded"}

// condition reads a group of rules; what is in it is looked at by the rules of conditions.
func (b *body) condition(name string) jobs.Field[json.RawMessage] {
	f := b.object(name)
	b.note(name).typ = reflect.TypeFor[jobs.Condition]()
	return f
}

// word reads a string of a type of words. The empty string is none of them, although the model takes it for a value that was not given.
func word[T ~string](b *body, name string) jobs.Field[T] {
	f := typed[T](b, name, "a string")
	if words := enums[reflect.TypeFor[T]()]; f.Set && !f.Null && f.Value == "" && words != nil {
		b.faults.Add(b.at(name), "is empty; %s", orList(words))
		return jobs.Field[T]{}
	}
	return f
}

// seconds reads an integer number of seconds. What cannot be a duration is out of every range and is refused by the rules.
func (b *body) seconds(name string) jobs.Field[time.Duration] {
	n := b.integer(name)
	if !n.Set || n.Null {
		return jobs.Field[time.Duration]{Set: n.Set, Null: n.Null}
	}
	const most = 1 << 31
	return jobs.Value(time.Duration(min(max(n.Value, -1), most)) * time.Second)
}

// readStepPolicy reads the fields of a step over the defaults; set is false if none was sent.
func readStepPolicy(b *body) (p jobs.StepPolicy, set bool) {
	p = jobs.DefaultStepPolicy()
	timeout := b.seconds("timeoutSeconds")
	if timeout.Set && !timeout.Null {
		p.Timeout = timeout.Value
		if p.Timeout == 0 {
			b.faults.Add(b.at("timeoutSeconds"), "is 0; 1 to 86400, or null")
		}
	}
	set = timeout.Set
	set = assign(b, "maxRetries", b.integer("maxRetries"), &p.MaxRetries) || set
	set = assign(b, "retryDelaySeconds", b.seconds("retryDelaySeconds"), &p.RetryDelay) || set
	set = assign(b, "backoff", word[jobs.Backoff](b, "backoff"), &p.Backoff) || set
	set = assign(b, "onInterrupt", word[jobs.OnInterrupt](b, "onInterrupt"), &p.OnInterrupt) || set
	return p, set
}

// assign takes over a value that was sent; null is a fault.
func assign[T any](b *body, name string, f jobs.Field[T], to *T) bool {
	if f = given(b, name, f); f.Set {
		*to = f.Value
	}
	return f.Set
}

// readPolicies reads the policies of contract 20.1 over the defaults: as every value but data they are replaced as a whole.
func readPolicies(b *body, name string) jobs.Field[jobs.Policies] {
	sub, set, null := b.sub(name)
	if sub == nil {
		return jobs.Field[jobs.Policies]{Set: set, Null: null}
	}
	p := jobs.DefaultPolicies()
	assign(sub, "overlap", word[jobs.Overlap](sub, "overlap"), &p.Overlap)
	assign(sub, "maxConcurrent", sub.integer("maxConcurrent"), &p.MaxConcurrent)
	assign(sub, "misfire", word[jobs.Misfire](sub, "misfire"), &p.Misfire)
	assign(sub, "misfireGraceSeconds", sub.seconds("misfireGraceSeconds"), &p.MisfireGrace)
	assign(sub, "misfireWindowSeconds", sub.seconds("misfireWindowSeconds"), &p.MisfireWindow)
	assign(sub, "jitterSeconds", sub.seconds("jitterSeconds"), &p.Jitter)
	assign(sub, "priority", sub.integer("priority"), &p.Priority)
	p.Timeout = positive(sub, "timeoutSeconds", sub.seconds("timeoutSeconds"))
	p.KeepDays = positive(sub, "keepDays", sub.integer("keepDays"))
	p.KeepRuns = positive(sub, "keepRuns", sub.integer("keepRuns"))
	step, set, null := sub.sub("driver")
	given(sub, "driver", jobs.Field[struct{}]{Set: set, Null: null})
	if step != nil {
		p.Driver, _ = readStepPolicy(step)
		step.unknown()
	}
	if expect := sub.object("expect"); expect.Set && !expect.Null {
		b.faults.Add(sub.at("expect"), "is not supported by this server yet")
	}
	sub.unknown()
	return jobs.Value(p)
}

// positive reads a number that is null or at least 1.
func positive[T int | time.Duration](b *body, name string, f jobs.Field[T]) T {
	if f.Set && !f.Null && f.Value == 0 {
		b.faults.Add(b.at(name), "is 0; at least 1, or null")
	}
	return f.Value
}

// policiesView is the policies of a job (contract 20.1).
type policiesView struct {
	Overlap              jobs.Overlap   `json:"overlap"`
	MaxConcurrent        int            `json:"maxConcurrent"`
	Misfire              jobs.Misfire   `json:"misfire"`
	MisfireGraceSeconds  int            `json:"misfireGraceSeconds"`
	MisfireWindowSeconds int            `json:"misfireWindowSeconds"`
	JitterSeconds        int            `json:"jitterSeconds"`
	TimeoutSeconds       *int           `json:"timeoutSeconds"`
	Priority             int            `json:"priority"`
	KeepDays             *int           `json:"keepDays"`
	KeepRuns             *int           `json:"keepRuns"`
	Expect               *struct{}      `json:"expect"`
	Driver               stepPolicyView `json:"driver"`
}

// stepPolicyView is how a step is tried (contract 6.1 and 20.2).
type stepPolicyView struct {
	TimeoutSeconds    *int             `json:"timeoutSeconds"`
	MaxRetries        int              `json:"maxRetries"`
	RetryDelaySeconds int              `json:"retryDelaySeconds"`
	Backoff           jobs.Backoff     `json:"backoff"`
	OnInterrupt       jobs.OnInterrupt `json:"onInterrupt"`
}

func newPoliciesView(p jobs.Policies) policiesView {
	return policiesView{
		Overlap: p.Overlap, MaxConcurrent: p.MaxConcurrent, Misfire: p.Misfire, MisfireGraceSeconds: secondsOf(p.MisfireGrace),
		MisfireWindowSeconds: secondsOf(p.MisfireWindow), JitterSeconds: secondsOf(p.Jitter), TimeoutSeconds: orNull(secondsOf(p.Timeout)),
		Priority: p.Priority, KeepDays: orNull(p.KeepDays), KeepRuns: orNull(p.KeepRuns), Driver: newStepPolicyView(p.Driver),
	}
}

func newStepPolicyView(p jobs.StepPolicy) stepPolicyView {
	return stepPolicyView{
		TimeoutSeconds: orNull(secondsOf(p.Timeout)), MaxRetries: p.MaxRetries, RetryDelaySeconds: secondsOf(p.RetryDelay),
		Backoff: p.Backoff, OnInterrupt: p.OnInterrupt,
	}
}

func secondsOf(d time.Duration) int { return int(d / time.Second) }

func orNull(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// mergeFaults joins the faults of the form with an error of the rules.
func mergeFaults(faults *jobs.Faults, err error) error {
	var invalid *jobs.ValidationError
	if faults.Empty() || err != nil && !errors.As(err, &invalid) {
		return err // what the caller may not do comes before what is wrong with the input
	}
	if invalid != nil {
		seen := map[string]bool{}
		var own *jobs.ValidationError
		if errors.As(faults.Err(), &own) {
			for _, f := range own.Fields {
				seen[f.Path] = true
			}
		}
		for _, f := range invalid.Fields {
			if !seen[f.Path] {
				faults.Add(f.Path, "%s", f.Message)
			}
		}
	}
	return faults.Err()
}
