package receive_test

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

func TestASignatureCountsOnlyAsItWasMade(t *testing.T) {
	digest := sign(key, timestamp, body)
	set := func(name string, value any) func(*harness) { return func(h *harness) { h.headers[name] = value } }
	signature := func(value any) func(*harness) { return set(signatureHeader, value) }
	bodyIs := func(value any) func(*harness) { return func(h *harness) { h.event["body"] = value } }
	signedWith := func(stamp, signature string) func(*harness) {
		return func(h *harness) { h.headers[timestampHeader], h.headers[signatureHeader] = stamp, signature }
	}
	for name, change := range map[string]func(h *harness){
		"no signature":                       func(h *harness) { delete(h.headers, signatureHeader) },
		"no timestamp":                       func(h *harness) { delete(h.headers, timestampHeader) },
		"no headers":                         func(h *harness) { delete(h.event, "headers") },
		"null for headers":                   func(h *harness) { h.event["headers"] = nil },
		"an empty signature":                 signature(""),
		"an empty timestamp":                 set(timestampHeader, ""),
		"signed without timestamp":           signedWith("", sign(key, "", body)),
		"an upper-case digest":               signature(strings.ToUpper(digest)),
		"a digest with a space":              signature(digest + " "),
		"a prefix before it":                 signature("sha256=" + digest),
		"signed with an empty key":           signature(sign("", timestamp, body)),
		"signed over the body only":          signature(sign(key, "", body)),
		"the deprecated value":               signature(sign(key, key, timestamp)),
		"another timestamp":                  set(timestampHeader, "1773474113"),
		"a timestamp with a space":           set(timestampHeader, " "+timestamp),
		"another body":                       bodyIs(body + " "),
		"a body written again":               bodyIs(strings.ReplaceAll(body, ": ", ":")),
		"no body":                            bodyIs(nil),
		"a number for the body":              bodyIs(17),
		"an object for the body":             bodyIs(object{"a": 1}),
		"base64 that is not declared":        bodyIs(base64.StdEncoding.EncodeToString([]byte(body))),
		"declared as base64 but is not":      func(h *harness) { h.event["isBase64Encoded"] = true },
		"a number as signature":              signature(7),
		"a list as timestamp":                set(timestampHeader, []string{timestamp}),
		"two signatures, joined":             signature(digest + "," + digest),
		"two timestamps, joined":             set(timestampHeader, timestamp+","+timestamp),
		"two timestamps, signed so":          signedWith("1,2", sign(key, "1,2", body)),
		"two signatures in two letter cases": set("X-Purchasely-Request-Signature", digest),
		"two timestamps in two letter cases": set("X-PURCHASELY-TIMESTAMP", timestamp),
		"the deprecated header": func(h *harness) {
			delete(h.headers, signatureHeader)
			h.headers["x-purchasely-signature"] = sign(key, key, timestamp)
		},
		"another key": func(h *harness) { h.current, h.next = "other", "other" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			change(h)
			h.wants(fault.BadSignature)
		})
	}
}

func TestHeadersAreFoundInAnyLetterCase(t *testing.T) {
	for _, names := range [][2]string{
		{"X-PURCHASELY-TIMESTAMP", "X-PURCHASELY-REQUEST-SIGNATURE"},
		{"X-Purchasely-timestamp", "x-purchasely-Request-Signature"},
	} {
		h := newHarness(t)
		clear(h.headers)
		h.headers[names[0]], h.headers[names[1]] = timestamp, sign(key, timestamp, body)
		h.wants("")
	}
}

func TestTheTimestampIsUsedByteForByte(t *testing.T) {
	for _, odd := range []string{"0", "not a number", "2026-11-23T12:00:00Z", "１７７３", " 7 ", "\u00ff"} {
		h := newHarness(t)
		h.headers[timestampHeader], h.headers[signatureHeader] = odd, sign(key, odd, body)
		h.wants("")
	}
}

func TestAChangedKeyNeedsNoWait(t *testing.T) {
	for name, c := range map[string]struct {
		next   string
		reason fault.Reason
	}{
		"the new key matches":        {key, ""},
		"it does not match":          {"other", fault.BadSignature},
		"it cannot be read just now": {"", fault.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.current, h.next = "old", c.next
			began := time.Now()
			h.wants(c.reason)
			if len(h.refreshed) != 1 || h.refreshed[0].Before(began) || h.refreshed[0].After(time.Now()) {
				t.Errorf("keys were read again since %s", h.refreshed)
			}
		})
	}
}

func TestNoKeysAreReadWithoutASignature(t *testing.T) {
	h := newHarness(t)
	h.keys = panics
	clear(h.headers)
	h.wants(fault.BadSignature)
}

func TestTheReplayWindowHoldsInBothDirections(t *testing.T) {
	for name, c := range map[string]struct {
		tolerance, age time.Duration
		reason         fault.Reason
	}{
		"off, and a year old":   {0, 365 * 24 * time.Hour, ""},
		"off, and a year ahead": {0, -365 * 24 * time.Hour, ""},
		"inside":                {time.Hour, 30 * time.Minute, ""},
		"too old":               {time.Hour, 61 * time.Minute, fault.Stale},
		"too far ahead":         {time.Hour, -61 * time.Minute, fault.Future},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.Tolerance = c.tolerance
			sent := strconv.FormatInt(time.Now().Add(-c.age).Unix(), 10)
			h.headers[timestampHeader], h.headers[signatureHeader] = sent, sign(key, sent, body)
			h.wants(c.reason)
			if len(h.refreshed) > 0 {
				t.Error("keys were read again")
			}
		})
	}
}
