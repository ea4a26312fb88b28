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
			for k := i - 2; k >= 0 && cause == "" && len(v.messages[w]) > 1; k-- {
				cause = v.cause(w, records[k], records[i]) // of several messages of a webhook, each has copies of its own
			}
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
	if before == nil || after == nil {
		return ""
	}
	shared := slices.DeleteFunc(slices.Clone(v.messages[w]), func(h *history) bool { return !h.in(before) || !h.in(after) })
	spoilt := ""
	for _, kind := range one.request.Faults {
		if spoilt == "" {
			spoilt = wordsOf[kind]
		}
	}
	switch {
	case len(shared) == 0, before == after && len(shared) > 1:
		return "Purchasely sent the webhook again"
	case before == after:
		if slices.Contains(one.request.Faults, clevertaptest.Passing) {
			return wordsOf[clevertaptest.Passing]
		}
		return ""
	case before.killed:
		return "the forwarder was killed"
	case !before.answered():
		return "the forwarder ran out of time"
	case !before.failed[shared[0].id]:
		if before.ended.Sub(before.began) >= visibility {
			return "the message had become visible before it was deleted"
		}
		return ""
	case spoilt != "" || one.aborted:
		if spoilt == "" {
			spoilt = "the sender gave up"
		}
		return spoilt
	case before.diary.unnoted > 0 || after.diary == nil || after.diary.unread > 0:
		return "another record of the message failed, and the holder table was out of reach"
	default:
		return ""
	}
}
