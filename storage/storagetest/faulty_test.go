package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// faulty is a store that misbehaves in one way: a function that is set stands for the method of its name.
type faulty struct {
	jobs.Store
	saveJob   func(ctx context.Context, now time.Time, j *jobs.Job, base int64) error
	job       func(ctx context.Context, tenant jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error)
	list      func(ctx context.Context, q jobs.JobQuery) (jobs.Page[*jobs.Job], error)
	startRuns func(ctx context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error)
	run       func(ctx context.Context, tenant jobs.TenantID, id jobs.RunID) (*jobs.Run, error)
	exchange  func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error)
	takeOver  func(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error)
	fires     func(ctx context.Context, q jobs.FireQuery) (jobs.Page[jobs.Fire], error)
	prune     func(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error)
	setLimits func(ctx context.Context, tenant jobs.TenantID, l jobs.Limits, cluster bool) error
	check     func(ctx context.Context) error
}

func (f *faulty) SaveJob(ctx context.Context, now time.Time, j *jobs.Job, base int64) error {
	if f.saveJob != nil {
		return f.saveJob(ctx, now, j, base)
	}
	return f.Store.SaveJob(ctx, now, j, base)
}

func (f *faulty) Job(ctx context.Context, tenant jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
	if f.job != nil {
		return f.job(ctx, tenant, ref)
	}
	return f.Store.Job(ctx, tenant, ref)
}

func (f *faulty) Jobs(ctx context.Context, q jobs.JobQuery) (jobs.Page[*jobs.Job], error) {
	if f.list != nil {
		return f.list(ctx, q)
	}
	return f.Store.Jobs(ctx, q)
}

func (f *faulty) StartRuns(ctx context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error) {
	if f.startRuns != nil {
		return f.startRuns(ctx, now, s)
	}
	return f.Store.StartRuns(ctx, now, s)
}

func (f *faulty) Run(ctx context.Context, tenant jobs.TenantID, id jobs.RunID) (*jobs.Run, error) {
	if f.run != nil {
		return f.run(ctx, tenant, id)
	}
	return f.Store.Run(ctx, tenant, id)
}

func (f *faulty) Exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	if f.exchange != nil {
		return f.exchange(ctx, r)
	}
	return f.Store.Exchange(ctx, r)
}

func (f *faulty) TakeOver(ctx context.Context, now time.Time, id jobs.WorkerID, seen int64, reason string) ([]jobs.RunID, error) {
	if f.takeOver != nil {
		return f.takeOver(ctx, now, id, seen, reason)
	}
	return f.Store.TakeOver(ctx, now, id, seen, reason)
}

func (f *faulty) Fires(ctx context.Context, q jobs.FireQuery) (jobs.Page[jobs.Fire], error) {
	if f.fires != nil {
		return f.fires(ctx, q)
	}
	return f.Store.Fires(ctx, q)
}

func (f *faulty) Prune(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error) {
	if f.prune != nil {
		return f.prune(ctx, now, keep, limit)
	}
	return f.Store.Prune(ctx, now, keep, limit)
}

func (f *faulty) SetLimits(ctx context.Context, tenant jobs.TenantID, l jobs.Limits, cluster bool) error {
	if f.setLimits != nil {
		return f.setLimits(ctx, tenant, l, cluster)
	}
	return f.Store.SetLimits(ctx, tenant, l, cluster)
}

func (f *faulty) Check(ctx context.Context) error {
	if f.check != nil {
		return f.check(ctx)
	}
	return nil
}

func sound(t testing.TB) *faulty {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlitetest.File(t, t.TempDir()), sqlite.Options{Synchronous: "NORMAL", MinFreeBytes: -1})
	if err != nil {
		t.Fatalf("open a SQLite store: %v", err)
	}
	return &faulty{Store: s}
}

