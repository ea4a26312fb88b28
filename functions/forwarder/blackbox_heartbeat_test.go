//go:build blackbox

package main_test

import (
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestAHeartbeatSaysWhetherItsAccountWouldBeUploadedTo(t *testing.T) {
	const beat = `{"event_name":"BRIDGE_HEARTBEAT","event_id":"heartbeat-1"}`
	old := []string{"received_at", timestamp(time.Now().Add(-time.Hour))}
	onBothQueues(t, func(t *testing.T, queue string) {
		s := start(t, options{queue: queue, env: map[string]string{"SUBSCRIBERS_TABLE": "people", "JOURNAL": "bodies"}})
		table := s.aws.Dynamo.Create("people", "subscriber", "item")
		right := s.send(demo(beat), to("off", beat))
		if b := s.invoke(); len(b.returned) > 0 || len(s.uploads(demoAccount)) != 1 {
			t.Errorf("%v come back after %d uploads", b.returned, len(s.uploads(demoAccount)))
		}
		s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Expire, Account: demoAccount, Passcode: freshPasscode})
		failing := s.send(demo(beat), to("other", beat))
		if b := s.invoke(); len(b.returned) != 1 || b.returned[0] != failing[0] {
			t.Errorf("%v come back, and not the one with an expired passcode", b.returned)
		}
		s.events.Receive(100, time.Hour)
		late := s.send(queued{body: beat, changes: old}, queued{app: "lost", body: beat, changes: old})
		s.invoke()
		s.end()
		for i, want := range []struct {
			b        *batch
			id       string
			outcome  string
			app      string
			accepted int
		}{
			{s.batches[0], right[0], "delivered", "demo", 1},
			{s.batches[0], right[1], "skipped disabled", "off", 0},
			{s.batches[1], failing[0], "retry heartbeat", "demo", 0},
			{s.batches[1], failing[1], "delivered", "other", 1},
			{s.batches[2], late[0], "skipped heartbeat", "demo", 0},
			{s.batches[2], late[1], "skipped heartbeat", "lost", 0},
		} {
			if got := want.b.outcome(want.id); got != want.outcome {
				t.Errorf("%d: %s, want %s", i, got, want.outcome)
			}
			if got := want.b.sum(want.app, "HeartbeatOk"); got != want.accepted {
				t.Errorf("%d: HeartbeatOk of %s is %d", i, want.app, got)
			}
		}
		if s.batches[1].sum("demo", "CredentialsRefused") != 1 || s.stored("", "") != 0 || len(table.Keys()) != 0 {
			t.Errorf("%d stored at CleverTap, %q in the table", s.stored("", ""), table.Keys())
		}
	})
}
