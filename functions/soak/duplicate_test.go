//go:build soak

package soak_test

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// duplicates finds the cause of every copy of an event that CleverTap has stored before.
func (v *verdict) duplicates() {
	for digest, records := range v.stored {
		w := v.makers[digest]
		for i := 1; i < len(records) && w != nil; i++ {
			cause := v.cause(w, records[i-1], records[i])
			if cause == "" {
				v.Errorf("an event is stored twice, and nobody knows why\n%s", v.story(w))
				cause = "unknown"
			}
			v.copies.add("stored again: " + cause)
		}
	}
}

// wordsOf says for each fault what it makes of the answer to an upload that was stored.
var wordsOf = map[clevertaptest.Kind]string{
	clevertaptest.Hang: "the answer was lost", clevertaptest.ResetAfter: "the answer was lost", clevertaptest.Latency: "the answer came too late",
	clevertaptest.Trickle: "the answer came too late", clevertaptest.Status: "the answer was an error",
	clevertaptest.Half: "the answer was cut off", clevertaptest.Garbage: "the answer was unreadable", clevertaptest.Empty: "the answer was unreadable",
	clevertaptest.Huge: "the answer was unreadable", clevertaptest.BareFail: "the answer accounted for nothing",
	clevertaptest.EmptyFail: "the answer accounted for nothing", clevertaptest.BadCount: "the answer's numbers did not add up",
	clevertaptest.NoCount: "the answer's numbers did not add up", clevertaptest.WrongIndex: "the answer named no record for certain",
	clevertaptest.NoIndex: "the answer named no record for certain", clevertaptest.NoEcho: "the answer named no record for certain",
	clevertaptest.Passing: "the answer called it refused",
}

// cause tells why an event that was stored was sent again, "" if there is no reason.
func (v *verdict) cause(w *sent, first, second clevertaptest.Record) string {
	one, other := v.byRequest[first.Request], v.byRequest[second.Request]
	before, after := v.callOf(one, w), v.callOf(other, w)
	switch {
	case before == nil || after == nil:
		return ""
	case len(v.messages[w]) > 1:
		return "Purchasely sent the webhook again" // There may be another cause, but whose copy is whose cannot be told.
	case before == after && slices.Contains(one.request.Faults, clevertaptest.Passing):
		return wordsOf[clevertaptest.Passing]
	case before == after:
		return ""
	case before.killed:
		return "the forwarder was killed"
	case !before.answered():
		return "the forwarder ran out of time"
	case !before.failed[v.messages[w][0].id] && before.ended.Sub(before.began) >= visibility:
		return "the message had become visible before it was deleted"
	case !before.failed[v.messages[w][0].id]:
		return ""
	}
	for _, kind := range one.request.Faults {
		if words := wordsOf[kind]; words != "" {
			return words
		}
	}
	switch {
	case one.aborted:
		return "the answer came too late"
	case before.diary.unnoted > 0 || after.diary == nil || after.diary.unread > 0:
		return "another record of the message failed, and the subscriber table was out of reach"
	default:
		return ""
	}
}
