package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

// hookDriver sends its secrets to the host of "url".
type hookDriver struct {
	schema   string
	validate func(json.RawMessage) error
}

func (d hookDriver) Info() jobs.DriverInfo {
	return jobs.DriverInfo{ID: "hook", Kind: jobs.DriverAction, Schema: json.RawMessage(d.schema)}
}

func (hookDriver) Run(context.Context, *jobs.Task) (jobs.Output, error) { return jobs.Output{}, nil }

func (hookDriver) SecretTarget(data json.RawMessage) string {
	var settings struct{ URL string }
	if err := json.Unmarshal(data, &settings); err != nil {
		return ""
	}
	u, err := url.Parse(settings.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (d hookDriver) Validate(data json.RawMessage) error {
	if d.validate == nil {
		return nil
	}
	return d.validate(data)
}

var hookRef = jobs.SecretRef{Tenant: "globex", Job: "j1", Field: "data"}

// stored is what a job would keep.
type stored struct {
	data    json.RawMessage
	secrets jobs.Secrets
}

func hookChange(d jobs.Driver, old stored, patch string) jobs.SettingsChange {
	return jobs.SettingsChange{
		Driver: d, Ref: hookRef, Data: json.RawMessage(patch), Patch: true, Old: old.data, Secrets: old.secrets,
	}
}

func sealStored(t testing.TB, v *jobs.Vault, c jobs.SettingsChange) stored {
	t.Helper()
	data, secrets, err := jobs.SealSettings(t.Context(), v, c)
	if err != nil {
		t.Fatal(err)
	}
	return stored{data, secrets}
}

func openStored(t testing.TB, v *jobs.Vault, d jobs.Driver, s stored) (string, []string) {
	t.Helper()
	ref := hookRef
	ref.Target = jobs.TargetOf(d, s.data)
	merged, plaintexts, err := jobs.OpenSettings(t.Context(), v, ref, s.data, s.secrets)
	if err != nil {
		t.Fatal(err)
	}
	return string(merged), plaintexts
}

const wholeHook = `{"url":"https://a.example/x","secret":"` + secretCanary + `","secretHeaders":{"X-Key":"header-value","X-B":"b"},
	"auth":{"user":"u","password":"pass-word"}}`

func TestSealSettings_KeepsSecretsOutOfTheData(t *testing.T) {
	v, d := newVault(t), hookDriver{schema: webhookSchema}
	s := sealStored(t, v, hookChange(d, stored{}, wholeHook))
	if want := `{"auth":{"user":"u"},"url":"https://a.example/x"}`; string(s.data) != want {
		t.Errorf("data is %s, want %s", s.data, want)
	}
	everything, err := json.Marshal(s.secrets)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(everything), secretCanary) || len(s.secrets) != 3 {
		t.Errorf("%d secrets, want 3 sealed ones: %s", len(s.secrets), everything)
	}
	merged, plaintexts := openStored(t, v, d, s)
	want := `{"auth":{"password":"pass-word","user":"u"},"secret":"` + secretCanary +
		`","secretHeaders":{"X-B":"b","X-Key":"header-value"},"url":"https://a.example/x"}`
	if merged != want {
		t.Errorf("opened %s, want %s", merged, want)
	}
	if diff := cmp.Diff([]string{"pass-word", secretCanary, "b", "header-value"}, plaintexts); diff != "" {
		t.Errorf("strings for the redactor (-want +got):\n%s", diff)
	}
}

func TestSealSettings_Writes(t *testing.T) {
	cases := map[string]struct{ patch, data, opened string }{
		"nothing keeps all": {`{}`, `{"auth":{"user":"u"},"url":"https://a.example/x"}`, ""},
		"a path of the same target": {
			`{"url":"https://a.example/y"}`, `{"auth":{"user":"u"},"url":"https://a.example/y"}`,
			`{"auth":{"password":"p","user":"u"},"secret":"first-secret","url":"https://a.example/y"}`,
		},
		"null removes a secret": {
			`{"secret":null}`, `{"auth":{"user":"u"},"url":"https://a.example/x"}`,
			`{"auth":{"password":"p","user":"u"},"url":"https://a.example/x"}`,
		},
		"a new value": {
			`{"secret":"second-secret"}`, `{"auth":{"user":"u"},"url":"https://a.example/x"}`,
			`{"auth":{"password":"p","user":"u"},"secret":"second-secret","url":"https://a.example/x"}`,
		},
		"an object without its secret keeps it": {
			`{"auth":{"user":"w"}}`, `{"auth":{"user":"w"},"url":"https://a.example/x"}`,
			`{"auth":{"password":"p","user":"w"},"secret":"first-secret","url":"https://a.example/x"}`,
		},
		"null inside an object": {
			`{"auth":{"user":"w","password":null}}`, `{"auth":{"user":"w"},"url":"https://a.example/x"}`,
			`{"auth":{"user":"w"},"secret":"first-secret","url":"https://a.example/x"}`,
		},
		"null for the object": {
			`{"auth":null}`, `{"url":"https://a.example/x"}`, `{"secret":"first-secret","url":"https://a.example/x"}`,
		},
	}
	const first = `{"url":"https://a.example/x","secret":"first-secret","auth":{"user":"u","password":"p"}}`
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v, d := newVault(t), hookDriver{schema: webhookSchema}
			before := sealStored(t, v, hookChange(d, stored{}, first))
			after := sealStored(t, v, hookChange(d, before, tc.patch))
			if string(after.data) != tc.data {
				t.Errorf("data is %s, want %s", after.data, tc.data)
			}
			if tc.opened == "" {
				if diff := cmp.Diff(before.secrets, after.secrets); diff != "" {
					t.Errorf("secrets changed (-before +after):\n%s", diff)
				}
				return
			}
			if opened, _ := openStored(t, v, d, after); opened != tc.opened {
				t.Errorf("opened %s, want %s", opened, tc.opened)
			}
		})
	}
}

