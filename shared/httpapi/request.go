// Package httpapi reads requests about an app that an HTTP API of API Gateway hands over (payload format 2.0), and
// writes answers to them.
//
// It promises the bytes that were sent, within a limit that is checked before anything is decoded, and an answer
// before API Gateway or the caller gives up. It knows no form of a signature, and what a request says is not for it.
package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// Lenient accepts whatever API Gateway may write: it is not for us to judge its events.
var Lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Request is a request about an app.
type Request struct {
	App      string // of the integration file
	Received time.Time

	event
}

// event is the part of an event that is used here. The context is what API Gateway itself knows of the request.
type event struct {
	Path       string `json:"rawPath"`
	Parameters struct {
		App string `json:"app"`
	} `json:"pathParameters"`
	Headers map[string]jsontext.Value `json:"headers"`
	Context jsontext.Value            `json:"requestContext"`
	Text    jsontext.Value            `json:"body"`
	Base64  bool                      `json:"isBase64Encoded"`
}

// Apps reports whether there is an app of a name. An error means that nobody can say just now.
type Apps interface {
	Has(ctx context.Context, app string) (bool, error)
}

var errPayload = errors.New("payload is no event of an HTTP API")

// Serve reads an event whose path is a route such as "/purchasely/" and an app's name, and returns the answer to it,
// in time whatever hangs. An error of answer, or a panic, is for refuse. The app that refuse gets is
// [metric.UnknownApp] unless the integration file has it: what strangers make up must reach neither log nor metrics.
func Serve(
	ctx context.Context, payload []byte, route string, apps Apps,
	answer func(context.Context, Request) ([]byte, error), refuse func(context.Context, string, *fault.Fault) []byte,
) []byte {
	r := Request{App: metric.UnknownApp, Received: time.Now()}
	ctx, cancel := withDeadline(ctx, r.Received)
	defer cancel()
	out, err := r.serve(ctx, payload, route, apps, answer)
	if err != nil {
		return refuse(ctx, r.App, fault.Of(err))
	}
	return out
}

// serve reads the request, which shares the payload's memory, and answers it. A panic is an error.
func (r *Request) serve(
	ctx context.Context, payload []byte, route string, apps Apps, answer func(context.Context, Request) ([]byte, error),
) (out []byte, err error) {
	defer fault.Recover(&err)
	if err := json.Unmarshal(payload, &r.event, Lenient); err != nil {
		return nil, fault.New(fault.Reject, fault.UnknownApp, errPayload)
	}
	app := r.Parameters.App
	if app == "" {
		_, app, _ = strings.Cut(r.Path, route)
	}
	known, err := apps.Has(ctx, app)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fault.New(fault.Reject, fault.UnknownApp, nil)
	}
	r.App = app
	return answer(ctx, *r)
}

var errBase64 = errors.New("body is not the base64 that API Gateway announces")

// Body returns the bytes that were sent, if there are at most limit. Base64 text that is too long is refused before
// it is decoded; what is not base64 cannot have been signed.
func (r Request) Body(limit int) ([]byte, error) {
	text := unquote(r.Text)
	size := len(text)
	if r.Base64 {
		size = base64.StdEncoding.DecodedLen(size) - (size - len(bytes.TrimRight(text, "=")))
	}
	if size > limit {
		return nil, fault.New(fault.Reject, fault.TooLarge, fmt.Errorf("body has %d bytes, more than %d", size, limit))
	}
	if !r.Base64 {
		return text, nil
	}
	body, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, fault.New(fault.Reject, fault.BadSignature, errBase64)
	}
	return body, nil
}

// Header returns the value of a header, whatever the letter case of its name; "" if there are two of them. API
// Gateway itself joins the values of a header that was sent twice with a comma.
func (r Request) Header(name string) (value string) {
	count := 0
	for sent, text := range r.Headers {
		if strings.EqualFold(sent, name) {
			value = string(unquote(text))
			count++
		}
	}
	if count != 1 {
		return ""
	}
	return value
}

