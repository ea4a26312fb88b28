//go:build soak

package soak_test

import (
	"fmt"
	"strings"
	"time"
)

// story tells what happened to a webhook, for the messages of failures: where its event was stored and tried, and who had its messages.
func (v *verdict) story(w *sent) string {
	var b strings.Builder
	since := func(t time.Time) time.Duration { return t.Sub(v.began).Round(time.Millisecond) }
	fmt.Fprintf(&b, "webhook %d of its subscriber, for %s, to be %s\n", w.place, w.app, w.outcome)
	for _, r := range v.stored[w.event] {
		fmt.Fprintf(&b, "  stored as record %d by request %d\n", r.Number, r.Request)
	}
	for _, u := range v.uploads {
		if u.request != nil && u.holds(w.event) {
			fmt.Fprintf(&b, "  %s: request %d of forwarder %d with %d records, status %d, befallen by %v\n",
				since(u.arrived), u.request.Number, u.forwarder, len(u.records), u.request.Status, u.request.Faults)
		}
	}
	for _, h := range v.messages[w] {
		fmt.Fprintf(&b, "  message %.8s on %s, received %d times\n", h.id, h.queue, h.receives)
		for _, call := range h.invocations {
			end := "deleted"
			switch {
			case call.killed:
				end = "killed"
			case !call.answered():
				end = call.err.Error()
			case call.failed[h.id]:
				end = "retried as " + call.diary.lines[h.id].Reason
			}
			fmt.Fprintf(&b, "  %s to %s: forwarder %d, %d messages, %s\n", since(call.began), since(call.ended), call.forwarder, len(call.messages), end)
		}
	}
	return b.String()
}
