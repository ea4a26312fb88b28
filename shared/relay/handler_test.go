package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// file is the integration file of these tests.
const file = `apps:
  demo: {relay: {url: "https://back.example/hook?token=` + token + `"}}
  other: {relay: {url: "https://other.example/hook", timeout: 25s}}
  same: {relay: {url: "https://other.example/hook"}}
  some: {relay: {url: "https://some.example", events: [ACTIVATE, DEACTIVATE]}}
  none: {}
  off: {enabled: false, anonymous: skip, sandbox: skip, relay: {url: "https://off.example"}}
`

// request is what a back end was asked.
type request struct {
	host, event, attempt string
	at                   time.Duration // since the beginning
}

// bridge is a relay queue with its dead letters, a handler, and back ends that answer 200 until a test changes them.
// It runs in virtual time.
type bridge struct {
	*testing.T
	handler     *relay.Handler
	queue, dead *awstest.Queue
	began       time.Time
	backEnds    map[string]backEnd // by host; nil: it answers 200 at once
	keys        func(app string) (*standardwebhooks.Keys, error)
	log         bytes.Buffer
	metrics     bytes.Buffer

	mu       sync.Mutex
	requests []request
	delays   map[string]time.Duration // of the last batch, by the webhook's event id
}

// inVirtualTime runs a test with a bridge.
func inVirtualTime(t *testing.T, test func(t *testing.T, b *bridge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newBridge(t)) })
}

func newBridge(t *testing.T) *bridge {
	apps, problems := integration.Load("integrations.yaml", []byte(file))
	if apps == nil {
		t.Fatal(problems)
	}
	const retention = 14 * 24 * time.Hour
	b := &bridge{T: t, began: time.Now(), backEnds: map[string]backEnd{}}
	b.dead = awstest.NewQueue(awstest.QueueConfig{Name: "relay-dead.fifo", Retention: retention}, time.Now)
	b.queue = awstest.NewQueue(awstest.QueueConfig{
		Name: "relay.fifo", Visibility: 6 * time.Minute, Retention: retention, DeadLetters: b.dead, MaxReceiveCount: 80,
	}, time.Now)
	b.keys = func(string) (*standardwebhooks.Keys, error) { return nil, nil }
	b.handler = &relay.Handler{
		Settings: settings.Fixed(apps), Keys: b, Client: &relay.Client{Transport: b}, Delayer: b,
		Breakers: relay.NewBreakers(30 * time.Second), RetryDelay: 10 * time.Second,
		Log: slog.New(slog.NewJSONHandler(&b.log, nil)), Metrics: &b.metrics, Jitter: func() float64 { return 0.5 },
	}
	return b
}

func (b *bridge) Get(_ context.Context, app string) (*standardwebhooks.Keys, error) {
	return b.keys(app)
}

// RoundTrip is the back ends.
func (b *bridge) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	at := time.Since(b.began)
	b.requests = append(b.requests, request{r.URL.Host, webhook.Peek(body).EventID, r.Header.Get("Bridge-Attempt"), at})
	answer := b.backEnds[r.URL.Host]
	b.mu.Unlock()
	if answer == nil {
		return status(200)(r)
	}
	return answer(r)
}

// backEnd answers a request.
type backEnd = func(*http.Request) (*http.Response, error)

// What a back end may do.

