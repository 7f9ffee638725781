package main_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

var passwordLine = regexp.MustCompile(`the user admin has the password ([A-Za-z0-9]{24})\n`)

func TestServer_first_start(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "a", "data")
	p := start(t, data)
	shown := passwordLine.FindAllStringSubmatch(p.stdout.String(), -1)
	if len(shown) != 1 {
		t.Fatalf("the first start shows %d passwords:\n%s", len(shown), p.stdout)
	}
	password := shown[0][1]
	if strings.Contains(p.stderr.String(), password) {
		t.Error("the password is in the log")
	}
	login(t, p, "admin", password, http.StatusOK)
	login(t, p, "admin", password+"x", http.StatusUnauthorized)
	for path, mode := range modes(t, data) {
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[mode.IsDir()]; mode.Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, mode.Perm(), want)
		}
	}
	p.terminate()
	p.ends(0)

	again := start(t, data)
	if strings.Contains(again.stdout.String(), "password") {
		t.Errorf("the second start shows a password:\n%s", again.stdout)
	}
	login(t, again, "admin", password, http.StatusOK)
}

// login signs in as a browser does and looks at the session that it got.
func login(t *testing.T, p *process, name, password string, want int) http.Header {
	t.Helper()
	response, err := p.send("POST", "/login/local", map[string]any{"username": name, "password": password}, http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		t.Fatalf("log-in: status %d, want %d", response.StatusCode, want)
	}
	header := http.Header{}
	if want != http.StatusOK {
		return header
	}
	for _, c := range response.Cookies() {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	session, err := p.send("GET", "/session", nil, header)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Body.Close()
	if session.StatusCode != http.StatusOK {
		t.Errorf("session after the log-in: status %d", session.StatusCode)
	}
	return header
}

func modes(t *testing.T, root string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found[path] = info.Mode()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 3 {
		t.Fatalf("folder, database and key are expected, found %v", found)
	}
	return found
}

// TestServer_refuses_to_start: a clear line, exit code 1, and the files are as they were.
func TestServer_refuses_to_start(t *testing.T) {
	t.Parallel()
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() }) // after the cases, which run in parallel
	for _, c := range []struct {
		name string
		// given prepares the folder and may give another one.
		given func(t *testing.T, data string) string
		args  []string
		want  string
		// ours: there is a database of ours.
		ours bool
	}{
		{"the port is in use", nothing, []string{"-addr", busy.Addr().String()}, "-addr", false},
		{"the folder is a file", func(t *testing.T, data string) string {
			put(t, filepath.Join(data, "file"), "text", 0o600)
			return filepath.Join(data, "file")
		}, nil, "-data", false},
		{"the folder is below a file", func(t *testing.T, data string) string {
			put(t, filepath.Join(data, "file"), "text", 0o600)
			return filepath.Join(data, "file", "data")
		}, nil, "-data", false},
		{"others may write in the folder", func(t *testing.T, data string) string {
			if err := os.Chmod(data, 0o777); err != nil {
				t.Fatal(err)
			}
			return data
		}, nil, "only its owner may write", false},
		{"the database is a folder", func(t *testing.T, data string) string {
			if err := os.Mkdir(filepath.Join(data, "carillon.db"), 0o700); err != nil {
				t.Fatal(err)
			}
			return data
		}, nil, "carillon.db", false},
		{"the database is no database", func(t *testing.T, data string) string {
			put(t, filepath.Join(data, "carillon.db"), strings.Repeat("garbage ", 1000), 0o600)
			return data
		}, nil, "not an SQLite database", false},
		{"the database is of another program", func(t *testing.T, data string) string {
			execute(t, data, "CREATE TABLE theirs (a)", "PRAGMA application_id = 77")
			return data
		}, nil, "another program", false},
		{"the database is of another program that marks nothing", func(t *testing.T, data string) string {
			execute(t, data, "CREATE TABLE theirs (a)")
			return data
		}, nil, "another program", false},
		{"the database is of a newer version", func(t *testing.T, data string) string {
			settled(t, data)
			execute(t, data, "PRAGMA user_version = 999")
			return data
		}, nil, "newer version", true},
		{"the key is lost", func(t *testing.T, data string) string {
			settled(t, data)
			if err := os.Remove(filepath.Join(data, "carillon.key")); err != nil {
				t.Fatal(err)
			}
			return data
		}, nil, "carillon.key is missing", true},
		{"the key is another one", func(t *testing.T, data string) string {
			settled(t, data)
			put(t, filepath.Join(data, "carillon.key"), strings.Repeat("0123456789abcdef", 4), 0o600)
			return data
		}, nil, "another key", true},
		{"the key is too short", func(t *testing.T, data string) string {
			put(t, filepath.Join(data, "carillon.key"), "c2hvcnQ=", 0o600)
			return data
		}, nil, "32 bytes", false},
		{"others may read the key", func(t *testing.T, data string) string {
			put(t, filepath.Join(data, "carillon.key"), strings.Repeat("0123456789abcdef", 4), 0o640)
			return data
		}, nil, "chmod 600", false},
		{"the key is a link", func(t *testing.T, data string) string {
			if err := os.Symlink("elsewhere", filepath.Join(data, "carillon.key")); err != nil {
				t.Fatal(err)
			}
			return data
		}, nil, "regular file", false},
		{"the stored time-out does not fit the heartbeat", func(t *testing.T, data string) string {
			settled(t, data)
			return data
		}, []string{"-heartbeat", "40s"}, "-heartbeat", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := os.Chmod(root, 0o700); err != nil {
				t.Fatal(err)
			}
			data := c.given(t, root)
			before := contents(t, root, c.ours)
			p := launch(t, nil, append([]string{"-addr", "127.0.0.1:0", "-data", data, "-log", "error"}, c.args...)...)
			p.ends(1)
			text := p.stderr.String()
			if !strings.HasPrefix(text, "server: ") || strings.Count(text, "\n") != 1 || !strings.Contains(text, c.want) {
				t.Errorf("want one line with %q, got:\n%s", c.want, text)
			}
			if out := p.stdout.String(); out != "" {
				t.Errorf("it printed as if it had started:\n%s", out)
			}
			if diff := cmp.Diff(before, contents(t, root, c.ours)); diff != "" {
				t.Errorf("files have changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestServer_refuses_wrong_flags on the real command line and environment; which flags, and why: TestSettings_that_are_wrong.
func TestServer_refuses_wrong_flags(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, c := range []struct {
		env, args []string
		want      string
	}{
		{nil, []string{"-smtp", "smtp://user:canary@mail.example.org?tls=none"}, "-smtp"},
		{[]string{"CARILLON_TOKEN=canary"}, nil, "-token"},
		{[]string{"CARILLON_CONCURRENCY=many"}, nil, "CARILLON_CONCURRENCY"},
	} {
		p := launch(t, c.env, append(c.args, "-data", data)...)
		p.ends(2)
		text := p.stdout.String() + p.stderr.String()
		if !strings.HasPrefix(text, "server: ") || !strings.Contains(text, c.want) || strings.Contains(text, "canary") {
			t.Errorf("%v %v: got\n%s", c.env, c.args, text)
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a refused start has made the folder: %v", err)
	}
	help := launch(t, nil, "-help")
	help.ends(0)
	if !strings.Contains(help.stdout.String(), "-grace") || help.stderr.String() != "" {
		t.Errorf("-help wrote %q and %q", help.stdout, help.stderr)
	}
}

func nothing(_ *testing.T, data string) string { return data }

// settled makes the files of a server that was started once and ended in order.
func settled(t *testing.T, data string) {
	t.Helper()
	p := start(t, data)
	p.terminate()
	p.ends(0)
}

func put(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// execute runs statements on the database of a folder, as another program would.
func execute(t *testing.T, data string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "carillon.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents are the names below a folder, with modes and hashes. A database that is ours may be opened, and its log folded into it,
// before a start is refused.
func contents(t *testing.T, root string, ours bool) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := []byte{}
		if info.Mode().IsRegular() && !(ours && strings.Contains(path, "carillon.db")) {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		if !ours || !strings.Contains(path, "carillon.db-") {
			found[path] = fmt.Sprintf("%s %x", info.Mode(), sha256.Sum256(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
