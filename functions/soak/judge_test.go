//go:build soak

package soak_test

import (
	"fmt"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// verdict is everything that a run left behind, put together.
type verdict struct {
	*run
	webhooks  []*sent
	byKey     map[string]*sent
	histories map[string]*history
	messages  map[*sent][]*history
	uploads   []*upload
	records   []clevertaptest.Record
	stored    map[string][]clevertaptest.Record // events by digest, in order
	byRequest map[int]*upload
	makers    map[string]*sent // by the digest of an event record
	byPlace   [][]*invocation  // by forwarder, in order
	report
}

// judge accounts for every webhook.
func (r *run) judge() {
	v := &verdict{
		run: r, byKey: map[string]*sent{}, makers: map[string]*sent{}, messages: map[*sent][]*history{},
		stored: map[string][]clevertaptest.Record{}, byRequest: map[int]*upload{},
	}
	v.webhooks = r.planted
	for _, s := range r.senders {
		v.webhooks = append(v.webhooks, s.taken...)
	}
	for _, w := range v.webhooks {
		v.byKey[w.key] = w
	}
	v.histories = r.histories(v.byKey)
	for _, h := range v.histories {
		v.messages[h.webhook] = append(v.messages[h.webhook], h)
	}
	for _, w := range v.webhooks {
		for _, digest := range []string{w.event, w.charged} {
			if digest != "" {
				v.makers[digest] = w
			}
		}
	}
	v.uploads = r.tap.seen()
	for _, u := range v.uploads {
		if u.request != nil {
			v.byRequest[u.request.Number] = u
		}
	}
	v.records = r.cleverTap.Records("")
	for _, record := range v.records {
		if record.Type == "event" {
			v.stored[string(record.Digest)] = append(v.stored[string(record.Digest)], record)
		}
	}
	v.byPlace = make([][]*invocation, len(r.fleet.forwarders))
	for _, call := range r.fleet.invocations {
		v.byPlace[call.forwarder] = append(v.byPlace[call.forwarder], call)
	}
	v.balance()
	v.ends()
	v.rejections()
	v.strangers()
	v.duplicates()
	v.order()
	v.profiles()
	v.inFlight()
	v.objections()
	v.secrecy()
	v.print()
}

// balance checks that what every invocation counted is what the queue learnt from it, and takes each message's outcome from the log.
func (v *verdict) balance() {
	for _, w := range v.fleet.forwarders {
		for _, l := range w.lives {
			diaries, err := l.diaries()
			if err != nil && !l.invocations[len(l.invocations)-1].killed {
				v.Error(err)
			}
			for n, call := range l.invocations {
				v.count(call)
				if !call.answered() {
					continue
				}
				call.diary = diaries[fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1)]
				if call.diary == nil {
					v.Errorf("an invocation of %d messages wrote nothing", len(call.messages))
					continue
				}
				c := call.diary.counts
				v.counts.add(c)
				if c.Received != len(call.messages) || c.Retried != len(call.failed) || c.Received != c.Delivered+c.Skipped+c.Rejected+c.Retried {
					v.Errorf("%d messages, %d failures, but counts are %+v", len(call.messages), len(call.failed), c)
				}
				for i := range call.messages {
					v.settle(call, call.messages[i].id)
				}
			}
		}
	}
}

// settle takes one message's outcome from the log of an invocation.
func (v *verdict) settle(call *invocation, id string) {
	h, told := v.histories[id], call.diary.lines[id]
	switch {
	case call.failed[id] && told.Outcome != "retry":
		v.Errorf("a message that came back was logged as %q", told.Outcome)
	case call.failed[id]:
		h.retries = append(h.retries, told.Reason)
		v.retries.add(told.Reason)
	default:
		h.reason = told.Reason
		h.outcome = map[string]forward.Outcome{"": forward.Delivered, "skipped": forward.Skipped, "rejected": forward.Rejected}[told.Outcome]
	}
}
