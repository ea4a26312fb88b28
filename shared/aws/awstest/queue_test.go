package awstest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestAGroupWaitsForItsMessagesInFlight(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events.fifo"})
	for i, m := range []string{"a1", "b1", "a2", "a3", "b2"} {
		b.mustSend(m, m[:1], fmt.Sprint(i))
	}
	first := b.wantBodies("a1", 1)
	b.wantBodies("b1", 1)
	b.wantBodies("", 10)
	if err := b.delete(first[0]); err != nil {
		t.Fatal(err)
	}
	rest := b.wantBodies("a2 a3", 10)
	if err := b.delete(rest[1]); err != nil {
		t.Fatal(err)
	}
	b.wantBodies("", 10)
	if err := b.hide(rest[0], 0); err != nil {
		t.Fatal(err)
	}
	again := b.wantBodies("a2", 10)
	if again[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("attributes %v", again[0].Attributes)
	}
	b.clock.now = b.clock.now.Add(30 * time.Second)
	b.wantBodies("b1 b2 a2", 10)
}

func TestAGroupStaysBehindAMessageThatIsHiddenForLonger(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events.fifo"})
	b.mustSend("a1", "a", "1")
	b.mustSend("a2", "a", "2")
	first := b.wantBodies("a1", 1)
	if err := b.hide(first[0], 600); err != nil {
		t.Fatal(err)
	}
	b.clock.now = b.clock.now.Add(600*time.Second - 1)
	b.wantBodies("", 10)
	b.clock.now = b.clock.now.Add(1)
	b.wantBodies("a1 a2", 10)
}

func TestADeduplicationIDCountsForFiveMinutes(t *testing.T) {
	for name, c := range map[string]struct {
		config awstest.QueueConfig
		want   int // messages after one was sent to each of two groups with the same id
	}{
		"in its group":     {awstest.QueueConfig{Name: "events.fifo"}, 2},
		"in all the queue": {awstest.QueueConfig{Name: "events.fifo", QueueDedup: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.config)
			id := b.mustSend("one", "a", "dedup")
			b.mustSend("one", "b", "dedup")
			if got := len(b.queue.Messages()); got != c.want {
				t.Errorf("%d messages, want %d", got, c.want)
			}
			if err := b.delete(b.receive(1)[0]); err != nil {
				t.Fatal(err)
			}
			b.clock.now = b.clock.now.Add(5*time.Minute - 1)
			if again := b.mustSend("other", "a", "dedup"); again != id {
				t.Error("answered with another id")
			}
			if got := len(b.queue.Messages()); got != c.want-1 {
				t.Errorf("%d messages, want %d", got, c.want-1)
			}
			b.clock.now = b.clock.now.Add(1)
			if later := b.mustSend("one", "a", "dedup"); later == id {
				t.Error("still answered with the old id")
			}
		})
	}
}

func TestContentDeduplicatesWhereItIsOn(t *testing.T) {
	b := newBench(t, awstest.QueueConfig{Name: "events.fifo", ContentDedup: true})
	b.mustSend("one", "a", "")
	b.mustSend("one", "a", "")
	b.mustSend("two", "a", "")
	if got := len(b.queue.Messages()); got != 2 {
		t.Errorf("%d messages", got)
	}
}

func TestDeadLettersComeFromTooManyReceives(t *testing.T) {
	for _, ending := range []string{"", ".fifo"} {
		t.Run("events"+ending, func(t *testing.T) {
			c := &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
			dead := awstest.NewQueue(awstest.QueueConfig{Name: "dead" + ending, Retention: time.Hour}, c.Now)
			queue := awstest.NewQueue(awstest.QueueConfig{Name: "events" + ending, DeadLetters: dead, MaxReceiveCount: 2}, c.Now)
			message := awstest.Message{Body: "poison", Attributes: map[string]awstest.Attribute{"app": {DataType: "String", StringValue: "demo"}}}
			if queue.FIFO() {
				message.GroupID, message.DeduplicationID = "group", "dedup"
			}
			sent, err := queue.Send(message, 0)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := queue.Receive(10, -1); len(got) != 1 {
					t.Fatalf("received %v", got)
				}
				c.now = c.now.Add(time.Minute)
			}
			if got := queue.Receive(10, -1); len(got) != 0 {
				t.Fatalf("received %v a third time", got)
			}
			letters := dead.Messages()
			if len(letters) != 1 || letters[0].ID != sent.ID || letters[0].Body != "poison" || letters[0].Attribute("app") != "demo" ||
				letters[0].DeadLetterOf != queue.ARN() {
				t.Fatalf("dead letters %+v", letters)
			}
			if queue.FIFO() != (letters[0].DeduplicationID == sent.ID) || queue.FIFO() != letters[0].Sent.Equal(c.now) {
				t.Errorf("dead letter %+v", letters[0])
			}
			c.now = c.now.Add(time.Hour)
			if got := dead.Receive(10, -1); len(got) != 0 {
				t.Errorf("received %v after its retention", got)
			}
			if _, _, _, expired := dead.Counts(); expired != 1 {
				t.Errorf("%d expired", expired)
			}
		})
	}
}

func TestAnExpiredHandleDeletesNothingOnFIFO(t *testing.T) {
	for ending, code := range map[string]string{"": "", ".fifo": "InvalidParameterValue"} {
		t.Run("events"+ending, func(t *testing.T) {
			b := newBench(t, awstest.QueueConfig{Name: "events" + ending})
			if b.queue.FIFO() {
				b.mustSend("one", "a", "1")
			} else {
				b.mustSend("one", "", "")
			}
			old := b.receive(1)[0]
			b.clock.now = b.clock.now.Add(30 * time.Second)
			b.receive(1)
			err := b.delete(old)
			if code == "" && err != nil {
				t.Error(err)
			}
			if code != "" {
				wantCode(t, err, code)
			}
			wantCode(t, b.hide(old, 5), "AWS.SimpleQueueService.MessageNotInflight")
			if got := len(b.queue.Messages()); got != 1 {
				t.Errorf("%d messages", got)
			}
		})
	}
}

func TestADelayedMessageWaits(t *testing.T) {
	c := &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	queue := awstest.NewQueue(awstest.QueueConfig{Name: "events"}, c.Now)
	if _, err := queue.Send(awstest.Message{Body: "later"}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, _, delayed, _ := queue.Counts(); delayed != 1 || len(queue.Receive(1, -1)) != 0 {
		t.Error("not delayed")
	}
	c.now = c.now.Add(time.Minute)
	if len(queue.Receive(1, -1)) != 1 {
		t.Error("still delayed")
	}
}

func TestNoVisibilityTimeoutHandsAMessageOutOnce(t *testing.T) {
	queue := awstest.NewQueue(awstest.QueueConfig{Name: "events"}, time.Now)
	if _, err := queue.Send(awstest.Message{Body: "one"}, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := queue.Receive(10, 0); len(got) != 1 {
			t.Errorf("received %d messages", len(got))
		}
	}
}
