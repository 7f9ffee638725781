package safehttp

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of rule R58 that a zero field of Policy stands for.
const (
	DefaultDialTimeout   = 10 * time.Second
	DefaultTLSTimeout    = 10 * time.Second
	DefaultHeaderTimeout = 30 * time.Second
	DefaultTimeout       = 5 * time.Minute
	DefaultMaxHeader     = 64 << 10
	DefaultMaxBody       = 10 << 20
	// KeptBody is how many bytes of a body Response keeps.
	KeptBody = 64 << 10
	// MaxRedirects is how many redirects are followed when a policy allows them (rule R57).
	MaxRedirects = 5
)

// Policy says where requests may go and how much they may take. The zero value is the closed one: public addresses only,
// the ports of rule R55, no proxy, no redirects. It is not changed after New.
type Policy struct {
	// AllowPrefixes opens address ranges that rule R56 refuses. The operator names them; nothing else is opened.
	AllowPrefixes []netip.Prefix
	// AllowNames opens host names, whatever address they resolve to. Exact names in ASCII, letter case ignored.
	AllowNames []string
	// AllowPorts opens ports that rule R55 refuses.
	AllowPorts []uint16
	// AllowPrivate opens loopback and private ranges, for development on one machine. Link-local addresses, where clouds
	// keep their credentials, stay refused.
	AllowPrivate bool

	// Proxy is used for every request; nil means none. The environment is never asked: through a proxy that nobody
	// meant, an inner address is reached without being judged. Its own address is not judged.
	Proxy *url.URL
	// FollowRedirects follows up to MaxRedirects by rule R57. Otherwise a redirect is the response.
	FollowRedirects bool

	// RootCAs are the authorities that certificates must come from; nil means those of the system.
	RootCAs *x509.CertPool

	// DialTimeout bounds the connection, default 10 s.
	DialTimeout time.Duration
	// TLSTimeout bounds the TLS handshake, default 10 s.
	TLSTimeout time.Duration
	// HeaderTimeout bounds the wait for the header of a response, default 30 s.
	HeaderTimeout time.Duration
	// Timeout bounds the whole of one Do, redirects and body included, default 5 min. The context may end it sooner.
	Timeout time.Duration
	// MaxHeader bounds the header of a response in bytes, default 64 KiB.
	MaxHeader int64
	// MaxBody bounds the body of a response in bytes after decompression, default 10 MiB. A longer one is a *LimitError.
	MaxBody int64
}

// normalized fills in defaults, brings names and prefixes to the form in which they are compared, and refuses what makes
// no sense, naming the field.
func (p Policy) normalized() (Policy, error) {
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"DialTimeout", &p.DialTimeout, DefaultDialTimeout},
		{"TLSTimeout", &p.TLSTimeout, DefaultTLSTimeout},
		{"HeaderTimeout", &p.HeaderTimeout, DefaultHeaderTimeout},
		{"Timeout", &p.Timeout, DefaultTimeout},
	} {
		if *d.value < 0 {
			return p, fmt.Errorf("policy: %s is negative", d.name)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if p.MaxHeader < 0 || p.MaxBody < 0 {
		return p, fmt.Errorf("policy: MaxHeader and MaxBody must not be negative")
	}
	if p.MaxHeader == 0 {
		p.MaxHeader = DefaultMaxHeader
	}
	if p.MaxBody == 0 {
		p.MaxBody = DefaultMaxBody
	}

	p.AllowPorts = slices.Clone(p.AllowPorts)
	p.AllowPrefixes = slices.Clone(p.AllowPrefixes)
	for _, prefix := range p.AllowPrefixes {
		if !prefix.IsValid() {
			return p, fmt.Errorf("policy: AllowPrefixes has an invalid prefix")
		}
	}
	p.AllowNames = slices.Clone(p.AllowNames)
	for i, name := range p.AllowNames {
		name = canonicalName(name)
		if !validHost(name) {
			return p, fmt.Errorf("policy: AllowNames has %q, which is not a host name", p.AllowNames[i])
		}
		p.AllowNames[i] = name
	}

	if p.Proxy != nil {
		if (p.Proxy.Scheme != "http" && p.Proxy.Scheme != "https") || p.Proxy.Hostname() == "" {
			return p, fmt.Errorf("policy: Proxy must be an http or https URL with a host")
		}
		proxy := *p.Proxy
		p.Proxy = &proxy
	}
	return p, nil
}

// canonicalName is a host name as it is compared: lower case, without the dot of the root.
func canonicalName(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// allowsName reports whether the operator opened this host name.
func (p Policy) allowsName(host string) bool {
	host = canonicalName(host)
	return slices.ContainsFunc(p.AllowNames, func(name string) bool { return canonicalName(name) == host })
}
