package subscriber

import (
	"context"
	"maps"
	"sync"
)

// LocalTable is a table in this process, for explanations and tests. Its methods do what the real table's do. The
// fields may be used while none of them runs.
type LocalTable struct {
	mu sync.Mutex

	Items map[Key]Item
	Read  map[Key]bool // those that somebody has asked for
}

// NewLocalTable makes an empty table.
func NewLocalTable() *LocalTable {
	return &LocalTable{Items: make(map[Key]Item), Read: make(map[Key]bool)}
}

// Load returns the items of keys that are there.
func (t *LocalTable) Load(_ context.Context, keys []Key) (map[Key]Item, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := make(map[Key]Item)
	for _, key := range keys {
		t.Read[key] = true
		if item, ok := t.Items[key]; ok {
			found[key] = item
		}
	}
	return found, nil
}

// Replace writes an item if these attributes of the stored one are still those that were read.
func (t *LocalTable) Replace(_ context.Context, key Key, read, item Item, attributes ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range attributes {
		if t.Items[key][name] != read[name] {
			return ErrConflict
		}
	}
	t.Items[key] = item
	return nil
}

// Put writes items, whatever is there.
func (t *LocalTable) Put(_ context.Context, items map[Key]Item) (failed []Key, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.Items, items)
	return nil, nil
}
