package secretsource_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/purchasely-clevertap/bridge/functions/internal/secretsource"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// api is Secrets Manager with one answer.
type api func(in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error)

func (a api) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return a(in)
}

const plain = "lantern-quartz-42"

func echo(text []byte) (string, error) { return string(text), nil }

func TestTheCurrentVersionIsRead(t *testing.T) {
	for name, out := range map[string]*secretsmanager.GetSecretValueOutput{
		"as text":  {SecretString: new(plain)},
		"as bytes": {SecretBinary: []byte(plain)},
	} {
		t.Run(name, func(t *testing.T) {
			fetch := secretsource.New(api(func(in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
				if *in.SecretId != "bridge/demo/purchasely" || *in.VersionStage != "AWSCURRENT" || in.VersionId != nil {
					t.Errorf("asked for %v, %v, %v", in.SecretId, in.VersionStage, in.VersionId)
				}
				return out, nil
			}), echo)
			if value, err := fetch(t.Context(), "bridge/demo/purchasely"); value != plain || err != nil {
				t.Errorf("got %q, %v", value, err)
			}
		})
	}
}

func TestAnErrorSaysWhatHappensNextAndNothingOfTheSecret(t *testing.T) {
	refused := func(code string) error {
		return fmt.Errorf("operation error: %w", &smithy.GenericAPIError{Code: code, Message: "arn:aws:… " + plain})
	}
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		code string
	}{
		"not there":           {&types.ResourceNotFoundException{Message: new(plain)}, fault.Operator, "ResourceNotFoundException"},
		"not allowed":         {refused("AccessDeniedException"), fault.Operator, "AccessDeniedException"},
		"not decrypted":       {&types.DecryptionFailure{Message: new(plain)}, fault.Operator, "DecryptionFailure"},
		"about to be deleted": {&types.InvalidRequestException{Message: new(plain)}, fault.Operator, "InvalidRequestException"},
		"too many calls":      {refused("ThrottlingException"), fault.Retry, "ThrottlingException"},
		"AWS in trouble":      {&types.InternalServiceError{Message: new(plain)}, fault.Retry, "InternalServiceError"},
		"a code from nowhere": {refused(plain), fault.Retry, ""},
		"out of time":         {fmt.Errorf("%s: %w", plain, context.DeadlineExceeded), fault.Retry, ""},
		"no connection":       {errors.New("dial tcp: " + plain), fault.Retry, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fetch := secretsource.New(api(func(*secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
				return nil, c.err
			}), echo)
			_, err := fetch(t.Context(), "bridge/demo/purchasely")
			check(t, err, c.kind, fault.Secret, c.code)
		})
	}
}

func TestAValueThatCannotBeParsedIsForAPerson(t *testing.T) {
	mine := fault.New(fault.Operator, fault.Credentials, errors.New("region is unknown"))
	for name, c := range map[string]struct {
		out    *secretsmanager.GetSecretValueOutput
		err    error
		reason fault.Reason
	}{
		"text":             {&secretsmanager.GetSecretValueOutput{SecretString: new(plain)}, errors.New(plain), fault.Secret},
		"no value at all":  {&secretsmanager.GetSecretValueOutput{}, errors.New(plain), fault.Secret},
		"marked by parser": {&secretsmanager.GetSecretValueOutput{SecretString: new(plain)}, mine, fault.Credentials},
	} {
		t.Run(name, func(t *testing.T) {
			fetch := secretsource.New(api(func(*secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
				return c.out, nil
			}), func([]byte) (string, error) { return "", c.err })
			_, err := fetch(t.Context(), "bridge/demo/purchasely")
			check(t, err, fault.Operator, c.reason, "")
		})
	}
}

func check(t *testing.T, err error, kind fault.Kind, reason fault.Reason, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok || f.Kind != kind || f.Reason != reason || f.Code != code {
		t.Fatalf("error = %#v", err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(printed, plain) {
		t.Errorf("the secret is in %s", printed)
	}
}
