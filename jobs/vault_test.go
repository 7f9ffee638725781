package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// keyShelf is a KeyStore in memory.
type keyShelf struct {
	mu    sync.Mutex // guards the fields below
	keys  map[jobs.TenantID][]jobs.TenantKey
	reads int
	fail  error
	// before is called once, ahead of the next AddTenantKey.
	before func()
}

func (k *keyShelf) TenantKeys(_ context.Context, tenant jobs.TenantID) ([]jobs.TenantKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	return slices.Clone(k.keys[tenant]), k.fail
}

func (k *keyShelf) AddTenantKey(_ context.Context, key jobs.TenantKey, seen int) error {
	k.mu.Lock()
	before := k.before
	k.before = nil
	k.mu.Unlock()
	if before != nil {
		before()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys[key.Tenant]) != seen {
		return jobs.ErrConflict
	}
	if k.keys == nil {
		k.keys = map[jobs.TenantID][]jobs.TenantKey{}
	}
	k.keys[key.Tenant] = append(k.keys[key.Tenant], key)
	return nil
}

func newKey(t testing.TB, seed byte) jobs.KeyWrapper {
	t.Helper()
	secret := bytes.Repeat([]byte{seed}, 32)
	secret[0]++
	key, err := jobs.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newVault(t testing.TB) *jobs.Vault {
	t.Helper()
	return jobs.NewVault(&keyShelf{}, newKey(t, 1))
}

var anyRef = jobs.SecretRef{Tenant: "globex", Job: "j1", Field: "data.secret", Target: "https://api.example:443"}

const secretCanary = "c4nary-9f2d7-value"

func seal(t testing.TB, v *jobs.Vault, ref jobs.SecretRef, plaintext string) jobs.SealedSecret {
	t.Helper()
	sealed, err := v.Seal(t.Context(), ref, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestVault_OpensWhatItSealed(t *testing.T) {
	shelf := &keyShelf{}
	v := jobs.NewVault(shelf, newKey(t, 1))
	for _, plaintext := range []string{"", secretCanary, strings.Repeat("x", 1<<16)} {
		sealed := seal(t, v, anyRef, plaintext)
		if bytes.Contains(sealed.Sealed, []byte(secretCanary)) {
			t.Error("the sealed value holds the plaintext")
		}
		for name, vault := range map[string]*jobs.Vault{"same": v, "restarted": jobs.NewVault(shelf, newKey(t, 1))} {
			got, err := vault.Open(t.Context(), anyRef, sealed)
			if err != nil || string(got) != plaintext {
				t.Errorf("%s vault: Open gives %d bytes, %v; want %d bytes", name, len(got), err, len(plaintext))
			}
		}
	}
	if n := len(shelf.keys["globex"]); n != 1 {
		t.Errorf("%d keys were made, want 1", n)
	}
}

func TestVault_SealsTheSameValueDifferently(t *testing.T) {
	v := newVault(t)
	a, b := seal(t, v, anyRef, secretCanary), seal(t, v, anyRef, secretCanary)
	if bytes.Equal(a.Sealed, b.Sealed) {
		t.Error("two seals of one value are equal: the nonce was used again")
	}
}

func TestVault_OpenRefuses(t *testing.T) {
	type sealedRef struct {
		ref    jobs.SecretRef
		sealed jobs.SealedSecret
	}
	cases := map[string]func(*sealedRef){
		"another tenant":              func(s *sealedRef) { s.ref.Tenant = "initech" },
		"another job":                 func(s *sealedRef) { s.ref.Job = "j2" },
		"another field":               func(s *sealedRef) { s.ref.Field = "data.token" },
		"another target":              func(s *sealedRef) { s.ref.Target = "https://evil.example:443" },
		"another target on both":      func(s *sealedRef) { s.ref.Target, s.sealed.Target = "x", "x" },
		"a border that moved":         func(s *sealedRef) { s.ref.Job, s.ref.Field = "j1d", "ata.secret" },
		"an unknown key":              func(s *sealedRef) { s.sealed.KeyID = jobs.NewUUID() },
		"a key of another tenant":     func(s *sealedRef) { s.sealed.KeyID = "other" },
		"no bytes":                    func(s *sealedRef) { s.sealed.Sealed = nil },
		"only a version":              func(s *sealedRef) { s.sealed.Sealed = s.sealed.Sealed[:1] },
		"a version that is not known": func(s *sealedRef) { s.sealed.Sealed[0]++ },
		"a missing last byte":         func(s *sealedRef) { s.sealed.Sealed = s.sealed.Sealed[:len(s.sealed.Sealed)-1] },
		"a byte more":                 func(s *sealedRef) { s.sealed.Sealed = append(s.sealed.Sealed, 0) },
	}
	shelf := &keyShelf{}
	v := jobs.NewVault(shelf, newKey(t, 1))
	seal(t, v, jobs.SecretRef{Tenant: "initech", Field: "data.x"}, "y")
	shelf.keys["initech"][0].ID = "other"
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			s := sealedRef{anyRef, seal(t, v, anyRef, secretCanary)}
			change(&s)
			got, err := v.Open(t.Context(), s.ref, s.sealed)
			if !errors.Is(err, jobs.ErrUnopenable) || got != nil {
				t.Fatalf("Open gives %q, %v; want ErrUnopenable", got, err)
			}
			if !strings.Contains(err.Error(), s.ref.Field) || strings.Contains(err.Error(), secretCanary) {
				t.Errorf("the error has to name the field and not the value: %v", err)
			}
		})
	}
}

