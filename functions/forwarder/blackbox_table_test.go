//go:build blackbox

package main_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// While the table fails, the messages that need it come back, all others go on, and there is a response in time.
func TestMessagesThatNeedTheTableWaitForIt(t *testing.T) {
	refused := func(code string) awstest.Fault {
		return awstest.Fault{Status: http.StatusBadRequest, Code: "com.amazonaws.dynamodb.v20120810#" + code}
	}
	throttledWrites := refused("ThrottlingException")
	throttledWrites.Operation = "PutItem"
	inParallel(t, map[string]awstest.Fault{
		"down":             awstest.Down,
		"failing":          awstest.Broken,
		"cut off":          awstest.Reset,
		"hanging":          awstest.Hang,
		"slow":             {Delay: 5 * time.Second},
		"throttled":        refused("ProvisionedThroughputExceededException"),
		"gone":             refused("ResourceNotFoundException"),
		"denied":           refused("AccessDeniedException"),
		"writes throttled": throttledWrites,
		"writes hanging":   {Operation: "PutItem", Hang: true},
	}, func(t *testing.T, _ string, fault awstest.Fault) {
		onBothQueues(t, func(t *testing.T, queue string) {
			s, _ := startWithTable(t, options{queue: queue})
			s.aws.Dynamo.Inject(fault)
			ids := s.send(demo(renewal("a")), demo(consumable("b")), to("silent", renewal("c")), to("off", renewal("d")),
				demo("private-words"), demo(consumable("a")), to("silent", consumable("e")))
			first := s.invokeWithin(20 * time.Second)
			if first.took > 15*time.Second {
				t.Errorf("responded after %s", first.took)
			}
			s.aws.Dynamo.Inject()
			second := s.deliver()
			consumables, waited := "retry table", []int{0, 1, 2, 5, 6}
			if fault.Operation == "PutItem" { // they change no state
				consumables, waited = "delivered", []int{0, 2}
			}
			silent := map[string]string{"delivered": "skipped event_off"}
			first.want(ids, "retry table", consumables, "retry table", "skipped disabled", "rejected malformed",
				consumables, cmp.Or(silent[consumables], consumables))
			for _, i := range waited {
				second.want(ids[i:i+1], []string{"delivered", "delivered", "skipped event_off", "", "", "delivered",
					"skipped event_off"}[i])
			}
			if n := s.stored(demoAccount, ""); n != 4 || len(second.messages) != len(waited) {
				t.Errorf("%d records stored, want 4; %d messages came back", n, len(second.messages))
			}
		})
	})
}

// A time-out, a throttled call, unprocessed keys or a lost answer pass within the batch.
func TestABatchGetsOverTheTablesHiccups(t *testing.T) {
	failsOnce := func(operation string) awstest.Fault {
		return awstest.Fault{Operation: operation, Status: 500, Code: "InternalServerError", Times: 1}
	}
	type testCase struct {
		fault       awstest.Fault
		unprocessed int // calls
	}
	inParallel(t, map[string]testCase{
		"slow":               {awstest.Fault{Delay: 300 * time.Millisecond}, 0},
		"throttled twice":    {awstest.Fault{Status: 400, Code: "ThrottlingException", Times: 2}, 0},
		"a read fails once":  {failsOnce("BatchGetItem"), 0},
		"a write fails once": {failsOnce("PutItem"), 0},
		"hanging once":       {awstest.Fault{Hang: true, Times: 1}, 0},
		"a lost answer":      {awstest.Fault{Operation: "PutItem", Reset: true, AfterEffect: true, Times: 1}, 0},
		"unprocessed keys":   {awstest.Fault{Times: 1}, 2},
	}, func(t *testing.T, _ string, test testCase) {
		s, table := startWithTable(t, options{queue: "events"})
		s.aws.Dynamo.Inject(test.fault)
		table.LeaveUnprocessed(test.unprocessed)
		for i := range 5 {
			s.send(demo(begin(1, fmt.Sprint("u", i), "old")))
		}
		s.deliver()
		states, journal := count(table, "state#"), count(table, "event#")
		if n := s.stored(demoAccount, "profile"); states != 5 || journal != 5 || n != 5 {
			t.Errorf("%d states, %d journal entries, %d profiles", states, journal, n)
		}
	})
}

