// Package secretsource answers what a secret is now, by its name in AWS Secrets Manager.
//
// It promises a typed value or a marked fault, whose text holds nothing of the secret. It does not cache, log or repeat; the
// SDK's client repeats.
package secretsource

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// stage is the version that counts. The one before it travels inside the secret, where a rotation needs it.
const stage = "AWSCURRENT"

// Causes; whatever AWS or a parser says besides may quote what it read.
var (
	errMissing    = errors.New("secret is not there")
	errDenied     = errors.New("secret may not be read")
	errUnreadable = errors.New("secret has no usable value")
	errAway       = errors.New("secret is out of reach")
)

// API is the part of the Secrets Manager client that is used.
type API interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// New makes a fetch that reads a secret by its name and parses its text. Its errors are *fault.Fault with reason Secret: of
// kind Operator where only a person can help, else of kind Retry. A fault that parse has marked stays as it is.
func New[T any](api API, parse func(text []byte) (T, error)) func(ctx context.Context, name string) (T, error) {
	return func(ctx context.Context, name string) (T, error) {
		var none T
		out, err := api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name, VersionStage: new(stage)})
		if err != nil {
			return none, mark(err)
		}
		text := out.SecretBinary
		if out.SecretString != nil {
			text = []byte(*out.SecretString)
		}
		value, err := parse(text)
		if marked, ok := errors.AsType[*fault.Fault](err); ok {
			return none, marked
		}
		if err != nil {
			return none, fault.New(fault.Operator, fault.Secret, errUnreadable)
		}
		return value, nil
	}
}

// mark says what happens next. The codes are those of GetSecretValue and of every AWS call (AWS Secrets Manager API reference,
// November 2026); a code that is not among them may pass later.
func mark(err error) *fault.Fault {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fault.New(fault.Retry, fault.Secret, errAway)
	}
	f := fault.New(fault.Operator, fault.Secret, nil)
	switch f.Code = api.ErrorCode(); f.Code {
	case "ResourceNotFoundException":
		f.Err = errMissing
	case "AccessDeniedException", "DecryptionFailure", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException":
		f.Err = errDenied
	case "InvalidRequestException", "InvalidParameterException":
		f.Err = errUnreadable
	case "ThrottlingException", "InternalServiceError", "ServiceUnavailableException", "ExpiredTokenException":
		f.Kind, f.Err = fault.Retry, errAway
	default:
		f.Kind, f.Err, f.Code = fault.Retry, errAway, ""
	}
	return f
}