func TestSealSettings_AWholeWriteTakesThePlaceOfTheOldOne(t *testing.T) {
	v, d := newVault(t), hookDriver{schema: webhookSchema}
	before := sealStored(t, v, hookChange(d, stored{}, `{"url":"https://a.example","code":"x","secret":"first-secret","auth":{"user":"u","password":"p"}}`))
	c := hookChange(d, before, `{"url":"https://a.example","method":null}`)
	c.Patch = false
	after := sealStored(t, v, c)
	if opened, _ := openStored(t, v, d, after); opened != `{"secret":"first-secret","url":"https://a.example"}` {
		t.Errorf("opened %s; want the secret kept, the one whose object is gone dropped, and no old members", opened)
	}
}

func TestSealSettings_Refuses(t *testing.T) {
	long := hookDriver{schema: `{"type":"object","properties":{"a":{},"secret":{"writeOnly":true}}}`}
	hook := hookDriver{schema: webhookSchema}
	needs := hookDriver{schema: `{"type":"object","required":["secret"],"properties":{"url":{},"secret":{"type":"string","writeOnly":true}},
		"dependentRequired":{"url":["secret"]}}`}
	cases := map[string]struct {
		driver       jobs.Driver
		first, patch string
		want         []string
	}{
		"another host": {
			hook, wholeHook, `{"url":"https://b.example/x"}`,
			[]string{
				"auth.password: has to be entered again because its target has changed",
				"secret: has to be entered again because its target has changed",
				"secretHeaders: has to be entered again because its target has changed",
			},
		},
		"another scheme": {
			hook, `{"url":"https://a.example","secret":"` + secretCanary + `"}`, `{"url":"http://a.example"}`,
			[]string{"secret: has to be entered again because its target has changed"},
		},
		"another port, one secret entered again": {
			hook, `{"url":"https://a.example","secret":"` + secretCanary + `","secretHeaders":{"a":"b"}}`,
			`{"url":"https://a.example:8443","secret":"` + secretCanary + `"}`,
			[]string{"secretHeaders: has to be entered again because its target has changed"},
		},
		"a placeholder in a secret":      {hook, "", `{"url":"https://a.example","secret":"${params.x}"}`, []string{"secret: is a secret and may not have a placeholder"}},
		"a placeholder inside a secret":  {hook, "", `{"url":"https://a.example","secretHeaders":{"a":"x${y}"}}`, []string{"secretHeaders: is a secret and may not have a placeholder"}},
		"a secret that is required":      {needs, "", `{}`, []string{"secret: is required"}},
		"removing a required secret":     {needs, `{"secret":"` + secretCanary + `"}`, `{"secret":null}`, []string{"secret: is required"}},
		"a bad new secret":               {hook, wholeHook, `{"secret":"x` + strings.Repeat(secretCanary, 3) + `"}`, []string{"secret: may have at most 40 characters"}},
		"a string for an object":         {hook, wholeHook, `{"auth":"x"}`, []string{"auth: must be an object"}},
		"too much with the kept secrets": {long, `{"secret":"` + strings.Repeat("x", 200_000) + `"}`, `{"a":"` + strings.Repeat("y", 100_000) + `"}`, []string{": has 300020 bytes; at most 262144"}},
		"no JSON":                        {hook, wholeHook, `{"secret":"` + secretCanary, []string{": is not valid JSON near byte 10"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := newVault(t)
			var before stored
			if tc.first != "" {
				before = sealStored(t, v, hookChange(tc.driver, stored{}, tc.first))
			}
			_, _, err := jobs.SealSettings(t.Context(), v, hookChange(tc.driver, before, tc.patch))
			if diff := cmp.Diff(tc.want, settingsFaults(t, err)); diff != "" {
				t.Errorf("SealSettings (-want +got):\n%s", diff)
			}
			if strings.Contains(fmt.Sprint(err), secretCanary) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestSealSettings_AChangedTargetIsFineWithNewSecrets(t *testing.T) {
	v, d := newVault(t), hookDriver{schema: webhookSchema}
	before := sealStored(t, v, hookChange(d, stored{}, `{"url":"https://a.example","secret":"first-secret"}`))
	for patch, want := range map[string]string{
		`{"url":"https://b.example","secret":"second-secret"}`: `{"secret":"second-secret","url":"https://b.example"}`,
		`{"url":"https://b.example","secret":null}`:            `{"url":"https://b.example"}`,
	} {
		if opened, _ := openStored(t, v, d, sealStored(t, v, hookChange(d, before, patch))); opened != want {
			t.Errorf("after %s: opened %s, want %s", patch, opened, want)
		}
	}
}

func TestSealSettings_ASecretThatCannotBeOpenedHasToBeEnteredAgain(t *testing.T) {
	v, d := newVault(t), hookDriver{schema: webhookSchema}
	before := sealStored(t, v, hookChange(d, stored{}, `{"url":"https://a.example","secret":"first-secret"}`))
	other := newVault(t) // has lost the key
	_, _, err := jobs.SealSettings(t.Context(), other, hookChange(d, before, `{"code":"x"}`))
	if diff := cmp.Diff([]string{"secret: cannot be read any longer and has to be entered again"}, settingsFaults(t, err)); diff != "" {
		t.Errorf("SealSettings (-want +got):\n%s", diff)
	}
	after := sealStored(t, other, hookChange(d, before, `{"secret":"second-secret"}`))
	if opened, _ := openStored(t, other, d, after); !strings.Contains(opened, "second-secret") {
		t.Errorf("opened %s", opened)
	}
}

func TestSealSettings_WithoutVault(t *testing.T) {
	d := hookDriver{schema: webhookSchema}
	if s := sealStored(t, nil, hookChange(d, stored{}, `{"url":"https://a.example"}`)); s.secrets != nil {
		t.Errorf("secrets are %v, want none", s.secrets)
	}
	_, _, err := jobs.SealSettings(t.Context(), nil, hookChange(d, stored{}, `{"url":"https://a.example","secret":"`+secretCanary+`"}`))
	if diff := cmp.Diff([]string{"secret: cannot be stored: this system has no key for secrets"}, settingsFaults(t, err)); diff != "" {
		t.Errorf("SealSettings (-want +got):\n%s", diff)
	}
	before := sealStored(t, newVault(t), hookChange(d, stored{}, `{"url":"https://a.example","secret":"`+secretCanary+`"}`))
	if _, _, err := jobs.OpenSettings(t.Context(), nil, hookRef, before.data, before.secrets); !errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("OpenSettings: %v, want ErrUnopenable", err)
	}
}

func TestSealSettings_AnOutageBlamesNobody(t *testing.T) {
	down := errors.New("store is down")
	shelf := &keyShelf{}
	d := hookDriver{schema: webhookSchema}
	before := sealStored(t, jobs.NewVault(shelf, newKey(t, 1)), hookChange(d, stored{}, `{"url":"https://a.example","secret":"first-secret"}`))
	shelf.fail = down
	_, _, err := jobs.SealSettings(t.Context(), jobs.NewVault(shelf, newKey(t, 1)), hookChange(d, before, `{"code":"x"}`))
	if !errors.Is(err, down) || errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("SealSettings: %v, want the store's error", err)
	}
}

func TestSealSettings_AsksTheDriver(t *testing.T) {
	var seen string
	d := hookDriver{schema: webhookSchema, validate: func(data json.RawMessage) error { seen = string(data); return nil }}
	v := newVault(t)
	before := sealStored(t, v, hookChange(d, stored{}, `{"url":"https://a.example","secret":"first-secret"}`))
	sealStored(t, v, hookChange(d, before, `{"code":"x"}`))
	if want := `{"code":"x","secret":"first-secret","url":"https://a.example"}`; seen != want {
		t.Errorf("the driver saw %s, want the whole: %s", seen, want)
	}
	d.validate = func(data json.RawMessage) error {
		return &jobs.ValidationError{Fields: []jobs.FieldError{
			{Path: "secretHeaders.Authorization", Message: "bad: " + secretCanary}, {Path: "secret", Message: "is pw1"}, {Path: "url", Message: "no"},
		}}
	}
	_, _, err := jobs.SealSettings(t.Context(), v, hookChange(d, stored{}, `{"url":"https://a.example","secretHeaders":{"a":"`+secretCanary+`","b":"pw1"}}`))
	want := []string{"secretHeaders: bad: ***", "secret: is not valid", "url: no"}
	if diff := cmp.Diff(want, settingsFaults(t, err)); diff != "" {
		t.Errorf("faults of the driver (-want +got):\n%s", diff)
	}
	d.validate = func(data json.RawMessage) error { return fmt.Errorf("cannot reach %s", data) }
	_, _, err = jobs.SealSettings(t.Context(), v, hookChange(d, stored{}, `{"url":"https://a.example","secret":"`+secretCanary+`"}`))
	if err == nil || errors.Is(err, jobs.ErrInvalid) || strings.Contains(err.Error(), secretCanary) {
		t.Errorf("an error of the driver: %v; want one without the secret that blames nobody", err)
	}
}

func TestSealSettings_FollowsASchemaThatChanged(t *testing.T) {
	v := newVault(t)
	old := hookDriver{schema: `{"type":"object","properties":{"token":{"type":"string"},"pin":{"type":"string","writeOnly":true}}}`}
	before := sealStored(t, v, hookChange(old, stored{}, `{"token":"`+secretCanary+`${x}","pin":"1234"}`))
	now := hookDriver{schema: `{"type":"object","properties":{"token":{"type":"string","writeOnly":true},"pin":{"type":"string"}}}`}
	after := sealStored(t, v, hookChange(now, before, `{"pin":"public"}`))
	if string(after.data) != `{"pin":"public"}` || after.secrets != nil {
		t.Errorf("stored %s and %v; want neither the old text at the path of a secret nor the old secret", after.data, after.secrets)
	}
}

func TestOpenSettings_RefusesDataThatWasChangedBehindItsBack(t *testing.T) {
	v, d := newVault(t), hookDriver{schema: webhookSchema}
	s := sealStored(t, v, hookChange(d, stored{}, `{"url":"https://a.example","secret":"`+secretCanary+`"}`))
	ref := hookRef
	s.data = json.RawMessage(`{"url":"https://evil.example"}`)
	ref.Target = jobs.TargetOf(d, s.data)
	merged, plaintexts, err := jobs.OpenSettings(t.Context(), v, ref, s.data, s.secrets)
	if !errors.Is(err, jobs.ErrUnopenable) || merged != nil || plaintexts != nil || !strings.Contains(err.Error(), "data.secret") {
		t.Errorf("OpenSettings gives %s, %v; want ErrUnopenable that names data.secret", merged, err)
	}
	sealed := s.secrets["secret"]
	sealed.Target = ref.Target
	if _, _, err := jobs.OpenSettings(t.Context(), v, ref, s.data, jobs.Secrets{"secret": sealed}); !errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("with the target changed too: %v, want ErrUnopenable", err)
	}
}

func TestResealSettings(t *testing.T) {
	v, d := newVault(t), hookDriver{schema: webhookSchema}
	s := sealStored(t, v, hookChange(d, stored{}, wholeHook))
	to := jobs.SecretRef{Tenant: "globex", Job: "draft", Field: "actions.a1.data"}
	moved, err := jobs.ResealSettings(t.Context(), v, hookRef, to, s.secrets)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := openStored(t, v, d, s)
	to.Target = jobs.TargetOf(d, s.data)
	got, _, err := jobs.OpenSettings(t.Context(), v, to, s.data, moved)
	if err != nil || string(got) != want {
		t.Errorf("opened %s, %v; want %s", got, err, want)
	}
	if _, _, err := jobs.OpenSettings(t.Context(), v, to, s.data, s.secrets); !errors.Is(err, jobs.ErrUnopenable) {
		t.Errorf("the old seals open in the new place: %v", err)
	}
	if got, err := jobs.ResealSettings(t.Context(), nil, hookRef, to, nil); got != nil || err != nil {
		t.Errorf("without secrets: %v, %v", got, err)
	}
}
