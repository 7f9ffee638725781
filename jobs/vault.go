package jobs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/carillon-go/carillon/jobs/internal/keyfile"
)

// ErrUnopenable says that a sealed value cannot be opened and that another try would not help: it was sealed for another tenant,
// job, field or target, its key is gone, or its bytes were changed. It is an error of its job only (R62).
var ErrUnopenable = errors.New("sealed value cannot be opened")

const (
	// dataKeySize makes AES-256.
	dataKeySize = keyfile.Size
	// sealVersion is the first byte of every sealed value: AES-256-GCM, nonce of 12 bytes, associated data as in bind.
	sealVersion = 1
	// maxOpenKeys bounds the unwrapped data keys in memory, of all tenants together.
	maxOpenKeys = 1024
)

// SecretRef is what a sealed value is bound to (R62). A value opens only for the reference that it was sealed for.
type SecretRef struct {
	Tenant TenantID
	// Job is the job or the draft: each has values of its own.
	Job ID
	// Field is the path in the job: "data.secret", "actions.<action id>.data.secret". SealSettings, OpenSettings and ResealSettings
	// take the path of the settings ("data", "actions.<action id>.data") and add the path in them.
	Field string
	// Target is where the secret may be sent (R46); see TargetOf.
	Target string
}

// Vault seals secrets with AES-256-GCM under a data key for each tenant. Data keys are stored wrapped, and unwrapped only in memory.
// Safe for concurrent use.
type Vault struct {
	keys    KeyStore
	wrapper KeyWrapper

	mu sync.Mutex // guards open
	// open are the unwrapped keys that were used. At maxOpenKeys any one is dropped, and unwrapped again when it is needed.
	open map[openKey]cipher.AEAD
}

type openKey struct {
	tenant TenantID
	id     string
}

// NewVault makes a vault over stored keys. It does no I/O; see Probe.
func NewVault(keys KeyStore, wrapper KeyWrapper) *Vault {
	return &Vault{keys: keys, wrapper: wrapper, open: map[openKey]cipher.AEAD{}}
}

// Seal encrypts a value for exactly this reference, under the newest key of the tenant; the first one makes that key. It reads
// and may write the KeyStore, so it is not to be called inside a transaction of the same store.
func (v *Vault) Seal(ctx context.Context, ref SecretRef, plaintext []byte) (SealedSecret, error) {
	key, err := v.sealingKey(ctx, ref.Tenant)
	if err != nil {
		return SealedSecret{}, fmt.Errorf("seal %s: %w", ref.Field, err)
	}
	aead, err := v.unwrap(ctx, key)
	if err != nil {
		return SealedSecret{}, fmt.Errorf("seal %s: %w", ref.Field, err)
	}
	// The cipher puts a random nonce in front.
	sealed := aead.Seal([]byte{sealVersion}, nil, plaintext, ref.bind(key.ID))
	return SealedSecret{KeyID: key.ID, Sealed: sealed, Target: ref.Target}, nil
}

// Open decrypts a value that was sealed for this reference; everything else is ErrUnopenable. Errors name the field, never the
// value. Any other error comes from the KeyStore or the KeyWrapper; another try may succeed.
func (v *Vault) Open(ctx context.Context, ref SecretRef, s SealedSecret) ([]byte, error) {
	if s.Target != ref.Target {
		return nil, fmt.Errorf("open %s: %w: its target has changed", ref.Field, ErrUnopenable)
	}
	if len(s.Sealed) == 0 || s.Sealed[0] != sealVersion {
		return nil, fmt.Errorf("open %s: %w: unknown version", ref.Field, ErrUnopenable)
	}
	aead, err := v.openingKey(ctx, ref.Tenant, s.KeyID)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", ref.Field, err)
	}
	plaintext, err := aead.Open(nil, nil, s.Sealed[1:], ref.bind(s.KeyID))
	if err != nil {
		// The cause says nothing more on purpose: GCM does not tell a wrong binding from changed bytes.
		return nil, fmt.Errorf("open %s: %w: changed, or sealed for another job, field or target", ref.Field, ErrUnopenable)
	}
	return plaintext, nil
}

