package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-go/carillon/drivers/mail"
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
	db           jobs.Secret
	files        string
	templates    string
	tenant       jobs.TenantID
	concurrency  int
	token        jobs.Secret
	smtp         jobs.Secret
	allowPrivate bool
	heartbeat    time.Duration
	timeout      time.Duration
	grace        time.Duration
	mode         mode
	log          slog.Level

	// mail is what smtp says; nil without it.
	mail *mail.Settings
	// database is what db and data say.
	database database
}

// helpAsked is the error of -help: its text is the help.
type helpAsked string

func (h helpAsked) Error() string { return string(h) }

// minToken is the least length of -token; the identity demands it too, but only when files have been made already.
const minToken = 20

// readSettings reads the command line, then the environment for what the command line leaves open. An error names every flag that is
// wrong; a helpAsked holds the help. Values of secrets are in no error and not in the help.
func readSettings(args []string, env func(string) string) (settings, error) {
	var s settings
	var tenant, db, token, smtp, runMode string
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`host:port` to listen on; port 0 takes a free one")
	flags.StringVar(&s.data, "data", "./carillon-data", "`folder` of the database and the key; made if it does not exist")
	flags.StringVar(&db, "db", "", "`database`: the path of a SQLite file, sqlite:path, or postgres://user:pass@host/name, which any number of\n"+
		"processes on any machines may share if they have the same carillon.key; the file carillon.db in -data if it is empty")
	flags.StringVar(&s.files, "files", "", "`folder` of uploaded files; the folder files beside the database if it is empty")
	flags.StringVar(&s.templates, "templates", "", "`folder` of *.json, each a template for jobs; they are read at the start, beside those of the drivers")
	flags.StringVar(&tenant, "tenant", "main", "`name` of the tenant: lower-case letters, digits, single hyphens")
	flags.Var(newCount(&s.concurrency, 10), "concurrency", "most `runs` of this process at a time, 1 to 1000")
	flags.StringVar(&token, "token", "", "superuser API `token` that is accepted from the start, for scripts; 20 characters or more")
	flags.StringVar(&smtp, "smtp", "", "`URL` of the mail server: smtp://user:pass@host:port?from=jobs@example.org, smtps://..., ?tls=none for one\n"+
		"without TLS. Without from, the sender is the user if that is an address, else carillon@host")
	flags.BoolVar(&s.allowPrivate, "allow-private", false, "let drivers call private and loopback addresses")
	flags.Var(newSpan(&s.heartbeat, 0), "heartbeat", "longest `time` between two signs of life of a worker, 1s to 5m; stored for the whole cluster")
	flags.Var(newSpan(&s.timeout, 0), "timeout", "`time` without a sign of life after which a worker is lost, 2s to 1h; stored for the whole cluster")
	flags.Var(newSpan(&s.grace, 30*time.Second), "grace", "`time` that running steps get to finish after SIGTERM, 1s to 24h")
	flags.StringVar(&runMode, "mode", string(modeAll), "`parts` of the system in this process: all, api or worker")
	flags.TextVar(&s.log, "log", slog.LevelInfo, "least `level` of the log: debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, help(flags)
		}
		return s, err
	}
	if flags.NArg() > 0 {
		// The argument itself is not shown: it may be a secret that has lost its flag.
		return s, fmt.Errorf("argument %d belongs to no flag; flags begin with a hyphen, see -help", len(args)-flags.NArg()+1)
	}
	if err := fromEnvironment(flags, env); err != nil {
		return s, err
	}
	s.db = jobs.Secret(db)
	s.tenant, s.token, s.smtp, s.mode = jobs.TenantID(tenant), jobs.Secret(token), jobs.Secret(smtp), mode(runMode)
	return s, s.check()
}

// filesFolder is the folder of uploaded files.
func (s *settings) filesFolder() string {
	if s.files != "" {
		return s.files
	}
	return filepath.Join(s.data, "files")
}

func help(flags *flag.FlagSet) helpAsked {
	var text strings.Builder
	text.WriteString("A job system in one process. Each flag can also be set as CARILLON_...: -data as CARILLON_DATA; the command line wins.\n")
	flags.SetOutput(&text)
	flags.PrintDefaults()
	return helpAsked(text.String())
}

