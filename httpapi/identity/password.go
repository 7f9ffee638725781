package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/carillon-go/carillon/jobs"
)

const (
	minPassword = 12   // characters
	maxPassword = 1024 // bytes
	// maxHashing is how many argon2 computations run at a time: each takes 19 MiB and a core (R51).
	maxHashing = 2
)

// cost is what one computation of argon2id costs.
type cost struct {
	// memory is in KiB.
	memory, passes uint32
	lanes          uint8
}

// ourCost is that of R51, which is the second choice of the OWASP list.
var ourCost = cost{memory: 19 * 1024, passes: 2, lanes: 1}

// maxCost bounds what a stored string can demand, so that a row from elsewhere does not take the memory of the process.
var maxCost = cost{memory: 64 * 1024, passes: 16, lanes: 16}

const (
	saltBytes = 16
	keyBytes  = 32
)

// checkPassword is the rule for new passwords.
func checkPassword(password jobs.Secret) error {
	switch text := password.Reveal(); {
	case !utf8.ValidString(text):
		return jobs.Invalid("password", "is not valid UTF-8")
	case utf8.RuneCountInString(text) < minPassword:
		return jobs.Invalid("password", "has to be %d characters or more", minPassword)
	case len(text) > maxPassword:
		return jobs.Invalid("password", "has to be %d bytes or less", maxPassword)
	case strings.ContainsFunc(text, unicode.IsControl):
		return jobs.Invalid("password", "holds control characters, which no keyboard types")
	}
	return nil
}

// passwords computes and compares password hashes, few at a time.
type passwords struct {
	slots chan struct{}
	// computed counts the computations: the same work for every log-in is a promise that a test can hold us to.
	computed atomic.Int64
}

func newPasswords() *passwords { return &passwords{slots: make(chan struct{}, maxHashing)} }

// derive is one computation. It waits for its turn, or for the end of ctx, which is then the error.
func (p *passwords) derive(ctx context.Context, password jobs.Secret, salt []byte, c cost, length uint32) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.slots }()
	p.computed.Add(1)
	return argon2.IDKey([]byte(password.Reveal()), salt, c.passes, c.memory, c.lanes, length), nil
}

// hash gives the string that is stored for a password.
func (p *passwords) hash(ctx context.Context, password jobs.Secret) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails: the process ends if the system has no randomness
	key, err := p.derive(ctx, password, salt, ourCost, keyBytes)
	if err != nil {
		return "", err
	}
	return phc{ourCost, salt, key}.String(), nil
}

// matches compares a password with a stored string. An empty string matches nothing and costs the same work.
func (p *passwords) matches(ctx context.Context, stored string, password jobs.Secret) (bool, error) {
	want, parseErr := parsePHC(stored)
	absent := parseErr != nil
	if absent {
		want = phc{ourCost, make([]byte, saltBytes), make([]byte, keyBytes)}
	}
	if len(password) > maxPassword {
		password, absent = "", true // none that long was ever accepted
	}
	got, err := p.derive(ctx, password, want.salt, want.cost, uint32(len(want.key)))
	switch {
	case err != nil:
		return false, err
	case stored != "" && parseErr != nil:
		return false, parseErr
	}
	return subtle.ConstantTimeCompare(got, want.key) == 1 && !absent, nil
}

// phc is an argon2id hash in the string format of the Password Hashing Competition:
// $argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>, in base64 without padding.
type phc struct {
	cost
	salt, key []byte
}

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

// errPassword does not show the string: it is what offline guessing needs.
var errPassword = errors.New("the stored password hash is not an argon2id string that can be used")

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 {
		return phc{}, errPassword
	}
	var h phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return phc{}, errPassword
	}
	var saltErr, keyErr error
	h.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, keyErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	switch {
	case saltErr != nil, keyErr != nil,
		h.memory < 8*uint32(h.lanes), h.memory > maxCost.memory, h.passes < 1, h.passes > maxCost.passes, h.lanes < 1, h.lanes > maxCost.lanes,
		len(h.salt) < 8, len(h.salt) > 64, len(h.key) < 16, len(h.key) > 64,
		h.String() != s: // also refuses another algorithm or version, signs, leading zeros and line ends
		return phc{}, errPassword
	}
	return h, nil
}
