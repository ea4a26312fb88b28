package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

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

// Reject sends messages to the rejected queue, ten and 1 MiB at a time and several calls at once.
func (q queues) Reject(ctx context.Context, messages []forward.Rejection) []error {
	errs := make([]error, len(messages))
	var calls errgroup.Group
	calls.SetLimit(callsAtOnce)
	for rest := errs; len(messages) > 0; {
		n, bytes := 0, 0
		for ; n < len(messages) && n < batchEntries; n++ {
			if bytes += size(messages[n]); bytes > batchBytes && n > 0 {
				break
			}
		}
		part, results := messages[:n], rest[:n]
		calls.Go(func() error {
			q.send(ctx, part, results)
			return nil
		})
		messages, rest = messages[n:], rest[n:]
	}
	_ = calls.Wait() // Each message has an error of its own.
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
			id := sha256.Sum256([]byte(m.Message.ID))
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
		if i, err := strconv.Atoi(aws.ToString(ok.Id)); err == nil && 0 <= i && i < len(errs) {
			errs[i] = nil
		}
	}
}

// attributes keeps a message's own attributes and replaces those of an earlier rejection. Where SQS has no room for all, those that a
// stranger added give way: without the others the message could not be read again.
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
	for _, name := range slices.SortedFunc(maps.Keys(m.Message.Attributes), neededFirst) {
		a := m.Message.Attributes[name]
		if _, replaced := ours[name]; replaced || len(a.Value()) == 0 || len(all) == maxAttributes {
			continue
		}
		value := types.MessageAttributeValue{DataType: new(a.Type)}
		if strings.HasPrefix(a.Type, "Binary") {
			decoded, err := base64.StdEncoding.DecodeString(a.Value())
			if err != nil {
				continue
			}
			value.BinaryValue = decoded
		} else {
			value.StringValue = new(a.Value())
		}
		all[name] = value
	}
	return all
}

// neededFirst orders attribute names: first those without which a message cannot be read.
func neededFirst(a, b string) int {
	foreign := func(name string) int {
		switch name {
		case message.AttrSchema, message.AttrApp, message.AttrReceived, message.AttrEncoding:
			return 0
		}
		return 1
	}
	return cmp.Or(foreign(a)-foreign(b), cmp.Compare(a, b))
}

// size is what SQS counts of a message, a little more.
func size(m forward.Rejection) int {
	n := len(m.Message.Body) + len(m.Error) + 512
	for name, a := range m.Message.Attributes {
		n += len(name) + len(a.Type) + len(a.Value())
	}
	return n
}
