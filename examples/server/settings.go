package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// mode tells which parts of the system this process is.
type mode string

const (
	modeAll    mode = "all"
	modeAPI    mode = "api"
	modeWorker mode = "worker"
)

// settings are the flags. Each can also be given as an environment variable: -data as CARILLON_DATA.
type settings struct {
	addr         string
	data         string
	tenant       jobs.TenantID
	concurrency  int
	token        jobs.Secret
	smtp         jobs.Secret
	allowPrivate bool
	heartbeat    time.Duration
	timeout      time.Duration
	mode         mode
	log          slog.Level
}

var errHelp = errors.New("help was asked for")

func readSettings(args []string, env func(string) string) (settings, error) {
	var s settings
	var tenant, token, smtp, runMode string
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "address to listen on")
	flags.StringVar(&s.data, "data", "./carillon-data", "folder of the database and the key; made if it does not exist")
	flags.StringVar(&tenant, "tenant", "main", "name of the tenant: lower-case letters, digits, hyphens")
	flags.IntVar(&s.concurrency, "concurrency", 10, "most runs of this process at a time, 1 to 1000")
	flags.StringVar(&token, "token", "", "superuser API token that is accepted from the start, for scripts; 20 characters or more")
	flags.StringVar(&smtp, "smtp", "", "mail server: smtp://user:pass@host:port?from=jobs@example.org, smtps://..., ?tls=none for one without TLS")
	flags.BoolVar(&s.allowPrivate, "allow-private", false, "let drivers call private and loopback addresses")
	flags.DurationVar(&s.heartbeat, "heartbeat", 0, "longest time between two signs of life of a worker, for example 5s; stored for the whole cluster")
	flags.DurationVar(&s.timeout, "timeout", 0, "time without a sign of life after which a worker is lost; stored for the whole cluster")
	flags.StringVar(&runMode, "mode", string(modeAll), "all, api or worker")
	flags.TextVar(&s.log, "log", slog.LevelInfo, "least level of the log: debug, info, warn or error")
	if err := fromEnvironment(flags, env); err != nil {
		return s, err
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(os.Stdout)
			fmt.Println("A job system in one process. Each flag can also be set as CARILLON_…: -data as CARILLON_DATA.")
			flags.PrintDefaults()
			return s, errHelp
		}
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q; flags begin with a hyphen, see -help", flags.Arg(0))
	}
	s.tenant, s.token, s.smtp, s.mode = jobs.TenantID(tenant), jobs.Secret(token), jobs.Secret(smtp), mode(runMode)
	return s, s.check()
}

// fromEnvironment sets flags from variables; the command line, which is read later, decides over them.
func fromEnvironment(flags *flag.FlagSet, env func(string) string) error {
	var faults []error
	flags.VisitAll(func(f *flag.Flag) {
		name := "CARILLON_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := env(name); value != "" {
			if err := f.Value.Set(value); err != nil {
				faults = append(faults, fmt.Errorf("%s is not acceptable: %w", name, err))
			}
		}
	})
	return errors.Join(faults...)
}

func (s settings) check() error {
	var faults []error
	if !jobs.ValidSlug(string(s.tenant)) {
		faults = append(faults, fmt.Errorf("-tenant %q: lower-case letters, digits and single hyphens", s.tenant))
	}
	if s.concurrency < 1 || s.concurrency > 1000 {
		faults = append(faults, fmt.Errorf("-concurrency %d: 1 to 1000", s.concurrency))
	}
	switch s.mode {
	case modeAll, modeAPI, modeWorker:
	default:
		faults = append(faults, fmt.Errorf("-mode %q: all, api or worker", s.mode))
	}
	return errors.Join(faults...)
}

func (s settings) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: s.log}))
}
