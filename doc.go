// Package culprit holds the nouns that every other package speaks in: a line
// is bytes up to a newline; a [Record] is one log entry as its source wrote it;
// an [Event] is what a record means; an [Incident] is a stretch of time in which
// requests failed at an upstream, with its causes and their evidence.
//
// It imports the standard library only and none of the other packages.
package culprit