func status(code int, header ...string) backEnd {
	return func(r *http.Request) (*http.Response, error) {
		w := &http.Response{StatusCode: code, Header: http.Header{}, Body: http.NoBody, Request: r}
		for i := 0; i < len(header); i += 2 {
			w.Header.Set(header[i], header[i+1])
		}
		return w, nil
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func after(d time.Duration, then backEnd) backEnd {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return then(r)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func reset(*http.Request) (*http.Response, error) {
	return nil, errors.New("read tcp: reset, said " + token)
}

func (b *bridge) Delay(_ context.Context, source string, messages []message.Delay) error {
	if source != b.queue.ARN() {
		b.Errorf("delayed on %s", source)
	}
	for _, m := range messages {
		b.delays[webhook.Peek([]byte(m.Message.Body)).EventID] = m.After
		if err := b.queue.ChangeVisibility(m.Message.Receipt, m.After); err != nil {
			return err
		}
	}
	return nil
}

// send puts a webhook of a user on the queue.
func (b *bridge) send(app, user, id string) {
	b.Helper()
	b.sendBody(app, user, fmt.Sprintf(`{"event_name":"ACTIVATE","user_id":%q,"event_id":%q}`, user, id))
}

func (b *bridge) sendBody(app, user, body string) {
	b.Helper()
	e := message.Encode(message.Message{App: app, Received: time.Now(), Body: []byte(body)}, message.IDs{
		SubscriberKind: "user", Subscriber: user, EventName: "x", EventID: body,
	}, true)
	e.Attributes[message.AttrTimestamp], e.Attributes[message.AttrSignature] = sent.Timestamp, sent.Signature
	_, err := b.queue.Send(awstest.Message{
		Body: e.Body, Attributes: awstest.TextAttributes(e.Attributes),
		GroupID: e.GroupID, DeduplicationID: e.DeduplicationID,
	})
	if err != nil {
		b.Fatal(err)
	}
}

// invoke hands the next ten messages to the handler, within the time-out of the function, and deletes those that do
// not come back. It returns the event ids of those that do, and how many there were.
func (b *bridge) invoke() (comeBack []string, messages int) {
	b.Helper()
	received := b.queue.Receive(10, -1)
	payload, err := awstest.Event(b.queue, received)
	if err != nil {
		b.Fatal(err)
	}
	b.delays = map[string]time.Duration{}
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	answer, err := b.handler.Invoke(ctx, payload)
	if err != nil {
		b.Fatal(err)
	}
	failed, err := awstest.Failures(answer)
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range received {
		if slices.Contains(failed, m.ID) {
			comeBack = append(comeBack, webhook.Peek([]byte(m.Body)).EventID)
		} else if err := b.queue.Delete(m.Handle); err != nil {
			b.Error(err)
		}
	}
	return comeBack, len(received)
}

// seen are the event ids that a back end was sent, in their order.
func (b *bridge) seen(host string) (ids []string) {
	for _, r := range b.requests {
		if r.host == host {
			ids = append(ids, r.event)
		}
	}
	return ids
}

// lines are the log's lines with a message, and their count by reason.
func (b *bridge) lines(text string) (all []map[string]any, byReason map[string]int) {
	b.Helper()
	byReason = map[string]int{}
	for line := range strings.Lines(b.log.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			b.Fatalf("%s: %v", line, err)
		}
		if l["msg"] == text {
			all = append(all, l)
			byReason[fmt.Sprint(l["reason"])]++
		}
	}
	return all, byReason
}

// count sums a metric of an app.
func (b *bridge) count(app, name string) (sum int) {
	b.Helper()
	for line := range strings.Lines(b.metrics.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			b.Fatalf("%s: %v", line, err)
		}
		if l["App"] == app && l[name] != nil {
			sum += int(l[name].(float64)) //nolint:forcetypeassert // A count is a number.
		}
	}
	return sum
}

func TestAWebhookThatIsTakenIsGone(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.send("demo", "rosée", "e-1")
		b.send("off", "rosée", "e-2") // what is off concerns CleverTap alone
		if back, _ := b.invoke(); back != nil || len(b.queue.Messages()) != 0 {
			t.Errorf("%q comes back", back)
		}
		if b.count("demo", "RelayDelivered") != 1 || b.count("off", "RelayDelivered") != 1 {
			t.Errorf("counted %s", &b.metrics)
		}
		line, _ := b.lines("batch")
		if len(line) != 1 || line[0]["received"] != 2.0 || line[0]["delivered"] != 2.0 || line[0]["settings"] == nil {
			t.Errorf("logged %s", &b.log)
		}
	})
}

func TestWhatNoBackEndWantsIsSkipped(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.send("none", "a", "an app without a back end")
		b.send("gone", "b", "an app that is gone")
		b.sendBody("some", "c", `{"event_name":"TRIAL_STARTED"}`)
		b.sendBody("some", "d", `not JSON`)
		b.sendBody("some", "e", `{"event_name":"DEACTIVATE","event_id":"wanted"}`)
		b.sendBody("demo", "f", `not JSON`)
		b.sendBody("demo", "g", `{"event_name":"BRIDGE_HEARTBEAT"}`) // which Purchasely has not sent
		if back, _ := b.invoke(); back != nil {
			t.Errorf("%q comes back", back)
		}
		if got := b.seen("some.example"); !slices.Equal(got, []string{"wanted"}) || len(b.seen("back.example")) != 1 {
			t.Errorf("sent %v", b.requests)
		}
		for app, want := range map[string]int{"none": 1, "unknown": 1, "some": 2, "gone": 0, "demo": 1} {
			if got := b.count(app, "RelaySkipped"); got != want {
				t.Errorf("%d of %s are skipped, want %d", got, app, want)
			}
		}
	})
}

