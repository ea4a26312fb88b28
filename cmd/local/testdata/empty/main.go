// Command empty does only what lies between its neighbours: as the receiver it puts what it gets on the queue, as the
// forwarder it uploads a record. The latency's benchmark compares the bridge with it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

type receiver struct{ queue *sqs.Client }

// Invoke implements lambda.Handler.
func (r receiver) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	in := &sqs.SendMessageInput{QueueUrl: new(os.Getenv("QUEUE_URL")), MessageBody: new("{}")}
	if strings.HasSuffix(*in.QueueUrl, ".fifo") {
		in.MessageGroupId = new(fmt.Sprint(time.Now().UnixNano()))
		in.MessageDeduplicationId = in.MessageGroupId
	}
	_, err := r.queue.SendMessage(ctx, in)
	return []byte(`{"statusCode":200}`), err
}

type forwarder struct{}

// Invoke implements lambda.Handler.
func (forwarder) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	url := strings.ReplaceAll(os.Getenv("CLEVERTAP_ENDPOINT"), "{host}", "eu1.api.clevertap.com") + "/1/upload"
	body := fmt.Sprintf(`{"d":[{"type":"event","identity":"nobody","ts":%d,"evtName":"Empty","evtData":{}}]}`,
		time.Now().Unix())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-CleverTap-Account-Id", "DEMO-PRODUCTION")
	r.Header.Set("X-CleverTap-Passcode", "demo-passcode-not-for-production")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	return []byte(`{"batchItemFailures":[]}`), response.Body.Close()
}

func main() {
	if os.Getenv("QUEUE_URL") == "" {
		lambda.Start(forwarder{})
	}
	cloud, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	lambda.Start(receiver{sqs.NewFromConfig(cloud)})
}
