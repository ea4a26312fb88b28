package awstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// dynamo is a client of the SDK, without its retries, and a table with the key "subscriber".
func dynamo(t *testing.T) (*awstest.Server, *awstest.Table, *dynamodb.Client) {
	t.Helper()
	server := awstest.New(t, nil)
	return server, server.Dynamo.Create("subscribers", "subscriber"), dynamodb.New(dynamodb.Options{
		BaseEndpoint: &server.URL, Region: awstest.Region,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""), Retryer: aws.NopRetryer{},
	})
}

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

type fields = map[string]types.AttributeValue

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestATableKeepsItems(t *testing.T) {
	t.Parallel()
	_, table, client := dynamo(t)
	put := fields{
		"subscriber": s("a"), "n": &types.AttributeValueMemberN{Value: "12"}, "no": &types.AttributeValueMemberBOOL{},
		"m": &types.AttributeValueMemberM{Value: fields{"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("")}}}},
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("subscribers"), Item: put}); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new("subscribers"), Key: fields{"subscriber": s("a")}})
	if err != nil || len(got.Item) != 4 || got.Item["n"].(*types.AttributeValueMemberN).Value != "12" {
		t.Errorf("got %v, %v", got, err)
	}
	table.Put(awstest.Item{"subscriber": awstest.S("b"), "n": awstest.N(7)})
	if table.Item("b")["n"] == nil || table.Item("c") != nil || !slices.Equal(table.Keys(), []string{"a", "b"}) {
		t.Errorf("keys %v", table.Keys())
	}
	if _, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: new("subscribers"), Key: fields{"subscriber": s("a")}}); err != nil || table.Item("a") != nil {
		t.Errorf("not deleted: %v", err)
	}
	described, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: new("subscribers")})
	if err != nil || described.Table.TableStatus != types.TableStatusActive || *described.Table.KeySchema[0].AttributeName != "subscriber" {
		t.Errorf("described as %v, %v", described, err)
	}
}

