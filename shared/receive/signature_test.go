package receive_test

import (
	"strconv"
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
		"null for headers":                   func(h *harness) { h.event["headers"] = nil },
		"an empty signature":                 signature(""),
		"an empty timestamp":                 set(timestampHeader, ""),
		"signed without timestamp":           signedWith("", sign(key, "", body)),
		"signed over the body only":          signature(sign(key, "", body)),
		"another timestamp":                  set(timestampHeader, "1773474113"),
		"another body":                       bodyIs(body + " "),
		"no body":                            bodyIs(nil),
		"a number for the body":              bodyIs(17),
		"declared as base64 but is not":      func(h *harness) { h.event["isBase64Encoded"] = true },
		"a number as signature":              signature(7),
		"a list as timestamp":                set(timestampHeader, []string{timestamp}),
		"two signatures, joined":             signature(digest + "," + digest),
		"two timestamps, signed so":          signedWith("1,2", sign(key, "1,2", body)),
		"two signatures in two letter cases": set("X-Purchasely-Request-Signature", digest),
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