func ruleOf(t testing.TB, sentence string) rule {
	t.Helper()
	for _, sub := range subjects() {
		for _, r := range sub.rules {
			if r.sentence == sentence {
				return r
			}
		}
	}
	t.Fatalf("no rule says %q", sentence)
	return rule{}
}

// TestRun_faultyStores is the test of the kit itself: each fault breaks the rule that is about it, and a sound store does not.
func TestRun_faultyStores(t *testing.T) {
	for _, c := range faults() {
		t.Run(c.fault, func(t *testing.T) {
			r := ruleOf(t, c.breaks)
			if err := perform(t.Context(), r, sound(t)); err != nil {
				t.Fatalf("a sound store breaks %q: %v", c.breaks, err)
			}
			f := sound(t)
			c.spoil(f)
			err := perform(t.Context(), r, f)
			if err == nil {
				t.Fatalf("a store with this fault keeps %q", c.breaks)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not say %q: %v", c.says, err)
			}
		})
	}
}

type fault struct {
	fault  string
	breaks string
	// says is a part of the error: the invariant, or the file of the rule.
	says  string
	spoil func(f *faulty)
}

func faults() []fault {
	return slices.Concat(exchangeFaults(), jobFaults(), runFaults())
}

func exchangeFaults() []fault {
	return []fault{
		{"fences are not looked at", "an outcome under another fence, worker or of an unknown run is fenced, the others are written", "I1", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				for i := range r.Outcomes {
					if run, err := f.Store.Run(ctx, tenant, r.Outcomes[i].RunID); err == nil {
						r.Outcomes[i].Fence = run.Fence
					}
				}
				return f.Store.Exchange(ctx, r)
			}
		}},
		{"a run is given to two workers", "a claimed run is not claimed again", "I1", func(f *faulty) {
			var first []jobs.Claim
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				result, err := f.Store.Exchange(ctx, r)
				if err == nil && first == nil {
					first = result.Claimed
				} else if err == nil {
					result.Claimed = first
				}
				return result, err
			}
		}},
		{"beats are not looked at", "a beat must be the stored one plus one, else nothing is written", "exchange.go", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				if w, _, err := f.Store.HeldRuns(ctx, r.Worker); err == nil {
					r.Beat = w.Beat + 1
				}
				return f.Store.Exchange(ctx, r)
			}
		}},
		{"log entries are dropped", "an entry is read back as it was written, oldest first", "log.go", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				for i := range r.Outcomes {
					r.Outcomes[i].Logs = nil
				}
				return f.Store.Exchange(ctx, r)
			}
		}},
		{"workers are not told of a cancel", "a running run is marked, and its worker told in every exchange until its end", "cancel.go", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				result, err := f.Store.Exchange(ctx, r)
				if err == nil {
					result.CancelRequested = nil
				}
				return result, err
			}
		}},
		{"a step starts although a cancel was answered", "a step that starts while a cancel is requested is stored as pending", "cancel.go", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				for i := range r.Outcomes {
					r.Outcomes[i].Starts = false
				}
				return f.Store.Exchange(ctx, r)
			}
		}},
		{"more runs are claimed than wanted", "no more runs are claimed than wanted, and More tells of the others", "were wanted", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				r.Want++
				return f.Store.Exchange(ctx, r)
			}
		}},
		{"limits are not stored", "the limit of a tenant is kept", "claim.go", func(f *faulty) {
			f.setLimits = func(context.Context, jobs.TenantID, jobs.Limits, bool) error { return nil }
		}},
		{"a living worker is taken over", "a worker whose beat has moved is not taken over", "takeover.go", func(f *faulty) {
			f.takeOver = func(ctx context.Context, now time.Time, id jobs.WorkerID, _ int64, reason string) ([]jobs.RunID, error) {
				w, _, err := f.Store.HeldRuns(ctx, id)
				if err != nil {
					return nil, err
				}
				return f.Store.TakeOver(ctx, now, id, w.Beat, reason)
			}
		}},
		{"drivers are not looked at", "a run is claimed only by a worker that has all its drivers", "claim.go", func(f *faulty) {
			f.exchange = func(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
				r.Has = func(jobs.DriverKind, string) bool { return true }
				return f.Store.Exchange(ctx, r)
			}
		}},
	}
}

