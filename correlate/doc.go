// Package correlate links failed requests to what took their upstream down.
//
// A [Correlator] is fed records or events in any order and says at any time
// what it makes of them. It works by gates (what users saw, the fate of the
// process, its last words, why it is not back, changes, coverage); a sum of
// named features only orders the causes that passed.
//
// The same input gives the same report. Nothing here reads files or a clock.
package correlate
