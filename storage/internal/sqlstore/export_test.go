package sqlstore

import "github.com/carillon-go/carillon/jobs"

// Planned is a text with a number of parameters that do not matter for its plan.
type Planned struct {
	Text string
	Args int
}

// ProductStatements are the statements that carry the product, by name: their plans are golden files.
func ProductStatements() map[string]Planned {
	all := map[string]Planned{
		"beat": {sqlBeat, 4}, "claim": {sqlClaim, 7}, "claim_groups": {sqlListGroups, 0}, "claim_more": {sqlMoreDue, 4},
		"claim_next": {sqlNextDelayed, 2}, "claim_running": {sqlCountRunning, 1}, "claim_some": {sqlClaimSome, 8},
		"cancel_requested": {sqlListCancelRequested, 1}, "end_delete": {sqlDeleteEnded, 2}, "end_read": {sqlListEnding, 2},
		"record": {sqlRecord, 8}, "promote": {sqlPromote, 3}, "promote_jobs": {sqlListWaiting, 1}, "start_open": {sqlCountOpen, 2},
		"start_live": {sqlListLive, 2}, "plan_due": {sqlListDue, 2}, "plan_next": {sqlNextDue, 0}, "fire_run": {sqlGetFireRun, 2},
		"takeover_held": {sqlListHeld, 1}, "job_states": {sqlListJobStates, 1},
		"job_summaries": {sqlListSummaries, 1}, "job_recent": {sqlListRecent, 2}, "job_drafts_of": {sqlListMyDrafts, 2}, "changes": {sqlListChanges, 2}, "changes_bounds": {sqlChangeBounds, 0}, "changes_trim": {sqlTrimChanges, 1}, "job_readers": {sqlListReaders, 2}, "job_tag_ids": {sqlListTagIDs, 1}, "job_durations": {sqlListDurations, 3}, "job_favorites_of": {sqlListFavoritesOf, 2}, "last_run": {sqlFindLast, 1}, "last_run_drop": {sqlDropLast, 1}, "prune_old": {sqlListOld, 3},
		"prune_surplus": {sqlListSurplus, 3}, "jobs_by_slug": {sqlGetJobBySlug, 2},
		"draft": {sqlGetDraft, 3}, "drafts_of_user": {sqlListDraftsOf, 2}, "editors": {sqlListEditors, 2},
		"revisions": {sqlListRevisions, 3}, "revision_release": {sqlReleaseRevision, 3}, "job_drafts": {sqlListDrafts, 1},
		"job_tags": {sqlListJobTags, 1}, "job_shares": {sqlListShares, 1}, "job_favorites": {sqlListFavorites, 3},
		"session": {sqlGetSession, 1}, "sessions_expired": {sqlDeleteExpiredSessions, 1}, "sessions_old": {sqlDeleteOldSessions, 4},
		"token": {sqlGetToken, 1}, "tokens_of_user": {sqlListTokens, 2}, "user": {sqlGetUser, 2}, "teams_of_user": {sqlListTeamsOfUser, 2},
		"team": {sqlGetTeam, 2}, "team_members": {sqlListMembers, 2}, "team_busy_user": {sqlFindBusyUser, 3}, "jobs_owned": {sqlListOwned, 3},
		"jobs_owned_count": {sqlCountOwned, 2}, "drafts_owned": {sqlListDraftsOwned, 2}, "file_usage": {sqlFileUsage, 1}, "file_drop": {sqlDropFile, 2}, "file_known": {sqlKnownFiles, 1},
	}
	add := func(name string, q *query) { all[name] = Planned{q.text(), len(q.args)} }
	_, page, _ := jobQueries(jobs.JobQuery{Tenant: "t", Limit: 30})
	add("list_jobs", page)
	all["known_runs"] = Planned{sqlKnownRuns, 6}
	_, page, _ = jobQueries(jobs.JobQuery{Tenant: "t", Limit: 30, ReadableBy: []jobs.PrincipalID{"p"}})
	add("list_jobs_readable", page)
	_, page, _ = jobQueries(jobs.JobQuery{Tenant: "t", Limit: 30, Tags: []jobs.TagID{"a", "b"}})
	add("list_jobs_tagged", page)
	favorite := true
	_, page, _ = jobQueries(jobs.JobQuery{Tenant: "t", Limit: 30, Favorite: &favorite, FavoriteOf: "u"})
	add("list_jobs_favorite", page)
	yes := true
	count, page, _ := jobQueries(jobs.JobQuery{
		Tenant: "t", Limit: 30, LastStatuses: []jobs.RunStatus{"error"}, Late: &yes, Draft: &yes, Sort: []jobs.SortKey{{Field: "lastRunAt"}},
	})
	add("list_jobs_state", page)
	add("list_jobs_state_count", count)
	list, shares, tags := flatQueries(jobs.JobQuery{Tenant: "t", ReadableBy: []jobs.PrincipalID{"p"}})
	add("list_flat", list)
	add("list_flat_shares", shares)
	add("list_flat_tags", tags)
	count, page, _ = runQueries(jobs.RunQuery{Tenant: "t", JobID: "j", Limit: 30})
	add("history_of_job", page)
	add("history_of_job_count", count)
	failed := false
	count, page, _ = runQueries(jobs.RunQuery{Tenant: "t", JobID: "j", Success: &failed, Limit: 30})
	add("history_of_job_failed", page)
	add("history_of_job_failed_count", count)
	count, page, _ = runQueries(jobs.RunQuery{Tenant: "t", Limit: 30})
	add("history_of_tenant", page)
	add("history_of_tenant_count", count)
	count, page, _ = runQueries(jobs.RunQuery{Tenant: "t", ReadableBy: []jobs.PrincipalID{"p"}, Statuses: []jobs.RunStatus{jobs.RunError}, Limit: 30})
	add("history_readable", page)
	add("history_readable_count", count)
	_, page, _ = runQueries(jobs.RunQuery{Tenant: "t", JobID: "j", Sort: []jobs.SortKey{{Field: "updatedAt", Descending: true}}, Limit: 30})
	add("history_of_job_updated", page)
	_, page, _ = runQueries(jobs.RunQuery{Tenant: "t", JobID: "j", Sort: []jobs.SortKey{{Field: "status"}}, Limit: 30})
	add("history_of_job_status", page)
	_, page = fireQueries(jobs.FireQuery{Tenant: "t", JobID: "j", Limit: 30})
	add("ledger", page)
	return all
}

// Invariants are the sentences of Check.
func Invariants() []string {
	out := make([]string, len(invariants))
	for i := range invariants {
		out[i] = invariants[i].sentence
	}
	return out
}
