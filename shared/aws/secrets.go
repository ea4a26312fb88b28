// Package aws reaches secrets and queues in AWS, and the packages below it the subscribers table (dynamo) and the
// settings (bucket), behind the interfaces that the handlers declare.
//
// Every error names the call and AWS's code and nothing else of what AWS wrote. Errors for handlers are marked with
// what happens next. The package decides nothing about webhooks, caches nothing and repeats nothing: the SDK's
// clients repeat.
package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// currentVersion is the version that counts. The one before it travels inside the secret, where a rotation needs it.
const currentVersion = "AWSCURRENT"

// errUnreadable replaces a parser's error, which may quote the secret.
var errUnreadable = errors.New("secret has no usable value")

// Secrets is AWS Secrets Manager.
type Secrets struct{ client *secretsmanager.Client }

// NewSecrets makes no connection yet.
func NewSecrets(config aws.Config) *Secrets { return &Secrets{secretsmanager.NewFromConfig(config)} }

// Read returns the text of a secret.
func (s *Secrets) Read(ctx context.Context, name string) ([]byte, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &name, VersionStage: new(currentVersion)}
	out, err := s.client.GetSecretValue(ctx, in)
	if err != nil {
		return nil, Fault(fault.Secret, err)
	}
	if out.SecretString != nil {
		return []byte(*out.SecretString), nil
	}
	return out.SecretBinary, nil
}

// Create stores a new secret. It never changes one that exists: then the code is ResourceExistsException.
func (s *Secrets) Create(ctx context.Context, name, text, description string) error {
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text, Description: &description}
	if _, err := s.client.CreateSecret(ctx, in); err != nil {
		return Fault(fault.Secret, err)
	}
	return nil
}

// Replace gives a secret that exists a new value.
func (s *Secrets) Replace(ctx context.Context, name, text string) error {
	in := &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text}
	if _, err := s.client.PutSecretValue(ctx, in); err != nil {
		return Fault(fault.Secret, err)
	}
	return nil
}

// ReadParsed returns a function that reads a secret and parses its text. Its errors are faults; one that parse has
// marked stays as it is.
func ReadParsed[T any](
	s *Secrets, parse func(text []byte) (T, error),
) func(ctx context.Context, name string) (T, error) {
	return func(ctx context.Context, name string) (T, error) {
		var zero T
		text, err := s.Read(ctx, name)
		if err != nil {
			return zero, err
		}
		value, err := parse(text)
		if f, ok := errors.AsType[*fault.Fault](err); ok {
			return zero, f
		}
		if err != nil {
			return zero, fault.New(fault.Operator, fault.Secret, errUnreadable)
		}
		return value, nil
	}
}
