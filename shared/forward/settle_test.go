package forward_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

var errDenied = errors.New("denied")

// fakeDelayer and fakeRejecter are a queue and a rejected queue of which a test says what they do.
type (
	fakeDelayer  func(ctx context.Context, source string, messages []forward.Delay) error
	fakeRejecter func(ctx context.Context, messages []forward.Rejection) []error
	fakeNotes    struct {
		recall func(ctx context.Context, keys []string) (map[string]forward.Kinds, error)
		note   func(ctx context.Context, key string, accepted forward.Kinds) error
	}
)

func (f fakeDelayer) Delay(ctx context.Context, source string, messages []forward.Delay) error {
	return f(ctx, source, messages)
}

func (f fakeRejecter) Reject(ctx context.Context, messages []forward.Rejection) []error {
	return f(ctx, messages)
}

func (f fakeNotes) LoadDelivered(ctx context.Context, keys []string) (map[string]forward.Kinds, error) {
	return f.recall(ctx, keys)
}

func (f fakeNotes) SaveDelivered(ctx context.Context, key string, accepted forward.Kinds) error {
	return f.note(ctx, key, accepted)
}

// refuseAll is a CleverTap that is down.
func refuseAll(*http.Request) (*http.Response, error) { return reply(http.StatusBadGateway, ""), nil }

