package jobs

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxKeyFile bounds what is read of a key file, in bytes; a key in base64 has 44.
const maxKeyFile = 4096

// wrapLabel is the associated data of wrapped keys: such a key opens nothing else.
const wrapLabel = "carillon data key 1"

var _ KeyWrapper = (*KeyFile)(nil)

// KeyFile wraps data keys with AES-256-GCM under one key of 32 bytes that the host keeps: in a file, in an environment
// variable, or wherever it likes. Whoever has that key and the database has the secrets.
type KeyFile struct{ aead cipher.AEAD }

// NewKey wraps under a secret of exactly 32 random bytes. Bytes that are all the same are refused as no key.
func NewKey(secret []byte) (KeyWrapper, error) {
	if len(secret) != dataKeySize {
		return nil, fmt.Errorf("a key has %d bytes; this one has %d", dataKeySize, len(secret))
	}
	same := true
	for _, b := range secret {
		same = same && b == secret[0]
	}
	if same {
		return nil, errors.New("a key is random; all bytes of this one are the same")
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
	text = strings.TrimSpace(text)
	if len(text) == hex.EncodedLen(dataKeySize) {
		if secret, err := hex.DecodeString(text); err == nil {
			return NewKey(secret)
		}
	}
	bare := strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if secret, err := encoding.DecodeString(bare); err == nil && len(secret) == dataKeySize {
			return NewKey(secret)
		}
	}
	return nil, fmt.Errorf("a key is %d bytes written as %d hexadecimal digits or in base64; this text of %d characters is neither",
		dataKeySize, hex.EncodedLen(dataKeySize), len(text))
}

// OpenKeyFile wraps under the key in a file, written as KeyFromText reads it. Without a file it makes one with a random key
// (mode 0600) and the folder above (mode 0700); of several processes that do so at once, one wins and all use its key. A file that
// is no regular file, a symbolic link, or open to its group or to others, and a folder in which others may write, are refused.
// Windows has no such modes: there the host has to protect the file.
func OpenKeyFile(path string) (KeyWrapper, error) {
	key, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path); err != nil {
			return nil, fmt.Errorf("create key file: %w", err)
		}
		key, err = readKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	return key, nil
}

func readKeyFile(path string) (KeyWrapper, error) {
	found, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if err := checkKeyFile(path, found); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	opened, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(found, opened) {
		return nil, fmt.Errorf("%s was replaced while it was opened", path)
	}
	if err := checkKeyFile(path, opened); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxKeyFile)
	}
	key, err := KeyFromText(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func checkKeyFile(path string, file fs.FileInfo) error {
	if !file.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: %s", path, file.Mode().Type())
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	if file.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o; only its owner may have access (chmod 600)", path, file.Mode().Perm())
	}
	return checkKeyFolder(filepath.Dir(path))
}

// checkKeyFolder: whoever may write in the folder may put another key there.
func checkKeyFolder(path string) error {
	folder, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && folder.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o; only its owner may write there (chmod 700)", path, folder.Mode().Perm())
	}
	return nil
}

// createKeyFile makes the file whole or not at all: a link of a finished file, which fails if there is one already.
func createKeyFile(path string) (err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := checkKeyFolder(folder); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	secret := make([]byte, dataKeySize)
	_, _ = rand.Read(secret) // never fails: it ends the program instead
	_, err = file.WriteString(base64.StdEncoding.EncodeToString(secret) + "\n")
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes a new name survive a loss of power: secrets sealed under a key that is gone are gone.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be opened for that
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
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
