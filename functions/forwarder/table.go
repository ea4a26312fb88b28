package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// noteLifetime is a little more than a message can be on its way.
const noteLifetime = 21 * 24 * time.Hour

// attrAccepted is the attribute of a note; the others are the subscriber room's.
const attrAccepted = "accepted"

// table keeps subscribers' entries, and notes about messages that come back, in one DynamoDB table. What is in them is no business of its own.
type table struct {
	client *dynamodb.Client
	name   string
	reads  chan struct{} // bounds the reads under way
	writes chan struct{} // bounds the writes under way
}

func newTable(client *dynamodb.Client, name string) *table {
	return &table{client: client, name: name, reads: make(chan struct{}, readsAtOnce), writes: make(chan struct{}, writesAtOnce)}
}

// Read gives the texts of keys; "" for an entry that has no text.
func (t *table) Read(ctx context.Context, keys []string) (map[string]string, error) {
	return t.get(ctx, keys, subscriber.StateAttribute)
}

// Recall gives what was noted under keys.
func (t *table) LoadDelivered(ctx context.Context, keys []string) (map[string]forward.Kinds, error) {
	texts, err := t.get(ctx, keys, attrAccepted)
	noted := make(map[string]forward.Kinds, len(texts))
	for key, text := range texts {
		noted[key] = forward.ParseKinds(text)
	}
	return noted, err
}

// Note keeps what was accepted of a message that has to come back.
func (t *table) SaveDelivered(ctx context.Context, key string, accepted forward.Kinds) error {
	return t.put(ctx, &dynamodb.PutItemInput{Item: item(key, attrAccepted, accepted.String(), noteLifetime)})
}

// What has to hold of an entry so that it may be replaced: it still has the text that was read, or it still has none.
const (
	sameText = "#state = :read"
	noText   = "attribute_not_exists(#state) OR #state = :read OR NOT attribute_type(#state, :text)"
)

// Write replaces an entry's text, if it still is the one that was read.
func (t *table) Write(ctx context.Context, key, read, text string) error {
	put := &dynamodb.PutItemInput{
		Item:                      item(key, subscriber.StateAttribute, text, subscriber.Lifetime),
		ConditionExpression:       new(sameText),
		ExpressionAttributeNames:  map[string]string{"#state": subscriber.StateAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":read": &types.AttributeValueMemberS{Value: read}},
	}
	if read == "" {
		put.ConditionExpression = new(noText)
		put.ExpressionAttributeValues[":text"] = &types.AttributeValueMemberS{Value: "S"}
	}
	return t.put(ctx, put)
}
