package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// readTime bounds every search, count and look-up.
const readTime = 10 * time.Second

// A snapshot is a state of the store that does not change: a catalogue and a
// transaction that see the same.
type snapshot struct {
	s      *Store
	ctx    context.Context
	conn   *sql.Conn
	tx     *sql.Tx
	blocks []blockInfo
	data   *sql.Stmt
	leave  func()
}

func (s *Store) snapshot(ctx context.Context) (*snapshot, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	v := &snapshot{s: s, ctx: ctx, leave: leave}
	if err := v.begin(); err != nil {
		v.close()
		return nil, s.classify(fmt.Errorf("begin to read: %w", err))
	}
	return v, nil
}

func (v *snapshot) begin() error {
	var err error
	// The connection first: waiting for one must not hold up a commit.
	if v.conn, err = v.s.reads.Conn(v.ctx); err != nil {
		return err
	}
	v.s.commit.RLock()
	defer v.s.commit.RUnlock()
	if v.tx, err = v.conn.BeginTx(v.ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return err
	}
	// The transaction sees the state of its first read.
	var n int
	if err := v.tx.QueryRowContext(v.ctx, "SELECT count(*) FROM state").Scan(&n); err != nil {
		return err
	}
	v.blocks = v.s.blocks.Load().blocks
	v.data, err = v.tx.PrepareContext(v.ctx, "SELECT columns, text FROM block_data WHERE id = ?")
	return err
}

func (v *snapshot) close() {
	if v.data != nil {
		_ = v.data.Close()
	}
	if v.tx != nil {
		_ = v.tx.Rollback()
	}
	if v.conn != nil {
		_ = v.conn.Close()
	}
	v.leave()
}

// A stored is a block or a row of open_records that may be looked at.
type stored struct {
	source       int64
	first        int64 // number of the first record
	records      int64
	since, until int64
	id           int64 // of the block, 0 for open records
	open         int64 // id in open_records
	growing      bool
}

func (b *blockInfo) ref() stored {
	return stored{source: b.source, first: b.first, records: int64(b.records), since: b.since, until: b.until, id: b.id}
}

// openRecords returns the rows of open_records.
func (v *snapshot) openRecords() ([]stored, error) {
	rows, err := v.tx.QueryContext(v.ctx, "SELECT id, source, first, records, since, until, growing FROM open_records")
	if err != nil {
		return nil, fmt.Errorf("read open records: %w", err)
	}
	defer rows.Close()
	var list []stored
	for rows.Next() {
		var o stored
		if err := rows.Scan(&o.open, &o.source, &o.first, &o.records, &o.since, &o.until, &o.growing); err != nil {
			return nil, fmt.Errorf("read open records: %w", err)
		}
		list = append(list, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read open records: %w", err)
	}
	return list, nil
}

// fetch calls use with the stored columns and text, which are only valid during
// the call. Something that is not there any more is no error.
func (v *snapshot) fetch(o stored, use func(columns, text []byte) error) error {
	var rows *sql.Rows
	var err error
	if o.id != 0 {
		rows, err = v.data.QueryContext(v.ctx, o.id)
	} else {
		rows, err = v.tx.QueryContext(v.ctx, "SELECT columns, text FROM open_records WHERE id = ?", o.open)
	}
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return rows.Err()
	}
	var columns, text sql.RawBytes
	if err := rows.Scan(&columns, &text); err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	return use(columns, text)
}

// load fills b with a stored block.
func (v *snapshot) load(o stored, b *block) error {
	if src := v.s.sources.get(o.source); src != nil {
		b.source, b.format = src.name, src.format
	}
	return v.fetch(o, func(columns, text []byte) error {
		if err := b.decode(columns); err != nil {
			return fmt.Errorf("block %d: %w", o.id, err)
		}
		if err := b.setText(text); err != nil {
			return fmt.Errorf("block %d: %w", o.id, err)
		}
		return nil
	})
}
