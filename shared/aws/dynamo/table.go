// Package dynamo keeps what is known of people in a DynamoDB table.
//
// It does not interpret an item. It is a package of its own because the receiver, which uses package aws, must not
// carry DynamoDB's client: that would make its binary half a megabyte larger (measured, November 2026).
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Limits of DynamoDB (BatchGetItem, BatchWriteItem, November 2026), and ours.
const (
	keysPerRead   = 100
	itemsPerWrite = 25
	readsAtOnce   = 8
	writesAtOnce  = 32
	attempts      = 5
	pause         = 25 * time.Millisecond // before unprocessed keys are sent again; doubled each time
)

// errUnprocessed says that DynamoDB left items out again and again, as it does when it is throttled.
var errUnprocessed = errors.New("items left unprocessed")

// Table is the subscribers table. It implements what handlers declare.
type Table struct {
	client     *dynamodb.Client
	name       string
	attributes []string            // that [Table.Load] reads; empty: all
	reads      *semaphore.Weighted // bounds the reads under way
	writes     *semaphore.Weighted // bounds the writes under way
}

// NewTable makes no connection yet. One try of a call may take as long as timeout; 0 sets no limit. As many
// connections are kept as there are calls at once, or most calls would begin with a handshake.
func NewTable(config sdk.Config, name string, timeout time.Duration) *Table {
	client := dynamodb.NewFromConfig(config, func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
		o.EndpointResolverV2 = aws.NewResolver(dynamodb.NewDefaultEndpointResolverV2())
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			transport := client.GetTransport()
			transport.MaxIdleConnsPerHost = readsAtOnce + writesAtOnce
			o.HTTPClient = aws.NewSmallCalls(transport, timeout)
		}
	})
	return &Table{
		client: client, name: name,
		reads: semaphore.NewWeighted(readsAtOnce), writes: semaphore.NewWeighted(writesAtOnce),
	}
}

// Only returns the table with a Load that reads nothing but the keys and these attributes, as a role may demand
// that is not allowed to see others.
func (t *Table) Only(attributes ...string) *Table {
	only := *t
	only.attributes = append([]string{subscriber.PartitionAttribute, subscriber.SortAttribute}, attributes...)
	return &only
}

// Load returns the items of keys, which are distinct. A key without an item is not in the result. It asks for a
// hundred items at a time, with several calls at once.
func (t *Table) Load(ctx context.Context, keys []subscriber.Key) (map[subscriber.Key]subscriber.Item, error) {
	found := make(map[subscriber.Key]subscriber.Item, len(keys))
	var calls errgroup.Group
	var mu sync.Mutex
	for chunk := range slices.Chunk(keys, keysPerRead) {
		calls.Go(func() error {
			items, err := t.loadChunk(ctx, chunk)
			mu.Lock()
			defer mu.Unlock()
			for _, values := range items {
				key, item := fromValues(values)
				found[key] = item
			}
			return err
		})
	}
	return found, calls.Wait()
}

// loadChunk returns the items of up to a hundred keys. It asks again for what DynamoDB leaves unprocessed.
func (t *Table) loadChunk(ctx context.Context, keys []subscriber.Key) (items []rawItem, err error) {
	request := types.KeysAndAttributes{ConsistentRead: new(true), Keys: make([]rawItem, len(keys))}
	for i, key := range keys {
		request.Keys[i] = keyValues(key)
	}
	if len(t.attributes) > 0 {
		request.ExpressionAttributeNames = make(map[string]string, len(t.attributes))
		names := make([]string, len(t.attributes))
		for i, attribute := range t.attributes {
			names[i] = fmt.Sprint("#a", i)
			request.ExpressionAttributeNames[names[i]] = attribute
		}
		request.ProjectionExpression = new(strings.Join(names, ", "))
	}
	err = untilProcessed(ctx, "BatchGetItem", t.reads, func() (bool, error) {
		answer, err := t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{t.name: request},
		})
		if err != nil {
			return false, err
		}
		items = append(items, answer.Responses[t.name]...)
		request.Keys = answer.UnprocessedKeys[t.name].Keys
		return len(request.Keys) == 0, nil
	})
	return items, err
}

