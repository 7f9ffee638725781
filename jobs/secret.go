package jobs

import "context"

// Secrets are sealed values by their path in the settings ("secret", "auth.password").
type Secrets map[string]SealedSecret

// SealedSecret is a value that only a Vault opens. It is bound to tenant, job, field and target (R62).
type SealedSecret struct {
	// KeyID names the tenant's data key.
	KeyID string `json:"keyId"`
	// Sealed is version, nonce and ciphertext.
	Sealed []byte `json:"sealed"`
	// Target is where the secret may be sent; see SecretTargets.
	Target string `json:"target,omitempty"`
}

// KeyWrapper protects the data keys of tenants: a key file, an environment variable, a key service of the host.
// Methods may be called concurrently.
type KeyWrapper interface {
	// WrapKey encrypts a data key of 32 bytes.
	WrapKey(ctx context.Context, key []byte) ([]byte, error)
	// UnwrapKey is its inverse. A key that it did not wrap is an error.
	UnwrapKey(ctx context.Context, wrapped []byte) ([]byte, error)
}

// TenantKey is a wrapped data key as it is stored.
type TenantKey struct {
	ID      string
	Tenant  TenantID
	Wrapped []byte
}

// KeyStore keeps the wrapped data keys of tenants.
type KeyStore interface {
	// TenantKeys gives all keys of the tenant, oldest first; none is no error. New values are sealed with the last one.
	TenantKeys(ctx context.Context, tenant TenantID) ([]TenantKey, error)
	// AddTenantKey stores a key if the tenant has as many keys as the caller saw, else it is ErrConflict and nothing is stored:
	// of two processes that make the first key, one wins.
	AddTenantKey(ctx context.Context, key TenantKey, seen int) error
}