func TestAMessageThatCannotBeReadComesBackWithAnError(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		for group, attributes := range map[string]map[string]string{
			"encoding": {"schema": "1", "app": "demo", "encoding": "rot13"}, "nothing": {"x": "y"},
		} {
			_, err := b.queue.Send(awstest.Message{
				Body: "rosée", Attributes: awstest.TextAttributes(attributes), GroupID: group, DeduplicationID: group,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if back, _ := b.invoke(); len(back) != 2 || len(b.requests) != 0 {
			t.Errorf("%d come back, %d requests", len(back), len(b.requests))
		}
		if lines, _ := b.lines("message retry"); len(lines) != 2 || lines[0]["level"] != "ERROR" {
			t.Errorf("logged %s", &b.log)
		}
	})
}

func TestAFailureComesBackLaterEachTime(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.handler.Breakers = relay.NewBreakers(time.Millisecond) // out of the way
		b.backEnds["back.example"] = status(503)
		b.send("demo", "u", "e")
		var got []time.Duration
		for range 12 {
			if _, n := b.invoke(); n != 1 {
				t.Fatalf("%d messages", n)
			}
			got = append(got, b.delays["e"])
			time.Sleep(b.delays["e"])
		}
		const want = "[10s 20s 40s 1m20s 2m40s 5m20s 10m40s 21m20s 42m40s 1h0m0s 1h0m0s 1h0m0s]"
		if fmt.Sprint(got) != want {
			t.Errorf("came back after %s", got)
		}
		for i, r := range b.requests {
			if r.attempt != fmt.Sprint(i+1) {
				t.Errorf("request %d is attempt %s", i+1, r.attempt)
			}
		}
		if n := b.count("demo", "RelayFailed"); n != 12 {
			t.Errorf("%d failures counted", n)
		}
	})
}

func TestABackEndSaysWhenToComeBack(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"5":                             10 * time.Second, // it is left alone for that long in any case
		"75":                            75 * time.Second,
		"Sat, 01 Jan 2000 00:10:01 GMT": 10*time.Minute + time.Second, // virtual time begins in 2000
	} {
		inVirtualTime(t, func(t *testing.T, b *bridge) {
			b.backEnds["back.example"] = status(301, "Retry-After", header)
			b.send("demo", "u", "e")
			b.send("demo", "u", "held behind it")
			time.Sleep(time.Millisecond) // the rest of a second counts as one
			b.invoke()
			if b.delays["e"] != want || b.delays["held behind it"] != want || len(b.requests) != 1 {
				t.Errorf("with %q: %s after %d requests", header, b.delays, len(b.requests))
			}
			if _, reasons := b.lines("message retry"); reasons["back_end"] != 1 || reasons["group_order"] != 1 {
				t.Errorf("retried for %v", reasons)
			}
		})
	}
}

// 80 receives, as the template has it, are about three days.
func TestADeadBackEndCostsThreeDaysOfAttemptsAndNothingIsLost(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.backEnds["back.example"] = status(500)
		b.send("demo", "u", "first")
		b.send("demo", "u", "second")
		for len(b.dead.Messages()) < 2 && time.Since(b.began) < 7*24*time.Hour {
			b.invoke()
			time.Sleep(time.Minute)
		}
		days := time.Since(b.began).Hours() / 24
		if days < 2.5 || days > 3.5 || len(b.queue.Messages()) != 0 {
			t.Errorf("after %.1f days %d are dead and %d wait", days, len(b.dead.Messages()), len(b.queue.Messages()))
		}
		for i, id := range []string{"first", "second"} {
			if got := webhook.Peek([]byte(b.dead.Messages()[i].Body)).EventID; got != id {
				t.Errorf("%s is dead, want %s", got, id)
			}
		}
		if slices.Contains(b.seen("back.example"), "second") {
			t.Error("the second was sent before the first was given up")
		}
	})
}

