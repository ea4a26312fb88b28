// Package users takes what a company's own back end says about the people of an app: that somebody has a CleverTap
// ID, that nothing may be sent about somebody any more, or that it may again.
//
// It promises that a request is entered as a whole or, if an entry is wrong, not at all; that of two things said
// about one person the one that was observed later counts, whichever arrives first; and that the answer is the same
// for people who are known and who are not. No id reaches a log line, an error or an answer. It sends nothing to
// CleverTap.
package users

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/httpapi"
	"github.com/purchasely-clevertap/bridge/shared/metric"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// route is the path before the app's name.
const route = "/users/"

// Handler answers HTTP API events. It implements lambda.Handler. Every field is needed.
type Handler struct {
	Apps  httpapi.Apps
	Keys  httpapi.Keys[standardwebhooks.Keys]
	Table Table
	Log   *slog.Logger
}

// Invoke answers one event. Its error is always nil: API Gateway would turn a function error into a 500.
func (h *Handler) Invoke(ctx context.Context, payload []byte) (answer []byte, _ error) {
	received := time.Now()
	ctx, cancel := httpapi.WithDeadline(ctx, received)
	defer cancel()
	app := metric.UnknownApp
	defer func() {
		if p := recover(); p != nil {
			answer = h.refuse(ctx, app, fault.Panicked(fault.Retry, p))
		}
	}()
	r, app, err := httpapi.Open(ctx, payload, route, h.Apps)
	if err != nil {
		return h.refuse(ctx, app, fault.Of(err)), nil
	}
	body, err := h.verified(ctx, app, r, received)
	if err != nil {
		return h.refuse(ctx, app, fault.Of(err)), nil
	}
	updates, problems := Read(body, received)
	if len(problems) > 0 {
		return h.invalid(ctx, app, problems), nil
	}
	if _, err := Apply(ctx, h.Table, app, updates, received); err != nil {
		return h.refuse(ctx, app, fault.Of(err)), nil
	}
	return h.accept(ctx, app, updates), nil
}

// verified returns the body of a request if it is signed. It reads no keys unless all headers are there.
func (h *Handler) verified(ctx context.Context, app string, r httpapi.Request, received time.Time) ([]byte, error) {
	body, err := r.Body(MaxBody)
	if err != nil {
		return nil, err
	}
	id, timestamp := r.Header(standardwebhooks.HeaderID), r.Header(standardwebhooks.HeaderTimestamp)
	signatures := r.Header(standardwebhooks.HeaderSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return nil, fault.New(fault.Reject, fault.BadSignature, nil)
	}
	return body, httpapi.Verify(ctx, h.Keys, app, received, func(keys standardwebhooks.Keys) error {
		return keys.Verify(id, timestamp, signatures, body, received)
	})
}

// refuse logs a refusal and returns its answer. The exact reason is in the log only.
func (h *Handler) refuse(ctx context.Context, app string, f *fault.Fault) []byte {
	status, reason := httpapi.Refusal(f)
	f.Log(ctx, h.Log, "request refused",
		slog.String("app", app), slog.String("reason", string(f.Reason)), slog.Int("status", status))
	return httpapi.Word(status, "error", reason)
}

// invalid answers a request with wrong entries.
func (h *Handler) invalid(ctx context.Context, app string, problems []Problem) []byte {
	const status = http.StatusUnprocessableEntity
	h.Log.ErrorContext(ctx, "request refused",
		"app", app, "reason", fault.Invalid, "status", status, "problems", len(problems))
	return write(status, struct {
		Error   fault.Reason `json:"error"`
		Entries []Problem    `json:"entries"`
	}{fault.Invalid, problems})
}

// accept answers a request that was entered.
func (h *Handler) accept(ctx context.Context, app string, updates []Update) []byte {
	var count struct {
		Links      int `json:"links"`
		Suppressed int `json:"suppressed"`
		Restored   int `json:"restored"`
	}
	for _, u := range updates {
		switch u.Action {
		case Link:
			count.Links++
		case Suppress:
			count.Suppressed++
		case Restore:
			count.Restored++
		}
	}
	h.Log.InfoContext(ctx, "request accepted", "app", app, "status", http.StatusOK,
		"links", count.Links, "suppressed", count.Suppressed, "restored", count.Restored)
	return write(http.StatusOK, count)
}

// write is an answer with a value of ours.
func write(status int, value any) []byte {
	body, err := json.Marshal(value)
	if err != nil { // numbers and texts of ours
		panic(err)
	}
	return httpapi.Answer(status, string(body))
}
