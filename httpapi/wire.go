package httpapi

import (
	"reflect"

	"github.com/carillon-go/carillon/httpapi/internal/openapi"
	"github.com/carillon-go/carillon/jobs"
)

// Types that write themselves, or whose Go type says less than is true of them on the wire. Structs need nothing here.

// enums are the words of typed strings.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[jobs.RunStatus]():    texts(runStatuses),
	reflect.TypeFor[jobs.WorkerStatus](): texts(workerStatuses),
	reflect.TypeFor[jobs.Trigger]():      texts([]jobs.Trigger{jobs.TriggerSchedule, jobs.TriggerManual, jobs.TriggerCatchup, jobs.TriggerBackfill}),
	reflect.TypeFor[listView]():          texts([]listView{viewFull, viewSummary}),
	reflect.TypeFor[retryFrom]():         texts([]retryFrom{retryFailed, retryStart}),
	reflect.TypeFor[retryRevision]():     texts([]retryRevision{retrySame, retryCurrent}),
	reflect.TypeFor[jobs.WaitReason](): texts([]jobs.WaitReason{
		jobs.WaitBlocked, jobs.WaitPause, jobs.WaitNoWorker, jobs.WaitNoDriver, jobs.WaitStorage, jobs.WaitTenantLimit, jobs.WaitClusterLimit,
		jobs.WaitWorkerLimit, jobs.WaitTurn,
	}),
	reflect.TypeFor[jobs.StepState](): texts([]jobs.StepState{
		jobs.StepPending, jobs.StepStarted, jobs.StepInterrupted, jobs.StepSuccess, jobs.StepWarning, jobs.StepError, jobs.StepSkipped,
	}),
	reflect.TypeFor[jobs.FireOutcome](): texts([]jobs.FireOutcome{
		jobs.FireRan, jobs.FireSkipped, jobs.FireCoalesced, jobs.FireMissed, jobs.FireWithdrawn,
	}),
	reflect.TypeFor[jobs.SnapshotWhen]():    texts([]jobs.SnapshotWhen{jobs.SnapshotBefore, jobs.SnapshotAfter, jobs.SnapshotBoth}),
	reflect.TypeFor[jobs.ChangeKind]():      texts([]jobs.ChangeKind{jobs.ChangeAdded, jobs.ChangeRemoved, jobs.ChangeChanged, jobs.ChangeMoved}),
	reflect.TypeFor[jobs.PlanWarningKind](): texts([]jobs.PlanWarningKind{jobs.WarnInvalid, jobs.WarnDataset, jobs.WarnCondition}),
	reflect.TypeFor[jobs.OnError]():         texts([]jobs.OnError{jobs.OnErrorStop, jobs.OnErrorWarn}),
	reflect.TypeFor[jobs.Overlap]():         texts([]jobs.Overlap{jobs.OverlapSkip, jobs.OverlapQueue, jobs.OverlapCancel, jobs.OverlapAllow}),
	reflect.TypeFor[jobs.Misfire]():         texts([]jobs.Misfire{jobs.MisfireLatest, jobs.MisfireSkip, jobs.MisfireAll}),
	reflect.TypeFor[jobs.Backoff]():         texts([]jobs.Backoff{jobs.BackoffFixed, jobs.BackoffExponential}),
	reflect.TypeFor[jobs.OnInterrupt]():     texts([]jobs.OnInterrupt{jobs.OnInterruptAuto, jobs.OnInterruptRetry, jobs.OnInterruptFail}),
	reflect.TypeFor[jobs.DriverKind]():      texts([]jobs.DriverKind{jobs.DriverJob, jobs.DriverAction, jobs.DriverAttachment}),
	reflect.TypeFor[jobs.DriverSource]():    texts([]jobs.DriverSource{jobs.SourceBuiltin, jobs.SourceHost, jobs.SourcePlugin}),
	reflect.TypeFor[jobs.InputType](): texts([]jobs.InputType{
		jobs.InputString, jobs.InputNumber, jobs.InputBoolean, jobs.InputDate, jobs.InputDataset, jobs.InputEmail,
	}),
	reflect.TypeFor[jobs.Role](): texts([]jobs.Role{
		jobs.RoleMember, jobs.RoleMemberPlus, jobs.RoleDesigner, jobs.RoleDataWizard, jobs.RolePublisher, jobs.RoleAdmin,
	}),
}

