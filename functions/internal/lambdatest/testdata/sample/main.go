// Command sample does what its payload says, for the tests of lambdatest.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type handler struct{}

func (handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	switch string(payload) {
	case "error":
		return nil, errors.New("on demand")
	case "panic":
		panic("on demand")
	case "exit":
		fmt.Fprintln(os.Stderr, "leaving")
		os.Exit(7)
	case "hang":
		select {}
	case "deadline":
		deadline, ok := ctx.Deadline()
		lc, _ := lambdacontext.FromContext(ctx)
		return fmt.Appendf(nil, "%t %d %s", ok, deadline.UnixMilli(), lc.AwsRequestID), nil
	case "env":
		return []byte(os.Getenv("OWN") + os.Getenv("INHERITED")), nil
	}
	fmt.Println("echo")
	return append([]byte(nil), payload...), nil
}

func main() {
	if os.Getenv("START") == "fail" {
		fmt.Fprintln(os.Stderr, "cannot start")
		os.Exit(3)
	}
	lambda.Start(handler{})
}
