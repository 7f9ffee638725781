package sqlstore

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/carillon-go/carillon/jobs"
)

// driverSets knows the sets of drivers that jobs need. Rows are only ever added, so what was committed stays
// right.
type driverSets struct {
	mu      sync.Mutex // guards the fields below
	newest  int64
	drivers map[int64][]driverName
}

type driverName struct {
	kind jobs.DriverKind
	id   string
}

// driversOf is the set as it is stored: the job driver, and those of the enabled actions and of their attachments, sorted, each once.
func driversOf(d *jobs.Definition) string {
	set := map[string]bool{string(jobs.DriverJob) + ":" + d.Type: true}
	for i := range d.Actions {
		a := &d.Actions[i]
		if a.Disabled {
			continue
		}
		set[string(jobs.DriverAction)+":"+a.Type] = true
		for k := range a.Attachments {
			set[string(jobs.DriverAttachment)+":"+a.Attachments[k].Type] = true
		}
	}
	return mustJSON(slices.Sorted(maps.Keys(set)))
}

const (
	sqlGetDriverSet = `
	SELECT id
	FROM   driver_sets
	WHERE  drivers = ?`
	sqlInsertDriverSet = `
	INSERT INTO driver_sets (drivers)
	VALUES (?)`
	sqlListDriverSets = `
	SELECT id, drivers
	FROM   driver_sets
	WHERE  id > ?
	ORDER  BY id`
)

// id finds or makes the row of a set.
func (s *driverSets) id(t *Tx, drivers string) (int64, error) {
	var id int64
	ok, err := t.get(&id, sqlGetDriverSet, drivers)
	if err != nil || ok {
		return id, err
	}
	if _, err := t.exec(sqlInsertDriverSet, drivers); err != nil {
		return 0, err
	}
	_, err = t.get(&id, sqlGetDriverSet, drivers)
	return id, err
}

type driverSetRow struct {
	ID      int64  `db:"id"`
	Drivers string `db:"drivers"`
}

// refused gives the sets of which has lacks a driver, as a JSON array of their numbers; "" if there are none.
func (s *driverSets) refused(t *Tx, has func(jobs.DriverKind, string) bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []driverSetRow
	if err := t.all(&rows, sqlListDriverSets, s.newest); err != nil {
		return "", err
	}
	known := s.drivers
	if len(rows) > 0 {
		// Sets of an uncommitted transaction may be among the rows. Remember none of them: they cost one read more.
		known = maps.Clone(known)
		if known == nil {
			known = map[int64][]driverName{}
		}
		for _, row := range rows {
			known[row.ID] = parseDrivers(row.Drivers)
		}
		t.onCommit = append(t.onCommit, func() { s.remember(known, rows[len(rows)-1].ID) })
	}
	var refused []int64
	for id, names := range known {
		if slices.ContainsFunc(names, func(n driverName) bool { return !has(n.kind, n.id) }) {
			refused = append(refused, id)
		}
	}
	if len(refused) == 0 {
		return "", nil
	}
	return mustJSON(refused), nil
}

func (s *driverSets) remember(known map[int64][]driverName, newest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if newest > s.newest {
		s.drivers, s.newest = known, newest
	}
}

// parseDrivers reads a set. What cannot be read is left out: its runs go to any worker, whose error tells more than a run that nobody
// ever takes.
func parseDrivers(text string) []driverName {
	var words []string
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		return nil
	}
	var names []driverName
	for _, word := range words {
		for _, kind := range []jobs.DriverKind{jobs.DriverJob, jobs.DriverAction, jobs.DriverAttachment} {
			if id, ok := strings.CutPrefix(word, string(kind)+":"); ok {
				names = append(names, driverName{kind, id})
			}
		}
	}
	return names
}
