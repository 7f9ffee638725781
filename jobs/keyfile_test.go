package jobs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// wraps reports whether b unwraps what a wrapped.
func wraps(t testing.TB, a, b jobs.KeyWrapper) bool {
	t.Helper()
	want := []byte("0123456789abcdef0123456789abcdef")
	wrapped, err := a.WrapKey(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, want) {
		t.Fatal("the wrapped key holds the key")
	}
	got, err := b.UnwrapKey(t.Context(), wrapped)
	if err != nil && !errors.Is(err, jobs.ErrUnopenable) {
		t.Fatalf("UnwrapKey: %v, want ErrUnopenable", err)
	}
	return err == nil && bytes.Equal(got, want)
}

func TestNewKey(t *testing.T) {
	if !wraps(t, newKey(t, 1), newKey(t, 1)) {
		t.Error("a key does not unwrap what an equal key wrapped")
	}
	if wraps(t, newKey(t, 1), newKey(t, 2)) {
		t.Error("a key unwraps what another key wrapped")
	}
	for name, secret := range map[string][]byte{
		"31 bytes": bytes.Repeat([]byte("ab"), 16)[:31], "33 bytes": bytes.Repeat([]byte("abc"), 11), "none": nil, "zeros": make([]byte, 32),
	} {
		if _, err := jobs.NewKey(secret); err == nil {
			t.Errorf("NewKey accepts %s", name)
		}
	}
}

// Forms of texts, modes of files and races are tested in internal/keyfile.
func TestOpenKeyFile(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	want, err := jobs.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	text := hex.EncodeToString(secret)
	fromText, err := jobs.KeyFromText(text)
	if err != nil || !wraps(t, fromText, want) {
		t.Errorf("KeyFromText gives another key: %v", err)
	}
	path := filepath.Join(t.TempDir(), "carillon.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, err := jobs.OpenKeyFile(path)
	if err != nil || !wraps(t, fromFile, want) {
		t.Errorf("OpenKeyFile gives another key: %v", err)
	}
	made, err := jobs.OpenKeyFile(filepath.Join(t.TempDir(), "keys", "new.key"))
	if err != nil || wraps(t, made, want) {
		t.Errorf("OpenKeyFile makes a known key: %v", err)
	}
	if key, err := jobs.KeyFromText("a password"); err == nil || key != nil {
		t.Errorf("KeyFromText of a password gives %v, %v", key, err)
	}
	if key, err := jobs.OpenKeyFile(t.TempDir()); err == nil || key != nil {
		t.Errorf("OpenKeyFile of a folder gives %v, %v", key, err)
	}
}
