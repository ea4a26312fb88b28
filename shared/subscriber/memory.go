package subscriber

import (
	"context"
	"maps"
	"sync"
)

// Memory is a table in memory, for explanations and tests. Its methods do what the table's do; the fields may be used
// while none of them runs.
type Memory struct {
	mu    sync.Mutex
	Items map[Key]Item
	Read  map[Key]bool // those that somebody has asked for
}

// NewMemory makes an empty table.
func NewMemory() *Memory { return &Memory{Items: make(map[Key]Item), Read: make(map[Key]bool)} }

// Load returns the items of keys that are there.
func (m *Memory) Load(_ context.Context, keys []Key) (map[Key]Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make(map[Key]Item)
	for _, key := range keys {
		m.Read[key] = true
		if item, ok := m.Items[key]; ok {
			found[key] = item
		}
	}
	return found, nil
}

// Replace writes an item if these attributes of the stored one are still those that were read.
func (m *Memory) Replace(_ context.Context, key Key, read, item Item, attributes ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range attributes {
		if m.Items[key][name] != read[name] {
			return ErrConflict
		}
	}
	m.Items[key] = item
	return nil
}

// Put writes items, whatever is there.
func (m *Memory) Put(_ context.Context, items map[Key]Item) (failed []Key, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.Items, items)
	return nil, nil
}
