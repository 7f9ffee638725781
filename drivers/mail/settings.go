package mail

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// TLSMode says how the connection to the mail server is protected. The zero value is the safe one.
type TLSMode int

const (
	// TLSRequired begins in plain text and demands STARTTLS before anything is said; a server without it gets no mail.
	TLSRequired TLSMode = iota
	// TLSImplicit speaks TLS from the first byte (smtps).
	TLSImplicit
	// TLSNone sends in plain text. With a password it is allowed to a loopback host only.
	TLSNone
)

// DefaultTimeout bounds one Send where Settings say nothing.
const DefaultTimeout = 2 * time.Minute

// Settings say which mail server is used and who may be the sender. Printing them shows no password, but a struct that
// holds them in an unexported field and is printed does: keep the Sender, which holds none that can be printed.
type Settings struct {
	// Host is a name or address, and the name that the server's certificate must have.
	Host string
	// Port is 587 when zero; 465 with TLSImplicit, 25 with TLSNone.
	Port int
	// Username and Password are given both or not at all.
	Username string
	Password string `json:"-"`
	// TLS is TLSRequired unless said otherwise.
	TLS TLSMode

	// From is the identity that sends when a message names none: "jobs@example.com" or "Jobs <jobs@example.com>". Required.
	From string
	// Senders are further identities that a message may name. Others are refused (rule R60).
	Senders []string

	// RootCAs are the authorities that the server's certificate must come from; nil means those of the system.
	RootCAs *x509.CertPool
	// Timeout bounds one Send, default 2 minutes. The context may end it sooner.
	Timeout time.Duration
}

// ParseURL reads settings from "smtp://user:password@host:port?from=jobs@example.com" or "smtps://...". TLS is required
// unless "tls=none" says otherwise. The error names the reason and never repeats the text, which holds the password.
func ParseURL(s string) (Settings, error) {
	refuse := func(reason string) (Settings, error) { return Settings{}, fmt.Errorf("mail URL: %s", reason) }
	u, err := url.Parse(s)
	if err != nil {
		return refuse("cannot be parsed; special characters in user name and password are written as %XX")
	}
	var settings Settings
	switch u.Scheme {
	case "smtp":
	case "smtps":
		settings.TLS = TLSImplicit
	default:
		return refuse("must begin with smtp:// or smtps://")
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return refuse("has no host")
	}
	if (u.Path != "" && u.Path != "/") || u.Fragment != "" {
		return refuse("has more than host, port and query")
	}
	settings.Host = u.Hostname()
	if text := u.Port(); text != "" {
		if settings.Port, err = strconv.Atoi(text); err != nil || settings.Port < 1 || settings.Port > 65535 {
			return refuse("the port must be between 1 and 65535")
		}
	}
	if u.User != nil {
		settings.Username = u.User.Username()
		settings.Password, _ = u.User.Password()
	}

	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refuse("the query cannot be parsed")
	}
	for name, values := range query {
		if len(values) != 1 {
			return refuse(fmt.Sprintf("%q is given more than once", name))
		}
		switch value := values[0]; {
		case name == "from":
			settings.From = value
		case name == "tls" && value == "required":
		case name == "tls" && value == "none" && u.Scheme == "smtp":
			settings.TLS = TLSNone
		case name == "tls":
			return refuse("tls must be none or required, and smtps always has TLS")
		default:
			return refuse(fmt.Sprintf("the parameter %q is not known", name))
		}
	}
	settings = settings.withDefaults()
	if err := settings.checkServer(); err != nil {
		return Settings{}, err
	}
	if settings.From != "" {
		if _, err := parseAddress(settings.From); err != nil {
			return refuse("from " + err.Error())
		}
	}
	return settings, nil
}

func (s Settings) withDefaults() Settings {
	if s.Port == 0 {
		s.Port = map[TLSMode]int{TLSRequired: 587, TLSImplicit: 465, TLSNone: 25}[s.TLS]
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	return s
}

// checkServer checks all but the identities.
func (s Settings) checkServer() error {
	switch {
	case s.Host == "" || strings.ContainsAny(s.Host, " \t\r\n\x00/@"):
		return fmt.Errorf("mail settings: Host is not a host name or address")
	case s.Port < 1 || s.Port > 65535:
		return fmt.Errorf("mail settings: Port must be between 1 and 65535")
	case s.TLS < TLSRequired || s.TLS > TLSNone:
		return fmt.Errorf("mail settings: TLS is not a known mode")
	case s.Timeout < 0:
		return fmt.Errorf("mail settings: Timeout is negative")
	case (s.Username == "") != (s.Password == ""):
		return fmt.Errorf("mail settings: Username and Password are given both or not at all")
	case strings.Contains(s.Username+s.Password, "\x00"):
		return fmt.Errorf("mail settings: Username and Password must not have a NUL")
	case s.TLS == TLSNone && s.Password != "" && !isLoopback(s.Host):
		return fmt.Errorf("mail settings: a password is not sent to another machine without TLS")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// identities are From and Senders, parsed.
func (s Settings) identities() ([]*mail.Address, error) {
	var list []*mail.Address
	for i, text := range append([]string{s.From}, s.Senders...) {
		address, err := parseAddress(text)
		if err != nil && i == 0 {
			return nil, fmt.Errorf("mail settings: From %w", err)
		}
		if err != nil {
			return nil, fmt.Errorf("mail settings: Senders[%d] %w", i-1, err)
		}
		list = append(list, address)
	}
	return list, nil
}

// String names server and sender, without user name and password.
func (s Settings) String() string {
	return fmt.Sprintf("mail server %s:%d as %s", s.Host, s.Port, s.From)
}

// GoString is String, for %#v.
func (s Settings) GoString() string { return s.String() }

// LogValue is String, for slog.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }
