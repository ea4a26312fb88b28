package main

import (
	"context"
	"errors"
	"strconv"
	"testing"

	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// plainTable is a table as one would write it at first: the SDK as it comes, one call for each item, one after the
// other.
type plainTable struct{ client *dynamodb.Client }

var tableName = "subscribers"

func newPlainTable(b *testing.B) plainTable {
	b.Helper()
	cloud, err := sdkconfig.LoadDefaultConfig(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return plainTable{dynamodb.NewFromConfig(cloud)}
}

type values = map[string]types.AttributeValue

// Load implements forward.Table.
func (t plainTable) Load(
	ctx context.Context, keys []subscriber.Key,
) (map[subscriber.Key]subscriber.Item, error) {
	found := make(map[subscriber.Key]subscriber.Item)
	for _, key := range keys {
		in := &dynamodb.GetItemInput{TableName: &tableName, Key: plainValues(key, nil), ConsistentRead: new(true)}
		out, err := t.client.GetItem(ctx, in)
		if err != nil {
			return nil, err
		}
		if out.Item != nil {
			return nil, errors.New("the benchmark's users are new")
		}
	}
	return found, nil
}

// Replace implements forward.Table.
func (t plainTable) Replace(
	ctx context.Context, key subscriber.Key, _, item subscriber.Item, _ ...string,
) error {
	const isNew = "attribute_not_exists(" + subscriber.PartitionAttribute + ")"
	return t.write(ctx, &dynamodb.PutItemInput{ConditionExpression: new(isNew), Item: plainValues(key, item)})
}

// Put implements forward.Table.
func (t plainTable) Put(
	ctx context.Context, items map[subscriber.Key]subscriber.Item,
) (failed []subscriber.Key, err error) {
	for key, item := range items {
		if err := t.write(ctx, &dynamodb.PutItemInput{Item: plainValues(key, item)}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (t plainTable) write(ctx context.Context, in *dynamodb.PutItemInput) error {
	in.TableName = &tableName
	_, err := t.client.PutItem(ctx, in)
	return err
}

func plainValues(key subscriber.Key, item subscriber.Item) values {
	all := values{
		subscriber.PartitionAttribute: &types.AttributeValueMemberS{Value: key.Partition},
		subscriber.SortAttribute:      &types.AttributeValueMemberS{Value: key.Sort},
	}
	for name, value := range item {
		switch v := value.(type) {
		case string:
			all[name] = &types.AttributeValueMemberS{Value: v}
		case int64:
			all[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(v, 10)}
		}
	}
	return all
}
