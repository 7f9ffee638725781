package storagetest

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

func limitRules() []rule {
	return []rule{
		{"limits that were never set are the defaults", limitsDefault},
		{"a tenant's limit is its own", limitsTenant},
		{"limits of the cluster are one for all tenants, and set only when asked", limitsCluster},
		{"a worker gets heartbeat and time-out with its next exchange", limitsExchange},
		{"a lowered limit ends no run and lets none start", limitsLowered},
	}
}

func limitsDefault(ctx context.Context, s jobs.Store) error {
	return same("Limits", must(s.Limits(ctx, tenant)), jobs.DefaultLimits())
}

func limitsTenant(ctx context.Context, s jobs.Store) error {
	done(s.SetLimits(ctx, tenant, narrow(7, 100), false))
	done(s.SetLimits(ctx, foreign, narrow(8, 100), false))
	done(s.SetLimits(ctx, tenant, narrow(6, 100), false))
	return errors.Join(same("of one", must(s.Limits(ctx, tenant)), narrow(6, 100)), same("of the other", must(s.Limits(ctx, foreign)), narrow(8, 100)),
		same("of a third", must(s.Limits(ctx, "third")), jobs.DefaultLimits()))
}

func limitsCluster(ctx context.Context, s jobs.Store) error {
	l := jobs.Limits{TenantConcurrency: 5, ClusterConcurrency: 50, Heartbeat: 3 * time.Second, Timeout: 9 * time.Second}
	done(s.SetLimits(ctx, tenant, l, false))
	mine := must(s.Limits(ctx, tenant))
	done(s.SetLimits(ctx, tenant, l, true))
	theirs := must(s.Limits(ctx, foreign))
	return errors.Join(same("without the cluster", mine, narrow(5, 100)), same("with the cluster", must(s.Limits(ctx, tenant)), l),
		same("of another tenant", theirs, jobs.Limits{TenantConcurrency: 10, ClusterConcurrency: 50, Heartbeat: l.Heartbeat, Timeout: l.Timeout}))
}

func limitsExchange(ctx context.Context, s jobs.Store) error {
	h := givenWorker(ctx, s, "node-a")
	h.turn(ctx, s, t0, 0)
	l := jobs.DefaultLimits()
	l.Heartbeat, l.Timeout = 2*time.Second, 5*time.Second
	done(s.SetLimits(ctx, tenant, l, true))
	r := h.turn(ctx, s, at(1), 0)
	return errors.Join(same("Heartbeat", r.Limits.Heartbeat, l.Heartbeat), same("Timeout", r.Limits.Timeout, l.Timeout))
}

func limitsLowered(ctx context.Context, s jobs.Store) error {
	givenRuns(ctx, s, givenJob(ctx, s, "stock", allowing(99)), t0, 6)
	h := givenWorker(ctx, s, "node-a")
	claims := h.claim(ctx, s, t0, 4)
	done(s.SetLimits(ctx, tenant, narrow(2, 100), false))
	none := h.turn(ctx, s, at(1), 5)
	two := h.turn(ctx, s, at(2), 5, ends(claims[0], jobs.RunSuccess, at(2)), ends(claims[1], jobs.RunSuccess, at(2)))
	one := h.turn(ctx, s, at(3), 5, ends(claims[2], jobs.RunSuccess, at(3)))
	return errors.Join(same("claimed with 4 of 2", len(none.Claimed), 0), same("fenced", len(two.Fenced), 0), same("claimed with 2 of 2", len(two.Claimed), 0),
		same("claimed with 1 of 2", len(one.Claimed), 1))
}
