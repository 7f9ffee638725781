package drivers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

// Registry is the set of drivers that engine and service get. Drivers are added in plain sight by the program, never by
// an import. The zero value is empty and ready; it is safe for concurrent use and must not be copied.
type Registry struct {
	mu sync.RWMutex // guards the fields below
	// kinds holds the drivers of each kind, ordered by id.
	kinds map[jobs.DriverKind][]entry
}

type entry struct {
	id     string
	driver jobs.Driver
}

var _ jobs.Drivers = (*Registry)(nil)

// NewRegistry makes a registry of these drivers. The error names every driver that cannot be added, and why; there is no
// registry then.
func NewRegistry(drivers ...jobs.Driver) (*Registry, error) {
	r := &Registry{}
	var errs []error
	for _, d := range drivers {
		errs = append(errs, r.Add(d))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// Add adds a driver. It is an error if the kind has a driver of that id, or if the driver's Info breaks a rule of
// jobs.DriverInfo: the form of the id, schemas that jobs.CompileSettings takes, abilities that fit the kind and the
// methods.
func (r *Registry) Add(d jobs.Driver) error {
	if d == nil {
		return errors.New("add driver: it is nil")
	}
	info := d.Info()
	if err := check(d, info); err != nil {
		return fmt.Errorf("add driver %q: %w", info.ID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, taken := find(r.kinds[info.Kind], info.ID)
	if taken {
		return fmt.Errorf("add driver %q: there is one already of kind %s", info.ID, info.Kind)
	}
	if r.kinds == nil {
		r.kinds = map[jobs.DriverKind][]entry{}
	}
	r.kinds[info.Kind] = slices.Insert(r.kinds[info.Kind], at, entry{info.ID, d})
	return nil
}

// Driver gives the driver of that kind and id.
func (r *Registry) Driver(kind jobs.DriverKind, id string) (jobs.Driver, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := r.kinds[kind]
	at, ok := find(list, id)
	if !ok {
		return nil, false
	}
	return list[at].driver, true
}

// All gives the drivers of a kind, ordered by id. The slice is the caller's.
func (r *Registry) All(kind jobs.DriverKind) []jobs.Driver {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]jobs.Driver, len(r.kinds[kind]))
	for i, e := range r.kinds[kind] {
		list[i] = e.driver
	}
	return list
}

func find(list []entry, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(e entry, id string) int { return strings.Compare(e.id, id) })
}

// idPattern is contract 13.1.
var idPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// check finds all faults of a driver, not the first.
func check(d jobs.Driver, info jobs.DriverInfo) error {
	if f, ok := d.(*FuncDriver); ok && f.err != nil {
		return f.err
	}
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if !idPattern.MatchString(info.ID) {
		fault("the id must be 1 to 63 of a-z, 0-9 and hyphen, and begin with a letter")
	}
	switch info.Kind {
	case jobs.DriverJob, jobs.DriverAction, jobs.DriverAttachment:
	default:
		fault("the kind %q is unknown", info.Kind)
	}
	switch info.Source {
	case jobs.SourceBuiltin, jobs.SourceHost, jobs.SourcePlugin, "":
	default:
		fault("the source %q is unknown", info.Source)
	}
	if _, err := jobs.CompileSettings(info); err != nil {
		errs = append(errs, err)
	}
	if len(info.ParamsSchema) > 0 && info.Kind != jobs.DriverJob {
		fault("only a job driver has a schema of params")
	}
	if info.Kind != jobs.DriverAction && (info.Preview || info.Attachments) {
		fault("only an action driver has previews and attachments")
	}
	if _, ok := d.(jobs.Renderer); info.Kind == jobs.DriverAttachment && !ok {
		fault("an attachment driver needs a method Render")
	}
	if _, ok := d.(jobs.Previewer); info.Preview && !ok {
		fault("Info().Preview is true, but there is no method Preview")
	}
	return errors.Join(errs...)
}
