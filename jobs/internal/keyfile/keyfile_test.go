package keyfile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs/internal/keyfile"
)

func TestCheck(t *testing.T) {
	if err := keyfile.Check([]byte("0123456789abcdef0123456789abcdef")); err != nil {
		t.Errorf("a key is refused: %v", err)
	}
	for name, secret := range map[string][]byte{
		"31 bytes": bytes.Repeat([]byte("ab"), 16)[:31], "33 bytes": bytes.Repeat([]byte("abc"), 11), "none": nil, "zeros": make([]byte, 32),
	} {
		if keyfile.Check(secret) == nil {
			t.Errorf("Check accepts %s", name)
		}
	}
}

func TestParse(t *testing.T) {
	secret := []byte("\xff\xfe\xfd3456789abcdef0123456789abcdef")
	for name, text := range map[string]string{
		"hexadecimal": hex.EncodeToString(secret), "upper case": strings.ToUpper(hex.EncodeToString(secret)),
		"base64": base64.StdEncoding.EncodeToString(secret), "without padding": base64.RawStdEncoding.EncodeToString(secret),
		"for URLs": base64.URLEncoding.EncodeToString(secret), "with white space": " " + base64.StdEncoding.EncodeToString(secret) + "\r\n",
	} {
		got, err := keyfile.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(got, secret) {
			t.Errorf("%s: another key came out", name)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "a password": "correct horse battery staple, 32", "raw bytes": string(secret),
		"too short": base64.StdEncoding.EncodeToString(secret[:31]), "too long": base64.StdEncoding.EncodeToString(append(secret, 1)),
		"63 digits": hex.EncodeToString(secret)[1:], "two lines": "AAAA\nBBBB", "zeros": strings.Repeat("0", 64),
	} {
		if _, err := keyfile.Parse(text); err == nil {
			t.Errorf("Parse accepts %s", name)
		} else if len(text) > 4 && strings.Contains(err.Error(), strings.TrimSpace(text)) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestOpen_MakesAFileOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "carillon.key")
	first, err := keyfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := keyfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the file that was made gives another key")
	}
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(names) != 1 {
		t.Errorf("the folder has %v, %v; want the key file alone", names, err)
	}
	other, err := keyfile.Open(filepath.Join(t.TempDir(), "other.key"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, other) {
		t.Error("two new files have the same key")
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %s: %v, %v; want %v", filepath.Base(name), info.Mode(), err, want)
		}
	}
}

func TestOpen_ManyStartersGetOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carillon.key")
	keys := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = keyfile.Open(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range keys {
		if keys[i] == nil || !bytes.Equal(keys[0], keys[i]) {
			t.Errorf("starter %d has another key than starter 0", i)
		}
	}
}

func TestOpen_Refuses(t *testing.T) {
	good := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef")) + "\n"
	write := func(t *testing.T, path, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]func(t *testing.T, path string){
		"an empty file": func(t *testing.T, path string) { write(t, path, "", 0o600) },
		"a short key":   func(t *testing.T, path string) { write(t, path, good[:20], 0o600) },
		"a huge file":   func(t *testing.T, path string) { write(t, path, good+strings.Repeat(" ", 5000), 0o600) },
		"a folder": func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	}
	if runtime.GOOS != "windows" {
		cases["a file that its group may read"] = func(t *testing.T, path string) { write(t, path, good, 0o640) }
		cases["a file that others may read"] = func(t *testing.T, path string) { write(t, path, good, 0o604) }
		cases["a file that others may write"] = func(t *testing.T, path string) { write(t, path, good, 0o602) }
		for who, mode := range map[string]os.FileMode{"its group": 0o720, "others": 0o702} {
			cases["a folder in which "+who+" may write"] = func(t *testing.T, path string) {
				write(t, path, good, 0o600)
				if err := os.Chmod(filepath.Dir(path), mode); err != nil {
					t.Fatal(err)
				}
			}
		}
		cases["a new file in a folder in which others may write"] = func(t *testing.T, path string) {
			if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		cases["a symbolic link"] = func(t *testing.T, path string) {
			write(t, path+".real", good, 0o600)
			if err := os.Symlink(path+".real", path); err != nil {
				t.Fatal(err)
			}
		}
		cases["a symbolic link to nothing"] = func(t *testing.T, path string) {
			if err := os.Symlink(path+".real", path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "carillon.key")
			prepare(t, path)
			_, err := keyfile.Open(path)
			if err == nil {
				t.Fatal("the file is accepted")
			}
			if strings.Contains(err.Error(), good[:16]) {
				t.Errorf("the error shows the key: %v", err)
			}
			if _, err := os.Lstat(path); strings.HasPrefix(name, "a new file") && err == nil {
				t.Error("a key was left where others may replace it")
			}
		})
	}
	path := filepath.Join(t.TempDir(), "carillon.key")
	write(t, path, good, 0o400)
	if _, err := keyfile.Open(path); err != nil {
		t.Errorf("a read-only file of its owner is refused: %v", err)
	}
}
