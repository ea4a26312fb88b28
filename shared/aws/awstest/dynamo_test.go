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
	subscribers = server.Dynamo.Create("subscribers", "subscriber")
	return subscribers, server.Dynamo.Create("journal", "person", "at"), dynamodb.NewFromConfig(server.Config())
}

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

func n(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

type fields = map[string]types.AttributeValue

func TestABatchLeavesPartsUnprocessed(t *testing.T) {
	table, _, client := tables(t)
	var puts []types.WriteRequest
	for i := range 4 {
		put := &types.PutRequest{Item: fields{"subscriber": s(fmt.Sprint(i))}}
		puts = append(puts, types.WriteRequest{PutRequest: put})
	}
	write := func(requests ...types.WriteRequest) (left, kept int) {
		t.Helper()
		out, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{"subscribers": requests},
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.UnprocessedItems["subscribers"]), len(table.Keys())
	}
	table.LeaveUnprocessed(1)
	if left, kept := write(puts...); left != 2 || kept != 2 {
		t.Errorf("%d items left, %d kept, want 2 and 2", left, kept)
	}
	if left, kept := write(puts...); left != 0 || kept != 4 {
		t.Errorf("%d items left, %d kept, want 0 and 4", left, kept)
	}
	deletion := types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: fields{"subscriber": s("2")}}}
	if left, kept := write(deletion); left != 0 || kept != 3 {
		t.Errorf("%d items left, %d kept, want 0 and 3", left, kept)
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
	in := &dynamodb.PutItemInput{TableName: new("subscribers"), Item: key, ReturnConsumedCapacity: "TOTAL"}
	_, err := client.PutItem(t.Context(), in)
	if code(err) != "SerializationException" {
		t.Errorf("a parameter that would be ignored: %v", err)
	}
}

