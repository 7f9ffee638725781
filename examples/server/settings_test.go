package main

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

func noEnvironment(string) string { return "" }

// show prints every setting, secrets revealed.
func show(s settings) map[string]string {
	return map[string]string{
		"addr": s.addr, "data": s.data, "db": s.db.Reveal(), "files": s.files, "templates": s.templates, "tenant": string(s.tenant), "concurrency": fmt.Sprint(s.concurrency), "token": s.token.Reveal(),
		"smtp": s.smtp.Reveal(), "allow-private": fmt.Sprint(s.allowPrivate), "heartbeat": s.heartbeat.String(), "timeout": s.timeout.String(),
		"grace": s.grace.String(), "mode": string(s.mode), "log": s.log.String(),
	}
}

// flagCases has for each flag its default and two other values.
var flagCases = map[string][3]string{
	"addr":          {"127.0.0.1:8080", "0.0.0.0:9000", "[::1]:0"},
	"data":          {"./carillon-data", "/var/lib/carillon", "d"},
	"db":            {"", "sqlite:/var/lib/jobs.db", "postgres://app:secret@db.example.org/app"},
	"files":         {"", "/var/lib/files", "f"},
	"templates":     {"", "/etc/carillon/templates", "t"},
	"tenant":        {"main", "globex", "a-1"},
	"concurrency":   {"10", "1", "1000"},
	"token":         {"", "twenty-characters-20", strings.Repeat("~", 200)},
	"smtp":          {"", "smtp://u:p@mail.example.org:587?from=a@example.org", "smtp://127.0.0.1:2525?tls=none"},
	"allow-private": {"false", "true", "true"},
	"heartbeat":     {"0s", "1s", "5m0s"},
	"timeout":       {"0s", "2s", "1h0m0s"},
	"grace":         {"30s", "1.5s", "24h0m0s"},
	"mode":          {"all", "api", "worker"},
	"log":           {"INFO", "DEBUG", "ERROR"},
}

func TestSettings(t *testing.T) {
	t.Parallel()
	defaults, err := readSettings(nil, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range flagCases {
		t.Run("-"+name+" by default, from the command line and from the environment", func(t *testing.T) {
			t.Parallel()
			if got := show(defaults)[name]; got != values[0] {
				t.Errorf("default %q, want %q", got, values[0])
			}
			environment := func(asked string) string {
				if asked == "CARILLON_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")) {
					return values[2]
				}
				return ""
			}
			for _, value := range values[1:] {
				s, err := readSettings([]string{"-" + name + "=" + value}, noEnvironment)
				if err != nil || show(s)[name] != value {
					t.Errorf("-%s=%s gives %q, %v", name, value, show(s)[name], err)
				}
			}
			s, err := readSettings(nil, environment)
			if err != nil || show(s)[name] != values[2] {
				t.Errorf("the variable gives %q, %v, want %q", show(s)[name], err, values[2])
			}
			s, err = readSettings([]string{"-" + name + "=" + values[1]}, environment)
			if err != nil || show(s)[name] != values[1] {
				t.Errorf("command line and variable give %q, %v, want %q of the command line", show(s)[name], err, values[1])
			}
		})
	}
	t.Run("a wrong variable does not matter where the command line says it", func(t *testing.T) {
		t.Parallel()
		s, err := readSettings([]string{"-concurrency", "3"}, func(string) string { return "" })
		if err != nil || s.concurrency != 3 {
			t.Fatal(s.concurrency, err)
		}
		s, err = readSettings([]string{"-concurrency", "3"}, func(name string) string {
			return map[string]string{"CARILLON_CONCURRENCY": "many"}[name]
		})
		if err != nil || s.concurrency != 3 {
			t.Errorf("got %d, %v", s.concurrency, err)
		}
	})
	t.Run("without from the sender of mails is made of what the URL has", func(t *testing.T) {
		t.Parallel()
		for url, want := range map[string]string{
			"smtp://jobs@example.org:p@mail.example.org:587":   "jobs@example.org",
			"smtp://jobs%40example.org:p@mail.example.org:587": "jobs@example.org",
			"smtp://user:p@mail.example.org:587":               "carillon@mail.example.org",
			"smtp://127.0.0.1:2525?tls=none":                   "carillon@127.0.0.1",
			"smtp://user:p@h.example.org?from=x@example.org":   "x@example.org",
		} {
			s, err := readSettings([]string{"-smtp", url}, noEnvironment)
			if err != nil || s.mail == nil || s.mail.From != want {
				t.Errorf("-smtp %s: sender %+v, error %v, want %s", url, s.mail, err, want)
			}
		}
	})
}

