package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs/internal/redact"
)

const awkwardSecret = `cAn/ary+7 "<&>é` // has something to escape in every encoding

var percentEscape = regexp.MustCompile("%[0-9A-F]{2}")

// secretForms are the ways in which code may write a secret.
func secretForms(t testing.TB, secret string) map[string]string {
	t.Helper()
	marshalled, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	basic := func(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":" + secret)) }
	return map[string]string{
		"raw":                   secret,
		"query":                 url.QueryEscape(secret),
		"query, lower case":     percentEscape.ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower),
		"query, blank as %20":   strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
		"path":                  url.PathEscape(secret),
		"base64":                base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 raw":            base64.RawStdEncoding.EncodeToString([]byte(secret)),
		"base64 URL":            base64.URLEncoding.EncodeToString([]byte(secret)),
		"base64 raw URL":        base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"basic, aligned":        basic("ab"),
		"basic, one off":        basic("abc"),
		"basic, two off":        basic("abcd"),
		"JSON":                  string(marshalled),
		"JSON without escapes":  strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(marshalled)),
		"JSON in ASCII":         strings.NewReplacer("é", `\u00e9`, "ä", `\u00e4`, "😀", `\ud83d\ude00`, `"`, `\"`).Replace(secret),
		"quoted as Go":          strconv.Quote(secret),
		"quoted as Go in ASCII": strconv.QuoteToASCII(secret),
	}
}

func TestEngine_FindsASecretInEveryForm(t *testing.T) {
	for _, secret := range []string{awkwardSecret, "hunter2!", "123456", strings.Repeat("k3y", 40), "täglich-geheim-😀"} {
		r := redact.New("other-secret", secret)
		for name, form := range secretForms(t, secret) {
			for _, text := range []string{form, "x=" + form + "&y", form + form, "at the end " + form} {
				got := r.String(text)
				if !strings.Contains(got, redact.Mark) || strings.Contains(got, secret) {
					t.Errorf("%s of %q: String(%q) = %q", name, secret, text, got)
				}
				if len(form) >= 16 && !strings.HasPrefix(name, "basic") && strings.Contains(got, form[4:12]) {
					t.Errorf("%s of %q: String(%q) = %q shows a part", name, secret, text, got)
				}
			}
		}
	}
}

func TestEngine_BasicAuthenticationKeepsNoByteOfTheSecret(t *testing.T) {
	r := redact.New(awkwardSecret)
	for _, user := range []string{"", "a", "ab", "abc"} {
		for _, tail := range []string{"", "x", "xy", "xyz"} {
			encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + awkwardSecret + tail))
			got := r.String(encoded)
			head, rest, ok := strings.Cut(got, redact.Mark)
			// What stays are the characters of the neighbours, of which one at each side also holds a few bits of the secret.
			if !ok || len(head) > ((len(user)+1)*8+5)/6 || len(strings.TrimRight(rest, "=")) > (len(tail)*8+5)/6+1 {
				t.Errorf("user %q, tail %q: %q becomes %q", user, tail, encoded, got)
			}
		}
	}
}

