package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tryAll tries what concerns the whole stack when all webhooks have arrived, and shows in a line what came of each.
func (s *stack) tryAll(ctx context.Context, sent []fixture) {
	s.screen.heading("The whole stack")
	try := func(name string, check func(context.Context) (came string, err error)) {
		came, err := check(ctx)
		if err == nil {
			s.screen.result(name, came, true)
			return
		}
		s.screen.result(name, "failed", false)
		s.screen.block(red, err.Error())
	}
	try("bridge app check", s.checkApp)
	if s.backEnd != nil {
		try("your own back end", func(ctx context.Context) (string, error) { return s.backEnd.check(ctx, sent) })
	}
	if s.clevertap != nil && s.options.mode == modeRun { // events/users-*.json have been sent
		try("a linked user", s.checkLink)
		try("a suppressed user", s.checkSuppression)
	}
	if s.clevertap != nil && s.options.mode != modeInvoke {
		try("a rename by settings put", s.checkRename)
		try("a faulty file in the bucket", s.checkFaultySettings)
	}
	if s.options.beats() {
		try("a heartbeat of the schedule", s.checkHeartbeat)
	}
}

// checkApp asks the tool whether the app's secrets are right, which is what an operator asks first, and whether an
// event goes the whole way. A real account has no test events.
func (s *stack) checkApp(ctx context.Context) (came string, err error) {
	line := "bridge app check --stack " + documented
	if s.clevertap != nil {
		line += " --send"
	}
	shown, err := s.command(ctx, line+" demo", "")
	return shown[strings.LastIndex(shown, "\n")+1:], err
}

// The people of events/users-links.json and events/users-suppress.json.
const (
	linkedUser     = "5D0F2C81-7A36-4E9B-B1C4-92E6A8D30F57"
	linkedProfile  = "__g5d0f2c817a36"
	suppressedUser = "learner-31008"
)

// checkLink sends the webhook of an anonymous buyer whom events/users-links.json links.
func (s *stack) checkLink(ctx context.Context) (came string, err error) {
	if _, err := s.sendRenewal(ctx, "--set user_id= --set anonymous_user_id="+linkedUser); err != nil {
		return "", err
	}
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		return s.hasRecord(ctx, func(r record) bool { return r.ID == linkedProfile })
	})
	return "an anonymous renewal → profile " + linkedProfile, err
}

// checkSuppression sends the webhook of somebody whom events/users-suppress.json has left alone.
func (s *stack) checkSuppression(ctx context.Context) (came string, err error) {
	eventID, err := s.sendRenewal(ctx, "--set user_id="+suppressedUser)
	if err != nil {
		return "", err
	}
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		return s.hasLogged(ctx, func(l logLine) bool {
			return l.EventID == eventID && l.Outcome == "skipped" && l.Reason == "suppressed"
		})
	})
	if err != nil {
		return "", err
	}
	arrived, err := s.hasRecord(ctx, func(r record) bool { return r.ID == suppressedUser })
	if arrived {
		err = errors.New("CleverTap has a record of a suppressed user")
	}
	return "a renewal → skipped: suppressed", err
}

// renewalsName is what renewals are called while the run goes on.
const renewalsName = "Subscription Renewed"

// checkRename gives renewals another name, as a marketer does, and sends renewals until one arrives under it.
func (s *stack) checkRename(ctx context.Context) (came string, err error) {
	const events, renamed = "      events:\n", "renamed.yaml"
	text, err := os.ReadFile(usedFile)
	if err != nil {
		return "", err
	}
	renewals := "        SUBSCRIPTION_RENEWED: {name: " + renewalsName + "}\n"
	text = bytes.Replace(text, []byte(events), []byte(events+renewals), 1)
	if err := os.WriteFile(filepath.Join(shellFolder, renamed), text, 0o600); err != nil {
		return "", err
	}
	begun := time.Now()
	_, err = s.command(ctx, "bridge settings put --stack "+documented+" --file "+renamed+" --yes -m rename", "")
	if err != nil {
		return "", err
	}
	err = s.renewUntil(ctx, func() (bool, error) {
		return s.hasRecord(ctx, func(r record) bool { return r.Name == renewalsName })
	})
	return fmt.Sprintf("renewals → %q, %s later", renewalsName, seconds(time.Since(begun))), err
}

// checkFaultySettings writes a faulty file past the tool, and wants it to ring and to change nothing. Then it rolls
// back.
func (s *stack) checkFaultySettings(ctx context.Context) (came string, err error) {
	if err := s.python(ctx, nil, "spoil"); err != nil {
		return "", err
	}
	err = s.renewUntil(ctx, func() (bool, error) {
		shown, _, err := s.shell(ctx, "bridge status --stack "+documented, "")
		return strings.Contains(shown, "SettingsRejectedAlarm"), err
	})
	if err != nil {
		return "", err
	}
	eventID, err := s.sendRenewal(ctx, "")
	if err != nil {
		return "", err
	}
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		return s.hasRecord(ctx, func(r record) bool { return r.EventID == eventID && r.Name == renewalsName })
	})
	if err != nil {
		return "", fmt.Errorf("a renewal does not arrive as %q: %w", renewalsName, err)
	}
	shown, exit, err := s.shell(ctx, "bridge settings show --stack "+documented, "")
	if err != nil {
		return "", err
	}
	if exit != 1 || !strings.Contains(shown, "is faulty and does not count") {
		return "", fmt.Errorf("bridge settings show ends with exit code %d:\n%s", exit, shown)
	}
	return "its alarm rings, renewals keep their name", s.putSettings(ctx)
}

// checkHeartbeat waits until the schedule has sent one that came through, which takes it a minute.
func (s *stack) checkHeartbeat(ctx context.Context) (came string, err error) {
	begun := time.Now()
	err = poll(ctx, 90*time.Second, func() (bool, error) {
		return s.hasLogged(ctx, func(l logLine) bool { return l.App == "demo" && l.HeartbeatOk == 1 })
	})
	return fmt.Sprintf("came through, %s later", seconds(time.Since(begun))), err
}

// hasRecord reports whether CleverTap has such a record.
func (s *stack) hasRecord(ctx context.Context, such func(record) bool) (bool, error) {
	records, err := s.clevertap.records(ctx)
	return slices.ContainsFunc(records, such), err
}

// hasLogged reports whether the forwarder has logged such a line.
func (s *stack) hasLogged(ctx context.Context, such func(logLine) bool) (bool, error) {
	lines, err := s.aws.forwarderLog(ctx)
	return slices.ContainsFunc(lines, such), err
}

// renewUntil sends a renewal every two seconds until something has happened, for which the settings' refresh and some
// webhooks are enough.
func (s *stack) renewUntil(ctx context.Context, happened func() (bool, error)) error {
	var sent time.Time
	return poll(ctx, 30*time.Second, func() (bool, error) {
		if time.Since(sent) > 2*time.Second {
			sent = time.Now()
			if _, err := s.sendRenewal(ctx, ""); err != nil {
				return false, err
			}
		}
		return happened()
	})
}

// sendRenewal sends a made-up webhook, and returns its event id.
func (s *stack) sendRenewal(ctx context.Context, set string) (eventID string, err error) {
	var sent struct {
		EventID string `json:"event_id"`
	}
	line := "bridge send --stack " + documented + " --app demo --sample SUBSCRIPTION_RENEWED --json " + set
	err = s.commandJSON(ctx, line, &sent)
	return sent.EventID, err
}
