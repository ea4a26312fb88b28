package user

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// purchaselyURL takes user deletion requests, 50 in ten minutes (docs.purchasely.com, User deletion request, November
	// 2026).
	purchaselyURL     = "https://s2s.purchasely.io/user_deletion_requests"
	purchaselyTimeout = 20 * time.Second
	apiKeyVariable    = "BRIDGE_PURCHASELY_API_KEY"
)

// purchaselyApp is how Purchasely knows an app, by a key that every copy of the app contains, and how it knows that we
// may ask.
type purchaselyApp struct {
	name, apiKey string
	shared       secret.Value
}

// findPurchaselyApps finds what the requests need, before anything is deleted.
func (e *erasure) findPurchaselyApps() error {
	for _, app := range e.apps {
		key, err := apiKey(e.cmd, app, len(e.apps) == 1)
		if err != nil {
			return err
		}
		shared, err := e.table.stack.SharedSecret(e.cmd.Context(), app)
		if err != nil {
			return err
		}
		e.purchasely = append(e.purchasely, purchaselyApp{app, strings.TrimSpace(key), shared})
	}
	return nil
}

// apiKey takes an app's key from the environment if it is the only app, or asks.
func apiKey(cmd *cobra.Command, app string, only bool) (string, error) {
	switch key := os.Getenv(apiKeyVariable); {
	case key != "" && only:
		return key, nil
	case cli.IsTerminal(cmd):
		return cli.Prompt(cmd, "Purchasely's API key of "+app+": ", true)
	case only:
		return "", cli.Usagef("set "+apiKeyVariable+"; Purchasely's console shows it", "the API key of %s is not given", app)
	default:
		return "", cli.Usagef("use a terminal, where it asks for each",
			"several apps share the CleverTap account, and each has an API key of its own")
	}
}

// askPurchasely asks for every user id of the person. Purchasely knows nobody by an anonymous id.
func (e *erasure) askPurchasely(step *eraseStep) error {
	client := &http.Client{
		Timeout: purchaselyTimeout, Transport: e.network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, app := range e.purchasely {
		for _, p := range e.people {
			if p.Kind != webhook.ByUser {
				continue
			}
			err := app.delete(e.cmd.Context(), client, p.ID)
			switch {
			case e.cmd.Context().Err() != nil:
				return cli.ErrInterrupted
			case err != nil:
				step.Left = append(step.Left, fmt.Sprintf("%s: %v", app.name, err))
			default:
				step.Count++
			}
		}
	}
	return nil
}

// delete makes one request. Its error quotes nothing of it.
func (a purchaselyApp) delete(ctx context.Context, client *http.Client, user string) error {
	body, err := json.Marshal(map[string]string{"user_id": user})
	if err != nil {
		return errors.New("the id is not UTF-8")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, purchaselyURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-API-KEY", a.apiKey)
	request.Header.Set("Authorization", webhook.Sign(a.shared, "", body)) // over the body alone
	response, err := client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // the status says everything
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
