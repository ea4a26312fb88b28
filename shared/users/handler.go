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

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/httpapi"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// Handler answers HTTP API events. It implements lambda.Handler. Every field is needed.
type Handler struct {
	Apps  httpapi.Apps
	Keys  httpapi.Keys[standardwebhooks.Keys]
	Table Table
	Log   *slog.Logger
}

// Invoke answers one event. Its error is always nil: API Gateway would turn a function error into a 500.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return httpapi.Serve(ctx, payload, "/users/", h.Apps, h.enter, h.refuse), nil
}

// enter checks the request of a known app, in the order that is promised, enters what it says and answers it.
func (h *Handler) enter(ctx context.Context, r httpapi.Request) ([]byte, error) {
	body, err := r.Body(MaxBody)
	if err != nil {
		return nil, err
	}
	if err := h.verify(ctx, r, body); err != nil {
		return nil, err
	}
	updates, problems := Read(body, r.Received)
	if len(problems) > 0 {
		return h.invalid(ctx, r.App, problems), nil
	}
	if _, err := Apply(ctx, h.Table, r.App, updates, r.Received); err != nil {
		return nil, err
	}
	return h.accept(ctx, r.App, updates), nil
}

// verify checks the signature. It reads no keys unless all headers are there.
func (h *Handler) verify(ctx context.Context, r httpapi.Request, body []byte) error {
	id, timestamp := r.Header(standardwebhooks.HeaderID), r.Header(standardwebhooks.HeaderTimestamp)
	signatures := r.Header(standardwebhooks.HeaderSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return fault.New(fault.Reject, fault.BadSignature, nil)
	}
	return httpapi.Verify(ctx, h.Keys, r, func(keys standardwebhooks.Keys) error {
		return keys.Verify(id, timestamp, signatures, body, r.Received)
	})
}

// refuse logs a refusal and returns its answer.
func (h *Handler) refuse(ctx context.Context, app string, f *fault.Fault) []byte {
	answer, _ := httpapi.Refuse(ctx, h.Log, "request refused", app, f)
	return answer
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
