package dynamo

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

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
	return eachItem(ctx, pages, func(page *dynamodb.QueryOutput) []values { return page.Items })
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
	return eachItem(ctx, pages, func(page *dynamodb.ScanOutput) []values { return page.Items })
}

type values = map[string]types.AttributeValue

type paginator[Page any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*dynamodb.Options)) (Page, error)
}

// eachItem returns the items of pages. An error ends it.
func eachItem[Page any](
	ctx context.Context, pages paginator[Page], itemsOf func(Page) []values,
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
