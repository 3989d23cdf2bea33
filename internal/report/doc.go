// Package report writes what an analysis says for people and for other
// programs: the text of `culprit why`, and a postmortem of one incident as
// Markdown, HTML or JSON.
//
// All forms say the same, in the same order and words: what users saw, the chain
// from the root to the impact with verbatim lines, what was ruled out, what is
// missing, what would have prevented it. Log text is hostile: each form escapes
// every string that it did not write itself, and bounds what it takes of one.
package report
