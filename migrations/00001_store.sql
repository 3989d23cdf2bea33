-- +goose Up

-- What the store says about itself: 'clean' is 1 while no process has it open.
CREATE TABLE state (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;

-- Where records come from. A file that replaced another of the same name is another
-- row: generation tells them apart. A record's sequence number is id << 32 plus its
-- number within the row, from 1. Times are UTC nanoseconds, NULL if unknown.
CREATE TABLE sources (
	id         INTEGER PRIMARY KEY,
	name       TEXT    NOT NULL,
	generation TEXT    NOT NULL,
	format     TEXT    NOT NULL,
	checkpoint BLOB,                        -- opaque to the store
	next       INTEGER NOT NULL DEFAULT 1,  -- number of the next record
	position   INTEGER NOT NULL DEFAULT -1, -- first byte of the last record of a file
	sequences  TEXT    NOT NULL DEFAULT '{}', -- of a journal: id of a sequence -> last number
	records    INTEGER NOT NULL DEFAULT 0,
	events     INTEGER NOT NULL DEFAULT 0,
	unparsed   INTEGER NOT NULL DEFAULT 0,
	bytes      INTEGER NOT NULL DEFAULT 0,
	first      INTEGER,
	last       INTEGER,
	observed   INTEGER,
	UNIQUE (name, generation)
);

-- A block is up to 512 records of one source. Ids are never used again.
CREATE TABLE blocks (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	source   INTEGER NOT NULL,
	first    INTEGER NOT NULL, -- number of its first record within the source
	records  INTEGER NOT NULL,
	position INTEGER NOT NULL, -- of its first record
	since    INTEGER NOT NULL, -- earliest and latest time
	until    INTEGER NOT NULL,
	observed INTEGER NOT NULL, -- when its last record was stored
	crowded  INTEGER NOT NULL, -- its filter holds words, too
	parser   INTEGER NOT NULL, -- version of the parser
	bytes    INTEGER NOT NULL, -- of text, not compressed
	stored   INTEGER NOT NULL, -- of its columns and text, compressed
	stats    BLOB    NOT NULL, -- least and greatest value of each numeric field
	UNIQUE (source, first)
);

-- The records of a block. A table of its own keeps blocks small enough to be read
-- as a whole.
CREATE TABLE block_data (
	id      INTEGER PRIMARY KEY,
	columns BLOB NOT NULL,
	text    BLOB NOT NULL
);

-- Binary fuse filters of up to 64 blocks, from first to last.
CREATE TABLE filters (
	first INTEGER PRIMARY KEY,
	last  INTEGER NOT NULL,
	data  BLOB    NOT NULL
);

-- Records that are in no block yet: final ones, and those that may still grow.
CREATE TABLE open_records (
	id       INTEGER PRIMARY KEY,
	source   INTEGER NOT NULL,
	growing  INTEGER NOT NULL,
	first    INTEGER NOT NULL, -- number of the first record
	records  INTEGER NOT NULL,
	position INTEGER NOT NULL,
	since    INTEGER NOT NULL,
	until    INTEGER NOT NULL,
	observed INTEGER NOT NULL,
	bytes    INTEGER NOT NULL,
	columns  BLOB    NOT NULL,
	text     BLOB    NOT NULL
);
CREATE INDEX open_records_source ON open_records (source);

-- Changes of blocks that the index may not know yet: put 1 or removed 0.
CREATE TABLE operations (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	shard INTEGER NOT NULL,
	block INTEGER NOT NULL,
	put   INTEGER NOT NULL
);

-- The folder of each shard of the index and the last operation that is known to be
-- in it.
CREATE TABLE shards (
	id     INTEGER PRIMARY KEY,
	folder TEXT    NOT NULL,
	mark   INTEGER NOT NULL
);

-- What events have in common.
CREATE TABLE event_shapes (
	id         INTEGER PRIMARY KEY,
	hash       INTEGER NOT NULL UNIQUE,
	kind       TEXT    NOT NULL,
	severity   INTEGER NOT NULL, -- -1 if the log does not say
	service    TEXT    NOT NULL,
	upstream   TEXT    NOT NULL,
	host       TEXT    NOT NULL,
	process    TEXT    NOT NULL,
	unit       TEXT    NOT NULL,
	attributes TEXT    NOT NULL  -- JSON
);

-- Events: the same within one second is one row with a count. Source, seq and line
-- tell the first record; places tells the others of the same entry, as JSON. Failures
-- that come in thousands are one row a minute, and seconds holds the count of each
-- second as varints: distance in seconds, count, distance of the first record.
CREATE TABLE event_rows (
	time       INTEGER NOT NULL, -- of the record, or a bound if it has none
	id         INTEGER NOT NULL,
	shape      INTEGER NOT NULL,
	pid        INTEGER NOT NULL,
	count      INTEGER NOT NULL,
	source     INTEGER NOT NULL,
	seq        INTEGER NOT NULL,
	line       INTEGER NOT NULL,
	line_to    INTEGER,          -- NULL if it is line
	known      INTEGER NOT NULL, -- whether the record has a time
	not_before INTEGER,
	not_after  INTEGER,
	places     TEXT,
	seconds    BLOB,
	PRIMARY KEY (time, id)
) WITHOUT ROWID;

-- Entries that may stand in several sources, by a hash of what they say.
CREATE TABLE event_twins (
	twin INTEGER NOT NULL,
	time INTEGER NOT NULL,
	id   INTEGER NOT NULL,
	PRIMARY KEY (twin, time, id)
) WITHOUT ROWID;

-- Events as people read them.
CREATE VIEW events AS
SELECT r.id, datetime(r.time / 1000000000, 'unixepoch') AS utc, r.time, s.kind, s.severity, s.service, s.upstream, s.host,
	s.process, r.pid, s.unit, s.attributes, r.count, o.name AS source, r.line, r.source << 32 | r.seq AS record
FROM event_rows r JOIN event_shapes s ON s.id = r.shape LEFT JOIN sources o ON o.id = r.source;

CREATE TABLE incidents (
	id      TEXT PRIMARY KEY,
	start   INTEGER NOT NULL,
	end     INTEGER NOT NULL,
	ongoing INTEGER NOT NULL,
	verdict TEXT    NOT NULL,
	service TEXT    NOT NULL,
	updated INTEGER NOT NULL,
	body    TEXT    NOT NULL -- culprit.Incident as JSON
);
CREATE INDEX incidents_start ON incidents (start);

-- +goose Down
SELECT 'the first version has none before it';