// A batch costs a read for fifty people, a write of each state that changes, and one for 25 journal entries.
func TestWhatTheTableCosts(t *testing.T) {
	t.Parallel()
	// With other apps, whose account might be the same, the states are read once more after the upload.
	alone := map[string]string{"INTEGRATIONS_FILE": write(t, "apps: {demo: {}, off: {enabled: false}}")}
	s, table := startWithTable(t, options{env: alone})
	s.ignored = []string{clevertaptest.Repeated}
	costs := func(what string, reads, states, journal int, messages ...queued) {
		t.Helper()
		calls := func() [3]int {
			d := s.aws.Dynamo
			return [3]int{d.Calls("BatchGetItem"), d.Calls("PutItem"), d.Calls("BatchWriteItem")}
		}
		before := calls()
		s.deliver(messages...)
		got := calls()
		for i := range got {
			got[i] -= before[i]
		}
		if got != [3]int{reads, states, journal} {
			t.Errorf("%s: reads, states and journal are %d, want %d, %d and %d", what, got, reads, states, journal)
		}
	}
	costs("messages of nobody", 0, 0, 0,
		demo("private-words"), to("gone", renewal("a")), demo(renewal("a", "user_id", "")))
	costs("messages that change no state", 1, 0, 1,
		demo(consumable("a")), to("off", renewal("a")))
	webhook := begin(1, "same", "old")
	started := func(minute int, purchase string) string {
		return event(minute, "SUBSCRIPTION_STARTED", "same", purchase)
	}
	costs("four messages of two subscribers", 1, 2, 1,
		append(grouped("g", webhook, started(1, "old"), started(2, "new")), demo(begin(1, "other", "old")))...)
	costs("the same again", 1, 0, 1, demo(webhook))
	costs("an event that does not say the state", 1, 0, 1,
		demo(event(3, "RETENTION_MESSAGE_REQUESTED", "same", "old", "subscription_status", "")))
	many := make([]queued, 250)
	for i := range many {
		many[i] = demo(begin(1, strconv.Itoa(i), "old"))
	}
	costs("250 subscribers", 5, 250, 10, many...)
	for _, key := range table.Keys() {
		partition, sort, _ := strings.Cut(key, "\x00")
		days := map[bool]int{true: 730, false: 30}[strings.HasPrefix(sort, "state#")]
		text := string(table.Item(partition, sort)["expires"])
		expires, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(text, `{"N":"`), `"}`), 10, 64)
		left := time.Until(time.Unix(expires, 0)) - time.Duration(days)*24*time.Hour
		if err != nil || left.Abs() > 24*time.Hour {
			t.Fatalf("%s expires %s, %v", sort, time.Unix(expires, 0), err)
		}
	}
}

