package jobs

import (
	"encoding/json"
	"time"
)

// JobSpec is what a caller says of a new job (contract 2.2). Fields that are left out get the contract's defaults.
type JobSpec struct {
	// Type is the id of a job driver; Name is for people. Both are required.
	Type string
	Name string
	// Slug is made from Name if it is empty, with "-2", "-3" ... if that is taken.
	Slug        string
	Description string
	// OwnerID is the caller if it is empty.
	OwnerID  PrincipalID
	Schedule ScheduleSpec
	// Disabled: the schedule does not fire until somebody enables the job.
	Disabled bool
	// Data are the settings of the driver, a JSON object; nil is the empty object.
	Data    json.RawMessage
	Actions []ActionSpec
	// Datasets are the datasets of the job, in their order.
	Datasets []AssociationSpec
	// Tags are put on a new job, at most MaxTags; they are no part of the definition.
	Tags []TagID
	// Policies nil means DefaultPolicies.
	Policies *Policies
	// TemplateID is the template that the spec was made of (see TemplateSpec); empty for none. It changes nothing but the audit, which names it.
	TemplateID string
}

// ScheduleSpec is a schedule as a caller writes it. The zero value never fires: such a job is started by hand.
type ScheduleSpec struct {
	// Interval is a cron expression, "<number> <unit>", or for once a date-time.
	Interval string
	// IntervalType is derived from Interval if it is empty (contract 11.3).
	IntervalType IntervalType
	// Timezone is an IANA name; empty is UTC.
	Timezone string
	// StartOn and EndOn are as contract 1.8 has them: RFC 3339, a local date-time, or a date.
	StartOn string
	EndOn   string
}

// Cron is a schedule of five fields in an IANA time zone; an empty zone is UTC.
func Cron(expression, timezone string) ScheduleSpec {
	return ScheduleSpec{Interval: expression, IntervalType: IntervalCron, Timezone: timezone}
}

// Every is a schedule of a number and a unit: "10 seconds", "1 day".
func Every(interval string) ScheduleSpec {
	return ScheduleSpec{Interval: interval, IntervalType: IntervalSimple}
}

// Once is a schedule that fires at one moment.
func Once(at time.Time) ScheduleSpec {
	return ScheduleSpec{IntervalType: IntervalOnce, StartOn: at.UTC().Format(time.RFC3339Nano)}
}

// ActionSpec is what a caller says of a new action (contract 6.3).
type ActionSpec struct {
	Type string
	Name string
	// Index is the position; nil is the end.
	Index    *int
	Disabled bool
	Data     json.RawMessage
	// RunConditions is a group of contract 7.1, or nil. In a JobSpec it may name other actions as actions[n].
	RunConditions json.RawMessage
	// OnError is OnErrorStop if it is empty.
	OnError OnError
	// Step nil means DefaultStepPolicy.
	Step *StepPolicy
	// Attachments in their order; only for drivers that take some.
	Attachments []AttachmentSpec
}

// AttachmentSpec is what a caller says of a new attachment (contract 8.3). Contents of the type "file" are uploaded afterwards.
type AttachmentSpec struct {
	Type string
	Name string
	// Index is the position; nil is the end.
	Index *int
	Data  json.RawMessage
}

// JobPatch is a partial update of a job (contract 2.4).
type JobPatch struct {
	// Type, OwnerID and Tags can only be repeated as they are stored.
	Type         Field[string]
	OwnerID      Field[PrincipalID]
	Tags         Field[[]TagID]
	Name         Field[string]
	Slug         Field[string]
	Description  Field[string]
	Interval     Field[string]
	IntervalType Field[string]
	Timezone     Field[string]
	StartOn      Field[string]
	EndOn        Field[string]
	Enabled      Field[bool]
	// Data is merged at its first level: a key with null is removed.
	Data     Field[json.RawMessage]
	Policies Field[Policies]
}

// ActionPatch is a partial update of an action (contract 6.5).
type ActionPatch struct {
	Type          Field[string]
	Name          Field[string]
	Index         Field[int]
	Enabled       Field[bool]
	Data          Field[json.RawMessage]
	RunConditions Field[json.RawMessage]
	OnError       Field[OnError]
	Timeout       Field[time.Duration]
	MaxRetries    Field[int]
	RetryDelay    Field[time.Duration]
	Backoff       Field[Backoff]
	OnInterrupt   Field[OnInterrupt]
}

// AttachmentPatch is a partial update of an attachment (contract 8.5).
type AttachmentPatch struct {
	// Type can only be repeated as it is stored.
	Type  Field[string]
	Name  Field[string]
	Index Field[int]
	// Data is merged at its first level: a key with null is removed.
	Data Field[json.RawMessage]
}

// Precondition is what a caller expects to be stored (If-Match); zero fields expect nothing.
type Precondition struct {
	// Revision of the job.
	Revision int64
	// UpdatedAt of the action or the attachment.
	UpdatedAt time.Time
}
