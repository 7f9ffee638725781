package safehttp

import (
	"net/netip"
	"slices"
)

// refusedPrefixes is the table of rule R56. It is our own and not that of an SSRF library: the one that we looked at
// judges IPv4-mapped addresses as IPv6 instead of unmapping them first, refuses three public ranges that the rule allows
// (AS112 and AMT), does not know 168.63.129.16, and puts the address found into its message, which the rule forbids.
// A table of thirty lines that can be compared with the rule by eye is the safer thing.
var refusedPrefixes = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared address space of carriers, also inner networks of clouds
	"127.0.0.0/8",      // loopback
	"169.254.0.0/16",   // link-local; metadata services
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarking
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/3",      // multicast, reserved, broadcast
	"168.63.129.16/32", // platform service of a cloud, although the number looks public

	"::/96",        // unspecified, loopback, IPv4-compatible
	"64:ff9b::/96", // NAT64: an IPv4 address in disguise
	"64:ff9b:1::/48",
	"100::/64",      // discard
	"2001::/23",     // protocol assignments, Teredo among them
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: an IPv4 address in disguise
	"3fff::/20",     // documentation
	"5f00::/16",     // segment routing
	"fc00::/7",      // unique local
	"fe80::/10",     // link-local
	"fec0::/10",     // site-local
	"ff00::/8",      // multicast
)

// globalUnicast6 is all that is assigned as globally routable unicast in IPv6. What lies outside is not on the internet,
// in the table above or not.
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// privatePrefixes is what Policy.AllowPrivate opens.
var privatePrefixes = prefixes("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// JudgeAddress decides whether this address and port may be dialled, by rules R55 (port) and R56 (address) and what the
// policy opens. The answer is nil or a *RefusedError, which does not repeat the address.
func (p Policy) JudgeAddress(addr netip.AddrPort) error {
	if err := p.judgePort(addr.Port()); err != nil {
		return err
	}
	return p.judgeIP(addr.Addr())
}

func (p Policy) judgeIP(ip netip.Addr) error {
	if !ip.IsValid() {
		return &RefusedError{Rule: "the target has no valid address"}
	}
	// A zone picks an interface of this machine. It goes first: netip finds no zoned address in any prefix.
	if ip.Zone() != "" {
		return &RefusedError{Rule: "addresses with a zone are not allowed"}
	}
	ip = ip.Unmap()
	if slices.ContainsFunc(p.AllowPrefixes, func(prefix netip.Prefix) bool { return unmapped(prefix).Contains(ip) }) {
		return nil
	}
	contains := func(prefix netip.Prefix) bool { return prefix.Contains(ip) }
	if p.AllowPrivate && slices.ContainsFunc(privatePrefixes, contains) {
		return nil
	}
	if slices.ContainsFunc(refusedPrefixes, contains) || ip.Is6() && !globalUnicast6.Contains(ip) {
		return &RefusedError{Rule: "the target is not a public address"}
	}
	return nil
}

// unmapped turns a prefix of IPv4-mapped addresses into the IPv4 prefix that it means, since addresses are unmapped too.
func unmapped(prefix netip.Prefix) netip.Prefix {
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		return netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix
}
