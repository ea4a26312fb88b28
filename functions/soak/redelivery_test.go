//go:build blackbox

package soak_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

const (
	returnedAccount = "RET-URN-1234"
	returnedBody    = `{"api_version":3,"event_name":"SUBSCRIPTION_RENEWED","event_id":"e-1","event_created_at_ms":1795000000000,"user_id":"u-1",` +
		`"environment":"PRODUCTION","purchase_type":"RENEWING_SUBSCRIPTION","purchasely_subscription_id":"subs_1","subscription_status":"AUTO_RENEWING","plan":"gold"}`
)

// returning is a built forwarder with its queues, for messages that are sent back.
type returning struct {
	*testing.T
	aws                   *awstest.Server
	queue, dead, rejected *awstest.Queue
	cleverTap             *clevertaptest.Server
	forwarder             *lambdatest.Function
}

func newReturning(t *testing.T) *returning {
	r := &returning{T: t, aws: awstest.New(t, nil)}
	r.dead = r.aws.SQS.Create(awstest.QueueConfig{Name: "dead.fifo"})
	r.rejected = r.aws.SQS.Create(awstest.QueueConfig{Name: "rejected"})
	r.queue = r.aws.SQS.Create(awstest.QueueConfig{Name: "events.fifo", DeadLetters: r.dead, MaxReceiveCount: 1})
	r.aws.Secrets.Put("bridge/demo/clevertap", `{"region":"eu1","account_id":"`+returnedAccount+`","passcode":"marble-lantern"}`)
	r.cleverTap = clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{{ID: returnedAccount, Passcodes: []string{"marble-lantern"}}}})
	listener, err := r.cleverTap.Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	file := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(file, []byte("apps: {demo: {}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := r.aws.Env()
	maps.Copy(env, map[string]string{
		"SECRETS_PREFIX": "bridge", "INTEGRATIONS_FILE": file, "REJECTED_QUEUE_URL": r.aws.SQS.QueueURL(r.rejected), "RETRY_DELAY": "1ms",
		"CLEVERTAP_ENDPOINT": listener.URL + "/{host}", "SUBSCRIBERS_TABLE": r.aws.Dynamo.Create("subscribers", "subscriber").Name,
	})
	r.forwarder = lambdatest.Start(t, lambdatest.Build(t, "functions/forwarder"), env)
	return r
}

// send puts a message on the queue as the receiver does, or as somebody who sends it back.
func (r *returning) send(body string, attributes map[string]awstest.Attribute, dedup string) {
	r.Helper()
	e := message.Encode(message.Message{App: "demo", Received: time.UnixMilli(1795000001000), Body: []byte(returnedBody)}, "user", "u-1", "e-1", true)
	if attributes == nil {
		attributes = map[string]awstest.Attribute{}
		for name, value := range e.Attributes {
			attributes[name] = awstest.Attribute{DataType: "String", StringValue: value}
		}
	}
	sent, err := r.queue.Send(awstest.Message{Body: body, Attributes: attributes, GroupID: e.GroupID, DeduplicationID: dedup})
	if err != nil {
		r.Fatal(err)
	}
	if left := r.queue.Messages(); len(left) != 1 || left[0].ID != sent.ID {
		r.Fatalf("the queue holds %d messages: the one that was sent back counts as known", len(left))
	}
}

// forward hands the queue's message to the forwarder, deletes it if it is done with, and tells whether it comes back.
func (r *returning) forward() (back bool) {
	r.Helper()
	batch := r.queue.Receive(10, -1)
	event, err := awstest.Event(r.queue, batch)
	if err != nil {
		r.Fatal(err)
	}
	answer, err := r.forwarder.Invoke(context.WithoutCancel(r.Context()), event, 10*time.Second)
	if err != nil {
		r.Fatal(err)
	}
	var response struct {
		Failures []any `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		r.Fatal(err)
	}
	if len(response.Failures) > 0 {
		return true
	}
	if err := r.queue.Delete(batch[0].Handle); err != nil {
		r.Fatal(err)
	}
	return false
}

// wants checks how many events and profiles are stored.
func (r *returning) wants(events, profiles int) {
	r.Helper()
	counts := map[string]int{}
	for _, record := range r.cleverTap.Records("") {
		counts[record.Type]++
		if record.Type == "event" && record.EventID != "e-1" {
			r.Errorf("event_id %q is not the webhook's", record.EventID)
		}
	}
	if counts["event"] != events || counts["profile"] != profiles {
		r.Errorf("%d events and %d profiles stored, want %d and %d", counts["event"], counts["profile"], events, profiles)
	}
	if left := r.queue.Messages(); len(left) > 0 {
		r.Errorf("%d messages left", len(left))
	}
}

// takeRejected empties the rejected queue of its one message.
func (r *returning) takeRejected(reason string) awstest.Received {
	r.Helper()
	messages := r.rejected.Receive(10, -1)
	if len(messages) != 1 {
		r.Fatalf("%d messages rejected", len(messages))
	}
	m := messages[0]
	if m.Body != returnedBody || m.Attribute("reason") != reason || m.Attribute("accepted") != "profile" || m.Attribute("app") != "demo" {
		r.Errorf("rejected as %q with %q accepted, %q", m.Attribute("reason"), m.Attribute("accepted"), m.Body)
	}
	if err := r.rejected.Delete(m.Handle); err != nil {
		r.Fatal(err)
	}
	return m
}

func (r *returning) discard(events ...string) {
	r.cleverTap.SetAccount(clevertaptest.Account{ID: returnedAccount, Passcodes: []string{"marble-lantern"}, Discarded: events})
}

func TestARejectedMessageSentBackSendsOnlyWhatWasNotAccepted(t *testing.T) {
	r := newReturning(t)
	r.discard("SUBSCRIPTION_RENEWED")
	r.send(returnedBody, nil, "e-1")
	r.forward()
	r.wants(0, 1)
	first := r.takeRejected("clevertap_528")

	r.send(first.Body, first.Attributes, "back-1") // too early: it is refused once more
	r.forward()
	r.wants(0, 1)
	second := r.takeRejected("clevertap_528")

	r.discard()
	r.send(second.Body, second.Attributes, "back-2")
	if r.forward() {
		t.Error("a message that was sent back comes back")
	}
	r.wants(1, 1)
	if n := len(r.rejected.Messages()); n > 0 {
		t.Errorf("%d messages rejected", n)
	}
}

func TestADeadLetterSentBackIsDeliveredUnderItsOwnEventID(t *testing.T) {
	for name, c := range map[string]struct {
		fault    clevertaptest.Fault
		profiles int // stored before it was given up
	}{
		"of which nothing was accepted":     {clevertaptest.Fault{Kind: clevertaptest.Status, Count: 1}, 0},
		"whose profile was accepted before": {clevertaptest.Fault{Kind: clevertaptest.Passing, Marker: "e-1", Times: 3}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReturning(t)
			r.cleverTap.AddFault(c.fault)
			r.send(returnedBody, nil, "e-1")
			if !r.forward() {
				t.Fatal("delivered although CleverTap was out of order")
			}
			if r.queue.Receive(10, -1) != nil {
				t.Fatal("received more often than the queue allows")
			}
			dead := r.dead.Receive(10, -1)
			if len(dead) != 1 || dead[0].DeduplicationID != dead[0].ID {
				t.Fatalf("dead letters %+v", dead)
			}
			r.wants(0, c.profiles)
			r.send(dead[0].Body, dead[0].Attributes, dead[0].DeduplicationID)
			if r.forward() {
				t.Error("a dead letter that was sent back comes back")
			}
			r.wants(1, 1)
		})
	}
}
