package forward_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

func TestTheQueueIsAskedToDelayWhatIsRetried(t *testing.T) {
	h := newHarness(t)
	h.clevertap, h.Jitter = responses["500"], func() float64 { return 0.5 }
	var got []string
	h.delay = func(_ context.Context, source string, messages []message.Delay) error {
		for _, m := range messages {
			got = append(got, strings.Join([]string{source, m.Message.ID, m.Message.Receipt, m.After.String()}, " "))
		}
		return nil
	}
	h.run(newMessage("demo", "malformed"), newMessage("demo", "renewal"),
		queued{app: "demo", body: bodies["renewal"], receives: 99})
	want := []string{
		queueARN + ".fifo " + messageID(1) + " " + receipt + " 5s",
		queueARN + ".fifo " + messageID(2) + " " + receipt + " 15m0s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatTheRejectedQueueDoesNotTakeIsRetriedAndHidden(t *testing.T) {
	h := newHarness(t)
	h.reject = func(context.Context, []message.Rejection) []error { return []error{nil, errDown, nil} }
	hidden := 0
	h.delay = func(_ context.Context, _ string, messages []message.Delay) error {
		hidden += len(messages)
		return errDown
	}
	returned := h.run(newMessage("demo", "malformed"), newMessage("demo", "no event name"),
		newMessage("unknown", "renewal"), newMessage("demo", "renewal"))
	h.wantOutcomes("rejected malformed", "retry rejected_queue", "rejected unknown_app", "delivered")
	if !slices.Equal(returned, []string{messageID(1)}) || hidden != 1 {
		t.Errorf("%v come back, %d hidden", returned, hidden)
	}
}

func TestAcceptedRecordsAreNotSentAgain(t *testing.T) {
	h, m := newHarness(t), queued{app: "demo", body: bodies["renewal"], received: time.Now()}
	h.Table, h.clevertap = newTable(), responses["transient code, last"] // the profile
	h.run(m)
	h.wantOutcomes("retry transient")
	accounts := h.accounts
	h.accounts = func(context.Context, string) (clevertap.Accounts, error) {
		return clevertap.Accounts{}, fault.New(fault.Retry, fault.Secret, errDown)
	}
	m.receives = 2
	h.run(m)
	h.wantOutcomes("retry secret")
	h.accounts, h.clevertap, m.receives = accounts, acceptAll, 3
	var again string
	h.onUpload(func(_ string, body []byte) { again += string(body) })
	h.runAll(m)
	if strings.Contains(again, `"type":"event"`) || !strings.Contains(again, `"type":"profile"`) {
		t.Errorf("uploaded %s", again)
	}
}

// Whatever hangs, there is a response in time, and it says what is known.
func TestThereIsAResponseWhateverHangs(t *testing.T) {
	hanging := newTable()
	hanging.hook = func(ctx context.Context, _, _ string, _ func() error) error { return hang(ctx) }
	for name, test := range map[string]struct {
		hang func(*harness)
		want []string
	}{
		"nothing": {func(*harness) {}, []string{"delivered", "rejected malformed", "retry server"}},
		"the rejected queue": {func(h *harness) {
			h.reject = func(ctx context.Context, m []message.Rejection) []error {
				return slices.Repeat([]error{hang(ctx)}, len(m))
			}
		}, []string{"delivered", "retry rejected_queue", "retry server"}},
		"new visibilities": {func(h *harness) {
			h.delay = func(ctx context.Context, _ string, _ []message.Delay) error { return hang(ctx) }
		}, []string{"delivered", "rejected malformed", "retry server"}},
		"the subscribers table": {
			func(h *harness) { h.Table = hanging }, []string{"retry table", "rejected malformed", "retry table"},
		},
	} {
		for _, left := range []time.Duration{time.Second, 3 * time.Second, 30 * time.Second, 15 * time.Minute} {
			inBubble(t, name+" with "+left.String()+" left", func(t *testing.T, h *harness) {
				h.clevertap = func(r *http.Request, body []byte) (*http.Response, error) {
					if r.Header.Get("X-CleverTap-Account-Id") == "OTHER" {
						return responses["500"](r, body)
					}
					return acceptAll(r, body)
				}
				test.hang(h)
				h.timeout = left
				start := time.Now()
				h.run(queued{app: "demo", body: bodies["renewal"], receives: 2}, newMessage("demo", "malformed"),
					newMessage("other", "renewal"))
				if took := time.Since(start); took >= left {
					t.Errorf("took %s", took)
				}
				h.wantOutcomes(test.want...)
			})
		}
	}
}

// However long an invocation may take, all but three seconds of it are for the work, a third of that for a secret.
func TestNoMoreTimeIsKeptForSettlingThanItNeeds(t *testing.T) {
	inBubble(t, "of a quarter of an hour", func(t *testing.T, h *harness) {
		accounts, left := h.accounts, time.Duration(0)
		h.accounts = func(ctx context.Context, app string) (clevertap.Accounts, error) {
			deadline, _ := ctx.Deadline()
			left = time.Until(deadline)
			return accounts(ctx, app)
		}
		h.timeout = 15 * time.Minute
		h.run(newMessage("demo", "renewal"))
		if want := (15*time.Minute - 3*time.Second) / 3; left != want {
			t.Errorf("a secret has %s, want %s", left, want)
		}
	})
}

func TestTheResponseIsAlwaysAList(t *testing.T) {
	message := func(id string) string {
		return `{"Records":[{"messageId":"` + id + `","body":"{\"event_name\":\"ACTIVATE\",\"user_id\":\"u\"}",` +
			`"messageAttributes":{"app":{"stringValue":"demo"},"schema":{"stringValue":"1"},` +
			`"encoding":{"stringValue":"raw"}}}]}`
	}
	for name, test := range map[string]struct{ payload, want string }{
		"without records": {`{}`, `{"batchItemFailures":[]}`},
		"for an odd id":   {message(`a\"\\\u00e9`), `{"batchItemFailures":[{"itemIdentifier":"a\"\\é"}]}`},
		"for an empty id": {message(""), `{"batchItemFailures":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.clevertap = responses["500"]
			response, err := h.Invoke(t.Context(), []byte(test.payload))
			if err != nil || string(response) != test.want {
				t.Errorf("%s, %v, want %s", response, err, test.want)
			}
		})
	}
}
