package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// shardBlocks is the number of consecutive block ids that share a shard of the
// index. Only tests change it.
var shardBlocks int64 = 4096

func shardOf(block int64) int64 { return (block - 1) / shardBlocks }

// A blockInfo is what is known of a block without reading it.
type blockInfo struct {
	id           int64
	source       int64
	first        int64 // number of its first record within the source
	records      int32
	crowded      bool
	since, until int64
	observed     int64
	bytes        int32
	stored       int32
	stats        string
}

// A catalogue lists all blocks in the order of their ids. It is never changed:
// a commit makes another, which shares what comes first.
type catalogue struct{ blocks []blockInfo }

// loadCatalogue reads all blocks, which are a hundred bytes each.
func loadCatalogue(ctx context.Context, db *sql.DB) (*catalogue, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, source, first, records, crowded, since, until, observed, bytes, stored, stats FROM blocks ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read blocks: %w", err)
	}
	defer rows.Close()
	c := &catalogue{}
	for rows.Next() {
		var b blockInfo
		if err := rows.Scan(&b.id, &b.source, &b.first, &b.records, &b.crowded, &b.since, &b.until, &b.observed, &b.bytes, &b.stored, &b.stats); err != nil {
			return nil, fmt.Errorf("read blocks: %w", err)
		}
		c.blocks = append(c.blocks, b)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read blocks: %w", err)
	}
	return c, nil
}

// with returns a catalogue with more blocks, whose ids are higher than all others.
// Only the one writer may call it, on the newest catalogue.
func (c *catalogue) with(more []blockInfo) *catalogue {
	return &catalogue{blocks: append(c.blocks, more...)}
}

// without returns a catalogue in which the given blocks are missing.
func (c *catalogue) without(ids map[int64]bool) *catalogue {
	kept := make([]blockInfo, 0, len(c.blocks))
	for _, b := range c.blocks {
		if !ids[b.id] {
			kept = append(kept, b)
		}
	}
	return &catalogue{blocks: kept}
}

// between returns the number of blocks with ids from first to last.
func (c *catalogue) between(first, last int64) int {
	at := func(id int64) int {
		i, _ := slices.BinarySearchFunc(c.blocks, id, func(b blockInfo, id int64) int { return cmp.Compare(b.id, id) })
		return i
	}
	return max(0, at(last+1)-at(first))
}
