package jobs_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/jobs"
)

func TestMergePatch(t *testing.T) {
	for _, tc := range []struct{ old, patch, want string }{
		{``, ``, `{}`},
		{`{"b":1,"a":2}`, `{}`, `{"a":2,"b":1}`},
		{`{"a":1,"b":{"c":1,"d":2}}`, `{"b":{"c":3}}`, `{"a":1,"b":{"c":3}}`},
		{`{"a":1,"b":2}`, `{"a":null,"x":null}`, `{"b":2}`},
		{`{"a":[1,2]}`, `{"a":[null]}`, `{"a":[null]}`},
		{`{}`, `{"n":12345678901234567890.10,"h":"<&>"}`, `{"h":"<&>","n":12345678901234567890.10}`},
	} {
		got, err := jobs.MergePatch(json.RawMessage(tc.old), json.RawMessage(tc.patch))
		if err != nil || string(got) != tc.want {
			t.Errorf("MergePatch(%s, %s) = %s, %v; want %s", tc.old, tc.patch, got, err, tc.want)
		}
	}
	for _, bad := range []string{`[]`, `null`, `{"a":`, `{"a":1,"a":2}`} {
		if _, err := jobs.MergePatch(nil, json.RawMessage(bad)); !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("MergePatch(%s): %v, want ErrInvalid", bad, err)
		}
	}
}

func TestSettings_SplitAndMerge(t *testing.T) {
	s := compile(t, webhookSchema)
	public, secrets, err := s.Split(json.RawMessage(`{"url":"x","auth":{"password":"p","user":"u"},"secretHeaders":{"b":"2","a":"1"},"secret":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if string(public) != `{"auth":{"user":"u"},"url":"x"}` {
		t.Errorf("public is %s", public)
	}
	want := map[string]json.RawMessage{"auth.password": json.RawMessage(`"p"`), "secretHeaders": json.RawMessage(`{"a":"1","b":"2"}`)}
	if diff := cmp.Diff(want, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	merged, err := s.Merge(json.RawMessage(`{}`), secrets)
	if err != nil || string(merged) != `{"auth":{"password":"p"},"secretHeaders":{"a":"1","b":"2"}}` {
		t.Errorf("Merge into nothing: %s, %v", merged, err)
	}
	if _, err := s.Merge(json.RawMessage(`{"auth":7}`), secrets); !errors.Is(err, jobs.ErrInvalid) {
		t.Errorf("Merge into a number: %v, want ErrInvalid", err)
	}
	for _, bad := range []string{``, `{`, `1,"x":2`, secretCanary} {
		_, err := s.Merge(nil, map[string]json.RawMessage{"secret": json.RawMessage(bad)})
		if diff := cmp.Diff([]string{"secret: is not valid JSON"}, settingsFaults(t, err)); diff != "" {
			t.Errorf("Merge of %q (-want +got):\n%s", bad, diff)
		}
	}
}

func fuzzSeeds(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, wholeHook, `{"url":"${x}","to":["a@b.example","${y}"],"secret":"${z}"}`, `{"secret":null,"auth":{"password":null}}`,
		`{"auth":"x","secretHeaders":7,"tries":1e999999999}`, `{"a":{"a":{"a":[[[{}]]]}},"labels":{"A":1}}`, `{"url":"http://[::1","method":7.0}`,
		`{"auth.password":"x","":1,"[0]":2,"secret[":3}`, `{"share":-0.0,"body":"\ud800"}`, "{\"url\":\"\xff\"}", `{"url":"http://a.example",}`,
	} {
		f.Add(seed)
	}
}

func FuzzSettings_SplitMerge(f *testing.F) {
	fuzzSeeds(f)
	s := compile(f, webhookSchema)
	f.Fuzz(func(t *testing.T, text string) {
		public, secrets, err := s.Split(json.RawMessage(text))
		if err != nil {
			if !errors.Is(err, jobs.ErrInvalid) {
				t.Fatalf("Split: %v, want ErrInvalid", err)
			}
			return
		}
		again, left, err := s.Split(public)
		if err != nil || len(left) != 0 || string(again) != string(public) {
			t.Fatalf("Split of the public part %s gives %s, %v, %v", public, again, left, err)
		}
		merged, err := s.Merge(public, secrets)
		if err != nil {
			t.Fatalf("Merge: %v", err)
		}
		public2, secrets2, err := s.Split(merged)
		if err != nil {
			t.Fatalf("Split of what was merged: %v", err)
		}
		if diff := cmp.Diff(secrets, secrets2); diff != "" || string(public) != string(public2) {
			t.Fatalf("round trip: %s and %s; secrets (-first +second):\n%s", public, public2, diff)
		}
		var before, after any
		if strings.TrimSpace(text) == "" {
			return
		}
		if err := json.Unmarshal([]byte(text), &before); err != nil {
			t.Fatalf("Split accepts what encoding/json refuses: %v", err)
		}
		if err := json.Unmarshal(merged, &after); err != nil {
			t.Fatal(err)
		}
		dropNullSecrets(before, s.Secrets())
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("settings changed (-before +after):\n%s", diff)
		}
	})
}

func dropNullSecrets(value any, paths []string) {
	for _, path := range paths {
		names := strings.Split(path, ".")
		object, _ := value.(map[string]any)
		for _, name := range names[:len(names)-1] {
			object, _ = object[name].(map[string]any)
		}
		if last := names[len(names)-1]; object[last] == nil {
			delete(object, last)
		}
	}
}
