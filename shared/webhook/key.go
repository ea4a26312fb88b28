package webhook

import (
	"errors"
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// Keys are an app's shared secret and, during a rotation, its predecessor. The zero Keys verify nothing.
type Keys struct{ current, previous secret.Value }

var errNoText = errors.New("secret is no text")

// ParseKeys reads {"shared_secret":"…","previous_shared_secret":"…"}. The second may be missing, null or empty, unknown keys are ignored, and of
// equal keys the last counts. The error is a [fault.Fault] of kind Operator and reason Secret, and never quotes the text.
func ParseKeys(text []byte) (Keys, error) {
	var keys Keys
	r := reader{limit: math.MaxInt}
	for r.open(text); r.next(); {
		switch string(r.name) {
		case "shared_secret":
			keys.current, r.err = r.secret()
		case "previous_shared_secret":
			keys.previous, r.err = r.secret()
		}
	}
	// The reader's error is dropped: what it says is about webhooks.
	if r.close() != nil {
		return Keys{}, unusable("secret is not a JSON object with a text under shared_secret (and previous_shared_secret)")
	}
	if keys.current.Empty() {
		return Keys{}, unusable("shared_secret is missing or empty")
	}
	return keys, nil
}

// secret gives the present value, which is a text, or null for none.
func (r *reader) secret() (secret.Value, error) {
	switch r.value.Kind() {
	case jsontext.KindString:
		return secret.New(string(r.unquote(r.value))), nil
	case jsontext.KindNull:
		return secret.Value{}, nil
	default:
		return secret.Value{}, errNoText
	}
}

func unusable(what string) error {
	return fault.New(fault.Operator, fault.Secret, errors.New(what))
}
