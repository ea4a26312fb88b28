//go:build blackbox

package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestAnInvocationThatHasLittleTimeAnswersInTime(t *testing.T) {
	t.Parallel()
	hang := clevertaptest.Fault{Kind: clevertaptest.Hang, Account: demoAccount}
	slow := clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 700 * time.Millisecond, Account: demoAccount}
	tests := map[string]struct {
		left    time.Duration
		fault   clevertaptest.Fault
		letters int // of which an upload holds twenty
		want    map[string]bool
	}{
		"CleverTap hangs": {3 * time.Second, hang, 5, map[string]bool{"retry timeout": true}},
		"CleverTap hangs, and there is more than it takes": {3 * time.Second, hang, 200, map[string]bool{"retry timeout": true, "retry no_time": true}},
		"CleverTap is slow, and there is much to do":       {3 * time.Second, slow, 200, map[string]bool{"delivered": true, "retry no_time": true}},
		"the time is too short for any upload":             {400 * time.Millisecond, slow, 5, map[string]bool{"retry no_time": true}},
		"a passing code, and no time for another try":      {3 * time.Second, clevertaptest.Fault{Kind: clevertaptest.Transient, Times: 99, Account: demoAccount}, 5, map[string]bool{"retry transient": true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{queue: "events", env: map[string]string{"UPLOAD_TIMEOUT": "25s", "UPLOAD_CONCURRENCY": "2"}})
			s.send(letter{body: lamp("warm")}, letter{app: "other", body: lamp("warm")})
			s.invoke()
			s.clevertap.AddFault(test.fault)
			var ids []string
			for i := range test.letters {
				ids = append(ids, s.send(letter{body: bulky(fmt.Sprint("u", i))})...)
			}
			bad := s.send(letter{body: "private"})[0]
			b := s.invokeWithin(test.left)
			s.end()
			if b.took > 15*time.Second { // a busy machine may be late; nobody waits for an upload's own time-out
				t.Errorf("answered after %s", b.took)
			}
			got := map[string]bool{}
			for _, id := range ids {
				got[b.outcome(id)] = true
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("outcomes %v, want %v", got, test.want)
			}
			// The rejected queue has a share of the time, of which a busy machine may make too little.
			if got := b.outcome(bad); got != "rejected malformed" && got != "retry rejected_queue" {
				t.Error(got)
			}
			// Nothing was cut off that was stored: what was delivered is stored once.
			delivered := 0
			for _, id := range ids {
				if b.outcome(id) == "delivered" {
					delivered++
				}
			}
			if n := s.stored(demoAccount, "event") - 1; n != delivered {
				t.Errorf("%d stored, %d delivered", n, delivered)
			}
		})
	}
}

func TestATimeOutIsShorterThanTheInvocation(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"UPLOAD_TIMEOUT": "300ms"}})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Hang})
	id := s.send(letter{body: lamp("a")})[0]
	b := s.invoke()
	s.end()
	if b.outcome(id) != "retry timeout" || b.took < 300*time.Millisecond || b.took > allowed/2 {
		t.Errorf("%s after %s", b.outcome(id), b.took)
	}
}
