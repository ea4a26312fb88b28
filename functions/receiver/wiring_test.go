package main

import (
	"context"
	"encoding/pem"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/env"
)

// setenv sets the usual variables of the SDK, changes them, and clears all others.
func setenv(t *testing.T, changes map[string]string) {
	t.Helper()
	values := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
	}
	maps.Copy(values, changes)
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range values {
		t.Setenv(name, value)
	}
}

// loadAWS returns the SDK's configuration as the receiver uses it.
func loadAWS(ctx context.Context, r *env.Reader) sdk.Config {
	return withSmallCalls(aws.LoadConfig(ctx, r, callTimeout, callBackoff))
}

// broken answers every call with 500 and counts them.
type broken struct{ calls int }

func (b *broken) Do(*http.Request) (*http.Response, error) {
	b.calls++
	return &http.Response{StatusCode: 500, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func TestTheSDKRepeatsAsOftenAsTheEnvironmentSays(t *testing.T) {
	for attempts, want := range map[string]int{"": 3, "1": 1, "2": 2, "5": 5} {
		t.Run(attempts, func(t *testing.T) {
			setenv(t, map[string]string{"AWS_MAX_ATTEMPTS": attempts})
			synctest.Test(t, func(t *testing.T) {
				r := env.New(env.OS)
				cloud := loadAWS(t.Context(), r)
				var service broken
				cloud.HTTPClient = &service
				began := time.Now()
				in := &sqs.SendMessageInput{QueueUrl: new("https://example.com/0/q"), MessageBody: new("{}")}
				_, _ = sqs.NewFromConfig(cloud).SendMessage(t.Context(), in)
				if service.calls != want || r.Err() != nil {
					t.Errorf("%d calls, want %d, %v", service.calls, want, r.Err())
				}
				if took, most := time.Since(began), time.Duration(want-1)*callBackoff; took > most {
					t.Errorf("took %s, want at most %s", took, most)
				}
			})
		})
	}
}

func TestCertificatesOfTheEnvironmentAreTrusted(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.EnableHTTP2 = true // It must not be offered: the client speaks HTTP/1 only.
	secure.StartTLS()
	t.Cleanup(secure.Close)
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, trusted := range map[string]bool{bundle: true, "": false} {
		setenv(t, map[string]string{"AWS_CA_BUNDLE": path})
		r := env.New(env.OS)
		client := loadAWS(t.Context(), r).HTTPClient
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, secure.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if (err == nil) != trusted {
			t.Errorf("with the bundle %q: %v", path, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
}

func TestWhatTheSDKCannotUseIsAFaultWithoutASecret(t *testing.T) {
	for variable, c := range map[string]struct{ value, fault string }{
		"AWS_REGION":                         {"", "AWS_REGION: not set"},
		"AWS_MAX_ATTEMPTS":                   {"many", "AWS: "},
		"AWS_CA_BUNDLE":                      {"/nowhere.pem", "AWS: "},
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": {"http://192.0.2.1/plain-path", "AWS: "},
	} {
		setenv(t, map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "plain-key", "AWS_SESSION_TOKEN": "plain-token",
			"AWS_CONTAINER_AUTHORIZATION_TOKEN": "plain-pass", variable: c.value,
		})
		r := env.New(env.OS)
		loadAWS(t.Context(), r)
		err := r.Err()
		if err == nil || !strings.HasPrefix(err.Error(), c.fault) || strings.Contains(err.Error(), "plain") {
			t.Errorf("%s: %v", variable, err)
		}
	}
}
