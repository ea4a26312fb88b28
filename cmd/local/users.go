package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// usersRoute is how the path of the endpoint for the back end begins.
const usersRoute = "/users/"

// signAnew signs a request of the back end with the key of this run, and now, because signatures are stale after five
// minutes. One that the fixture wants refused for its signature stays as it is.
func (s *stack) signAnew(f fixture, now time.Time) fixture {
	if f.want.Status == http.StatusUnauthorized {
		return f
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	h := hmac.New(sha256.New, s.usersKey)
	h.Write([]byte(f.header.Get("webhook-id") + "." + stamp + "." + string(f.body)))
	f.header = f.header.Clone()
	f.header.Set("webhook-timestamp", stamp)
	f.header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	return f
}

// writeSigned writes a request as it is signed now, as an event of the HTTP API.
func (f fixture) writeSigned(folder string) (file string, err error) {
	var event map[string]any
	if err := readJSON(f.file, &event); err != nil {
		return "", err
	}
	headers, _ := event["headers"].(map[string]any)
	for name := range headers {
		if value := f.header.Get(name); value != "" {
			headers[name] = value
		}
	}
	file = filepath.Join(folder, filepath.Base(f.file))
	return file, errors.Join(os.MkdirAll(folder, 0o750), writeJSON(file, event))
}

// sendUsers makes the requests of events/ as the back end does.
func (s *stack) sendUsers(ctx context.Context, requests []fixture) error {
	s.screen.heading("What your own back end says about users")
	for _, f := range requests {
		status, text, err := s.post(ctx, s.signAnew(f, time.Now()))
		if err != nil {
			return err
		}
		got := outcome{Status: status, Answer: compact(text)}
		s.screen.compare(f.name, answered(got), outcome{Status: f.want.Status, Answer: f.want.Answer}, got)
	}
	return nil
}

// answered is an answer in a line.
func answered(got outcome) string {
	var refused struct {
		Error   string `json:"error"`
		Entries []any  `json:"entries"`
	}
	switch err := json.Unmarshal([]byte(got.Answer), &refused); {
	case err != nil || refused.Error == "":
		return fmt.Sprintf("→ %d %s", got.Status, got.Answer)
	case refused.Entries != nil:
		return fmt.Sprintf("→ refused: %d %s, %d problems", got.Status, refused.Error, len(refused.Entries))
	default:
		return fmt.Sprintf("→ refused: %d %s", got.Status, refused.Error)
	}
}
