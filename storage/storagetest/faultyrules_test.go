package storagetest

import (
	"slices"
	"testing"
)

// bluntness names for a rule one store that breaks it.
type bluntness struct {
	breaks string
	method string
	way    way
}

// proven are the subjects of which every rule has a store that breaks it.
var proven = []string{"summary", "news", "tag", "file", "revision", "draft", "retry", "backfill", "wait", "user", "team"}

// TestRun_bluntStores: a rule that no fault can break proves nothing. Each rule of these subjects is broken by at least one store.
func TestRun_bluntStores(t *testing.T) {
	all := map[string]bluntness{}
	for _, b := range slices.Concat(bluntDefinitions(), bluntRuns(), bluntPeople()) {
		all[b.breaks] = b
	}
	for _, sub := range subjects() {
		if !slices.Contains(proven, sub.name) {
			continue
		}
		for _, r := range sub.rules {
			t.Run(sub.name+"/"+r.sentence, func(t *testing.T) {
				t.Parallel()
				b, ok := all[r.sentence]
				if !ok {
					t.Fatal("no store is known that breaks this rule")
				}
				if perform(t.Context(), r, &blunt{sound(t).Store, b.method, b.way}) == nil {
					t.Errorf("a store whose %s is %s keeps it", b.method, b.way)
				}
			})
		}
	}
}

func bluntDefinitions() []bluntness {
	return []bluntness{
		{"a summary tells of a job what Job tells", "JobSummaries", partial},
		{"summaries are what Jobs lists, in the same order, with the same total", "JobSummaries", forgiving},
		{"a summary has the states of the runs that ended last, the newest first", "JobSummaries", partial},
		{"the last run is the one with the latest end, whatever was recorded first", "JobSummaries", partial},
		{"when the last run is removed the one before it is the last", "JobSummaries", partial},
		{"a summary has the draft of the viewer and of nobody else", "JobSummaries", partial},
		{"jobs are filtered by the state of the run that ended last", "Jobs", reversed},
		{"a job is late if it is enabled and its fire lies longer back than the bound", "Jobs", partial},
		{"durations are those of the last runs that ended well, the newest first", "Durations", idle},
		{"the flat list has all jobs by name with their shares, without drafts", "FlatJobs", reversed},
		{"the flat list is limited to what principals may read", "FlatJobs", reversed},
		{"a tag is read back as it was written", "InsertTag", idle},
		{"a tag of another tenant, or an unknown one, does not exist", "InsertTag", idle},
		{"two tags of a tenant do not differ by case only", "InsertTag", forgiving},
		{"tags are listed by name, those that hold a text without regard to case", "InsertTag", idle},
		{"a saved tag has the new name and color, if nobody else was faster", "InsertTag", idle},
		{"a tenant has as many tags as are allowed, and no more", "InsertTag", forgiving},
		{"a job has its tags in the order in which it got them", "InsertTag", idle},
		{"a tag that a job has already changes nothing", "InsertTag", idle},
		{"a tag of a job moves UpdatedAt and no revision", "InsertTag", idle},
		{"a tag of an unknown job, a foreign tag and a draft are refused", "InsertTag", idle},
		{"a job has as many tags as are allowed, and no more", "InsertTag", idle},
		{"a tag is taken off one job", "InsertTag", idle},
		{"a deleted tag is taken off all jobs", "InsertTag", idle},
		{"a deleted job takes its tags along, and leaves the tags of the tenant", "InsertTag", idle},
		{"a new job comes with its tags, a draft has none", "InsertTag", idle},
		{"a list is filtered by all of several tags", "InsertTag", idle},
		{"of many that make one tag at once exactly one succeeds", "InsertTag", forgiving},
		{"a tag that is given and removed at once leaves nothing behind", "InsertTag", idle},
		{"contents are named only if their tenant has them", "InsertJob", forgiving},
		{"a key is added once", "AddFile", forgiving},
		{"the bytes of a tenant are bounded, whoever names them", "AddFile", forgiving},
		{"contents go when no revision names them any more, and not before", "InsertJob", idle},
		{"contents that nothing has named stay for their grace", "AddFile", idle},
		{"a draft and its original share contents; the last one decides", "InsertJob", idle},
		{"a deleted job lets its contents go", "InsertJob", idle},
		{"what is dropped is what nothing names, of this tenant", "InsertJob", idle},
		{"forgetting takes as many as it is told", "AddFile", idle},
		{"unknown keys are told from known ones", "AddFile", idle},
		{"a job that cannot be saved names nothing", "InsertJob", forgiving},
		{"a definition is read by its revision", "Definition", blank},
		{"a revision that was never made is not found", "Definition", forgiving},
		{"a revision is kept for its runs", "Definition", blank},
		{"a queued run takes the new revision, a running one keeps its own", "SaveJob", idle},
		{"a saved job with another driver is claimed by workers that have it", "SaveJob", idle},
		{"a save that keeps the revision keeps its definition", "Definition", blank},
		{"steps of a run that ended are those of its revision", "SaveJob", idle},
		{"revisions are listed newest first, with who made them and what is new", "Revisions", reversed},
		{"a revision is read with its note and its definition", "Revision", blank},
		{"of many revisions the newest are kept", "Revisions", idle},
		{"an old revision is kept as long as a run that executed it", "Revisions", reversed},
		{"an old revision is kept as long as a draft that was made from it", "Revisions", reversed},
		{"the first revision of a draft is kept", "Revisions", reversed},
		{"a draft is found by its original and its user", "Draft", strangely},
		{"a draft knows what it was made from", "InsertJob", idle},
		{"a user has one draft of a job; the second one is a conflict that names the first", "InsertJob", forgiving},
		{"of many drafts of one user and job that are made at once, one is stored", "Editors", partial},
		{"a draft of an unknown job, of a draft, or across tenants is not found", "InsertJob", forgiving},
		{"drafts of a user are listed with their originals, the one changed last first", "Drafts", reversed},
		{"editors of a job are listed, the oldest draft first", "Editors", reversed},
		{"a commit saves the original and removes the draft", "CommitDraft", idle},
		{"a commit that changes nothing removes the draft alone", "CommitDraft", idle},
		{"a commit upon another revision of the original changes nothing", "CommitDraft", forgiving},
		{"a commit of a draft that was changed in between changes nothing", "CommitDraft", forgiving},
		{"a commit of an unknown draft, of one of another job, or by another tenant is not found", "CommitDraft", forgiving},
		{"a draft takes the place of another one of the same user and job, or nothing changes", "Draft", blank},
		{"of many commits upon one revision exactly one succeeds", "Editors", partial},
		{"a commit leaves a running run alone, and gives a queued one the new revision", "CommitDraft", idle},
	}
}

