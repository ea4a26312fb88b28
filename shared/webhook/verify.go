// Package webhook reads what Purchasely sends: is it genuine, and what does it say?
//
// It promises that a signature counts only if it covers the raw bytes, that reading keeps every attribute, its order
// and the exact text of numbers in both payload versions, and that an unknown event, attribute or value is never
// refused. It does not know CleverTap, the queue or the integration file.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// Keys are an app's shared secret and, during a rotation, the previous one. The zero Keys verify nothing.
type Keys struct{ current, previous secret.Value }

// ParseKeys parses {"shared_secret":"…","previous_shared_secret":"…"}. The second may be missing, null or empty,
// unknown keys are ignored, and of equal keys the last counts. White space around a secret does not count: a pasted
// newline is the commonest cause of a refused signature. The error is a [fault.Fault] of kind Operator and
// reason Secret, and does not quote the text.
func ParseKeys(text []byte) (Keys, error) {
	var parsed struct {
		Current  secret.Value `json:"shared_secret"`
		Previous secret.Value `json:"previous_shared_secret"`
	}
	if json.Unmarshal(text, &parsed, readOptions) != nil { // Its error may quote the text.
		return Keys{}, unusable("secret is not a JSON object with a string under shared_secret " +
			"(and previous_shared_secret)")
	}
	if parsed.Current.Empty() {
		return Keys{}, unusable("shared_secret is missing or empty")
	}
	return Keys{parsed.Current, parsed.Previous}, nil
}

func unusable(problem string) error {
	return fault.New(fault.Operator, fault.Secret, errors.New(problem))
}

// Verify returns nil if digest is the lower-case hex HMAC-SHA256 of timestamp and body under one of the keys and, if
// tolerance is above zero, timestamp is within it of now in both directions, edges included. Otherwise it returns a
// [fault.Fault] of kind Reject with reason BadSignature, Stale or Future; a timestamp that is not a number is stale.
// The time is checked only if the signature is right, so that strangers learn nothing about it.
func (k Keys) Verify(timestamp, digest string, body []byte, tolerance time.Duration, now time.Time) error {
	if !k.signed(timestamp, digest, body) {
		return fault.New(fault.Reject, fault.BadSignature, k.mismatch())
	}
	if tolerance <= 0 {
		return nil
	}
	signed, ok := parseTimestamp(timestamp)
	switch age := now.Sub(signed); {
	case !ok:
		return fault.New(fault.Reject, fault.Stale, errTimestamp)
	case age > tolerance:
		return fault.New(fault.Reject, fault.Stale, fmt.Errorf("timestamp is %s old, more than the tolerance of %s",
			age.Round(time.Second), tolerance))
	case age < -tolerance:
		return fault.New(fault.Reject, fault.Future, fmt.Errorf(
			"timestamp is %s ahead of our clock, more than the tolerance of %s", -age.Round(time.Second), tolerance))
	default:
		return nil
	}
}

// Why a signature is refused; the second one is what a pasted secret may be wrong with.
var (
	errMismatch  = errors.New("signature matches no secret")
	errQuoted    = errors.New("signature matches no secret, of which one is in quotation marks")
	errTimestamp = errors.New("timestamp is not a number")
)

func (k Keys) mismatch() error {
	if k.current.Quoted() || k.previous.Quoted() {
		return errQuoted
	}
	return errMismatch
}

// signed always compares with both keys, in constant time, so that the time taken does not reveal which one it was.
// Only the exact digest is equal: neither an empty or an upper-case one, nor two headers joined into one.
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

// Sign returns the digest of a webhook under the present key.
func (k Keys) Sign(timestamp string, body []byte) string { return Sign(k.current, timestamp, body) }

// Sign returns the digest of a webhook, as Purchasely computes it. The timestamp is used byte for byte, with nothing
// between it and the body.
func Sign(key secret.Value, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(timestamp))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// parseTimestamp parses seconds since 1970, or milliseconds above 10^11: seconds are documented, but
// Purchasely's own receiver is tested with milliseconds (Purchasely-Firebase-Extension, November 2026).
func parseTimestamp(text string) (at time.Time, ok bool) {
	if !IsNumber([]byte(text)) {
		return time.Time{}, false
	}
	ms, ok := parseNumber([]byte(text), maxSeconds)
	return time.UnixMilli(ms), ok
}