func jobFaults() []fault {
	return []fault{
		{"a save wins over another one", "a save with another revision changes nothing", "job.go", func(f *faulty) {
			f.saveJob = func(ctx context.Context, now time.Time, j *jobs.Job, base int64) error {
				if stored, err := f.Store.Job(ctx, j.Tenant, jobs.JobRef{ID: j.ID}); err == nil {
					base = stored.Revision
					j.Revision = base + 1
				}
				return f.Store.SaveJob(ctx, now, j, base)
			}
		}},
		{"tenants are not told apart", "a job of another tenant does not exist", "job.go", func(f *faulty) {
			f.job = func(ctx context.Context, _ jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
				return f.Store.Job(ctx, tenant, ref)
			}
		}},
		{"moments are of the local zone", "moments are kept in whole milliseconds, UTC", "text.go", func(f *faulty) {
			f.job = func(ctx context.Context, tenant jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
				j, err := f.Store.Job(ctx, tenant, ref)
				if err == nil {
					j.NextRunAt = j.NextRunAt.In(time.FixedZone("CET", 3600))
				}
				return j, err
			}
		}},
		{"slugs are folded", "slugs are told apart by case", "text.go", func(f *faulty) {
			f.job = func(ctx context.Context, tenant jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
				ref.Slug = strings.ToLower(ref.Slug)
				return f.Store.Job(ctx, tenant, ref)
			}
		}},
		{"words are patterns", "signs that are special in patterns stand for themselves", "joblist.go", func(f *faulty) {
			f.list = func(ctx context.Context, q jobs.JobQuery) (jobs.Page[*jobs.Job], error) {
				for i := range q.Words {
					q.Words[i] = strings.Trim(q.Words[i], "%")
				}
				return f.Store.Jobs(ctx, q)
			}
		}},
		{"missing values are first", "missing values are last in ascending order and first in descending order", "joblist.go", func(f *faulty) {
			f.list = func(ctx context.Context, q jobs.JobQuery) (jobs.Page[*jobs.Job], error) {
				page, err := f.Store.Jobs(ctx, q)
				slices.SortStableFunc(page.Items, func(a, b *jobs.Job) int { return a.NextRunAt.Compare(b.NextRunAt) })
				return page, err
			}
		}},
		{"the total is that of the page", "a page is a part of the list, with the number of all", "joblist.go", func(f *faulty) {
			f.list = func(ctx context.Context, q jobs.JobQuery) (jobs.Page[*jobs.Job], error) {
				page, err := f.Store.Jobs(ctx, q)
				page.Total = len(page.Items)
				return page, err
			}
		}},
		{"the next fire stays behind", "a due fire becomes a run, and the next fire is set", "I8", func(f *faulty) {
			f.job = func(ctx context.Context, tenant jobs.TenantID, ref jobs.JobRef) (*jobs.Job, error) {
				j, err := f.Store.Job(ctx, tenant, ref)
				if err == nil {
					j.NextRunAt = at(1)
				}
				return j, err
			}
		}},
		{"skipped fires are not in the ledger", "skip: a fire beside a live run is skipped and names it", "I3", func(f *faulty) {
			f.fires = func(ctx context.Context, q jobs.FireQuery) (jobs.Page[jobs.Fire], error) {
				if q.Outcome == "" && q.Ascending {
					q.Outcome = jobs.FireRan
				}
				return f.Store.Fires(ctx, q)
			}
		}},
	}
}

