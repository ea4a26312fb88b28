package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// tries is how often a message is offered to the queue. The SDK repeats calls that fail as a whole besides.
	tries = 3
	// retryPause is the pause before a second try, and grows with each.
	retryPause = 500 * time.Millisecond
)

// errUnanswered is the end of a message that an answer passes over in silence.
var errUnanswered = errors.New("the events queue does not say whether it accepted it")

// offer offers a few messages until the queue has accepted them, refused them for good, or been asked often enough.
func (s *sender) offer(ctx context.Context, page []outgoing, part []int, errs []error) {
	for try := 1; len(part) > 0; try++ {
		for _, i := range part {
			errs[i] = errInterrupted
		}
		if s.limiter.WaitN(ctx, len(part)) != nil {
			return
		}
		if part = s.call(ctx, page, part, errs); len(part) == 0 || try == tries || !pause(ctx, time.Duration(try)*retryPause) {
			return
		}
	}
}

// call makes one call and gives the messages that may be offered again.
func (s *sender) call(ctx context.Context, page []outgoing, part []int, errs []error) (again []int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	entries := make([]types.SendMessageBatchRequestEntry, len(part))
	for n, i := range part {
		m := &page[i]
		errs[i] = errUnanswered
		entries[n] = types.SendMessageBatchRequestEntry{Id: new(strconv.Itoa(n)), MessageBody: &m.body, MessageAttributes: m.attributes}
		if m.group != "" {
			entries[n].MessageGroupId, entries[n].MessageDeduplicationId = &m.group, &m.unique
		}
	}
	out, err := s.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &s.url, Entries: entries})
	if err != nil {
		for _, i := range part {
			errs[i] = awsTrouble(err)
		}
		return nil
	}
	for _, ok := range out.Successful {
		if n, err := strconv.Atoi(aws.ToString(ok.Id)); err == nil && 0 <= n && n < len(part) {
			errs[part[n]] = nil
		}
	}
	for _, refused := range out.Failed {
		if n, err := strconv.Atoi(aws.ToString(refused.Id)); err == nil && 0 <= n && n < len(part) {
			errs[part[n]] = fmt.Errorf("the events queue refuses it: %s", aws.ToString(refused.Code))
			if !refused.SenderFault {
				again = append(again, part[n])
			}
		}
	}
	return again
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
