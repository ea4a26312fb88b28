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

// tables returns a table with the key "subscriber", another one with the keys "person" and "at", and the SDK's
// client.
func tables(t *testing.T) (subscribers, journal *awstest.Table, client *dynamodb.Client) {
	t.Helper()
	server := awstest.NewInProcess(nil)
	d := server.Dynamo
	return d.Create("subscribers", "subscriber"), d.Create("journal", "person", "at"), dynamodb.NewFromConfig(server.Config())
}

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

func n(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

type fields = map[string]types.AttributeValue

func TestABatchLeavesKeysAndItemsUnprocessed(t *testing.T) {
	table, _, client := tables(t)
	var keys []fields
	var writes []types.WriteRequest
	for i := range 4 {
		keys = append(keys, fields{"subscriber": s(fmt.Sprint(i))})
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: keys[i]}})
	}
	get := func() (found, left int) {
		out, err := client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{"subscribers": {Keys: keys}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Responses["subscribers"]), len(out.UnprocessedKeys["subscribers"].Keys)
	}
	write := func(requests ...types.WriteRequest) (left int) {
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{"subscribers": requests},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.UnprocessedItems["subscribers"])
	}
	table.LeaveUnprocessed(1)
	if left := write(writes...); left != 2 || len(table.Keys()) != 2 {
		t.Errorf("%d items left, keys %v", left, table.Keys())
	}
	if left := write(writes...); left != 0 || len(table.Keys()) != 4 {
		t.Errorf("%d items left, keys %v", left, table.Keys())
	}
	table.LeaveUnprocessed(1)
	if found, left := get(); found != 2 || left != 2 {
		t.Errorf("of two that were processed %d were found, %d left", found, left)
	}
	write(types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: keys[2]}})
	if found, left := get(); found != 3 || left != 0 {
		t.Errorf("%d were found, %d left", found, left)
	}
}

func TestATableRefusesWhatDynamoDBRefuses(t *testing.T) {
	_, _, client := tables(t)
	put := func(item fields) error {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("subscribers"), Item: item})
		return err
	}
	get := func(table string, keys ...fields) error {
		_, err := client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys}},
		})
		return err
	}
	write := func(requests ...types.WriteRequest) error {
		_, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{"subscribers": requests},
		})
		return err
	}
	key := fields{"subscriber": s("a")}
	many := make([]fields, 101)
	for i := range many {
		many[i] = fields{"subscriber": s(fmt.Sprint(i))}
	}
	deletion := types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
	for name, err := range map[string]error{
		"an item without its key":      put(fields{"x": s("a")}),
		"a key of another type":        put(fields{"subscriber": n("1")}),
		"an empty key":                 put(fields{"subscriber": s("")}),
		"a number that is none":        put(fields{"subscriber": s("a"), "n": n("one")}),
		"an item that is too large":    put(fields{"subscriber": s("a"), "x": s(strings.Repeat("x", 400<<10))}),
		"a key twice in a batch":       get("subscribers", key, key),
		"more than a hundred keys":     get("subscribers", many...),
		"a key with something besides": get("subscribers", fields{"subscriber": s("a"), "x": s("b")}),
		"half of a key":                get("journal", fields{"person": s("a")}),
		"a deletion twice in a batch":  write(deletion, deletion),
		"26 deletions in a batch":      write(slices.Repeat([]types.WriteRequest{deletion}, 26)...),
		"a request to do nothing":      write(types.WriteRequest{}),
	} {
		if code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := get("others", key); code(err) != "ResourceNotFoundException" {
		t.Errorf("a table that does not exist: %v", err)
	}
	_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("subscribers"), Item: key, ReturnConsumedCapacity: "TOTAL"})
	if code(err) != "SerializationException" {
		t.Errorf("a parameter that would be ignored: %v", err)
	}
}

