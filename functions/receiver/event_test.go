package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	key       = "lantern-quartz-42"
	timestamp = "1773474112"

	signatureHeader = "x-purchasely-request-signature"
	timestampHeader = "x-purchasely-timestamp"
)

// event is an HTTP API event that a test may change before it is sent.
type event struct{ fields, headers map[string]any }

// signed is a genuine event. A body that is not UTF-8 is base64, as API Gateway does it.
func signed(body string) event { return signedWith(key, timestamp, body) }

func signedWith(secretText, timestamp, body string) event {
	headers := map[string]any{
		"content-type": "application/json", "host": "api.example.com", "user-agent": "Purchasely",
		timestampHeader: timestamp,
		signatureHeader: sign(secretText, timestamp, body),
	}
	e := event{headers: headers, fields: map[string]any{
		"version":         "2.0",
		"routeKey":        "POST /purchasely/{app}",
		"rawPath":         "/purchasely/demo",
		"rawQueryString":  "",
		"headers":         headers,
		"requestContext":  map[string]any{"http": map[string]any{"method": "POST", "sourceIp": "203.0.113.17"}},
		"pathParameters":  map[string]any{"app": "demo"},
		"body":            body,
		"isBase64Encoded": false,
	}}
	if !utf8.ValidString(body) {
		return e.encoded()
	}
	return e
}

func sign(secretText, timestamp, body string) string {
	return webhook.Sign(secret.New(secretText), timestamp, []byte(body))
}

// encoded makes the body base64, if it is not already.
func (e event) encoded() event {
	if e.fields["isBase64Encoded"] == false {
		e.fields["body"] = base64.StdEncoding.EncodeToString([]byte(e.fields["body"].(string)))
		e.fields["isBase64Encoded"] = true
	}
	return e
}

func (e event) with(field string, value any) event {
	e.fields[field] = value
	return e
}

func (e event) header(name string, value any) event {
	e.headers[name] = value
	return e
}

func (e event) without(names ...string) event {
	for _, name := range names {
		delete(e.headers, name)
	}
	return e
}

func (e event) app(name string) event {
	return e.with("pathParameters", map[string]any{"app": name}).with("rawPath", "/purchasely/"+name)
}

func (e event) payload(t testing.TB) []byte {
	t.Helper()
	payload, err := json.Marshal(e.fields)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// hostile are bodies that hurt a reader of JSON, each of a given size.
var hostile = map[string]func(size int) string{
	"an object of many keys": func(size int) string {
		var b strings.Builder
		b.WriteString(`{"event_name":"ACTIVATE"`)
		for i := 0; b.Len() < size-24; i++ {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":0`)
		}
		return b.String() + "}"
	},
	"nested arrays": func(size int) string {
		return strings.Repeat("[", size/2) + strings.Repeat("]", size/2)
	},
	"nested objects": func(size int) string {
		return strings.Repeat(`{"a":`, size/6-1) + "1" + strings.Repeat("}", size/6-1)
	},
	"zeros, as a zip bomb": func(size int) string {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		zeros := make([]byte, 1<<16)
		for range min(size/70, 4000) {
			_, _ = w.Write(zeros) // into memory
		}
		_ = w.Close()
		return packed.String() + strings.Repeat("\x00", max(0, size-packed.Len()))
	},
	"one key many times":         repeated("{", `"user_id":"a",`, `"event_name":"ACTIVATE"}`),
	"arrays that never close":    repeated(`{"a":`, "[", ""),
	"a number of nothing else":   repeated("", "9", ""),
	"an endless fraction":        repeated(`{"amount":-1.`, "3", "e9}"),
	"an endless exponent":        repeated(`{"amount":1e`, "9", "}"),
	"escapes of every character": repeated(`{"user_id":"`, `\u0041`, `"}`),
	"halves of surrogate pairs":  repeated(`{"user_id":"`, `\ud83d`, `"}`),
	"invalid UTF-8":              repeated(`{"user_id":"`, "\xc3\x28\xff", `"}`),
	"overlong and forbidden":     repeated("", "\xc0\xaf\xed\xa0\x80\x00", ""),
}

// repeated is a text with the middle repeated as often as the size allows.
func repeated(start, middle, end string) func(size int) string {
	return func(size int) string {
		return start + strings.Repeat(middle, (size-len(start)-len(end))/len(middle)) + end
	}
}
