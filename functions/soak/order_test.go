//go:build soak

package soak_test

import "slices"

// order checks that a subscriber's events first arrived in the queue's order wherever the FIFO queue carried them. One event may overtake
// another only inside one invocation, after the other has been tried there and was not taken.
func (v *verdict) order() {
	type group struct{ queue, account string }
	for _, s := range v.senders {
		for _, h := range s.author.people {
			groups := map[group][]*sent{}
			for _, w := range h.taken {
				if len(v.stored[w.event]) > 0 && v.carriedByFIFO(w) {
					at := group{v.messages[w][0].group, w.account}
					groups[at] = append(groups[at], w)
				}
			}
			for _, webhooks := range groups {
				v.inOrder(webhooks)
			}
		}
	}
}

func (v *verdict) carriedByFIFO(w *sent) bool {
	for _, h := range v.messages[w] {
		if h.queue != v.fifo.ARN() {
			return false
		}
	}
	return true
}

func (v *verdict) inOrder(webhooks []*sent) {
	for j, late := range webhooks {
		v.ordered++
		for _, early := range webhooks[:j] {
			if v.stored[early.event][0].Number < v.stored[late.event][0].Number {
				continue
			}
			if v.tried(early, late) {
				v.overtaken++
			} else {
				v.Errorf("an event overtook an earlier one of its subscriber for no reason\n%s%s", v.story(early), v.story(late))
			}
		}
	}
}

// tried tells whether the invocation that delivered one event had tried another one before, or in the same upload.
func (v *verdict) tried(early, late *sent) bool {
	first := v.byRequest[v.stored[late.event][0].Request]
	call := v.callOf(first, late)
	if call == nil || !call.has(v.messages[early]) {
		return false
	}
	for _, u := range v.uploads {
		if u.forwarder == first.forwarder && !u.arrived.Before(call.began) && !u.arrived.After(first.arrived) && u.holds(early.event) {
			return true
		}
	}
	return false
}

func (u *upload) holds(digest string) bool {
	return slices.Contains(u.records, digest)
}

func (i *invocation) has(messages []*history) bool {
	return slices.ContainsFunc(messages, func(h *history) bool { return h.in(i) })
}

func (h *history) in(call *invocation) bool {
	return slices.Contains(h.invocations, call)
}

// callOf gives the invocation that made an upload: the forwarder's last one before that has a message of the webhook.
func (v *verdict) callOf(u *upload, w *sent) *invocation {
	var found *invocation
	for _, call := range v.byPlace[u.forwarder] {
		if call.began.After(u.arrived) {
			break
		}
		if call.has(v.messages[w]) {
			found = call
		}
	}
	return found
}
