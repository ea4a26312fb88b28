package receive_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// relayQueue is the queue of webhooks for the customer's back end.
type relayQueue struct {
	do     func(context.Context) error
	queued []message.Encoded
}

func (q *relayQueue) Enqueue(ctx context.Context, m message.Encoded) error {
	if err := q.do(ctx); err != nil {
		return err
	}
	q.queued = append(q.queued, m)
	return nil
}

// withRelay gives the handler of a harness a second queue.
func withRelay(t *testing.T, do func(context.Context) error) (*harness, *relayQueue) {
	h, q := newHarness(t), &relayQueue{do: do}
	h.Relay = q
	return h, q
}

func TestBothQueuesGetTheSameMessageAndTheRelaysTheHeadersToo(t *testing.T) {
	for name, c := range map[string]struct {
		body      string
		encoded   bool
		timestamp string
	}{
		"a usual webhook": {body, false, timestamp},
		"bytes":           {"\x00\xff", true, timestamp},
	} {
		t.Run(name, func(t *testing.T) {
			h, q := withRelay(t, works)
			h.sign(c.body, c.encoded)
			h.headers[timestampHeader], h.headers[signatureHeader] = c.timestamp, sign(key, c.timestamp, c.body)
			h.wants("")
			if len(q.queued) != 1 {
				t.Fatalf("queued %+v", q.queued)
			}
			want := h.queued[0]
			want.Attributes = maps.Clone(want.Attributes)
			want.Attributes["timestamp"], want.Attributes["signature"] = c.timestamp, sign(key, c.timestamp, c.body)
			if diff := cmp.Diff(want, q.queued[0]); diff != "" {
				t.Errorf("relayed (-want +got):\n%s", diff)
			}
			if h.queued[0].Attributes["timestamp"] != "" {
				t.Errorf("the other queue got %v", h.queued[0].Attributes)
			}
		})
	}
}

// A heartbeat goes to the forwarder alone, and does not count as a webhook: there may be none from Purchasely.
func TestAHeartbeatIsNeitherRelayedNorCounted(t *testing.T) {
	h, q := withRelay(t, works)
	h.sign(`{"event_name":"BRIDGE_HEARTBEAT","event_id":"heartbeat-1"}`, false)
	status, _ := h.invoke(t.Context())
	if status != 200 || len(h.queued) != 1 || len(q.queued) != 0 || len(h.counted) != 0 {
		t.Errorf("queued %v, relayed %v, counted %q", h.queued, q.queued, h.counted)
	}
}

// The relay's queue keeps the order of subscribers also where the events queue does not.
func TestTheRelaysQueueIsAFIFOQueueWhateverTheOtherIs(t *testing.T) {
	h, _ := withRelay(t, works)
	h.wants("")
	fifo := h.queued[0]
	h, q := withRelay(t, works)
	h.FIFO = false
	h.wants("")
	got := q.queued[0]
	if h.queued[0].DeduplicationID != "" || got.DeduplicationID != fifo.DeduplicationID || got.GroupID != fifo.GroupID {
		t.Errorf("queued %+v and %+v, want the ids of %+v", h.queued[0], got, fifo)
	}
}

func TestAWebhookCountsOnlyWhenBothQueuesHaveIt(t *testing.T) {
	denied := &fault.Fault{Kind: fault.Operator, Reason: fault.Unavailable, Code: "AccessDenied"}
	down := fails(fault.New(fault.Retry, fault.Unavailable, errors.New("down")))
	for name, c := range map[string]struct {
		queue, relay func(context.Context) error
		reason       fault.Reason
		level        string
		code         any
	}{
		"the relay's is down":          {works, down, fault.RelayQueue, "WARN", nil},
		"the relay's refuses":          {works, fails(denied), fault.RelayQueue, "ERROR", "AccessDenied"},
		"a panic in the relay's":       {works, panics, fault.Panic, "ERROR", nil},
		"the other is down":            {down, works, fault.Unavailable, "WARN", nil},
		"the other refuses, both fail": {fails(denied), down, fault.Unavailable, "ERROR", "AccessDenied"},
		"a panic in the other":         {panics, works, fault.Panic, "ERROR", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := withRelay(t, c.relay)
			h.queue = c.queue
			if line := h.wants(c.reason); line["level"] != c.level || line["code"] != c.code {
				t.Errorf("logged %v", line)
			}
		})
	}
}

// The two are sent to at the same time: an answer takes as long as the slower one, no longer than without the relay.
func TestTheTwoQueuesAreSentToAtTheSameTime(t *testing.T) {
	for name, c := range map[string]struct {
		queue, relay func(context.Context) error
		status       int
		took         time.Duration
	}{
		"both take a while":   {takes(3 * time.Second), takes(3 * time.Second), 200, 3 * time.Second},
		"the other is slower": {takes(2 * time.Second), takes(time.Second), 200, 2 * time.Second},
		"the relay's hangs":   {works, hangs, 503, 4 * time.Second},
		"the other hangs":     {hangs, works, 503, 4 * time.Second},
	} {
		inBubble(t, name, func(t *testing.T, h *harness) {
			h.queue, h.Relay = c.queue, &relayQueue{do: c.relay}
			began := time.Now()
			status, _ := h.invoke(t.Context())
			if took := time.Since(began); status != c.status || took != c.took {
				t.Errorf("answered %d after %s, want %d after %s", status, took, c.status, c.took)
			}
		})
	}
}

// What is refused reaches neither queue.
func TestWhatIsRefusedIsNotRelayed(t *testing.T) {
	h, q := withRelay(t, works)
	h.headers[timestampHeader] = "1773474113"
	h.wants(fault.BadSignature)
	if len(q.queued) != 0 {
		t.Errorf("relayed %+v", q.queued)
	}
}
