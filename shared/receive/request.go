package receive

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// The two headers that count. X-PURCHASELY-SIGNATURE is deprecated and does not cover the body, so nobody looks for it.
var (
	signatureHeader = []byte("x-purchasely-request-signature")
	timestampHeader = []byte("x-purchasely-timestamp")
)

// pathPrefix stands before the app in a path.
const pathPrefix = "/purchasely/"

// request is what the receiver uses of an HTTP API event in payload format 2.0.
type request struct {
	app       string
	signature header
	timestamp header
	base64    bool
	body      []byte // a JSON string with its quotes, as it stands in the event; nil if there is none
	context   []byte // what API Gateway itself knows, as it stands in the event
}

// header is a request header that must stand there once.
type header struct {
	value string
	count int
}

// only gives the header's value, and nothing where the header stands there twice: API Gateway joins such values with a comma.
func (h header) only() string {
	if h.count != 1 || strings.Contains(h.value, ",") {
		return ""
	}
	return h.value
}

// readRequest picks the request out of an event in one pass. What is not an HTTP API event gives no app, or false.
func readRequest(payload []byte) (request, bool) {
	e := newEvent(payload)
	var r request
	var path string
	err := e.members(func(name []byte) (err error) {
		switch string(name) {
		case "pathParameters":
			return e.members(func(name []byte) (err error) {
				if string(name) == "app" {
					r.app, err = e.text()
				}
				return err
			})
		case "headers":
			return e.members(r.header(e))
		case "requestContext":
			r.context, err = e.value()
		case "rawPath":
			path, err = e.text()
		case "body":
			r.body, err = e.value()
		case "isBase64Encoded":
			var value []byte
			value, err = e.value()
			r.base64 = string(value) == "true"
		}
		return err
	})
	if r.app == "" {
		_, r.app, _ = strings.Cut(path, pathPrefix)
	}
	return r, err == nil
}

// header reads one header; letter case does not matter in its name.
func (r *request) header(e *event) func(name []byte) error {
	return func(name []byte) error {
		h := &r.signature
		switch {
		case bytes.EqualFold(name, signatureHeader):
		case bytes.EqualFold(name, timestampHeader):
			h = &r.timestamp
		default:
			return nil
		}
		value, err := e.text()
		*h = header{value, h.count + 1}
		return err
	}
}

// rawBody gives the bytes that were sent, if they are no more than limit. Base64 text that is too long is refused before
// anything is decoded. Base64 that is none cannot have been signed.
func (r *request) rawBody(limit int) ([]byte, error) {
	body := unquote(r.body)
	if !r.base64 {
		if len(body) > limit {
			return nil, fault.New(fault.Reject, fault.TooLarge, nil)
		}
		return body, nil
	}
	padding := len(body) - len(bytes.TrimRight(body, "="))
	if base64.StdEncoding.DecodedLen(len(body))-padding > limit {
		return nil, fault.New(fault.Reject, fault.TooLarge, nil)
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(body)))
	n, err := base64.StdEncoding.Decode(decoded, body)
	if err != nil {
		return nil, fault.New(fault.Reject, fault.BadSignature, nil)
	}
	return decoded[:n], nil
}