// newSchemas knows the types of the wire.
func newSchemas() *openapi.Schemas {
	uuid := openapi.Object{"type": "string", "format": "uuid"}
	known := map[reflect.Type]openapi.Object{
		reflect.TypeFor[stamp]():         {"type": []string{"string", "null"}, "format": "date-time"},
		reflect.TypeFor[text]():          {"type": []string{"string", "null"}},
		reflect.TypeFor[jobs.ID]():       uuid,
		reflect.TypeFor[jobs.ActionID](): uuid,
		reflect.TypeFor[jobs.RunID]():    uuid,
		reflect.TypeFor[jobs.Level]():    {"type": "integer", "enum": []any{1, 2, 3, 5, 10}},
	}
	known[reflect.TypeFor[datasetNames]()] = openapi.Object{"type": "array", "minItems": 1, "maxItems": jobs.MaxSnapshotDatasets, "items": openapi.Object{"anyOf": []any{
		openapi.Object{"type": "string", "minLength": 1},
		openapi.Object{
			"type": "object", "required": []string{"datasetId"}, "additionalProperties": false,
			"properties": openapi.Object{"datasetId": openapi.Object{"type": "string", "minLength": 1}},
		},
	}}}
	for t, words := range enums {
		known[t] = wordsSchema(words)
	}
	return &openapi.Schemas{
		Known: known, Named: map[reflect.Type]openapi.Object{reflect.TypeFor[jobs.Condition](): conditionSchema}, Examples: fieldExamples,
	}
}

func wordsSchema(words []string) openapi.Object {
	list := make([]any, len(words))
	for i, word := range words {
		list[i] = word
	}
	return openapi.Object{"type": "string", "enum": list}
}

// conditionSchema is a group of rules (contract 7.1), which can hold groups.
var conditionSchema = openapi.Object{
	"type": "object", "required": []string{"match", "rules"}, "additionalProperties": false,
	"properties": openapi.Object{
		"match": openapi.Object{"type": "string", "enum": []any{"all", "any"}},
		"rules": openapi.Object{
			"type": "array", "minItems": 1, "maxItems": jobs.MaxConditionRules,
			"items": openapi.Object{"anyOf": []any{
				openapi.Object{
					"type": "object", "required": []string{"field", "operator", "value"}, "additionalProperties": false,
					"properties": openapi.Object{
						"field": openapi.Object{"type": "string", "examples": []any{"previous.status"}},
						"operator": wordsSchema([]string{
							"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "matches", "exists",
						}),
						"value": openapi.Object{"examples": []any{"error"}},
					},
				},
				openapi.Ref("Condition"),
			}},
		},
	},
}

// fieldExamples are values by the name of a field, for people who read the document.
var fieldExamples = map[string]any{
	"href": "/api/jobs/0b0e5a52-4c4c-4f0e-9b51-6a3f1f7f2d10", "naturalId": "globex:nightly-stock-count", "tenant": "globex",
	"type": "email", "name": "Nightly stock count", "slug": "nightly-stock-count", "description": "Reloads the stock figures",
	"ownerId": "team:logistics", "ownerName": "Logistics", "interval": "30 5 * * 1-5", "intervalType": "cron", "timezone": "Europe/Berlin",
	"principalId": "team:sales", "username": "mara.lind", "displayName": "Mara Lind", "email": "mara.lind@globex.example",
	"workerId": "node-a-4711-0c9e", "hostname": "node-a", "pid": 4711, "version": "1.4.0", "triggeredBy": "mara.lind",
	"start": 0, "count": 1, "total": 1, "index": 0, "attempt": 1, "revision": 3, "lateMs": 12,
	"message": "Sent to 1 recipient", "key": "job:actions.send_email", "level": "info", "alias": "stock", "datasetId": "globex:stock",
	"startOn": "2026-03-02", "endOn": "2026-12-31", "color": "#2E7D32", "locale": "en-US", "lang": "en", "field": "run.status",
	"operator": "eq", "concurrency": 8, "timeoutSeconds": 120, "maxRetries": 2, "retryDelaySeconds": 30, "tenantConcurrency": 10,
	"clusterConcurrency": 100, "heartbeatSeconds": 15, "maxConcurrent": 1, "misfireGraceSeconds": 60, "misfireWindowSeconds": 86400,
	"jitterSeconds": 0, "priority": 0, "keepDays": 90, "keepRuns": 1000, "statusCode": 404, "error": "Not Found",
	"password": "correct horse battery staple", "token": "jobs_3x4mpl3", "templateId": "refresh-and-mail", "label": "Recipient", "category": "Datasets", "local": "2026-03-27T05:30:00", "text": "At 05:30 on weekdays",
}
