package httpapi

// glossary explains the parameters and headers that mean the same wherever they are. What means something else on one route is in the words of
// that route.
var glossary = map[string]string{
	"q":     "Words; every one has to occur in a name, description or text, without regard to case",
	"sort":  "Field to sort by, with - in front for descending; several: repeated, or separated by commas",
	"limit": "The most items of one page",
	"start": "How many items are left out before the first; beyond the end the page is empty",

	"type":         "Exactly this type",
	"ownerId":      "Exactly this owner",
	"enabled":      "Only things that are switched on, or off",
	"running":      "Only jobs with a run that goes on, or without",
	"status":       "Only those of this status; repeated: of any of them",
	"success":      "Only runs that ended well, or not",
	"warnings":     "Only runs with warnings, or without",
	"from":         "Only what is at or after this moment; without an offset it is local time of the job's zone",
	"to":           "Only what is before this moment; without an offset it is local time of the job's zone",
	"before":       "Only what was created before this moment; without an offset it is local time of the job's zone",
	"since":        "Only entries from this index on",
	"level":        "Entries of this level and higher ones",
	"jobActionId":  "Only what this action wrote",
	"outcome":      "Only fires with this outcome",
	"wait":         "Seconds to wait for the end; 0 answers at once, without it the answer comes at the end",
	"force":        "Do it in spite of what stands against it",
	"interval":     "Cron expression, number and unit, or a moment",
	"intervalType": "How interval is read: cron, simple or once; found out from interval, if left out",
	"timezone":     "IANA name; UTC, if left out",
	"startOn":      "No fire before it; a date-time or a date",
	"endOn":        "No fire after it; a date-time or a date",
	"count":        "How many are wanted",

	"Prefer":          "respond-async or wait=N, as the parameter wait, which decides",
	"Idempotency-Key": "1 to 255 bytes; the same request again within 24 hours starts nothing and answers with the first run",
	"Last-Event-ID":   "Id of the last event that was received; the stream goes on after it",
}
