//go:build blackbox

package main_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// startRelaying starts a receiver with a relay queue.
func startRelaying(t *testing.T, queueName string) *stack {
	t.Helper()
	s := prepare(t, nil, queueName)
	s.run(map[string]string{"RELAY_QUEUE_URL": s.aws.SQS.QueueURL(s.relay)})
	return s
}

func TestBlackBoxAWebhookIsRelayedByteForByte(t *testing.T) {
	onBothQueues(t, func(t *testing.T, name string) {
		s := startRelaying(t, name)
		for i, text := range []string{body, "\x00\xff", strings.Repeat("\xff", 262144)} {
			m := s.wantsQueued(text, signed(text))
			relayed := s.relay.Messages()
			if len(relayed) != 1 {
				t.Fatalf("%d messages on the relay queue", len(relayed))
			}
			got, want := map[string]string{}, map[string]string{
				"timestamp": timestamp, "signature": sign(key, timestamp, text),
			}
			for name := range relayed[0].Attributes {
				got[name] = relayed[0].Attribute(name)
			}
			for name := range m.Attributes {
				want[name] = m.Attribute(name)
			}
			if diff := cmp.Diff(want, got); diff != "" || relayed[0].Body != m.Body {
				t.Errorf("webhook %d: attributes (-want +got):\n%s", i, diff)
			}
			sameIDs := relayed[0].GroupID == m.GroupID && relayed[0].DeduplicationID == m.DeduplicationID
			if s.queue.FIFO() != sameIDs || len(relayed[0].GroupID) != 64 || len(relayed[0].DeduplicationID) != 64 {
				t.Errorf("webhook %d: ids %q and %q", i, relayed[0].GroupID, relayed[0].DeduplicationID)
			}
		}
		s.wants(401, signedWith("another key", timestamp, body))
		if n := len(s.relay.Messages()); n != 1 {
			t.Errorf("%d messages on the relay queue after a forged one", n)
		}
	})
}

// refusing makes one of the two queues refuse whatever is sent to it.
func refusing(q *awstest.Queue, code string) {
	q.Refuse(func(string, awstest.Message) string { return code })
}

func TestBlackBox200MeansThatBothQueuesHaveAccepted(t *testing.T) {
	t.Parallel()
	s := startRelaying(t, "events.fifo")
	refusing(s.relay, "AccessDenied")
	s.wants(503, signed(body))
	refusing(s.relay, "")
	refusing(s.queue, "AccessDenied")
	s.wants(503, signed(body))
	refusing(s.queue, "")
	s.wants(200, signed(body)) // Purchasely sends again, and what was accepted before is no second message.
	if e, r := len(s.queue.Messages()), len(s.relay.Messages()); e != 1 || r != 1 {
		t.Errorf("%d messages on the events queue, %d on the relay queue", e, r)
	}
	s.WantsLine(t, `"reason":"relay_queue"`)
}

// Both calls are under way at the same time: each of them waits until the other has come.
func TestBlackBoxBothQueuesAreSentToAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := startRelaying(t, "events.fifo")
	s.wants(200, signed(body))
	var both sync.WaitGroup
	both.Add(2)
	s.aws.SQS.Before(func(string) {
		both.Done()
		met := make(chan struct{})
		go func() { both.Wait(); close(met) }()
		select {
		case <-met:
		case <-time.After(time.Minute):
			t.Error("the other call did not come")
		}
	})
	s.wants(200, signed(`{"event_id":"second"}`))
}
