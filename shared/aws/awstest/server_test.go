package awstest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
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

func TestAConnectionIsCut(t *testing.T) {
	server := awstest.New(t, nil)
	server.Secrets.Inject(awstest.Reset)
	overHTTP := server.Config()
	overHTTP.HTTPClient = nil
	for name, config := range map[string]aws.Config{"in the process": server.Config(), "over HTTP": overHTTP} {
		client := secretsmanager.NewFromConfig(config)
		_, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("name")})
		if reset := errors.Is(err, syscall.ECONNRESET) || strings.Contains(code(err), "EOF"); !reset {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACallThatHangsEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstest.NewInProcess(nil)
		for _, fault := range []awstest.Fault{awstest.Hang, {Delay: time.Hour}} {
			server.Secrets.Inject(fault)
			client := secretsmanager.NewFromConfig(server.Config())
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: new("name")})
			cancel()
			if took := time.Since(began); err == nil || took != time.Minute {
				t.Errorf("%v after %s", err, took)
			}
		}
	})
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

func TestAStackHasOutputs(t *testing.T) {
	server := awstest.NewInProcess(nil)
	server.Stacks.Create("bridge", map[string]string{"Url": "https://a?b=1&c=<d>", "Table": "t"})
	client := cloudformation.NewFromConfig(server.Config())
	in := &cloudformation.DescribeStacksInput{StackName: new("bridge")}
	out, err := client.DescribeStacks(t.Context(), in)
	if err != nil || *out.Stacks[0].Outputs[1].OutputValue != "https://a?b=1&c=<d>" {
		t.Errorf("got %+v, %v", out, err)
	}
	*in.StackName = "other"
	if _, err := client.DescribeStacks(t.Context(), in); code(err) != "ValidationError" {
		t.Errorf("%v", err)
	}
}
