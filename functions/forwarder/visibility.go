package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// callsAtOnce bounds the calls to SQS: a batch of a thousand needs a hundred.
const callsAtOnce = 8

// Delay sets the new visibilities, ten at a time and several calls at once. It goes on after an error and gives the first.
func (q queues) Delay(ctx context.Context, source string, messages []forward.Delay) error {
	queue := q.url(source)
	var calls errgroup.Group
	calls.SetLimit(callsAtOnce)
	for part := range slices.Chunk(messages, batchEntries) {
		calls.Go(func() error { return q.delay(ctx, queue, part) })
	}
	return calls.Wait()
}

func (q queues) delay(ctx context.Context, queue string, messages []forward.Delay) error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id:                new(strconv.Itoa(i)),
			ReceiptHandle:     new(string(m.Message.Receipt)),
			VisibilityTimeout: int32(m.After.Seconds()),
		}
	}
	answer, err := q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &queue, Entries: entries})
	if err == nil && len(answer.Failed) > 0 {
		err = errRefused
	}
	return err
}

// url makes a queue's URL from its ARN. Both queues are of one stack, so but for the name the rejected queue's URL is the same; that also
// holds for an emulator, whose addresses follow no rule.
func (q queues) url(arn string) string {
	name := arn[strings.LastIndexByte(arn, ':')+1:]
	return q.rejected[:strings.LastIndexByte(q.rejected, '/')+1] + name
}