func TestEngine_Strings(t *testing.T) {
	r := redact.New("abcdef", "cdefghijkl", "abcdefgh", "short", "", "two\nlines of a key\n", "  trimmed-value\n", "ln-1\nln-2\n", "padded-s",
		"-----BEGIN PRIVATE KEY-----\nMIIBVgIBADAN\n-----END PRIVATE KEY-----\n")
	tests := map[string]string{
		"":                                 "",
		"nothing here":                     "nothing here",
		"abcde":                            "abcde",
		"abcdef":                           "***",
		"xabcdefghy":                       "x***y",
		"abcdefghijklm":                    "***m",
		"abcdefabcdef-cdefghijkl":          "******-***",
		"short":                            "short",
		"log: lines of a key":              "log: ***",
		"ln-1\nln-2.":                      "***.",
		"Zg== cGFkZGVkLXM=":                "Zg== ***",
		"trimmed-value.":                   "***.",
		"read MIIBVgIBADAN of PEM":         "read *** of PEM",
		"-----BEGIN PRIVATE KEY----- here": "-----BEGIN PRIVATE KEY----- here",
		`dial "postgres://u:abcdef@h/db": refused`: `dial "postgres://u:***@h/db": refused`,
	}
	for text, want := range tests {
		if got := r.String(text); got != want {
			t.Errorf("String(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestEngine_PasswordsInURLs(t *testing.T) {
	tests := map[string]string{
		"postgres://mara:pa55@db.example:5432/x?a=b": "postgres://mara:***@db.example:5432/x?a=b",
		"https://:pa55@h":                            "https://:***@h",
		"https://u:p@ss@h/":                          "https://u:***@h/",
		"two http://a:b@c and ftp://d:e@f.":          "two http://a:***@c and ftp://d:***@f.",
		`parse "amqp://u:p/ss#?@h": bad`:             `parse "amqp://u:***@h": bad`,
		"https://u:***@h/":                           "https://u:***@h/",
		"https://u:@h/":                              "https://u:@h/",
		"https://u@h:8080/":                          "https://u@h:8080/",
		"https://h:8080/users/a@b.example":           "https://h:8080/users/a@b.example",
		"https://h/a:b@c":                            "https://h/a:b@c",
		"https://[::1]:80/a@b":                       "https://[::1]:80/a@b",
		"https://u:x@[::1]:80/a@b":                   "https://u:***@[::1]:80/a@b",
		"smtp://mara@x.example:pa55@mail.example:25": "smtp://mara@x.example:***@mail.example:25",
		"https://u@h:8080/a@b":                       "https://u@h:8080/a@b",
		"see https://h: mail a@b":                    "see https://h: mail a@b",
		"://":                                        "://",
		"a://:":                                      "a://:",
		"a://u:x/y://v:z@h":                          "a://u:***@h",
		"a://u:80/y://v:z@h":                         "a://u:80/y://v:***@h",
		"a://@":                                      "a://@",
		"redis://default:s3cr3t@r:6379,redis://x:y@z:6379/": "redis://default:***@r:6379,redis://x:***@z:6379/",
	}
	for text, want := range tests {
		for name, r := range map[string]*redact.Engine{"nil": nil, "empty": redact.New(), "other secrets": redact.New("irrelevant")} {
			if got := r.String(text); got != want {
				t.Errorf("%s: String(%q) = %q, want %q", name, text, got, want)
			}
		}
	}
}

func TestEngine_Value(t *testing.T) {
	r := redact.New("hunter2!", "123456")
	in := map[string]any{
		"list":       []any{"x hunter2!", 7, 1234567, json.Number("0.123456"), 123456.0, true, nil},
		"hunter2!":   1,
		"***":        2,
		"!hunter2!":  3,
		"error":      errors.New("bad hunter2!"),
		"raw":        json.RawMessage(`{"a":"hunter2\u0021","n":123456,"m":1.50}`),
		"bad raw":    json.RawMessage(`hunter2!`),
		"struct":     struct{ Password string }{"hunter2!"},
		"func":       func() {},
		"url":        "http://u:p@h",
		"no secrets": "plain",
	}
	want := map[string]any{
		"list":       []any{"x ***", 7, "***", "***", "***", true, nil},
		"*** (2)":    1,
		"***":        2,
		"!***":       3,
		"error":      "bad ***",
		"raw":        json.RawMessage(`{"a":"***","m":1.50,"n":"***"}`),
		"bad raw":    json.RawMessage(`"***"`),
		"struct":     map[string]any{"Password": "***"},
		"func":       "***",
		"url":        "http://u:***@h",
		"no secrets": "plain",
	}
	if diff := cmp.Diff(want, r.Value(in)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	names := redact.New("$ecret1", "$ecret2").Value(map[string]any{"$ecret1": 1, "$ecret2": 2, "***": 3})
	if diff := cmp.Diff(map[string]any{"*** (2)": 1, "*** (3)": 2, "***": 3}, names); diff != "" {
		t.Errorf("names that become the same (-want +got):\n%s", diff)
	}
	if in["list"].([]any)[0] != "x hunter2!" {
		t.Error("the input changed")
	}
	var none *redact.Engine
	if diff := cmp.Diff([]any{"hunter2!", "http://u:***@h"}, none.Value([]any{"hunter2!", "http://u:p@h"})); diff != "" {
		t.Errorf("nil Engine (-want +got):\n%s", diff)
	}
}

// Quadratic work would take minutes here; the test asserts the result only.
func TestEngine_ManyAddressesInOneWord(t *testing.T) {
	var none *redact.Engine
	for _, part := range []string{"://", "://a:b", "://:", "a://b:c "} {
		text := strings.Repeat(part, 1<<18)
		if got := none.String(text); got != text {
			t.Errorf("%q repeated was changed", part)
		}
		if got := none.String(text + "x://u:secret@h"); strings.Contains(got, "secret") {
			t.Errorf("%q repeated hides a password", part)
		}
	}
}

func TestEngine_DoesNotAllocateWithoutAMatch(t *testing.T) {
	r := redact.New("hunter2!", awkwardSecret, "another-secret-of-some-length")
	text := strings.Repeat("an ordinary line of a log, https://h:8080/x ", 100)
	if n := testing.AllocsPerRun(20, func() { _ = r.String(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzEngine(f *testing.F) {
	f.Add("x abcdef y", "abcdef", "cdefgh")
	f.Add(`{"a":"q\"uote12"}`, `q"uote12`, "other-1")
	f.Add("http://u:p@h@x://a:b/@c", "http://u:p", "://a:b")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		r := redact.New(a, b)
		for _, s := range []string{text, text + a + text, b + a, a + b + text, text + url.QueryEscape(b)} {
			got := r.String(s)
			for _, secret := range []string{a, b} {
				// A secret with * could be made anew by the replacement itself.
				if len(secret) >= redact.MinSecret && !strings.Contains(secret, "*") && strings.Contains(got, secret) {
					t.Fatalf("String(%q) = %q shows %q", s, got, secret)
				}
			}
		}
		if _, ok := r.Value(map[string]any{text: []any{a}}).(map[string]any); !ok {
			t.Fatal("an object is no object any more")
		}
	})
}

func BenchmarkEngine_String(b *testing.B) {
	secrets := make([]string, 20)
	for i := range secrets {
		secrets[i] = fmt.Sprintf("secret-%d-%s", i, strings.Repeat("k", i))
	}
	r := redact.New(slices.Clip(secrets)...)
	text := strings.Repeat("an ordinary line of a log with some words ", 200)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		r.String(text)
	}
}

func TestEngine_Value_hides_numbers_that_cannot_be_written(t *testing.T) {
	t.Parallel()
	got := redact.New().Value(json.RawMessage(`{"a":1e999999999999999999999,"b":1}`))
	if want := `{"a":"***","b":1}`; fmt.Sprintf("%s", got) != want {
		t.Errorf("Value is %s, want %s", got, want)
	}
}
