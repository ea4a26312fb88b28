package forward_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// FuzzEvent: whatever the payload, there is either an error or a response, and every message of the batch has one
// outcome. A number chooses CleverTap's response. The handler has seen another batch before, whose memory it uses
// again.
func FuzzEvent(f *testing.F) {
	names := slices.Sorted(maps.Keys(responses))
	for i := range names {
		f.Add(payload(f, newMessage("demo", "renewal"), newMessage("other", "no user")), uint8(i))
	}
	f.Fuzz(func(t *testing.T, payload []byte, response uint8) {
		original := bytes.Clone(payload)
		messages, unreadable := message.ReadEvent(payload)
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t)
			h.run(newMessage("demo", "renewal"), newMessage("unknown", "no user"))
			h.out.Reset()
			h.rejected = nil
			h.clevertap = responses[names[int(response)%len(names)]]
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			switch answer, err := h.Invoke(ctx, payload); {
			case (err == nil) != (unreadable == nil):
				t.Errorf("the handler returns error %v, the reader %v", err, unreadable)
			case err == nil:
				h.checkCounts(messages, failures(t, answer))
			case answer != nil || h.out.Len() > 0:
				t.Errorf("beside %v there are %q and %q", err, answer, &h.out)
			}
		})
		if !bytes.Equal(payload, original) {
			t.Error("the payload was changed")
		}
	})
}
