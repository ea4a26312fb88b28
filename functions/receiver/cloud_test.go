package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// recorder keeps the calls that the SDK would make, and answers all of them with a status.
type recorder struct {
	status int
	calls  []*http.Request
}

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	r.calls = append(r.calls, request)
	return &http.Response{StatusCode: r.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

// setenv leaves of the SDK's variables only those that are given, and puts usual ones beside them.
func setenv(t *testing.T, values map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // which puts it back at the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"} {
		t.Setenv(name, value)
	}
	for name, value := range values {
		t.Setenv(name, value)
	}
}

// ours is the configuration that the function makes of the environment.
func ours(t *testing.T) aws.Config {
	t.Helper()
	r := env.New(env.OS)
	cloud := connect(r, env.OS)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return cloud
}

// call calls each service once, and gives the calls as they would have been made.
func call(t *testing.T, cloud aws.Config, status int) (queue, secrets []*http.Request) {
	t.Helper()
	sent, read := &recorder{status: status}, &recorder{status: status}
	cloud.HTTPClient = sent
	_, _ = sqs.NewFromConfig(cloud).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: new("https://example.com/0/q"), MessageBody: new("{}")})
	cloud.HTTPClient = read
	_, _ = secretsmanager.NewFromConfig(cloud).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: new("x")})
	if len(sent.calls) == 0 || len(read.calls) == 0 {
		t.Fatalf("%d and %d calls", len(sent.calls), len(read.calls))
	}
	return sent.calls, read.calls
}

// settings are environments that say something to the SDK, each beside what changes with them.
var settings = map[string]struct {
	env            map[string]string
	queue, secrets bool // is called elsewhere, or otherwise
}{
	"the Region":                      {map[string]string{"AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "us-east-1"}, true, true},
	"the Region by default":           {map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"}, true, true},
	"the keys":                        {map[string]string{"AWS_ACCESS_KEY_ID": "AKIDOTHER", "AWS_SECRET_ACCESS_KEY": "other"}, true, true},
	"a session":                       {map[string]string{"AWS_SESSION_TOKEN": "session"}, true, true},
	"keys beside an address for them": {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"}, false, false},
	"a name for the user agent":       {map[string]string{"AWS_SDK_UA_APP_ID": "receipts"}, true, true},
	"validated cryptography":          {map[string]string{"AWS_USE_FIPS_ENDPOINT": "True"}, true, true},
	"both versions of IP":             {map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, true, false}, // Secrets Manager has one address for both here.
	"one endpoint for all":            {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, true, true},
	"one for SQS":                     {map[string]string{"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:2"}, true, false},
	"one for Secrets Manager":         {map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:3"}, false, true},
	"one for all but SQS":             {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:2"}, true, true},
	"one for all but Secrets Manager": {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:3"}, true, true},
	"endpoints that are ignored":      {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"}, false, false},
}

// TestEverySettingCountsAsItDoesToTheSDK compares the calls with those that the SDK makes with its own loader, and with those that
// are made without the setting.
func TestEverySettingCountsAsItDoesToTheSDK(t *testing.T) {
	for name, c := range settings {
		t.Run(name, func(t *testing.T) {
			setenv(t, nil)
			synctest.Test(t, func(t *testing.T) { // so that all signatures are of one time
				usualQueue, usualSecrets := call(t, ours(t), http.StatusOK)
				for name, value := range c.env {
					t.Setenv(name, value)
				}
				loaded, err := config.LoadDefaultConfig(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got, want := keys(t, ours(t)), keys(t, loaded); got != want {
					t.Errorf("signs with %q, not with %q", got, want)
				}
				wantQueue, wantSecrets := call(t, loaded, http.StatusOK)
				queue, secrets := call(t, ours(t), http.StatusOK)
				if got, want := essence(queue[0]), essence(wantQueue[0]); got != want {
					t.Errorf("the queue is called so:\n%s\nnot so:\n%s", got, want)
				}
				if got, want := essence(secrets[0]), essence(wantSecrets[0]); got != want {
					t.Errorf("the secrets are called so:\n%s\nnot so:\n%s", got, want)
				}
				if changed := essence(queue[0]) != essence(usualQueue[0]); changed != c.queue {
					t.Errorf("call of the queue changed: %t", changed)
				}
				if changed := essence(secrets[0]) != essence(usualSecrets[0]); changed != c.secrets {
					t.Errorf("call of the secrets changed: %t", changed)
				}
			})
		})
	}
}

// keys are what calls are signed with.
func keys(t *testing.T, cloud aws.Config) [3]string {
	t.Helper()
	c, err := cloud.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return [3]string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken}
}

// identity is the part of a signature that says who signed for what, which is all of it that is the same for every call.
var identity = regexp.MustCompile(`Credential=[^,]+`)

// essence is what a call says about the configuration that it was made with.
func essence(r *http.Request) string {
	_, app, _ := strings.Cut(r.Header.Get("User-Agent"), " app/")
	app, _, _ = strings.Cut(app, " ")
	return strings.Join([]string{r.URL.String(), identity.FindString(r.Header.Get("Authorization")), r.Header.Get("X-Amz-Security-Token"), app}, "\n")
}

func TestTheSDKRepeatsAsOftenAsTheEnvironmentSays(t *testing.T) {
	for attempts, want := range map[string]int{"": 3, "1": 1, "2": 2, "5": 5} {
		t.Run(attempts, func(t *testing.T) {
			setenv(t, map[string]string{"AWS_MAX_ATTEMPTS": attempts})
			synctest.Test(t, func(t *testing.T) {
				queue, secrets := call(t, ours(t), http.StatusInternalServerError)
				if len(queue) != want || len(secrets) != want {
					t.Errorf("%d and %d calls, want %d", len(queue), len(secrets), want)
				}
			})
		})
	}
}

func TestWhatTheSDKCannotUseIsAFault(t *testing.T) {
	for name, c := range map[string]struct{ variable, value, problem string }{
		"no Region":                       {"AWS_REGION", "", "not set"},
		"attempts that are no number":     {"AWS_MAX_ATTEMPTS", "many", `"many" is not a whole number`},
		"no attempt":                      {"AWS_MAX_ATTEMPTS", "0", "0 is not between 1 and "},
		"a switch that is neither":        {"AWS_USE_FIPS_ENDPOINT", "yes", "neither true nor false"},
		"another":                         {"AWS_USE_DUALSTACK_ENDPOINT", "1", "neither true nor false"},
		"a third":                         {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "no", "neither true nor false"},
		"certificates that are not there": {"AWS_CA_BUNDLE", "/nowhere.pem", "cannot be read: "},
		"certificates that are none":      {"AWS_CA_BUNDLE", "cloud_test.go", "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, map[string]string{c.variable: c.value})
			r := env.New(env.OS)
			connect(r, env.OS)
			if err := r.Err(); err == nil || !strings.HasPrefix(err.Error(), c.variable+": "+c.problem) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestKeysAreNeverInAFault(t *testing.T) {
	setenv(t, map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "plain-key", "AWS_SESSION_TOKEN": "plain-token",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain-pass", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/plain-path",
	})
	r := env.New(env.OS)
	connect(r, env.OS)
	if err := r.Err(); err == nil || strings.Contains(err.Error(), "plain") {
		t.Errorf("%v", err)
	}
}
