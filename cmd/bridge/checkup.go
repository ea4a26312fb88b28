package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// checked is one thing that was looked at.
type checked struct {
	What    string `json:"what"`
	Right   bool   `json:"right"`
	Note    string `json:"note,omitzero"`
	Problem string `json:"problem,omitzero"`
	Advice  string `json:"advice,omitzero"`
}

// checkup is what app check prints with --json.
type checkup struct {
	App      string    `json:"app"`
	Problems int       `json:"problems"`
	Checks   []checked `json:"checks"`
}

func (c *checkup) wrong(what, problem, advice string) {
	c.Checks = append(c.Checks, checked{What: what, Problem: problem, Advice: advice})
}

func (c *checkup) right(what, note string) {
	c.Checks = append(c.Checks, checked{What: what, Right: true, Note: note})
}

// file looks for the app in the integration file.
func (c *checkup) file(path, app string) error {
	name, _, err := readIntegrations(path)
	if err != nil {
		return err
	}
	what := "integration file " + name
	found, err := loadApp(path, app)
	f, _ := errors.AsType[*failure](err)
	switch {
	case f != nil:
		c.wrong(what, f.Error(), f.hint)
	case !found.Enabled:
		c.right(what, "the app is switched off there: nothing goes to CleverTap")
	default:
		c.right(what, "")
	}
	return nil
}

// purchasely looks at the secret that webhooks are signed with.
func (c *checkup) purchasely(ctx context.Context, s *stack, app string) error {
	name, text, err := c.secret(ctx, s, app, purchaselyPart)
	if err != nil || text == nil {
		return err
	}
	if _, err := webhook.ParseKeys(text); err != nil {
		c.wrong(name, faultText(err), `want {"shared_secret":"…"}; 'bridge app add --replace' stores it`)
		return nil
	}
	c.right(name, "")
	return nil
}

// cleverTap looks at the credentials and tries them.
func (c *checkup) cleverTap(ctx context.Context, s *stack, d *doorman, app string) error {
	name, text, err := c.secret(ctx, s, app, clevertapPart)
	if err != nil || text == nil {
		return err
	}
	accounts, err := clevertap.ParseAccounts(text)
	if err != nil {
		c.wrong(name, faultText(err), "regions are "+strings.Join(regions, ", ")+"; 'bridge app add --replace' stores the secret anew")
		return nil
	}
	if err := c.account(ctx, d, name, accounts.Production); err != nil || accounts.Sandbox == nil {
		return err
	}
	return c.account(ctx, d, name+", sandbox", *accounts.Sandbox)
}

func (c *checkup) account(ctx context.Context, d *doorman, what string, a clevertap.Account) error {
	h, err := d.find(ctx, a, true)
	if err != nil {
		return err
	}
	if problem, advice := h.verdict(region(a.Host)); problem != "" {
		c.wrong(what, problem, advice)
	} else {
		c.right(what, "CleverTap takes the credentials in "+h.region)
	}
	return nil
}

// secret reads a secret and notes if it is missing; then text is nil.
func (c *checkup) secret(ctx context.Context, s *stack, app, last string) (what string, text []byte, err error) {
	name, err := s.secretName(app, last)
	if err != nil {
		return "", nil, err
	}
	what = "secret " + name
	text, found, err := newVault(s).read(ctx, name)
	f, _ := errors.AsType[*failure](err)
	switch {
	case ctx.Err() != nil:
		return what, nil, errInterrupted
	case f != nil:
		c.wrong(what, f.Error(), f.hint)
	case !found:
		c.wrong(what, "it is missing", "'bridge app add' creates it")
	case len(text) == 0:
		c.wrong(what, "it is empty", "'bridge app add --replace' stores it anew")
	default:
		return what, text, nil
	}
	return what, nil, nil
}

// text is the list for people.
func (c *checkup) text() string {
	var b strings.Builder
	for _, one := range c.Checks {
		switch {
		case !one.Right:
			fmt.Fprintf(&b, "wrong  %s: %s\n       %s\n", one.What, one.Problem, one.Advice)
		case one.Note != "":
			fmt.Fprintf(&b, "right  %s: %s\n", one.What, one.Note)
		default:
			fmt.Fprintf(&b, "right  %s\n", one.What)
		}
	}
	fmt.Fprintf(&b, "%s: %s\n", c.App, quantity(c.Problems, "problem"))
	return b.String()
}

// faultText is the cause of a fault without the word that machines read.
func faultText(err error) string {
	if f, ok := errors.AsType[*fault.Fault](err); ok && f.Err != nil {
		return f.Err.Error()
	}
	return err.Error()
}