// Probe shows that the tenant's secrets can be used: every stored key unwraps, and a value sealed now opens (R62). A program that
// fails it must not start; the usual cause is a key file that was replaced. It makes the first key of a tenant that has none.
func (v *Vault) Probe(ctx context.Context, tenant TenantID) error {
	keys, err := v.keys.TenantKeys(ctx, tenant)
	if err != nil {
		return fmt.Errorf("probe keys of tenant %s: %w", tenant, err)
	}
	for _, key := range keys {
		key.Tenant = tenant
		if _, err := v.unwrapFresh(ctx, key); err != nil {
			return fmt.Errorf("probe keys of tenant %s: %w", tenant, err)
		}
	}
	ref := SecretRef{Tenant: tenant, Field: "probe"}
	want := rand.Text()
	sealed, err := v.Seal(ctx, ref, []byte(want))
	if err != nil {
		return fmt.Errorf("probe keys of tenant %s: %w", tenant, err)
	}
	got, err := v.Open(ctx, ref, sealed)
	if err != nil {
		return fmt.Errorf("probe keys of tenant %s: %w", tenant, err)
	}
	if string(got) != want {
		return fmt.Errorf("probe keys of tenant %s: %w: another value came out", tenant, ErrUnopenable)
	}
	return nil
}

// sealingKey gives the newest stored key and makes the first one. It asks the store each time: a key that only this process
// remembers, because the tenant was removed meanwhile, would make values that nobody can open.
func (v *Vault) sealingKey(ctx context.Context, tenant TenantID) (TenantKey, error) {
	for range 3 {
		keys, err := v.keys.TenantKeys(ctx, tenant)
		if err != nil {
			return TenantKey{}, err
		}
		if len(keys) > 0 {
			key := keys[len(keys)-1]
			key.Tenant = tenant
			return key, nil
		}
		secret := make([]byte, dataKeySize)
		_, _ = rand.Read(secret) // never fails: it ends the program instead
		wrapped, err := v.wrapper.WrapKey(ctx, secret)
		if err != nil {
			return TenantKey{}, fmt.Errorf("wrap a new data key: %w", err)
		}
		key := TenantKey{ID: NewUUID(), Tenant: tenant, Wrapped: wrapped}
		err = v.keys.AddTenantKey(ctx, key, 0)
		if err == nil {
			return key, nil
		}
		if !errors.Is(err, ErrConflict) {
			return TenantKey{}, err
		}
		// Another process made the first key: use that one.
	}
	return TenantKey{}, &UnavailableError{Reason: "the first data key of the tenant cannot be stored"}
}

// openingKey gives the key from memory or from the store.
func (v *Vault) openingKey(ctx context.Context, tenant TenantID, id string) (cipher.AEAD, error) {
	v.mu.Lock()
	aead, ok := v.open[openKey{tenant, id}]
	v.mu.Unlock()
	if ok {
		return aead, nil
	}
	keys, err := v.keys.TenantKeys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.ID == id {
			key.Tenant = tenant
			return v.unwrap(ctx, key)
		}
	}
	return nil, fmt.Errorf("%w: unknown key %.40q", ErrUnopenable, id)
}

func (v *Vault) unwrap(ctx context.Context, key TenantKey) (cipher.AEAD, error) {
	v.mu.Lock()
	aead, ok := v.open[openKey{key.Tenant, key.ID}]
	v.mu.Unlock()
	if ok {
		return aead, nil
	}
	return v.unwrapFresh(ctx, key)
}

// unwrapFresh unwraps without the mutex: a key service may take its time. Two callers that do it at once get equal keys.
func (v *Vault) unwrapFresh(ctx context.Context, key TenantKey) (cipher.AEAD, error) {
	secret, err := v.wrapper.UnwrapKey(ctx, key.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap data key %s: %w", key.ID, err)
	}
	if len(secret) != dataKeySize {
		return nil, fmt.Errorf("unwrap data key %s: %w: the key has %d bytes, not %d", key.ID, ErrUnopenable, len(secret), dataKeySize)
	}
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, fmt.Errorf("unwrap data key %s: %w", key.ID, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.open) >= maxOpenKeys {
		for other := range v.open {
			delete(v.open, other)
			break
		}
	}
	v.open[openKey{key.Tenant, key.ID}] = aead
	return aead, nil
}

// newAEAD is AES-256-GCM that makes its nonces itself; with 96 random bits a key is good for 2^32 values.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// bind is the associated data. Every part is preceded by its length, so that no two references give the same bytes.
func (r SecretRef) bind(keyID string) []byte {
	out := []byte{sealVersion}
	for _, part := range []string{keyID, string(r.Tenant), string(r.Job), r.Field, r.Target} {
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}
