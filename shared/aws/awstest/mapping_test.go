package awstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func mustSend(t *testing.T, q *awstest.Queue, body string) awstest.Message {
	t.Helper()
	m, err := q.Send(awstest.Message{Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run runs a mapping for a time.
func run(t *testing.T, m *awstest.Mapping, d time.Duration, do func(event []byte) ([]byte, error)) {
	t.Helper()
	m.Invoke = func(_ context.Context, event []byte) ([]byte, error) { return do(event) }
	m.BatchSize, m.Concurrency = max(m.BatchSize, 10), 1
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	m.Run(ctx)
}

func TestAnAnswerSaysWhichMessagesComeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer string // {id} is the second message's id
		left   int
		bad    int
	}{
		"an empty list":             {`{"batchItemFailures":[]}`, 0, 0},
		"null for the list":         {`{"batchItemFailures":null}`, 0, 0},
		"an empty object":           {`{}`, 0, 0},
		"null":                      {`null`, 0, 0},
		"nothing":                   {``, 0, 0},
		"one message":               {`{"batchItemFailures":[{"itemIdentifier":"{id}"}]}`, 1, 0},
		"an empty identifier":       {`{"batchItemFailures":[{"itemIdentifier":""}]}`, 3, 1},
		"a null identifier":         {`{"batchItemFailures":[{"itemIdentifier":null}]}`, 3, 1},
		"a misspelt key":            {`{"batchItemFailures":[{"itemIdentifer":"{id}"}]}`, 3, 1},
		"a message of no batch":     {`{"batchItemFailures":[{"itemIdentifier":"x"}]}`, 3, 1},
		"JSON that ends too early":  {`{"batchItemFailures":[`, 3, 1},
		"something that is no list": {`{"batchItemFailures":"{id}"}`, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := awstest.NewQueue(awstest.QueueConfig{Name: "events", Visibility: time.Hour}, time.Now)
				mustSend(t, q, "one")
				id := mustSend(t, q, "two").ID
				mustSend(t, q, "three")
				m := &awstest.Mapping{Queue: q}
				answer := []byte(strings.ReplaceAll(c.answer, "{id}", id))
				run(t, m, time.Second, func([]byte) ([]byte, error) { return answer, nil })
				want := awstest.Stats{Invocations: 1, Received: 3, Failed: c.bad}
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
		mustSend(t, q, "one")
		began, calls := time.Now(), []time.Duration(nil)
		m := &awstest.Mapping{Queue: q}
		run(t, m, time.Hour, func([]byte) ([]byte, error) {
			if calls = append(calls, time.Since(began)); len(calls) < 3 {
				return nil, errors.New("no")
			}
			return nil, nil
		})
		want := []time.Duration{0, time.Minute, 2 * time.Minute}
		if !slices.Equal(calls, want) || m.Stats().Failed != 2 || len(q.Messages()) > 0 {
			t.Errorf("calls at %v, %+v", calls, m.Stats())
		}
	})
}

func TestAWindowFillsBatchesOfAStandardQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := awstest.NewQueue(awstest.QueueConfig{Name: "events"}, time.Now)
		go func() {
			for i := range 1200 {
				mustSend(t, q, fmt.Sprint(i))
				if i%100 == 0 {
					time.Sleep(100 * time.Millisecond)
				}
			}
			for range 12 {
				mustSend(t, q, strings.Repeat("x", 1<<19))
			}
		}()
		var sizes []int
		m := &awstest.Mapping{Queue: q, BatchSize: 1000, Window: 2 * time.Second}
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
