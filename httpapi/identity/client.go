package identity

import (
	"context"
	"net/netip"

	"github.com/carillon-go/carillon/jobs"
)

// Client is the accounts as one identity sees them. Every method checks what it may do, in the order of contract 1.5: who is not known is
// jobs.ErrUnauthenticated, then jobs.ErrNotFound, jobs.ErrForbidden, jobs.ErrInvalid, and last jobs.ErrConflict and jobs.ErrPrecondition. Safe for
// concurrent use.
type Client struct {
	accounts *Accounts
	who      Who
	// addr is from where the identity acts; wrong passwords are counted by it.
	addr netip.Addr
}

// As gives the client that acts as who, from an address.
func (a *Accounts) As(who Who, addr netip.Addr) *Client { return &Client{a, who, addr} }

func (c *Client) tenant() jobs.TenantID { return c.who.Principal.Tenant }

// identified is the first check of every use case.
func (c *Client) identified() error {
	if c.who.Principal.User == "" || c.who.Principal.Tenant == "" {
		return jobs.ErrUnauthenticated
	}
	return nil
}

// writes refuses what may only read.
func (c *Client) writes(ctx context.Context) error {
	if c.who.Principal.ReadOnly {
		return c.denied(ctx, jobs.Forbidden("the token is read-only"), "write", "", "")
	}
	return nil
}

// superuser is the check of what only superusers may see.
func (c *Client) superuser(ctx context.Context) error {
	if err := c.identified(); err != nil {
		return err
	}
	if !c.who.Principal.Superuser {
		return c.denied(ctx, jobs.Forbidden("only a superuser may do this"), "superuser", "", "")
	}
	return nil
}
