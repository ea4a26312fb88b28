package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// rawSecret is a JSON value on its way to Secrets Manager. It is behind a pointer, so that printing it shows an
// address.
type rawSecret struct{ json *jsontext.Value }

func newRawSecret(text string) rawSecret {
	value, _ := jsontext.AppendQuote(nil, text) // what is not UTF-8 is refused by secretText
	return rawSecret{(*jsontext.Value)(&value)}
}

// UnmarshalJSON keeps the value as it is.
func (r *rawSecret) UnmarshalJSON(text []byte) error {
	value := jsontext.Value(text).Clone()
	r.json = &value
	return nil
}

// MarshalJSON is for the secret's own text.
func (r rawSecret) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return []byte("null"), nil
	}
	return *r.json, nil
}

// IsZero reports whether nothing was given.
func (r rawSecret) IsZero() bool {
	return r.json == nil || len(*r.json) == 0 || string(*r.json) == "null" || string(*r.json) == `""`
}

func (r rawSecret) equal(other rawSecret) bool {
	if r.IsZero() || other.IsZero() {
		return r.IsZero() == other.IsZero()
	}
	return string(*r.json) == string(*other.json)
}

// purchaselySecret is the secret that webhooks are signed with.
type purchaselySecret struct {
	Shared   rawSecret `json:"shared_secret"`
	Previous rawSecret `json:"previous_shared_secret,omitzero"`
}

type account struct {
	Region   string    `json:"region"`
	ID       string    `json:"account_id"`
	Passcode rawSecret `json:"passcode"`
}

// clevertapSecret is the secret that uploads are made with.
type clevertapSecret struct {
	account
	Sandbox *account `json:"sandbox,omitzero"`
}

// values are what an app's secrets are made of; nil leaves a secret alone.
type values struct {
	Purchasely *purchaselySecret `json:"purchasely"`
	CleverTap  *clevertapSecret  `json:"clevertap"`
}

func secretText(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil { // it may quote the secret
		return "", cli.Usagef("", "a value is not UTF-8 text")
	}
	return string(text), nil
}

// trim takes off what was pasted along with the values, and returns a sentence for each that may still have some.
func (v *values) trim() (odd []string) {
	trim := func(path string, r *rawSecret) {
		if r.json == nil || r.json.Kind() != '"' {
			return // its reader says what is wrong
		}
		plain, err := jsontext.AppendUnquote(nil, *r.json)
		if err != nil {
			return
		}
		*r = newRawSecret(secret.Trim(string(plain)))
		odd = append(odd, pasted(path, *r.json)...)
	}
	if v.Purchasely != nil {
		trim("shared_secret", &v.Purchasely.Shared)
		trim("previous_shared_secret", &v.Purchasely.Previous)
	}
	if v.CleverTap == nil {
		return odd
	}
	trim("passcode", &v.CleverTap.Passcode)
	v.CleverTap.ID = secret.Trim(v.CleverTap.ID)
	if sandbox := v.CleverTap.Sandbox; sandbox != nil {
		trim("sandbox.passcode", &sandbox.Passcode)
		sandbox.ID = secret.Trim(sandbox.ID)
	}
	return odd
}

// replacement is one of an app's two secrets, with what is given for it.
type replacement struct {
	storedSecret
	key   string
	value any
	given bool
}

func (v *values) replacements(current storedSecrets) []replacement {
	return []replacement{
		{current.purchasely, stack.PurchaselySecret, v.Purchasely, v.Purchasely != nil},
		{current.clevertap, stack.CleverTapSecret, v.CleverTap, v.CleverTap != nil},
	}
}

// storedSecret is one of an app's two secrets as it was before the command did anything.
type storedSecret struct {
	name    string
	text    []byte
	exists  bool
	replace bool // whether it may be replaced
}

func (s storedSecret) mayChange() bool { return s.replace || !s.exists }

// decode reads the former value. A secret that cannot be read counts as empty.
func (s storedSecret) decode(value any) {
	_ = json.Unmarshal(s.text, value, jsontext.AllowDuplicateNames(true))
}

type storedSecrets struct{ purchasely, clevertap storedSecret }

func readStored(ctx context.Context, s *stack.Stack, app, part string, replace bool) (c storedSecret, err error) {
	c = storedSecret{name: s.SecretName(app, part), replace: replace}
	c.text, c.exists, err = s.ReadSecret(ctx, c.name)
	return c, err
}

// readSecrets reads what exists. It is an error if neither may change.
func readSecrets(ctx context.Context, s *stack.Stack, app string, replace bool) (current storedSecrets, err error) {
	if current.purchasely, err = readStored(ctx, s, app, stack.PurchaselySecret, replace); err != nil {
		return current, err
	}
	if current.clevertap, err = readStored(ctx, s, app, stack.CleverTapSecret, replace); err != nil {
		return current, err
	}
	if !current.purchasely.mayChange() && !current.clevertap.mayChange() {
		err = cli.Findingf("'bridge app check' says whether they are right; --replace stores others",
			"both secrets of %s are there already", app)
	}
	return current, err
}

