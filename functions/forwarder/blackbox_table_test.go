//go:build blackbox

package main_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// While the table is out of reach, what needs it comes back, everything else goes on, and there is an answer in time.
func TestWhatNeedsTheTableWaitsForIt(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]awstest.Fault{
		"the table is dead":               awstest.Down,
		"it breaks":                       awstest.Broken,
		"connections are cut":             awstest.Reset,
		"it hangs":                        awstest.Hang,
		"it is slower than anybody waits": {Delay: 5 * time.Second},
		"it is throttled":                 {Status: http.StatusBadRequest, Code: "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"},
		"it is gone":                      {Status: http.StatusBadRequest, Code: "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"},
		"it is denied":                    {Status: http.StatusBadRequest, Code: "com.amazonaws.dynamodb.v20120810#AccessDeniedException"},
		"writes alone fail":               {Operation: "PutItem", Status: http.StatusBadRequest, Code: "com.amazonaws.dynamodb.v20120810#ThrottlingException"},
		"writes alone hang":               {Operation: "PutItem", Hang: true},
	} {
		for _, queue := range []string{"events.fifo", "events"} {
			t.Run(name+", "+queue, func(t *testing.T) {
				t.Parallel()
				s, _ := keeping(t, setup{queue: queue})
				s.aws.Dynamo.Inject(trouble)
				ids := s.send(
					letter{body: bought("a")}, letter{body: lamp("b")}, letter{app: "silent", body: bought("c")},
					letter{app: "shut", body: bought("d")}, letter{body: "private-words"}, letter{body: lamp("a"), group: "of-its-own"},
					letter{app: "silent", body: lamp("e")},
				)
				b := s.invokeWithin(20 * time.Second)
				if b.took > 15*time.Second {
					t.Errorf("answered after %s", b.took)
				}
				s.aws.Dynamo.Inject()
				again := s.deliver()
				s.end()
				for i, want := range []string{
					"retry table", "delivered", "retry table", "skipped disabled", "rejected malformed", "delivered", "skipped event_off",
				} {
					if got := b.outcome(ids[i]); got != want {
						t.Errorf("message %d: %s, want %s", i, got, want)
					}
				}
				if len(again.messages) != 2 || again.outcome(ids[0]) != "delivered" || again.outcome(ids[2]) != "skipped event_off" {
					t.Errorf("%d messages came again, and ended as %s and %s", len(again.messages), again.outcome(ids[0]), again.outcome(ids[2]))
				}
				if n := len(s.clevertap.Records(demoAccount)); n != 4 {
					t.Errorf("%d records stored, want 4", n)
				}
			})
		}
	}
}

// What passes within the call is nobody's trouble: a time-out, a throttled call, keys that were left out, an answer that was lost.
func TestTheTablesHiccupsPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble []awstest.Fault
		leftOut int
	}{
		"slow":                      {[]awstest.Fault{{Delay: 300 * time.Millisecond}}, 0},
		"throttled twice":           {[]awstest.Fault{{Status: 400, Code: "ThrottlingException", Times: 2}}, 0},
		"broken once for reads":     {[]awstest.Fault{{Operation: "BatchGetItem", Status: 500, Code: "InternalServerError", Times: 1}}, 0},
		"broken once for writes":    {[]awstest.Fault{{Operation: "PutItem", Status: 500, Code: "InternalServerError", Times: 1}}, 0},
		"hanging once":              {[]awstest.Fault{{Hang: true, Times: 1}}, 0},
		"a write whose answer ends": {[]awstest.Fault{{Operation: "PutItem", Reset: true, AfterEffect: true, Times: 1}}, 0},
		"keys left out":             {nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, table := keeping(t, setup{queue: "events"})
			s.aws.Dynamo.Inject(c.trouble...)
			table.LeaveUnprocessed(c.leftOut)
			for i := range 5 {
				s.send(letter{body: happens(1, "ACTIVATE", "u"+strconv.Itoa(i), "old")})
			}
			s.deliver()
			if len(table.Keys()) != 5 || s.stored(demoAccount, "profile") != 5 {
				t.Errorf("%d entries, %d profiles", len(table.Keys()), s.stored(demoAccount, "profile"))
			}
		})
	}
}

