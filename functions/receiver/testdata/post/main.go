// Command post answers once a message is on the queue, and does nothing else: it checks and makes no signature,
// reads no key and looks at no byte of the webhook. What it takes is the network's share of what the receiver
// takes.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
)

type handler struct{ address, call, authorization string }

func (h handler) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address, strings.NewReader(h.call))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	request.Header.Set("X-Amz-Date", "20261101T000000Z")
	request.Header.Set("Authorization", h.authorization)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"statusCode":%d}`, response.StatusCode), nil
}

func main() {
	lambda.Start(handler{os.Getenv("ADDRESS"), os.Getenv("CALL"), os.Getenv("AUTHORIZATION")})
}
