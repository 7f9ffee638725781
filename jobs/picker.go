package jobs

import "context"

// DirectorySearch is a Directory that finds users and teams by words, for forms in which somebody is chosen. Methods may be called concurrently.
type DirectorySearch interface {
	// SearchPrincipals gives at most limit users and teams of the tenant that things may be given to, by name without regard to case, then by
	// id. Every word must occur in name or id, without regard to case; no words match all.
	SearchPrincipals(ctx context.Context, tenant TenantID, words []string, limit int) ([]PrincipalInfo, error)
}

// HostThing is a report or a library of the host, as forms show it.
type HostThing struct {
	// ID is what settings name it by.
	ID   string
	Name string
}

// Reports are the reports of the host, which attachments render. Methods may be called concurrently.
type Reports interface {
	// SearchReports gives at most limit reports that who, a user or a team, may read: by name without regard to case, then by id. Every word
	// must occur in name or id, without regard to case; no words match all.
	SearchReports(ctx context.Context, tenant TenantID, who PrincipalID, words []string, limit int) ([]HostThing, error)
}

// Libraries are the libraries of the host, places for files. Methods may be called concurrently.
type Libraries interface {
	// SearchLibraries gives at most limit libraries that who, a user or a team, may read, as SearchReports does reports.
	SearchLibraries(ctx context.Context, tenant TenantID, who PrincipalID, words []string, limit int) ([]HostThing, error)
}

// FindPrincipals finds users and teams that a job can be shared with or handed to (contract 20.6). Nobody is found without a directory that
// can search.
func (c *Client) FindPrincipals(ctx context.Context, words []string, limit int) ([]PrincipalInfo, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	search, ok := c.service.directory.(DirectorySearch)
	if !ok {
		return nil, nil
	}
	return search.SearchPrincipals(ctx, c.principal.Tenant, words, limit)
}

// FindDatasets finds datasets that the principal may read, and so name (contract 20.6). None are found without a provider.
func (c *Client) FindDatasets(ctx context.Context, words []string, limit int) ([]Dataset, error) {
	if err := c.identified(); err != nil || c.service.options.Datasets == nil {
		return nil, err
	}
	found, err := c.service.options.Datasets.SearchDatasets(ctx, c.principal.Tenant, c.principal.User, words, limit)
	if err != nil {
		return nil, datasetsFail(err)
	}
	return found, nil
}

// FindReports finds reports that the principal may read (contract 20.6). None are found without a provider.
func (c *Client) FindReports(ctx context.Context, words []string, limit int) ([]HostThing, error) {
	if err := c.identified(); err != nil || c.service.options.Reports == nil {
		return nil, err
	}
	found, err := c.service.options.Reports.SearchReports(ctx, c.principal.Tenant, c.principal.User, words, limit)
	if err != nil {
		return nil, &UnavailableError{Reason: "The reports cannot be reached now", Cause: err}
	}
	return found, nil
}

// FindLibraries finds libraries that the principal may read (contract 20.6). None are found without a provider.
func (c *Client) FindLibraries(ctx context.Context, words []string, limit int) ([]HostThing, error) {
	if err := c.identified(); err != nil || c.service.options.Libraries == nil {
		return nil, err
	}
	found, err := c.service.options.Libraries.SearchLibraries(ctx, c.principal.Tenant, c.principal.User, words, limit)
	if err != nil {
		return nil, &UnavailableError{Reason: "The libraries cannot be reached now", Cause: err}
	}
	return found, nil
}
