package main

import (
	"slices"
	"testing"
	"time"
)

// TestBehindTheScanDepthNothingIsFound is what happens to all apps when one subscriber's, or one broken account's, messages fill the front of
// a FIFO queue.
func TestBehindTheScanDepthNothingIsFound(t *testing.T) {
	q := newQueue(true)
	for range scanDepth {
		q.push(0, 1)
	}
	q.push(0, 2)
	first := q.receive(1, 0, 10)
	if !slices.Equal(first, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Fatalf("the first batch has %v", first)
	}
	if ids := q.receive(2, 0, 10); len(ids) != 0 {
		t.Errorf("a second batch found %v behind the scan depth", ids)
	}
	q.finish(1, first)
	if ids := q.receive(2, 0, 10); !slices.Equal(ids, []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}) {
		t.Errorf("the group goes on with %v", ids)
	}
	if ids := q.receive(3, 0, 10); !slices.Equal(ids, []int{scanDepth}) {
		t.Errorf("ten messages less, and the other subscriber's message is not found: %v", ids)
	}
}

func TestAGroupIsInOneBatchAtATime(t *testing.T) {
	q := newQueue(true)
	for _, subscriber := range []int{1, 2, 1, 3, 2, 1} {
		q.push(0, subscriber)
	}
	first := q.receive(1, 0, 2)
	second := q.receive(2, 0, 10)
	if !slices.Equal(first, []int{0, 1}) || !slices.Equal(second, []int{3}) {
		t.Fatalf("batches %v and %v, want messages 0 and 1, and 3", first, second)
	}
	q.finish(1, first)
	if third := q.receive(3, 0, 2); !slices.Equal(third, []int{2, 5}) {
		t.Errorf("the first subscriber's others are %v, want 2 and 5", third)
	}
	if fourth := q.receive(4, 0, 10); !slices.Equal(fourth, []int{4}) {
		t.Errorf("the second subscriber's other is %v, want 4", fourth)
	}
}

func TestAStandardQueueKnowsNoGroups(t *testing.T) {
	q := newQueue(false)
	for range 3 {
		q.push(0, 1)
	}
	if first, second := q.receive(1, 0, 2), q.receive(2, 0, 2); len(first) != 2 || len(second) != 1 {
		t.Errorf("batches of %v and %v", first, second)
	}
}

func TestNoMoreIsInFlightThanAQueueCanHave(t *testing.T) {
	for _, fifo := range []bool{true, false} {
		q := newQueue(fifo)
		for subscriber := range inFlightMost + 5 {
			q.push(0, subscriber)
		}
		ids := q.receive(1, 0, inFlightMost+5)
		if len(ids) != inFlightMost {
			t.Errorf("%d in flight", len(ids))
		}
		q.finish(1, ids[:2])
		if more := q.receive(2, 0, 10); len(more) != 2 {
			t.Errorf("%d more after two were deleted", len(more))
		}
	}
}

func TestAMessageIsNotReceivedBeforeItIsSent(t *testing.T) {
	q := newQueue(true)
	q.push(time.Second, 1)
	if ids := q.receive(1, time.Second-1, 10); len(ids) != 0 {
		t.Error("it was received too early")
	}
	if ids := q.receive(1, time.Second, 10); len(ids) != 1 {
		t.Error("it was not received in time")
	}
}