func TestASubscribersWebhooksKeepTheirOrderWhateverFails(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.handler.Breakers = relay.NewBreakers(time.Millisecond)
		fails := map[string]int{"anna-2": 3, "anna-5": 1, "otto-1": 2}
		taken := map[string][]string{}
		b.backEnds["back.example"] = func(r *http.Request) (*http.Response, error) {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			text, err := io.ReadAll(body)
			if err != nil {
				return nil, err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			id := webhook.Peek(text).EventID
			if fails[id]--; fails[id] >= 0 {
				return status(500)(r)
			}
			user, _, _ := strings.Cut(id, "-")
			taken[user] = append(taken[user], id)
			return status(200)(r)
		}
		for n := 1; n <= 6; n++ {
			for _, user := range []string{"anna", "otto", "eve"} {
				b.send("demo", user, fmt.Sprint(user, "-", n))
			}
		}
		for len(b.queue.Messages()) > 0 {
			b.invoke()
			time.Sleep(time.Second)
		}
		for user, got := range taken {
			var want []string
			for n := 1; n <= 6; n++ {
				want = append(want, fmt.Sprint(user, "-", n))
			}
			if !slices.Equal(got, want) {
				t.Errorf("taken %q", got)
			}
		}
		if len(taken) != 3 || time.Since(b.began) > 3*time.Minute {
			t.Errorf("%d users after %s", len(taken), time.Since(b.began))
		}
	})
}

func TestThreeFailuresInARowOpenTheBreakerOfOneURL(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.backEnds["other.example"] = status(500)
		for i := range 3 {
			b.send("other", fmt.Sprint("user-", i), fmt.Sprint("failing-", i))
			b.invoke()
		}
		b.send("same", "user-9", "of another app with the same URL")
		b.send("demo", "user-9", "of another URL")
		back, _ := b.invoke()
		if !slices.Equal(back, []string{"of another app with the same URL"}) || len(b.seen("other.example")) != 3 {
			t.Errorf("%q come back, %d requests", back, len(b.seen("other.example")))
		}
		if _, reasons := b.lines("message retry"); reasons["breaker"] != 1 || reasons["back_end"] != 3 {
			t.Errorf("retried for %v", reasons)
		}
		if b.count("same", "RelayFailed") != 0 || b.count("other", "RelayFailed") != 3 {
			t.Errorf("counted %s", &b.metrics)
		}
	})
}

// Pauses are 30 s, 60 s, and so on up to 300 s; one request tries after each.
func TestABackEndIsTriedAgainAfterEachPause(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.backEnds["back.example"] = status(500)
		user := 0
		for time.Since(b.began) < 20*time.Minute {
			b.send("demo", fmt.Sprint("user-", user), fmt.Sprint("e-", user)) // there is always one that may try
			user++
			b.invoke()
			time.Sleep(time.Second)
		}
		var tried []int
		for _, r := range b.requests {
			tried = append(tried, int(r.at.Seconds()))
		}
		want := []int{0, 1, 2, 32, 92, 212, 452, 752, 1052}
		if !slices.Equal(tried, want) {
			t.Errorf("tried at %d", tried)
		}
		b.backEnds["back.example"] = nil
		time.Sleep(5 * time.Minute)
		for len(b.queue.Messages()) > 0 {
			b.invoke()
			time.Sleep(time.Second)
		}
		b.backEnds["back.example"] = status(500)
		before := len(b.requests)
		for i := range 4 { // three open it again, for the first pause
			b.send("demo", fmt.Sprint("another-", i), fmt.Sprint("later-", i))
			time.Sleep(time.Duration(i/3) * 30 * time.Second)
			b.invoke()
		}
		if got := len(b.requests) - before; got != 4 {
			t.Errorf("%d requests after it had worked", got)
		}
	})
}

// A batch that comes when the pause is over waits for the one request that tries: otherwise nine of ten messages would
// stay away for up to an hour from a back end that works again.
func TestOneRequestTriesAndTheOthersWaitForIt(t *testing.T) {
	for name, c := range map[string]struct {
		answer   backEnd
		requests int
		back     int
	}{
		"it works again":       {after(3*time.Second, status(200)), 10, 0},
		"it still does not":    {after(3*time.Second, status(500)), 1, 10},
		"it does not answer":   {hang, 1, 10},
		"it resets everything": {reset, 1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, b *bridge) {
				b.backEnds["back.example"] = status(500)
				for i := range 10 {
					b.send("demo", fmt.Sprint("user-", i), fmt.Sprint("e-", i))
				}
				b.invoke()
				time.Sleep(time.Minute)
				b.backEnds["back.example"] = c.answer
				before := len(b.requests)
				back, n := b.invoke()
				if len(b.requests)-before != c.requests || len(back) != c.back || n != 10 {
					t.Errorf("%d requests, %d of %d come back", len(b.requests)-before, len(back), n)
				}
			})
		})
	}
}

