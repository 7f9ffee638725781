package identity

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// Store is what the built-in identity keeps its data in; every jobs.Store is one.
type Store interface {
	jobs.UserStore
	jobs.TeamStore
	jobs.SessionStore
	jobs.TokenStore
	jobs.AuditStore
}

// Options change how people and programs sign in. Only DefaultTenant is required.
type Options struct {
	// DefaultTenant is the tenant of a log-in without "@tenant". Its superusers also manage the cluster: whoever runs a server with
	// several tenants works in this one (contract 1.5).
	DefaultTenant jobs.TenantID

	// CookiePath is the path of the cookie: the prefix of the API, "/api" if empty.
	CookiePath string
	// TrustedProxies are those whose X-Forwarded-For and X-Forwarded-Proto are believed. None: a client's address is the one that
	// connects.
	TrustedProxies []netip.Prefix

	// SuperToken is an API token that is valid from the start, for a superuser of DefaultTenant, without a user in the store. It has
	// 20 bytes or more. Empty: there is none (R54).
	SuperToken jobs.Secret
	// SuperTokenUser is the user as whom SuperToken acts; "admin" if empty.
	SuperTokenUser jobs.PrincipalID

	// Idle ends a session that is not used, 8 h if zero; at least two minutes, as use is noted once a minute.
	Idle time.Duration
	// Absolute ends a session in any case, 7 days if zero.
	Absolute time.Duration
	// SessionsPerUser is how many log-ins of a user last at a time, 20 if zero; beyond it the oldest one ends.
	SessionsPerUser int

	// Logger gets what no caller is told; nil is slog.Default().
	Logger *slog.Logger
}

// minSuperToken is the least length of Options.SuperToken, in bytes: about 100 bits if it is random.
const minSuperToken = 20

// Accounts are the users and teams of the built-in identity with their sessions and tokens. Safe for concurrent use.
type Accounts struct {
	store     Store
	options   Options
	log       *slog.Logger
	passwords *passwords
	throttle  *throttle
	// superHash is SHA-256 of Options.SuperToken.
	superHash [sha256.Size]byte
}

// New makes the identity over a store.
func New(store Store, o Options) (*Accounts, error) {
	o.CookiePath = orDefault(o.CookiePath, "/api")
	o.SuperTokenUser = orDefault(o.SuperTokenUser, "admin")
	o.Idle = orDefault(o.Idle, 8*time.Hour)
	o.Absolute = orDefault(o.Absolute, 7*24*time.Hour)
	o.SessionsPerUser = orDefault(o.SessionsPerUser, 20)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if store == nil {
		return nil, errors.New("identity: the store is nil")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Accounts{
		store: store, options: o, log: o.Logger, passwords: newPasswords(), throttle: newThrottle(),
		superHash: sha256.Sum256([]byte(o.SuperToken.Reveal())),
	}, nil
}

func (o *Options) check() error {
	switch token := o.SuperToken.Reveal(); {
	case !validTenant(o.DefaultTenant):
		return errors.New("identity: Options.DefaultTenant must be 1 to 100 bytes without @ and white space")
	case o.CookiePath[0] != '/' || !cookiePathSyntax.MatchString(o.CookiePath):
		return fmt.Errorf("identity: Options.CookiePath %q must begin with / and hold nothing that a cookie cannot", o.CookiePath)
	case token != "" && len(token) < minSuperToken:
		return fmt.Errorf("identity: Options.SuperToken has %d bytes, at least %d are needed", len(token), minSuperToken)
	case token != "" && !headerSyntax.MatchString(token):
		return errors.New("identity: Options.SuperToken holds white space or characters that no header can carry")
	case !usernameSyntax.MatchString(string(o.SuperTokenUser)):
		return fmt.Errorf("identity: Options.SuperTokenUser %q is not a username", o.SuperTokenUser)
	case o.Idle < 2*touchEvery:
		return fmt.Errorf("identity: Options.Idle is %s, at least %s is needed", o.Idle, 2*touchEvery)
	case o.Absolute < o.Idle:
		return fmt.Errorf("identity: Options.Absolute is %s, shorter than Idle, %s", o.Absolute, o.Idle)
	case o.SessionsPerUser < 1:
		return fmt.Errorf("identity: Options.SessionsPerUser is %d, at least 1 is needed", o.SessionsPerUser)
	}
	for _, p := range o.TrustedProxies {
		if !p.IsValid() || p.Addr().Is4In6() {
			return fmt.Errorf("identity: Options.TrustedProxies holds %s, which is no prefix of IPv4 or IPv6", p)
		}
	}
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// now is the moment that is stored: whole milliseconds, UTC, without the monotonic reading.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
