// Package standardwebhooks signs and verifies requests as standardwebhooks.com says.
//
// It promises to accept only what was signed with one of the keys, over the bytes that were sent, at most five minutes
// from now in either direction. It does not know what a request says, and it never prints a key.
package standardwebhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// The headers of a signed request (standardwebhooks.com, November 2026).
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far a timestamp may be from our clock, in both directions.
const Tolerance = 5 * time.Minute

const (
	keyPrefix = "whsec_"
	version   = "v1,"

	// Lengths of a key in bytes (standardwebhooks.com, November 2026).
	minKeyBytes = 24
	maxKeyBytes = 64
)

// ErrNoKey says that a secret holds no key.
var ErrNoKey = errors.New("signing secret: signing_secret is missing")

// What else is wrong with a secret. The texts are fixed: a decoder's own words can quote what it read.
var (
	errForm = errors.New("signing secret: not a JSON object of strings")
	errKey  = errors.New("signing secret: not whsec_ followed by base64 of 24 to 64 bytes")
)

// Key signs requests. It wraps the bytes of a key so that nothing prints them.
type Key struct{ raw secret.Value }

// ParseKey reads a key such as "whsec_MDEy…"; the white space around it does not count. The error is a [fault.Fault]
// of kind Operator with the reason Secret.
func ParseKey(text secret.Value) (Key, error) {
	encoded, prefixed := strings.CutPrefix(secret.Trim(text.Reveal()), keyPrefix)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !prefixed || err != nil || len(raw) < minKeyBytes || len(raw) > maxKeyBytes {
		return Key{}, fault.New(fault.Operator, fault.Secret, errKey)
	}
	return Key{secret.New(string(raw))}, nil
}

// Sign returns a signature as the header has it: "v1," and base64.
func (k Key) Sign(id string, at time.Time, body []byte) string {
	return version + base64.StdEncoding.EncodeToString(k.mac(id, strconv.FormatInt(at.Unix(), 10), body))
}

func (k Key) mac(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(k.raw.Reveal()))
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Keys are the key in use and, during a rotation, the one before it.
type Keys struct {
	Current  Key
	Previous *Key // nil: none
}

// ParseKeys reads a secret such as {"signing_secret":"whsec_…","previous_signing_secret":"whsec_…"}. The error is a
// [fault.Fault] of kind Operator with the reason Secret, [ErrNoKey] among its causes, and quotes nothing.
func ParseKeys(text []byte) (Keys, error) {
	var form struct {
		Current  secret.Value `json:"signing_secret"`
		Previous secret.Value `json:"previous_signing_secret"`
	}
	if err := json.Unmarshal(text, &form, jsontext.AllowDuplicateNames(true)); err != nil {
		return Keys{}, fault.New(fault.Operator, fault.Secret, errForm)
	}
	if form.Current.Empty() {
		return Keys{}, fault.New(fault.Operator, fault.Secret, ErrNoKey)
	}
	current, err := ParseKey(form.Current)
	if err != nil || form.Previous.Empty() {
		return Keys{Current: current}, err
	}
	previous, err := ParseKey(form.Previous)
	return Keys{current, &previous}, err
}

// Sign returns the signatures of a request, one for each key, as the header has them.
func (k Keys) Sign(id string, at time.Time, body []byte) string {
	signatures := k.Current.Sign(id, at, body)
	if k.Previous != nil {
		signatures += " " + k.Previous.Sign(id, at, body)
	}
	return signatures
}

// Verify returns nil if one of the signatures is right under one of the keys and the timestamp is close enough to now.
// Otherwise it returns a [fault.Fault] of kind Reject with the reason BadSignature, Stale or Future. The clock counts
// only when the signature is right: a stranger learns nothing about it.
func (k Keys) Verify(id, timestamp, signatures string, body []byte, now time.Time) error {
	if !k.signed(id, timestamp, signatures, body) {
		return fault.New(fault.Reject, fault.BadSignature, nil)
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	switch age := now.Sub(time.Unix(seconds, 0)); {
	case err != nil, age > Tolerance:
		return fault.New(fault.Reject, fault.Stale, nil)
	case age < -Tolerance:
		return fault.New(fault.Reject, fault.Future, nil)
	default:
		return nil
	}
}

// maxSignatures bounds what a stranger can make us compare.
const maxSignatures = 16

// signed compares every signature with both keys, so that the time taken does not tell which one it was.
func (k Keys) signed(id, timestamp, signatures string, body []byte) bool {
	if id == "" || timestamp == "" || k.Current.raw.Empty() {
		return false
	}
	genuine := [][]byte{k.Current.mac(id, timestamp, body)}
	if k.Previous != nil {
		genuine = append(genuine, k.Previous.mac(id, timestamp, body))
	}
	found, compared := false, 0
	for signature := range strings.FieldsSeq(signatures) {
		if compared++; compared > maxSignatures {
			return false
		}
		encoded, ok := strings.CutPrefix(signature, version)
		digest, err := base64.StdEncoding.DecodeString(encoded)
		for _, mac := range genuine {
			found = hmac.Equal(digest, mac) && ok && err == nil || found
		}
	}
	return found
}
