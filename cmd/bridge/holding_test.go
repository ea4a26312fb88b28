package main

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// client is an SQS client that calls the fakeCloud directly.
func (c *fakeCloud) client() *sqs.Client {
	return sqs.New(sqs.Options{
		Region: "eu-west-1", HTTPClient: c, RetryMaxAttempts: 1,
		Credentials:        credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
		EndpointResolverV2: sqs.NewDefaultEndpointResolverV2(), BaseEndpoint: aws.String("https://sqs.invalid"),
	})
}

func (c *fakeCloud) queue(name string) *queue {
	return &queue{c.client(), "https://sqs.eu-west-1.amazonaws.com/000000000000/" + name, name}
}

func TestAHoldingLastsAsLongAsItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		for n := range 25 {
			cloud.queues[rejects].put(time.Hour, "", fmt.Sprint(n), nil)
		}
		h := hold(cloud.queue(rejects), true)
		defer h.release(t.Context())
		letters, full, err := h.collect(t.Context(), 25, never)
		if len(letters) != 25 || full || err != nil {
			t.Fatalf("collected %d, full %v, %v", len(letters), full, err)
		}
		time.Sleep(3 * time.Hour) // Somebody thinks about a question.
		if n := cloud.hidden(rejects); n != 25 || len(h.ours(letters)) != 25 {
			t.Errorf("after three hours %d of 25 messages are held, and %d ours", n, len(h.ours(letters)))
		}
		if late := h.release(t.Context()); late != 0 || cloud.hidden(rejects) != 0 {
			t.Errorf("%d were not given back, %d are hidden", late, cloud.hidden(rejects))
		}
	})
}

func TestWhatCouldNotBeKeptIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		cloud.queues[rejects].put(time.Hour, "", "body", nil)
		h := hold(cloud.queue(rejects), true)
		defer h.release(t.Context())
		letters, _, err := h.collect(t.Context(), 1, never)
		if len(letters) != 1 || err != nil {
			t.Fatalf("collected %d, %v", len(letters), err)
		}
		cloud.refuseAll("ChangeMessageVisibilityBatch", "InternalError")
		time.Sleep(lease - leaseMargin + time.Second)
		if ours := h.ours(letters); len(ours) != 0 {
			t.Error("a message counts as ours although its lease ends")
		}
		if late := h.release(t.Context()); late != 1 {
			t.Errorf("%d messages are told to come late, want 1", late)
		}
	})
}

func TestAStandardQueueMayHandOutAMessageTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := makeFakeCloud(t)
		m := cloud.queues[rejects].put(time.Hour, "", "body", nil)
		h := hold(cloud.queue(rejects), true)
		defer h.release(t.Context())
		cloud.before = func(operation string) {
			cloud.mu.Lock()
			defer cloud.mu.Unlock()
			if operation == "ReceiveMessage" && cloud.calls[operation] == 1 {
				m.visible = time.Time{}
			}
		}
		letters, _, err := h.collect(t.Context(), 1, never)
		if len(letters) != 1 || err != nil || m.receives != 2 {
			t.Fatalf("collected %d, %v, received %d times", len(letters), err, m.receives)
		}
		if gone := h.remove(t.Context(), letters); len(gone) != 1 || len(cloud.bodies(rejects)) != 0 {
			t.Error("the later receipt does not count")
		}
	})
}
