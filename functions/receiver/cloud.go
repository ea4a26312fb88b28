package main

import (
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// The SDK's repeats must fit the corridor's four seconds.
const (
	attempts   = 3
	maxBackoff = 200 * time.Millisecond
)

// connect reads of the environment what the SDK reads of it in a Lambda function, by the SDK's names; the faults stay in r. It makes no
// connection yet.
//
// The SDK's own loader reads more, which no function has: profiles, single sign-on, the metadata of a machine. The clients for all that
// made this function a fifth larger and its start a millisecond longer (measured, November 2026).
func connect(r *env.Reader, lookup func(name string) (string, bool)) aws.Config {
	tries := r.Int("AWS_MAX_ATTEMPTS", attempts, 1, math.MaxInt32)
	configured, client := readEndpoints(r), newClient(r)
	cloud := aws.Config{
		Region:        r.Optional("AWS_REGION", r.Optional("AWS_DEFAULT_REGION", "")),
		AppID:         r.Optional("AWS_SDK_UA_APP_ID", ""),
		Credentials:   readCredentials(r, lookup, client),
		HTTPClient:    client,
		BaseEndpoint:  configured.all,
		ConfigSources: []any{configured},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = tries, maxBackoff })
		},
	}
	if cloud.Region == "" {
		r.Fault("AWS_REGION", "not set")
	}
	return cloud
}

// readSwitch reads true or false in any letter case.
func readSwitch(r *env.Reader, name string) bool {
	value := r.Optional(name, "false")
	on := strings.EqualFold(value, "true")
	if !on && !strings.EqualFold(value, "false") {
		r.Fault(name, "neither true nor false")
	}
	return on
}
