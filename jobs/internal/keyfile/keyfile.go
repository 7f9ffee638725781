// Package keyfile reads a key of 32 bytes from text or from a file that only its owner may read, and makes such a file.
package keyfile

import (
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

const (
	// Size of a key in bytes.
	Size = 32
	// maxFile bounds what is read of a key file, in bytes; a key in base64 has 44.
	maxFile = 4096
)

// Check refuses what is no key: another size, or bytes that are all the same.
func Check(secret []byte) error {
	if len(secret) != Size {
		return fmt.Errorf("a key has %d bytes; this one has %d", Size, len(secret))
	}
	same := true
	for _, b := range secret {
		same = same && b == secret[0]
	}
	if same {
		return errors.New("a key is random; all bytes of this one are the same")
	}
	return nil
}

// Parse reads a key from 64 hexadecimal digits or base64 of 32 bytes, with white space around it. Errors never show the text.
func Parse(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if len(text) == hex.EncodedLen(Size) {
		if secret, err := hex.DecodeString(text); err == nil {
			return secret, Check(secret)
		}
	}
	bare := strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if secret, err := encoding.DecodeString(bare); err == nil && len(secret) == Size {
			return secret, Check(secret)
		}
	}
	return nil, fmt.Errorf("a key is %d bytes written as %d hexadecimal digits or in base64; this text of %d characters is neither",
		Size, hex.EncodedLen(Size), len(text))
}

// Open reads the key in a file, or makes the file with a random key. What it refuses is said at jobs.OpenKeyFile.
func Open(path string) ([]byte, error) {
	key, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("create key file: %w", err)
		}
		key, err = read(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	return key, nil
}

func read(path string) ([]byte, error) {
	found, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if err := checkFile(path, found); err != nil {
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
	if err := checkFile(path, opened); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxFile)
	}
	key, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func checkFile(path string, file fs.FileInfo) error {
	if !file.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: %s", path, file.Mode().Type())
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	if file.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o; only its owner may have access (chmod 600)", path, file.Mode().Perm())
	}
	return checkFolder(filepath.Dir(path))
}

// checkFolder: whoever may write in the folder may put another key there.
func checkFolder(path string) error {
	folder, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && folder.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o; only its owner may write there (chmod 700)", path, folder.Mode().Perm())
	}
	return nil
}

// create makes the file whole or not at all: a link of a finished file, which fails if there is one already.
func create(path string) (err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := checkFolder(folder); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	secret := make([]byte, Size)
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
