//go:build blackbox

package main_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// clock is AWS's time in tests that turn it.
type clock struct{ ahead atomic.Int64 }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time       { return noon.Add(time.Duration(c.ahead.Load())) }
func (c *clock) turn(d time.Duration) { c.ahead.Add(int64(d)) }

// hidden tells how long each message in flight stays hidden, to the second, and leaves the clock where all can be seen.
func (s *stage) hidden(c *clock) []time.Duration {
	s.Helper()
	var all []time.Duration
	for waited := time.Duration(0); ; waited += time.Second {
		n := s.events.Counts()
		for range n.Visible - len(all) {
			all = append(all, waited)
		}
		if n.InFlight == 0 {
			return all
		}
		if waited > time.Hour {
			s.Fatal("a message is hidden for more than an hour")
		}
		c.turn(time.Second)
	}
}

func TestARetriedMessageComesBackLaterWithEachReceive(t *testing.T) {
	t.Parallel()
	for _, queue := range []string{"events.fifo", "events"} {
		t.Run(queue, func(t *testing.T) {
			t.Parallel()
			var c clock
			s := start(t, setup{queue: queue, now: c.now, env: map[string]string{"RETRY_DELAY": "5s"}})
			s.clevertap.AddFault(down(demoAccount))
			for i := range 45 {
				s.send(letter{body: lamp(fmt.Sprint("u", i))})
			}
			for receive := 1; receive <= 40; receive++ {
				b := s.invoke()
				if len(b.messages) != 45 || b.messages[0].Receives != receive || len(b.returned) != 45 {
					t.Fatalf("receive %d: %d messages, %d come back", receive, len(b.messages), len(b.returned))
				}
				middle := min(5*time.Second<<min(receive-1, 20), 15*time.Minute)
				least, most := middle*8/10, min(middle*12/10, 15*time.Minute)
				hidden := s.hidden(&c)
				if hidden[0] < least || hidden[44] > most {
					t.Errorf("receive %d: hidden from %s to %s, want %s to %s", receive, hidden[0], hidden[44], least, most)
				}
				if receive > 3 && len(slices.Compact(hidden)) < 3 {
					t.Errorf("receive %d: all come back together", receive)
				}
			}
			// Ten in a call, and each message in one call.
			if calls := s.aws.SQS.Calls("ChangeMessageVisibilityBatch"); calls != 40*5 {
				t.Errorf("%d calls for 40 batches of 45 messages", calls)
			}
		})
	}
}

// If that call fails, the queue's own visibility holds, and everything else is as it was.
func TestNewVisibilitiesAreNotNeeded(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]awstest.Fault{
		"down": awstest.Down, "throttled": awstest.Throttle, "denied": {Status: 400, Code: "AccessDenied"}, "reset": awstest.Reset,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c clock
			s := start(t, setup{now: c.now})
			trouble.Operation = "ChangeMessageVisibilityBatch"
			s.aws.SQS.Inject(trouble)
			s.clevertap.AddFault(down(demoAccount))
			ids := s.send(letter{body: lamp("a")}, letter{app: "other", body: lamp("b")}, letter{body: "private"})
			b := s.invoke()
			hidden := s.hidden(&c)
			s.end()
			for i, want := range []string{"retry server", "delivered", "rejected malformed"} {
				if got := b.outcome(ids[i]); got != want {
					t.Errorf("message %d: %s, want %s", i, got, want)
				}
			}
			if !slices.Equal(hidden, []time.Duration{30 * time.Second}) {
				t.Errorf("hidden for %v", hidden)
			}
		})
	}
}

// SQS hangs altogether: what is known by then is told in time.
func TestAHangingQueueDoesNotHoldTheAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.impatient = false
	s.aws.SQS.Inject(awstest.Hang)
	s.clevertap.AddFault(down(demoAccount))
	ids := s.send(letter{body: lamp("a")}, letter{app: "other", body: lamp("b")}, letter{body: "private"})
	b := s.invokeWithin(3 * time.Second)
	s.end()
	if b.took > 15*time.Second { // a busy machine may be late; who waits for the queue waits for ever
		t.Errorf("answered after %s", b.took)
	}
	for i, want := range []string{"retry server", "delivered", "retry rejected_queue"} {
		if got := b.outcome(ids[i]); got != want {
			t.Errorf("message %d: %s, want %s", i, got, want)
		}
	}
}
