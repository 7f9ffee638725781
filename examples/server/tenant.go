package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/sqlite"
)

const tenantUsage = `server tenant add [-data folder] NAME

Makes a tenant beside the others: its first user, admin, a superuser of that tenant alone, whose password is printed once. People of it
log in as name@NAME. The server may run meanwhile.
`

// tenantCommand is "server tenant ...": what is done to tenants from the command line of the host. It gives the exit code.
func tenantCommand(ctx context.Context, args []string, env func(string) string, out, faults io.Writer) int {
	data := env(variable("data"))
	if data == "" {
		data = "./carillon-data"
	}
	flags := flag.NewFlagSet("server tenant", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&data, "data", data, "`folder` of the database")
	if len(args) == 0 || args[0] != "add" {
		fmt.Fprint(faults, tenantUsage)
		return 2
	}
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, tenantUsage)
		return 0
	case err != nil:
		fmt.Fprintln(faults, "server:", err)
		return 2
	case flags.NArg() != 1:
		fmt.Fprint(faults, tenantUsage)
		return 2
	}
	tenant := jobs.TenantID(flags.Arg(0))
	if !jobs.ValidSlug(string(tenant)) {
		fmt.Fprintf(faults, "server: %q is no name of a tenant: up to %d lower-case letters, digits and single hyphens\n", tenant, jobs.MaxSlug)
		return 2
	}
	password, err := addTenant(ctx, data, tenant)
	if err != nil {
		fmt.Fprintln(faults, "server:", err)
		return 1
	}
	fmt.Fprintf(out, "The tenant %s is there. Its user admin@%s has the password %s\nIt is shown this once.\n", tenant, tenant, password)
	return 0
}

// addTenant makes the first user of a tenant in a database that is there, and gives its password.
func addTenant(ctx context.Context, data string, tenant jobs.TenantID) (password string, err error) {
	path := filepath.Join(data, "carillon.db")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no database to add a tenant to; start the server once: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := sqlite.Open(ctx, path, sqlite.Options{Logger: log})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	// A name that no tenant can have: the first user of the default tenant would be given the cluster.
	accounts, err := identity.New(store, identity.Options{DefaultTenant: "-", Logger: log})
	if err != nil {
		return "", err
	}
	password, created, err := accounts.EnsureAdmin(ctx, tenant, "admin")
	if err != nil {
		return "", err
	}
	if !created {
		return "", fmt.Errorf("the tenant %s has users already", tenant)
	}
	return password, nil
}
