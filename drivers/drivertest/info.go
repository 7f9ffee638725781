package drivertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"

	"github.com/carillon-go/carillon/jobs"
)

var infoRules = []rule{
	{"Info gives an id, a name, a kind and a source", infoNames},
	{"Info gives the same each time", infoStable},
	{"the schemas compile and are of objects", infoSchemas},
	{"an ability that Info claims fits the kind and has its method", infoAbilities},
}

var idPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

func infoNames(_ context.Context, s Subject) error {
	info := s.Driver.Info()
	if !idPattern.MatchString(info.ID) {
		return fmt.Errorf("the id %q does not match %s", info.ID, idPattern)
	}
	if info.Name == "" {
		return errors.New("the name is empty; people see it in lists")
	}
	switch info.Kind {
	case jobs.DriverJob, jobs.DriverAction, jobs.DriverAttachment:
	default:
		return fmt.Errorf("the kind is %q", info.Kind)
	}
	switch info.Source {
	case jobs.SourceBuiltin, jobs.SourceHost, jobs.SourcePlugin:
	default:
		return fmt.Errorf("the source is %q", info.Source)
	}
	return nil
}

func infoStable(_ context.Context, s Subject) error {
	if a, b := s.Driver.Info(), s.Driver.Info(); !reflect.DeepEqual(a, b) {
		return fmt.Errorf("two calls differ: %+v and %+v", a, b)
	}
	return nil
}

func infoSchemas(_ context.Context, s Subject) error {
	info := s.Driver.Info()
	if len(info.Schema) == 0 {
		return errors.New("there is no schema of the settings, so nobody can fill in a form")
	}
	_, err := jobs.CompileSettings(info)
	return err
}

func infoAbilities(_ context.Context, s Subject) error {
	info := s.Driver.Info()
	if info.Kind != jobs.DriverAction && (info.Preview || info.Attachments) {
		return errors.New("only an action has previews and attachments")
	}
	if info.Kind != jobs.DriverJob && len(info.ParamsSchema) > 0 {
		return errors.New("only a job driver has a schema of params")
	}
	if _, ok := s.Driver.(jobs.Renderer); info.Kind == jobs.DriverAttachment && !ok {
		return errors.New("the kind is attachment, but there is no method Render")
	}
	if _, ok := s.Driver.(jobs.Previewer); info.Preview && !ok {
		return errors.New("Info().Preview is true, but there is no method Preview")
	}
	return nil
}
