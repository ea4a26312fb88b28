package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// booth issues credentials.
type booth struct {
	status int
	answer func() string
	err    error
	asked  []*http.Request
}

func (b *booth) Do(r *http.Request) (*http.Response, error) {
	b.asked = append(b.asked, r)
	if b.err != nil {
		return nil, b.err
	}
	return &http.Response{StatusCode: b.status, Body: io.NopCloser(strings.NewReader(b.answer()))}, nil
}

const issued = `{"Code":"Success","RoleArn":null,"AccessKeyId":"AKIDISSUED","SecretAccessKey":"\u0073ecret","Token":"session","Expiration":"2099-01-01T00:00:00Z"}`

// fetch reads credentials with what an environment says.
func fetch(ctx context.Context, b *booth, values map[string]string) (id, key, token string, err error) {
	lookup := func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
	r := env.New(lookup)
	provider := readCredentials(r, lookup, b)
	if err := r.Err(); err != nil {
		return "", "", "", err
	}
	c, err := provider.Retrieve(ctx)
	return c.AccessKeyID, c.SecretAccessKey, c.SessionToken, err
}

func TestCredentialsComeFromTheAddressThatTheEnvironmentNames(t *testing.T) {
	for name, c := range map[string]struct {
		env           map[string]string
		url, password string
	}{
		"an address": {
			map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9001/2021-04-23/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pass"},
			"http://127.0.0.1:9001/2021-04-23/credentials", "pass",
		},
		"an address by name":       {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/"}, "http://localhost/", ""},
		"an address in a cluster":  {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[fd00:ec2::23]/v1"}, "http://[fd00:ec2::23]/v1", ""},
		"any address with TLS":     {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://example.com/"}, "https://example.com/", ""},
		"a path":                   {map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/role"}, "http://169.254.170.2/v2/role", ""},
		"a path before an address": {map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "x"}, "http://169.254.170.2/", ""},
		"half a key is none":       {map[string]string{"AWS_ACCESS_KEY_ID": "AKID", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/"}, "http://169.254.170.2/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := &booth{status: 200, answer: func() string { return issued }}
			id, key, token, err := fetch(t.Context(), b, c.env)
			if id != "AKIDISSUED" || key != "secret" || token != "session" || err != nil {
				t.Errorf("got %q, %q, %q, %v", id, key, token, err)
			}
			if len(b.asked) != 1 || b.asked[0].URL.String() != c.url || b.asked[0].Header.Get("Authorization") != c.password {
				t.Errorf("asked %v", b.asked)
			}
		})
	}
}

func TestCredentialsAreNotAskedOfJustAnyone(t *testing.T) {
	for _, address := range []string{"http://192.0.2.1/", "http://example.com/", "ftp://", "::", "http://127.0.0.1.example.com/"} {
		b := &booth{}
		_, _, _, err := fetch(t.Context(), b, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": address})
		if err == nil || !strings.HasPrefix(err.Error(), "AWS_CONTAINER_CREDENTIALS_FULL_URI: ") || len(b.asked) > 0 {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestWithoutCredentialsTheFunctionStartsAndCallsFail(t *testing.T) {
	if _, _, _, err := fetch(t.Context(), nil, nil); err == nil {
		t.Error("no error")
	}
}

func TestAnAnswerWithoutCredentialsIsAnErrorThatSaysNothingOfIt(t *testing.T) {
	const address = "http://127.0.0.1/"
	for name, b := range map[string]*booth{
		"no answer":              {err: errors.New("dial plain")},
		"not found":              {status: 404, answer: func() string { return issued }},
		"nothing":                {status: 200, answer: func() string { return "" }},
		"no object":              {status: 200, answer: func() string { return `["AccessKeyId","plain"]` }},
		"no key":                 {status: 200, answer: func() string { return `{"AccessKeyId":"plain"}` }},
		"a key that is no text":  {status: 200, answer: func() string { return `{"AccessKeyId":"plain","SecretAccessKey":{"plain":1}}` }},
		"an answer that was cut": {status: 200, answer: func() string { return issued[:60] }},
	} {
		t.Run(name, func(t *testing.T) {
			id, _, _, err := fetch(t.Context(), b, map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": address})
			if id != "" || !errors.Is(err, errCredentials) || strings.Contains(err.Error(), "plain") {
				t.Errorf("got %q, %v", id, err)
			}
		})
	}
}

func TestCredentialsAreFetchedAgainBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &booth{status: 200, answer: func() string {
			return `{"AccessKeyId":"AKID","SecretAccessKey":"x","Expiration":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`
		}}
		lookup := func(name string) (string, bool) {
			if name != "AWS_CONTAINER_CREDENTIALS_FULL_URI" {
				return "", false
			}
			return "http://127.0.0.1/", true
		}
		provider := readCredentials(env.New(lookup), lookup, b)
		for _, c := range []struct {
			after time.Duration
			asked int
		}{{0, 1}, {54 * time.Minute, 1}, {2 * time.Minute, 2}} {
			time.Sleep(c.after)
			if _, err := provider.Retrieve(t.Context()); err != nil || len(b.asked) != c.asked {
				t.Errorf("after %s: asked %d times, %v", c.after, len(b.asked), err)
			}
		}
	})
}
