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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// usersRoute is how the path of the endpoint for the back end begins.
const usersRoute = "/users/"

// The people of events/users-links.json and events/users-suppress.json.
const (
	linkedUser     = "5D0F2C81-7A36-4E9B-B1C4-92E6A8D30F57"
	linkedProfile  = "__g5d0f2c817a36"
	suppressedUser = "learner-31008"
)

// createUsersKey makes what the demo app's own back end signs with, as an operator does.
func (s *stack) createUsersKey(ctx context.Context) error {
	var added struct {
		Key string `json:"signing_secret"`
	}
	if err := s.shellJSON(ctx, "bridge app add --stack "+documented+" --users-secret --json demo", &added); err != nil {
		return err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(added.Key, "whsec_"))
	s.usersKey = key
	return err
}

// shellJSON runs a command and reads the last line that it shows.
func (s *stack) shellJSON(ctx context.Context, line string, into any) error {
	shown, exit, err := s.shell(ctx, line, "")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	if exit != 0 || json.Unmarshal([]byte(lines[len(lines)-1]), into) != nil {
		return fmt.Errorf("%s ends with exit code %d:\n%s", line, exit, shown)
	}
	return nil
}

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
	text, err := os.ReadFile(f.file)
	if err != nil {
		return "", err
	}
	var event map[string]any
	if err := json.Unmarshal(text, &event); err != nil {
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

// sendUsers makes the requests of events/ as the back end does, and returns how many answers are wrong.
func sendUsers(ctx context.Context, s *stack, requests []fixture, screen *screen) (failed int, err error) {
	screen.heading("What your own back end says about users")
	for _, f := range requests {
		f = s.signAnew(f, time.Now())
		var got outcome
		var text []byte
		if got.Status, text, err = s.post(ctx, f); err != nil {
			return failed, err
		}
		got.Answer = compact(text)
		difference := cmp.Diff([]any{f.want.Status, f.want.Answer}, []any{got.Status, got.Answer})
		screen.result(f.name, answered(got), difference == "")
		if difference != "" {
			failed++
			screen.block(red, "- wanted, + got\n"+difference)
		}
	}
	return failed, nil
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

// checkLink sends the webhook of an anonymous buyer whom events/users-links.json links.
func checkLink(ctx context.Context, s *stack) (came string, err error) {
	if _, err := s.sendSample(ctx, "--set user_id= --set anonymous_user_id="+linkedUser); err != nil {
		return "", err
	}
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		records, err := s.clevertap.records(ctx)
		return slices.ContainsFunc(records, func(r record) bool { return r.ID == linkedProfile }), err
	})
	return "an anonymous renewal → profile " + linkedProfile, err
}

// checkSuppression sends the webhook of somebody whom events/users-suppress.json has left alone.
func checkSuppression(ctx context.Context, s *stack) (came string, err error) {
	eventID, err := s.sendSample(ctx, "--set user_id="+suppressedUser)
	if err != nil {
		return "", err
	}
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		lines, err := s.aws.forwarderLog(ctx)
		return slices.ContainsFunc(lines, func(l logLine) bool {
			return l.EventID == eventID && l.Outcome == "skipped" && l.Reason == "suppressed"
		}), err
	})
	records, asked := s.clevertap.records(ctx)
	if slices.ContainsFunc(records, func(r record) bool { return r.ID == suppressedUser }) {
		err = errors.New("CleverTap has a record of a suppressed user")
	}
	return "a renewal → skipped: suppressed", errors.Join(err, asked)
}

// sendSample sends a made-up webhook, and returns its event id.
func (s *stack) sendSample(ctx context.Context, set string) (eventID string, err error) {
	var sent struct {
		EventID string `json:"event_id"`
	}
	line := "bridge send --stack " + documented + " --app demo --sample SUBSCRIPTION_RENEWED --json " + set
	err = s.shellJSON(ctx, line, &sent)
	return sent.EventID, err
}

// usersFixtures reads the requests of the back end.
func usersFixtures(folder string) (requests []fixture, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "users-*.want.json"))
	for _, file := range files {
		f, err := loadFixture(strings.TrimSuffix(file, ".want.json"))
		if err != nil {
			return nil, fmt.Errorf("fixture %s: %w", file, err)
		}
		requests = append(requests, f)
	}
	return requests, err
}
