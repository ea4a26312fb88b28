//go:build soak

package soak_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// checkOrder checks that a user's events first arrived in the queue's order wherever the FIFO queue carried them. One
// event may overtake another only inside one invocation, after the other has been tried there and was not accepted.
func (c *checks) checkOrder() {
	type group struct{ name, account string }
	groups := map[group][]*testWebhook{}
	for _, s := range c.senders {
		for _, w := range s.sent {
			if w.user != nil && len(c.stored[w.event]) > 0 && c.carriedByFIFO(w) {
				g := group{c.messages[w][0].group, w.account}
				groups[g] = append(groups[g], w)
			}
		}
	}
	for _, webhooks := range groups {
		c.ordered += len(webhooks)
		for i, late := range webhooks {
			for _, early := range webhooks[:i] {
				switch {
				case c.stored[early.event][0].Number < c.stored[late.event][0].Number:
				case c.tried(early, late):
					c.overtaken++
				default:
					c.Errorf("an event overtook another for no reason\n%s%s", c.describe(early), c.describe(late))
				}
			}
		}
	}
}

func (c *checks) carriedByFIFO(w *testWebhook) bool {
	return !slices.ContainsFunc(c.messages[w], func(h *history) bool { return h.queue != c.fifo.ARN() })
}

// tried reports whether the invocation that delivered one event had tried another one before, or in the same upload.
func (c *checks) tried(early, late *testWebhook) bool {
	first := c.byRequest[c.stored[late.event][0].Request]
	call := c.invocationOf(first, late)
	if call == nil || !c.carries(call, early) {
		return false
	}
	return slices.ContainsFunc(c.uploads, func(u *upload) bool {
		during := !u.arrived.Before(call.began) && !u.arrived.After(first.arrived)
		return during && u.forwarder == first.forwarder && u.holds(early.event)
	})
}

// carries reports whether an invocation has a message of a webhook.
func (c *checks) carries(call *invocation, w *testWebhook) bool {
	return slices.ContainsFunc(c.messages[w], func(h *history) bool { return slices.Contains(h.invocations, call) })
}

// invocationOf returns the invocation that made an upload: the forwarder's last one before that has a message of the
// webhook.
func (c *checks) invocationOf(u *upload, w *testWebhook) (found *invocation) {
	for _, call := range c.forwarders.all[u.forwarder].invocations {
		if !call.began.After(u.arrived) && c.carries(call, w) {
			found = call
		}
	}
	return found
}

// checkDuplicates finds the cause of every copy of an event that CleverTap has stored before.
func (c *checks) checkDuplicates() {
	for digest, records := range c.stored {
		w := c.byDigest[digest]
		for i := 1; i < len(records) && w != nil; i++ {
			cause := c.whyStoredAgain(w, records[i-1], records[i])
			if cause == "" {
				c.Errorf("an event is stored twice, and nobody knows why\n%s", c.describe(w))
			}
			c.copies.add("stored again: " + cause)
		}
	}
}

// harmless are the faults after which the forwarder knows what was stored.
var harmless = []clevertaptest.Kind{
	clevertaptest.ResetBefore, clevertaptest.Poison, clevertaptest.NoCode, clevertaptest.Expire,
}

// whyStoredAgain returns why an event that was stored was sent again, "" if there is no reason.
func (c *checks) whyStoredAgain(w *testWebhook, first, second clevertaptest.Record) string {
	upload := c.byRequest[first.Request]
	before, after := c.invocationOf(upload, w), c.invocationOf(c.byRequest[second.Request], w)
	if before == nil || after == nil {
		return ""
	}
	returned := before.returned(c.messages[w][0].id)
	switch {
	case len(c.messages[w]) > 1: // there may be another cause, but which message made which copy is unknown
		return "Purchasely sent the webhook again"
	case before == after && slices.Contains(upload.request.Faults, clevertaptest.Transient):
		return "the answer called it refused"
	case before == after:
		return ""
	case before.killed:
		return "the forwarder was killed"
	case before.err != nil:
		return "the forwarder ran out of time"
	case !returned && before.ended.Sub(before.began) >= visibility:
		return "the message had become visible before it was deleted"
	case !returned:
		return ""
	}
	for _, kind := range upload.request.Faults {
		if !slices.Contains(harmless, kind) {
			return "fault " + string(kind)
		}
	}
	switch {
	case upload.aborted:
		return "the answer came too late"
	case before.log.unsaved || after.log == nil:
		return "another record of the message failed, and the subscribers table was out of reach"
	}
	return ""
}

// describe returns what happened to a webhook: where its event was stored and tried, and who had its messages.
func (c *checks) describe(w *testWebhook) string {
	var b strings.Builder
	since := func(t time.Time) time.Duration { return t.Sub(c.began).Round(time.Millisecond) }
	fmt.Fprintf(&b, "webhook %d of its user, for %s, to be %s\n", w.index, w.app, w.outcome)
	for _, r := range c.stored[w.event] {
		fmt.Fprintf(&b, "  stored as record %d by request %d\n", r.Number, r.Request)
	}
	for _, u := range c.uploads {
		if u.request != nil && u.holds(w.event) {
			fmt.Fprintf(&b, "  %s: request %d of forwarder %d with %d records, status %d, faults %v\n",
				since(u.arrived), u.request.Number, u.forwarder, len(u.records), u.request.Status, u.request.Faults)
		}
	}
	for _, h := range c.messages[w] {
		fmt.Fprintf(&b, "  message on %s, received %d times, retried for %v\n", h.queue, h.receives, h.retries)
		for _, call := range h.invocations {
			fmt.Fprintf(&b, "    %s to %s: forwarder %d, returned %t, killed %t, error %v\n",
				since(call.began), since(call.ended), call.process, call.returned(h.id), call.killed, call.err)
		}
	}
	return b.String()
}
