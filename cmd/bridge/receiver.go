package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// urlVariable may hold the receiver's URL.
const urlVariable = "BRIDGE_URL"

const (
	// patience is a little longer than Purchasely's, which gives up after 10 s (docs.purchasely.com, webhook, November 2026).
	patience = 15 * time.Second
	// maxAnswer bounds what is read of an answer; the bridge's are under 100 bytes.
	maxAnswer = 4096
)

// receiverURL completes a receiver's URL. Webhooks are personal, so plain HTTP is for this machine only.
func receiverURL(given, app string) (string, error) {
	if given == "" {
		given = os.Getenv(urlVariable)
	}
	if given == "" {
		return "", usagef("give --url or BRIDGE_URL: the URL that stands in Purchasely's console, or what 'make run' prints", "no receiver's URL is given")
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" {
		return "", usagef("for example https://a1b2c3d4e5.execute-api.eu-west-3.amazonaws.com", "the receiver's URL cannot be read")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return "", usagef("plain http is for this machine only", "the receiver's URL must begin with https://")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/purchasely/" + app
	}
	return u.String(), nil
}

// local tells whether a host is this machine. Names under localhost are, by RFC 6761.
func local(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}

// client posts to receivers. It follows no redirect, because a receiver sends none and the webhook is not for others, and it takes
// names under localhost for this machine also where the resolver does not.
var client = &http.Client{
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	},
}

// answer is what a receiver said.
type answer struct {
	status int
	body   []byte
	took   time.Duration
}

// post signs a webhook as of now and posts it.
func post(ctx context.Context, target string, key secret.Value, body []byte) (answer, error) {
	begin := time.Now()
	stamp := strconv.FormatInt(begin.Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the receiver's URL cannot be used")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Purchasely-Timestamp", stamp)
	request.Header.Set("X-Purchasely-Request-Signature", webhook.Sign(key, stamp, body))
	response, err := client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return answer{}, findingf("is the URL right, and is the receiver deployed or 'make run' running?", "the receiver does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, findingf("", "the receiver's answer breaks off: %w", err)
	}
	return answer{response.StatusCode, text, time.Since(begin)}, nil
}

// text is the answer on one line; what is not JSON is not shown, for it is nothing that a bridge says.
func (a answer) text() string {
	value := jsontext.Value(bytes.Clone(a.body))
	if value.Compact() != nil {
		return "and no JSON"
	}
	return value.String()
}

// answerJSON is what send --json prints.
type answerJSON struct {
	Status       int            `json:"status"`
	Answer       jsontext.Value `json:"answer"`
	Milliseconds int64          `json:"milliseconds"`
}

func (a answer) json() answerJSON {
	out := answerJSON{a.status, jsontext.Value("null"), a.took.Milliseconds()}
	if value := jsontext.Value(bytes.Clone(a.body)); value.Compact() == nil {
		out.Answer = value
	}
	return out
}

// advice says what to do about each reason that a receiver gives.
var advice = map[string]string{
	"unauthorized": "the secret is not the one stored for this app, or TIMESTAMP_TOLERANCE is set and the clocks differ",
	"unknown_app":  "the app is not in the integration file that was deployed",
	"too_large":    "MAX_BODY_BYTES of the receiver is smaller than this webhook",
	"unavailable":  "the queue or the app's secret is out of the receiver's reach; its log says which",
}

// verdict is nil for 200, which alone Purchasely takes as an acknowledgement.
func (a answer) verdict() error {
	if a.status == http.StatusOK {
		return nil
	}
	var said struct {
		Error string `json:"error"`
	}
	hint := "this is no answer of a bridge's receiver; is the URL right?"
	if json.Unmarshal(a.body, &said) == nil && advice[said.Error] != "" {
		hint = advice[said.Error]
	}
	return &failure{finding, fmt.Errorf("the receiver refused the webhook with %d", a.status), hint}
}
