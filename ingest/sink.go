package ingest

import (
	"context"

	"culprit"
)

// A Sink keeps what a [Follower] reads. It is used by one goroutine at a time.
type Sink interface {
	// Checkpoints returns the last checkpoint of every stream that was ever
	// committed and not ended with Forget, by the stream's key.
	Checkpoints(ctx context.Context) (map[string][]byte, error)

	// Commit stores batches: all of them or none, before it returns. After an
	// error the same batches come again. A sink that does so has every record
	// exactly once, whenever the process is killed.
	Commit(ctx context.Context, batches []Batch) error
}

// A Batch is what one commit adds to one stream: the lines of one file from its
// creation to its end, under whatever names it has, or a journal.
type Batch struct {
	Source     string            // as in the records: the path of the current file, whichever rotated one was read; or the journal
	Stream     string            // key of the stream; positions of records are unique within it
	Closed     []*culprit.Record // complete, in the order of the source; they come once
	Open       []*culprit.Record // may still grow; they take the place of all that were open in this stream
	Checkpoint []byte            // opaque; where to go on after Closed. nil leaves the one before
	Gaps       []culprit.Gap     // stretches that could not be read
	Forget     bool              // the stream is over and its checkpoint of no more use; its records stay
}
