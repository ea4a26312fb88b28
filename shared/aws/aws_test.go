package aws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// private is in everything that must not appear in an error.
const private = "lantern-quartz-42"

// wantFault checks an error's mark, and that nothing private can be printed from it.
func wantFault(t *testing.T, err error, kind fault.Kind, reason fault.Reason, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok || f.Kind != kind || f.Reason != reason || f.Code != code {
		t.Fatalf("error = %#v, want %s %s %s", err, kind, reason, code)
	}
	if printed := fmt.Sprintf("%v %+v %#v %#v", err, err, err, f.Err); strings.Contains(printed, private) {
		t.Errorf("something private is in %s", printed)
	}
}

func TestASecretIsReadCreatedAndReplaced(t *testing.T) {
	const name = "bridge/demo/purchasely"
	server := awstest.NewInProcess(nil)
	secrets := aws.NewSecrets(server.Config())
	_, err := secrets.Read(t.Context(), name)
	wantFault(t, err, fault.Operator, fault.Secret, "ResourceNotFoundException")
	err = secrets.Replace(t.Context(), name, private)
	wantFault(t, err, fault.Operator, fault.Secret, "ResourceNotFoundException")
	if err := secrets.Create(t.Context(), name, "one", "description"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, secrets.Create(t.Context(), name, private, ""), fault.Retry, fault.Secret, "ResourceExistsException")
	if err := secrets.Replace(t.Context(), name, "two"); err != nil {
		t.Fatal(err)
	}
	if text, err := secrets.Read(t.Context(), name); string(text) != "two" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	server.Secrets.PutBinary(name, []byte("three"))
	if text, err := secrets.Read(t.Context(), name); string(text) != "three" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestASecretIsParsed(t *testing.T) {
	parsed := fault.New(fault.Operator, fault.Credentials, errors.New("region is unknown"))
	for name, c := range map[string]struct {
		err    error
		reason fault.Reason
	}{
		"a usable value":                      {nil, ""},
		"an error, which may quote the value": {errors.New(private), fault.Secret},
		"a fault of the parser's own":         {parsed, fault.Credentials},
	} {
		t.Run(name, func(t *testing.T) {
			server := awstest.NewInProcess(nil)
			server.Secrets.Put("name", private)
			parse := func(text []byte) (int, error) { return len(text), c.err }
			value, err := aws.ReadParsed(aws.NewSecrets(server.Config()), parse)(t.Context(), "name")
			if c.err != nil {
				wantFault(t, err, fault.Operator, c.reason, "")
			} else if err != nil || value != len(private) {
				t.Errorf("got %d, %v", value, err)
			}
		})
	}
}

func TestWhatAnErrorOfAWSMeansAndSays(t *testing.T) {
	for code, kind := range map[string]fault.Kind{
		"AccessDeniedException": fault.Operator, "DecryptionFailure": fault.Operator, "KmsDisabled": fault.Operator,
		"InvalidRequestException": fault.Operator, "UnrecognizedClientException": fault.Operator,
		"QueueDoesNotExist": fault.Operator, "ThrottlingException": fault.Retry, "InternalServiceError": fault.Retry,
		"ExpiredTokenException": fault.Retry, "Unheard.Of": fault.Retry, "KMS.AccessDeniedException": fault.Operator,
		"KMS.InvalidStateException": fault.Operator, "KMSDisabledException": fault.Operator, "KmsThrottled": fault.Retry,
		"KMS.ThrottlingException": fault.Retry, "SignatureDoesNotMatch": fault.Operator,
	} {
		t.Run(code, func(t *testing.T) {
			server := awstest.NewInProcess(nil)
			server.Secrets.Inject(awstest.Fault{Status: 400, Code: code})
			_, err := aws.NewSecrets(server.Config()).Read(t.Context(), private)
			wantFault(t, err, kind, fault.Secret, code)
			if want := "secret: Secrets Manager GetSecretValue: " + code; err.Error() != want {
				t.Errorf("error %q, want %q", err, want)
			}
		})
	}
	t.Run("a code that could be anything", func(t *testing.T) {
		server := awstest.NewInProcess(nil)
		server.Secrets.Inject(awstest.Fault{Status: 400, Code: private})
		_, err := aws.NewSecrets(server.Config()).Read(t.Context(), "name")
		wantFault(t, err, fault.Retry, fault.Secret, "unreadable code")
	})
}

// transport answers in place of AWS.
type transport func(*http.Request) (*http.Response, error)

func (t transport) Do(r *http.Request) (*http.Response, error) { return t(r) }

func TestAnErrorOfTheNetworkIsNamedByItsKind(t *testing.T) {
	_, refused := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	for want, err := range map[string]error{
		"no answer in time":                 fmt.Errorf(private+": %w", context.DeadlineExceeded),
		"context canceled":                  fmt.Errorf(private+": %w", context.Canceled),
		"host not found":                    &net.DNSError{Err: "no such host", Name: private, IsNotFound: true},
		"connection refused":                refused,
		"error of type *errors.errorString": errors.New(private),
	} {
		t.Run(want, func(t *testing.T) {
			config := awstest.NewInProcess(nil).Config()
			config.HTTPClient = transport(func(*http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: "https://" + private, Err: err}
			})
			_, err := aws.NewSecrets(config).Read(t.Context(), "name")
			wantFault(t, err, fault.Retry, fault.Secret, "")
			if got, _ := errors.AsType[*aws.Error](err); got.Error() != "Secrets Manager GetSecretValue: "+want {
				t.Errorf("error %q, want %s", got, want)
			}
		})
	}
}

func TestAnAnswerThatIsNotOfAWSIsNamedByItsStatus(t *testing.T) {
	config := awstest.NewInProcess(nil).Config()
	config.HTTPClient = transport(func(*http.Request) (*http.Response, error) { // as a proxy does
		body := io.NopCloser(strings.NewReader("<html>" + private))
		return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: body}, nil
	})
	_, err := aws.NewSecrets(config).Read(t.Context(), "name")
	wantFault(t, err, fault.Retry, fault.Secret, "")
	if got := err.Error(); got != "secret: Secrets Manager GetSecretValue: status 502" {
		t.Errorf("error %q", got)
	}
}