// TestSettings_help_shows_every_flag also finds flags that flagCases has forgotten.
func TestSettings_help_shows_every_flag(t *testing.T) {
	t.Parallel()
	secret := "a-secret-of-the-environment"
	for _, arg := range []string{"-help", "-h", "--help"} {
		_, err := readSettings([]string{arg}, func(string) string { return secret })
		help, ok := errors.AsType[helpAsked](err)
		if !ok {
			t.Fatalf("%s: %v", arg, err)
		}
		shown := regexp.MustCompile(`(?m)^  -([a-z-]+)`).FindAllStringSubmatch(string(help), -1)
		if len(shown) != len(flagCases) {
			t.Errorf("%s shows %d flags, the test knows %d", arg, len(shown), len(flagCases))
		}
		for _, name := range shown {
			if _, ok := flagCases[name[1]]; !ok {
				t.Errorf("%s shows -%s, which the test does not know", arg, name[1])
			}
		}
		if strings.Contains(string(help), secret) {
			t.Errorf("%s shows a value of the environment", arg)
		}
		if !strings.Contains(string(help), "CARILLON_") {
			t.Errorf("%s does not tell of the environment", arg)
		}
	}
}

// badSettings has command lines with the parts that the error must have.
var badSettings = []struct {
	name string
	args []string
	want []string
}{
	{"address without port", []string{"-addr", "localhost"}, []string{"-addr", "host:port"}},
	{"address with a word as port", []string{"-addr", "localhost:web"}, []string{"-addr", "0 to 65535"}},
	{"port out of range", []string{"-addr", ":65536"}, []string{"-addr", "0 to 65535"}},
	{"no folder", []string{"-data", ""}, []string{"-data", "empty"}},
	{"another database", []string{"-db", "mysql://u:canary@host/x"}, []string{"-db", "postgres://"}},
	{"database without a path", []string{"-db", "sqlite:"}, []string{"-db", "sqlite:path"}},
	{"database with a host and no server", []string{"-db", "sqlite://canary/x"}, []string{"-db", "sqlite:path"}},
	{"tenant in capitals", []string{"-tenant", "Main"}, []string{"-tenant", "lower-case"}},
	{"no tenant", []string{"-tenant", ""}, []string{"-tenant", "lower-case"}},
	{"tenant that is too long", []string{"-tenant", strings.Repeat("a", 101)}, []string{"-tenant", "100"}},
	{"concurrency in words", []string{"-concurrency", "many"}, []string{"-concurrency", "whole number"}},
	{"concurrency below", []string{"-concurrency", "0"}, []string{"-concurrency", "1 to 1000"}},
	{"concurrency above", []string{"-concurrency", "1001"}, []string{"-concurrency", "1 to 1000"}},
	{"token that is too short", []string{"-token", "canary-19-character"}, []string{"-token", "19 characters", "20 or more"}},
	{"token with a space", []string{"-token", "canary canary canary canary"}, []string{"-token", "white space"}},
	{"token that no header carries", []string{"-token", "canary-canary-canary-ä"}, []string{"-token", "header"}},
	{"mail by another protocol", []string{"-smtp", "http://user:canary@host"}, []string{"-smtp", "smtp://"}},
	{"mail URL that is none", []string{"-smtp", "smtp://user:can%ary@host"}, []string{"-smtp", "%XX"}},
	{"mail URL without host", []string{"-smtp", "smtp:canary"}, []string{"-smtp"}},
	{"mail parameter", []string{"-smtp", "smtp://user:canary@host?tsl=none"}, []string{"-smtp", "tsl"}},
	{"mail password in the clear", []string{"-smtp", "smtp://user:canary@mail.example.org?tls=none"}, []string{"-smtp", "without TLS"}},
	{"sender that is none", []string{"-smtp", "smtp://user:canary@host?from=nobody"}, []string{"-smtp", "address"}},
	{"sender that cannot be made", []string{"-smtp", "smtp://user:canary@[::1]:25"}, []string{"-smtp", "?from="}},
	{"switch with a word", []string{"-allow-private=perhaps"}, []string{"-allow-private", "boolean"}},
	{"heartbeat without unit", []string{"-heartbeat", "5"}, []string{"-heartbeat", "unit"}},
	{"heartbeat of nothing", []string{"-heartbeat", "0s"}, []string{"-heartbeat"}},
	{"negative heartbeat", []string{"-heartbeat", "-5s"}, []string{"-heartbeat"}},
	{"heartbeat above", []string{"-heartbeat", "5m1s"}, []string{"-heartbeat", "5m0s"}},
	{"part of a second", []string{"-heartbeat", "1500ms"}, []string{"-heartbeat", "whole seconds"}},
	{"time-out below", []string{"-timeout", "1s"}, []string{"-timeout", "2s"}},
	{"time-out above", []string{"-timeout", "2h"}, []string{"-timeout", "1h0m0s"}},
	{"time-out below two heartbeats", []string{"-heartbeat", "5s", "-timeout", "9s"}, []string{"-timeout", "twice -heartbeat"}},
	{"grace below", []string{"-grace", "999ms"}, []string{"-grace", "1s"}},
	{"grace above", []string{"-grace", "25h"}, []string{"-grace", "24h0m0s"}},
	{"unknown mode", []string{"-mode", "both"}, []string{"-mode", "all, api or worker"}},
	{"unknown level", []string{"-log", "loud"}, []string{"-log", "loud"}},
	{"unknown flag", []string{"-prot", "80"}, []string{"-prot"}},
	{"flag without its value", []string{"-token"}, []string{"-token", "needs an argument"}},
	{"secret that has lost its flag", []string{"-allow-private", "canary"}, []string{"argument 2"}},
	{"all faults at once", []string{"-mode", "x", "-tenant", "X", "-concurrency", "0"}, []string{"-mode", "-tenant", "-concurrency"}},
}

