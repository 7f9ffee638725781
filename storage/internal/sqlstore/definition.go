package sqlstore

import (
	"container/list"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

// definitions keeps parsed definitions, the most recently used ones. Those are shared: nobody writes to them.
type definitions struct {
	bound int

	mu    sync.Mutex // guards the fields below
	byKey map[revisionKey]*list.Element
	order *list.List // front: used last
}

type revisionKey struct {
	job      jobs.ID
	revision int64
}

type cachedDefinition struct {
	key        revisionKey
	definition *jobs.Definition
}

func newDefinitions(bound int) *definitions {
	return &definitions{bound: bound, byKey: map[revisionKey]*list.Element{}, order: list.New()}
}

func (d *definitions) get(key revisionKey) (*jobs.Definition, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.byKey[key]
	if !ok {
		return nil, false
	}
	d.order.MoveToFront(e)
	return e.Value.(cachedDefinition).definition, true
}

func (d *definitions) put(key revisionKey, definition *jobs.Definition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.byKey[key]; ok {
		return
	}
	d.byKey[key] = d.order.PushFront(cachedDefinition{key, definition})
	if d.order.Len() > d.bound {
		last := d.order.Back()
		d.order.Remove(last)
		delete(d.byKey, last.Value.(cachedDefinition).key)
	}
}

// clear forgets everything: what was read in a transaction that was not committed must not stay.
func (d *definitions) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.byKey)
	d.order.Init()
}

// sqlGetDefinition: lookup by primary key.
const sqlGetDefinition = `
	SELECT definition
	FROM   job_revisions
	WHERE  job_id = ? AND revision = ?`

// getter is a Tx or a View.
type getter interface {
	get(dest any, query string, args ...any) (bool, error)
}

// What is wrong with stored documents. A flipped bit or a newer writer must not stop what has nothing to do with it (R17), so these are
// facts of one row and no errors of a transaction.
const (
	unreadableDefinition = "the stored definition cannot be read"
	unreadableSteps      = "the stored steps cannot be read"
	missingDefinition    = unreadableDefinition + ": its revision is missing"
)

// definition gives a shared definition of a revision that a row names. If there is none that can be read it is nil and fault says why.
func (c *Core) definition(g getter, job jobs.ID, revision int64) (d *jobs.Definition, fault string, err error) {
	key := revisionKey{job, revision}
	if d, ok := c.defs.get(key); ok {
		return d, "", nil
	}
	var text string
	ok, err := g.get(&text, sqlGetDefinition, job, revision)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, missingDefinition, nil
	}
	if d, fault = parseDefinition(text); fault == "" {
		c.defs.put(key, d)
	}
	return d, fault, nil
}

func parseDefinition(text string) (d *jobs.Definition, fault string) {
	d = new(jobs.Definition)
	if err := json.Unmarshal([]byte(text), d); err != nil {
		return nil, unreadableDefinition + ": " + err.Error()
	}
	if d.Type == "" {
		return nil, unreadableDefinition + ": it has no type"
	}
	return d, ""
}

// sqlGetJobTenant: lookup by primary key.
const sqlGetJobTenant = `
	SELECT tenant
	FROM   jobs
	WHERE  id = ?`

// Definition is jobs.JobStore.
func (c *Core) Definition(ctx context.Context, tenant jobs.TenantID, id jobs.ID, revision int64) (*jobs.Definition, error) {
	var d *jobs.Definition
	err := c.read(ctx, "read definition", func(v *View) error {
		var of string
		ok, err := v.get(&of, sqlGetJobTenant, id)
		if err != nil {
			return err
		}
		if !ok || of != string(tenant) {
			return jobs.NotFound("revision")
		}
		var fault string
		d, fault, err = c.definition(v, id, revision)
		switch {
		case err != nil || fault == "":
			return err
		case fault == missingDefinition:
			return jobs.NotFound("revision")
		}
		return jobs.Conflict("%s", fault)
	})
	return d, err
}

// cloneDefinition copies what a caller may change in place.
func cloneDefinition(d *jobs.Definition) jobs.Definition {
	out := *d
	out.Data = slices.Clone(d.Data)
	out.Secrets = maps.Clone(d.Secrets)
	out.Actions = slices.Clone(d.Actions)
	for i := range out.Actions {
		a := &out.Actions[i]
		a.Data = slices.Clone(a.Data)
		a.Secrets = maps.Clone(a.Secrets)
	}
	return out
}
