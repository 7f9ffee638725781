package drivertest

import (
	"context"
	"fmt"
	"reflect"

	"github.com/carillon-go/carillon/jobs"
)

var templateRules = []rule{
	{"templates are good, without secrets, and the same each time", goodTemplates},
}

// alone is a set with one driver. Others that its templates use are not there; what they do with their settings is for their own tests.
type alone struct{ driver jobs.Driver }

func (a alone) Driver(kind jobs.DriverKind, id string) (jobs.Driver, bool) {
	info := a.driver.Info()
	return a.driver, info.Kind == kind && info.ID == id
}

func (a alone) All(kind jobs.DriverKind) []jobs.Driver {
	if a.driver.Info().Kind == kind {
		return []jobs.Driver{a.driver}
	}
	return nil
}

func goodTemplates(_ context.Context, s Subject) error {
	offerer, ok := s.Driver.(jobs.TemplateOfferer)
	if !ok {
		return skip("the driver comes without templates")
	}
	if a, b := offerer.Templates(), offerer.Templates(); !reflect.DeepEqual(a, b) {
		return fmt.Errorf("two calls differ: %+v and %+v", a, b)
	}
	_, err := jobs.NewTemplates(alone{s.Driver})
	return err
}