// A batch costs one read and one write of each subscriber, and nothing where nothing changes or nobody needs it.
func TestWhatTheTableCosts(t *testing.T) {
	t.Parallel()
	s, table := keeping(t, setup{})
	calls := func(what string, reads, writes int, do func()) {
		t.Helper()
		r, w := s.aws.Dynamo.Calls("BatchGetItem"), s.aws.Dynamo.Calls("PutItem")
		do()
		r, w = s.aws.Dynamo.Calls("BatchGetItem")-r, s.aws.Dynamo.Calls("PutItem")-w
		if r != reads || w != writes {
			t.Errorf("%s: %d reads and %d writes, want %d and %d", what, r, w, reads, writes)
		}
	}
	calls("messages that need no table", 0, 0, func() {
		s.send(letter{body: lamp("a")}, letter{body: "private-words"}, letter{app: "shut", body: bought("a")}, letter{app: "silent", body: lamp("a")})
		s.deliver()
	})
	webhook := happens(1, "ACTIVATE", "same", "old")
	calls("four messages of two subscribers", 1, 2, func() {
		s.send(
			letter{body: webhook, group: "g"}, letter{body: happens(1, "SUBSCRIPTION_STARTED", "same", "old"), group: "g"},
			letter{body: happens(2, "SUBSCRIPTION_STARTED", "same", "new"), group: "g"}, letter{body: happens(1, "ACTIVATE", "other", "old")},
		)
		s.deliver()
	})
	s.excused = append(s.excused, "duplicate")
	calls("the same again", 1, 0, func() {
		s.send(letter{body: webhook})
		s.deliver()
	})
	calls("an unknown state of a known purchase", 1, 0, func() {
		s.send(letter{body: happens(3, "RETENTION_MESSAGE_REQUESTED", "same", "old", "subscription_status", "")})
		s.deliver()
	})
	calls("250 subscribers", 3, 250, func() {
		for i := range 250 {
			s.send(letter{body: happens(1, "ACTIVATE", strconv.Itoa(i), "old")})
		}
		s.deliver()
	})
	for _, key := range table.Keys() {
		item := table.Item(key)
		expires, err := strconv.ParseInt(string(item["expires"][len(`{"N":"`):len(item["expires"])-len(`"}`)]), 10, 64)
		if left := time.Until(time.Unix(expires, 0)); err != nil || left < 729*24*time.Hour || left > 731*24*time.Hour {
			t.Fatalf("an entry expires in %s, %v", left, err)
		}
	}
}

// What CleverTap has of a message that comes back is noted, and not sent again: not when it comes back, and not when it is sent again out of
// a dead-letter queue or the rejected queue.
func TestWhatWasAcceptedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	profilesWait := clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: `"type":"profile"`, Times: 1000}
	t.Run("when it comes back", func(t *testing.T) {
		t.Parallel()
		s, table := keeping(t, setup{})
		s.clevertap.AddFault(profilesWait)
		body := bought("a")
		s.send(letter{body: body}, letter{body: lamp("b")})
		if b := s.invoke(); len(b.returned) != 1 || s.stored(demoAccount, "event") != 2 || len(table.Keys()) != 2 {
			t.Fatalf("%d come back, %d events stored, %d items", len(b.returned), s.stored(demoAccount, "event"), len(table.Keys()))
		}
		writes := s.aws.Dynamo.Calls("PutItem")
		s.invoke()
		if s.aws.Dynamo.Calls("PutItem") != writes {
			t.Error("the same was noted again")
		}
		s.clevertap.ClearFaults()
		s.deliver()
		s.wantsOnce(2, 1)
		for _, key := range table.Keys() {
			if item := table.Item(key); item["accepted"] != nil && item["accepted"].Text() != "event" {
				t.Errorf("noted %s", item["accepted"])
			}
		}
	})
	t.Run("when it is sent again out of a dead-letter queue", func(t *testing.T) {
		t.Parallel()
		s, _ := keeping(t, setup{queue: "events"})
		s.clevertap.AddFault(profilesWait)
		hour := []string{"received_at", time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")}
		body := bought("a")
		s.send(letter{body: body, changes: hour})
		b := s.invoke()
		s.clevertap.ClearFaults()
		if err := s.events.Delete(s.events.Receive(1, -1)[0].Handle); err != nil || len(b.returned) != 1 {
			t.Fatal(err, b.returned)
		}
		s.send(letter{body: body, changes: hour}) // a new message of the same bytes and attributes, received for the first time
		s.deliver()
		s.wantsOnce(1, 1)
	})
	t.Run("when it is sent again out of the rejected queue", func(t *testing.T) {
		t.Parallel()
		s, _ := keeping(t, setup{})
		s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: `"type":"profile"`, Status: 422})
		s.send(letter{body: bought("a")})
		s.deliver()
		rejected := s.rejected.Messages()
		if len(rejected) != 1 || rejected[0].Attribute("accepted") != "event" {
			t.Fatalf("%d rejected", len(rejected))
		}
		s.clevertap.ClearFaults()
		changes := []string{"accepted", "event", "received_at", rejected[0].Attribute("received_at")}
		s.send(letter{body: rejected[0].Body, changes: changes})
		s.deliver()
		s.wantsOnce(1, 1)
	})
	t.Run("but a later message of the same bytes is another one", func(t *testing.T) {
		t.Parallel()
		s, _ := keeping(t, setup{})
		s.excused = append(s.excused, "duplicate")
		s.clevertap.AddFault(profilesWait)
		body := bought("a")
		early := time.Now().Add(-time.Hour).UTC()
		s.send(letter{body: body, changes: []string{"received_at", early.Format("2006-01-02T15:04:05.000Z")}})
		s.invoke()
		s.clevertap.ClearFaults()
		s.send(letter{body: body, changes: []string{"received_at", early.Add(time.Minute).Format("2006-01-02T15:04:05.000Z")}})
		s.deliver()
		if s.stored(demoAccount, "event") != 2 || s.stored(demoAccount, "profile") != 1 {
			t.Errorf("%d events, %d profiles", s.stored(demoAccount, "event"), s.stored(demoAccount, "profile"))
		}
	})
}