// unquote returns the text of a JSON string, nil for any other value. The JSON package replaces bytes that are not
// UTF-8; here they stay, because a signature covers the bytes that were sent.
func unquote(value jsontext.Value) []byte {
	if value.Kind() != jsontext.KindString {
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err == nil {
		return text
	}
	text = text[:0]
	for rest := value[1 : len(value)-1]; len(rest) > 0; {
		plain, _, _ := bytes.Cut(rest, []byte{'\\'})
		text, rest = append(text, plain...), rest[len(plain):]
		escapes := 0 // bytes of escapes in a row, which are read together: two may be one character
		for escapes < len(rest) && rest[escapes] == '\\' {
			if escapes++; rest[escapes] == 'u' {
				escapes += 4
			}
			escapes++
		}
		text, _ = jsontext.AppendUnquote(text, `"`+string(rest[:escapes])+`"`) // Half a surrogate pair is U+FFFD.
		rest = rest[escapes:]
	}
	return text
}

const (
	// budget is the time for everything. An answer is promised within 5 s; Purchasely gives up after 10 s (Webhook,
	// November 2026).
	budget = 4 * time.Second
	// margin is what is left of the invocation's own deadline, so that the answer still gets out.
	margin = 250 * time.Millisecond
	// refreshBudget is the time for reading keys again; it leaves enough of the budget for what follows.
	refreshBudget = 1500 * time.Millisecond
)

// withDeadline returns a context that ends in time for an answer to a request that has been received at an instant.
func withDeadline(ctx context.Context, received time.Time) (context.Context, context.CancelFunc) {
	deadline := received.Add(budget)
	if own, ok := ctx.Deadline(); ok && own.Add(-margin).Before(deadline) {
		deadline = own.Add(-margin)
	}
	return context.WithDeadline(ctx, deadline)
}

// Keys reads an app's signing keys.
type Keys[K any] interface {
	Get(ctx context.Context, app string) (K, error)
	// Refresh returns keys that were read at since or later, if another read is allowed yet.
	Refresh(ctx context.Context, app string, since time.Time) (K, error)
}

// Verify checks a signature with an app's keys, and checks it again with fresh keys if it does not match: the keys
// may have changed since they were read.
func Verify[K any](ctx context.Context, keys Keys[K], r Request, check func(K) error) error {
	current, err := keys.Get(ctx, r.App)
	if err != nil {
		return err
	}
	refused := check(current)
	if refused == nil || fault.Of(refused).Reason != fault.BadSignature {
		return refused
	}
	ctx, cancel := context.WithTimeout(ctx, refreshBudget)
	defer cancel()
	if current, err = keys.Refresh(ctx, r.App, r.Received); err != nil {
		return refused
	}
	return check(current)
}

// Refuse logs a refusal with its exact reason, and returns the answer and the reason in it, which tells less.
func Refuse(
	ctx context.Context, log *slog.Logger, message, app string, f *fault.Fault,
) (answer []byte, reason fault.Reason) {
	status, reason := refusal(f)
	f.Log(ctx, log, message,
		slog.String("app", app), slog.String("reason", string(f.Reason)), slog.Int("status", status))
	return Word(status, "error", reason), reason
}

// refusal returns the status of an answer to a fault and the reason in it. What is not the sender's fault may pass
// later.
func refusal(f *fault.Fault) (status int, reason fault.Reason) {
	if f.Kind == fault.Reject {
		switch f.Reason {
		case fault.UnknownApp:
			return http.StatusNotFound, fault.UnknownApp
		case fault.TooLarge:
			return http.StatusRequestEntityTooLarge, fault.TooLarge
		case fault.BadSignature, fault.Stale, fault.Future, fault.Source:
			return http.StatusUnauthorized, fault.Unauthorized
		}
	}
	return http.StatusServiceUnavailable, fault.Unavailable
}

// Answer is an answer in payload format 2.0. The body is JSON.
func Answer(status int, body string) []byte {
	out := make([]byte, 0, len(body)+len(body)/4+96)
	out = append(out, `{"statusCode":`...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(out, `,"headers":{"content-type":"application/json"},"body":`...)
	out, _ = jsontext.AppendQuote(out, body) // What is not UTF-8 becomes U+FFFD.
	return append(out, '}')
}

// Word is an answer of one key and a word of ours, which needs no escaping.
func Word(status int, key string, word fault.Reason) []byte {
	return Answer(status, `{"`+key+`":"`+string(word)+`"}`)
}
