package jobs_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

func TestSecret_ShowsItselfOnlyToReveal(t *testing.T) {
	const text = "hunter2!"
	s := jobs.Secret(text)
	if s.Reveal() != text {
		t.Errorf("Reveal = %q", s.Reveal())
	}
	type holder struct {
		S jobs.Secret            `json:"s"`
		P *jobs.Secret           `json:"p"`
		M map[string]jobs.Secret `json:"m" xml:"-"`
	}
	h := holder{s, &s, map[string]jobs.Secret{"k": s}}
	shown := []string{s.String(), s.GoString(), fmt.Sprint(s, &s, h), s.LogValue().String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%T%v"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, h), fmt.Sprintf(verb, []jobs.Secret{s}))
	}
	for _, v := range []any{s, h, &h, []any{s}} {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, string(out))
	}
	out, err := xml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "h", h, "p", &s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "h", h, "p", &s)
	shown = append(shown, string(out), log.String())
	for _, got := range shown {
		for _, trace := range []string{text, "unter", fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
			if strings.Contains(got, trace) {
				t.Errorf("shown: %s", got)
			}
		}
	}
	if got := fmt.Sprintf("%x", s); got != jobs.Redacted {
		t.Errorf("%%x = %q", got)
	}
}
