package awstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func mustSend(t *testing.T, q *awstest.Queue, body, group, dedup string) awstest.Message {
	t.Helper()
	m, err := q.Send(awstest.Message{
		Body: body, GroupID: group, DeduplicationID: dedup, Attributes: awstest.TextAttributes(map[string]string{"app": "demo"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheEventHasWhatLambdaPutsIn(t *testing.T) {
	q := awstest.NewQueue(awstest.QueueConfig{Name: "events.fifo"}, time.Now)
	sent := mustSend(t, q, "{\"a\":\"é\"}", "group", "dedup")
	payload, err := awstest.Event(q, q.Receive(10, -1))
	if err != nil {
		t.Fatal(err)
	}
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	r := event.Records[0]
	if r.MessageId != sent.ID || r.Body != sent.Body || r.ReceiptHandle == "" || *r.MessageAttributes["app"].StringValue != "demo" ||
		r.MessageAttributes["app"].DataType != "String" || r.Attributes["MessageGroupId"] != "group" ||
		r.Attributes["ApproximateReceiveCount"] != "1" || r.EventSource != "aws:sqs" || r.EventSourceARN != q.ARN() ||
		r.AWSRegion != awstest.Region || len(r.Md5OfBody) != 32 {
		t.Errorf("record %+v", r)
	}
}

// run runs a mapping over a queue for a time, with a function that is called under a lock.
func run(t *testing.T, m *awstest.Mapping, d time.Duration, do func(event []byte) ([]byte, error)) {
	t.Helper()
	var mu sync.Mutex
	m.Invoke = func(_ context.Context, event []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		return do(event)
	}
	m.BatchSize, m.Timeout = max(m.BatchSize, 10), time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	m.Run(ctx)
}

func TestAnAnswerSaysWhichMessagesComeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer string // {id} stands for the second message's id
		left   int
		bad    int
	}{
		"an empty list":             {`{"batchItemFailures":[]}`, 0, 0},
		"null for the list":         {`{"batchItemFailures":null}`, 0, 0},
		"an empty object":           {`{}`, 0, 0},
		"null":                      {`null`, 0, 0},
		"nothing":                   {``, 0, 0},
		"one message":               {`{"batchItemFailures":[{"itemIdentifier":"{id}"}]}`, 1, 0},
		"one message twice":         {`{"batchItemFailures":[{"itemIdentifier":"{id}"},{"itemIdentifier":"{id}"}]}`, 1, 0},
		"an empty identifier":       {`{"batchItemFailures":[{"itemIdentifier":""}]}`, 3, 1},
		"a null identifier":         {`{"batchItemFailures":[{"itemIdentifier":null}]}`, 3, 1},
		"a misspelt key":            {`{"batchItemFailures":[{"itemIdentifer":"{id}"}]}`, 3, 1},
		"a message of no batch":     {`{"batchItemFailures":[{"itemIdentifier":"{id}"},{"itemIdentifier":"x"}]}`, 3, 1},
		"JSON that ends too early":  {`{"batchItemFailures":[`, 3, 1},
		"something that is no list": {`{"batchItemFailures":"{id}"}`, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := awstest.NewQueue(awstest.QueueConfig{Name: "events", Visibility: time.Hour}, time.Now)
				mustSend(t, q, "one", "", "")
				id := mustSend(t, q, "two", "", "").ID
				mustSend(t, q, "three", "", "")
				m := &awstest.Mapping{Queue: q, Concurrency: 2}
				run(t, m, time.Second, func([]byte) ([]byte, error) { return []byte(strings.ReplaceAll(c.answer, "{id}", id)), nil })
				want := awstest.Stats{Invocations: 1, Received: 3, Unreadable: c.bad}
				if left := len(q.Messages()); left != c.left || m.Stats() != want {
					t.Errorf("%d left, %+v", left, m.Stats())
				}
			})
		})
	}
}

func TestAFunctionErrorReturnsTheWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := awstest.NewQueue(awstest.QueueConfig{Name: "events", Visibility: time.Minute}, time.Now)
		mustSend(t, q, "one", "", "")
		began, calls := time.Now(), []time.Duration(nil)
		m := &awstest.Mapping{Queue: q, Concurrency: 1}
		run(t, m, time.Hour, func([]byte) ([]byte, error) {
			if calls = append(calls, time.Since(began)); len(calls) < 3 {
				return nil, errors.New("no")
			}
			return nil, nil
		})
		if !slices.Equal(calls, []time.Duration{0, time.Minute, 2 * time.Minute}) || m.Stats().Errors != 2 || len(q.Messages()) > 0 {
			t.Errorf("calls at %v, %+v", calls, m.Stats())
		}
	})
}

func TestAGroupComesInOrderOneBatchAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := awstest.NewQueue(awstest.QueueConfig{Name: "events.fifo", Visibility: time.Minute}, time.Now)
		for i := range 500 {
			group := fmt.Sprint("g", i%7)
			mustSend(t, q, fmt.Sprintf("%s %03d", group, i), group, fmt.Sprint(i))
		}
		var mu sync.Mutex
		last, busy, most, running, failures := map[string]string{}, map[string]bool{}, 0, 0, 0
		m := &awstest.Mapping{Queue: q, Concurrency: 5, BatchSize: 10, Timeout: time.Hour}
		m.Invoke = func(_ context.Context, payload []byte) ([]byte, error) {
			var event events.SQSEvent
			if err := json.Unmarshal(payload, &event); err != nil {
				return nil, err
			}
			mu.Lock()
			running++
			most = max(most, running)
			mine := map[string]bool{}
			for _, r := range event.Records {
				group := r.Attributes["MessageGroupId"]
				if busy[group] && !mine[group] {
					t.Errorf("group %s is in two invocations", group)
				}
				busy[group], mine[group] = true, true
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			running--
			for group := range mine {
				busy[group] = false
			}
			if event.Records[0].Attributes["ApproximateReceiveCount"] == "1" && failures < 10 {
				failures++
				return nil, errors.New("no")
			}
			for _, r := range event.Records {
				group := r.Attributes["MessageGroupId"]
				if r.Body <= last[group] {
					t.Errorf("%q after %q", r.Body, last[group])
				}
				last[group] = r.Body
			}
			return []byte(`{}`), nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		m.Run(ctx)
		if len(q.Messages()) != 0 || most > 5 || most < 2 || m.Stats().Errors != 10 {
			t.Errorf("%d left, at most %d at once, %+v", len(q.Messages()), most, m.Stats())
		}
	})
}

func TestAWindowFillsBatchesOfAStandardQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := awstest.NewQueue(awstest.QueueConfig{Name: "events"}, time.Now)
		go func() {
			for i := range 1200 {
				mustSend(t, q, fmt.Sprint(i), "", "")
				if i%100 == 0 {
					time.Sleep(100 * time.Millisecond)
				}
			}
			for range 12 {
				mustSend(t, q, strings.Repeat("x", 1<<19), "", "")
			}
		}()
		var sizes []int
		m := &awstest.Mapping{Queue: q, BatchSize: 1000, Window: 2 * time.Second, Concurrency: 1}
		run(t, m, time.Minute, func(payload []byte) ([]byte, error) {
			sizes = append(sizes, strings.Count(string(payload), `"receiptHandle"`))
			if len(payload) > 6<<20 {
				t.Errorf("batch %d has %d bytes", len(sizes), len(payload))
			}
			return nil, nil
		})
		if len(q.Messages()) != 0 || len(sizes) < 3 || sizes[0] != 1000 || slices.Max(sizes) > 1000 {
			t.Errorf("%d left, batches of %v", len(q.Messages()), sizes)
		}
	})
}
