package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// callsAtOnce bounds the calls for new visibilities: a batch of a thousand needs a hundred.
const callsAtOnce = 8

// Delay sets the new visibilities, ten at a time and several calls at once. It goes on after an error and gives the first.
func (q queues) Delay(ctx context.Context, source string, messages []forward.Delay) error {
	queue := q.url(source)
	var (
		all   sync.WaitGroup
		once  sync.Once
		first error
		slots = make(chan struct{}, callsAtOnce)
	)
	for from := 0; from < len(messages); from += batchEntries {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := q.delay(ctx, queue, messages[from:min(from+batchEntries, len(messages))]); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	all.Wait()
	return first
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

// url makes a queue's URL from its ARN. Both queues are of one stack, so the rejected queue's URL tells the rest; that also holds for an
// emulator, whose addresses follow no rule.
func (q queues) url(arn string) string {
	parts := strings.Split(arn, ":")
	u, err := url.Parse(q.rejected)
	if err != nil || len(parts) != 6 {
		return ""
	}
	u.Path = "/" + parts[4] + "/" + parts[5]
	return u.String()
}