// wantsOnce wants so many events and profiles, none of them twice.
func (s *stage) wantsOnce(events, profiles int) {
	s.Helper()
	if e, p := s.stored(demoAccount, "event"), s.stored(demoAccount, "profile"); e != events || p != profiles {
		s.Errorf("%d events and %d profiles stored, want %d and %d", e, p, events, profiles)
	}
	if twice := s.clevertap.Duplicates(); len(twice) > 0 {
		s.Errorf("sent twice: %v", twice)
	}
}

// Two forwarders on a standard queue, which hands out in any order what it likes to hand out twice: neither undoes the other.
func TestTwoForwardersDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	s, table := keeping(t, setup{queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1", "RETRY_DELAY": "1ms"}})
	s.excused = append(s.excused, "duplicate")
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 30 * time.Millisecond, Rate: 0.5})
	const users, purchases, instants = 5, 4, 12
	random := rand.New(rand.NewPCG(1, 2))
	var webhooks []string
	want := map[string]string{}
	for user := range users {
		active := false
		for purchase := range purchases {
			last := false
			for minute := range instants {
				last = random.IntN(2) == 0
				event := map[bool]string{true: "ACTIVATE", false: "DEACTIVATE"}[last]
				webhooks = append(webhooks, happens(minute, event, strconv.Itoa(user), strconv.Itoa(purchase)))
			}
			active = active || last
		}
		want[strconv.Itoa(user)] = strconv.FormatBool(active)
	}
	random.Shuffle(len(webhooks), func(i, j int) { webhooks[i], webhooks[j] = webhooks[j], webhooks[i] })
	for i, body := range webhooks {
		s.send(letter{body: body})
		if i%10 == 0 {
			s.send(letter{body: body})
		}
	}
	second := lambdatest.Start(t, lambdatest.Build(t, "functions/forwarder"), s.env)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	done := make(chan struct{}, 2)
	for _, function := range []*lambdatest.Function{s.function, second} {
		mapping := &awstest.Mapping{Queue: s.events, BatchSize: 7, Concurrency: 1, Invoke: func(ctx context.Context, event []byte) ([]byte, error) {
			return function.Invoke(ctx, event, allowed)
		}}
		go func() {
			mapping.Run(ctx)
			done <- struct{}{}
		}()
	}
	for len(s.events.Messages()) > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	<-done
	<-done
	s.ended = true // Nobody counted the batches of two.
	if n := len(s.events.Messages()); n > 0 {
		t.Fatalf("%d messages are left", n)
	}
	for user, active := range want {
		if got := s.told(demoAccount, user, "has_active_subscription"); got != active {
			t.Errorf("user %s is active: %s, want %s", user, got, active)
		}
	}
	if keys := table.Keys(); len(slices.DeleteFunc(keys, func(key string) bool { return key[:5] == "note-" })) != users {
		t.Errorf("%d entries, want %d", len(keys), users)
	}
}
