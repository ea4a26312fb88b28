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
		Body: body, GroupID: group, DeduplicationID: dedup,
		Attributes: map[string]awstest.Attribute{"app": {DataType: "String", StringValue: "demo"}},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheEventHasWhatLambdaPutsIn(t *testing.T) {
	queue := awstest.NewQueue(awstest.QueueConfig{Name: "events.fifo"}, time.Now)
	sent := mustSend(t, queue, "{\"a\":\"é\"}", "group", "dedup")
	payload, err := awstest.Event(queue, queue.Receive(10, -1))
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
		r.Attributes["ApproximateReceiveCount"] != "1" || r.EventSource != "aws:sqs" || r.EventSourceARN != queue.ARN() ||
		r.AWSRegion != awstest.Region || len(r.Md5OfBody) != 32 || len(r.Md5OfMessageAttributes) != 32 {
		t.Errorf("record %+v", r)
	}
}

// run runs a mapping over a queue of three messages until nothing has happened for d.
func run(t *testing.T, m *awstest.Mapping, d time.Duration) {
	t.Helper()
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
				queue := awstest.NewQueue(awstest.QueueConfig{Name: "events", Visibility: time.Hour}, time.Now)
				mustSend(t, queue, "one", "", "")
				id := mustSend(t, queue, "two", "", "").ID
				mustSend(t, queue, "three", "", "")
				m := &awstest.Mapping{Queue: queue, Invoke: func(context.Context, []byte) ([]byte, error) {
					return []byte(strings.ReplaceAll(c.answer, "{id}", id)), nil
				}}
				run(t, m, time.Second)
				stats := m.Stats()
				if left := len(queue.Messages()); left != c.left || stats.Unreadable != c.bad || stats.Received != 3 || stats.Returned != c.left {
					t.Errorf("%d left, %+v", left, stats)
				}
			})
		})
	}
}

func TestAFunctionErrorReturnsTheWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := awstest.NewQueue(awstest.QueueConfig{Name: "events", Visibility: time.Minute}, time.Now)
		mustSend(t, queue, "one", "", "")
		began, calls := time.Now(), []time.Duration(nil)
		m := &awstest.Mapping{Queue: queue, Invoke: func(context.Context, []byte) ([]byte, error) {
			calls = append(calls, time.Since(began))
			if len(calls) < 3 {
				return nil, errors.New("no")
			}
			return nil, nil
		}}
		run(t, m, time.Hour)
		if !slices.Equal(calls, []time.Duration{0, time.Minute, 2 * time.Minute}) || m.Stats().Errors != 2 || m.Stats().Deleted != 1 {
			t.Errorf("calls at %v, %+v", calls, m.Stats())
		}
	})
}

func TestAGroupComesInOrderOneBatchAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := awstest.NewQueue(awstest.QueueConfig{Name: "events.fifo", Visibility: time.Minute}, time.Now)
		for i := range 500 {
			group := fmt.Sprint("g", i%7)
			mustSend(t, queue, fmt.Sprintf("%s %03d", group, i), group, fmt.Sprint(i))
		}
		var mu sync.Mutex
		last, busy, most, running, failures := map[string]string{}, map[string]bool{}, 0, 0, 0
		m := &awstest.Mapping{Queue: queue, Concurrency: 5, BatchSize: 10}
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
			first := event.Records[0]
			if first.Attributes["ApproximateReceiveCount"] == "1" && failures < 10 {
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
		run(t, m, time.Hour)
		if len(queue.Messages()) != 0 || most > 5 || most < 2 || m.Stats().Deleted != 500 || m.Stats().Errors != 10 {
			t.Errorf("%d left, at most %d at once, %+v", len(queue.Messages()), most, m.Stats())
		}
	})
}

func TestAWindowFillsBatchesOfAStandardQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := awstest.NewQueue(awstest.QueueConfig{Name: "events"}, time.Now)
		var sizes []int
		m := &awstest.Mapping{Queue: queue, BatchSize: 1000, Window: 2 * time.Second, Concurrency: 1}
		m.Invoke = func(_ context.Context, payload []byte) ([]byte, error) {
			sizes = append(sizes, strings.Count(string(payload), `"receiptHandle"`))
			if len(payload) > 6<<20 {
				t.Errorf("batch %d has %d bytes", len(sizes), len(payload))
			}
			return nil, nil
		}
		go func() {
			for i := range 1200 {
				mustSend(t, queue, fmt.Sprint(i), "", "")
				if i%100 == 0 {
					time.Sleep(100 * time.Millisecond)
				}
			}
			for range 12 {
				mustSend(t, queue, strings.Repeat("x", 1<<19), "", "")
			}
		}()
		run(t, m, time.Minute)
		if len(queue.Messages()) != 0 || len(sizes) < 3 || sizes[0] != 1000 || slices.Max(sizes) > 1000 {
			t.Errorf("%d left, batches of %v", len(queue.Messages()), sizes)
		}
	})
}
