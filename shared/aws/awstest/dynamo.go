package awstest

import (
	"maps"
	"slices"
	"strings"
)

// Limits of DynamoDB (BatchGetItem, BatchWriteItem, service quotas, November 2026).
const (
	keysPerRead   = 100
	itemsPerWrite = 25
	maxItem       = 400 << 10
	maxKey        = 1024 // of a sort key; a partition key may be twice as long
)

// Dynamo is Amazon DynamoDB: tables of items whose keys are texts. It refuses parameters that it does not know.
type Dynamo struct {
	Service
	tables map[string]*Table
}

func newDynamo() *Dynamo {
	d := &Dynamo{tables: make(map[string]*Table)}
	d.scope, d.strict = "dynamodb", true
	d.operations = map[string]operation{
		"GetItem":        typed(&d.Service, d.get),
		"PutItem":        typed(&d.Service, d.put),
		"DeleteItem":     typed(&d.Service, d.delete),
		"Query":          typed(&d.Service, d.query),
		"Scan":           typed(&d.Service, d.scan),
		"BatchGetItem":   typed(&d.Service, d.batchGet),
		"BatchWriteItem": typed(&d.Service, d.batchWrite),
	}
	return d
}

type Table struct {
	Name string

	dynamo      *Dynamo
	keys        []string // names of the partition key and, if there is one, the sort key
	items       map[string]Item
	unprocessed int
}

// Create creates a table with a partition key and, if it has two, a sort key.
func (d *Dynamo) Create(name string, keys ...string) *Table {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &Table{Name: name, dynamo: d, keys: keys, items: make(map[string]Item)}
	d.tables[name] = t
	return t
}

// Put stores an item whatever was there. An item that DynamoDB would refuse is the test's mistake.
func (t *Table) Put(item Item) {
	key, err := t.check(item)
	if err != nil {
		panic(err)
	}
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	t.items[key] = maps.Clone(item)
}

// keySeparator joins the values of a partition and a sort key.
const keySeparator = "\x00"

// Item returns the item of a key, nil if there is none.
func (t *Table) Item(key ...string) Item {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	return maps.Clone(t.items[strings.Join(key, keySeparator)])
}

// Keys returns the keys of all items in their order; those of partition and sort key are joined by a zero byte.
func (t *Table) Keys() []string {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	return slices.Sorted(maps.Keys(t.items))
}

// LeaveUnprocessed makes the next so many batch calls process half of their keys or items only, as DynamoDB does when
// it is short of throughput.
func (t *Table) LeaveUnprocessed(calls int) {
	t.dynamo.mu.Lock()
	defer t.dynamo.mu.Unlock()
	t.unprocessed = calls
}

// process is how many of the parts of a batch call are processed.
func (t *Table) process(parts int) int {
	if t.unprocessed == 0 {
		return parts
	}
	t.unprocessed--
	return parts / 2
}

// key is the text of an item's key; alone means that the item is the key and nothing else.
func (t *Table) key(item Item, alone bool) (string, error) {
	var parts []string
	for i, name := range t.keys {
		key := item[name].Text()
		if key == "" || len(key) > maxKey*(2-i) {
			return "", invalid("the key " + name + " is missing, not a text, empty or too long")
		}
		parts = append(parts, key)
	}
	if alone && len(item) != len(t.keys) {
		return "", invalid("the key has other attributes")
	}
	return strings.Join(parts, keySeparator), nil
}

// check refuses what PutItem refuses, and returns the key of other items.
func (t *Table) check(item Item) (string, error) {
	size, ok := item.size()
	if !ok {
		return "", invalid("a value does not have exactly one supported type")
	}
	if size > maxItem {
		return "", invalid("the item is too large")
	}
	return t.key(item, false)
}

func invalid(text string) error { return refuse("ValidationException", text) }

// table returns a table; d.mu is held.
func (d *Dynamo) table(name string) (*Table, error) {
	if t := d.tables[name]; t != nil {
		return t, nil
	}
	return nil, refuse("ResourceNotFoundException", "no table "+name)
}

// itemInput is a call about one item, or a query.
type itemInput struct {
	Table        string            `json:"TableName"`
	Key          Item              `json:"Key"`
	Item         Item              `json:"Item"`
	Condition    string            `json:"ConditionExpression"`
	KeyCondition string            `json:"KeyConditionExpression"`
	Filter       string            `json:"FilterExpression"`
	Names        map[string]string `json:"ExpressionAttributeNames"`
	Values       map[string]Value  `json:"ExpressionAttributeValues"`
	Return       string            `json:"ReturnValues"`
	Consistent   bool              `json:"ConsistentRead"`
	Start        Item              `json:"ExclusiveStartKey"`
}

// stored returns what a call about one item concerns.
func (d *Dynamo) stored(in *itemInput) (t *Table, key string, err error) {
	if t, err = d.table(in.Table); err != nil {
		return nil, "", err
	}
	if in.Item != nil {
		key, err = t.check(in.Item)
	} else {
		key, err = t.key(in.Key, true)
	}
	if err == nil {
		err = in.condition(t.items[key])
	}
	return t, key, err
}

// condition refuses a call whose condition does not hold for the stored item, nil where there is none.
func (in *itemInput) condition(item Item) error {
	e := newExpression(in)
	holds := in.Condition == "" || e.holds(in.Condition, item)
	if err := e.err(); err != nil {
		return err
	}
	if !holds {
		return refuse("ConditionalCheckFailedException", "the condition does not hold")
	}
	return nil
}

