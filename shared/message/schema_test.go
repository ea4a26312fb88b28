package message_test

import (
	"encoding/base64"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// golden is a message as the first version of the bridge put it on the queue, and what it means. Messages may wait
// there for 14 days, and longer on the dead-letter queues, while the bridge is updated. So every version has to read
// them: cases may be added to the file, but none is ever changed or removed. A change of meaning is a new schema.
type golden struct {
	Name   string `json:"name"`
	Queued struct {
		Body            string            `json:"body"`
		Attributes      map[string]string `json:"attributes"`
		GroupID         string            `json:"group_id"`
		DeduplicationID string            `json:"deduplication_id"`
	} `json:"queued"`
	Means struct {
		App            string    `json:"app"`
		ReceivedAt     time.Time `json:"received_at"`
		Body           string    `json:"body_base64"`
		SubscriberKind string    `json:"subscriber_kind"`
		Subscriber     string    `json:"subscriber"`
		EventName      string    `json:"event_name"`
		EventID        string    `json:"event_id"`
	} `json:"means"`
	Outcome  string `json:"outcome"`  // what the forwarder makes of it
	Redriven bool   `json:"redriven"` // it has been on the rejected queue
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	text, err := os.ReadFile("testdata/schema-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(text, &all, json.RejectUnknownMembers(true)); err != nil || len(all) == 0 {
		t.Fatalf("%d messages, %v", len(all), err)
	}
	return all
}

func (g golden) body(t *testing.T) []byte {
	t.Helper()
	body, err := base64.StdEncoding.DecodeString(g.Means.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestMessagesOfSchema1CanBeReadForEver(t *testing.T) {
	for _, g := range readGolden(t) {
		t.Run(g.Name, func(t *testing.T) {
			m, err := message.Decode([]byte(g.Queued.Body), func(name string) string { return g.Queued.Attributes[name] })
			if err != nil || m.App != g.Means.App || !m.Received.Equal(g.Means.ReceivedAt) ||
				string(m.Body) != string(g.body(t)) {
				t.Errorf("read as %+v, %v", m, err)
			}
		})
	}
}

// A webhook that Purchasely sends again after an update has to get the ids that it had.
func TestMessagesOfSchema1AreWrittenAsTheyAlwaysWere(t *testing.T) {
	for _, g := range readGolden(t) {
		if g.Redriven {
			continue
		}
		t.Run(g.Name, func(t *testing.T) {
			m := message.Message{App: g.Means.App, Received: g.Means.ReceivedAt, Body: g.body(t)}
			e := message.Encode(m, message.IDs{
				SubscriberKind: g.Means.SubscriberKind, Subscriber: g.Means.Subscriber,
				EventName: g.Means.EventName, EventID: g.Means.EventID,
			}, true)
			if e.Body != g.Queued.Body || !maps.Equal(e.Attributes, g.Queued.Attributes) ||
				e.GroupID != g.Queued.GroupID || e.DeduplicationID != g.Queued.DeduplicationID {
				t.Errorf("written as %+v", e)
			}
		})
	}
}
