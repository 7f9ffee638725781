package jobs

import (
	"context"
	"slices"
)

// DriverView is a driver with whether it can be used now.
type DriverView struct {
	DriverInfo
	// Available: this process or a live worker has it, and it has what it needs.
	Available bool
}

// Availability is a driver that may lack what it needs: a mail server, a renderer, its plugin process.
type Availability interface {
	// Available is nil if the driver can work, else why not.
	Available() error
}

// Drivers lists the drivers of a kind, by name.
func (c *Client) Drivers(_ context.Context, kind DriverKind) ([]DriverView, error) {
	if err := c.identified(); err != nil {
		return nil, err
	}
	var views []DriverView
	for _, d := range c.service.drivers.All(kind) {
		views = append(views, DriverView{DriverInfo: d.Info(), Available: unavailable(d) == nil})
	}
	slices.SortStableFunc(views, func(a, b DriverView) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return views, nil
}

// Driver reads one driver.
func (c *Client) Driver(_ context.Context, kind DriverKind, id string) (DriverView, error) {
	if err := c.identified(); err != nil {
		return DriverView{}, err
	}
	d, ok := c.service.drivers.Driver(kind, id)
	if !ok {
		return DriverView{}, NotFound("driver")
	}
	return DriverView{DriverInfo: d.Info(), Available: unavailable(d) == nil}, nil
}

func unavailable(d Driver) error {
	if a, ok := d.(Availability); ok {
		return a.Available()
	}
	return nil
}