func runFaults() []fault {
	return []fault{
		{"keys are not known", "a key gives the first run again, whatever its state", "start.go", func(f *faulty) {
			f.startRuns = func(ctx context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error) {
				s.Key = ""
				return f.Store.StartRuns(ctx, now, s)
			}
		}},
		{"an ended run changes", "an ended run is fenced for its worker", "I4", func(f *faulty) {
			reads := 0
			f.run = func(ctx context.Context, tenant jobs.TenantID, id jobs.RunID) (*jobs.Run, error) {
				r, err := f.Store.Run(ctx, tenant, id)
				if reads++; err == nil && reads > 1 {
					r.Error = "changed"
				}
				return r, err
			}
		}},
		{"a recorded result changes", "a run that was put back keeps its recorded steps and goes on behind them", "I4", func(f *faulty) {
			f.run = func(ctx context.Context, tenant jobs.TenantID, id jobs.RunID) (*jobs.Run, error) {
				r, err := f.Store.Run(ctx, tenant, id)
				if err == nil && r.Steps[0].State.Done() {
					r.Steps[0].Message = "changed"
				}
				return r, err
			}
		}},
		{"pruning takes the last run too", "a bound of days keeps younger runs, and the last one however old", "prune.go", func(f *faulty) {
			f.prune = func(ctx context.Context, now time.Time, keep jobs.Retention, limit int) (int, error) {
				n, err := f.Store.Prune(ctx, now, keep, limit)
				if err != nil {
					return n, err
				}
				page, err := f.Store.Jobs(ctx, jobs.JobQuery{Tenant: tenant})
				for _, j := range page.Items {
					err = errors.Join(err, f.Store.DeleteRuns(ctx, tenant, j.ID, now.AddDate(0, 0, -keep.KeepDays)))
				}
				return n, err
			}
		}},
		{"an ended context is not looked at", "a context that has ended is an error and nothing is written", "life.go", func(f *faulty) {
			f.startRuns = func(ctx context.Context, now time.Time, s jobs.Start) ([]jobs.Run, error) {
				return f.Store.StartRuns(context.WithoutCancel(ctx), now, s)
			}
		}},
		{"the store's own check fails", "a new job is read back whole, at revision 1", "own check", func(f *faulty) {
			f.check = func(context.Context) error { return errors.New("a counter is wrong") }
		}},
	}
}

// TestRun_faultyRestart has a store that forgets everything when it is opened again.
func TestRun_faultyRestart(t *testing.T) {
	for _, r := range restartRules() {
		if r.sentence != "what was answered is there after a restart" && r.sentence != "a key is known after a restart" {
			continue
		}
		w := newWitness(sound(t))
		err := attempt(func() error {
			return r.check(t.Context(), w, func() jobs.Store {
				done(w.Store.Close())
				w.Store = sound(t)
				return w
			})
		})
		if err == nil {
			t.Errorf("a store that forgets everything keeps %q", r.sentence)
		}
		if err := w.Store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// TestRun_sentences: a rule is named by its sentence, so no two may have one.
func TestRun_sentences(t *testing.T) {
	seen := map[string]bool{}
	for _, sub := range subjects() {
		for _, r := range sub.rules {
			if seen[r.sentence] || r.sentence == "" {
				t.Errorf("two rules say %q", r.sentence)
			}
			seen[r.sentence] = true
		}
	}
	if len(seen) < 200 {
		t.Errorf("the kit has %d rules, some subject is missing", len(seen))
	}
}

// TestRun_faultyBeside has a second store that is not on the same data.
func TestRun_faultyBeside(t *testing.T) {
	for _, r := range besideRules() {
		w, other := newWitness(sound(t)), sound(t)
		ctx, cancel := context.WithCancel(t.Context())
		if strings.Contains(r.sentence, "wakes") {
			cancel() // or the rule would wait for its signal
		}
		if err := attempt(func() error { return r.check(ctx, w, other) }); err == nil {
			t.Errorf("a store on other data keeps %q", r.sentence)
		}
		cancel()
		if err := errors.Join(w.Store.Close(), other.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}