func TestSettings_that_are_wrong(t *testing.T) {
	t.Parallel()
	for _, c := range badSettings {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := readSettings(c.args, noEnvironment)
			refused(t, err, c.want...)
			// The same in the environment, where there is a variable for it.
			name, value, _ := strings.Cut(strings.TrimPrefix(c.args[0], "-"), "=")
			if len(c.args) == 2 {
				value = c.args[1]
			}
			if _, ok := flagCases[name]; !ok || value == "" || len(c.args) > 2 || strings.HasPrefix(c.want[0], "argument") {
				return
			}
			_, err = readSettings(nil, func(asked string) string {
				return map[string]string{variable(name): value}[asked]
			})
			refused(t, err, c.want[0])
		})
	}
	t.Run("the variable is named", func(t *testing.T) {
		t.Parallel()
		_, err := readSettings(nil, func(name string) string {
			return map[string]string{"CARILLON_GRACE": "long", "CARILLON_LOG": "loud"}[name]
		})
		refused(t, err, "-grace", "CARILLON_GRACE", "unit", "-log", "CARILLON_LOG")
	})
}

func refused(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error has more than a line, or shows a secret: %v", err)
	}
}

// TestSettings_print_no_secret: whoever logs or prints the settings shows none.
func TestSettings_print_no_secret(t *testing.T) {
	t.Parallel()
	s, err := readSettings([]string{"-token", "canary-canary-canary", "-smtp", "smtp://user:canary@mail.example.org"}, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "mail", s.mail, "token", s.token, "smtp", s.smtp)
	for _, text := range []string{fmt.Sprint(s.token, s.smtp, s.mail), fmt.Sprintf("%#v %+v", s.token, s.smtp), log.String()} {
		if strings.Contains(text, "canary") {
			t.Errorf("shows a secret: %s", text)
		}
	}
}
