package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func textRules() []rule {
	return []rule{
		{"text comes back as it was, sign by sign", textAwkward},
		{"ids are told apart by case and by every sign", textCase},
		{"slugs are told apart by case", textSlugCase},
		{"a text of 20 KB comes back whole", textLong},
		{"params of the greatest size come back whole", textParams},
		{"moments are kept in whole milliseconds, UTC", timePrecision},
		{"moments of any zone are one moment", timeZones},
		{"moments far from now are kept", timeFar},
		{"moments a millisecond apart are in order", timeOrder},
	}
}

// awkward are texts that databases, drivers and JSON treat in ways of their own.
var awkward = []string{
	"", " ", "  leading and trailing  ", "it's", `say "hi"`, `back\slash`, "100%", "a_b", "a*b?[c]", "--comment", "; DROP TABLE jobs;", "$1 ? :name @x",
	"tab\tand\nline\r\n", "\u0001\u001f", "null", "NULL", "0", "1e3", "true", "{}", "[1]", "<b>&amp;</b>", "\u2028\u2029",
	"\u00c5", "A\u030a", "\u212b", "stra\u00dfe", "STRASSE", "strasse", "\u0130stanbul", "istanbul", "\ufb01", "fi", "日本語", "עברית",
	"\U0001f389\U0001f469\u200d\U0001f469\u200d\U0001f467", "\ufeffbom", "zero\u200bwidth", "zerowidth", "K", "k", "\u212a", "k ",
}

func textAwkward(ctx context.Context, s jobs.Store) error {
	var errs []error
	for i, text := range awkward {
		quoted, err := json.Marshal(map[string]string{"text": text})
		done(err)
		j := givenJob(ctx, s, fmt.Sprint("job-", i), acting("webhook"), func(j *jobs.Job) {
			j.Name, j.Description, j.Data, j.OwnerID, j.Actions[0].Name = text, text, quoted, jobs.PrincipalID("o"+text), text
		})
		a := ask(j)
		a.TriggeredBy, a.Params = jobs.PrincipalID("u"+text), []json.RawMessage{quoted}
		r := must(s.StartRuns(ctx, t0, a))[0]
		run := must(s.Run(ctx, tenant, r.ID))
		errs = append(errs, same(fmt.Sprintf("the job with %q", text), readJob(ctx, s, j), j), same(fmt.Sprintf("Params with %q", text), run.Params, json.RawMessage(quoted)),
			same("TriggeredBy", run.TriggeredBy, a.TriggeredBy), same("OwnerID of the run", run.OwnerID, j.OwnerID))
	}
	return errors.Join(errs...)
}

func textCase(ctx context.Context, s jobs.Store) error {
	seen := map[string]bool{}
	var list []jobs.PrincipalID
	for _, text := range awkward {
		if text == "" || seen[text] {
			continue
		}
		seen[text] = true
		u := newUser(jobs.PrincipalID(text))
		u.DisplayName = text
		if err := s.InsertUser(ctx, u); err != nil {
			return fmt.Errorf("insert a user with id %q: %w", text, err)
		}
		list = append(list, u.ID)
	}
	for _, id := range list {
		if err := same("the name of a user", must(s.User(ctx, tenant, id)).DisplayName, string(id)); err != nil {
			return err
		}
	}
	return same("users", must(s.CountUsers(ctx, tenant)), len(list))
}

func textSlugCase(ctx context.Context, s jobs.Store) error {
	givenJob(ctx, s, "stock")
	_, upper := s.Job(ctx, tenant, jobs.JobRef{Slug: "STOCK"})
	_, pattern := s.Job(ctx, tenant, jobs.JobRef{Slug: "st%"})
	_, blank := s.Job(ctx, tenant, jobs.JobRef{Slug: "stock "})
	return errors.Join(refused("a slug in another case", upper, jobs.ErrNotFound), refused("a pattern", pattern, jobs.ErrNotFound),
		refused("a slug with a blank", blank, jobs.ErrNotFound))
}

