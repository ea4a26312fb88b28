package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// maxAnswer is how much of an answer's body is read, so that its connection can be used again.
const maxAnswer = 64 << 10

// Webhook is what a back end gets: the bytes that Purchasely has sent and signed.
type Webhook struct {
	Body      []byte
	ID        string // the same whenever the webhook is sent
	Timestamp string // Purchasely's two headers, as they came
	Signature string
	Attempt   int
	Received  string // when the receiver took it
}

// Answer is what came back.
type Answer struct {
	Status     int           // 0: nothing
	RetryAfter time.Duration // how long the back end wants to be left alone; 0: it did not say
}

// Client posts webhooks to back ends. It repeats nothing and follows no redirects.
type Client struct {
	Transport http.RoundTripper // see [NewTransport]
	// AllowPlain allows plain HTTP. An integration file takes it for addresses of this machine only.
	AllowPlain bool
}

// Post makes one request, signed with the keys unless they are nil. The error is nil if the back end has answered 2xx;
// else it is a [fault.Fault] that names no more of the URL than its host, for the rest of it may hold a token.
func (c *Client) Post(
	ctx context.Context, to *integration.Relay, w Webhook, keys *standardwebhooks.Keys,
) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, to.Timeout)
	defer cancel()
	request, err := newRequest(ctx, to.URL, w, keys)
	if err != nil || request.URL.Scheme != "https" && !c.AllowPlain {
		return Answer{}, fault.New(fault.Operator, fault.BackEnd, errors.New("relay url cannot be used; it must be https"))
	}
	response, err := c.Transport.RoundTrip(request) // not by an http.Client, which follows redirects
	if err != nil {
		return Answer{}, networkFault(ctx, request.URL.Host, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusSwitchingProtocols { // then the body is the connection, and no time-out ends it
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	}
	answer := Answer{response.StatusCode, 0}
	if answer.Status >= 200 && answer.Status < 300 {
		return answer, nil
	}
	answer.RetryAfter = network.RetryAfter(response.Header.Get("Retry-After"), time.Now(), longestDelay)
	f := fault.New(fault.Retry, fault.BackEnd, fmt.Errorf("%s: status %d", request.URL.Host, answer.Status))
	f.Code = strconv.Itoa(answer.Status)
	return answer, f
}

// newRequest spells Purchasely's headers as Purchasely does, for a back end that looks at the letter case.
func newRequest(ctx context.Context, url string, w Webhook, keys *standardwebhooks.Keys) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(w.Body))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{
		"Content-Type":                   {"application/json"},
		"User-Agent":                     {"purchasely-clevertap-bridge"},
		"X-PURCHASELY-TIMESTAMP":         {w.Timestamp},
		"X-PURCHASELY-REQUEST-SIGNATURE": {w.Signature},
		"Bridge-Attempt":                 {strconv.Itoa(w.Attempt)},
		"Bridge-Received-At":             {w.Received},
		// Read by net/http, and not sent: on a kept connection that the back end has closed meanwhile, perhaps while the
		// process was frozen, the request is repeated at once on a new one.
		"Idempotency-Key": {},
	}
	if keys != nil {
		now := time.Now()
		request.Header.Set(standardwebhooks.HeaderID, w.ID)
		request.Header.Set(standardwebhooks.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		request.Header.Set(standardwebhooks.HeaderSignature, keys.Sign(w.ID, now, w.Body))
	}
	return request, nil
}

// networkFault names the end of a request without an answer.
func networkFault(ctx context.Context, host string, err error) *fault.Fault {
	f := fault.New(fault.Retry, fault.Network, fmt.Errorf("%s: %w", host, network.Cause(err)))
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case errors.Is(err, errPrivate):
		f.Kind, f.Err = fault.Operator, fmt.Errorf("%s: %w; RelayAllowPrivate allows it", host, errPrivate)
	case certificate:
		f.Kind = fault.Operator
	case ctx.Err() != nil, network.IsTimeout(err):
		f.Reason = fault.Timeout
	}
	return f
}
