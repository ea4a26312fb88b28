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
	holderLifetime = 2 * 365 * 24 * time.Hour // after the last change
	noteLifetime   = 21 * 24 * time.Hour      // a little more than a message can be on its way
)

// Attributes of an entry. Times are milliseconds since 1970, but for expires, which DynamoDB wants in seconds.
const (
	attrHolder     = "holder"
	attrVersion    = "version"
	attrExpires    = "expires"
	attrProduction = "production"
	attrSandbox    = "sandbox"
	attrAccepted   = "accepted"
)

// table keeps holders' entries, and notes about messages that come back, in one DynamoDB table. What entries mean is the holder room's
// business.
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

// Read gives the entries of keys.
func (t *table) Read(ctx context.Context, keys []string) (map[string]forward.Stored, error) {
	found := make(map[string]forward.Stored, len(keys))
	err := t.get(ctx, keys, func(item map[string]types.AttributeValue) {
		key, stored, err := decodeEntry(item, time.Now())
		if err != nil {
			// It counts as absent and will be replaced: an entry that nobody can read must not hold a user's messages for ever.
			t.log.WarnContext(ctx, err.Error())
		}
		found[key] = stored
	})
	return found, err
}

// Recall gives what was noted under keys.
func (t *table) Recall(ctx context.Context, keys []string) (map[string]forward.Kind, error) {
	found := make(map[string]forward.Kind, len(keys))
	err := t.get(ctx, keys, func(item map[string]types.AttributeValue) {
		found[text(item[attrHolder])] = forward.ParseKinds(text(item[attrAccepted]))
	})
	return found, err
}

// get asks for items, a hundred at a time, and hands over those that there are. What DynamoDB leaves out, as it does when it is
// throttled, is asked for again.
func (t *table) get(ctx context.Context, keys []string, each func(map[string]types.AttributeValue)) error {
	for attempt := 0; len(keys) > 0; {
		n := min(len(keys), keysPerRead)
		wanted := make([]map[string]types.AttributeValue, n)
		for i, key := range keys[:n] {
			wanted[i] = map[string]types.AttributeValue{attrHolder: &types.AttributeValueMemberS{Value: key}}
		}
		answer, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: wanted, ConsistentRead: new(true)}},
		})
		if err != nil {
			return fmt.Errorf("holder table: %w", forget(err))
		}
		for _, item := range answer.Responses[t.name] {
			each(item)
		}
		keys = keys[n:]
		left := answer.UnprocessedKeys[t.name].Keys
		for _, key := range left {
			keys = append(keys, text(key[attrHolder]))
		}
		if len(left) == 0 {
			continue
		}
		if attempt++; attempt == readsAtMost {
			return errUnanswered
		}
		if err := t.pause(ctx, attempt); err != nil {
			return err
		}
	}
	return nil
}

// pause waits before keys are asked for again: 50 ms, doubled each time.
func (t *table) pause(ctx context.Context, attempt int) error {
	select {
	case <-time.After(25 * time.Millisecond << attempt):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Note keeps what was accepted of a message that has to come back.
func (t *table) Note(ctx context.Context, key string, accepted forward.Kind) error {
	return t.put(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: map[string]types.AttributeValue{
		attrHolder:   &types.AttributeValueMemberS{Value: key},
		attrAccepted: &types.AttributeValueMemberS{Value: accepted.String()},
		attrExpires:  number(time.Now().Add(noteLifetime).Unix()),
	}})
}

// Write replaces an entry, if it still has the version that was read.
func (t *table) Write(ctx context.Context, key string, s forward.Stored) error {
	put := &dynamodb.PutItemInput{TableName: &t.name, Item: encodeEntry(key, s, time.Now().Add(holderLifetime))}
	switch s.Version {
	case unreadable:
	case 0:
		put.ConditionExpression = new("attribute_not_exists(" + attrHolder + ")")
	default:
		put.ConditionExpression = new("#version = :version")
		put.ExpressionAttributeNames = map[string]string{"#version": attrVersion}
		put.ExpressionAttributeValues = map[string]types.AttributeValue{":version": number(s.Version)}
	}
	return t.put(ctx, put)
}

// put writes one item, so many at a time.
func (t *table) put(ctx context.Context, put *dynamodb.PutItemInput) error {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return ctx.Err()
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