// store stores another value. Replacing also works for a secret that exists and has none.
func (s storedSecret) store(ctx context.Context, to *stack.Stack, value any) (done string, err error) {
	const description = "Read by the bridge from Purchasely to CleverTap; 'bridge app check' says whether it is right."
	text, err := secretText(value)
	if err != nil {
		return "", err
	}
	done = "created"
	if s.exists {
		done = "replaced"
	}
	secrets := aws.NewSecrets(to.Config)
	if s.replace {
		err := secrets.Replace(ctx, s.name, text)
		if stack.Code(err) != "ResourceNotFoundException" {
			return done, stack.Explain(err)
		}
	}
	err = secrets.Create(ctx, s.name, text, description)
	if stack.Code(err) == "ResourceExistsException" {
		return "", cli.Findingf("'bridge app add --replace' stores it all the same",
			"secret %s is there by now, or has no value", s.name)
	}
	return done, stack.Explain(err)
}

// keepFormer adds what goes on counting: the former shared secret beside the new one, and a sandbox account that no
// other replaces. It refuses keys that the receiver could not use.
func (v *values) keepFormer(current storedSecrets) error {
	if v.CleverTap != nil && v.CleverTap.Sandbox == nil {
		var former clevertapSecret
		current.clevertap.decode(&former)
		v.CleverTap.Sandbox = former.Sandbox
	}
	if v.Purchasely == nil {
		return nil
	}
	v.Purchasely.keepFormer(current.purchasely)
	text, err := secretText(v.Purchasely)
	if err != nil {
		return err
	}
	if _, err := webhook.ParseKeys([]byte(text)); err != nil {
		return cli.Findingf("", "%s", causeOf(err))
	}
	return nil
}

// keepFormer keeps the former shared secret, unless another previous one is given. The same secret once more changes
// nothing.
func (p *purchaselySecret) keepFormer(current storedSecret) {
	if !p.Previous.IsZero() {
		return
	}
	var former purchaselySecret
	current.decode(&former)
	if p.Previous = former.Shared; p.Shared.equal(former.Shared) {
		p.Previous = former.Previous
	}
}

// causeOf is the cause of a fault without the word for machines.
func causeOf(err error) string {
	if f, ok := errors.AsType[*fault.Fault](err); ok && f.Err != nil {
		return f.Err.Error()
	}
	return err.Error()
}

func hintOf(err error) string {
	if e, ok := errors.AsType[*cli.Error](err); ok {
		return e.Hint
	}
	return ""
}

// readValues asks at the terminal or, where there is none, reads one JSON object from standard input.
func readValues(cmd *cobra.Command, current storedSecrets) (v values, err error) {
	if cli.IsTerminal(cmd) {
		ask := func(label string, hidden bool) (string, error) { return cli.Prompt(cmd, label, hidden) }
		return askValues(ask, current)
	}
	text, err := cli.ReadText(cmd, "-")
	if err != nil {
		return v, cli.Usagef("", "standard input: %w", err)
	}
	// The decoder's error is not shown: it may quote a secret.
	if err := json.Unmarshal(text, &v, json.RejectUnknownMembers(true)); err != nil {
		hint := "'" + cmd.CommandPath() + " --help' shows it"
		if key := unknownMember(err); key != "" {
			hint = key
		}
		return v, cli.Usagef(hint, "standard input is not the JSON object that holds the secrets")
	}
	for _, s := range v.replacements(current) {
		if !s.given && !s.exists {
			return v, cli.Usagef("", "standard input has no %q, and secret %s is missing", s.key, s.name)
		}
		if s.given && !s.mayChange() {
			return v, cli.Findingf("'bridge app check' says whether it is right; --replace stores another",
				"secret %s is there already", s.name)
		}
	}
	return v, nil
}

// asker asks for a line; a hidden one has no echo.
type asker func(label string, hidden bool) (string, error)

// askValues asks one after the other. Where a secret exists, an empty answer leaves it as it is.
func askValues(ask asker, current storedSecrets) (v values, err error) {
	if current.purchasely.mayChange() {
		text, err := ask("Purchasely's client shared secret"+orKeep(current.purchasely.exists), true)
		if err != nil {
			return v, err
		}
		if text != "" {
			v.Purchasely = &purchaselySecret{Shared: newRawSecret(text)}
		} else if !current.purchasely.exists {
			return v, cli.Usagef("it is in Purchasely's console, in the app's settings", "the shared secret is empty")
		}
	}
	if !current.clevertap.mayChange() {
		return v, nil
	}
	production, err := askAccount(ask, "CleverTap", orKeep(current.clevertap.exists))
	if err != nil {
		return v, err
	}
	if production == nil {
		if !current.clevertap.exists {
			err = cli.Usagef("Settings → Project in CleverTap shows it", "the account id is empty")
		}
		return v, err
	}
	var former clevertapSecret
	current.clevertap.decode(&former)
	or := " (Enter: none): "
	if former.Sandbox != nil {
		or = orKeep(true)
	}
	sandbox, err := askAccount(ask, "CleverTap sandbox", or)
	v.CleverTap = &clevertapSecret{*production, sandbox}
	return v, err
}

func orKeep(exists bool) string {
	if exists {
		return " (Enter: keep it): "
	}
	return ": "
}

// askAccount asks for one account; nil if there is none.
func askAccount(ask asker, which, or string) (*account, error) {
	id, err := ask(which+" account id (Project ID)"+or, false)
	if err != nil || id == "" {
		return nil, err
	}
	passcode, err := ask(which+" passcode: ", true)
	if err != nil {
		return nil, err
	}
	if passcode == "" {
		return nil, cli.Usagef("", "the passcode is empty")
	}
	region, err := ask(which+" region (Enter: find it out): ", false)
	return &account{region, id, newRawSecret(passcode)}, err
}

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

// unknownMember is the key of standard input that nobody reads, as its decoder reports it; empty if that is not what
// is wrong.
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
