package jobs

import (
	"context"
	"time"
)

// CopyDefinition copies a definition from one job to another as a draft does it.
func (s *Service) CopyDefinition(ctx context.Context, d *Definition, tenant TenantID, from, to ID, at time.Time) (Definition, error) {
	return copyDefinition(ctx, d, copying{
		from: SecretRef{Tenant: tenant, Job: from}, to: SecretRef{Tenant: tenant, Job: to},
		rename: newActionIDs(), origins: true, secrets: s.reseal, at: at,
	})
}
