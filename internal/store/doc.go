// Package store keeps records, events and incidents, and searches them.
//
// SQLite (culprit.db in the data folder) is the record. Records are kept in
// blocks, up to 512 of one source in one compressed row; those that do not fill a
// block yet are in open_records. What a reader has read is committed in one
// transaction with the checkpoint to read on from, so that after a crash nothing
// is lost and nothing is there twice.
//
// The index (folder index) is derived and may lag: bleve holds one document a
// block, with its words and field values and the number of records that have
// them; small filters in SQLite know the tokens with digits, which are nearly all
// unique. Both only say in which blocks to look ([Store.Search] then evaluates
// the query on the records); what they do not know yet is looked at, too.
package store
