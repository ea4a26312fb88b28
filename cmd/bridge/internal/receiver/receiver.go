// Package receiver signs webhooks as Purchasely does and posts them to a bridge's receiver.
//
// It promises that neither a secret nor a URL is in an error, and that a webhook goes nowhere else. What an answer
// means is said in words for people.
package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// timeout is a little longer than Purchasely's, which gives up after 10 s (docs.purchasely.com, webhook,
	// November 2026).
	timeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer; the bridge's are under 100 bytes.
	maxAnswer = 4096
)

// Client posts to one receiver with one app's secret.
type Client struct {
	http   *http.Client
	target string
	key    secret.Value
}

// New follows no redirect, because a receiver sends none and the webhook is not for others. Names under localhost are
// this machine also where the resolver does not know them. network makes the calls; nil is the real one.
func New(network http.RoundTripper, target string, key secret.Value) *Client {
	if network == nil {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		network = transport
	}
	return &Client{&http.Client{
		Timeout: timeout, Transport: network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, target, key}
}

// Answer is what came back.
type Answer struct {
	Status int
	Body   jsontext.Value // nil if it is not JSON, which no bridge sends
	Took   time.Duration
}

// Post signs a webhook as of now and posts it.
func (c *Client) Post(ctx context.Context, body []byte) (Answer, error) {
	begin := time.Now()
	stamp := strconv.FormatInt(begin.Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.target, bytes.NewReader(body))
	if err != nil {
		return Answer{}, errors.New("the receiver's URL cannot be used")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Purchasely-Timestamp", stamp)
	request.Header.Set("X-Purchasely-Request-Signature", webhook.Sign(c.key, stamp, body))
	response, err := c.http.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return Answer{}, cli.Findingf("is the URL right, and is the receiver deployed or 'make run' running?",
			"the receiver does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return Answer{}, cli.Findingf("", "the receiver's answer breaks off: %w", err)
	}
	a := Answer{Status: response.StatusCode, Body: text, Took: time.Since(begin)}
	if a.Body.Compact() != nil {
		a.Body = nil
	}
	return a, nil
}

// String is the answer in a line.
func (a Answer) String() string {
	said := "and no JSON"
	if a.Body != nil {
		said = a.Body.String()
	}
	return fmt.Sprintf("%d %s, after %d ms", a.Status, said, a.Took.Milliseconds())
}

// hints say what to do about each reason that a receiver gives.
var hints = map[string]string{
	"unauthorized": "the secret is not the one stored for this app; or the receiver has not read it again yet, which " +
		"takes up to a minute; or AllowedSources does not name this machine, or TimestampTolerance " +
		"is set and the clocks differ",
	"unknown_app": "the app is not in the settings, or was added less than a minute ago",
	"too_large":   "MAX_BODY_BYTES of the receiver is smaller than this webhook",
	"unavailable": "the queue or the app's secret is out of the receiver's reach; its log says which",
}

// Refusal is nil for 200, which alone Purchasely takes as an acknowledgement. Its hint says what to do.
func (a Answer) Refusal() *cli.Error {
	if a.Status == http.StatusOK {
		return nil
	}
	var refusal struct {
		Error string `json:"error"`
	}
	hint := "this is no answer of a bridge's receiver; is the URL right?"
	if json.Unmarshal(a.Body, &refusal) == nil && hints[refusal.Error] != "" {
		hint = hints[refusal.Error]
	}
	return &cli.Error{Code: cli.Finding, Err: fmt.Errorf("the receiver refused the webhook with %d", a.Status), Hint: hint}
}
