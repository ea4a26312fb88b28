package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// Verify returns nil if digest is the lower-case hex HMAC-SHA256 of timestamp and body under one of the keys and, if tolerance
// is above zero, timestamp is within it of now in both directions, edges included. Otherwise it returns a [fault.Fault] of kind
// Reject with reason BadSignature, Stale or Future; a timestamp that is not a number is stale. The clock is looked at only
// when the signature is right: a stranger learns nothing about it.
func (k Keys) Verify(timestamp, digest string, body []byte, tolerance time.Duration, now time.Time) error {
	if !k.signed(timestamp, digest, body) {
		return fault.New(fault.Reject, fault.BadSignature, nil)
	}
	if tolerance <= 0 {
		return nil
	}
	signed, ok := parseTimestamp(timestamp)
	switch age := now.Sub(signed); {
	case !ok, age > tolerance:
		return fault.New(fault.Reject, fault.Stale, nil)
	case age < -tolerance:
		return fault.New(fault.Reject, fault.Future, nil)
	default:
		return nil
	}
}

// signed compares with both keys whatever the first says, so that the time taken does not tell which one it was. A MAC in
// lower-case hex is equal to nothing else: neither to an empty or an upper-case digest nor to two headers joined into one.
func (k Keys) signed(timestamp, digest string, body []byte) bool {
	if timestamp == "" || k.current.Empty() {
		return false
	}
	genuine := hmac.Equal([]byte(digest), []byte(Sign(k.current, timestamp, body)))
	if !k.previous.Empty() {
		genuine = hmac.Equal([]byte(digest), []byte(Sign(k.previous, timestamp, body))) || genuine
	}
	return genuine
}

// Sign makes the digest of a webhook: what Purchasely does, and what tests and `bridge send` do in its place. The timestamp is taken
// byte for byte, with nothing between it and the body.
func Sign(key secret.Value, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(timestamp))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// parseTimestamp reads whole seconds since 1970, or milliseconds above 10^11: the documented values are seconds, the
// vendor's own receiver is tested with milliseconds (Purchasely-Firebase-Extension, November 2026).
func parseTimestamp(text string) (time.Time, bool) {
	value, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err != nil:
		return time.Time{}, false
	case value > maxSeconds:
		return time.UnixMilli(int64(value)), true //nolint:gosec // ParseUint keeps it within 63 bits.
	default:
		return time.Unix(int64(value), 0), true //nolint:gosec // At most 10^11.
	}
}
