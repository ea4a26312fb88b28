package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"
)

const (
	// maxEntries is how many messages one call takes (Amazon SQS message quotas, November 2026).
	maxEntries = 10
	// callsAtOnce is how many calls go to SQS at a time where their order does not matter.
	callsAtOnce = 5
	// settling is how long a call may take that is made although the command was interrupted.
	settling = 20 * time.Second
)

// queue is one of the stack's queues that messages are taken from.
type queue struct {
	client *sqs.Client
	url    string
	name   string // for people
}

// fifo tells whether a queue keeps the order of groups.
func (q *queue) fifo() bool { return strings.HasSuffix(q.url, ".fifo") }

// size is how many messages SQS believes to lie here, those in somebody's hands included. It is not exact (GetQueueAttributes, November
// 2026).
func (q *queue) size(ctx context.Context) (int, error) {
	const visible, taken, delayed = types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed
	names := []types.QueueAttributeName{visible, taken, delayed}
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: names})
	if err != nil {
		return 0, awsTrouble(err)
	}
	sum := 0
	for _, name := range names {
		n, _ := strconv.Atoi(out.Attributes[string(name)]) // A number that is missing counts as none.
		sum += n
	}
	return sum, nil
}

// receive takes up to ten messages out of the sight of others, and waits a second for the first: only a call that waits asks all of the
// queue's servers (Amazon SQS short and long polling, November 2026). An interrupt does not cut the call off, for nobody could give back what
// it has taken by then. full: SQS hands out no more before some have been given back.
func (q *queue) receive(ctx context.Context, lease time.Duration) (letters []*letter, full bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	until := time.Now().Add(lease)
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: maxEntries, WaitTimeSeconds: 1, VisibilityTimeout: int32(lease / time.Second),
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if _, over := errors.AsType[*types.OverLimit](err); over {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, awsTrouble(err)
	}
	for _, m := range out.Messages {
		letters = append(letters, open(m, until))
	}
	return letters, false, nil
}

// see says when others may see letters again, and gives those for which SQS agreed.
func (q *queue) see(ctx context.Context, letters []*letter, after time.Duration) (agreed []*letter) {
	return inTens(letters, func(part []*letter) map[string]bool {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(part))
		for i, l := range part {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: new(strconv.Itoa(i)), ReceiptHandle: &l.handle, VisibilityTimeout: int32(after / time.Second),
			}
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil
		}
		done := make(map[string]bool, len(part))
		for _, ok := range out.Successful {
			done[*ok.Id] = true
		}
		return done
	})
}

// remove deletes letters for good, and gives those that are gone.
func (q *queue) remove(ctx context.Context, letters []*letter) (gone []*letter) {
	return inTens(letters, func(part []*letter) map[string]bool {
		entries := make([]types.DeleteMessageBatchRequestEntry, len(part))
		for i, l := range part {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: new(strconv.Itoa(i)), ReceiptHandle: &l.handle}
		}
		out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil
		}
		done := make(map[string]bool, len(part))
		for _, ok := range out.Successful {
			done[*ok.Id] = true
		}
		return done
	})
}

// inTens makes calls of ten letters, several at once, and gives the letters that the calls name as done, by their place in the ten.
func inTens(letters []*letter, call func([]*letter) map[string]bool) (done []*letter) {
	results := make([][]*letter, (len(letters)+maxEntries-1)/maxEntries)
	var calls errgroup.Group
	calls.SetLimit(callsAtOnce)
	for n := range results {
		part := letters[n*maxEntries : min(len(letters), (n+1)*maxEntries)]
		calls.Go(func() error {
			names := call(part)
			for i, l := range part {
				if names[strconv.Itoa(i)] {
					results[n] = append(results[n], l)
				}
			}
			return nil
		})
	}
	_ = calls.Wait() // The calls' errors are the letters that are missing.
	for _, r := range results {
		done = append(done, r...)
	}
	return done
}
