package identity

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddr is the address of the client: the one that connects, or, if that is a trusted proxy, the rightmost one of X-Forwarded-For
// that is not. What stands to the left of it is the client's own word and never looked at (R51). It is the zero Addr if there is no IP
// address, as with a Unix socket.
func (a *Accounts) ClientAddr(r *http.Request) netip.Addr {
	addr := parseAddr(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && a.trusted(addr); i-- {
		next := parseAddr(strings.TrimSpace(hops[i]))
		if !next.IsValid() {
			break // the proxy that wrote this is the last one that we know
		}
		addr = next
	}
	return addr
}

// secure reports whether the client reached us under TLS.
func (a *Accounts) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !a.trusted(parseAddr(r.RemoteAddr)) {
		return false
	}
	said := r.Header.Values("X-Forwarded-Proto")
	if len(said) == 0 {
		return false
	}
	last := said[len(said)-1]
	return strings.EqualFold(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]), "https")
}

func (a *Accounts) trusted(addr netip.Addr) bool {
	for _, p := range a.options.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseAddr reads an address with or without a port, without zone and as IPv4 if it is one.
func parseAddr(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// network is what counts as one place that tries passwords: an IPv4 address, or the /64 that one IPv6 customer has at least.
func network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all of those share one place
	}
	return p
}