func TestConditions(t *testing.T) {
	table, _, client := tables(t)
	const held, failed, wrong = "<nil>", "ConditionalCheckFailedException", "ValidationException"
	one, x, xyz := awstest.N(1), awstest.S("x"), awstest.S("xyz")
	for name, c := range map[string]struct {
		state     awstest.Value // of the stored item; nil for no item
		condition string        // #s is the state
		v, w      types.AttributeValue
		want      string
	}{
		"nothing there":                    {nil, "attribute_not_exists(#s)", nil, nil, held},
		"an attribute that is there":       {x, "attribute_not_exists(#s)", nil, nil, failed},
		"the same text":                    {awstest.S("é\""), "#s = :v", s("é\""), nil, held},
		"another text":                     {x, "#s = :v", s("y"), nil, failed},
		"another type":                     {one, "#s = :v", s("1"), nil, failed},
		"no attribute equals nothing":      {nil, "#s = :v", s(""), nil, failed},
		"unequal to what is not there":     {nil, "#s <> :v", s(""), nil, held},
		"a text that is less":              {x, "#s < :v", s("xa"), nil, held},
		"a number that is less":            {one, "#s < :v AND #s >= :w", n("9.5"), n("1"), held},
		"a number is not less than a text": {one, "#s < :v OR #s >= :v", s("9"), nil, failed},
		"between":                          {one, "#s BETWEEN :v AND :w", n("1"), n("2"), held},
		"not between":                      {one, "#s BETWEEN :v AND :w", n("2"), n("3"), failed},
		"a beginning":                      {xyz, "begins_with(#s, :v)", s("xy"), nil, held},
		"another beginning":                {x, "begins_with(#s, :v)", s("xy"), nil, failed},
		"a type":                           {x, "attribute_type(#s, :v)", s("S"), nil, held},
		"no type, no attribute":            {nil, "NOT attribute_type(#s, :v)", s("S"), nil, held},
		"one of two":                       {one, "#s = :v OR NOT attribute_type(#s, :v)", s("S"), nil, held},
		"and binds before or":              {nil, "NOT #s = :v OR #s = :v AND #s = :v", s(""), nil, held},
		"parentheses bind first":           {nil, "(NOT #s = :v OR #s = :v) AND #s = :v", s(""), nil, failed},
		"a reserved word":                  {nil, "#s = :v OR attribute_exists(state)", s(""), nil, wrong},
		"a name that is not defined":       {nil, "#s = :v OR attribute_exists(#t)", s(""), nil, wrong},
		"a value that is not defined":      {nil, "#s = :v", nil, nil, wrong},
		"a name that is not used":          {nil, "attribute_not_exists(subscriber)", nil, nil, wrong},
		"names without a condition":        {nil, "", nil, nil, wrong},
		"a condition that breaks off":      {nil, "attribute_not_exists(#s", nil, nil, wrong},
		"a condition that goes on":         {nil, "attribute_not_exists(#s) #s", nil, nil, wrong},
		"what is not a condition":          {nil, "!", nil, nil, wrong},
		"a function that does not exist":   {nil, "attribute_is(#s)", nil, nil, wrong},
		"an operator that does not exist":  {nil, "#s , :v", s(""), nil, wrong},
	} {
		t.Run(name, func(t *testing.T) {
			if c.state != nil {
				table.Put(awstest.Item{"subscriber": awstest.S(name), "state": c.state})
			}
			in := &dynamodb.PutItemInput{
				TableName: new("subscribers"), Item: fields{"subscriber": s(name)},
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

func TestAQueryReadsOnePartition(t *testing.T) {
	_, journal, client := tables(t)
	for _, key := range []string{"a 1", "a 2", "a 3", "a 4", "ab 1", "b 1"} {
		person, at, _ := strings.Cut(key, " ")
		odd := awstest.S(fmt.Sprint(at == "1" || at == "3"))
		journal.Put(awstest.Item{"person": awstest.S(person), "at": awstest.S(at), "odd": odd})
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
		"a range":       {"person = :p AND at > :v", "", fields{":p": s("a"), ":v": s("2")}, false, 0, "34"},
		"page by page":  {"person = :p", "", a, false, 3, "123,4"},
		"a filter":      {"person = :p", "odd = :o", fields{":p": s("a"), ":o": s("true")}, true, 2, "3,1,"},
		"another one":   {"person = :p", "", fields{":p": s("ab")}, false, 0, "1"},
		"nothing":       {"person = :p", "", fields{":p": s("c")}, false, 0, ""},
		"no such value": {"person = :q", "", a, false, 0, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &dynamodb.QueryInput{
				TableName: new("journal"), ScanIndexForward: new(!c.backward),
				KeyConditionExpression: &c.condition, ExpressionAttributeValues: c.values,
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

// A scan reads everything, the items of a partition together, and goes on behind a key that is not there any more.
func TestAScanReadsAllPartitions(t *testing.T) {
	_, journal, client := tables(t)
	var want []string
	for _, person := range []string{"a", "b", "c"} {
		for at := range 40 {
			key := []awstest.Value{awstest.S(person), awstest.S(fmt.Sprintf("%02d", at))}
			journal.Put(awstest.Item{"person": key[0], "at": key[1], "minute": awstest.N(int64(at))})
			if at >= 10 && at <= 12 && (person > "a" || at > 11) {
				want = append(want, fmt.Sprint(person, at))
			}
		}
	}
	in := &dynamodb.ScanInput{
		TableName: new("journal"), FilterExpression: new("begins_with(at, :one) AND minute BETWEEN :from AND :to"),
		ExpressionAttributeValues: fields{":one": s("1"), ":from": n("10"), ":to": n("12")},
		ExclusiveStartKey:         fields{"person": s("a"), "at": s("11+")},
	}
	var got []string
	pages := 0
	for more := true; more; pages++ {
		out, err := client.Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range out.Items {
			person, at := item["person"].(*types.AttributeValueMemberS), item["at"].(*types.AttributeValueMemberS)
			got = append(got, person.Value+at.Value)
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
		more = len(in.ExclusiveStartKey) > 0
	}
	if !slices.Equal(got, want) || pages != 3 {
		t.Errorf("%q on %d pages, want %q", got, pages, want)
	}
	for name, in := range map[string]*dynamodb.ScanInput{
		"an unknown value": {TableName: new("journal"), FilterExpression: new("minute = :v")},
		"no table":         {TableName: new("diary")},
	} {
		if _, err := client.Scan(t.Context(), in); err == nil {
			t.Errorf("%s is not refused", name)
		}
	}
}
