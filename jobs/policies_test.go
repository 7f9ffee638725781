package jobs_test

import (
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// wrongPaths are the paths that a validation names, "" for none.
func wrongPaths(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	return paths(t, err)
}

// TestPolicies_Validate holds the ranges of contract 20.1: the ends are allowed, one beyond is not.
func TestPolicies_Validate(t *testing.T) {
	t.Parallel()
	const s = time.Second
	cases := map[string]struct {
		path    string
		set     func(p *jobs.Policies, n int)
		in, out []int
	}{
		"misfire grace":  {"misfireGraceSeconds", func(p *jobs.Policies, n int) { p.MisfireGrace = time.Duration(n) * s }, []int{0, 86_400}, []int{-1, 86_401}},
		"misfire window": {"misfireWindowSeconds", func(p *jobs.Policies, n int) { p.MisfireWindow = time.Duration(n) * s }, []int{0, 86_400, 366 * 86_400}, []int{-1}},
		"jitter":         {"jitterSeconds", func(p *jobs.Policies, n int) { p.Jitter = time.Duration(n) * s }, []int{0, 3600}, []int{-1, 3601}},
		"timeout":        {"timeoutSeconds", func(p *jobs.Policies, n int) { p.Timeout = time.Duration(n) * s }, []int{0, 1, 48 * 3600}, []int{-1, 48*3600 + 1}},
		"priority":       {"priority", func(p *jobs.Policies, n int) { p.Priority = n }, []int{-100, 0, 100}, []int{-101, 101}},
		"keep days":      {"keepDays", func(p *jobs.Policies, n int) { p.KeepDays = n }, []int{0, 1}, []int{-1}},
		"keep runs":      {"keepRuns", func(p *jobs.Policies, n int) { p.KeepRuns = n }, []int{0, 1}, []int{-1}},
		"max concurrent": {"maxConcurrent", func(p *jobs.Policies, n int) { p.Overlap, p.MaxConcurrent = jobs.OverlapAllow, n }, []int{1, 10_000}, []int{0, -1, 10_001}},
		"concurrent without allow": {
			"maxConcurrent", func(p *jobs.Policies, n int) { p.Overlap, p.MaxConcurrent = jobs.OverlapQueue, n },
			[]int{1},
			[]int{0, 2},
		},
		"part of a second": {"jitterSeconds", func(p *jobs.Policies, n int) { p.Jitter = time.Duration(n) * time.Millisecond }, []int{2000}, []int{1, 1500}},
		"driver step":      {"driver.maxRetries", func(p *jobs.Policies, n int) { p.Driver.MaxRetries = n }, []int{0, 10}, []int{-1, 11}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			check := func(n int, want string) {
				p := jobs.DefaultPolicies()
				c.set(&p, n)
				if got := wrongPaths(t, p.Validate()); got != want {
					t.Errorf("%d: faults at %q, want %q", n, got, want)
				}
			}
			for _, n := range c.in {
				check(n, "")
			}
			for _, n := range c.out {
				check(n, c.path)
			}
		})
	}
	if got := wrongPaths(t, jobs.DefaultPolicies().Validate()); got != "" {
		t.Errorf("the defaults have faults at %q", got)
	}
	if got := wrongPaths(t, jobs.Policies{}.Validate()); got != "overlap maxConcurrent misfire driver.backoff driver.onInterrupt" {
		t.Errorf("the zero value has faults at %q", got)
	}
	for _, o := range constants[jobs.Overlap](t, "Overlap") {
		p := jobs.DefaultPolicies()
		if p.Overlap = o; p.Validate() != nil {
			t.Errorf("overlap %q is refused", o)
		}
	}
	for _, m := range constants[jobs.Misfire](t, "Misfire") {
		p := jobs.DefaultPolicies()
		if p.Misfire = m; p.Validate() != nil {
			t.Errorf("misfire %q is refused", m)
		}
	}
}

