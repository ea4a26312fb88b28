package receive_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	signatureHeader = "x-purchasely-request-signature"
	timestampHeader = "x-purchasely-timestamp"
)

// genuine makes an event with a body of its own, correctly signed.
func genuine(t *testing.T, body string, encoded bool) []byte {
	t.Helper()
	return request(t, func(event, headers map[string]any) {
		event["body"], event["isBase64Encoded"] = body, encoded
		if encoded {
			event["body"] = base64.StdEncoding.EncodeToString([]byte(body))
		}
		headers[signatureHeader] = sign(key, timestamp, body)
	})
}

func TestASignatureCountsOnlyAsItWasMade(t *testing.T) {
	digest := sign(key, timestamp, body)
	for name, edit := range map[string]func(event, headers map[string]any){
		"no signature":             func(_, h map[string]any) { delete(h, signatureHeader) },
		"no timestamp":             func(_, h map[string]any) { delete(h, timestampHeader) },
		"no headers":               func(e, _ map[string]any) { delete(e, "headers") },
		"null for headers":         func(e, _ map[string]any) { e["headers"] = nil },
		"an empty signature":       func(_, h map[string]any) { h[signatureHeader] = "" },
		"an empty timestamp":       func(_, h map[string]any) { h[timestampHeader] = "" },
		"signed without timestamp": func(_, h map[string]any) { h[timestampHeader], h[signatureHeader] = "", sign(key, "", body) },
		"an upper-case digest":     func(_, h map[string]any) { h[signatureHeader] = strings.ToUpper(digest) },
		"a digest with a blank":    func(_, h map[string]any) { h[signatureHeader] = digest + " " },
		"a prefix before it":       func(_, h map[string]any) { h[signatureHeader] = "sha256=" + digest },
		"signed with nothing":      func(_, h map[string]any) { h[signatureHeader] = sign("", timestamp, body) },
		"signed over the body only": func(_, h map[string]any) {
			h[signatureHeader] = sign(key, "", body)
		},
		"the deprecated header alone": func(_, h map[string]any) {
			delete(h, signatureHeader)
			h["x-purchasely-signature"] = sign(key, key, timestamp)
		},
		"the deprecated value":      func(_, h map[string]any) { h[signatureHeader] = sign(key, key, timestamp) },
		"another timestamp":         func(_, h map[string]any) { h[timestampHeader] = "1773474113" },
		"a timestamp with a blank":  func(_, h map[string]any) { h[timestampHeader] = " " + timestamp },
		"another body":              func(e, _ map[string]any) { e["body"] = body + " " },
		"a body written again":      func(e, _ map[string]any) { e["body"] = strings.ReplaceAll(body, ": ", ":") },
		"no body":                   func(e, _ map[string]any) { delete(e, "body") },
		"a number as signature":     func(_, h map[string]any) { h[signatureHeader] = 7 },
		"a list as timestamp":       func(_, h map[string]any) { h[timestampHeader] = []string{timestamp} },
		"two signatures, joined":    func(_, h map[string]any) { h[signatureHeader] = digest + "," + digest },
		"two timestamps, joined":    func(_, h map[string]any) { h[timestampHeader] = timestamp + "," + timestamp },
		"two timestamps, signed so": func(_, h map[string]any) { h[timestampHeader], h[signatureHeader] = "1,2", sign(key, "1,2", body) },
		"two signatures in two letter cases": func(_, h map[string]any) {
			h["X-Purchasely-Request-Signature"] = digest
		},
		"two timestamps in two letter cases": func(_, h map[string]any) {
			h["X-PURCHASELY-TIMESTAMP"] = timestamp
		},
		"base64 that is not said to be": func(e, _ map[string]any) {
			e["body"] = base64.StdEncoding.EncodeToString([]byte(body))
		},
		"base64 that is none": func(e, _ map[string]any) { e["isBase64Encoded"] = true },
		"another app":         func(e, _ map[string]any) { e["pathParameters"] = map[string]any{"app": "other-app"} },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			app := "demo"
			if name == "another app" {
				app = "other-app"
				b.get = func(_ context.Context, app string) (webhook.Keys, error) { return parse(t, "key of "+app), nil }
			}
			b.wants(request(t, edit), 401, fault.BadSignature, app)
		})
	}
}

