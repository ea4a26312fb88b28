package awstest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestFaultsHappenToTheCallsTheyAreInjectedFor(t *testing.T) {
	server := awstest.NewInProcess(nil)
	server.Secrets.Put("name", "one")
	client := secretsmanager.NewFromConfig(server.Config())
	get := func() string {
		out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("name")})
		if err != nil {
			return code(err)
		}
		return *out.SecretString
	}
	put := func() string {
		in := &secretsmanager.PutSecretValueInput{SecretId: new("name"), SecretString: new("two")}
		_, err := client.PutSecretValue(t.Context(), in)
		return code(err)
	}
	twice := awstest.Throttle
	twice.Times = 2
	late := awstest.Fault{Operation: "PutSecretValue", Status: 500, Code: "InternalFailure", AfterEffect: true}
	server.Secrets.Inject(twice, late)
	for i, want := range []string{"ThrottlingException", "ThrottlingException", "one"} {
		if got := get(); got != want {
			t.Errorf("call %d: %s, want %s", i, got, want)
		}
	}
	if got := put(); got != "InternalFailure" || get() != "two" {
		t.Errorf("%s, and the secret is %s: a fault after the effect must not undo it", got, get())
	}
	var before []string
	server.Secrets.Before(func(operation string) { before = append(before, operation) })
	server.Secrets.Inject()
	if got := put(); got != "<nil>" || strings.Join(before, " ") != "PutSecretValue" {
		t.Errorf("%s, after calls of %v", got, before)
	}
	if n, all := server.Secrets.Calls("PutSecretValue"), server.Secrets.Calls(""); n != 2 || all != 6 {
		t.Errorf("%d and %d calls", n, all)
	}
}

func TestCallsWithoutASignatureAreRefused(t *testing.T) {
	server := awstest.NewInProcess(nil)
	for _, target := range []string{"AmazonSQS.SendMessage", "Unknown.Operation"} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
		request.Header.Set("X-Amz-Target", target)
		w := httptest.NewRecorder()
		if server.ServeHTTP(w, request); w.Code/100 != 4 {
			t.Errorf("%s: status %d", target, w.Code)
		}
	}
}
