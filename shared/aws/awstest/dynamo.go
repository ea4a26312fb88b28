package awstest

import (
	"context"
	"slices"
)

// Dynamo is Amazon DynamoDB, as far as tables with one key are read and written item by item.
type Dynamo struct {
	Service
	tables map[string]*Table
}

func newDynamo() *Dynamo {
	d := &Dynamo{tables: map[string]*Table{}}
	d.Service = Service{
		target:      "DynamoDB_20120810",
		scope:       "dynamodb",
		contentType: "application/x-amz-json-1.0",
		operations: map[string]operation{
			"BatchGetItem":  typed(d.batchGet),
			"GetItem":       typed(d.get),
			"PutItem":       typed(d.put),
			"DeleteItem":    typed(d.delete),
			"DescribeTable": typed(d.describe),
		},
	}
	return d
}

// Create creates a table.
func (d *Dynamo) Create(name, key string) *Table {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &Table{Name: name, Key: key, dynamo: d, items: map[string]Item{}}
	d.tables[name] = t
	return t
}

// table finds a table; d.mu is held.
func (d *Dynamo) table(name string) (*Table, error) {
	if t := d.tables[name]; t != nil {
		return t, nil
	}
	return nil, dynamoRefusal("ResourceNotFoundException", "Requested resource not found")
}

type batchGetInput struct {
	Requests map[string]keysInput `json:"RequestItems"`
}

type keysInput struct {
	Keys       []Item `json:"Keys"`
	Consistent bool   `json:"ConsistentRead,omitzero"`
}

func (d *Dynamo) batchGet(_ context.Context, in *batchGetInput) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(in.Requests) == 0 {
		return nil, dynamoInvalid("The requestItems parameter is required for BatchGetItem")
	}
	found, left := map[string][]Item{}, map[string]keysInput{}
	for name, wanted := range in.Requests {
		t, err := d.table(name)
		if err != nil {
			return nil, err
		}
		keys, err := t.keys(wanted.Keys)
		if err != nil {
			return nil, err
		}
		answered := len(keys)
		if t.leftOut > 0 {
			t.leftOut--
			answered /= 2
			left[name] = keysInput{wanted.Keys[answered:], wanted.Consistent}
		}
		found[name] = []Item{}
		// In another order than that of the keys: DynamoDB promises none.
		for _, key := range slices.Backward(keys[:answered]) {
			if item := t.items[key]; item != nil {
				found[name] = append(found[name], item)
			}
		}
	}
	return map[string]any{"Responses": found, "UnprocessedKeys": left}, nil
}

type itemInput struct {
	Table     string            `json:"TableName"`
	Key       Item              `json:"Key"`
	Item      Item              `json:"Item"`
	Condition string            `json:"ConditionExpression"`
	Names     map[string]string `json:"ExpressionAttributeNames"`
	Values    map[string]Value  `json:"ExpressionAttributeValues"`
	Return    string            `json:"ReturnValues"`
}

func (d *Dynamo) get(_ context.Context, in *itemInput) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.table(in.Table)
	if err != nil {
		return nil, err
	}
	key, err := t.key(in.Key, true)
	if err != nil {
		return nil, err
	}
	if item := t.items[key]; item != nil {
		return map[string]any{"Item": item}, nil
	}
	return map[string]any{}, nil
}

func (d *Dynamo) put(_ context.Context, in *itemInput) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.table(in.Table)
	if err != nil {
		return nil, err
	}
	key, err := t.check(in.Item)
	if err != nil {
		return nil, err
	}
	if t.before != nil {
		before := t.before
		d.mu.Unlock()
		before(key)
		d.mu.Lock()
	}
	if err := in.holds(t.items[key]); err != nil {
		return nil, err
	}
	t.items[key] = in.Item
	return map[string]any{}, nil
}

func (d *Dynamo) delete(_ context.Context, in *itemInput) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.table(in.Table)
	if err != nil {
		return nil, err
	}
	key, err := t.key(in.Key, true)
	if err != nil {
		return nil, err
	}
	old := t.items[key]
	if err := in.holds(old); err != nil {
		return nil, err
	}
	delete(t.items, key)
	if in.Return == "ALL_OLD" && old != nil {
		return map[string]any{"Attributes": old}, nil
	}
	return map[string]any{}, nil
}

func (d *Dynamo) describe(_ context.Context, in *itemInput) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.table(in.Table)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Table": map[string]any{
		"TableName": t.Name, "TableStatus": "ACTIVE", "ItemCount": len(t.items),
		"TableArn":             "arn:aws:dynamodb:" + Region + ":" + Account + ":table/" + t.Name,
		"KeySchema":            []map[string]string{{"AttributeName": t.Key, "KeyType": "HASH"}},
		"AttributeDefinitions": []map[string]string{{"AttributeName": t.Key, "AttributeType": "S"}},
	}}, nil
}

func dynamoRefusal(code, message string) error {
	return &Refusal{Code: "com.amazonaws.dynamodb.v20120810#" + code, Message: message}
}

func dynamoInvalid(message string) error { return dynamoRefusal("ValidationException", message) }
