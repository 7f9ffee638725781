package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi/identity"
	"github.com/carillon-go/carillon/jobs"
)

const goodHash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestAccounts_stored_password(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	u, err := store.User(t.Context(), tenant, mara)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the stored password does not have the cost of R51: %.31s", u.PasswordHash)
	}
	first := u.PasswordHash
	if err := a.SetPassword(t.Context(), tenant, mara, maraPassword); err != nil {
		t.Fatal(err)
	}
	if u, err = store.User(t.Context(), tenant, mara); err != nil || u.PasswordHash == first {
		t.Errorf("the same password gives the same hash twice (error %v): no salt", err)
	}
}

// The string is one of the test vectors of the reference implementation of argon2, with a cost that is not ours.
func TestAccounts_Login_with_a_hash_of_another_program(t *testing.T) {
	t.Parallel()
	a, store := withMara(t)
	const vector = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if err := store.InsertUser(t.Context(), jobs.User{Tenant: tenant, ID: "moved", PasswordHash: vector, Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Login(t.Context(), home, "moved", "password"); err != nil {
		t.Errorf("Login with the password of the vector: %v", err)
	}
	if _, _, err := a.Login(t.Context(), home, "moved", "Password"); !errors.Is(err, jobs.ErrUnauthenticated) {
		t.Errorf("Login with another password: %v, want ErrUnauthenticated", err)
	}
}

func TestPHC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		valid      bool
	}{
		{"ours", goodHash, true},
		{"another cost", strings.Replace(goodHash, "m=19456,t=2,p=1", "m=65536,t=3,p=4", 1), true},
		{"empty", "", false},
		{"another algorithm", strings.Replace(goodHash, "argon2id", "argon2i", 1), false},
		{"another version", strings.Replace(goodHash, "v=19", "v=16", 1), false},
		{"no pass", strings.Replace(goodHash, "t=2", "t=0", 1), false},
		{"no lane", strings.Replace(goodHash, "p=1", "p=0", 1), false},
		{"more memory than we give", strings.Replace(goodHash, "m=19456", "m=4194304", 1), false},
		{"more passes than we give", strings.Replace(goodHash, "t=2", "t=4000000000", 1), false},
		{"a number that is too large", strings.Replace(goodHash, "t=2", "t=99999999999999999999", 1), false},
		{"a leading zero", strings.Replace(goodHash, "t=2", "t=02", 1), false},
		{"a further parameter", strings.Replace(goodHash, "p=1", "p=1,data=x", 1), false},
		{"a short key, which would be guessed", goodHash[:strings.LastIndexByte(goodHash, '$')] + "$AAAA", false},
		{"an empty key, which everything would match", goodHash[:strings.LastIndexByte(goodHash, '$')+1], false},
		{"a line end", goodHash + "\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := identity.ParsePHC(c.text)
			if (err == nil) != c.valid || c.valid && got != c.text {
				t.Errorf("parsing gives %q and error %v, want valid %t", got, err, c.valid)
			}
			if err != nil && len(c.text) > 20 && strings.Contains(err.Error(), c.text[20:]) {
				t.Errorf("the error shows the hash: %v", err)
			}
		})
	}
}

func FuzzPHC(f *testing.F) {
	f.Add(goodHash)
	f.Add("")
	f.Add("$$$$$")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := identity.ParsePHC(text); err == nil && got != text {
			t.Errorf("%q is read and printed as %q", text, got)
		}
	})
}