func TestASuccessBetweenFailuresKeepsTheBreakerClosed(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		for i := range 12 {
			b.backEnds["back.example"] = status(500)
			if i%3 == 2 {
				b.backEnds["back.example"] = status(202)
			}
			b.send("demo", fmt.Sprint("user-", i), fmt.Sprint("e-", i))
			b.invoke()
		}
		if len(b.requests) != 12 {
			t.Errorf("%d requests", len(b.requests))
		}
	})
}

// A back end that hangs holds a batch for its time-out, and the batch's other webhooks have been delivered long
// before.
func TestABackEndThatHangsDoesNotHoldTheOthersOfItsBatch(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.backEnds["other.example"] = hang
		for i := range 5 {
			b.send("other", fmt.Sprint("user-", i), fmt.Sprint("hanging-", i))
			b.send("demo", fmt.Sprint("user-", i), fmt.Sprint("fine-", i))
		}
		back, _ := b.invoke()
		if len(back) != 5 || len(b.seen("back.example")) != 5 {
			t.Errorf("%q come back, sent %q", back, b.seen("back.example"))
		}
		for _, r := range b.requests {
			if r.host == "back.example" && r.at > 0 {
				t.Errorf("sent after %s", r.at)
			}
		}
		if took := time.Since(b.began); took != 25*time.Second {
			t.Errorf("the batch took %s, want the time-out", took)
		}
	})
}

// One subscriber's webhooks come one after the other. What would not be over by the end of the invocation is not
// begun: it comes back at once, and no request is cut off.
func TestNoRequestIsCutOffByTheEndOfTheInvocation(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.backEnds["other.example"] = after(20*time.Second, status(200))
		var want []string
		for i := range 6 {
			want = append(want, fmt.Sprint("e-", i))
			b.send("other", "u", want[i])
		}
		back, _ := b.invoke()
		if took := time.Since(b.began); took != 40*time.Second || !slices.Equal(back, want[2:]) {
			t.Errorf("%q come back after %s", back, took)
		}
		for id, after := range b.delays {
			if after != 0 {
				t.Errorf("%s comes back after %s", id, after)
			}
		}
		for len(b.queue.Messages()) > 0 {
			b.invoke()
		}
		if got := b.seen("other.example"); !slices.Equal(got, want) {
			t.Errorf("sent %q", got)
		}
	})
}

func TestASecretThatCannotBeReadSendsNothingOfItsAppOnly(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		level string
	}{
		"out of reach": {fault.New(fault.Retry, fault.Secret, errors.New("GetSecretValue: no answer")), "WARN"},
		"refused":      {&fault.Fault{Kind: fault.Operator, Reason: fault.Secret, Code: "AccessDeniedException"}, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, b *bridge) {
				b.keys = func(app string) (*standardwebhooks.Keys, error) {
					if app == "demo" {
						return nil, c.err
					}
					return keys(t, whsec("a"), ""), nil
				}
				b.send("demo", "u", "e-1")
				b.send("other", "u", "e-2")
				back, _ := b.invoke()
				if !slices.Equal(back, []string{"e-1"}) || len(b.requests) != 1 || b.count("demo", "RelayFailed") != 0 {
					t.Errorf("%q come back, sent %v", back, b.requests)
				}
				if lines, reasons := b.lines("message retry"); reasons["secret"] != 1 || lines[0]["level"] != c.level {
					t.Errorf("logged %s", &b.log)
				}
			})
		})
	}
}