// untilProcessed makes a call, and makes it again while DynamoDB leaves something unprocessed. It holds one of the
// slots meanwhile.
func untilProcessed(
	ctx context.Context, operation string, slots *semaphore.Weighted, call func() (done bool, err error),
) error {
	if err := slots.Acquire(ctx, 1); err != nil {
		return aws.Fault(fault.Table, err)
	}
	defer slots.Release(1)
	for attempt := range attempts {
		if attempt > 0 {
			select {
			case <-time.After(pause << attempt):
			case <-ctx.Done():
				return aws.Fault(fault.Table, ctx.Err())
			}
		}
		done, err := call()
		if err != nil {
			return aws.Fault(fault.Table, err)
		}
		if done {
			return nil
		}
	}
	return fault.New(fault.Retry, fault.Table, &aws.Error{Call: "DynamoDB " + operation, Err: errUnprocessed})
}

// Replace writes an item if these attributes of the stored one are still those that were read; nil: there was none.
// Else it returns [subscriber.ErrConflict].
func (t *Table) Replace(
	ctx context.Context, key subscriber.Key, read, item subscriber.Item, attributes ...string,
) error {
	if err := t.writes.Acquire(ctx, 1); err != nil {
		return aws.Fault(fault.Table, err)
	}
	defer t.writes.Release(1)
	put := &dynamodb.PutItemInput{
		TableName: &t.name, Item: toValues(key, item), ExpressionAttributeNames: make(map[string]string),
	}
	conditions := make([]string, len(attributes))
	for i, name := range attributes {
		put.ExpressionAttributeNames[fmt.Sprint("#a", i)] = name
		if value, known := read[name]; known {
			conditions[i] = fmt.Sprintf("#a%d = :a%d", i, i)
			if put.ExpressionAttributeValues == nil {
				put.ExpressionAttributeValues = make(map[string]types.AttributeValue)
			}
			put.ExpressionAttributeValues[fmt.Sprint(":a", i)] = toValue(value)
		} else {
			conditions[i] = fmt.Sprintf("attribute_not_exists(#a%d)", i)
		}
	}
	put.ConditionExpression = new(strings.Join(conditions, " AND "))
	_, err := t.client.PutItem(ctx, put)
	if _, conflict := errors.AsType[*types.ConditionalCheckFailedException](err); conflict {
		return subscriber.ErrConflict
	}
	if err != nil {
		return aws.Fault(fault.Table, err)
	}
	return nil
}

// Put writes items, whatever is there, and returns the keys of those that were not written. It writes 25 items at a
// time, with several calls at once.
func (t *Table) Put(
	ctx context.Context, items map[subscriber.Key]subscriber.Item,
) (failed []subscriber.Key, err error) {
	requests := make([]types.WriteRequest, 0, len(items))
	for key, item := range items {
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: toValues(key, item)}})
	}
	var calls errgroup.Group
	var mu sync.Mutex
	for chunk := range slices.Chunk(requests, itemsPerWrite) {
		calls.Go(func() error {
			left, err := t.putChunk(ctx, chunk)
			mu.Lock()
			defer mu.Unlock()
			for _, request := range left {
				key, _ := fromValues(request.PutRequest.Item)
				failed = append(failed, key)
			}
			return err
		})
	}
	err = calls.Wait()
	return failed, err
}

// putChunk writes up to 25 items and returns those that were not written.
func (t *Table) putChunk(ctx context.Context, requests []types.WriteRequest) ([]types.WriteRequest, error) {
	err := untilProcessed(ctx, "BatchWriteItem", t.writes, func() (bool, error) {
		answer, err := t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{t.name: requests},
		})
		if err != nil {
			return false, err
		}
		requests = answer.UnprocessedItems[t.name]
		return len(requests) == 0, nil
	})
	return requests, err
}

// Delete deletes an item; found is false if there was none.
func (t *Table) Delete(ctx context.Context, key subscriber.Key) (found bool, err error) {
	in := &dynamodb.DeleteItemInput{TableName: &t.name, Key: keyValues(key), ReturnValues: types.ReturnValueAllOld}
	out, err := t.client.DeleteItem(ctx, in)
	if err != nil {
		return false, aws.Fault(fault.Table, err)
	}
	return len(out.Attributes) > 0, nil
}

// Entry is an item with its key.
type Entry struct {
	Key  subscriber.Key
	Item subscriber.Item
}

