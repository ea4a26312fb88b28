package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Limits of SQS (quotas page, November 2026).
const (
	batchEntries  = 10
	batchBytes    = 1 << 20
	maxAttributes = 10
)

// queues is the way to the rejected queue and back to the queue that messages came from.
type queues struct {
	client   *sqs.Client
	rejected string
}

var errRefused = errors.New("queue refused the message")

// Reject sends messages to the rejected queue in their order, ten and 1 MiB at a time.
func (q queues) Reject(ctx context.Context, messages []forward.Rejection) []error {
	errs := make([]error, len(messages))
	for from := 0; from < len(messages); {
		to, bytes := from, 0
		for ; to < len(messages) && to-from < batchEntries; to++ {
			if bytes += size(messages[to]); bytes > batchBytes && to > from {
				break
			}
		}
		q.send(ctx, messages[from:to], errs[from:to])
		from = to
	}
	return errs
}

func (q queues) send(ctx context.Context, messages []forward.Rejection, errs []error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.SendMessageBatchRequestEntry{
			Id:                new(strconv.Itoa(i)),
			MessageBody:       new(string(m.Message.Body)),
			MessageAttributes: attributes(m),
		}
		if strings.HasSuffix(q.rejected, ".fifo") {
			// The message's own id: a redrive that fails again within five minutes must not be swallowed.
			id := sha256.Sum256(m.Message.ID)
			entries[i].MessageGroupId = new(hex.EncodeToString(id[:]))
			entries[i].MessageDeduplicationId = entries[i].MessageGroupId
		}
		errs[i] = errRefused // until SQS says otherwise
	}
	answer, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.rejected, Entries: entries})
	if err != nil {
		return
	}
	for _, ok := range answer.Successful {
		if i, err := strconv.Atoi(*ok.Id); err == nil && i < len(errs) {
			errs[i] = nil
		}
	}
}

// attributes keeps a message's own attributes, as many as leave room for ours, and replaces those of an earlier rejection.
func attributes(m forward.Rejection) map[string]types.MessageAttributeValue {
	ours := map[string]string{
		message.AttrReason: string(m.Reason), message.AttrCode: m.Code, message.AttrError: m.Error, message.AttrAccepted: m.Accepted,
	}
	all := make(map[string]types.MessageAttributeValue, maxAttributes)
	for name, value := range ours {
		if value != "" { // SQS refuses an empty one
			all[name] = types.MessageAttributeValue{DataType: new("String"), StringValue: new(value)}
		}
	}
	for _, a := range m.Message.Attributes {
		name := string(a.Name)
		if _, mine := ours[name]; mine || len(a.Value) == 0 || len(all) == maxAttributes {
			continue
		}
		value := types.MessageAttributeValue{DataType: new(string(a.Type))}
		if strings.HasPrefix(string(a.Type), "Binary") {
			decoded, err := base64.StdEncoding.DecodeString(string(a.Value))
			if err != nil {
				continue
			}
			value.BinaryValue = decoded
		} else {
			value.StringValue = new(string(a.Value))
		}
		all[name] = value
	}
	return all
}

// size is what SQS counts of a message, a little more.
func size(m forward.Rejection) int {
	n := len(m.Message.Body) + len(m.Error) + 512
	for _, a := range m.Message.Attributes {
		n += len(a.Name) + len(a.Type) + len(a.Value)
	}
	return n
}
