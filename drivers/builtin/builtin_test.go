package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers"
	"github.com/carillon-go/carillon/drivers/builtin"
	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/safehttp"
	"github.com/carillon-go/carillon/jobs"
)

func TestDrivers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options   builtin.Options
		available bool
	}{
		"closed": {builtin.Options{}, false},
		"open":   {builtin.Options{Mail: &mail.Settings{Host: "mail.example.com", From: "jobs@example.com"}, Files: true}, true},
	} {
		all, err := builtin.Drivers(c.options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := drivers.NewRegistry(all...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, d := range all {
			info := d.Info()
			got = append(got, string(info.Kind)+" "+info.ID)
			if info.Source != jobs.SourceBuiltin {
				t.Errorf("%s: the source of %s is %q", name, info.ID, info.Source)
			}
			if a, ok := d.(jobs.Availability); ok && (a.Available() == nil) != c.available {
				t.Errorf("%s: Available of %s = %v", name, info.ID, a.Available())
			}
		}
		if diff := cmp.Diff([]string{"job api-call", "job email", "action email", "action webhook", "attachment file"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDrivers_wrongOptions(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]builtin.Options{
		"http: ": {HTTP: safehttp.Policy{Timeout: -time.Second}},
		"mail: ": {Mail: &mail.Settings{Host: "mail.example.com", From: "nobody"}},
	} {
		if all, err := builtin.Drivers(options); err == nil || !strings.HasPrefix(err.Error(), want) || all != nil {
			t.Errorf("Drivers = %v, %v, want an error with %q", all, err, want)
		}
	}
}
