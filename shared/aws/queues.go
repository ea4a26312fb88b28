package aws

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
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Limits of SQS (Amazon SQS message quotas, November 2026), and ours.
const (
	batchEntries  = 10
	batchBytes    = 1 << 20
	maxAttributes = 10
	callsAtOnce   = 8 // a batch of a thousand messages needs a hundred calls
)

// errLeftOut says that SQS has answered and named a message neither as sent nor as failed.
var errLeftOut = errors.New("message left out of the answer")

// Queue is one SQS queue, known by its URL.
type Queue struct {
	Delayer
	url string
}

// NewQueue makes no connection yet.
func NewQueue(config aws.Config, url string) *Queue {
	return &Queue{Delayer{sqs.NewFromConfig(config)}, url}
}

func (q *Queue) fifo() bool { return strings.HasSuffix(q.url, ".fifo") }

// Enqueue implements receive.Enqueuer.
func (q *Queue) Enqueue(ctx context.Context, m message.Encoded) error {
	attributes := make(map[string]types.MessageAttributeValue, len(m.Attributes))
	for name, value := range m.Attributes {
		attributes[name] = textAttribute(value)
	}
	in := &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &m.Body, MessageAttributes: attributes}
	if m.GroupID != "" { // on a standard queue it makes the queue fair
		in.MessageGroupId = &m.GroupID
	}
	if m.DeduplicationID != "" {
		in.MessageDeduplicationId = &m.DeduplicationID
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return Fault(fault.Unavailable, err)
	}
	return nil
}

// Reject implements forward.Rejecter for the rejected queue. It sends ten messages and 1 MiB at a time, with
// several calls at once.
func (q *Queue) Reject(ctx context.Context, messages []message.Rejection) []error {
	errs := make([]error, len(messages))
	var calls errgroup.Group
	calls.SetLimit(callsAtOnce)
	for start := 0; start < len(messages); {
		end, bytes := start, 0
		for ; end < len(messages) && end-start < batchEntries; end++ {
			if bytes += size(messages[end]); bytes > batchBytes && end > start {
				break
			}
		}
		batch, results := messages[start:end], errs[start:end]
		calls.Go(func() error {
			q.sendRejections(ctx, batch, results)
			return nil
		})
		start = end
	}
	_ = calls.Wait() // each message has an error of its own
	return errs
}

// sendRejections sends up to ten messages and sets the error of each.
func (q *Queue) sendRejections(ctx context.Context, messages []message.Rejection, errs []error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.SendMessageBatchRequestEntry{
			Id:                new(strconv.Itoa(i)),
			MessageBody:       new(string(m.Message.Body)),
			MessageAttributes: rejectedAttributes(m),
		}
		if q.fifo() {
			// The message's own id: a redrive that fails again within five minutes must not be dropped as a
			// duplicate.
			id := sha256.Sum256([]byte(m.Message.ID))
			entries[i].MessageGroupId = new(hex.EncodeToString(id[:]))
			entries[i].MessageDeduplicationId = entries[i].MessageGroupId
		}
	}
	answer, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	left := fault.New(fault.Retry, fault.RejectedQueue, &Error{Call: "SQS SendMessageBatch", Err: errLeftOut})
	if err != nil {
		answer, left = &sqs.SendMessageBatchOutput{}, Fault(fault.RejectedQueue, err)
	}
	for i := range errs {
		errs[i] = left
	}
	for _, failed := range answer.Failed {
		if i, ok := entryIndex(failed.Id, len(errs)); ok {
			errs[i] = refusal(fault.RejectedQueue, "SQS SendMessageBatch", aws.ToString(failed.Code))
		}
	}
	for _, sent := range answer.Successful {
		if i, ok := entryIndex(sent.Id, len(errs)); ok {
			errs[i] = nil
		}
	}
}

// entryIndex reads the id of a batch entry, which is its index.
func entryIndex(id *string, entries int) (i int, ok bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && 0 <= i && i < entries
}

// rejectedAttributes keeps a message's own attributes and replaces those of an earlier rejection. Where SQS has no
// room for all, those that are not the bridge's are dropped: without the others the message could not be read again.
func rejectedAttributes(m message.Rejection) map[string]types.MessageAttributeValue {
	ours := map[string]string{
		message.AttrReason: string(m.Reason), message.AttrCode: m.Code,
		message.AttrError: m.Error, message.AttrAccepted: m.Accepted,
	}
	all := make(map[string]types.MessageAttributeValue, maxAttributes)
	for name, value := range ours {
		if value != "" { // SQS refuses an empty one
			all[name] = textAttribute(value)
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(m.Message.Attributes), neededFirst) {
		a := m.Message.Attributes[name]
		if _, replaced := ours[name]; replaced || a.Value() == "" || len(all) == maxAttributes {
			continue
		}
		value := types.MessageAttributeValue{DataType: &a.Type}
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

func textAttribute(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: new("String"), StringValue: &value}
}

// neededFirst orders attribute names: first those without which a message cannot be read.
func neededFirst(a, b string) int {
	rank := func(name string) int {
		switch name {
		case message.AttrSchema, message.AttrApp, message.AttrReceived, message.AttrEncoding:
			return 0
		}
		return 1
	}
	return cmp.Or(rank(a)-rank(b), strings.Compare(a, b))
}

// size is a little more than what SQS counts of a message.
func size(m message.Rejection) int {
	n := len(m.Message.Body) + len(m.Error) + 512
	for name, a := range m.Message.Attributes {
		n += len(name) + len(a.Type) + len(a.Value())
	}
	return n
}

// Delayer implements message.Delayer for any queue of the account.
type Delayer struct{ client *sqs.Client }

// NewDelayer makes no connection yet.
func NewDelayer(config aws.Config) *Delayer { return &Delayer{sqs.NewFromConfig(config)} }

// Delay sets ten visibilities at a time, with several calls at once, goes on after an error and returns the first.
// source is the queue's ARN.
func (d *Delayer) Delay(ctx context.Context, source string, messages []message.Delay) error {
	url, err := d.urlOf(ctx, source)
	if err != nil {
		return Fault(fault.Unavailable, err)
	}
	var calls errgroup.Group
	calls.SetLimit(callsAtOnce)
	for batch := range slices.Chunk(messages, batchEntries) {
		calls.Go(func() error { return d.changeVisibilities(ctx, url, batch) })
	}
	return calls.Wait()
}

// urlOf is the address of a queue's service, which an environment variable may replace, with the account and the
// queue's name.
func (d *Delayer) urlOf(ctx context.Context, source string) (string, error) {
	parsed, err := arn.Parse(source)
	if err != nil {
		return "", err
	}
	options := d.client.Options()
	base := aws.ToString(options.BaseEndpoint)
	if base == "" {
		endpoint, err := options.EndpointResolverV2.ResolveEndpoint(ctx, sqs.EndpointParameters{Region: &parsed.Region})
		if err != nil {
			return "", err
		}
		base = endpoint.URI.String()
	}
	return strings.TrimRight(base, "/") + "/" + parsed.AccountID + "/" + parsed.Resource, nil
}

func (d *Delayer) changeVisibilities(ctx context.Context, url string, messages []message.Delay) error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id:                new(strconv.Itoa(i)),
			ReceiptHandle:     &m.Message.Receipt,
			VisibilityTimeout: int32(m.After.Seconds()),
		}
	}
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: entries}
	answer, err := d.client.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		return Fault(fault.Unavailable, err)
	}
	for _, failed := range answer.Failed {
		return refusal(fault.Unavailable, "SQS ChangeMessageVisibilityBatch", aws.ToString(failed.Code))
	}
	return nil
}
