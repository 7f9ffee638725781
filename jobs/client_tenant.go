package jobs

import (
	"context"
	"errors"
	"fmt"
)

// Tenants lists all tenants, by id. It needs the right to manage the cluster.
func (c *Client) Tenants(ctx context.Context) ([]TenantUsage, error) {
	if err := c.manager(ctx); err != nil {
		return nil, err
	}
	return c.service.store.Tenants(ctx)
}

// tenantStep is how much of a tenant is removed in one transaction, so that no other write waits long.
const tenantStep = 200

// RemoveTenant removes a tenant with everything that belongs to it, contents of files included, and leaves one audit row of the caller's own
// tenant (R68). It needs the right to manage the cluster; the caller's own tenant is a *ConflictError, and so are live runs, unless force
// is set: then they vanish as they are.
//
// It is many transactions and may take minutes. From the first one on the tenant is closed, see TenantStore. If it ends early, by an error or
// with its process, it is called again and goes on. What the host keeps by itself, such as snapshots of datasets, is the host's to remove.
func (c *Client) RemoveTenant(ctx context.Context, tenant TenantID, force bool) error {
	if err := c.manager(ctx); err != nil {
		return err
	}
	if tenant == c.principal.Tenant {
		return Conflict("a tenant cannot remove itself")
	}
	if err := c.service.store.CloseTenant(ctx, now(), tenant, force); err != nil {
		return err
	}
	ctx = c.audited(ctx, AuditRow{Action: AuditDelete, Kind: "tenant", Object: string(tenant)})
	kept := 0
	var fault error
	for {
		step, err := c.service.store.EraseTenant(ctx, tenant, tenantStep)
		if err != nil {
			return err
		}
		for _, key := range step.Files {
			if err := c.deleteContents(ctx, key); err != nil {
				kept++
				fault = err
			}
		}
		if step.Done {
			break
		}
	}
	if kept > 0 {
		return fmt.Errorf("the tenant is removed, and the contents of %d files will be when their store allows it: %w", kept, fault)
	}
	return nil
}

func (c *Client) deleteContents(ctx context.Context, key BlobKey) error {
	if c.service.options.Blobs == nil {
		return errors.New("this process has no store for files")
	}
	return c.service.options.Blobs.DeleteBlob(ctx, key)
}