func TestTheIDOfAWebhookIsTheSameOnEveryAttempt(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.keys = func(string) (*standardwebhooks.Keys, error) { return keys(t, whsec("a"), ""), nil }
		ids, times := map[string]bool{}, map[string]bool{}
		b.backEnds["back.example"] = func(r *http.Request) (*http.Response, error) {
			ids[r.Header.Get("webhook-id")], times[r.Header.Get("webhook-timestamp")] = true, true
			return status(500)(r)
		}
		b.send("demo", "u", "e-1")
		for range 3 {
			b.invoke()
			time.Sleep(b.delays["e-1"])
		}
		// printf 'ACTIVATE\ne-1' | sha256sum
		const want = "72417346726227546735930de47603e8819be031c1404169dcc143d74f2ff708"
		if diff := cmp.Diff(map[string]bool{want: true}, ids); diff != "" || len(times) != 3 {
			t.Errorf("ids (-want +got):\n%s%d times", diff, len(times))
		}
	})
}

func TestNothingPrivateIsPrintedWhateverABackEndDoes(t *testing.T) {
	for reason, answer := range map[string]backEnd{
		"": nil, "back_end": status(500, "X-Private", token), "timeout": hang, "network": reset,
		"panic": func(r *http.Request) (*http.Response, error) { panic(r.URL.String()) },
	} {
		t.Run(reason, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, b *bridge) {
				b.keys = func(string) (*standardwebhooks.Keys, error) { return keys(t, whsec("a"), ""), nil }
				b.backEnds["back.example"] = answer
				b.send("demo", "rosée", "e-1")
				b.send("other", "rosée", "of another back end")
				b.sendBody("demo", "private text", `private text`)
				b.sendBody("demo", "an id that SQS would refuse", `{"event_id":"rosée"}`)
				for range 4 {
					b.invoke()
					time.Sleep(time.Minute)
				}
				if lines, reasons := b.lines("message retry"); (len(lines) > 0) != (reasons[reason] > 0) {
					t.Errorf("retried for %v", reasons)
				}
				if failures := b.count("demo", "RelayFailed"); (failures > 0) != (reason != "") {
					t.Errorf("%d failures counted", failures)
				}
				if b.count("other", "RelayDelivered") != 1 {
					t.Error("the other's webhook was not delivered")
				}
				out := b.log.String() + b.metrics.String()
				checkPrivate(t, out)
				if strings.Contains(out, "aaaaaaaa") || strings.Contains(out, whsec("a")) || len(out) == 0 {
					t.Errorf("a key is printed: %s", out)
				}
			})
		})
	}
}

func TestAPayloadThatIsNotAnEventIsAnError(t *testing.T) {
	b := newBridge(t)
	if _, err := b.handler.Invoke(t.Context(), []byte(`{"Records":7}`)); err == nil {
		t.Error("no error")
	}
	answer, err := b.handler.Invoke(t.Context(), []byte(`{}`))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("an empty batch: %s, %v", answer, err)
	}
}

// slowBucket takes a second to say that it is empty.
type slowBucket struct{ settings.Bucket }

func (slowBucket) Get(context.Context, string) (settings.Object, error) {
	time.Sleep(time.Second)
	return settings.Object{}, settings.ErrNoObject
}

// Between two batches Lambda freezes the process, and what is under way then fails.
func TestABatchWaitsForTheLookAtTheSettings(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		current, _ := b.handler.Settings.Current()
		b.handler.Settings = settings.New(slowBucket{}, current.Value, nil, time.Minute, nil)
		for n := range 2 {
			b.send("demo", "u", fmt.Sprint("e-", n))
			began := time.Now()
			b.invoke()
			if took := time.Since(began); took != time.Second || len(b.requests) != n+1 {
				t.Errorf("batch %d took %s, %d requests", n, took, len(b.requests))
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestThereIsAnAnswerInTimeWhateverHangs(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, b *bridge) {
		b.backEnds["other.example"] = hang
		b.send("other", "u", "e-1")
		b.send("other", "u", "e-2")
		payload, err := awstest.Event(b.queue, b.queue.Receive(10, -1))
		if err != nil {
			t.Fatal(err)
		}
		b.handler.Delayer = hangingQueue{}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // less than the back end's time-out
		defer cancel()
		answer, err := b.handler.Invoke(ctx, payload)
		back, took := strings.Count(string(answer), "itemIdentifier"), time.Since(b.began)
		if err != nil || back != 2 || took > 19*time.Second {
			t.Errorf("%s, %v after %s", answer, err, took)
		}
	})
}

type hangingQueue struct{}

func (hangingQueue) Delay(ctx context.Context, _ string, _ []message.Delay) error {
	<-ctx.Done()
	return ctx.Err()
}