func TestDefaultPolicies(t *testing.T) {
	t.Parallel()
	want := jobs.Policies{
		Overlap: "skip", MaxConcurrent: 1, Misfire: "latest", MisfireGrace: 60 * time.Second, MisfireWindow: 86_400 * time.Second,
		Driver: jobs.StepPolicy{RetryDelay: 30 * time.Second, Backoff: "fixed", OnInterrupt: "auto"},
	}
	if got := jobs.DefaultPolicies(); got != want {
		t.Errorf("the defaults are %+v, want %+v (contract 20.1)", got, want)
	}
	if jobs.DefaultStepPolicy() != want.Driver {
		t.Errorf("a step has by default %+v", jobs.DefaultStepPolicy())
	}
}

// TestStepPolicy_Validate holds contract 6.1 and 20.2.
func TestStepPolicy_Validate(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		change func(*jobs.StepPolicy)
		want   string
	}{
		{func(p *jobs.StepPolicy) { p.Timeout, p.MaxRetries, p.RetryDelay = 1*s, 10, 3600*s }, ""},
		{func(p *jobs.StepPolicy) { p.Timeout, p.RetryDelay = 86_400*s, 0 }, ""},
		{func(p *jobs.StepPolicy) { p.Timeout = 86_401 * s }, "timeoutSeconds"},
		{func(p *jobs.StepPolicy) { p.Timeout = -1 * s }, "timeoutSeconds"},
		{func(p *jobs.StepPolicy) { p.Timeout = 1500 * time.Millisecond }, "timeoutSeconds"},
		{func(p *jobs.StepPolicy) { p.MaxRetries = 11 }, "maxRetries"},
		{func(p *jobs.StepPolicy) { p.RetryDelay = 3601 * s }, "retryDelaySeconds"},
		{func(p *jobs.StepPolicy) { p.Backoff = "linear" }, "backoff"},
		{func(p *jobs.StepPolicy) { p.OnInterrupt = "panic" }, "onInterrupt"},
	} {
		p := jobs.DefaultStepPolicy()
		c.change(&p)
		if got := wrongPaths(t, p.Validate()); got != c.want {
			t.Errorf("%+v: faults at %q, want %q", p, got, c.want)
		}
	}
	for _, b := range constants[jobs.Backoff](t, "Backoff") {
		for _, i := range constants[jobs.OnInterrupt](t, "OnInterrupt") {
			p := jobs.DefaultStepPolicy()
			if p.Backoff, p.OnInterrupt = b, i; p.Validate() != nil {
				t.Errorf("%+v is refused", p)
			}
		}
	}
}

// TestLimits_Validate holds contract 12.4.
func TestLimits_Validate(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		change func(*jobs.Limits)
		want   string
	}{
		{func(*jobs.Limits) {}, ""},
		{func(l *jobs.Limits) {
			*l = jobs.Limits{TenantConcurrency: 1, ClusterConcurrency: 1, Heartbeat: s, Timeout: 2 * s}
		}, ""},
		{func(l *jobs.Limits) {
			*l = jobs.Limits{TenantConcurrency: 10_000, ClusterConcurrency: 100_000, Heartbeat: 300 * s, Timeout: 3600 * s}
		}, ""},
		{func(l *jobs.Limits) { l.TenantConcurrency = 0 }, "tenantConcurrency"},
		{func(l *jobs.Limits) { l.TenantConcurrency = 10_001 }, "tenantConcurrency"},
		{func(l *jobs.Limits) { l.ClusterConcurrency = 100_001 }, "clusterConcurrency"},
		{func(l *jobs.Limits) { l.Heartbeat, l.Timeout = 301*s, 3600*s }, "heartbeatSeconds"},
		{func(l *jobs.Limits) { l.Heartbeat = 0 }, "heartbeatSeconds"},
		{func(l *jobs.Limits) { l.Timeout = 3601 * s }, "timeoutSeconds"},
		{func(l *jobs.Limits) { l.Heartbeat, l.Timeout = 30*s, 60*s }, ""},
		{func(l *jobs.Limits) { l.Heartbeat, l.Timeout = 31*s, 61*s }, "timeoutSeconds"},
		{func(l *jobs.Limits) { *l = jobs.Limits{} }, "tenantConcurrency clusterConcurrency heartbeatSeconds timeoutSeconds"},
	} {
		l := jobs.DefaultLimits()
		c.change(&l)
		if got := wrongPaths(t, l.Validate()); got != c.want {
			t.Errorf("%+v: faults at %q, want %q", l, got, c.want)
		}
	}
}