// Partition returns the items of a partition whose sort keys begin with a prefix, in their order.
func (t *Table) Partition(ctx context.Context, partition, prefix string) iter.Seq2[Entry, error] {
	in := &dynamodb.QueryInput{
		TableName:              &t.name,
		KeyConditionExpression: new("#p = :p AND begins_with(#s, :s)"),
		ExpressionAttributeNames: map[string]string{
			"#p": subscriber.PartitionAttribute, "#s": subscriber.SortAttribute,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": toValue(partition), ":s": toValue(prefix)},
		ConsistentRead:            new(true),
	}
	if prefix == "" {
		in.KeyConditionExpression = new("#p = :p")
		delete(in.ExpressionAttributeNames, "#s")
		delete(in.ExpressionAttributeValues, ":s")
	}
	pages := dynamodb.NewQueryPaginator(t.client, in)
	return eachItem(ctx, pages, func(page *dynamodb.QueryOutput) []rawItem { return page.Items })
}

// Range is a range of whole numbers of an attribute, both ends included.
type Range struct {
	Attribute string
	From, To  int64
}

// Scan reads the whole table and returns the items whose sort keys begin with a prefix and that have a number in the
// range. Items of a partition stand together, in the order of their sort keys; the order of partitions is DynamoDB's
// and stays. With a key it goes on behind that key, whether there is still an item or not.
//
// What it costs does not depend on what it finds: half a read unit for each 4 KB of the table. It reads one page after
// the other: several at once would take throughput from the forwarder.
func (t *Table) Scan(ctx context.Context, prefix string, among Range, after subscriber.Key) iter.Seq2[Entry, error] {
	in := &dynamodb.ScanInput{
		TableName:                &t.name,
		FilterExpression:         new("begins_with(#s, :s) AND #n BETWEEN :from AND :to"),
		ExpressionAttributeNames: map[string]string{"#s": subscriber.SortAttribute, "#n": among.Attribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":s": toValue(prefix), ":from": toValue(among.From), ":to": toValue(among.To),
		},
	}
	if after != (subscriber.Key{}) {
		in.ExclusiveStartKey = keyValues(after)
	}
	pages := dynamodb.NewScanPaginator(t.client, in)
	return eachItem(ctx, pages, func(page *dynamodb.ScanOutput) []rawItem { return page.Items })
}

type paginator[Page any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*dynamodb.Options)) (Page, error)
}

// eachItem returns the items of pages. An error ends it.
func eachItem[Page any](
	ctx context.Context, pages paginator[Page], itemsOf func(Page) []rawItem,
) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(Entry{}, aws.Fault(fault.Table, err))
				return
			}
			for _, values := range itemsOf(page) {
				key, item := fromValues(values)
				if !yield(Entry{key, item}, nil) {
					return
				}
			}
		}
	}
}

// rawItem is an item, or its key, as the SDK has it.
type rawItem = map[string]types.AttributeValue

func keyValues(key subscriber.Key) rawItem {
	return rawItem{
		subscriber.PartitionAttribute: toValue(key.Partition), subscriber.SortAttribute: toValue(key.Sort),
	}
}

func toValues(key subscriber.Key, item subscriber.Item) rawItem {
	values := make(rawItem, len(item)+2)
	maps.Copy(values, keyValues(key))
	for name, v := range item {
		values[name] = toValue(v)
	}
	return values
}

// fromValues takes an item apart. A value that is neither a text, a whole number nor bytes stays as it is, so that
// a condition can still compare it.
func fromValues(values rawItem) (key subscriber.Key, item subscriber.Item) {
	item = make(subscriber.Item, len(values))
	for name, v := range values {
		item[name] = fromValue(v)
	}
	key = subscriber.Key{
		Partition: item.Text(subscriber.PartitionAttribute), Sort: item.Text(subscriber.SortAttribute),
	}
	maps.DeleteFunc(item, func(name string, _ any) bool {
		return name == subscriber.PartitionAttribute || name == subscriber.SortAttribute
	})
	return key, item
}

func toValue(v any) types.AttributeValue {
	switch v := v.(type) {
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case int64:
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
	case []byte:
		return &types.AttributeValueMemberB{Value: v}
	case types.AttributeValue:
		return v
	}
	panic(fmt.Sprintf("an item has no values of type %T", v))
}

func fromValue(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return n
		}
	case *types.AttributeValueMemberB:
		return v.Value
	}
	return v
}
