package forward_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// overtaken gives the first forwarder a way to CleverTap on which something happens before its first upload arrives.
func overtaken(w *world, before func()) {
	way := w.clevertap.Transport()
	once := false
	w.forwarders[0].Uploader = clevertap.NewUploader(clevertap.Options{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if !once {
			once = true
			before()
		}
		return way.RoundTrip(r)
	})})
}

// said are the values of has_active_subscription in the order in which they reached CleverTap.
func (w *world) said() (values []string) {
	for _, r := range w.clevertap.Records("PRODUCTION") {
		if _, value, ok := strings.Cut(string(r.Raw), `"has_active_subscription":`); ok {
			values = append(values, strings.TrimRight(value, "}"))
		}
	}
	for i, value := range values {
		values[i], _, _ = strings.Cut(value, ",")
	}
	return values
}

// begun and over are the two webhooks of most stories here.
var (
	begun = news{happening: happenings[0], subscriber: 0, purchase: 1, minute: 1}
	over  = news{happening: happenings[1], subscriber: 0, purchase: 1, minute: 5}
)

func TestAnUploadThatIsOvertakenIsCorrected(t *testing.T) {
	for name, c := range map[string]struct {
		story []news
		want  []string
	}{
		"by the end of the purchase":   {[]news{begun, over}, []string{"false", "true", "false"}},
		"by a new purchase":            {[]news{over, {happening: begun.happening, purchase: 2, minute: 6}}, []string{"true", "false", "true"}},
		"by something that says alike": {[]news{begun, {happening: begun.happening, purchase: 2, minute: 6}}, []string{"true", "true"}},
		"by a purchase without an id":  {[]news{{happening: over.happening, minute: 3}, begun}, []string{"true", "false", "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plan{story: c.story, messages: []int{0, 1}})
			first, second := w.waiting[:1], w.waiting[1:]
			overtaken(w, func() {
				if back := w.invoke(w.forwarders[1], second); len(back) > 0 {
					t.Error("the second message comes back")
				}
			})
			if back := w.invoke(w.forwarders[0], first); len(back) > 0 {
				t.Error("the first message comes back")
			}
			if got := w.said(); !slices.Equal(got, c.want) {
				t.Errorf("CleverTap heard %v, want %v", got, c.want)
			}
		})
	}
}

func TestOnAFIFOQueueNobodyOvertakes(t *testing.T) {
	w := newWorld(t, plan{fifo: true, story: []news{begun}, messages: []int{0}})
	w.invoke(w.forwarders[0], w.waiting)
	if w.table.reads != 1 {
		t.Errorf("%d reads, want one: a subscriber's messages are with one forwarder at a time", w.table.reads)
	}
}

// But the subscriber from whom a subscription came is in another group.
func TestTheOtherSideOfATransferIsLookedAtAgainOnAFIFOQueue(t *testing.T) {
	transfer := news{happening: happenings[len(happenings)-1], subscriber: 1, from: 0, purchase: 1, minute: 5}
	w := newWorld(t, plan{fifo: true, story: []news{begun, transfer, {happening: begun.happening, purchase: 2, minute: 6}}, messages: []int{0, 1, 2}})
	w.invoke(w.forwarders[0], w.waiting[:1])
	overtaken(w, func() { w.invoke(w.forwarders[1], w.waiting[2:]) })
	w.invoke(w.forwarders[0], w.waiting[1:2])
	if got := w.told("PRODUCTION", 0); got != "true" {
		t.Errorf("who has bought anew is active: %s", got)
	}
	if got := w.told("PRODUCTION", 1); got != "true" {
		t.Errorf("who has received a subscription is active: %s", got)
	}
}

func TestWhenTheTableDoesNotAnswerAgainWhatWasSaidStays(t *testing.T) {
	w := newWorld(t, plan{story: []news{begun}, messages: []int{0}})
	overtaken(w, func() { w.table.trouble = noReads })
	if back := w.invoke(w.forwarders[0], w.waiting); len(back) > 0 {
		t.Error("a message comes back that was delivered")
	}
	if got := w.told("PRODUCTION", 0); got != "true" {
		t.Errorf("active: %s", got)
	}
}

// While an account is left alone nothing reaches it that could be wrong, and nobody looks again.
func TestWhoHasSaidNothingNeedNotLookAgain(t *testing.T) {
	w := newWorld(t, plan{story: []news{begun}, messages: []int{0}})
	w.clevertap.SetAccount(clevertaptest.Account{ID: "PRODUCTION", Region: "eu1", Passcodes: []string{"another"}})
	if back := w.invoke(w.forwarders[0], w.waiting); len(back) != 1 || w.table.reads != 1 {
		t.Errorf("%d come back after %d reads", len(back), w.table.reads)
	}
}
