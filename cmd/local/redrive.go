package main

import (
	"context"
	"path"
	"strconv"
	"time"
)

// redrive puts a fixture's message on the events queue as `bridge rejected redrive` does it: with the time of its first reception, and with an
// id that the queue has not seen.
func (m *ministack) redrive(ctx context.Context, queue string, fifo bool, f fixture) error {
	attributes := map[string]map[string]string{}
	for name, value := range map[string]string{
		"schema": "1", "app": path.Base(f.path), "encoding": "raw",
		"received_at": time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"),
	} {
		attributes[name] = map[string]string{"DataType": "String", "StringValue": value}
	}
	request := map[string]any{"QueueUrl": queue, "MessageBody": string(f.body), "MessageAttributes": attributes}
	if fifo {
		request["MessageGroupId"] = f.series
		request["MessageDeduplicationId"] = "redriven-" + strconv.FormatInt(time.Now().UnixNano(), 10)
	}
	return m.call(ctx, "sqs", "AmazonSQS.SendMessage", request, &struct{}{})
}
