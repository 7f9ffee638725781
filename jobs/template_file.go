package jobs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/carillon-go/carillon/jobs/internal/settings"
)

// maxTemplateFile is the largest file of a template, in bytes: its job and what is said of it.
const maxTemplateFile = 2 * MaxTemplateJob

// ReadTemplates reads the files *.json at the root of a folder, each an object with the fields of contract 13.3 but "available": one template.
// Other files, and folders, are left out. The error has every file that cannot be read with the reason; the others are given also then, so
// that NewTemplates can tell what is wrong with them. The name of a source is that of its file.
func ReadTemplates(files fs.FS) ([]TemplateSource, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	var sources []TemplateSource
	var errs []error
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) != ".json" {
			continue
		}
		t, err := readTemplate(files, entry.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", entry.Name(), err))
			continue
		}
		sources = append(sources, TemplateSource{entry.Name(), []Template{t}})
	}
	return sources, errors.Join(errs...)
}

func readTemplate(files fs.FS, name string) (t Template, err error) {
	file, err := files.Open(name)
	if err != nil {
		return t, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	// One byte more than is allowed is enough to see that it is too large.
	data, err := io.ReadAll(io.LimitReader(file, maxTemplateFile+1))
	if err != nil {
		return t, err
	}
	object, faults := settings.Read(data, maxTemplateFile)
	if len(faults) > 0 {
		return t, invalidOf(faults)
	}
	return parseTemplate(object)
}

// parseTemplate reads the fields of contract 13.3.
func parseTemplate(object map[string]any) (Template, error) {
	var f Faults
	r := newSpecReader(&f, "", object)
	t := Template{
		ID: r.text("id"), Name: r.text("name"), Description: r.text("description"), Icon: r.text("icon"), Category: r.text("category"),
		Type: r.text("type"), Job: r.object("job"),
	}
	for i, input := range r.list("inputs") {
		in := newSpecReader(&f, indexPath("inputs", i), input)
		required := in.field("required")
		is, ok := required.(bool)
		if required != nil && !ok {
			in.fault("required", "has to be true or false")
		}
		t.Inputs = append(t.Inputs, TemplateInput{
			Name: in.text("name"), Label: in.text("label"), Type: InputType(in.text("type")), Required: is, Default: in.field("default"),
		})
		in.unknown()
	}
	r.unknown()
	return t, f.Err()
}
