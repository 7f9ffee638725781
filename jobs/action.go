package jobs

import (
	"encoding/json"
	"time"
)

// Action is one of the steps that follow the driver step of a job, in the order of the list.
type Action struct {
	ID ActionID `json:"id"`
	// OriginID is, in a draft, the action that this one was copied from.
	OriginID ActionID `json:"originId,omitempty"`
	// Type is the id of the action driver; it never changes.
	Type string `json:"type"`
	Name string `json:"name"`
	// Disabled actions are left out of runs.
	Disabled bool            `json:"disabled,omitempty"`
	Data     json.RawMessage `json:"data"`
	Secrets  Secrets         `json:"secrets,omitempty"`
	// Condition decides before each run of the action; nil: only the rule of the first error (contract 7.3).
	Condition *Condition `json:"condition,omitempty"`
	OnError   OnError    `json:"onError"`
	Step      StepPolicy `json:"step"`
	// Idempotent is what the driver said of these settings when they were written; see Repeatable.
	Idempotent bool `json:"idempotent,omitempty"`
	// Attachments are in their order; only drivers with DriverInfo.Attachments take some.
	Attachments []Attachment `json:"attachments,omitempty"`
	CreatedAt   time.Time    `json:"createdAt"`
	UpdatedAt   time.Time    `json:"updatedAt"`
}

// OnError says what a failed action is for its run.
type OnError string

// An error of the action is an error of the run, or counts as a warning.
const (
	OnErrorStop OnError = "stop"
	OnErrorWarn OnError = "warn"
)