func (d *Dynamo) get(in *itemInput) (any, error) {
	t, key, err := d.stored(in)
	if err != nil || t.items[key] == nil {
		return struct{}{}, err
	}
	return map[string]any{"Item": t.items[key]}, nil
}

func (d *Dynamo) put(in *itemInput) (any, error) {
	t, key, err := d.stored(in)
	if err == nil {
		t.items[key] = in.Item
	}
	return struct{}{}, err
}

func (d *Dynamo) delete(in *itemInput) (any, error) {
	t, key, err := d.stored(in)
	if err != nil {
		return nil, err
	}
	old := t.items[key]
	delete(t.items, key)
	if in.Return == "ALL_OLD" && old != nil {
		return map[string]any{"Attributes": old}, nil
	}
	return struct{}{}, nil
}

// itemsPerPage makes every larger answer one of several; those of DynamoDB have a megabyte.
const itemsPerPage = 50

// query reads the items of one partition in the order of their sort keys. It uses the key condition as a filter,
// which has the same effect.
func (d *Dynamo) query(in *itemInput) (any, error) { return d.read(in, in.KeyCondition) }

// scan reads all items. Those of a partition stand together, as in DynamoDB.
func (d *Dynamo) scan(in *itemInput) (any, error) { return d.read(in, in.Filter) }

// read returns one page of the items that match.
func (d *Dynamo) read(in *itemInput, condition string) (any, error) {
	t, err := d.table(in.Table)
	if err != nil {
		return nil, err
	}
	e := newExpression(in)
	e.holds(condition, nil)
	if err := e.err(); err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(t.items))
	if in.Start != nil {
		start, err := t.key(in.Start, true)
		if err != nil {
			return nil, err
		}
		at, found := slices.BinarySearch(keys, start)
		if found {
			at++
		}
		keys = keys[at:] // behind the start, whether it is there or not
	}
	found, counted := []Item{}, 0
	out := make(map[string]any)
	for _, key := range keys {
		matches := e.holds(condition, t.items[key])
		if matches {
			found = append(found, t.items[key])
		}
		if matches || in.KeyCondition == "" { // a query does not come by other partitions
			counted++
		}
		if counted == itemsPerPage {
			last := maps.Clone(t.items[key])
			maps.DeleteFunc(last, func(name string, _ Value) bool { return !slices.Contains(t.keys, name) })
			out["LastEvaluatedKey"] = last
			break
		}
	}
	out["Items"] = found
	return out, nil
}

type keysInput struct {
	Keys       []Item            `json:"Keys"`
	Consistent bool              `json:"ConsistentRead,omitzero"`
	Projection string            `json:"ProjectionExpression,omitzero"`
	Names      map[string]string `json:"ExpressionAttributeNames,omitzero"`
}

// project returns the attributes of an item that were asked for: all, or those of a list of names that begin with #.
func (in keysInput) project(item Item) Item {
	if in.Projection == "" {
		return item
	}
	projected := Item{}
	for name := range strings.SplitSeq(in.Projection, ", ") {
		if value := item[in.Names[name]]; value != nil {
			projected[in.Names[name]] = value
		}
	}
	return projected
}

func (d *Dynamo) batchGet(in *struct {
	Requests map[string]keysInput `json:"RequestItems"`
}) (any, error) {
	found, left := map[string][]Item{}, map[string]keysInput{}
	for name, wanted := range in.Requests {
		t, err := d.table(name)
		if err != nil {
			return nil, err
		}
		if !wanted.Consistent {
			return nil, invalid("DynamoDB would, but here nobody may decide by what was there a second ago")
		}
		keys, err := distinct(wanted.Keys, keysPerRead, func(key Item) (string, error) { return t.key(key, true) })
		if err != nil {
			return nil, err
		}
		n := t.process(len(keys))
		if n < len(keys) {
			left[name] = keysInput{wanted.Keys[n:], wanted.Consistent, wanted.Projection, wanted.Names}
		}
		found[name] = []Item{}
		for _, key := range slices.Backward(keys[:n]) { // DynamoDB does not promise the order of the keys
			if item := t.items[key]; item != nil {
				found[name] = append(found[name], wanted.project(item))
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": left}, nil
}

// writeRequest is one part of a BatchWriteItem call. Nobody deletes that way.
type writeRequest struct {
	Put struct {
		Item Item `json:"Item"`
	} `json:"PutRequest"`
}

func (d *Dynamo) batchWrite(in *struct {
	Requests map[string][]writeRequest `json:"RequestItems"`
}) (any, error) {
	left := map[string][]writeRequest{}
	for name, requests := range in.Requests {
		t, err := d.table(name)
		if err != nil {
			return nil, err
		}
		keys, err := distinct(requests, itemsPerWrite, func(r writeRequest) (string, error) { return t.check(r.Put.Item) })
		if err != nil {
			return nil, err
		}
		n := t.process(len(keys))
		if n < len(keys) {
			left[name] = requests[n:]
		}
		for i, key := range keys[:n] {
			t.items[key] = requests[i].Put.Item
		}
	}
	return map[string]any{"UnprocessedItems": left}, nil
}

// distinct returns the keys of a batch's parts, which must be few enough and all different.
func distinct[P any](parts []P, most int, keyOf func(P) (string, error)) ([]string, error) {
	if len(parts) == 0 || len(parts) > most {
		return nil, invalid("too few or too many parts in the call")
	}
	keys := make([]string, len(parts))
	for i, part := range parts {
		var err error
		if keys[i], err = keyOf(part); err != nil {
			return nil, err
		}
		if slices.Contains(keys[:i], keys[i]) {
			return nil, invalid("two parts of the call have the same key")
		}
	}
	return keys, nil
}
