package awstest

import (
	"maps"
	"slices"
)

// Limits of DynamoDB (BatchGetItem; Service, account, and table quotas, November 2026).
const (
	keysPerBatch = 100
	maxItem      = 400 << 10
	maxKey       = 2048
)

// Table is a table whose only key is a text.
type Table struct {
	Name, Key string

	dynamo  *Dynamo
	items   map[string]Item
	leftOut int
	before  func(key string)
}

// Put stores an item whatever was there. Items that DynamoDB would refuse are the test's mistake.
func (t *Table) Put(item Item) {
	key, err := t.check(item)
	if err != nil {
		panic(err)
	}
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	t.items[key] = maps.Clone(item)
}

// Item gives the item of a key, nil if there is none.
func (t *Table) Item(key string) Item {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	return maps.Clone(t.items[key])
}

// Keys gives the keys of all items, sorted.
func (t *Table) Keys() []string {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	return slices.Sorted(maps.Keys(t.items))
}

// LeaveOut lets the next so many calls of BatchGetItem answer half of their keys only, as DynamoDB does when it is short of throughput.
func (t *Table) LeaveOut(calls int) {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	t.leftOut = calls
}

// BeforeWrite calls a function before each PutItem takes effect; it may use the table. nil takes it away.
func (t *Table) BeforeWrite(do func(key string)) {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	t.before = do
}

// keys checks the keys of a batch.
func (t *Table) keys(wanted []Item) ([]string, error) {
	if len(wanted) == 0 || len(wanted) > keysPerBatch {
		return nil, dynamoInvalid("Too many items requested for the BatchGetItem call")
	}
	keys := make([]string, len(wanted))
	for i, key := range wanted {
		var err error
		if keys[i], err = t.key(key, true); err != nil {
			return nil, err
		}
		if slices.Contains(keys[:i], keys[i]) {
			return nil, dynamoInvalid("Provided list of item keys contains duplicates")
		}
	}
	return keys, nil
}