func TestABatchAnswersWhatThereIsAndSaysWhatItLeftOut(t *testing.T) {
	t.Parallel()
	server, table, client := dynamo(t)
	var keys []fields
	for i := range 4 {
		keys = append(keys, fields{"subscriber": s(fmt.Sprint(i))})
		if i != 2 {
			table.Put(awstest.Item{"subscriber": awstest.S(fmt.Sprint(i))})
		}
	}
	get := func() (found, left int) {
		out, err := client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"subscribers": {Keys: keys}}})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Responses["subscribers"]), len(out.UnprocessedKeys["subscribers"].Keys)
	}
	table.LeaveOut(1)
	if found, left := get(); found != 2 || left != 2 {
		t.Errorf("of two answered %d were found, %d left out", found, left)
	}
	if found, left := get(); found != 3 || left != 0 {
		t.Errorf("%d were found, %d left out", found, left)
	}
	if n := server.Dynamo.Calls("BatchGetItem"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestATableRefusesWhatDynamoDBRefuses(t *testing.T) {
	t.Parallel()
	_, _, client := dynamo(t)
	put := func(item fields) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: new("subscribers"), Item: item})
			return err
		}
	}
	get := func(table string, keys ...fields) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys}}})
			return err
		}
	}
	key := fields{"subscriber": s("a")}
	var many []fields
	for i := range 101 {
		many = append(many, fields{"subscriber": s(fmt.Sprint(i))})
	}
	for name, c := range map[string]struct {
		call func(context.Context) error
		code string
	}{
		"an item without its key":      {put(fields{"x": s("a")}), "ValidationException"},
		"a key of another type":        {put(fields{"subscriber": &types.AttributeValueMemberN{Value: "1"}}), "ValidationException"},
		"an empty key":                 {put(fields{"subscriber": s("")}), "ValidationException"},
		"a number that is none":        {put(fields{"subscriber": s("a"), "n": &types.AttributeValueMemberN{Value: "one"}}), "ValidationException"},
		"an item that is too large":    {put(fields{"subscriber": s("a"), "x": s(strings.Repeat("x", 400<<10))}), "ValidationException"},
		"a table that is not there":    {get("others", key), "ResourceNotFoundException"},
		"a key twice in a batch":       {get("subscribers", key, key), "ValidationException"},
		"more than a hundred keys":     {get("subscribers", many...), "ValidationException"},
		"a key with something besides": {get("subscribers", fields{"subscriber": s("a"), "x": s("b")}), "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := code(c.call(t.Context())); got != c.code {
				t.Errorf("answered %s, want %s", got, c.code)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	_, table, client := dynamo(t)
	names := map[string]string{"#s": "state"}
	for name, c := range map[string]struct {
		item      awstest.Item
		condition string
		names     map[string]string
		values    fields
		want      string
	}{
		"nothing there":                       {nil, "attribute_not_exists(#s)", names, nil, "<nil>"},
		"an attribute that is there":          {awstest.Item{"state": awstest.S("x")}, "attribute_not_exists(#s)", names, nil, "ConditionalCheckFailedException"},
		"the same text":                       {awstest.Item{"state": awstest.S("é\"")}, "#s = :v", names, fields{":v": s("é\"")}, "<nil>"},
		"another text":                        {awstest.Item{"state": awstest.S("x")}, "#s = :v", names, fields{":v": s("y")}, "ConditionalCheckFailedException"},
		"another type":                        {awstest.Item{"state": awstest.N(1)}, "#s = :v", names, fields{":v": s("1")}, "ConditionalCheckFailedException"},
		"no attribute equals nothing":         {nil, "#s = :v", names, fields{":v": s("")}, "ConditionalCheckFailedException"},
		"unequal to what is not there":        {nil, "#s <> :v", names, fields{":v": s("")}, "<nil>"},
		"a type":                              {awstest.Item{"state": awstest.S("")}, "attribute_type(#s, :v)", names, fields{":v": s("S")}, "<nil>"},
		"no type, no attribute":               {nil, "NOT attribute_type(#s, :v)", names, fields{":v": s("S")}, "<nil>"},
		"one of three":                        {awstest.Item{"state": awstest.N(1)}, "attribute_not_exists(#s) OR #s = :w OR NOT attribute_type(#s, :v)", names, fields{":v": s("S"), ":w": s("")}, "<nil>"},
		"and binds before or":                 {nil, "attribute_not_exists(#s) OR attribute_exists(#s) AND attribute_exists(#s)", names, nil, "<nil>"},
		"parentheses bind first":              {nil, "(attribute_not_exists(#s) OR attribute_exists(#s)) AND attribute_exists(#s)", names, nil, "ConditionalCheckFailedException"},
		"a reserved word":                     {nil, "attribute_not_exists(state)", nil, nil, "ValidationException"},
		"a name that is not defined":          {nil, "attribute_not_exists(#s)", nil, nil, "ValidationException"},
		"a value that is not defined":         {nil, "#s = :v", names, nil, "ValidationException"},
		"a name that is not used":             {nil, "attribute_not_exists(subscriber)", names, nil, "ValidationException"},
		"a condition that breaks off":         {nil, "attribute_not_exists(#s", names, nil, "ValidationException"},
		"a condition that goes on":            {nil, "attribute_not_exists(#s) #s", names, nil, "ValidationException"},
		"what is no condition":                {nil, "!", nil, nil, "ValidationException"},
		"a comparison that is not known here": {nil, "#s , :v", names, fields{":v": s("")}, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.item != nil {
				c.item["subscriber"] = awstest.S(name)
				table.Put(c.item)
			}
			_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
				TableName: new("subscribers"), Item: fields{"subscriber": s(name)},
				ConditionExpression: &c.condition, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
			})
			if got := code(err); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
		})
	}
}

func TestSomebodyElseMayWriteJustBefore(t *testing.T) {
	t.Parallel()
	_, table, client := dynamo(t)
	table.BeforeWrite(func(key string) {
		table.BeforeWrite(nil)
		table.Put(awstest.Item{"subscriber": awstest.S(key), "x": awstest.S("first")})
	})
	put := func() string {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: new("subscribers"), Item: fields{"subscriber": s("a")}, ConditionExpression: new("attribute_not_exists(x)"),
		})
		return code(err)
	}
	if got := put(); got != "ConditionalCheckFailedException" || table.Item("a")["x"].Text() != "first" {
		t.Errorf("answered %s, and the item is %v", got, table.Item("a"))
	}
}
