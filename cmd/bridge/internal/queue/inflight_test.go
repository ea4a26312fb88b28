package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// receiveAll receives so many messages from the rejected queue.
func receiveAll(t *testing.T, c *clitest.Cloud, n int) (*inFlight, []*stack.Message) {
	t.Helper()
	for i := range n {
		clitest.Put(c.Rejected, time.Hour, "", fmt.Sprint(i), nil)
	}
	f := newInFlight(stack.NewQueue(c.Config(), c.SQS.QueueURL(c.Rejected), "rejected"), true)
	t.Cleanup(func() { f.release(t.Context()) })
	messages, err := f.receive(t.Context(), n, &cli.Progress{})
	if len(messages) != n || err != nil {
		t.Fatalf("received %d, %v", len(messages), err)
	}
	return f, messages
}

func TestMessagesAreHeldAsLongAsTheCommandRuns(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		f, messages := receiveAll(t, c, 25)
		time.Sleep(3 * time.Hour) // somebody thinks about a question
		if n := c.Rejected.Counts().InFlight; n != 25 || len(f.leased(messages)) != 25 {
			t.Errorf("after three hours %d of 25 messages are in flight, %d leased", n, len(f.leased(messages)))
		}
		if late := f.release(t.Context()); late != 0 || c.Rejected.Counts().InFlight != 0 {
			t.Errorf("%d were not returned, %d are in flight", late, c.Rejected.Counts().InFlight)
		}
	})
}

func TestWhatCouldNotBeKeptIsLeftAlone(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		f, messages := receiveAll(t, c, 1)
		c.SQS.Inject(awstest.Fault{Operation: "ChangeMessageVisibilityBatch", Status: 500, Code: "InternalError"})
		time.Sleep(lease - leaseMargin + time.Second)
		if len(f.leased(messages)) != 0 {
			t.Error("a message counts as leased although its lease ends")
		}
		if late := f.release(t.Context()); late != 1 {
			t.Errorf("%d messages are late, want 1", late)
		}
	})
}

func TestAStandardQueueMayHandOutAMessageTwice(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		f, messages := receiveAll(t, c, 1)
		c.SQS.Inject(awstest.Fault{Operation: "ChangeMessageVisibilityBatch", Status: 500, Code: "InternalError"})
		time.Sleep(lease + time.Second) // it is visible again
		if again, err := f.receive(t.Context(), 1, &cli.Progress{}); len(again) != 0 || err != nil {
			t.Errorf("received %d new messages, %v", len(again), err)
		}
		if deleted := f.delete(t.Context(), messages); len(deleted) != 1 || len(c.Rejected.Messages()) != 0 {
			t.Error("the later receipt does not count")
		}
	})
}
