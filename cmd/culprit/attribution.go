package main

import (
	"cmp"
	"strings"

	"culprit"
)

// programKeys are the attributes in which a manager names what it is talking about.
var programKeys = []string{"program", "app", "app_name", "container"}

// attribution names the service that a record is of, for facets, events and
// search. The correlator has a finer idea of its own, which needs all records.
type attribution struct {
	topo  *culprit.Topology
	units map[string]string
}

func newAttribution(t *culprit.Topology) *attribution {
	a := &attribution{topo: t, units: map[string]string{}}
	for i := range t.Services {
		if s := &t.Services[i]; s.Manager == "systemd" && s.Unit != "" && !s.IsTemplate() {
			a.units[s.Unit] = s.Name
		}
	}
	return a
}

// resolve implements store.Options.Resolve.
func (a *attribution) resolve(r *culprit.Record) (service, upstream string) {
	if v, ok := r.Attrs.Lookup("upstream"); ok && v.Type() == culprit.TypeString {
		upstream = culprit.PassAddress(v.String())
	}
	return cmp.Or(r.Service, a.service(r)), upstream
}

// service is the service of a record without the one that its source tells.
func (a *attribution) service(r *culprit.Record) string {
	if r.Process == "nginx" {
		return "nginx"
	}
	if r.Kind != "" {
		for _, k := range programKeys {
			if v, ok := r.Attrs.Lookup(k); ok && v.Type() == culprit.TypeString && v.String() != "" {
				return v.String()
			}
		}
	}
	if r.Unit == "" {
		return ""
	}
	if s, ok := a.units[r.Unit]; ok {
		return s
	}
	return strings.TrimSuffix(r.Unit, ".service")
}

// restore gives a record that was stored the service that its source told, which
// is not stored by itself.
func (a *attribution) restore(r *culprit.Record, service string) {
	if service != a.service(r) {
		r.Service = service
	}
}
