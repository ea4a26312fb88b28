package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// Limits of DynamoDB (BatchGetItem, November 2026), and ours.
const (
	keysPerRead    = 100
	readsAtMost    = 5
	writesAtOnce   = 32
	holderLifetime = 2 * 365 * 24 * time.Hour
)

// Attributes of an entry. Times are milliseconds since 1970, but for expires, which DynamoDB wants in seconds.
const (
	attrHolder     = "holder"
	attrVersion    = "version"
	attrExpires    = "expires"
	attrProduction = "production"
	attrSandbox    = "sandbox"
)

// table keeps holders' entries in DynamoDB. What they mean is the holder room's business.
type table struct {
	client *dynamodb.Client
	name   string
	slots  chan struct{} // bounds the writes under way
	log    *slog.Logger
}

func newTable(client *dynamodb.Client, name string, log *slog.Logger) *table {
	return &table{client: client, name: name, slots: make(chan struct{}, writesAtOnce), log: log}
}

// errUnanswered says that DynamoDB left keys out again and again, as it does when it is throttled.
var errUnanswered = errors.New("holder table left keys unanswered")

// Read gives the entries of keys, a hundred at a time.
func (t *table) Read(ctx context.Context, keys []string) (map[string]forward.Stored, error) {
	found := make(map[string]forward.Stored, len(keys))
	for attempt := 0; len(keys) > 0; {
		n := min(len(keys), keysPerRead)
		left, err := t.read(ctx, keys[:n], found)
		if err != nil {
			return nil, fmt.Errorf("holder table: %w", forget(err))
		}
		if len(left) == n {
			if attempt++; attempt == readsAtMost {
				return nil, errUnanswered
			}
		}
		keys = append(left, keys[n:]...)
	}
	return found, nil
}

// read asks for up to a hundred keys and gives those that were left out.
func (t *table) read(ctx context.Context, keys []string, found map[string]forward.Stored) ([]string, error) {
	wanted := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		wanted[i] = map[string]types.AttributeValue{attrHolder: &types.AttributeValueMemberS{Value: key}}
	}
	answer, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: wanted, ConsistentRead: new(true)}},
	})
	if err != nil {
		return nil, err
	}
	for _, item := range answer.Responses[t.name] {
		key, stored, err := decodeItem(item)
		if err != nil {
			// It counts as absent and will be replaced: an entry that nobody can read must not hold a user's messages for ever.
			t.log.WarnContext(ctx, "holder entry replaced", "reason", err.Error())
		}
		found[key] = stored
	}
	var left []string
	for _, key := range answer.UnprocessedKeys[t.name].Keys {
		left = append(left, text(key[attrHolder]))
	}
	return left, nil
}

// Write replaces an entry, if it still has the version that was read.
func (t *table) Write(ctx context.Context, key string, s forward.Stored) error {
	t.slots <- struct{}{}
	defer func() { <-t.slots }()
	put := &dynamodb.PutItemInput{TableName: &t.name, Item: encodeItem(key, s, time.Now().Add(holderLifetime))}
	switch s.Version {
	case unreadable:
	case 0:
		put.ConditionExpression = new("attribute_not_exists(" + attrHolder + ")")
	default:
		put.ConditionExpression = new("#version = :version")
		put.ExpressionAttributeNames = map[string]string{"#version": attrVersion}
		put.ExpressionAttributeValues = map[string]types.AttributeValue{":version": number(s.Version)}
	}
	_, err := t.client.PutItem(ctx, put)
	if _, conflict := errors.AsType[*types.ConditionalCheckFailedException](err); conflict {
		return forward.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("holder table: %w", forget(err))
	}
	return nil
}

// forget keeps an error's code only: its text may quote keys.
func forget(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return errors.New(api.ErrorCode())
	}
	return errors.New("out of reach")
}
