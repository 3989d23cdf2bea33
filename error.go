package culprit

import "errors"

// The errors that a user can do something about. They are wrapped with what
// they are about; cmd/culprit maps them to exit codes, web to HTTP.
var (
	ErrNoInput     = errors.New("nothing to read")             // empty folder, no log in it, nothing readable
	ErrNoLog       = errors.New("no log format recognized")    // a file whose lines no parser knows
	ErrNotFound    = errors.New("not found")                   // an incident, a record, a source that is not stored
	ErrQuery       = errors.New("query not understood")        // wrapped by internal/query with the column
	ErrLocked      = errors.New("held by another process")     // a data folder that is in use
	ErrVersion     = errors.New("written by another version")  // a data folder that this program cannot read
	ErrCorrupt     = errors.New("damaged")                     // a database or a file that does not make sense
	ErrDiskFull    = errors.New("no space left")               // the data folder's disk is full
	ErrUnavailable = errors.New("not available at the moment") // the service is stopping or overloaded
)