func bluntRuns() []bluntness {
	return []bluntness{
		{"an empty store has no news and the head zero", "News", strangely},
		{"a job that is made, changed, shared and removed is news", "News", idle},
		{"every state of a run is news, its progress is none", "News", idle},
		{"a worker that comes, is steered and goes is news", "News", idle},
		{"news are read after a number, some commits at a time", "News", idle},
		{"a number that is newer than all is a gap", "News", idle},
		{"a commit that changes more than is told one by one says so", "News", idle},
		{"what is refused is no news", "InsertJob", forgiving},
		{"news wake those who watch them", "Watch", idle},
		{"a retry is a new run with the params of the old one, and names it", "RetryRun", idle},
		{"a retry goes on at the step that failed, with the results before it", "RetryRun", strangely},
		{"a retry from the start has no results", "RetryRun", strangely},
		{"a retry executes the revision of the old run, whatever becomes of the job", "RetryRun", reversed},
		{"a retry with the current revision has its steps and drivers", "RetryRun", reversed},
		{"a retry from the start with the current revision is like any other start", "RetryRun", reversed},
		{"a retry needs the drivers of the revision that it executes", "RetryRun", reversed},
		{"live runs, and runs without a failure, are not retried", "RetryRun", forgiving},
		{"a retry of an old revision that had another owner is refused", "RetryRun", forgiving},
		{"an unknown run, or one of another job or tenant, is not retried", "RetryRun", forgiving},
		{"a retry goes in as the overlap policy says", "RetryRun", forgiving},
		{"a key gives the first retry again, and starts no second one", "RetryRun", forgiving},
		{"a backfill gives each fire of the range its run, oldest first", "BackfillRuns", reversed},
		{"a dry run tells of the fires and stores nothing", "BackfillRuns", reversed},
		{"fires that were missed, coalesced or skipped get their run in place of their line", "BackfillRuns", partial},
		{"a line of many fires keeps those that get no run", "BackfillRuns", idle},
		{"fires that have or had a run, and those to be planned, are left out, so that a repeat starts nothing", "BackfillRuns", partial},
		{"runs of a backfill go on one after another, whatever the policy", "BackfillRuns", reversed},
		{"other runs of the job go on beside a backfill and before what waits of it", "BackfillRuns", partial},
		{"a start is not refused, replaced or canceled because of a backfill", "BackfillRuns", reversed},
		{"a backfill of too many fires is a fault of the range", "BackfillRuns", forgiving},
		{"a job without a schedule, a draft and an unknown job have no backfill", "BackfillRuns", forgiving},
		{"only queued runs of the tenant wait for something", "Waits", idle},
		{"a run beside another one of its job waits for that", "Waits", idle},
		{"a run in a pause waits for a moment", "Waits", idle},
		{"without a worker that is alive and active a run waits for one", "Waits", idle},
		{"drivers that no worker has are named", "Waits", idle},
		{"a full tenant is named with the runs that fill it", "Waits", idle},
		{"a full cluster names runs of the own tenant alone", "Waits", idle},
		{"a run waits for a busy worker that has its drivers", "Waits", idle},
		{"a run that could be taken waits for those before it", "Waits", idle},
		{"only runs of readable jobs are named, longest running first", "Waits", strangely},
	}
}

