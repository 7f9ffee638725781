package safehttp_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/drivers/safehttp"
)

func TestPolicy_JudgeAddress(t *testing.T) {
	t.Parallel()
	// First and last address of every range of rule R56, and the neighbours outside of it that are public.
	refused := `
		0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255
		169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0 192.0.2.255
		192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255
		203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 168.63.129.16
		:: ::1 ::ffff ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 ::ffff:169.254.169.254 ::ffff:168.63.129.16
		64:ff9b:: 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff
		100:: 100::ffff:ffff:ffff:ffff 2001:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff
		2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2002:: 2002:7f00:1:: 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff
		3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff 5f00:: 5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff
		fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fd00:ec2::254 fe80:: fe80::1 febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
		fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
		fe80::1%eth0 2606:4700::1%1 1::1 4000::1 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 8000::1`
	allowed := `
		1.0.0.0 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
		169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.1.255 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
		198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
		168.63.129.15 168.63.129.17 192.31.196.1 192.52.193.1 192.175.48.1 ::ffff:1.1.1.1
		2000:: 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: 2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 2606:4700::1111
		3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000:: 2620:4f:8000::1`
	for _, text := range strings.Fields(refused) {
		err := (safehttp.Policy{}).JudgeAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 443))
		var r *safehttp.RefusedError
		if !errors.As(err, &r) {
			t.Errorf("JudgeAddress(%s) = %v, want a *RefusedError", text, err)
			continue
		}
		if len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("JudgeAddress(%s): the message %q names the address", text, err)
		}
	}
	for _, text := range strings.Fields(allowed) {
		if err := (safehttp.Policy{}).JudgeAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 443)); err != nil {
			t.Errorf("JudgeAddress(%s) = %v, want nil", text, err)
		}
	}
	if err := (safehttp.Policy{AllowPrivate: true}).JudgeAddress(netip.AddrPort{}); err == nil {
		t.Error("JudgeAddress of no address = nil")
	}
}

func TestPolicy_JudgeAddress_opened(t *testing.T) {
	t.Parallel()
	private := safehttp.Policy{AllowPrivate: true}
	prefix := safehttp.Policy{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	mapped := safehttp.Policy{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("::ffff:10.1.0.0/112")}}
	metadata := safehttp.Policy{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32")}}
	linkLocal := safehttp.Policy{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("fe80::/10")}}
	ports := safehttp.Policy{AllowPorts: []uint16{25}}
	for _, c := range []struct {
		name string
		p    safehttp.Policy
		addr string
		ok   bool
	}{
		{"private opens loopback", private, "127.0.0.1:8080", true},
		{"private opens a mapped loopback", private, "[::ffff:127.0.0.1]:8080", true},
		{"private opens IPv6 loopback", private, "[::1]:8080", true},
		{"private opens 10/8", private, "10.1.2.3:8080", true},
		{"private opens unique local", private, "[fd00::1]:8080", true},
		{"private does not open link-local", private, "169.254.169.254:80", false},
		{"private does not open IPv6 link-local", private, "[fe80::1]:80", false},
		{"private does not open the unspecified address", private, "0.0.0.0:80", false},
		{"private does not open ports", private, "127.0.0.1:6379", false},
		{"a prefix opens its addresses", prefix, "10.1.255.255:80", true},
		{"a prefix opens mapped addresses", prefix, "[::ffff:10.1.0.1]:80", true},
		{"a prefix opens nothing else", prefix, "10.2.0.0:80", false},
		{"a mapped prefix means the IPv4 one", mapped, "10.1.2.3:80", true},
		{"a mapped prefix opens nothing else", mapped, "10.2.0.1:80", false},
		{"link-local can be opened by name", metadata, "169.254.169.254:80", true},
		{"a zone is refused in an opened prefix", linkLocal, "[fe80::1%eth0]:80", false},
		{"a port is opened", ports, "1.1.1.1:25", true},
		{"an opened port opens no other", ports, "1.1.1.1:587", false},
		{"an opened port opens no address", ports, "127.0.0.1:25", false},
		{"port 80", safehttp.Policy{}, "1.1.1.1:80", true},
		{"port 1024", safehttp.Policy{}, "1.1.1.1:1024", true},
		{"port 65535", safehttp.Policy{}, "1.1.1.1:65535", true},
		{"port 1023", safehttp.Policy{}, "1.1.1.1:1023", false},
		{"port 0", safehttp.Policy{}, "1.1.1.1:0", false},
		{"port 5432", safehttp.Policy{}, "1.1.1.1:5432", false},
		{"port 3306", safehttp.Policy{}, "1.1.1.1:3306", false},
		{"port 11211", safehttp.Policy{}, "1.1.1.1:11211", false},
		{"port 27017", safehttp.Policy{}, "1.1.1.1:27017", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.p.JudgeAddress(netip.MustParseAddrPort(c.addr))
			if (err == nil) != c.ok {
				t.Errorf("JudgeAddress(%s) = %v, want allowed: %v", c.addr, err, c.ok)
			}
		})
	}
}

// FuzzJudgeAddress: every form of one IPv4 address gets the same answer, and what is allowed is never an address that the
// standard library calls private, loopback, link-local, multicast or unspecified.
func FuzzJudgeAddress(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "::ffff:127.0.0.1", "1.1.1.1", "fe80::1%eth0", "2002:7f00:1::", "64:ff9b::1", "::", "2606:4700::1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			t.Skip()
		}
		judge := func(ip netip.Addr) error { return (safehttp.Policy{}).JudgeAddress(netip.AddrPortFrom(ip, 443)) }
		got := judge(ip)
		if ip.Zone() != "" && got == nil {
			t.Fatalf("%s has a zone and is allowed", ip)
		}
		if ip.Is4() {
			if mapped := judge(netip.AddrFrom16(ip.As16())); (mapped == nil) != (got == nil) {
				t.Fatalf("%s: %v as IPv4, %v mapped", ip, got, mapped)
			}
		}
		ip = ip.Unmap()
		if got == nil && (!ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast()) {
			t.Fatalf("%s is allowed", ip)
		}
	})
}
