package awstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func TestSecretsHaveTheirCurrentAndPreviousVersion(t *testing.T) {
	server := awstest.New(t, nil)
	client := secretsmanager.NewFromConfig(settings(server))
	value := func(id, stage string) (string, error) {
		out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: &stage})
		if err != nil {
			return "", err
		}
		if out.SecretString == nil {
			return string(out.SecretBinary), nil
		}
		return *out.SecretString, nil
	}
	const name = "bridge/demo/purchasely"
	_, err := value(name, "AWSCURRENT")
	wantCode(t, err, "ResourceNotFoundException")

	created, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new(name), SecretString: new("one")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new(name), SecretString: new("two")})
	wantCode(t, err, "ResourceExistsException")
	_, err = client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: new("a b"), SecretString: new("two")})
	wantCode(t, err, "ValidationException")
	_, err = value(name, "AWSPREVIOUS")
	wantCode(t, err, "ResourceNotFoundException")
	if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new(name), SecretString: new("two")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ id, stage, want string }{
		{name, "AWSCURRENT", "two"}, {name, "AWSPREVIOUS", "one"}, {*created.ARN, "AWSCURRENT", "two"},
	} {
		if got, err := value(c.id, c.stage); got != c.want || err != nil {
			t.Errorf("%s %s: %q, %v", c.id, c.stage, got, err)
		}
	}
	described, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new(name)})
	if err != nil || *described.Name != name || len(described.VersionIdsToStages) != 2 {
		t.Errorf("got %+v, %v", described, err)
	}

	server.Secrets.PutBinary(name, []byte("three"))
	if got, err := value(name, "AWSCURRENT"); got != "three" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	server.Secrets.Deny(name, true)
	_, err = value(name, "AWSCURRENT")
	wantCode(t, err, "AccessDeniedException")
	server.Secrets.Deny(name, false)
	server.Secrets.Remove(name)
	_, err = value(name, "AWSCURRENT")
	wantCode(t, err, "ResourceNotFoundException")
	if got := server.Secrets.Calls("GetSecretValue"); got != 8 {
		t.Errorf("%d calls", got)
	}
}

func TestTroublesBefallTheCallsTheyAreMeantFor(t *testing.T) {
	server := awstest.New(t, nil)
	server.Secrets.Put("name", "one")
	client := secretsmanager.NewFromConfig(settings(server))
	get := func() error {
		_, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("name")})
		return err
	}
	twice := awstest.Throttle
	twice.Times = 2
	server.Secrets.Trouble(twice, awstest.Trouble{Operation: "PutSecretValue", Status: 500, Code: "InternalFailure", AfterEffect: true})
	wantCode(t, get(), "ThrottlingException")
	wantCode(t, get(), "ThrottlingException")
	if err := get(); err != nil {
		t.Error(err)
	}
	_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new("name"), SecretString: new("two")})
	wantCode(t, err, "InternalFailure")
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("name")})
	if err != nil || *out.SecretString != "two" {
		t.Errorf("got %v, %v", out, err)
	}
	server.Secrets.Trouble(awstest.Reset)
	if err := get(); err == nil || strings.Contains(err.Error(), "InternalFailure") {
		t.Errorf("error = %v", err)
	}
	server.Secrets.Trouble()
	if err := get(); err != nil {
		t.Error(err)
	}
}
