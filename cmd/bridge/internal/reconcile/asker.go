package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// maxAge is for how long an answer of an interrupted run counts.
const maxAge = 6 * time.Hour

// asker asks CleverTap, and keeps counts in a file until the end, so that an interrupted run can go on. Events, which
// are personal data, are in no file.
type asker struct {
	client *query.Client
	days   days
	path   string
	kept   struct {
		Run     string                           `json:"run"` // a fingerprint of the flags
		Begun   time.Time                        `json:"begun"`
		Answers map[string]map[query.Day]float64 `json:"answers"`
	}
}

func newAsker(o *options, d days) (*asker, error) {
	client, err := stack.CleverTapReader(o.network)
	if err != nil {
		return nil, err
	}
	a := &asker{client: client, days: d, path: o.checkpoint}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		o.stack, o.app, d.from.String(), d.to.String(), d.zone.String(), o.hostedPrefix, o.hostedSecret,
	}, "\n")))
	run := hex.EncodeToString(sum[:8])
	if text, err := os.ReadFile(a.path); err == nil { //nolint:gosec // the user names the file
		_ = json.Unmarshal(text, &a.kept) // what is no such file is begun anew
	}
	if a.kept.Run != run || time.Since(a.kept.Begun) > maxAge || a.kept.Answers == nil {
		a.kept.Run, a.kept.Begun, a.kept.Answers = run, time.Now().UTC(), make(map[string]map[query.Day]float64)
	}
	return a, nil
}

// daily returns how often an event happened at an account on each day; with a property, its sums. An event that
// CleverTap does not know has not happened. again makes it another question than before.
func (a *asker) daily(
	ctx context.Context, at clevertap.Account, name, sum string, again bool,
) (map[query.Day]float64, error) {
	key := fmt.Sprintf("%s %s %s %t", at.ID, name, sum, again)
	if counts, known := a.kept.Answers[key]; known {
		return counts, nil
	}
	q := query.Question{Event: name, From: a.days.from, To: a.days.to}
	counts, err := a.client.Daily(ctx, at, q, sum)
	switch {
	case errors.Is(err, query.ErrRefused):
		counts = map[query.Day]float64{}
	case err != nil:
		return nil, explained(err)
	}
	a.kept.Answers[key] = counts
	text, err := json.Marshal(a.kept)
	if err == nil {
		err = os.WriteFile(a.path, text, 0o600)
	}
	if err != nil {
		return nil, cli.Findingf("name another file with --checkpoint", "checkpoint: %w", err)
	}
	return counts, nil
}

// events returns the events of a name on a day.
func (a *asker) events(ctx context.Context, at clevertap.Account, name string, day query.Day) ([]query.Event, error) {
	var rows []query.Event
	for row, err := range a.client.Events(ctx, at, query.Question{Event: name, From: day, To: day}, a.days.zone) {
		if errors.Is(err, query.ErrRefused) {
			return nil, nil
		}
		if err != nil {
			return nil, explained(err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// forget removes the file. One that stays does no harm.
func (a *asker) forget() { _ = os.Remove(a.path) }

// explained is an error of CleverTap's for people.
func explained(err error) error {
	hint := "try it again later"
	if fault.Of(err).Kind == fault.Operator {
		hint = "'bridge app check' says what is wrong with the credentials"
	}
	return cli.Findingf(hint, "%w", err)
}
