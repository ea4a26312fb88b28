package events_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// demoSecret is the shared secret of the demo app wherever the fixtures are used. It opens nothing.
const demoSecret = "demo-secret-not-for-production"

// signature is how a request is signed.
type signature int

const (
	genuine    signature = iota
	forged               // with another secret
	deprecated           // by the header that does not cover the body, and by no other
	both                 // genuine, and the deprecated header beside it
)

// fixture is one line of the table: a request and how it comes about.
type fixture struct {
	name    string // of the files
	text    string // instead of the body in webhooks/<name>.json
	literal bool   // whether text counts
	app     string // "" is demo
	signed  signature
	base64  bool
}

// body reads a webhook from its file; the last line break is the file's.
func body(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSuffix(string(read(t, filepath.Join("webhooks", name+".json"))), "\n")
}

// raw is the fixture's body as Purchasely signs it.
func (f fixture) raw(t *testing.T) string {
	t.Helper()
	if f.literal {
		return f.text
	}
	return body(t, f.name)
}

// request is an HTTP API's event, payload format 2.0 (AWS, "Create AWS Lambda proxy integrations for HTTP APIs",
// November 2026).
type request struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Headers         map[string]string `json:"headers"`
	RequestContext  requestContext    `json:"requestContext"`
	PathParameters  map[string]string `json:"pathParameters"`
	Body            string            `json:"body,omitzero"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         requestHTTP `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

type requestHTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// mac is written out here once more, so that the fixtures cannot drift together with the code that they test.
func mac(secret, message string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(message))
	return hex.EncodeToString(h.Sum(nil))
}

// request is the whole request for the fixture at a given time.
func (f fixture) request(t *testing.T, at time.Time) request {
	t.Helper()
	body := f.raw(t)
	stamp := strconv.FormatInt(at.Unix(), 10)
	r := newRequest("/purchasely/", cmp.Or(f.app, "demo"), body, at)
	r.Headers["x-purchasely-timestamp"] = stamp
	switch f.signed {
	case genuine, both:
		r.Headers["x-purchasely-request-signature"] = mac(demoSecret, stamp+body)
	case forged:
		r.Headers["x-purchasely-request-signature"] = mac("another-demo-secret", stamp+body)
	}
	if f.signed == deprecated || f.signed == both {
		r.Headers["x-purchasely-signature"] = mac(demoSecret, demoSecret+stamp)
	}
	if f.base64 {
		r.Body, r.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	return r
}

// newRequest is a request that nobody has signed.
func newRequest(route, app, body string, at time.Time) request {
	const host = "a1b2c3d4e5.execute-api.eu-west-3.amazonaws.com"
	key := "POST " + route + "{app}"
	return request{
		Version: "2.0", RouteKey: key, RawPath: route + app,
		Headers: map[string]string{
			"accept":            "application/json",
			"content-length":    strconv.Itoa(len(body)),
			"content-type":      "application/json",
			"host":              host,
			"x-forwarded-for":   "203.0.113.17", // reserved for documentation
			"x-forwarded-port":  "443",
			"x-forwarded-proto": "https",
		},
		RequestContext: requestContext{
			AccountID: "123456789012", APIID: "a1b2c3d4e5", DomainName: host, DomainPrefix: "a1b2c3d4e5",
			HTTP:      requestHTTP{Method: "POST", Path: route + app, Protocol: "HTTP/1.1", SourceIP: "203.0.113.17"},
			RequestID: "made-up-" + strconv.FormatInt(at.Unix(), 10), RouteKey: key, Stage: "$default",
			Time: at.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: at.UnixMilli(),
		},
		PathParameters: map[string]string{"app": app},
		Body:           body,
	}
}
