package awstest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// queue is a queue with a clock that the test sets.
type queue struct {
	*testing.T
	*awstest.Queue
	now time.Time
}

func newQueue(t *testing.T, config awstest.QueueConfig) *queue {
	q := &queue{T: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	q.Queue = awstest.NewQueue(config, func() time.Time { return q.now })
	return q
}

// send sends bodies, each to the group that its first letter names.
func (q *queue) send(bodies ...string) {
	q.Helper()
	for i, body := range bodies {
		m := awstest.Message{Body: body}
		if q.FIFO() {
			m.GroupID, m.DeduplicationID = body[:1], fmt.Sprint(body, i)
		}
		if _, err := q.Send(m); err != nil {
			q.Fatal(err)
		}
	}
}

// wants receives messages and checks their bodies.
func (q *queue) wants(bodies string, limit int) []awstest.Received {
	q.Helper()
	var got []string
	received := q.Receive(limit, -1)
	for _, m := range received {
		got = append(got, m.Body)
	}
	if strings.Join(got, " ") != bodies {
		q.Errorf("received %q, want %q", got, bodies)
	}
	return received
}

func (q *queue) must(err error) {
	q.Helper()
	if err != nil {
		q.Fatal(err)
	}
}

func TestAGroupWaitsForItsMessagesInFlight(t *testing.T) {
	q := newQueue(t, awstest.QueueConfig{Name: "events.fifo"})
	q.send("a1", "b1", "a2", "a3", "b2")
	first := q.wants("a1", 1)
	q.wants("b1", 1)
	q.wants("", 10)
	q.must(q.Delete(first[0].Handle))
	rest := q.wants("a2 a3", 10)
	q.must(q.Delete(rest[1].Handle))
	q.wants("", 10)
	q.must(q.ChangeVisibility(rest[0].Handle, 0))
	if again := q.wants("a2", 10); again[0].Receives != 2 {
		t.Errorf("received %d times", again[0].Receives)
	}
	q.now = q.now.Add(30 * time.Second)
	q.wants("b1 b2 a2", 10)
}

func TestAGroupStaysBehindAMessageThatIsHiddenForLonger(t *testing.T) {
	q := newQueue(t, awstest.QueueConfig{Name: "events.fifo"})
	q.send("a1", "a2")
	q.must(q.ChangeVisibility(q.wants("a1", 1)[0].Handle, 10*time.Minute))
	q.now = q.now.Add(10*time.Minute - 1)
	q.wants("", 10)
	q.now = q.now.Add(1)
	q.wants("a1 a2", 10)
}

func TestADeduplicationIDCountsInItsGroupForFiveMinutes(t *testing.T) {
	q := newQueue(t, awstest.QueueConfig{Name: "events.fifo"})
	send := func(group string) string {
		m, err := q.Send(awstest.Message{Body: "body", GroupID: group, DeduplicationID: "id"})
		q.must(err)
		return m.ID
	}
	id := send("a")
	send("b")
	q.must(q.Delete(q.wants("body", 1)[0].Handle))
	q.now = q.now.Add(5*time.Minute - 1)
	if again := send("a"); again != id || len(q.Messages()) != 1 {
		t.Errorf("answered with %s, want %s; %d messages", again, id, len(q.Messages()))
	}
	q.now = q.now.Add(1)
	if later := send("a"); later == id || len(q.Messages()) != 2 {
		t.Errorf("answered with the old id after five minutes; %d messages", len(q.Messages()))
	}
}

func TestDeadLettersComeFromTooManyReceives(t *testing.T) {
	for _, ending := range []string{"", ".fifo"} {
		t.Run("events"+ending, func(t *testing.T) {
			dead := newQueue(t, awstest.QueueConfig{Name: "dead" + ending, Retention: time.Hour})
			q := newQueue(t, awstest.QueueConfig{Name: "events" + ending, DeadLetters: dead.Queue, MaxReceiveCount: 2})
			q.send("poison")
			sent := q.Messages()[0]
			for range 2 {
				q.wants("poison", 10)
				q.now = q.now.Add(time.Minute)
			}
			dead.now = q.now
			q.wants("", 10)
			list := dead.Messages()
			if len(list) != 1 || list[0].ID != sent.ID || list[0].Body != "poison" {
				t.Fatalf("dead letters %+v", list)
			}
			if q.FIFO() != (list[0].DeduplicationID == sent.ID) || q.FIFO() != list[0].Sent.Equal(q.now) {
				t.Errorf("dead letter %+v", list[0])
			}
			dead.now = dead.now.Add(time.Hour)
			dead.wants("", 10)
			if c := dead.Counts(); c != (awstest.Counts{Expired: 1}) {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestAnExpiredHandleDeletesNothing(t *testing.T) {
	for ending, code := range map[string]string{"": "<nil>", ".fifo": "InvalidParameterValue"} {
		t.Run("events"+ending, func(t *testing.T) {
			q := newQueue(t, awstest.QueueConfig{Name: "events" + ending})
			q.send("a")
			old := q.wants("a", 1)[0].Handle
			q.now = q.now.Add(30 * time.Second)
			q.wants("a", 1)
			if err := q.Delete(old); !strings.HasPrefix(fmt.Sprint(err), code) {
				t.Errorf("error %v, want %s", err, code)
			}
			if err := q.ChangeVisibility(old, 0); err == nil || !strings.HasPrefix(err.Error(), "MessageNotInflight") {
				t.Errorf("error %v", err)
			}
			if c := q.Counts(); c.InFlight != 1 {
				t.Errorf("%+v", c)
			}
		})
	}
}
