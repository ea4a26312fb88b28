package shared_test

import (
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Messages of schema 1 are processed whatever version queued them: none is lost in an update. The file's cases are never
// changed; see the tests of package message.
func TestMessagesOfSchema1AreProcessedForEver(t *testing.T) {
	text, err := os.ReadFile("message/testdata/schema-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name   string `json:"name"`
		Queued struct {
			Body       string            `json:"body"`
			Attributes map[string]string `json:"attributes"`
			GroupID    string            `json:"group_id"`
		} `json:"queued"`
		Outcome  string `json:"outcome"`
		Redriven bool   `json:"redriven"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			h := newHouse(t)
			h.queue = []message.Encoded{{Body: m.Queued.Body, Attributes: m.Queued.Attributes, GroupID: m.Queued.GroupID}}
			outcome, reason := h.forward(t)
			if got := strings.TrimSpace(outcome + " " + reason); got != m.Outcome {
				t.Errorf("%s, want %s\n%s", got, m.Outcome, &h.log)
			}
			if stored := h.stored("PRODUCTION"); (len(stored) > 0) != (m.Outcome == "delivered" && !m.Redriven) {
				t.Errorf("stored %v", stored)
			}
			if (len(h.rejected) == 1) != strings.HasPrefix(m.Outcome, "rejected") {
				t.Errorf("%d messages on the rejected queue", len(h.rejected))
			}
		})
	}
}