func TestVault_OpenRefusesAnotherTenantWithTheSameKey(t *testing.T) {
	shelf := &keyShelf{}
	v := jobs.NewVault(shelf, newKey(t, 1))
	sealed := seal(t, v, anyRef, secretCanary)
	shelf.keys["initech"] = shelf.keys["globex"] // somebody copied the row
	ref := anyRef
	ref.Tenant = "initech"
	if _, err := v.Open(t.Context(), ref, sealed); !errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("Open gives %v, want ErrUnopenable", err)
	}
}

func TestVault_OpenRefusesEveryChangedByte(t *testing.T) {
	v := newVault(t)
	sealed := seal(t, v, anyRef, secretCanary)
	for i := range sealed.Sealed {
		changed := sealed
		changed.Sealed = slices.Clone(sealed.Sealed)
		changed.Sealed[i] ^= 0x10
		if _, err := v.Open(t.Context(), anyRef, changed); !errors.Is(err, jobs.ErrUnopenable) {
			t.Fatalf("byte %d changed: %v, want ErrUnopenable", i, err)
		}
	}
}

func TestVault_TwoProcessesMakeOneFirstKey(t *testing.T) {
	shelf := &keyShelf{}
	one, two := jobs.NewVault(shelf, newKey(t, 1)), jobs.NewVault(shelf, newKey(t, 1))
	var first jobs.SealedSecret
	shelf.before = func() { first = seal(t, two, anyRef, "from two") }
	second := seal(t, one, anyRef, "from one")
	if n := len(shelf.keys["globex"]); n != 1 || first.KeyID != second.KeyID {
		t.Fatalf("%d keys, used %s and %s; want one for both", n, first.KeyID, second.KeyID)
	}
	for want, sealed := range map[string]jobs.SealedSecret{"from two": first, "from one": second} {
		for _, v := range []*jobs.Vault{one, two} {
			if got, err := v.Open(t.Context(), anyRef, sealed); err != nil || string(got) != want {
				t.Errorf("Open gives %q, %v; want %q", got, err, want)
			}
		}
	}
}