func TestARetriedMessageIsHiddenLongerWithEachReceive(t *testing.T) {
	const quarter = 15 * time.Minute
	tests := map[string]struct {
		first    time.Duration
		receives int
		jitter   float64
		want     time.Duration
	}{
		"the first time":                         {5 * time.Second, 1, 0.5, 5 * time.Second},
		"doubled":                                {5 * time.Second, 2, 0.5, 10 * time.Second},
		"and doubled":                            {5 * time.Second, 5, 0.5, 80 * time.Second},
		"a fifth less":                           {5 * time.Second, 4, 0, 32 * time.Second},
		"a fifth more":                           {5 * time.Second, 4, 1, 48 * time.Second},
		"a quarter of an hour and no more":       {5 * time.Second, 9, 0.5, quarter},
		"no more with the jitter":                {5 * time.Second, 9, 1, quarter},
		"a fifth less than that":                 {5 * time.Second, 9, 0, 12 * time.Minute},
		"after a day's outage":                   {5 * time.Second, 100, 0.5, quarter},
		"where doubling would overflow":          {5 * time.Second, 32, 0.5, quarter},
		"where doubling would overflow at once":  {quarter, 31, 0.5, quarter},
		"the longest first one":                  {quarter, 1, 0.5, quarter},
		"a first one of a millisecond, at once":  {time.Millisecond, 1, 0.5, 0},
		"a first one of a millisecond, at last":  {time.Millisecond, 21, 0.5, quarter},
		"a count that SQS did not give is one":   {5 * time.Second, 0, 0.5, 5 * time.Second},
		"seconds are whole":                      {5 * time.Second, 1, 0.77, 6 * time.Second},
		"half a second is rounded like any time": {time.Second, 1, 0.1, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCorridor(t)
			c.clevertap, c.RetryDelay, c.Jitter = refuseAll, test.first, func() float64 { return test.jitter }
			var got []forward.Delay
			c.Delayer = fakeDelayer(func(_ context.Context, _ string, messages []forward.Delay) error {
				got = messages
				return nil
			})
			c.run(t, []queued{{app: "demo", body: bodies["event"], receives: test.receives}})
			if len(got) != 1 || got[0].After != test.want {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

func TestEachQueueHearsOfItsOwnMessages(t *testing.T) {
	c := newCorridor(t)
	c.clevertap = refuseAll
	var mu sync.Mutex
	got := map[string][]string{}
	c.Delayer = fakeDelayer(func(_ context.Context, source string, messages []forward.Delay) error {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range messages {
			got[source] = append(got[source], string(m.Message.ID)+" "+string(m.Message.Receipt))
		}
		return nil
	})
	payload := string(payload(t, []queued{{app: "demo", body: bodies["event"]}, {app: "demo", body: bodies["broken"]}, {app: "demo", body: bodies["event"]}}))
	at := strings.LastIndex(payload, "events.fifo")
	if _, err := c.Invoke(t.Context(), []byte(payload[:at]+"standard"+payload[at+len("events.fifo"):])); err != nil {
		t.Fatal(err)
	}
	const queue = "arn:aws:sqs:eu-west-1:123456789012:"
	want := map[string][]string{}
	for i, name := range map[int]string{0: "events.fifo", 2: "standard"} {
		want[queue+name] = []string{messageID(i) + " receipt"}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheRejectedQueueRefusesIsRetriedAndHidden(t *testing.T) {
	c := newCorridor(t)
	c.reject = func(m []forward.Rejection) []error { return []error{nil, errDenied, nil} }
	var hidden int
	c.Delayer = fakeDelayer(func(_ context.Context, _ string, messages []forward.Delay) error {
		hidden += len(messages)
		return errDenied
	})
	messages := []queued{{app: "demo", body: bodies["broken"]}, {app: "demo", body: bodies["no event"]}, {app: "gone", body: bodies["event"]}, {app: "demo", body: bodies["event"]}}
	returned := c.run(t, messages)
	if want := []string{"rejected malformed", "retry rejected_queue", "rejected unknown_app", "delivered"}; !slices.Equal(c.told(t, messages), want) {
		t.Errorf("got %v", c.told(t, messages))
	}
	if !slices.Equal(returned, []string{messageID(1)}) || hidden != 1 {
		t.Errorf("%v come back, %d hidden", returned, hidden)
	}
}

// Whatever hangs after the uploads, the answer is there before Lambda's patience ends, and says what is known.
func TestThereIsAnAnswerWhateverHangs(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, test := range map[string]struct {
		hang func(*corridor)
		want []string
	}{
		"nothing": {func(*corridor) {}, []string{"delivered", "rejected malformed", "retry server"}},
		"the rejected queue": {func(c *corridor) {
			c.Rejecter = fakeRejecter(func(ctx context.Context, m []forward.Rejection) []error {
				return slices.Repeat([]error{hang(ctx)}, len(m))
			})
		}, []string{"delivered", "retry rejected_queue", "retry server"}},
		"the new visibilities": {func(c *corridor) {
			c.Delayer = fakeDelayer(func(ctx context.Context, _ string, _ []forward.Delay) error { return hang(ctx) })
		}, []string{"delivered", "rejected malformed", "retry server"}},
		"the notes": {func(c *corridor) {
			c.Delivered = fakeNotes{
				recall: func(ctx context.Context, _ []string) (map[string]forward.Kinds, error) { return nil, hang(ctx) },
				note:   func(ctx context.Context, _ string, _ forward.Kinds) error { return hang(ctx) },
			}
		}, []string{"delivered", "rejected malformed", "retry server"}},
		"the subscriber table": {func(c *corridor) {
			c.Subscribers = hangingSubscribers{}
		}, []string{"retry table", "rejected malformed", "retry table"}},
	} {
		for _, left := range []time.Duration{time.Second, 3 * time.Second, 30 * time.Second, 15 * time.Minute} {
			t.Run(name+" with "+left.String()+" left", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newCorridor(t)
					c.clevertap = func(r *http.Request) (*http.Response, error) {
						if r.Header.Get("X-CleverTap-Account-Id") == "OTHER" {
							return refuseAll(r)
						}
						return acceptAll(r)
					}
					test.hang(c)
					messages := []queued{{app: "demo", body: bodies["event"], receives: 2}, {app: "demo", body: bodies["broken"]}, {app: "other", body: bodies["event"]}}
					begun := time.Now()
					c.runWithin(t, left, messages)
					if took := time.Since(begun); took >= left {
						t.Errorf("took %s", took)
					}
					if diff := cmp.Diff(test.want, c.told(t, messages)); diff != "" {
						t.Error(diff)
					}
				})
			})
		}
	}
}

type hangingSubscribers struct{}

func (hangingSubscribers) Read(ctx context.Context, _ []string) (map[string]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hangingSubscribers) Write(ctx context.Context, _, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestTheAnswerIsAListAlso(t *testing.T) {
	for name, test := range map[string]struct{ payload, want string }{
		"of nothing":           {`{"Records":[]}`, `{"batchItemFailures":[]}`},
		"without records":      {`{}`, `{"batchItemFailures":[]}`},
		"with records of null": {`{"Records":null}`, `{"batchItemFailures":[]}`},
		"of all": {`{"Records":[{"messageId":"a\"\\\u00e9","messageAttributes":{"schema":{"stringValue":"1"},"app":{"stringValue":"demo"},"encoding":{"stringValue":"raw"}},
			"body":"{\"event_name\":\"ACTIVATE\",\"user_id\":\"u\"}"}]}`, `{"batchItemFailures":[{"itemIdentifier":"a\"\\é"}]}`},
		"without an empty id": {`{"Records":[{"messageId":"","messageAttributes":{"schema":{"stringValue":"1"},"app":{"stringValue":"demo"},"encoding":{"stringValue":"raw"}},
			"body":"{\"event_name\":\"ACTIVATE\",\"user_id\":\"u\"}"}]}`, `{"batchItemFailures":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCorridor(t)
			c.clevertap = refuseAll
			answer, err := c.Invoke(t.Context(), []byte(test.payload))
			if err != nil || string(answer) != test.want {
				t.Errorf("%s, %v, want %s", answer, err, test.want)
			}
		})
	}
}
