// Package heartbeat sends a signed event of the bridge's own for every app to the URL that Purchasely calls, to see
// that webhooks would be taken.
//
// It promises one heartbeat for each enabled app, an error that names the apps whose heartbeat was not taken, and an
// end before its deadline whatever hangs. What becomes of a heartbeat behind the URL is for the forwarder to count. It
// repeats nothing: the next one is due in minutes.
package heartbeat

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/network"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// answerTimeout is how long Purchasely waits for an answer (docs.purchasely.com, webhook, November 2026).
	answerTimeout = 10 * time.Second
	// atOnce is how many heartbeats are under way at a time.
	atOnce = 20
	// maxAnswer bounds what is read of an answer; the receiver's are under 100 bytes.
	maxAnswer = 4096
)

// Keys returns what an app's webhooks are signed with. Its errors are marked faults.
type Keys interface {
	Get(ctx context.Context, app string) (webhook.Keys, error)
}

// Handler sends heartbeats. It implements lambda.Handler.
type Handler struct {
	Settings *settings.Store[*integration.File]
	Keys     Keys
	URL      string // of the receiver, with {app} in it
	Network  http.RoundTripper
	Log      *slog.Logger
}

// Invoke sends a heartbeat for every enabled app, whatever the payload says. The error names the apps whose heartbeat
// was not taken: AWS counts it, and an alarm looks at that.
func (h *Handler) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	begun := time.Now()
	current, err := h.Settings.Require(ctx)
	if err != nil {
		return nil, err
	}
	wait := h.Settings.Begin(ctx)
	var apps []string
	for name, app := range current.Value.Apps {
		if app.Enabled {
			apps = append(apps, name)
		}
	}
	slices.Sort(apps)
	failed := h.sendAll(ctx, apps)
	wait()
	h.Log.InfoContext(ctx, "heartbeats", "received", len(apps), "delivered", len(apps)-len(failed),
		"duration", time.Since(begun).Milliseconds(), "settings", current.Name)
	if len(failed) > 0 {
		return nil, fmt.Errorf("heartbeats not taken: %s", strings.Join(failed, ", "))
	}
	return []byte("null"), nil
}

// sendAll sends a heartbeat for each app and returns those whose heartbeat was not taken.
func (h *Handler) sendAll(ctx context.Context, apps []string) (failed []string) {
	errs := make([]error, len(apps))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, app := range apps {
		all.Go(func() error {
			defer fault.Recover(&errs[i])
			errs[i] = h.send(ctx, app)
			return nil
		})
	}
	_ = all.Wait() // each app has an error of its own
	for i, app := range apps {
		if f := fault.Of(errs[i]); f != nil {
			failed = append(failed, app)
			f.Log(ctx, h.Log, "heartbeat not taken", slog.String("app", app), slog.String("reason", string(f.Reason)))
		}
	}
	return failed
}

// send signs a heartbeat as Purchasely signs its webhooks, and posts it.
func (h *Handler) send(ctx context.Context, app string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	keys, err := h.Keys.Get(ctx, app)
	if err != nil {
		return err
	}
	now := time.Now()
	body := fmt.Appendf(nil, `{"event_name":%q,"event_id":%q,"event_created_at_ms":%d}`,
		webhook.Heartbeat, "heartbeat-"+rand.Text(), now.UnixMilli())
	target := strings.ReplaceAll(h.URL, "{app}", app)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Operator, fault.Network, errors.New("the receiver's URL cannot be used"))
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Purchasely-Timestamp", timestamp)
	request.Header.Set("X-Purchasely-Request-Signature", keys.Sign(timestamp, body))
	response, err := h.Network.RoundTrip(request) // no redirect is followed, as Purchasely may not follow one
	if err != nil {
		return fault.New(fault.Retry, fault.Network, network.Cause(err))
	}
	defer func() { _ = response.Body.Close() }()
	return verdict(response)
}

// verdict is nil for 200, which alone Purchasely takes as an acknowledgement.
func verdict(response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	reason := fault.Unavailable
	var answer struct {
		Error fault.Reason `json:"error"`
	}
	err := json.UnmarshalRead(io.LimitReader(response.Body, maxAnswer), &answer)
	if err == nil && (answer.Error == fault.UnknownApp || answer.Error == fault.Unauthorized) {
		reason = answer.Error
	}
	code := strconv.Itoa(response.StatusCode)
	return &fault.Fault{Kind: fault.Operator, Reason: reason, Code: code, Err: errors.New("the URL answers " + code)}
}
