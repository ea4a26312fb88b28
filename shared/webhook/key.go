package webhook

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// Keys are an app's shared secret and, during a rotation, its predecessor. The zero Keys verify nothing.
type Keys struct{ current, previous secret.Value }

// ParseKeys reads {"shared_secret":"…","previous_shared_secret":"…"}. The second may be missing, null or empty, unknown keys are ignored, and of
// equal keys the last counts. The error is a [fault.Fault] of kind Operator and reason Secret, and never quotes the text.
func ParseKeys(text []byte) (Keys, error) {
	var keys struct {
		Current  secret.Value `json:"shared_secret"`
		Previous secret.Value `json:"previous_shared_secret"`
	}
	// The decoder's error is dropped, because it may quote what it could not read.
	if json.Unmarshal(text, &keys, jsontext.AllowDuplicateNames(true)) != nil {
		return Keys{}, unusable("secret is not a JSON object with a text under shared_secret (and previous_shared_secret)")
	}
	if keys.Current.Empty() {
		return Keys{}, unusable("shared_secret is missing or empty")
	}
	return Keys{keys.Current, keys.Previous}, nil
}

func unusable(what string) error {
	return fault.New(fault.Operator, fault.Secret, errors.New(what))
}
