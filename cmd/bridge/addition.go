package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// addition is what app add prints with --json.
type addition struct {
	App     string        `json:"app"`
	URL     string        `json:"url"`
	Region  string        `json:"region,omitzero"`
	Sandbox string        `json:"sandbox_region,omitzero"`
	Secrets []addedSecret `json:"secrets"`
}

type addedSecret struct {
	Name string `json:"name"`
	Done string `json:"done"` // created, replaced or kept
}

// check makes the secrets' texts and refuses what the functions could not use; "" stands for a secret that is not stored.
func (a *addition) check(cmd *cobra.Command, d *doorman, values appValues, purchasely, clever part) (texts [2]string, err error) {
	if values.Purchasely != nil {
		values.Purchasely.keep(purchasely.text)
		if texts[1], err = secretText(values.Purchasely); err != nil {
			return texts, err
		}
		if _, err := webhook.ParseKeys([]byte(texts[1])); err != nil {
			return texts, unusable(err)
		}
	}
	if values.CleverTap == nil {
		return texts, nil
	}
	values.CleverTap.keep(clever.text)
	text, err := secretText(values.CleverTap)
	if err != nil {
		return texts, err
	}
	accounts, err := clevertap.ParseAccounts([]byte(text))
	if err != nil {
		return texts, unusable(err)
	}
	if a.Region, err = settle(cmd, d, &values.CleverTap.account, accounts.Production); err != nil {
		return texts, err
	}
	if accounts.Sandbox != nil {
		if a.Sandbox, err = settle(cmd, d, values.CleverTap.Sandbox, *accounts.Sandbox); err != nil {
			return texts, hinted(err, "this is about the sandbox account")
		}
	}
	texts[0], err = secretText(values.CleverTap)
	return texts, err
}

// settle tries an account's credentials and writes their region into its form. A region that was named and does not answer is believed.
func settle(cmd *cobra.Command, d *doorman, form *account, a clevertap.Account) (string, error) {
	named := form.Region != ""
	says := ""
	if named {
		says = region(a.Host)
	}
	h, err := d.find(cmd.Context(), a, named)
	if err != nil {
		return "", err
	}
	problem, advice := h.verdict(says)
	switch {
	case problem == "":
		form.Region = h.region
	case named && h.silent[says] != nil:
		cmd.PrintErrf("%s; the credentials are stored untried\n", problem)
		return "", nil
	default:
		return "", findingf(advice, "%s", problem)
	}
	return form.Region, nil
}

// unusable tells what the functions would say about a secret.
func unusable(err error) error { return findingf("", "%s", faultText(err)) }

// text says what to do next.
func (a addition) text(stack string) string {
	var b strings.Builder
	if a.Region != "" {
		fmt.Fprintf(&b, "the credentials are right and belong to %s\n", a.Region)
	}
	if a.Sandbox != "" {
		fmt.Fprintf(&b, "the sandbox credentials are right and belong to %s\n", a.Sandbox)
	}
	for _, s := range a.Secrets {
		fmt.Fprintf(&b, "secret %s %s\n", s.Name, s.Done)
	}
	fmt.Fprintf(&b, `
The URL for Purchasely's console (Settings → Webhooks → Client webhook URL):

  %s

Then try it:

  bridge app check --stack %s %s
  bridge send --stack %s --app %s --sample TRIAL_STARTED
`, a.URL, stack, a.App, stack, a.App)
	return b.String()
}
