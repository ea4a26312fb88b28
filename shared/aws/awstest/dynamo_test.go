package awstest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// newTable returns a table with the keys "person" and "at", and the SDK's client.
func newTable() (*awstest.Table, *dynamodb.Client) {
	server := awstest.NewInProcess(nil)
	return server.Dynamo.Create("journal", "person", "at"), dynamodb.NewFromConfig(server.Config())
}

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

func n(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

type fields = map[string]types.AttributeValue

func TestATableRefusesWhatDynamoDBRefuses(t *testing.T) {
	_, client := newTable()
	put := func(item fields) error {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("journal"), Item: item})
		return err
	}
	get := func(table string, keys ...fields) error {
		_, err := client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: new(true)}},
		})
		return err
	}
	write := func(requests ...types.WriteRequest) error {
		_, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{"journal": requests},
		})
		return err
	}
	key := fields{"person": s("a"), "at": s("1")}
	many := make([]fields, 101)
	for i := range many {
		many[i] = fields{"person": s("a"), "at": s(fmt.Sprint(i))}
	}
	request := types.WriteRequest{PutRequest: &types.PutRequest{Item: key}}
	for name, err := range map[string]error{
		"an item without its key":      put(fields{"x": s("a")}),
		"a key of another type":        put(fields{"person": s("a"), "at": n("1")}),
		"an empty key":                 put(fields{"person": s("a"), "at": s("")}),
		"a number that is none":        put(fields{"person": s("a"), "at": s("1"), "n": n("one")}),
		"an item that is too large":    put(fields{"person": s("a"), "at": s("1"), "x": s(strings.Repeat("x", 400<<10))}),
		"a key twice in a batch":       get("journal", key, key),
		"more than a hundred keys":     get("journal", many...),
		"a key with something besides": get("journal", fields{"person": s("a"), "at": s("1"), "x": s("b")}),
		"half of a key":                get("journal", fields{"person": s("a")}),
		"an item twice in a batch":     write(request, request),
		"26 items in a batch":          write(slices.Repeat([]types.WriteRequest{request}, 26)...),
		"a request to do nothing":      write(types.WriteRequest{}),
	} {
		if code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := get("others", key); code(err) != "ResourceNotFoundException" {
		t.Errorf("a table that does not exist: %v", err)
	}
	in := &dynamodb.PutItemInput{TableName: new("journal"), Item: key, ReturnConsumedCapacity: "TOTAL"}
	_, err := client.PutItem(t.Context(), in)
	if code(err) != "SerializationException" {
		t.Errorf("a parameter that would be ignored: %v", err)
	}
}

func TestConditions(t *testing.T) {
	table, client := newTable()
	const held, failed, wrong = "<nil>", "ConditionalCheckFailedException", "ValidationException"
	one, x, xyz := awstest.N(1), awstest.S("x"), awstest.S("xyz")
	for name, c := range map[string]struct {
		state     awstest.Value // of the stored item; nil for no item
		condition string        // #s is the state
		v, w      types.AttributeValue
		want      string
	}{
		"nothing there":               {nil, "attribute_not_exists(#s)", nil, nil, held},
		"an attribute that is there":  {x, "attribute_not_exists(#s)", nil, nil, failed},
		"the same text":               {awstest.S("é\""), "#s = :v", s("é\""), nil, held},
		"another text":                {x, "#s = :v", s("y"), nil, failed},
		"another type":                {one, "#s = :v", s("1"), nil, failed},
		"no attribute equals nothing": {nil, "#s = :v", s(""), nil, failed},
		"between":                     {one, "#s BETWEEN :v AND :w", n("1"), n("2"), held},
		"not between":                 {one, "#s BETWEEN :v AND :w", n("2"), n("3"), failed},
		"a beginning":                 {xyz, "begins_with(#s, :v)", s("xy"), nil, held},
		"another beginning":           {x, "begins_with(#s, :v)", s("xy"), nil, failed},
		"two clauses":                 {x, "#s = :v AND begins_with(#s, :w)", s("x"), s("x"), held},
		"one of two clauses":          {x, "#s = :v AND begins_with(#s, :w)", s("x"), s("y"), failed},
		"a reserved word":             {nil, "attribute_not_exists(state) AND #s = :v", s(""), nil, wrong},
		"a name that is not defined":  {nil, "attribute_not_exists(#t) AND #s = :v", s(""), nil, wrong},
		"a value that is not defined": {nil, "#s = :v", nil, nil, wrong},
		"a name that is not used":     {nil, "attribute_not_exists(person)", nil, nil, wrong},
		"names without a condition":   {nil, "", nil, nil, wrong},
		"a condition that breaks off": {nil, "attribute_not_exists(#s) AND ", nil, nil, wrong},
		"a condition that goes on":    {nil, "attribute_not_exists(#s) #s", nil, nil, wrong},
	} {
		t.Run(name, func(t *testing.T) {
			if c.state != nil {
				table.Put(awstest.Item{"person": awstest.S(name), "at": awstest.S("1"), "state": c.state})
			}
			in := &dynamodb.PutItemInput{
				TableName: new("journal"), Item: fields{"person": s(name), "at": s("1")},
				ExpressionAttributeNames: map[string]string{"#s": "state"}, ExpressionAttributeValues: fields{},
			}
			if c.condition != "" {
				in.ConditionExpression = &c.condition
			}
			for name, value := range (fields{":v": c.v, ":w": c.w}) {
				if value != nil {
					in.ExpressionAttributeValues[name] = value
				}
			}
			if _, err := client.PutItem(t.Context(), in); code(err) != c.want {
				t.Errorf("answered %v, want %s", err, c.want)
			}
		})
	}
}
