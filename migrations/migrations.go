// Package migrations holds the schema of the store, as numbered files that are
// applied in order, each in a transaction. A released file is never edited.
package migrations

import "embed"

// FS holds the files.
//
//go:embed *.sql
var FS embed.FS
