// Package web serves the browser front end and the JSON API: incidents, the
// timeline of one, search, histogram, facets, records with their surroundings,
// sources, the state of every upstream, metrics, and two event streams (what
// changes, and records as they arrive). OpenAPI 3.1 is made from the handlers
// and kept in openapi.json.
//
// It stores nothing: what it shows comes through the small interfaces in
// archive.go. It changes nothing either; apart from signing in, every route is
// a GET.
//
// Log text is data of strangers. It leaves here only inside JSON, which escapes
// <, > and &, and the pages put it into text nodes; the content security policy
// allows no inline script and no other host.
package web