// variable is the name of a flag in the environment.
func variable(name string) string {
	return "CARILLON_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// fromEnvironment sets the flags that the command line has not set. An empty variable is none.
func fromEnvironment(flags *flag.FlagSet, env func(string) string) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var faults []string
	flags.VisitAll(func(f *flag.Flag) {
		value := env(variable(f.Name))
		if value == "" || given[f.Name] {
			return
		}
		if err := f.Value.Set(value); err != nil {
			faults = append(faults, fmt.Sprintf("invalid value %q for flag -%s from %s: %v", value, f.Name, variable(f.Name), err))
		}
	})
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}

// check finds everything that can be found before a file is touched.
func (s *settings) check() error {
	var f jobs.Faults
	if _, port, err := net.SplitHostPort(s.addr); err != nil {
		f.Add("-addr", "is %q; host:port, such as 127.0.0.1:8080", s.addr)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		f.Add("-addr", "is %q; the port is a number from 0 to 65535", s.addr)
	}
	if s.data == "" {
		f.Add("-data", "is empty; the path of a folder")
	}
	var err error
	if s.database, err = databaseOf(s.db, s.data); err != nil {
		f.Add("-db", "%v", err)
	}
	if !jobs.ValidSlug(string(s.tenant)) {
		f.Add("-tenant", "is %q; up to %d lower-case letters, digits and single hyphens", s.tenant, jobs.MaxSlug)
	}
	if s.concurrency < 1 || s.concurrency > 1000 {
		f.Add("-concurrency", "is %d; 1 to 1000", s.concurrency)
	}
	if s.token != "" {
		checkToken(&f, s.token.Reveal())
	}
	if s.smtp != "" {
		s.checkMail(&f)
	}
	s.checkTimes(&f)
	switch s.mode {
	case modeAll, modeAPI, modeWorker:
	default:
		f.Add("-mode", "is %q; all, api or worker", s.mode)
	}
	return f.Err()
}

func checkToken(f *jobs.Faults, token string) {
	switch {
	case len(token) < minToken:
		f.Add("-token", "has %d characters; %d or more", len(token), minToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }):
		f.Add("-token", "has white space or a character that no header can carry")
	}
}

// checkMail reads -smtp. The sender is the user or a name at the server where the URL names none.
func (s *settings) checkMail(f *jobs.Faults) {
	server, err := mail.ParseURL(s.smtp.Reveal())
	if err != nil {
		f.Add("-smtp", "is refused: %v", err) // the error never repeats the URL
		return
	}
	if server.From == "" {
		server.From = server.Username
		if !strings.Contains(server.From, "@") {
			server.From = "carillon@" + server.Host
		}
	}
	if _, err := mail.New(server); err != nil {
		f.Add("-smtp", "is refused: %v; name the sender with ?from=", err)
		return
	}
	s.mail = &server
}

// checkTimes holds the ranges of contract 12.4. Zero is a flag that was not given.
func (s *settings) checkTimes(f *jobs.Faults) {
	for _, t := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
	}{
		{"-heartbeat", s.heartbeat, time.Second, 5 * time.Minute},
		{"-timeout", s.timeout, 2 * time.Second, time.Hour},
		{"-grace", s.grace, time.Second, 24 * time.Hour},
	} {
		switch {
		case t.value == 0 && t.name != "-grace":
		case t.value < t.least || t.value > t.most:
			f.Add(t.name, "is %s; %s to %s", t.value, t.least, t.most)
		case t.value%time.Second != 0 && t.name != "-grace":
			f.Add(t.name, "is %s; whole seconds", t.value)
		}
	}
	if s.heartbeat != 0 && s.timeout != 0 && s.timeout < 2*s.heartbeat {
		f.Add("-timeout", "is %s; at least twice -heartbeat, which is %s", s.timeout, s.heartbeat)
	}
}

func (s *settings) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: s.log}))
}

// count is a number and span a duration as flag.Value; those of package flag say "parse error" where a person asks for the reason.
type (
	count int
	span  time.Duration
)

func newCount(p *int, def int) *count {
	*p = def
	return (*count)(p)
}

// String is the value.
func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Set reads a whole number.
func (c *count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("a whole number, such as 10")
	}
	*c = count(n)
	return nil
}

func newSpan(p *time.Duration, def time.Duration) *span {
	*p = def
	return (*span)(p)
}

// String is the value with its units.
func (d *span) String() string { return time.Duration(*d).String() }

// Set reads a duration with its unit; no duration of these flags is zero or negative.
func (d *span) Set(text string) error {
	t, err := time.ParseDuration(text)
	if err != nil || t <= 0 {
		return errors.New("a time with its unit, such as 5s or 1m")
	}
	*d = span(t)
	return nil
}
