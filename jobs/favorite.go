package jobs

import "context"

// FavoriteStore keeps which jobs each user likes to find. They are nobody else's business and change nothing of the job.
type FavoriteStore interface {
	// SetFavorite makes a job a favorite of a user, or no longer. Harmless to repeat. A draft is a *ConflictError. Unknown job: ErrNotFound.
	SetFavorite(ctx context.Context, tenant TenantID, user PrincipalID, job ID, favorite bool) error
	// Favorites gives those of the jobs that are favorites of a user, in any order.
	Favorites(ctx context.Context, tenant TenantID, user PrincipalID, among []ID) ([]ID, error)
}

// Favorites tells which of some jobs are favorites of the caller.
func (c *Client) Favorites(ctx context.Context, of ...*Job) (map[ID]bool, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	ids := make([]ID, len(of))
	for i, j := range of {
		ids[i] = j.ID
	}
	found, err := c.service.store.Favorites(ctx, c.principal.Tenant, c.principal.User, ids)
	if err != nil {
		return nil, err
	}
	favorites := make(map[ID]bool, len(found))
	for _, id := range found {
		favorites[id] = true
	}
	return favorites, nil
}

// CanWrite is nil if the principal can read a job and does not come from a read-only token: who reads a job may mark it.
func (c *Client) CanWrite(ctx context.Context, ref JobRef) error {
	if _, err := c.readable(ctx, ref); err != nil {
		return err
	}
	return c.writes(ctx)
}

// SetFavorite makes a job that the caller can read its favorite, or no longer (contract 14.6). It is no right of the job: a read-only token
// alone is refused.
func (c *Client) SetFavorite(ctx context.Context, ref JobRef, favorite bool) error {
	j, err := c.readable(ctx, ref)
	if err != nil {
		return err
	}
	if err := c.writes(ctx); err != nil {
		return err
	}
	if j.IsDraft() {
		return Conflict("a draft is no favorite; mark the job that it was made of")
	}
	return c.service.store.SetFavorite(ctx, j.Tenant, c.principal.User, j.ID, favorite)
}
