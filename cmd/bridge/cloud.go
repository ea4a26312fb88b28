package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// errInterrupted ends a command that was told to stop before it had done anything that has to be told.
var errInterrupted = &failure{code: finding, err: errors.New("interrupted")}

// cloudClient makes the calls to AWS; nil stands for the SDK's own.
var cloudClient aws.HTTPClient

// connect finds AWS by the usual chain: environment, profile, sign-in. That credentials are there is seen here, so that their lack is
// told in one sentence and not by the first call.
func connect(ctx context.Context) (aws.Config, error) {
	cloud, err := awsconfig.LoadDefaultConfig(ctx,
		awsconfig.WithLogger(logging.Nop{}), // It would write among the output.
		awsconfig.WithHTTPClient(cloudClient))
	if profile, ok := errors.AsType[awsconfig.SharedConfigProfileNotExistError](err); ok {
		return cloud, usagef("AWS_PROFILE names one of those in ~/.aws/config", "AWS profile %q does not exist", profile.Profile)
	}
	if err != nil {
		return cloud, usagef("see ~/.aws/config and the AWS_ variables", "AWS settings cannot be read")
	}
	if cloud.Region == "" {
		return cloud, usagef("set AWS_REGION, or give your AWS profile a region", "no AWS region is set")
	}
	if _, err := cloud.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return cloud, errInterrupted
		}
		return cloud, usagef("set AWS_PROFILE, or sign in with 'aws sso login' or 'aws configure'", "no AWS credentials are found")
	}
	return cloud, nil
}

// awsHints say what to do about the errors that people cause (common errors of the AWS APIs, November 2026).
var awsHints = map[string]string{
	"AccessDenied":                            "your AWS identity may not do this",
	"AccessDeniedException":                   "your AWS identity may not do this",
	"ExpiredToken":                            "your AWS sign-in has expired: sign in again",
	"ExpiredTokenException":                   "your AWS sign-in has expired: sign in again",
	"InvalidClientTokenId":                    "AWS does not know these credentials",
	"UnrecognizedClientException":             "AWS does not know these credentials",
	"QueueDoesNotExist":                       "the stack names a queue that is gone; was it deleted by hand?",
	"AWS.SimpleQueueService.NonExistentQueue": "the stack names a queue that is gone; was it deleted by hand?",
	"Throttling":                              "AWS has too much to do for this account: try again in a minute",
	"ThrottlingException":                     "AWS has too much to do for this account: try again in a minute",
	"RequestThrottled":                        "AWS has too much to do for this account: try again in a minute",
}

// awsTrouble tells of a call that failed: which one, and AWS's code. AWS's own words may name accounts and addresses, and are left out.
func awsTrouble(err error) error {
	call := "AWS"
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		call = operation.Service() + " " + operation.Operation()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return findingf(awsHints[api.ErrorCode()], "%s: %s", call, api.ErrorCode())
	}
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return findingf("is the network up, and AWS_ENDPOINT_URL right if it is set?", "%s: AWS does not answer", call)
}

// awsCode is the code of an error that AWS has answered, "" if it has not answered.
func awsCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