func textLong(ctx context.Context, s jobs.Store) error {
	long := strings.Repeat("Ω'\"%_\\ ", 20<<10/8)
	quoted, err := json.Marshal(map[string]string{"text": long})
	done(err)
	j := givenJob(ctx, s, "stock", func(j *jobs.Job) { j.Description, j.Data = long, quoted })
	return errors.Join(same("the job", readJob(ctx, s, j), j), same("jobs with a word of it", slugs(ctx, s, jobs.JobQuery{Words: []string{`ω'"%_\`}}), []string{"stock"}))
}

func textParams(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	a := ask(j)
	frame := len(`{"x":""}`)
	a.Params = []json.RawMessage{json.RawMessage(`{"x":"` + strings.Repeat("x", jobs.MaxParamsBytes-frame) + `"}`)}
	r := must(s.StartRuns(ctx, t0, a))[0]
	c := givenWorker(ctx, s, "node-a").take(ctx, s, t0)
	return errors.Join(same("Params", must(s.Run(ctx, tenant, r.ID)).Params, a.Params[0]), same("claimed Params", c.Run.Params, a.Params[0]))
}

// whole is nil if a moment is kept in whole milliseconds, UTC, less than one away from what was given.
func whole(what string, got, given time.Time) error {
	off := got.Sub(given).Abs()
	return errors.Join(holds(got.Location() == time.UTC, "%s is in zone %v, want UTC", what, got.Location()),
		holds(got.Nanosecond()%int(time.Millisecond) == 0, "%s is %s, not in whole milliseconds", what, got),
		holds(off < time.Millisecond, "%s is %s, given was %s", what, got, given))
}

func timePrecision(ctx context.Context, s jobs.Store) error {
	zone := time.FixedZone("+0530", 5*3600+1800)
	odd := at(1).In(zone).Add(123_456_789)
	j := newJob("stock", minutely)
	j.NextRunAt, j.CreatedAt, j.UpdatedAt, j.DefnUpdatedAt = odd, odd, odd, odd
	done(s.InsertJob(ctx, odd, j))
	read := readJob(ctx, s, j)
	a := ask(j)
	a.NotBefore = odd
	r := must(s.StartRuns(ctx, odd, a))[0]
	h := givenWorker(ctx, s, "node-a")
	c := h.take(ctx, s, odd.Add(time.Second))
	h.turn(ctx, s, odd.Add(2*time.Second), 0, ends(c, jobs.RunSuccess, odd.Add(time.Second)))
	run := must(s.Run(ctx, tenant, r.ID))
	return errors.Join(whole("NextRunAt", read.NextRunAt, odd), whole("CreatedAt", read.CreatedAt, odd), whole("UpdatedAt", read.UpdatedAt, odd),
		whole("DefnUpdatedAt", read.DefnUpdatedAt, odd), whole("NextDue", must(s.NextDue(ctx)), odd), whole("NotBefore as answered", r.NotBefore, odd),
		whole("CreatedAt of the run", run.CreatedAt, odd), whole("StartedAt", run.StartedAt, odd.Add(time.Second)), whole("StartedAt as claimed", c.Run.StartedAt, odd.Add(time.Second)),
		whole("EndedAt", run.EndedAt, odd.Add(time.Second)), whole("HeartbeatAt", must(s.Worker(ctx, h.id, tenant)).HeartbeatAt, odd.Add(2*time.Second)))
}

func timeZones(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock")
	west := time.FixedZone("-0800", -8*3600)
	a := ask(j)
	a.NotBefore = at(10).In(west)
	must(s.StartRuns(ctx, t0.In(west), a))
	h := givenWorker(ctx, s, "node-a")
	early := h.turn(ctx, s, at(9), 1)
	return errors.Join(same("claimed too early", len(early.Claimed), 0), same("claimed in time", len(h.turn(ctx, s, at(10).In(west), 1).Claimed), 1))
}

func timeFar(ctx context.Context, s jobs.Store) error {
	for i, moment := range []time.Time{
		time.Date(1970, 1, 1, 0, 0, 0, int(time.Millisecond), time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		time.Date(2099, 12, 31, 23, 59, 59, 999_000_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC),
	} {
		j := givenJob(ctx, s, fmt.Sprint("job-", i), func(j *jobs.Job) { j.NextRunAt = moment })
		if err := instant("NextRunAt", readJob(ctx, s, j).NextRunAt, moment); err != nil {
			return err
		}
		done(s.DeleteJob(ctx, t0, tenant, j.ID, 1, false))
	}
	return nil
}

func timeOrder(ctx context.Context, s jobs.Store) error {
	j := givenJob(ctx, s, "stock", allowing(99))
	var want []jobs.RunID
	for i := range 5 {
		r := givenRun(ctx, s, j, t0.Add(time.Duration(i)*time.Millisecond))
		want = append([]jobs.RunID{r.ID}, want...)
	}
	return same("runs, newest first", runIDs(ctx, s, jobs.RunQuery{}), want)
}
