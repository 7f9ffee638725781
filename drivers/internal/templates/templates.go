// Package templates reads the templates that drivers bring along as files.
package templates

import (
	"io/fs"

	"github.com/carillon-go/carillon/jobs"
)

// Must reads the templates in the folder templates of files, for drivers whose templates are part of the program.
func Must(files fs.FS) []jobs.Template {
	folder, err := fs.Sub(files, "templates")
	if err != nil {
		panic(err)
	}
	sources, err := jobs.ReadTemplates(folder)
	if err != nil {
		panic(err)
	}
	var all []jobs.Template
	for _, source := range sources {
		all = append(all, source.Templates...)
	}
	return all
}