func bluntPeople() []bluntness {
	return []bluntness{
		{"a user is read back whole, at revision 1", "InsertUser", idle},
		{"a taken user id is a conflict", "InsertUser", forgiving},
		{"an unknown user, or one of another tenant, is not found", "InsertUser", idle},
		{"a saved user replaces the stored one at the next revision, and keeps its sessions, tokens and last log-in", "InsertUser", idle},
		{"a save with another revision of a user changes nothing", "InsertUser", idle},
		{"of saves of one user at once one wins", "InsertUser", idle},
		{"users are listed by ids, as far as they exist", "InsertUser", idle},
		{"users are found by words in username, display name and address, signs of patterns too", "InsertUser", idle},
		{"users are sorted by each field, what is missing last", "InsertUser", idle},
		{"a page of users is a part of the list, with the number of all, and shows their teams", "InsertUser", idle},
		{"users are counted by tenant", "InsertUser", idle},
		{"a disabled user loses its sessions and tokens", "InsertUser", idle},
		{"a user with another password loses its sessions but the one to keep, and keeps its tokens", "InsertUser", idle},
		{"the last superuser who can sign in stays", "InsertUser", idle},
		{"of two last superusers who leave at once one stays", "InsertUser", idle},
		{"a removed user takes sessions, tokens, memberships, drafts and shares along", "InsertUser", idle},
		{"a user who owns jobs is not removed, and the jobs are named", "InsertUser", idle},
		{"a user is removed at its revision only", "InsertUser", idle},
		{"a team is read back whole with its members by user, at revision 1", "InsertTeam", idle},
		{"a taken team id is a conflict", "InsertTeam", forgiving},
		{"an unknown team, or one of another tenant, is not found", "InsertTeam", idle},
		{"a saved team replaces name and members at the next revision", "InsertTeam", idle},
		{"a save with another revision of a team changes nothing", "InsertTeam", idle},
		{"a member who is no user of the tenant is not found, and nothing is written", "InsertTeam", forgiving},
		{"a member is put, given another role, and taken out; the revision grows with each", "InsertTeam", idle},
		{"of members put at once none is lost", "InsertTeam", idle},
		{"teams are listed by ids, bare if that is asked", "InsertTeam", idle},
		{"teams are found by words in slug and name", "InsertTeam", idle},
		{"teams are sorted by each field", "InsertTeam", idle},
		{"a removed team takes memberships and shares along", "InsertTeam", idle},
		{"a team that owns jobs is not removed, and the jobs are named", "InsertTeam", idle},
		{"a team is removed at its revision only", "InsertTeam", idle},
		{"a team has as many members as its limit, and a user as many teams", "InsertTeam", forgiving},
	}
}
