package storagetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

func keyRules() []rule {
	return []rule{
		{"a tenant without keys has none", keyNone},
		{"keys are read back oldest first", keyOrder},
		{"keys of another tenant are not read", keyForeign},
		{"a key is stored only if the tenant has as many keys as were seen", keySeen},
		{"of many first keys one wins", keyRace},
	}
}

func keyNone(ctx context.Context, s jobs.Store) error {
	return same("keys", len(must(s.TenantKeys(ctx, tenant))), 0)
}

func keyOrder(ctx context.Context, s jobs.Store) error {
	var want []jobs.TenantKey
	for i, id := range []string{"zeta", "alpha", "mid"} {
		want = append(want, jobs.TenantKey{ID: id, Tenant: tenant, Wrapped: []byte{byte(i), 0, 255, '\''}})
		done(s.AddTenantKey(ctx, want[i], i))
	}
	return same("keys", must(s.TenantKeys(ctx, tenant)), want)
}

func keyForeign(ctx context.Context, s jobs.Store) error {
	done(s.AddTenantKey(ctx, jobs.TenantKey{ID: "k1", Tenant: tenant, Wrapped: []byte("x")}, 0))
	none := len(must(s.TenantKeys(ctx, foreign)))
	return errors.Join(same("keys of the other", none, 0), s.AddTenantKey(ctx, jobs.TenantKey{ID: "k2", Tenant: foreign, Wrapped: []byte("y")}, 0),
		same("keys of the other afterwards", len(must(s.TenantKeys(ctx, foreign))), 1))
}

func keySeen(ctx context.Context, s jobs.Store) error {
	key := func(id string) jobs.TenantKey { return jobs.TenantKey{ID: id, Tenant: tenant, Wrapped: []byte(id)} }
	early := s.AddTenantKey(ctx, key("k0"), 1)
	done(s.AddTenantKey(ctx, key("k1"), 0))
	late := s.AddTenantKey(ctx, key("k2"), 0)
	return errors.Join(refused("more seen than there are", early, jobs.ErrConflict), refused("fewer seen than there are", late, jobs.ErrConflict),
		same("keys", must(s.TenantKeys(ctx, tenant)), []jobs.TenantKey{key("k1")}))
}

func keyRace(ctx context.Context, s jobs.Store) error {
	won := 0
	for _, err := range together(8, func(i int) error {
		return s.AddTenantKey(ctx, jobs.TenantKey{ID: fmt.Sprint("k", i), Tenant: tenant, Wrapped: []byte{1}}, 0)
	}) {
		if err == nil {
			won++
			continue
		}
		if err := refused("a key that came too late", err, jobs.ErrConflict); err != nil {
			return err
		}
	}
	return errors.Join(same("keys that were stored", won, 1), same("keys", len(must(s.TenantKeys(ctx, tenant))), 1))
}
