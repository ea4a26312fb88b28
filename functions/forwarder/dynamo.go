package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Limits of DynamoDB (BatchGetItem, November 2026), and ours.
const (
	keysPerRead  = 100
	readsAtOnce  = 8
	writesAtOnce = 32
	readAttempts = 5
	readPause    = 25 * time.Millisecond // before what was left out is asked for again; doubled each time
)

// errUnanswered says that DynamoDB left keys out again and again, as it does when it is throttled.
var errUnanswered = errors.New("subscriber table left keys unanswered")

// get gives one attribute of those items that there are, "" where it is no text. It asks for a hundred at a time, and for several hundreds
// at once.
func (t *table) get(ctx context.Context, keys []string, attribute string) (map[string]string, error) {
	found := make(map[string]string, len(keys))
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	for chunk := range slices.Chunk(keys, keysPerRead) {
		all.Go(func() {
			err := acquire(ctx, t.reads)
			if err == nil {
				defer func() { <-t.reads }()
				err = t.getChunk(ctx, chunk, func(item map[string]types.AttributeValue) {
					mu.Lock()
					defer mu.Unlock()
					found[text(item[subscriber.KeyAttribute])] = text(item[attribute])
				})
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = err
			}
		})
	}
	all.Wait()
	return found, first
}

// getChunk hands over the items of keys. What DynamoDB leaves out, as it does when it is throttled, is asked for again.
func (t *table) getChunk(ctx context.Context, keys []string, each func(map[string]types.AttributeValue)) error {
	wanted := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		wanted[i] = map[string]types.AttributeValue{subscriber.KeyAttribute: &types.AttributeValueMemberS{Value: key}}
	}
	for attempt := range readAttempts {
		if attempt > 0 {
			if err := pause(ctx, readPause<<attempt); err != nil {
				return err
			}
		}
		answer, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: wanted, ConsistentRead: new(true)}},
		})
		if err != nil {
			return forget(err)
		}
		for _, item := range answer.Responses[t.name] {
			each(item)
		}
		if wanted = answer.UnprocessedKeys[t.name].Keys; len(wanted) == 0 {
			return nil
		}
	}
	return errUnanswered
}

// put writes one item, so many at a time.
func (t *table) put(ctx context.Context, put *dynamodb.PutItemInput) error {
	if err := acquire(ctx, t.writes); err != nil {
		return err
	}
	defer func() { <-t.writes }()
	put.TableName = &t.name
	_, err := t.client.PutItem(ctx, put)
	if _, conflict := errors.AsType[*types.ConditionalCheckFailedException](err); conflict {
		return forward.ErrConflict
	}
	if err != nil {
		return forget(err)
	}
	return nil
}

// item is one text under a key, and when it may go.
func item(key, attribute, text string, lifetime time.Duration) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		subscriber.KeyAttribute:     &types.AttributeValueMemberS{Value: key},
		attribute:                   &types.AttributeValueMemberS{Value: text},
		subscriber.ExpiresAttribute: &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(lifetime).Unix(), 10)},
	}
}

func text(v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}

// acquire waits for a free slot.
func acquire(ctx context.Context, slots chan<- struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("subscriber table: %w", ctx.Err())
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("subscriber table: %w", ctx.Err())
	}
}

// forget keeps an error's code only: its text may quote keys, and an address.
func forget(err error) error {
	code := "out of reach"
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	for _, kept := range [...]error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, kept) {
			return fmt.Errorf("subscriber table: %w", kept)
		}
	}
	return errors.New("subscriber table: " + code)
}
