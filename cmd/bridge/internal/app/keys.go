package app

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The keys of an app's secrets, with dots where they are inside an object.
var (
	purchaselyKeys = []string{"shared_secret", "previous_shared_secret"}
	clevertapKeys  = []string{
		"region", "account_id", "passcode", "sandbox", "sandbox.region", "sandbox.account_id", "sandbox.passcode",
	}
)

// inspect returns what is odd about a secret's text although it can be read: keys that nobody reads, and values that
// were pasted with more than themselves. It quotes no value.
func inspect(text []byte, known []string) (odd []string) {
	var walk func(prefix string, object jsontext.Value)
	walk = func(prefix string, object jsontext.Value) {
		var members map[string]jsontext.Value
		if json.Unmarshal(object, &members, jsontext.AllowDuplicateNames(true)) != nil {
			return // its reader has said so
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			path, value := prefix+name, members[name]
			switch {
			case !slices.Contains(known, path):
				odd = append(odd, unknownKey(path, known))
			case value.Kind() == '{':
				walk(path+".", value)
			case value.Kind() == '"':
				odd = append(odd, pasted(path, value)...)
			}
		}
	}
	walk("", text)
	return odd
}

// plainKey is a key that cannot be a secret in the wrong place, as these have digits or are longer.
var plainKey = regexp.MustCompile(`^[A-Za-z][A-Za-z_ .-]{0,39}$`)

// unknownKey names a key that nobody reads, and the one that was probably meant.
func unknownKey(path string, known []string) string {
	if !plainKey.MatchString(path) {
		return "nobody reads one of its keys, which is not shown here because it may be a secret"
	}
	text := fmt.Sprintf("nobody reads its key %q", path)
	if near := webhook.Nearest(path, known); near != "" {
		return text + "; did you mean " + near + "?"
	}
	return text + "; its keys are " + strings.Join(known, ", ")
}

// pasted says what came along when a value was pasted.
func pasted(path string, value jsontext.Value) (odd []string) {
	plain, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return nil
	}
	trimmed := secret.Trim(string(plain))
	if trimmed != string(plain) {
		odd = append(odd, path+" has white space around it, which the bridge leaves out")
	}
	if secret.New(trimmed).Quoted() {
		odd = append(odd, path+" is in quotation marks: if they were pasted along, store it without them")
	}
	return odd
}

// unknownMember is the key of standard input that nobody reads, as its decoder reports it; empty if that is not what is
// wrong.
func unknownMember(err error) string {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok || !errors.Is(err, json.ErrUnknownName) {
		return ""
	}
	known := []string{stack.PurchaselySecret, stack.CleverTapSecret}
	for _, key := range purchaselyKeys {
		known = append(known, stack.PurchaselySecret+"."+key)
	}
	for _, key := range clevertapKeys {
		known = append(known, stack.CleverTapSecret+"."+key)
	}
	return unknownKey(strings.Join(slices.Collect(semantic.JSONPointer.Tokens()), "."), known)
}
