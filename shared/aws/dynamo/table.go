// Package dynamo keeps subscribers' entries, and what was accepted of messages that come back, in a DynamoDB table.
//
// It does not interpret an entry. It is a package of its own because the receiver, which uses package aws, must not
// carry DynamoDB's client: that would make its binary half a megabyte larger (measured, November 2026).
package dynamo

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/semaphore"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Limits of DynamoDB (BatchGetItem, November 2026), and ours.
const (
	keysPerRead  = 100
	readsAtOnce  = 8
	writesAtOnce = 32
	readAttempts = 5
	readPause    = 25 * time.Millisecond // before unprocessed keys are asked for again; doubled each time
	// deliveredLifetime is a little more than a message can be on its way.
	deliveredLifetime = 21 * 24 * time.Hour
)

// acceptedAttribute holds which records of a message CleverTap has accepted.
const acceptedAttribute = "accepted"

// errUnprocessed says that DynamoDB left keys out again and again, as it does when it is throttled.
var errUnprocessed = errors.New("keys left unprocessed")

// Table implements [forward.Subscribers] and [forward.DeliveredRecords] on one table.
type Table struct {
	client *dynamodb.Client
	name   string
	reads  *semaphore.Weighted // bounds the reads under way
	writes *semaphore.Weighted // bounds the writes under way
}

// NewTable makes no connection yet. One try of a call may take as long as timeout; 0 sets no limit. As many
// connections are kept as there are calls at once, or most calls would begin with a handshake.
func NewTable(config sdk.Config, name string, timeout time.Duration) *Table {
	client := dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
				t.MaxIdleConnsPerHost = readsAtOnce + writesAtOnce
			})
		}
	})
	return &Table{client, name, semaphore.NewWeighted(readsAtOnce), semaphore.NewWeighted(writesAtOnce)}
}

// Read implements [forward.Subscribers].
func (t *Table) Read(ctx context.Context, keys []string) (map[string]string, error) {
	return t.readAttribute(ctx, keys, subscriber.StateAttribute)
}

// What must hold of an entry that is replaced: it still has the text that was read, or it still has none.
const (
	sameText = "#state = :read"
	noText   = "attribute_not_exists(#state) OR #state = :read OR NOT attribute_type(#state, :text)"
)

// Write implements [forward.Subscribers].
func (t *Table) Write(ctx context.Context, key, read, text string) error {
	put := &dynamodb.PutItemInput{
		Item:                      newItem(key, subscriber.StateAttribute, text, subscriber.Lifetime),
		ConditionExpression:       new(sameText),
		ExpressionAttributeNames:  map[string]string{"#state": subscriber.StateAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":read": textValue(read)},
	}
	if read == "" {
		put.ConditionExpression = new(noText)
		put.ExpressionAttributeValues[":text"] = textValue("S")
	}
	return t.put(ctx, put)
}

// LoadDelivered implements [forward.DeliveredRecords].
func (t *Table) LoadDelivered(ctx context.Context, keys []string) (map[string]forward.Kinds, error) {
	texts, err := t.readAttribute(ctx, keys, acceptedAttribute)
	accepted := make(map[string]forward.Kinds, len(texts))
	for key, text := range texts {
		accepted[key] = forward.ParseKinds(text)
	}
	return accepted, err
}

// SaveDelivered implements [forward.DeliveredRecords].
func (t *Table) SaveDelivered(ctx context.Context, key string, accepted forward.Kinds) error {
	item := newItem(key, acceptedAttribute, accepted.String(), deliveredLifetime)
	return t.put(ctx, &dynamodb.PutItemInput{Item: item})
}

// Entry is a subscriber's entry.
type Entry struct {
	Text    string    // empty for an entry without a text
	Expires time.Time // zero if the entry does not say
}

