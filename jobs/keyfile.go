package jobs

import (
	"context"
	"crypto/cipher"
	"fmt"

	"github.com/carillon-go/carillon/jobs/internal/keyfile"
)

// wrapLabel is the associated data of wrapped keys: such a key opens nothing else.
const wrapLabel = "carillon data key 1"

var _ KeyWrapper = (*KeyFile)(nil)

// KeyFile wraps data keys with AES-256-GCM under one key of 32 bytes that the host keeps: in a file, in an environment
// variable, or wherever it likes. Whoever has that key and the database has the secrets.
type KeyFile struct{ aead cipher.AEAD }

// NewKey wraps under a secret of exactly 32 random bytes. Bytes that are all the same are refused as no key.
func NewKey(secret []byte) (KeyWrapper, error) {
	if err := keyfile.Check(secret); err != nil {
		return nil, err
	}
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	return &KeyFile{aead}, nil
}

// KeyFromText wraps under a key that is written as 64 hexadecimal digits or as base64 of 32 bytes, such as an environment
// variable holds it. White space around it does not count. Errors never show the text.
func KeyFromText(text string) (KeyWrapper, error) {
	secret, err := keyfile.Parse(text)
	if err != nil {
		return nil, err
	}
	return NewKey(secret)
}

// OpenKeyFile wraps under the key in a file, written as KeyFromText reads it. Without a file it makes one with a random key
// (mode 0600) and the folder above (mode 0700); of several processes that do so at once, one wins and all use its key. A file that
// is no regular file, a symbolic link, or open to its group or to others, and a folder in which others may write, are refused.
// Windows has no such modes: there the host has to protect the file.
func OpenKeyFile(path string) (KeyWrapper, error) {
	secret, err := keyfile.Open(path)
	if err != nil {
		return nil, err
	}
	return NewKey(secret)
}

// WrapKey encrypts a data key.
func (k *KeyFile) WrapKey(_ context.Context, key []byte) ([]byte, error) {
	return k.aead.Seal(nil, nil, key, []byte(wrapLabel)), nil
}

// UnwrapKey is the inverse of WrapKey. What was wrapped under another key is ErrUnopenable.
func (k *KeyFile) UnwrapKey(_ context.Context, wrapped []byte) ([]byte, error) {
	key, err := k.aead.Open(nil, nil, wrapped, []byte(wrapLabel))
	if err != nil {
		return nil, fmt.Errorf("%w: it was wrapped under another key than the one of this program", ErrUnopenable)
	}
	return key, nil
}
