package settings

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/maintenance"
)

// Windows are written in each form, and everything that is wrong has its line and one
// error.
func TestMaintenance(t *testing.T) {
	c, err := read(`
maintenance:
  - {name: nightly, where: {}, every: 02:00, for: 30m}
  - name: move
    where:
      service: shop
      check: database
    from: 2026-11-29 22:00
    until: 2026-11-30T04:00:00+01:00
    zone: Europe/Berlin
    comment: new disks
    by: ops
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []maintenance.Window{
		{Name: "nightly", Where: &maintenance.Where{}, Every: "02:00", For: 30 * time.Minute},
		{Name: "move", Where: &maintenance.Where{Service: "shop", Check: "database"}, From: "2026-11-29 22:00", Until: "2026-11-30T04:00:00+01:00",
			Zone: "Europe/Berlin", Comment: "new disks", By: "ops"},
	}
	if !reflect.DeepEqual(c.Maintenance, want) {
		t.Errorf("got %+v, want %+v", c.Maintenance, want)
	}
	for content, want := range map[string]string{
		"maintenance: {name: a}":                                                                                     `kymo.yaml:1: maintenance: must be a list, like [{name: weekly, where: {service: shop}, every: "Sun 02:00", for: 1h}]`,
		"maintenance: [weekly]":                                                                                      "kymo.yaml:1: maintenance[0]: must be a mapping, like {name: weekly",
		"maintenance: [{where: {}, every: 02:00, for: 1h}]":                                                          "kymo.yaml:1: maintenance[0].name: is missing; it is shown while the window is in force",
		"maintenance: [{name: a, every: 02:00, for: 1h}]":                                                            "kymo.yaml:1: maintenance[0].where: is missing; write {service: shop} or {check: database}, or {} for everything",
		"maintenance: [{name: a, where: shop, every: 02:00, for: 1h}]":                                               "kymo.yaml:1: maintenance[0].where: must be a mapping, like {service: shop}",
		"maintenance: [{name: a, where: {endpoint: /a}, every: 02:00, for: 1h}]":                                     "kymo.yaml:1: maintenance[0].where.endpoint: unknown key; known are check, service",
		"maintenance:\n- {name: a, where: {}, evry: 02:00, for: 1h}":                                                 "kymo.yaml:2: maintenance[0].evry: unknown key; the nearest known one is every",
		"maintenance:\n- {name: a, where: {}, every: 02:00, for: 90}":                                                `kymo.yaml:2: maintenance[0].for: "90" is not a duration`,
		"maintenance:\n- {name: a, where: {}, for: 1h,\n   every: Son 02:00}":                                        `kymo.yaml:3: maintenance[0].every: "Son 02:00" is not understood; write days and a time`,
		"maintenance:\n- {name: a, where: {}, every: 02:00, for: 1h, zone: Europe/Munich}":                           `kymo.yaml:2: maintenance[0].zone: there is no time zone "Europe/Munich"`,
		"maintenance:\n- {name: a, where: {}, every: 02:00, for: 1h}\n- {name: a, where: {}, every: 03:00, for: 1h}": `kymo.yaml:3: maintenance[1].name: "a" is the name of maintenance[0] already; give each a name of its own`,
	} {
		if _, err := read(content, nil); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\ngot  %v\nwant %s", content, err, want)
		}
	}
	if _, err := read("log_level: info", map[string]string{"KYMO_MAINTENANCE": "a"}); err == nil || !strings.Contains(err.Error(), "maintenance can only be in the configuration file") {
		t.Errorf("got %v", err)
	}
}