// ReadEntry returns one entry; found is false if there is none.
func (t *Table) ReadEntry(ctx context.Context, key string) (entry Entry, found bool, err error) {
	in := &dynamodb.GetItemInput{TableName: &t.name, Key: keyOf(key), ConsistentRead: new(true)}
	out, err := t.client.GetItem(ctx, in)
	if err != nil {
		return Entry{}, false, aws.Fault(fault.Table, err)
	}
	entry.Text = textOf(out.Item[subscriber.StateAttribute])
	if n, ok := out.Item[subscriber.ExpiresAttribute].(*types.AttributeValueMemberN); ok {
		if seconds, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			entry.Expires = time.Unix(seconds, 0).UTC()
		}
	}
	return entry, out.Item != nil, nil
}

// Delete deletes an entry; found is false if there was none.
func (t *Table) Delete(ctx context.Context, key string) (found bool, err error) {
	in := &dynamodb.DeleteItemInput{TableName: &t.name, Key: keyOf(key), ReturnValues: types.ReturnValueAllOld}
	out, err := t.client.DeleteItem(ctx, in)
	if err != nil {
		return false, aws.Fault(fault.Table, err)
	}
	return len(out.Attributes) > 0, nil
}

// readAttribute returns one attribute of those items that exist, "" where it is not a text. It asks for a hundred
// items at a time, with several calls at once.
func (t *Table) readAttribute(ctx context.Context, keys []string, attribute string) (map[string]string, error) {
	found := make(map[string]string, len(keys))
	var (
		calls sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	for chunk := range slices.Chunk(keys, keysPerRead) {
		calls.Go(func() {
			items, err := t.readItems(ctx, chunk)
			mu.Lock()
			defer mu.Unlock()
			for _, item := range items {
				found[textOf(item[subscriber.KeyAttribute])] = textOf(item[attribute])
			}
			if first == nil {
				first = err
			}
		})
	}
	calls.Wait()
	return found, first
}

// readItems returns the items of up to a hundred keys. It asks again for what DynamoDB leaves unprocessed, as it does
// when it is throttled.
func (t *Table) readItems(ctx context.Context, keys []string) (items []map[string]types.AttributeValue, err error) {
	if err := t.reads.Acquire(ctx, 1); err != nil {
		return nil, aws.Fault(fault.Table, err)
	}
	defer t.reads.Release(1)
	wanted := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		wanted[i] = keyOf(key)
	}
	for attempt := range readAttempts {
		if attempt > 0 {
			select {
			case <-time.After(readPause << attempt):
			case <-ctx.Done():
				return items, aws.Fault(fault.Table, ctx.Err())
			}
		}
		answer, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: wanted, ConsistentRead: new(true)}},
		})
		if err != nil {
			return items, aws.Fault(fault.Table, err)
		}
		items = append(items, answer.Responses[t.name]...)
		if wanted = answer.UnprocessedKeys[t.name].Keys; len(wanted) == 0 {
			return items, nil
		}
	}
	return items, fault.New(fault.Retry, fault.Table, &aws.Error{Call: "DynamoDB BatchGetItem", Err: errUnprocessed})
}

// put writes one item, or returns [forward.ErrConflict] if the condition does not hold.
func (t *Table) put(ctx context.Context, put *dynamodb.PutItemInput) error {
	if err := t.writes.Acquire(ctx, 1); err != nil {
		return aws.Fault(fault.Table, err)
	}
	defer t.writes.Release(1)
	put.TableName = &t.name
	_, err := t.client.PutItem(ctx, put)
	if _, conflict := errors.AsType[*types.ConditionalCheckFailedException](err); conflict {
		return forward.ErrConflict
	}
	if err != nil {
		return aws.Fault(fault.Table, err)
	}
	return nil
}

// newItem is a text under a key, and when it may go.
func newItem(key, attribute, text string, lifetime time.Duration) map[string]types.AttributeValue {
	item := keyOf(key)
	item[attribute] = textValue(text)
	expires := time.Now().Add(lifetime).Unix()
	item[subscriber.ExpiresAttribute] = &types.AttributeValueMemberN{Value: strconv.FormatInt(expires, 10)}
	return item
}

func keyOf(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{subscriber.KeyAttribute: textValue(key)}
}

func textValue(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

// textOf returns "" for a value that is not a text.
func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