func TestVault_SealsWithTheNewestKeyOfTheStore(t *testing.T) {
	shelf := &keyShelf{}
	wrapper := newKey(t, 1)
	v := jobs.NewVault(shelf, wrapper)
	old := seal(t, v, anyRef, "old")
	wrapped, err := wrapper.WrapKey(t.Context(), []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if err := shelf.AddTenantKey(t.Context(), jobs.TenantKey{ID: "k2", Tenant: "globex", Wrapped: wrapped}, 1); err != nil {
		t.Fatal(err)
	}
	if got := seal(t, v, anyRef, "new").KeyID; got != "k2" {
		t.Errorf("sealed with %s, want the newest key k2", got)
	}
	if got, err := v.Open(t.Context(), anyRef, old); err != nil || string(got) != "old" {
		t.Errorf("Open of the old value: %q, %v", got, err)
	}
	// A tenant that was removed and made again has other keys: what is sealed now must open after a restart.
	shelf.keys["globex"] = nil
	sealed := seal(t, v, anyRef, "again")
	if got, err := jobs.NewVault(shelf, wrapper).Open(t.Context(), anyRef, sealed); err != nil || string(got) != "again" {
		t.Errorf("Open after the tenant was made again: %q, %v", got, err)
	}
}

func TestVault_OpenAsksTheStoreOnce(t *testing.T) {
	shelf := &keyShelf{}
	sealed := seal(t, jobs.NewVault(shelf, newKey(t, 1)), anyRef, secretCanary)
	v := jobs.NewVault(shelf, newKey(t, 1))
	shelf.reads = 0
	for range 3 {
		if _, err := v.Open(t.Context(), anyRef, sealed); err != nil {
			t.Fatal(err)
		}
	}
	if shelf.reads != 1 {
		t.Errorf("%d reads of the store for 3 opens, want 1", shelf.reads)
	}
}

func TestVault_KeepsABoundedNumberOfKeys(t *testing.T) {
	shelf := &keyShelf{}
	v := jobs.NewVault(shelf, newKey(t, 1))
	for i := range jobs.MaxOpenKeys + 10 {
		ref := anyRef
		ref.Tenant = jobs.TenantID(fmt.Sprint("t", i))
		sealed := seal(t, v, ref, secretCanary)
		if _, err := v.Open(t.Context(), ref, sealed); err != nil {
			t.Fatal(err)
		}
	}
	if n := v.OpenKeys(); n != jobs.MaxOpenKeys {
		t.Errorf("%d keys in memory, want %d", n, jobs.MaxOpenKeys)
	}
}

func TestVault_AnOutageOfTheStoreIsNoUnopenableValue(t *testing.T) {
	down := errors.New("store is down")
	shelf := &keyShelf{}
	sealed := seal(t, jobs.NewVault(shelf, newKey(t, 1)), anyRef, secretCanary)
	shelf.fail = down
	v := jobs.NewVault(shelf, newKey(t, 1))
	if _, err := v.Open(t.Context(), anyRef, sealed); !errors.Is(err, down) || errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("Open: %v, want the store's error and not ErrUnopenable", err)
	}
	if _, err := v.Seal(t.Context(), anyRef, nil); !errors.Is(err, down) {
		t.Errorf("Seal: %v, want the store's error", err)
	}
	if err := v.Probe(t.Context(), "globex"); !errors.Is(err, down) {
		t.Errorf("Probe: %v, want the store's error", err)
	}
}

func TestVault_Probe(t *testing.T) {
	shelf := &keyShelf{}
	if err := jobs.NewVault(shelf, newKey(t, 1)).Probe(t.Context(), "globex"); err != nil {
		t.Fatalf("first start: %v", err)
	}
	if err := jobs.NewVault(shelf, newKey(t, 1)).Probe(t.Context(), "globex"); err != nil {
		t.Errorf("second start: %v", err)
	}
	if err := jobs.NewVault(shelf, newKey(t, 2)).Probe(t.Context(), "globex"); !errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("start with another key: %v, want ErrUnopenable", err)
	}
	// An older key that does not unwrap is found although new values are sealed with the last one.
	good := shelf.keys["globex"][0]
	shelf.keys["globex"] = []jobs.TenantKey{{ID: "k0", Tenant: "globex", Wrapped: []byte("broken")}, good}
	if err := jobs.NewVault(shelf, newKey(t, 1)).Probe(t.Context(), "globex"); !errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("start with a broken old key: %v, want ErrUnopenable", err)
	}
}

func TestVault_IsSafeForConcurrentUse(t *testing.T) {
	v := newVault(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ref := anyRef
			ref.Tenant = jobs.TenantID(fmt.Sprint("t", i%2))
			for range 20 {
				sealed, err := v.Seal(t.Context(), ref, []byte(secretCanary))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := v.Open(t.Context(), ref, sealed); err != nil || string(got) != secretCanary {
					t.Errorf("Open gives %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}
