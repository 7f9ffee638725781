package safehttp

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxURL is the longest URL in bytes; servers commonly stop at 8 KiB.
const maxURL = 8 << 10

// refusedPorts is the list of rule R55: services that a request in plain text can steer or disturb, or that answer
// everybody who reaches them. Ports below 1024 other than 80 and 443 are refused anyway; the three of mail stand here so
// that the list alone says what is meant.
var refusedPorts = []uint16{
	25, 465, 587, // mail
	1433, 1521, 3306, 5432, 9042, 27017, 27018, 27019, 28015, 50000, // databases
	6379, 6380, 11211, // caches
	1883, 2181, 4222, 5671, 5672, 8883, 9092, 61613, 61616, // queues and coordination
	2375, 2376, 2377, 2379, 2380, 4001, 10250, 10255, // containers and their stores
	2049, 3260, 3389, 5900, 5901, 6000, 5060, 5061, 6667, 6697, // files, screens, telephony, chat
}

func (p Policy) judgePort(port uint16) error {
	if slices.Contains(p.AllowPorts, port) {
		return nil
	}
	if port != 80 && port != 443 && port < 1024 || slices.Contains(refusedPorts, port) {
		return &RefusedError{Rule: "the port is not allowed: it must be 80, 443 or at least 1024, and no port of a well-known service"}
	}
	return nil
}

// CheckURL checks rule R55 on a URL as a user wrote it: http or https, a host, no user info, a path without . and .., a port that any
// policy allows. It says nothing about addresses: use Policy.CheckURL or Client.CheckURL where the policy is known. The error is a
// *RefusedError and does not repeat the URL, which may hold a password.
func CheckURL(raw string) (*url.URL, error) {
	u, port, err := parseURL(raw)
	if err != nil {
		return nil, err
	}
	if err := (Policy{}).judgePort(port); err != nil {
		return nil, err
	}
	return u, nil
}

// CheckURL checks a URL by rule R55 with the ports that the policy opens and, where its host is a literal address, by rule
// R56. A name is judged when it is dialled, never here: its address may change in between.
func (p Policy) CheckURL(raw string) (*url.URL, error) {
	u, port, err := parseURL(raw)
	if err != nil {
		return nil, err
	}
	if err := p.judgePort(port); err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(canonicalName(u.Hostname())); err == nil && !p.allowsName(u.Hostname()) {
		if err := p.judgeIP(ip); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// parseURL checks all of R55 but the port, which it returns with the default of the scheme filled in.
func parseURL(raw string) (*url.URL, uint16, error) {
	refuse := func(rule string) (*url.URL, uint16, error) { return nil, 0, &RefusedError{Rule: rule} }
	if len(raw) > maxURL {
		return refuse("the URL is longer than 8 KiB")
	}
	// The text of url.Parse's error holds the URL, so it is not passed on.
	u, err := url.Parse(raw)
	if err != nil {
		return refuse("the URL cannot be parsed")
	}
	var port uint16
	switch u.Scheme {
	case "http":
		port = 80
	case "https":
		port = 443
	default:
		return refuse("the URL must begin with http:// or https://")
	}
	if u.User != nil {
		return refuse("the URL must not hold a user name or password")
	}
	if u.Opaque != "" || u.Host == "" {
		return refuse("the URL has no host")
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), func(segment string) bool { return segment == "." || segment == ".." }) {
		// Whoever may set a value that is put into a path must not reach another path with it.
		return refuse("the path of the URL must not have . or .. between slashes")
	}
	host := u.Hostname()
	if strings.Contains(host, "%") {
		return refuse("addresses with a zone are not allowed")
	}
	_, err = netip.ParseAddr(host)
	if err != nil && (strings.HasPrefix(u.Host, "[") || !validHost(canonicalName(host))) {
		return refuse("the host of the URL is not a name in ASCII or an address")
	}
	if strings.HasSuffix(u.Host, ":") {
		return refuse("the URL has a colon without a port")
	}
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return refuse("the port must be between 1 and 65535")
		}
		port = uint16(n)
	}
	return u, port, nil
}

// validHost accepts host names in ASCII: labels of letters, digits, hyphens and underscores. A last label that is a number
// is refused: "127.1", "2130706433" and "0x7f.1" are addresses to some resolvers and names to others. Names in other
// scripts are written in their xn-- form, because some of their signs are mapped to ASCII only after this check.
func validHost(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return !isNameRune(r) }) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

func isNameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}
