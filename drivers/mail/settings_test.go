package mail_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/mail"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]mail.Settings{
		"smtp://mail.example.com":                            {Host: "mail.example.com", Port: 587},
		"smtp://127.0.0.1:1025/":                             {Host: "127.0.0.1", Port: 1025},
		"smtp://127.0.0.1:1025?tls=none":                     {Host: "127.0.0.1", Port: 1025, TLS: mail.TLSNone},
		"smtp://mail.example.com?tls=none":                   {Host: "mail.example.com", Port: 25, TLS: mail.TLSNone},
		"smtp://mail.example.com?tls=required":               {Host: "mail.example.com", Port: 587},
		"smtps://mail.example.com":                           {Host: "mail.example.com", Port: 465, TLS: mail.TLSImplicit},
		"smtps://[::1]:2465?tls=required":                    {Host: "::1", Port: 2465, TLS: mail.TLSImplicit},
		"smtp://u%40x:p%2F%3A@m.example?from=Jobs+%3Ca@b%3E": {Host: "m.example", Port: 587, Username: "u@x", Password: "p/:", From: "Jobs <a@b>"},
		"smtp://u:p@localhost?tls=none":                      {Host: "localhost", Port: 25, Username: "u", Password: "p", TLS: mail.TLSNone},
	} {
		want.Timeout = mail.DefaultTimeout
		got, err := mail.ParseURL(raw)
		if err != nil {
			t.Errorf("ParseURL(%q) = %v", raw, err)
			continue
		}
		if got.Password != want.Password || !cmp.Equal(fmt.Sprint(fields(got)), fmt.Sprint(fields(want))) {
			t.Errorf("ParseURL(%q) = %v, want %v", raw, fields(got), fields(want))
		}
	}
	for raw, part := range map[string]string{
		"":                                      "smtp://",
		"http://hunter2@x":                      "smtp://",
		"smtp:hunter2":                          "no host",
		"smtp://":                               "no host",
		"smtp://:25":                            "no host",
		"smtp://u:hunter2@/":                    "no host",
		"smtp://u:hunter2/@host":                "parsed",
		"smtp://u:hunter2%zz@host":              "parsed",
		"smtp://u:hunter2@host:0":               "port",
		"smtp://u:hunter2@host:70000":           "port",
		"smtp://u:hunter2@host:smtp":            "parsed",
		"smtp://u:hunter2@host/path":            "more than host",
		"smtp://u:hunter2@host#f":               "more than host",
		"smtp://u@host":                         "both",
		"smtp://:hunter2@host":                  "both",
		"smtp://u:hunter2@host?tls=maybe":       "tls",
		"smtps://u:hunter2@host?tls=none":       "tls",
		"smtp://u:hunter2@host?tls=none":        "another machine",
		"smtp://u:hunter2@host?x=hunter2":       "not known",
		"smtp://u:hunter2@host?from=a&from=b":   "more than once",
		"smtp://u:hunter2@host?from=hunter2":    "from",
		"smtp://u:hunter2@host?from=a@b,c@d":    "from",
		"smtp://u:hunter2@host?from=a@b%0d%0aX": "from",
		"smtp://u:hunter2@host?%zz":             "query",
	} {
		_, err := mail.ParseURL(raw)
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("ParseURL(%q) = %v, want an error with %q", raw, err, part)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseURL(%q): the error %q holds the password", raw, err)
		}
	}
}

// fields are those that a test compares; the password is compared apart.
func fields(s mail.Settings) []any {
	return []any{s.Host, s.Port, s.Username, s.TLS, s.From, s.Senders, s.Timeout}
}

func TestSettings_neverShowThePassword(t *testing.T) {
	t.Parallel()
	settings := mail.Settings{Host: "m.example", Username: "u", Password: "hunter2", From: "a@b.example"}
	sender := newSender(t, settings)
	var out bytes.Buffer
	for _, v := range []any{settings, &settings, sender, *sender, []mail.Settings{settings}, struct{ S mail.Settings }{settings}, struct{ s *mail.Sender }{sender}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&out, format+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Errorf("encode: %v", err)
		}
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("the password was printed:\n%s", out.String())
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for part, s := range map[string]mail.Settings{
		"Host":       {From: "a@b"},
		"Port":       {Host: "h", Port: 65536, From: "a@b"},
		"TLS":        {Host: "h", TLS: 7, Port: 1, From: "a@b"},
		"Timeout":    {Host: "h", Timeout: -1, From: "a@b"},
		"Password":   {Host: "h", Username: "u", From: "a@b"},
		"From":       {Host: "h"},
		"Senders[1]": {Host: "h", From: "a@b", Senders: []string{"c@d", "e"}},
	} {
		if _, err := mail.New(s); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New with a wrong %s = %v, want an error that names it", part, err)
		}
	}
}
