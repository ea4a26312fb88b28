package main

import (
	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
)

// appValues are what an app's secrets are made of; nil: that secret is not touched.
type appValues struct {
	Purchasely *purchaselySecret `json:"purchasely"`
	CleverTap  *clevertapSecret  `json:"clevertap"`
}

// part is one of an app's two secrets as it is before the command does anything.
type part struct {
	name    string
	text    []byte
	there   bool
	replace bool // whether what is there may be replaced
}

// open tells whether the secret may be stored.
func (p part) open() bool { return p.replace || !p.there }

// readValues asks at the terminal or, where there is none, reads one JSON object from standard input.
func readValues(cmd *cobra.Command, purchasely, clevertap part) (appValues, error) {
	if _, ok := terminal(cmd); ok {
		return askValues(func(label string, hidden bool) (string, error) { return prompt(cmd, label, hidden) }, purchasely, clevertap)
	}
	var v appValues
	// A decoder's error may quote a secret.
	if json.UnmarshalRead(cmd.InOrStdin(), &v, json.RejectUnknownMembers(true)) != nil {
		return v, usagef("'"+cmd.CommandPath()+" --help' shows it", "standard input is not the JSON object that holds the secrets")
	}
	for _, p := range []struct {
		part
		given bool
		key   string
	}{{purchasely, v.Purchasely != nil, purchaselyPart}, {clevertap, v.CleverTap != nil, clevertapPart}} {
		if !p.given && !p.there {
			return v, usagef("", "standard input has no %q, and secret %s is missing", p.key, p.name)
		}
		if p.given && !p.open() {
			return v, errThere(p.name)
		}
	}
	return v, nil
}

// errThere is for secrets that are there and must not be lost by mistake.
func errThere(name string) error {
	return findingf("'bridge app check' says whether it is right; --replace stores another", "secret %s is there already", name)
}

// askValues asks one after the other. Where a secret is there already, no answer leaves it as it is.
func askValues(ask func(label string, hidden bool) (string, error), purchasely, clevertap part) (v appValues, err error) {
	if purchasely.open() {
		text, err := ask("Purchasely's client shared secret"+orKeep(purchasely.there), true)
		if err != nil {
			return v, err
		}
		if text != "" {
			v.Purchasely = &purchaselySecret{Shared: seal(text)}
		} else if !purchasely.there {
			return v, usagef("it stands in Purchasely's console, in the app's settings", "the shared secret is empty")
		}
	}
	if !clevertap.open() {
		return v, nil
	}
	production, err := askAccount(ask, "CleverTap", orKeep(clevertap.there))
	if err != nil || production == nil {
		if err == nil && !clevertap.there {
			err = usagef("Settings → Project in CleverTap shows it", "the account id is empty")
		}
		return v, err
	}
	var former clevertapSecret
	former.keep(clevertap.text)
	or := " (Enter: none): "
	if former.Sandbox != nil {
		or = orKeep(true)
	}
	sandbox, err := askAccount(ask, "CleverTap sandbox", or)
	v.CleverTap = &clevertapSecret{*production, sandbox}
	return v, err
}

func orKeep(there bool) string {
	if there {
		return " (Enter: keep it): "
	}
	return ": "
}

// askAccount asks for one account; nil: there is none.
func askAccount(ask func(label string, hidden bool) (string, error), which, or string) (*account, error) {
	id, err := ask(which+" account id (Project ID)"+or, false)
	if err != nil || id == "" {
		return nil, err
	}
	passcode, err := ask(which+" passcode: ", true)
	if err != nil {
		return nil, err
	}
	if passcode == "" {
		return nil, usagef("", "the passcode is empty")
	}
	region, err := ask(which+" region (Enter: find it out): ", false)
	return &account{region, id, seal(passcode)}, err
}
