package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/carillon-go/carillon/jobs"
)

var driverRoutes = slices.Concat(
	driverPart(jobs.DriverJob, "JobDriver", "job drivers"), driverPart(jobs.DriverAction, "ActionDriver", "action drivers"),
	driverPart(jobs.DriverAttachment, "AttachmentDriver", "attachment drivers"),
)

// driverPart is the two routes of a kind of drivers.
func driverPart(kind jobs.DriverKind, name, words string) []route {
	path := "/" + driverPaths[kind]
	return []route{
		{
			method: "GET", path: path, group: groupIdentity, handle: listDrivers(kind),
			name: "list" + name + "s", summary: "The " + words + " of the server", answers: answers{200: page{rel: driverRels[kind], item: driverItem{}}},
		},
		{
			method: "GET", path: path + "/:driverId", group: groupIdentity, handle: getDriver(kind),
			name: "get" + name, summary: "One of the " + words + " with its schemas", answers: answers{200: driverView{}},
		},
	}
}

// driverItem is a driver without its schemas, as lists and jobs show it (contract 13.1).
type driverItem struct {
	Links       links             `json:"_links"`
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Icon        text              `json:"icon"`
	Kind        jobs.DriverKind   `json:"kind"`
	Attachments bool              `json:"attachments"`
	Preview     bool              `json:"preview"`
	Available   bool              `json:"available"`
	Source      jobs.DriverSource `json:"source"`
	Version     text              `json:"version"`
}

type driverView struct {
	driverItem
	Schema       json.RawMessage `json:"schema" wire:"object"`
	ParamsSchema json.RawMessage `json:"paramsSchema" wire:"object,null"`
}

// driverPaths are the collections of the kinds, driverRels their names in _embedded.
var (
	driverPaths = map[jobs.DriverKind]string{
		jobs.DriverJob: "job-drivers", jobs.DriverAction: "job-action-drivers", jobs.DriverAttachment: "job-attachment-drivers",
	}
	driverRels = map[jobs.DriverKind]string{
		jobs.DriverJob: "inf:job-driver", jobs.DriverAction: "inf:job-action-driver", jobs.DriverAttachment: "inf:job-attachment-driver",
	}
)

func (a *API) newDriverItem(d jobs.DriverView) driverItem {
	return driverItem{
		Links: links{"self": a.link(driverPaths[d.Kind], d.ID)}, ID: d.ID, Name: d.Name, Description: d.Description, Icon: text(d.Icon),
		Kind: d.Kind, Attachments: d.Attachments, Preview: d.Preview, Available: d.Available, Source: d.Source, Version: text(d.Version),
	}
}

// listDrivers serves GET /job-drivers and its siblings.
func listDrivers(kind jobs.DriverKind) func(*API, http.ResponseWriter, *request) error {
	return func(a *API, w http.ResponseWriter, r *request) error {
		if err := noQuery(r.Request); err != nil {
			return err
		}
		drivers, err := r.client.Drivers(r.Context(), kind)
		if err != nil {
			return err
		}
		items := make([]driverItem, len(drivers))
		for i, d := range drivers {
			items[i] = a.newDriverItem(d)
		}
		return write(w, r.Request, http.StatusOK, wholeCollection(r.Request, a.link(driverPaths[kind]), driverRels[kind], items))
	}
}

// getDriver serves GET /job-drivers/{driverId} and its siblings.
func getDriver(kind jobs.DriverKind) func(*API, http.ResponseWriter, *request) error {
	return func(a *API, w http.ResponseWriter, r *request) error {
		d, err := r.client.Driver(r.Context(), kind, r.params.ByName("driverId"))
		if err != nil {
			return err
		}
		if err := noQuery(r.Request); err != nil {
			return err
		}
		v := driverView{driverItem: a.newDriverItem(d), Schema: d.Schema, ParamsSchema: d.ParamsSchema}
		if v.Schema == nil {
			v.Schema = json.RawMessage(`{"type":"object"}`)
		}
		return write(w, r.Request, http.StatusOK, v)
	}
}