func TestHeadersAreFoundInAnyLetterCase(t *testing.T) {
	for _, change := range []func(string) string{strings.ToUpper, strings.ToLower, func(name string) string {
		return "X-Purchasely-" + strings.TrimPrefix(name, "x-purchasely-")
	}} {
		b := newBench(t)
		b.wants(request(t, func(_, headers map[string]any) {
			digest, sent := headers[signatureHeader], headers[timestampHeader]
			clear(headers)
			headers[change(signatureHeader)], headers[change(timestampHeader)] = digest, sent
		}), 200, "", "demo")
	}
}

func TestTheTimestampCountsByteForByte(t *testing.T) {
	for _, odd := range []string{"0", "not a number", "2026-11-23T12:00:00Z", "１７７３", " 7 ", strings.Repeat("9", 500)} {
		b := newBench(t)
		b.wants(request(t, func(_, headers map[string]any) {
			headers[timestampHeader], headers[signatureHeader] = odd, sign(key, odd, body)
		}), 200, "", "demo")
	}
}

func TestThePreviousKeyCountsToo(t *testing.T) {
	b := newBench(t)
	b.get = func(context.Context, string) (webhook.Keys, error) {
		return webhook.ParseKeys([]byte(`{"shared_secret":"new","previous_shared_secret":"` + key + `"}`))
	}
	b.wants(request(t, nil), 200, "", "demo")
}

func TestAChangedKeyNeedsNoWait(t *testing.T) {
	for name, c := range map[string]struct {
		refreshed string
		err       error
		status    int
	}{
		"the new key fits":     {key, nil, 200},
		"it does not fit":      {"other", nil, 401},
		"it cannot be had now": {"", errors.New("away"), 401},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.get = func(context.Context, string) (webhook.Keys, error) { return parse(t, "old"), nil }
			began, asked := time.Now(), 0
			b.refresh = func(_ context.Context, app string, since time.Time) (webhook.Keys, error) {
				asked++
				if app != "demo" || since.Before(began) || since.After(time.Now()) {
					t.Errorf("refresh of %q since %s", app, since)
				}
				if c.err != nil {
					return webhook.Keys{}, c.err
				}
				return parse(t, c.refreshed), nil
			}
			reason := fault.Reason("")
			if c.status == 401 {
				reason = fault.BadSignature
			}
			b.wants(request(t, nil), c.status, reason, "demo")
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestKeysAreNotAskedForWithoutASignature(t *testing.T) {
	b := newBench(t)
	b.get = func(context.Context, string) (webhook.Keys, error) {
		t.Error("asked for keys")
		return webhook.Keys{}, nil
	}
	b.wants(request(t, func(_, headers map[string]any) { clear(headers) }), 401, fault.BadSignature, "demo")
}

func TestTheReplayWindowHoldsInBothDirections(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		tolerance time.Duration
		timestamp time.Time
		reason    fault.Reason
	}{
		"off, and a year old":  {0, now.AddDate(-1, 0, 0), ""},
		"off, and a year away": {0, now.AddDate(1, 0, 0), ""},
		"inside":               {time.Hour, now.Add(-30 * time.Minute), ""},
		"too old":              {time.Hour, now.Add(-61 * time.Minute), fault.Stale},
		"too far away":         {time.Hour, now.Add(61 * time.Minute), fault.Future},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Tolerance = c.tolerance
			b.refresh = func(context.Context, string, time.Time) (webhook.Keys, error) {
				t.Error("asked for keys again")
				return webhook.Keys{}, nil
			}
			status := 200
			if c.reason != "" {
				status = 401
			}
			sent := strconv.FormatInt(c.timestamp.Unix(), 10)
			b.wants(request(t, func(_, headers map[string]any) {
				headers[timestampHeader], headers[signatureHeader] = sent, sign(key, sent, body)
			}), status, c.reason, "demo")
		})
	}
}
