package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

type differences struct{ dropped, unknown, twice, price []Named }

// compareAccepted compares what CleverTap has accepted with what it has: the counts of every day and, where these
// differ, event by event.
func (r *run) compareAccepted(ctx context.Context) error {
	if r.Journal == nil {
		return nil
	}
	var found differences
	bar := cli.NewProgress(r.cmd, "asking CleverTap", len(r.accepted))
	defer bar.Done()
	for _, name := range slices.Sorted(maps.Keys(r.accepted)) {
		if err := r.compareEvent(ctx, name, &found); err != nil {
			return err
		}
		bar.Add(1)
	}
	r.find("dropped", "CleverTap says success and drops what the account's schema does not want. Look at Settings → "+
		"Schema and at the Error Stream in its dashboard; then send them again with 'bridge replay --journal'.",
		"Accepted by CleverTap, and not there", found.dropped)
	r.find("not_in_journal", "Their items are missing in the journal, as of a person who was erased; or somebody else "+
		"sends events of this name.",
		"At CleverTap, and not in the journal", found.unknown)
	r.find("twice", "CleverTap deduplicates nothing: a replay, or an upload whose answer was lost, is stored again.",
		"At CleverTap more than once", found.twice)
	r.find("price", "The settings were others when they were sent, or somebody has changed them at CleverTap.",
		"Of another price at CleverTap than in the webhook", found.price)
	return nil
}

// compareEvent compares one event of all days.
func (r *run) compareEvent(ctx context.Context, name string, found *differences) error {
	account := r.accounts.Production
	counts, err := r.asker.daily(ctx, account, name, "", false)
	if err != nil {
		return err
	}
	var sums map[query.Day]float64
	if name == charged {
		if sums, err = r.asker.daily(ctx, account, name, "Amount", false); err != nil {
			return err
		}
	}
	total := Event{Name: name}
	for day := r.days.from; day <= r.days.to; day = day.Next() {
		known := r.accepted[name][day]
		total.Accepted += len(known)
		total.Has += int(counts[day])
		money := moneyOf(known)
		total.Money += money.exact
		total.HasMoney += sums[day]
		if int(counts[day]) == len(known) && (sums == nil || !money.known || money.fits(sums[day])) {
			continue
		}
		rows, err := r.asker.events(ctx, account, name, day)
		if err != nil {
			return err
		}
		found.compare(name, known, rows)
		if len(rows) != int(counts[day]) {
			r.remark("CleverTap counts %d %s on %s and lists %d: its counts are late", int(counts[day]), name, day, len(rows))
		}
	}
	r.Events = append(r.Events, total)
	return nil
}

// money is what a day's purchases come to.
type money struct {
	exact, cut, rounded float64
	known               bool // of every purchase
}

func moneyOf(events map[string]event) money {
	m := money{known: true}
	for _, e := range events {
		m.exact += e.amount
		m.cut += math.Trunc(e.amount)
		m.rounded += math.Round(e.amount)
		m.known = m.known && e.amount != 0
	}
	return m
}

// fits reports whether CleverTap's sum is right. It is of whole numbers, and nobody says how they are made.
func (m money) fits(sum float64) bool {
	return sum == m.cut || sum == m.rounded || math.Abs(sum-m.exact) < 1
}

// compare compares a day's events one by one.
func (d *differences) compare(name string, known map[string]event, rows []query.Event) {
	times := make(map[string]int)
	for _, row := range rows {
		id := textOf(row.Properties["event_id"])
		n := Named{Event: name, EventID: id, At: row.At}
		e, accepted := known[id]
		times[id]++
		switch {
		case !accepted && times[id] == 1 || id == "":
			d.unknown = append(d.unknown, n)
		case times[id] == 2:
			d.twice = append(d.twice, n)
		case times[id] == 1 && name == charged && e.amount != 0 && numberOf(row.Properties["Amount"]) != e.amount:
			n.Detail = fmt.Sprintf("%v at CleverTap, %v in the webhook", numberOf(row.Properties["Amount"]), e.amount)
			d.price = append(d.price, n)
		}
	}
	for id, e := range known {
		if times[id] == 0 {
			d.dropped = append(d.dropped, Named{Event: name, EventID: id, At: e.at})
		}
	}
}

// textOf is a property's text, or the value itself if it is none.
func textOf(value jsontext.Value) string {
	if text, err := jsontext.AppendUnquote(nil, bytes.TrimSpace(value)); err == nil {
		return string(text)
	}
	return string(value)
}

// numberOf is a property's number, 0 if it is none.
func numberOf(value jsontext.Value) float64 {
	n, err := strconv.ParseFloat(textOf(value), 64)
	if err != nil {
		return 0
	}
	return n
}

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
	run := cli.Fingerprint(
		o.stack, o.app, d.from.String(), d.to.String(), d.zone.String(), o.hostedPrefix, o.hostedSecret)
	if _, err := cli.ReadCheckpoint(a.path, &a.kept, "a comparison", "name another with --checkpoint"); err != nil {
		return nil, err
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
	return counts, cli.SaveCheckpoint(a.path, a.kept)
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
