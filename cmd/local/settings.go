package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// settingsRefresh is how soon a run's forwarder notices a change. It waits a minute by default.
	settingsRefresh = "2s"
	// renewalsName is what renewals are called while the run goes on.
	renewalsName = "Subscription Renewed"
	renamedFile  = "renamed.yaml"
	// settingsTimeout is how soon a rename must arrive: the forwarder's interval and some webhooks.
	settingsTimeout = 30 * time.Second
)

// putSettings puts the fixtures' file in force, which is built in, too.
func (s *stack) putSettings(ctx context.Context) error {
	return s.settingsCommand(ctx, "put --file integrations.yaml --yes -m fixtures")
}

func (s *stack) settingsCommand(ctx context.Context, arguments string) error {
	shown, exit, err := s.shell(ctx, "bridge settings "+arguments+" --stack "+documented, "")
	if err == nil && exit != 0 {
		err = fmt.Errorf("bridge settings %s ends with exit code %d:\n%s", arguments, exit, shown)
	}
	return err
}

// checkRename gives renewals another name, as a marketer does, and sends renewals until one arrives under it.
func checkRename(ctx context.Context, s *stack) (came string, err error) {
	text, err := os.ReadFile(filepath.Join(shellFolder, "integrations.yaml"))
	if err != nil {
		return "", err
	}
	const events = "      events:\n"
	renamed := strings.Replace(string(text), events, events+"        SUBSCRIPTION_RENEWED: {name: "+renewalsName+"}\n", 1)
	if err := os.WriteFile(filepath.Join(shellFolder, renamedFile), []byte(renamed), 0o600); err != nil {
		return "", err
	}
	begun := time.Now()
	if err := s.settingsCommand(ctx, "put --file "+renamedFile+" --yes -m rename"); err != nil {
		return "", err
	}
	err = s.renewUntil(ctx, func() (bool, error) {
		records, err := s.clevertap.records(ctx)
		return slices.ContainsFunc(records, func(r record) bool { return r.Name == renewalsName }), err
	})
	return fmt.Sprintf("renewals → %q, %s later", renewalsName, seconds(time.Since(begun))), err
}

// checkFaultySettings writes a faulty file past the tool, and wants it to ring and to change nothing. Then it rolls
// back.
func checkFaultySettings(ctx context.Context, s *stack) (came string, err error) {
	if s.options.Once { // Else the alarms have their metrics anyway.
		within, cancel := context.WithCancel(ctx)
		defer cancel()
		go s.aws.feedMetrics(within)
	}
	if err := s.python(ctx, &struct{}{}, "spoil"); err != nil {
		return "", err
	}
	err = s.renewUntil(ctx, func() (bool, error) {
		shown, _, err := s.shell(ctx, "bridge status --stack "+documented, "")
		return strings.Contains(shown, "SettingsRejectedAlarm"), err
	})
	if err != nil {
		return "", err
	}
	before, err := s.clevertap.records(ctx)
	if err != nil {
		return "", err
	}
	if _, err := s.sendSample(ctx, ""); err != nil {
		return "", err
	}
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		records, err := s.clevertap.records(ctx)
		later := records[min(len(before), len(records)):]
		i := slices.IndexFunc(later, func(r record) bool { return r.EventID != "" })
		if i >= 0 && later[i].Name != renewalsName {
			err = errors.Join(err, fmt.Errorf("a renewal arrives as %q", later[i].Name))
		}
		return i >= 0, err
	})
	if err != nil {
		return "", err
	}
	shown, exit, err := s.shell(ctx, "bridge settings show --stack "+documented, "")
	if err != nil || exit != 1 || !strings.Contains(shown, "is faulty and does not count") {
		return "", errors.Join(err, fmt.Errorf("bridge settings show ends with exit code %d:\n%s", exit, shown))
	}
	return "its alarm rings, renewals keep their name", s.putSettings(ctx)
}

// renewUntil sends a renewal every two seconds until something has happened.
func (s *stack) renewUntil(ctx context.Context, happened func() (bool, error)) error {
	var sent time.Time
	return poll(ctx, settingsTimeout, func() (bool, error) {
		if time.Since(sent) > 2*time.Second {
			sent = time.Now()
			if _, err := s.sendSample(ctx, ""); err != nil {
				return false, err
			}
		}
		return happened()
	})
}
