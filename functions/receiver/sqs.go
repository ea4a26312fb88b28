package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

var errSend = errors.New("queue has not accepted the message")

// queue is the main queue.
type queue struct {
	client *sqs.Client
	url    string
}

// Enqueue sends a message once; the SDK repeats. It returns nil only after SQS has accepted.
func (q *queue) Enqueue(ctx context.Context, m message.Encoded) error {
	in := &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &m.Body, MessageAttributes: attributes(m.Attributes)}
	if m.GroupID != "" {
		in.MessageGroupId, in.MessageDeduplicationId = &m.GroupID, &m.DeduplicationID
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return mark(err)
	}
	return nil
}

func attributes(values map[string]string) map[string]types.MessageAttributeValue {
	attributes := make(map[string]types.MessageAttributeValue, len(values))
	for name, value := range values {
		attributes[name] = types.MessageAttributeValue{DataType: new("String"), StringValue: &value}
	}
	return attributes
}

// mark names the refusals that only a person can end (Amazon SQS, SendMessage errors, November 2026). Everything else, and all
// that AWS writes about it, is a queue out of reach.
func mark(err error) *fault.Fault {
	f := fault.New(fault.Retry, fault.Unavailable, errSend)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch code := api.ErrorCode(); code {
		case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress", "AccessDenied", "AccessDeniedException",
			"InvalidSecurity", "KmsAccessDenied", "KmsDisabled", "KmsNotFound", "KmsInvalidState":
			f.Kind, f.Code = fault.Operator, code
		}
	}
	return f
}
