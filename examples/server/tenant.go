package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/folder"
)

const tenantUsage = `server tenant list [-data folder] [-db database]

Lists the tenants with what is stored of them.

server tenant add [-data folder] [-db database] NAME

Makes a tenant beside the others: its first user, admin, a superuser of that tenant alone, whose password is printed once. People of it
log in as name@NAME.

server tenant remove [-data folder] [-db database] [-files folder] [-force] [-yes] NAME

Removes a tenant with its users, jobs, runs, files and audit, for good. It asks for the name once more, unless -yes is given. While runs are
live it refuses, unless -force is given: then they vanish as they are. If it is interrupted, it is run again and goes on; until then the
tenant is closed to everybody.

The server may run meanwhile.
`

// tenantCall is one call of "server tenant ...".
type tenantCall struct {
	in          io.Reader
	out         io.Writer
	data, files string
	db          string
	force, yes  bool
	tenant      jobs.TenantID
}

// tenantCommand is "server tenant ...": what is done to tenants from the command line of the host. It gives the exit code.
func tenantCommand(ctx context.Context, args []string, env func(string) string, in io.Reader, out, faults io.Writer) int {
	c := &tenantCall{in: in, out: out}
	act, err := c.parse(args, env)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, tenantUsage)
		return 0
	case err != nil:
		fmt.Fprintln(faults, "server:", err)
		fallthrough
	case act == nil:
		fmt.Fprint(faults, tenantUsage)
		return 2
	}
	if err := c.onStore(ctx, act); err != nil {
		fmt.Fprintln(faults, "server:", err)
		return 1
	}
	return 0
}

// parse gives what is to be done; nil if the usage says it better than an error.
func (c *tenantCall) parse(args []string, env func(string) string) (func(context.Context, jobs.Store) error, error) {
	if len(args) == 0 {
		return nil, nil
	}
	c.data, c.db, c.files = env(variable("data")), env(variable("db")), env(variable("files"))
	if c.data == "" {
		c.data = "./carillon-data"
	}
	flags := flag.NewFlagSet("server tenant", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.data, "data", c.data, "")
	flags.StringVar(&c.db, "db", c.db, "")
	var act func(context.Context, jobs.Store) error
	names := 1
	switch args[0] {
	case "list":
		act, names = c.list, 0
	case "add":
		act = c.add
	case "remove":
		act = c.remove
		flags.StringVar(&c.files, "files", c.files, "")
		flags.BoolVar(&c.force, "force", false, "")
		flags.BoolVar(&c.yes, "yes", false, "")
	case "-h", "-help", "--help":
		return nil, flag.ErrHelp
	default:
		return nil, nil
	}
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	if flags.NArg() != names {
		return nil, nil
	}
	c.tenant = jobs.TenantID(flags.Arg(0))
	if names == 1 && !jobs.ValidSlug(string(c.tenant)) {
		return nil, fmt.Errorf("%q is no name of a tenant: up to %d lower-case letters, digits and single hyphens", c.tenant, jobs.MaxSlug)
	}
	return act, nil
}

// onStore opens the database, which has to be there, for an act.
func (c *tenantCall) onStore(ctx context.Context, act func(context.Context, jobs.Store) error) (err error) {
	place, err := databaseOf(jobs.Secret(c.db), c.data)
	if err != nil {
		return fmt.Errorf("-db %w", err)
	}
	if place.file != "" {
		if _, err := os.Stat(place.file); err != nil {
			return fmt.Errorf("there is no database; start the server once: %w", err)
		}
	}
	store, err := place.open(ctx, c.log())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return act(ctx, store)
}

func (c *tenantCall) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// add makes the first user of a tenant and shows its password.
func (c *tenantCall) add(ctx context.Context, store jobs.Store) error {
	// A name that no tenant can have: the first user of the default tenant would be given the cluster.
	accounts, err := identity.New(store, identity.Options{DefaultTenant: jobs.HostTenant, Logger: c.log()})
	if err != nil {
		return err
	}
	password, created, err := accounts.EnsureAdmin(ctx, c.tenant, "admin")
	if err != nil {
		return err
	}
	if !created {
		return fmt.Errorf("the tenant %s has users already", c.tenant)
	}
	fmt.Fprintf(c.out, "The tenant %s is there. Its user admin@%s has the password %s\nIt is shown this once.\n", c.tenant, c.tenant, password)
	return nil
}

// list shows the tenants.
func (c *tenantCall) list(ctx context.Context, store jobs.Store) error {
	client, closeFiles, err := c.client(store, false)
	if err != nil {
		return err
	}
	defer closeFiles()
	tenants, err := client.Tenants(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENANT\tUSERS\tJOBS\tLIVE RUNS\tENDED RUNS\tFILES\tBYTES OF FILES\t")
	for _, t := range tenants {
		note := ""
		if !t.ClosedAt.IsZero() {
			note = "is being removed since " + jobs.FormatTime(t.ClosedAt)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", t.ID, t.Users, t.Jobs, t.LiveRuns, t.EndedRuns, t.Files, t.FileBytes, note)
	}
	return w.Flush()
}

// remove removes a tenant after it was named twice.
func (c *tenantCall) remove(ctx context.Context, store jobs.Store) error {
	client, closeFiles, err := c.client(store, true)
	if err != nil {
		return err
	}
	defer closeFiles()
	if !c.yes {
		fmt.Fprintf(c.out, "Everything of the tenant %s will be gone. To remove it, type its name: ", c.tenant)
		typed, err := bufio.NewReader(c.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.TrimSpace(typed) != string(c.tenant) {
			return errors.New("that is not the name; nothing was removed")
		}
	}
	err = client.RemoveTenant(ctx, c.tenant, c.force)
	if conflict, ok := errors.AsType[*jobs.ConflictError](err); ok && conflict.Data["live"] != nil {
		return fmt.Errorf("%w (%v); wait for them, cancel them, or use -force", err, conflict.Data["live"])
	}
	if errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("there is no tenant %s", c.tenant)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "The tenant %s is removed.\n", c.tenant)
	return nil
}

// client acts for the host. With files it can remove contents.
func (c *tenantCall) client(store jobs.Store, withFiles bool) (_ *jobs.Client, closeFiles func(), err error) {
	registry, err := drivers.NewRegistry()
	if err != nil {
		return nil, nil, err
	}
	o, closeFiles := jobs.ServiceOptions{Logger: c.log()}, func() {}
	if withFiles {
		place := settings{data: c.data, files: c.files}
		files, err := folder.Open(place.filesFolder())
		if err != nil {
			return nil, nil, fmt.Errorf("-files: %w", err)
		}
		o.Blobs = files
		closeFiles = func() {
			if err := files.Close(); err != nil {
				c.log().Warn("files not closed", "err", err)
			}
		}
	}
	return jobs.NewService(store, registry, o).As(jobs.System(jobs.HostTenant)), closeFiles, nil
}
