// Package parsers turns the lines of a source into records and says what they
// mean. It opens nothing, starts nothing and logs nothing: the same bytes give
// the same records, however they are cut into calls.
//
// A line passes three stages:
//
//   - peel: a [format] takes the envelope off (time, host, program, pid,
//     severity) and leaves the body; one file a format.
//   - join: a [rule] says which following bodies of the same program belong to
//     the same record (a stack trace, an OOM report, a statement over lines).
//   - parse: a [bodyParser] gives the record its Kind and attributes.
//
// [Stream] runs the three in order for one source; registry.go lists them in
// the order in which they are tried. A new format is a file, a line in the
// registry, a line in internal/kinddoc, and a sample in testdata with its golden
// file. Attribute names are constants and strings alias the line, so that
// millions of lines cost no memory.
package parsers
