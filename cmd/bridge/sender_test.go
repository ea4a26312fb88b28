package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// testSender sends to the fakeCloud's events queue.
func testSender(c *fakeCloud, perSecond float64) *sender {
	s, err := newSender(&stack{outputs: c.outputs}, perSecond)
	if err != nil {
		c.t.Fatal(err)
	}
	s.client = c.client()
	return s
}

// outgoings are messages of some groups, one letter each, with unique bodies.
func outgoings(groups string) []outgoing {
	out := make([]outgoing, len(groups))
	for i, g := range groups {
		out[i] = outgoing{body: fmt.Sprintf("%c%d", g, i), group: string(g), unique: fmt.Sprint("id-", i)}
	}
	return out
}

func TestASenderKeepsItsRate(t *testing.T) {
	for name, c := range map[string]struct {
		rate        float64
		n           int
		least, most time.Duration
		calls       int
	}{
		"ten a second":            {10, 50, 3900 * time.Millisecond, 4100 * time.Millisecond, 5},
		"one a second":            {1, 4, 2900 * time.Millisecond, 3100 * time.Millisecond, 4},
		"less than one a second":  {0.5, 2, 1900 * time.Millisecond, 2100 * time.Millisecond, 2},
		"as fast as it goes":      {0, 50, 0, 0, 5},
		"a thousand a second":     {1000, 50, 30 * time.Millisecond, 50 * time.Millisecond, 5},
		"nothing to send at all":  {1, 0, 0, 0, 0},
		"one message in one call": {0, 1, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := makeFakeCloud(t)
				s := testSender(cloud, c.rate)
				groups := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[:c.n]
				begun := time.Now()
				for _, err := range s.send(t.Context(), outgoings(groups)) {
					if err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(begun); took < c.least || took > c.most {
					t.Errorf("it took %s", took)
				}
				if n := cloud.calls["SendMessageBatch"]; n != c.calls {
					t.Errorf("it took %d calls, want %d", n, c.calls)
				}
			})
		})
	}
}

func TestAGroupStaysInItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		s := testSender(cloud, 0)
		groups := strings.Repeat("abacabadabacabae", 3)
		for _, err := range s.send(t.Context(), outgoings(groups)) {
			if err != nil {
				t.Error(err)
			}
		}
		for _, g := range "abcde" {
			last := -1
			for _, body := range cloud.bodies(eventsName) {
				var n int
				if _, err := fmt.Sscanf(body, string(g)+"%d", &n); err != nil {
					continue
				}
				if n < last {
					t.Errorf("%c%d came after %c%d", g, n, g, last)
				}
				last = n
			}
		}
		if n := len(cloud.bodies(eventsName)); n != len(groups) {
			t.Errorf("%d of %d came", n, len(groups))
		}
	})
}

func TestACallStaysBelowSQSsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		s := testSender(cloud, 0)
		page := outgoings("abcdef")
		for i := range page {
			page[i].body = strings.Repeat("x", 500_000)
		}
		for _, err := range s.send(t.Context(), page) {
			if err != nil {
				t.Error(err)
			}
		}
		if n := cloud.calls["SendMessageBatch"]; n != 3 {
			t.Errorf("three megabytes went in %d calls", n)
		}
	})
}

func TestWhatTheQueueCouldNotTakeIsOfferedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		failures := map[string]int{"b1": 1, "c2": tries}
		cloud.queues[eventsName].fail = func(e fakeEntry) string {
			if failures[e.Body]--; failures[e.Body] >= 0 {
				return "InternalError"
			}
			return ""
		}
		s := testSender(cloud, 0)
		errs := s.send(t.Context(), outgoings("abcd"))
		if errs[0] != nil || errs[1] != nil || errs[3] != nil || errs[2] == nil || !strings.Contains(errs[2].Error(), "InternalError") {
			t.Errorf("got %v", errs)
		}
		if got := s.send(t.Context(), outgoings("xxxxxc")[4:]); got[0] != nil || !errors.Is(got[1], errBehind) {
			t.Errorf("what stands behind a message that was not accepted: %v", got)
		}
		if got := cloud.bodies(eventsName); !slices.Equal(got, []string{"a0", "d3", "b1", "x4"}) {
			t.Errorf("came: %q", got)
		}
	})
}

func TestAnInterruptedSenderOffersNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		ctx, cancel := context.WithCancel(t.Context())
		cloud.before = func(string) { cancel() } // while the first call is under way
		s := testSender(cloud, 1)
		errs := s.send(ctx, outgoings("abc"))
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
			} else if !errors.Is(err, errInterrupted) {
				t.Errorf("got %v", err)
			}
		}
		if accepted != 1 || len(cloud.bodies(eventsName)) != 1 {
			t.Errorf("%d were accepted, %q came", accepted, cloud.bodies(eventsName))
		}
	})
}