func TestAcceptedRecordsAreNotSentAgain(t *testing.T) {
	t.Parallel()
	profilesWait := transient(`"type":"profile"`, 1000)
	receivedAt := func(at time.Time) []string { return []string{"received_at", timestamp(at)} }
	hourAgo := time.Now().Add(-time.Hour)
	t.Run("when a message comes back", func(t *testing.T) {
		t.Parallel()
		s, table := startWithTable(t, options{env: map[string]string{"JOURNAL": "off"}})
		s.clevertap.AddFault(profilesWait)
		s.send(demo(renewal("a")), demo(consumable("b")))
		if b := s.invoke(); len(b.returned) != 1 || s.stored(demoAccount, "event") != 2 || count(table, "delivered#") != 1 {
			t.Fatalf("%d come back, the table has %q", len(b.returned), table.Keys())
		}
		s.invoke()
		if n := s.aws.Dynamo.Calls("BatchWriteItem"); n != 1 {
			t.Errorf("the same was saved %d times", n)
		}
		s.clevertap.ClearFaults()
		s.deliver()
		s.wantStored(2, 1)
		for _, key := range table.Keys() {
			partition, sort, _ := strings.Cut(key, "\x00")
			if a := table.Item(partition, sort)["accepted"]; a != nil && a.Text() != "event" {
				t.Errorf("saved %s", a)
			}
		}
	})
	t.Run("when it is sent again from a dead-letter queue", func(t *testing.T) {
		t.Parallel()
		s, _ := startWithTable(t, options{queue: "events"})
		s.clevertap.AddFault(profilesWait)
		m := queued{body: renewal("a"), changes: receivedAt(hourAgo)}
		s.send(m)
		b := s.invoke()
		s.clevertap.ClearFaults()
		if err := s.events.Delete(s.events.Receive(1, -1)[0].Handle); err != nil || len(b.returned) != 1 {
			t.Fatal(err, b.returned)
		}
		s.deliver(m) // a new message of the same bytes, received for the first time
		s.wantStored(1, 1)
	})
	t.Run("when it is sent again from the rejected queue", func(t *testing.T) {
		t.Parallel()
		s, _ := startWithTable(t, options{})
		s.clevertap.AddFault(poison(`"type":"profile"`, 422))
		s.deliver(demo(renewal("a")))
		rejected := s.rejected.Messages()
		if len(rejected) != 1 || rejected[0].Attribute("accepted") != "event" {
			t.Fatalf("%d rejected", len(rejected))
		}
		s.clevertap.ClearFaults()
		changes := []string{"accepted", "event", "received_at", rejected[0].Attribute("received_at")}
		s.deliver(queued{body: rejected[0].Body, changes: changes})
		s.wantStored(1, 1)
	})
	t.Run("but a later message of the same bytes is another one", func(t *testing.T) {
		t.Parallel()
		s, _ := startWithTable(t, options{})
		s.ignored = []string{clevertaptest.Repeated}
		s.clevertap.AddFault(profilesWait)
		body := renewal("a")
		s.send(queued{body: body, changes: receivedAt(hourAgo)})
		s.invoke()
		s.clevertap.ClearFaults()
		s.deliver(queued{body: body, changes: receivedAt(hourAgo.Add(time.Minute))})
		s.wantStored(2, 1)
	})
}

// A standard queue hands messages to two forwarders in any order, and some twice.
func TestTwoForwardersDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	s, table := startWithTable(t, options{
		queue: "events", env: map[string]string{"UPLOAD_CONCURRENCY": "1", "RETRY_DELAY": "1ms"},
	})
	s.ignored = []string{clevertaptest.Repeated}
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Latency, Wait: 30 * time.Millisecond, Rate: 0.5})
	const users, purchases, minutes = 5, 4, 12
	random := rand.New(rand.NewPCG(1, 2))
	var webhooks []string
	want := make(map[string]bool)
	for user := range users {
		for purchase := range purchases {
			last := false
			for minute := range minutes {
				last = random.IntN(2) == 0
				name := map[bool]string{true: "ACTIVATE", false: "DEACTIVATE"}[last]
				webhooks = append(webhooks, event(minute, name, strconv.Itoa(user), strconv.Itoa(purchase)))
			}
			want[strconv.Itoa(user)] = want[strconv.Itoa(user)] || last
		}
	}
	random.Shuffle(len(webhooks), func(i, j int) { webhooks[i], webhooks[j] = webhooks[j], webhooks[i] })
	for i, body := range webhooks {
		s.send(demo(body))
		if i%10 == 0 {
			s.send(demo(body))
		}
	}
	second := lambdatest.Start(t, lambdatest.Build(t, "functions/forwarder"), s.env)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for _, function := range []*lambdatest.Function{s.function, second} {
		mapping := &awstest.Mapping{
			Queue: s.events, BatchSize: 7, Concurrency: 1,
			Invoke: func(ctx context.Context, event []byte) ([]byte, error) { return function.Invoke(ctx, event, timeout) },
		}
		all.Go(func() { mapping.Run(ctx) })
	}
	for len(s.events.Messages()) > 0 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	all.Wait()
	s.ended = true // The batches are not those of invoke.
	if n := len(s.events.Messages()); n > 0 {
		t.Fatalf("%d messages are left", n)
	}
	for user, active := range want {
		s.wantActive(demoAccount, user, active)
	}
	if n := count(table, "state#"); n != users {
		t.Errorf("%d states, want %d", n, users)
	}
}
