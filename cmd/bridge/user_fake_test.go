package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// subscriberTableName is the table of the tests' stack.
const subscriberTableName = "purchasely-clevertap-SubscribersTable-1A2B3C4D5E6F"

// fakeTable is as much of DynamoDB as the subscriber commands call, and a CloudFormation that names the table.
type fakeTable struct {
	t       testing.TB
	mu      sync.Mutex
	items   map[string]fakeItem
	refuse  map[string]string // operation → code
	before  func(operation string)
	calls   map[string]int
	outputs map[string]string
}

type fakeItem map[string]map[string]string

func makeFakeTable(t testing.TB) *fakeTable {
	return &fakeTable{
		t: t, items: map[string]fakeItem{}, refuse: map[string]string{}, calls: map[string]int{}, outputs: map[string]string{"SubscribersTable": subscriberTableName},
	}
}

// newFakeTable makes an empty table, and points the SDK at it.
func newFakeTable(t *testing.T) *fakeTable {
	f := makeFakeTable(t)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
	} {
		t.Setenv(name, value)
	}
	return f
}

// put stores an item.
func (f *fakeTable) put(key string, attributes fakeItem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items[key] = maps.Clone(attributes)
	f.items[key]["subscriber"] = map[string]string{"S": key}
}

// text is the state of a key's item.
func (f *fakeTable) text(key string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.items[key]["state"]["S"]
}

// ServeHTTP answers one call.
func (f *fakeTable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_, operation, dynamo := strings.Cut(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	if !dynamo {
		form, _ := url.ParseQuery(string(body))
		f.describe(w, form.Get("StackName"))
		return
	}
	if f.before != nil {
		f.before(operation)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[operation]++
	var in struct {
		TableName                 string
		Key, Item                 fakeItem
		ConditionExpression       string
		ExpressionAttributeValues fakeItem
	}
	if err := json.Unmarshal(body, &in); err != nil {
		f.t.Errorf("%s: %v", operation, err)
	}
	code, out := f.refuse[operation], map[string]any{}
	if in.TableName != subscriberTableName {
		code = "ResourceNotFoundException"
	}
	if code == "" {
		code, out = f.answer(operation, in.Key["subscriber"]["S"]+in.Item["subscriber"]["S"], in.Item, in.ConditionExpression, in.ExpressionAttributeValues[":read"])
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": "words of AWS that nobody must see"}
	}
	if err := json.MarshalWrite(w, out); err != nil {
		f.t.Error(err)
	}
}

func (f *fakeTable) answer(operation, key string, put fakeItem, condition string, read map[string]string) (code string, out map[string]any) {
	stored := f.items[key]
	switch operation {
	case "GetItem":
		if stored != nil {
			return "", map[string]any{"Item": stored}
		}
	case "PutItem":
		same := maps.Equal(stored["state"], read) && stored["state"] != nil
		none := strings.HasPrefix(condition, "attribute_not_exists(#state) OR") && stored["state"]["S"] == ""
		if !same && !none {
			return "ConditionalCheckFailedException", nil
		}
		f.items[key] = put
	case "DeleteItem":
		delete(f.items, key)
		if stored != nil {
			return "", map[string]any{"Attributes": stored}
		}
	default:
		return "UnknownOperationException", nil
	}
	return "", map[string]any{}
}

func (f *fakeTable) describe(w http.ResponseWriter, stack string) {
	w.Header().Set("Content-Type", "text/xml")
	var members strings.Builder
	for key, value := range f.outputs {
		fmt.Fprintf(&members, "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>", key, value)
	}
	_, _ = fmt.Fprintf(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>%s</StackName><Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>", stack, members.String())
}
