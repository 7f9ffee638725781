package identity

import (
	"net/netip"
	"time"
)

// PasswordsComputed counts the argon2 computations so far.
func (a *Accounts) PasswordsComputed() int64 { return a.passwords.computed.Load() }

// HoldPasswordSlots takes every place in which a password can be computed.
func (a *Accounts) HoldPasswordSlots() (release func()) {
	for range maxHashing {
		a.passwords.slots <- struct{}{}
	}
	return func() {
		for range maxHashing {
			<-a.passwords.slots
		}
	}
}

// MaxTracked bounds the memory of a Throttle.
const MaxTracked = maxTracked

// Throttle is the throttle of log-ins without the work of one.
type Throttle struct{ t *throttle }

// NewThrottle makes a throttle that knows of no try.
func NewThrottle() Throttle { return Throttle{newThrottle()} }

func pairOf(user, addr string) pair { return pair{user, network(netip.MustParseAddr(addr))} }

// Fail makes a try that fails.
func (t Throttle) Fail(user, addr string, at time.Time) error {
	return t.t.begin(pairOf(user, addr), at)
}

// Succeed says that the last try was good.
func (t Throttle) Succeed(user, addr string) { t.t.succeed(pairOf(user, addr)) }

// Undo says that the last try came to no answer.
func (t Throttle) Undo(user, addr string) { t.t.undo(pairOf(user, addr)) }

// Tracked is how many pairs and networks are remembered.
func (t Throttle) Tracked() (pairs, networks int) {
	return len(t.t.pairs.entries), len(t.t.networks.entries)
}

// NewTokenText makes the text of a token.
func NewTokenText() string { return newTokenText().Reveal() }

// ValidTokenText reports whether a text can be a token.
func ValidTokenText(text string) bool { return validTokenText(text) }

// Checksum is the end of a token with that beginning.
func Checksum(text string) string { return checksum(text) }

// ParsePHC reads a stored password hash and prints it again.
func ParsePHC(s string) (string, error) {
	h, err := parsePHC(s)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}
