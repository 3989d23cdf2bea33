// Package ingest reads sources: files and their rotated predecessors, journals,
// archives, a pipe. It finds them ([Collect], [Discover]), says how each has to
// be read ([Inputs.Assign]), reads them once ([Read]) or follows them while
// they grow ([Follower]). What the bytes mean is the business of package
// parsers.
//
// One-shot reading never writes to what it reads; archives and compressed
// journals are unpacked into a temporary folder that [Inputs.Close] removes.
package ingest
