//go:build soak

package soak_test

import (
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// ends checks that every webhook ended as it has to.
func (v *verdict) ends() {
	for _, q := range []*awstest.Queue{v.fifo, v.standard, v.fifoDead, v.standardDead} {
		if n := len(q.Messages()); n > 0 {
			v.Errorf("%d messages left on %s", n, q.Name())
		}
	}
	for h := range v.histories {
		if v.histories[h].webhook == nil {
			v.Errorf("a message of a webhook that nobody sent")
		}
	}
	for _, w := range v.webhooks {
		if len(v.messages[w]) == 0 {
			v.Errorf("a webhook for %s was taken and never seen again", w.app)
		}
		for _, h := range v.messages[w] {
			v.receives = max(v.receives, h.receives)
			switch {
			case h.last() == nil:
				v.Errorf("a message for %s was not settled after %d receives", w.app, h.receives)
			case h.outcome == forward.Skipped && h.reason == string(fault.EventOff) && w.event == "" && w.outcome == forward.Delivered:
				// Its profile record was all there was to send, and the state knows newer things by now.
				v.outdated++
			case h.outcome != w.outcome || h.reason != string(w.reason):
				v.Errorf("a webhook for %s was %s %s, want %s %s", w.app, h.outcome, h.reason, w.outcome, w.reason)
			}
		}
		v.outcomes.add(strings.TrimSpace(w.outcome.String() + " " + string(w.reason)))
		wantsEvent, wantsCharged := w.event != "" && w.outcome == forward.Delivered, w.charged != ""
		if wantsEvent != v.has(w.event, w.account) || wantsCharged != v.has(w.charged, w.account) {
			v.Errorf("a webhook for %s, %s %s: event stored %t, Charged stored %t, want %t and %t", w.app, w.outcome, w.reason,
				v.has(w.event, w.account), v.has(w.charged, w.account), wantsEvent, wantsCharged)
		}
	}
}

// has tells whether a record is stored, in the right account and in no other.
func (v *verdict) has(digest, account string) bool {
	for _, record := range v.stored[digest] {
		if record.Account != account {
			v.Errorf("a record of %s is stored in %s", account, record.Account)
		}
	}
	return len(v.stored[digest]) > 0
}

// rejections checks the rejected queue: whole messages, a reason that the webhook deserves, and no other ones.
func (v *verdict) rejections() {
	times := map[*sent]int{}
	for _, m := range v.rejected.Messages() {
		attributes := map[string]string{}
		for name, a := range m.Attributes {
			attributes[name] = a.StringValue
		}
		w := v.byKey[keyOf(attributes["app"], plainBody(m.Body, attributes["encoding"]))]
		if w == nil {
			v.Errorf("a rejected message is no webhook of this run: %v", attributes)
			continue
		}
		times[w]++
		if attributes["reason"] != string(w.reason) || w.outcome != forward.Rejected {
			v.Errorf("rejected as %s, but the webhook is %s %s", attributes["reason"], w.outcome, w.reason)
		}
		if !w.odd && (attributes["schema"] != message.Schema || attributes["received_at"] == "") {
			v.Errorf("a rejected message lost its attributes: %v", attributes)
		}
		if accepted := attributes["accepted"]; strings.Contains(accepted, "event") || strings.Contains(accepted, "charged") != (w.charged != "") {
			v.Errorf("a rejected message with Charged %t says that %q was accepted", w.charged != "", accepted)
		}
		for name, text := range attributes {
			if strings.Contains(text, personal) {
				v.Errorf("attribute %s of a rejected message names a person", name)
			}
		}
	}
	for _, w := range v.webhooks {
		if w.outcome == forward.Rejected && times[w] == 0 {
			v.Errorf("a webhook was rejected as %s and is not in the rejected queue", w.reason)
		}
		for range max(0, times[w]-1) {
			v.rejectedAgain(w)
		}
	}
}

// rejectedAgain explains why a webhook is in the rejected queue more than once.
func (v *verdict) rejectedAgain(w *sent) {
	cause := ""
	for _, h := range v.messages[w] {
		if slices.ContainsFunc(h.invocations, func(i *invocation) bool { return !i.answered() }) {
			cause = "the forwarder was killed"
		} else if slices.Contains(h.retries, "rejected_queue") {
			cause = "the answer of the rejected queue was lost"
		}
	}
	switch {
	case cause != "":
	case len(v.messages[w]) > 1:
		cause = "sent again by Purchasely"
	case v.weather.cast["SQS lost answers"] > 0:
		cause = "the SDK repeated a call"
	default:
		v.Errorf("a webhook is in the rejected queue twice, and nobody knows why")
	}
	v.copies.add("rejected again: " + cause)
}

// strangers checks that nothing is stored that no webhook has asked for.
func (v *verdict) strangers() {
	for digest, records := range v.stored {
		if v.makers[digest] == nil {
			v.Errorf("%s stored %d times, but no webhook makes this record", records[0].Name, len(records))
		}
	}
}