func TestConditions(t *testing.T) {
	table, _, client := tables(t)
	const held, failed, wrong = "<nil>", "ConditionalCheckFailedException", "ValidationException"
	names := map[string]string{"#s": "state"}
	one, x := awstest.Item{"state": awstest.N(1)}, awstest.Item{"state": awstest.S("x")}
	for name, c := range map[string]struct {
		item      awstest.Item
		condition string
		names     map[string]string
		values    fields
		want      string
	}{
		"nothing there":                    {nil, "attribute_not_exists(#s)", names, nil, held},
		"an attribute that is there":       {x, "attribute_not_exists(#s)", names, nil, failed},
		"the same text":                    {awstest.Item{"state": awstest.S("é\"")}, "#s = :v", names, fields{":v": s("é\"")}, held},
		"another text":                     {x, "#s = :v", names, fields{":v": s("y")}, failed},
		"another type":                     {one, "#s = :v", names, fields{":v": s("1")}, failed},
		"no attribute equals nothing":      {nil, "#s = :v", names, fields{":v": s("")}, failed},
		"unequal to what is not there":     {nil, "#s <> :v", names, fields{":v": s("")}, held},
		"a text that is less":              {x, "#s < :v", names, fields{":v": s("xa")}, held},
		"a number that is less":            {one, "#s < :v AND #s >= :w", names, fields{":v": n("9.5"), ":w": n("1")}, held},
		"a number is not less than a text": {one, "#s < :v OR #s >= :v", names, fields{":v": s("9")}, failed},
		"between":                          {one, "#s BETWEEN :v AND :w", names, fields{":v": n("1"), ":w": n("2")}, held},
		"not between":                      {one, "#s BETWEEN :v AND :w", names, fields{":v": n("2"), ":w": n("3")}, failed},
		"a beginning":                      {awstest.Item{"state": awstest.S("xyz")}, "begins_with(#s, :v)", names, fields{":v": s("xy")}, held},
		"another beginning":                {x, "begins_with(#s, :v)", names, fields{":v": s("xy")}, failed},
		"a type":                           {awstest.Item{"state": awstest.S("")}, "attribute_type(#s, :v)", names, fields{":v": s("S")}, held},
		"no type, no attribute":            {nil, "NOT attribute_type(#s, :v)", names, fields{":v": s("S")}, held},
		"one of three":                     {one, "attribute_not_exists(#s) OR #s = :w OR NOT attribute_type(#s, :v)", names, fields{":v": s("S"), ":w": s("")}, held},
		"and binds before or":              {nil, "attribute_not_exists(#s) OR attribute_exists(#s) AND attribute_exists(#s)", names, nil, held},
		"parentheses bind first":           {nil, "(attribute_not_exists(#s) OR attribute_exists(#s)) AND attribute_exists(#s)", names, nil, failed},
		"a reserved word":                  {nil, "attribute_not_exists(state)", nil, nil, wrong},
		"a name that is not defined":       {nil, "attribute_not_exists(#s)", nil, nil, wrong},
		"a value that is not defined":      {nil, "#s = :v", names, nil, wrong},
		"a name that is not used":          {nil, "attribute_not_exists(subscriber)", names, nil, wrong},
		"names without a condition":        {nil, "", names, nil, wrong},
		"a condition that breaks off":      {nil, "attribute_not_exists(#s", names, nil, wrong},
		"a condition that goes on":         {nil, "attribute_not_exists(#s) #s", names, nil, wrong},
		"what is not a condition":          {nil, "!", nil, nil, wrong},
		"a function that does not exist":   {nil, "attribute_is(#s)", names, nil, wrong},
		"an operator that does not exist":  {nil, "#s , :v", names, fields{":v": s("")}, wrong},
	} {
		t.Run(name, func(t *testing.T) {
			if c.item != nil {
				item := awstest.Item{"subscriber": awstest.S(name), "state": c.item["state"]}
				table.Put(item)
			}
			in := &dynamodb.PutItemInput{
				TableName: new("subscribers"), Item: fields{"subscriber": s(name)},
				ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
			}
			if c.condition != "" {
				in.ConditionExpression = &c.condition
			}
			if _, err := client.PutItem(t.Context(), in); code(err) != c.want {
				t.Errorf("answered %v, want %s", err, c.want)
			}
		})
	}
}

func TestAQueryReadsOnePartition(t *testing.T) {
	_, journal, client := tables(t)
	for _, key := range []string{"a 1", "a 2", "a 3", "a 4", "ab 1", "b 1"} {
		person, at, _ := strings.Cut(key, " ")
		journal.Put(awstest.Item{"person": awstest.S(person), "at": awstest.S(at), "odd": awstest.S(fmt.Sprint(at == "1" || at == "3"))})
	}
	if journal.Item("a", "2") == nil || len(journal.Keys()) != 6 {
		t.Errorf("keys %q", journal.Keys())
	}
	a := fields{":p": s("a")}
	for name, c := range map[string]struct {
		condition, filter string
		values            fields
		backward          bool
		limit             int32
		want              string // a comma before each further page
	}{
		"all of it":     {"person = :p", "", a, false, 0, "1234"},
		"backwards":     {"person = :p", "", a, true, 0, "4321"},
		"a range":       {"person = :p AND at BETWEEN :v AND :w", "", fields{":p": s("a"), ":v": s("2"), ":w": s("3")}, false, 0, "23"},
		"page by page":  {"person = :p", "", a, false, 3, "123,4"},
		"a filter":      {"person = :p", "odd = :o", fields{":p": s("a"), ":o": s("true")}, true, 2, "3,1,"},
		"another one":   {"person = :p", "", fields{":p": s("ab")}, false, 0, "1"},
		"nothing":       {"person = :p", "", fields{":p": s("c")}, false, 0, ""},
		"no such value": {"person = :q", "", a, false, 0, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &dynamodb.QueryInput{
				TableName: new("journal"), KeyConditionExpression: &c.condition, ExpressionAttributeValues: c.values, ScanIndexForward: new(!c.backward),
			}
			if c.filter != "" {
				in.FilterExpression = &c.filter
			}
			if c.limit > 0 {
				in.Limit = &c.limit
			}
			var got strings.Builder
			for {
				out, err := client.Query(t.Context(), in)
				if err != nil {
					got.WriteString(code(err))
					break
				}
				for _, item := range out.Items {
					got.WriteString(item["at"].(*types.AttributeValueMemberS).Value)
				}
				if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
					break
				}
				got.WriteString(",")
			}
			if got.String() != c.want {
				t.Errorf("got %s, want %s", got.String(), c.want)
			}
		})
	}
}
