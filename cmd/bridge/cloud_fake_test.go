package main

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// The stack that tests work on, as the template's outputs name it.
const (
	testStack  = "purchasely-clevertap"
	eventsName = "purchasely-clevertap-events.fifo"
	deadName   = "purchasely-clevertap-events-dead.fifo"
	lostName   = "purchasely-clevertap-events-dead"
	rejects    = "purchasely-clevertap-rejected"
)

// fakeCloud is as much of AWS as the commands call: CloudFormation, Secrets Manager and SQS behind one address. It knows the queues' rules that
// matter here: visibility, groups, deduplication, ten messages a call.
type fakeCloud struct {
	t       testing.TB
	mu      sync.Mutex
	queues  map[string]*fakeQueue
	secrets map[string]string
	outputs map[string]string
	refuse  map[string]string // operation → code of the error that it answers
	before  func(operation string)
	calls   map[string]int
	table   *fakeTable // of subscribers
}

// newFakeCloud makes a fakeCloud with a stack, and has the commands call it.
func newFakeCloud(t testing.TB) *fakeCloud {
	c := makeFakeCloud(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "https://aws.invalid", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
		"AWS_CA_BUNDLE": "", secretVariable: "", urlVariable: "", endpointVariable: "",
	} {
		t.Setenv(name, value)
	}
	former := cloudClient
	cloudClient = c
	t.Cleanup(func() { cloudClient = former })
	return c
}

// Do answers a call without a network: it is quick, nothing gets lost on the way, and time may be virtual. Of a call that its caller has
// given up only the answer is lost.
func (c *fakeCloud) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

func makeFakeCloud(t testing.TB) *fakeCloud {
	c := &fakeCloud{
		t: t, queues: make(map[string]*fakeQueue), secrets: make(map[string]string), refuse: make(map[string]string), calls: make(map[string]int),
		outputs: map[string]string{
			"WebhookUrl": "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/purchasely/{app}", "SecretsPrefix": "purchasely-clevertap",
			"SubscribersTable": subscriberTableName,
		},
		table: makeFakeTable(t),
	}
	for name, outputs := range map[string][]string{
		eventsName: {"EventsQueueUrl", "EventsFifoQueueUrl"}, deadName: {"EventsFifoDeadLetterQueueUrl"},
		lostName: {"EventsStandardDeadLetterQueueUrl"}, rejects: {"RejectedQueueUrl"},
	} {
		c.queues[name] = &fakeQueue{fifo: strings.HasSuffix(name, ".fifo"), accepted: make(map[string]time.Time)}
		for _, output := range outputs {
			c.outputs[output] = "https://sqs.eu-west-1.amazonaws.com/000000000000/" + name
		}
	}
	return c
}

// refusal is an error as AWS answers it.
type refusal struct{ code string }

func (r refusal) Error() string { return r.code }

