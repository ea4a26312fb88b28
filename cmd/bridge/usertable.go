package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// outputSubscribersTable is the stack's output that names the table; there is none with Subscribers off.
const outputSubscribersTable = "SubscribersTable"

// tableChoice says which table a command works on.
type tableChoice struct{ stack, table string }

// flags adds --stack and --table.
func (c *tableChoice) flags(cmd *cobra.Command) {
	stackFlag(cmd, &c.stack)
	cmd.Flags().StringVar(&c.table, "table", "", "the subscriber table's name, instead of --stack")
}

// open finds the table.
func (c *tableChoice) open(cmd *cobra.Command) (*subscriberTable, error) {
	switch {
	case c.stack != "" && c.table != "":
		return nil, usageOf(cmd, errors.New("flags --stack and --table: give one of them"))
	case c.table != "":
		cloud, err := connect(cmd.Context())
		return newSubscribersTable(cloud, c.table), err
	}
	s, err := openStack(cmd, c.stack)
	if err != nil {
		return nil, err
	}
	name := s.outputs[outputSubscribersTable]
	if name == "" {
		return nil, findingf("its parameter Subscribers is off, or a later version of the bridge has to be deployed first",
			"stack %q keeps no subscriber state", s.name)
	}
	return newSubscribersTable(s.cloud, name), nil
}

// subscriberTable is the table. The forwarder reads and writes the same items in the same way.
type subscriberTable struct {
	client *dynamodb.Client
	name   string
}

func newSubscribersTable(cloud aws.Config, name string) *subscriberTable {
	client := dynamodb.NewFromConfig(cloud, func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true })
	return &subscriberTable{client, name}
}

// item is what lies under a key.
type item struct {
	found   bool
	text    string    // "" for an item without a text
	expires time.Time // zero: never, or nobody knows
}

func (t *subscriberTable) key(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{subscriber.KeyAttribute: &types.AttributeValueMemberS{Value: key}}
}

// read gives the item of a key.
func (t *subscriberTable) read(ctx context.Context, key string) (item, error) {
	out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: t.key(key), ConsistentRead: new(true)})
	if err != nil {
		return item{}, tableTrouble(err)
	}
	i := item{found: out.Item != nil}
	if s, ok := out.Item[subscriber.StateAttribute].(*types.AttributeValueMemberS); ok {
		i.text = s.Value
	}
	if n, ok := out.Item[subscriber.ExpiresAttribute].(*types.AttributeValueMemberN); ok {
		if seconds, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			i.expires = time.Unix(seconds, 0).UTC()
		}
	}
	return i, nil
}

// write replaces an item's text, if it still is the one that was read, "" for none. written is false if it is not.
func (t *subscriberTable) write(ctx context.Context, key, read, text string, now time.Time) (written bool, err error) {
	put := &dynamodb.PutItemInput{TableName: &t.name, Item: t.key(key),
		ConditionExpression:       new("#state = :read"),
		ExpressionAttributeNames:  map[string]string{"#state": subscriber.StateAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":read": &types.AttributeValueMemberS{Value: read}},
	}
	if read == "" {
		put.ConditionExpression = new("attribute_not_exists(#state) OR #state = :read OR NOT attribute_type(#state, :text)")
		put.ExpressionAttributeValues[":text"] = &types.AttributeValueMemberS{Value: "S"}
	}
	put.Item[subscriber.StateAttribute] = &types.AttributeValueMemberS{Value: text}
	put.Item[subscriber.ExpiresAttribute] = &types.AttributeValueMemberN{Value: strconv.FormatInt(now.Add(subscriber.Lifetime).Unix(), 10)}
	_, err = t.client.PutItem(ctx, put)
	if _, conflict := errors.AsType[*types.ConditionalCheckFailedException](err); conflict {
		return false, nil
	}
	if err != nil {
		return false, tableTrouble(err)
	}
	return true, nil
}

// remove deletes the item of a key, and tells whether there was one.
func (t *subscriberTable) remove(ctx context.Context, key string) (found bool, err error) {
	out, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: t.key(key), ReturnValues: types.ReturnValueAllOld})
	if err != nil {
		return false, tableTrouble(err)
	}
	return len(out.Attributes) > 0, nil
}

// tableTrouble tells of a call that failed.
func tableTrouble(err error) error {
	if awsCode(err) == "ResourceNotFoundException" {
		return findingf("is it another region or account? 'aws dynamodb list-tables' names those that are there", "the subscriber table does not exist")
	}
	return awsTrouble(err)
}