// ServeHTTP answers one call.
func (c *fakeCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_") {
		c.table.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	form, _ := url.ParseQuery(string(body))
	operation = cmp.Or(operation, form.Get("Action"))
	if c.before != nil {
		c.before(operation)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[operation]++
	if operation == "DescribeStacks" {
		c.describe(w, form.Get("StackName"))
		return
	}
	var in callInput
	if err := json.Unmarshal(body, &in); err != nil {
		c.t.Errorf("%s: %v", operation, err)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	var out any
	if code := c.refuse[operation]; code != "" {
		err = refusal{code}
	} else {
		out, err = c.answer(operation, in)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": err.Error(), "message": "words of AWS that nobody must see"}
	}
	if err := json.MarshalWrite(w, out); err != nil {
		c.t.Error(err)
	}
}

func (c *fakeCloud) describe(w http.ResponseWriter, stack string) {
	w.Header().Set("Content-Type", "text/xml")
	code := c.refuse["DescribeStacks"]
	if stack != testStack {
		code = "ValidationError"
	}
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>words</Message></Error></ErrorResponse>", code)
		return
	}
	var members strings.Builder
	for key, value := range c.outputs {
		fmt.Fprintf(&members, "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>", key, value)
	}
	_, _ = fmt.Fprintf(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>%s</StackName><Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>", stack, members.String())
}

// callInput is what any of the calls may carry.
type callInput struct {
	QueueURL     string      `json:"QueueUrl"`
	Limit        int         `json:"MaxNumberOfMessages"`
	Visibility   int         `json:"VisibilityTimeout"`
	Entries      []fakeEntry `json:"Entries"`
	SecretID     string      `json:"SecretId"`
	Name         string      `json:"Name"`
	SecretString string      `json:"SecretString"`
}

type fakeEntry struct {
	ID         string                   `json:"Id"`
	Handle     string                   `json:"ReceiptHandle"`
	Visibility int                      `json:"VisibilityTimeout"`
	Body       string                   `json:"MessageBody"`
	Attributes map[string]fakeAttribute `json:"MessageAttributes"`
	Group      string                   `json:"MessageGroupId"`
	Unique     string                   `json:"MessageDeduplicationId"`
}

type fakeAttribute struct {
	Type  string `json:"DataType"`
	Value string `json:"StringValue"`
}

func (c *fakeCloud) answer(operation string, in callInput) (any, error) {
	switch operation {
	case "GetSecretValue":
		if text, ok := c.secrets[in.SecretID]; ok {
			return map[string]string{"SecretString": text}, nil
		}
		return nil, refusal{"ResourceNotFoundException"}
	case "CreateSecret":
		if _, ok := c.secrets[in.Name]; ok {
			return nil, refusal{"ResourceExistsException"}
		}
		c.secrets[in.Name] = in.SecretString
		return struct{}{}, nil
	case "PutSecretValue":
		if _, ok := c.secrets[in.SecretID]; !ok {
			return nil, refusal{"ResourceNotFoundException"}
		}
		c.secrets[in.SecretID] = in.SecretString
		return struct{}{}, nil
	}
	q := c.queues[in.QueueURL[strings.LastIndexByte(in.QueueURL, '/')+1:]]
	if q == nil {
		return nil, refusal{"com.amazonaws.sqs#QueueDoesNotExist"}
	}
	if len(in.Entries) > 10 {
		return nil, refusal{"com.amazonaws.sqs#TooManyEntriesInBatchRequest"}
	}
	switch operation {
	case "GetQueueAttributes":
		return map[string]any{"Attributes": map[string]string{"ApproximateNumberOfMessages": fmt.Sprint(len(q.messages) + q.believed)}}, nil
	case "ReceiveMessage":
		return map[string]any{"Messages": q.receive(in.Limit, time.Duration(in.Visibility)*time.Second)}, nil
	case "SendMessageBatch":
		return each(in.Entries, q.accept), nil
	case "DeleteMessageBatch":
		return each(in.Entries, q.delete), nil
	case "ChangeMessageVisibilityBatch":
		return each(in.Entries, q.see), nil
	}
	c.t.Errorf("nobody should call %s", operation)
	return nil, refusal{"InvalidAction"}
}

// each answers a call for several messages.
func each(entries []fakeEntry, do func(fakeEntry) (code string)) any {
	type failed struct {
		ID          string `json:"Id"`
		Code        string `json:"Code"`
		SenderFault bool   `json:"SenderFault"`
	}
	out := struct {
		Successful []map[string]string `json:"Successful"`
		Failed     []failed            `json:"Failed"`
	}{}
	for _, e := range entries {
		if code := do(e); code != "" {
			out.Failed = append(out.Failed, failed{e.ID, code, code != "InternalError"})
			continue
		}
		sum := md5.Sum([]byte(e.Body))
		out.Successful = append(out.Successful, map[string]string{"Id": e.ID, "MessageId": "m", "MD5OfMessageBody": hex.EncodeToString(sum[:])})
	}
	return out
}

// fakeQueue is a queue.
type fakeQueue struct {
	fifo     bool
	messages []*fakeMessage
	accepted map[string]time.Time // by deduplication id
	made     int
	believed int // messages that SQS believes in besides
	fail     func(fakeEntry) (code string)
	stubborn bool // refuses to delete
	leaky    bool // keeps nothing, for measurements
}

type fakeMessage struct {
	fakeEntry
	id, handle string
	sent       time.Time
	visible    time.Time
	receives   int
}

// put lays a message on the queue as if it had come some time ago.
func (q *fakeQueue) put(ago time.Duration, group, body string, attributes map[string]string) *fakeMessage {
	q.made++
	m := &fakeMessage{
		fakeEntry: fakeEntry{Body: body, Group: group, Attributes: make(map[string]fakeAttribute)},
		id:        fmt.Sprintf("%08x-0000-4000-8000-000000000000", q.made), sent: time.Now().Add(-ago),
	}
	for name, value := range attributes {
		m.Attributes[name] = fakeAttribute{"String", value}
	}
	q.messages = append(q.messages, m)
	return m
}

func (q *fakeQueue) receive(limit int, visibility time.Duration) []any {
	now := time.Now()
	busy := make(map[string]bool)
	for _, m := range q.messages {
		busy[m.Group] = busy[m.Group] || q.fifo && m.visible.After(now)
	}
	out := []any{}
	for i, m := range q.messages {
		if len(out) == limit || m.visible.After(now) || busy[m.Group] {
			continue
		}
		m.receives++
		m.visible, m.handle = now.Add(visibility), fmt.Sprintf("%s#%d", m.id, m.receives)
		sum := md5.Sum([]byte(m.Body))
		out = append(out, map[string]any{
			"MessageId": m.id, "ReceiptHandle": m.handle, "Body": m.Body, "MD5OfBody": hex.EncodeToString(sum[:]), "MessageAttributes": m.Attributes,
			"Attributes": map[string]string{"SentTimestamp": fmt.Sprint(m.sent.UnixMilli()), "SequenceNumber": fmt.Sprintf("%020d", i)},
		})
	}
	return out
}

func (q *fakeQueue) accept(e fakeEntry) string {
	if q.fail != nil {
		if code := q.fail(e); code != "" {
			return code
		}
	}
	if q.fifo != (e.Group != "") || q.fifo != (e.Unique != "") {
		return "InvalidParameterValue"
	}
	if at, ok := q.accepted[e.Unique]; ok && q.fifo && time.Since(at) < 5*time.Minute {
		return ""
	}
	if q.leaky {
		return ""
	}
	q.accepted[e.Unique] = time.Now()
	q.made++
	q.messages = append(q.messages, &fakeMessage{fakeEntry: e, id: fmt.Sprintf("%08x-0000-4000-8000-000000000000", q.made), sent: time.Now()})
	return ""
}

func (q *fakeQueue) find(handle string) int {
	return slices.IndexFunc(q.messages, func(m *fakeMessage) bool { return m.handle == handle && m.visible.After(time.Now()) })
}

func (q *fakeQueue) delete(e fakeEntry) string {
	at := q.find(e.Handle)
	if at < 0 || q.stubborn {
		return "ReceiptHandleIsInvalid"
	}
	q.messages = slices.Delete(q.messages, at, at+1)
	return ""
}

func (q *fakeQueue) see(e fakeEntry) string {
	at := q.find(e.Handle)
	if at < 0 {
		return "ReceiptHandleIsInvalid"
	}
	q.messages[at].visible = time.Now().Add(time.Duration(e.Visibility) * time.Second)
	return ""
}

// refuseAll lets an operation be refused from now on.
func (c *fakeCloud) refuseAll(operation, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse[operation] = code
}

// hidden is how many messages of a queue somebody holds.
func (c *fakeCloud) hidden(queue string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.queues[queue].messages {
		if m.visible.After(time.Now()) {
			n++
		}
	}
	return n
}

// bodies are a queue's bodies in their order.
func (c *fakeCloud) bodies(queue string) (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.queues[queue].messages {
		list = append(list, m.Body)
	}
	return list
}
