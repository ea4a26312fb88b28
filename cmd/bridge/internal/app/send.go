package app

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/receiver"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

const (
	// outcomeTime is how long the outcome of a test event is waited for; one that goes through takes seconds.
	outcomeTime = 2 * time.Minute
	// readBackTime is how long CleverTap may take to show an event that it has accepted.
	readBackTime = time.Minute
	readAgain    = 5 * time.Second
)

// testDelivery is a test event on its way.
type testDelivery struct {
	*checker
	table  *dynamo.Table // nil: there is no journal, and nobody can say what became of the event
	name   string        // of the event, as Purchasely calls it
	sent   string        // as CleverTap calls it
	person string
	body   []byte
}

// checkDelivery sends an event of a made-up person, follows it to its outcome, reads it back from CleverTap, and
// deletes what can be deleted of it. It ends at the first step that the event does not pass.
func (c *checker) checkDelivery(ctx context.Context, client *receiver.Client) {
	const what = "a test event"
	if c.Problems+c.Unsure > 0 {
		c.unsure(what, "not sent, because it would stop at what is said above", "see to that first")
		return
	}
	if !c.settings.Enabled {
		c.wrong(what, "it is not sent, because the app is missing in the integration file or switched off there",
			"add it, or switch it on")
		return
	}
	d := &testDelivery{checker: c, person: "bridge-check-" + rand.Text()}
	d.table, _ = journal.Current(c.stack)
	if !d.choose() {
		d.wrong(what, "the integration file sends no event that a test could use", "send: true for one without money")
		return
	}
	begun := time.Now()
	answer, err := client.Post(ctx, d.body)
	if refusal := answer.Refusal(); err == nil && refusal != nil {
		err = refusal
	}
	if err != nil {
		d.unsure(what, err.Error(), "the one before it was accepted: try it again")
		return
	}
	d.right(what, fmt.Sprintf("%s of the made-up user %s was queued", d.name, d.person))
	if d.follow(ctx, begun) {
		d.readBack(ctx)
		d.cleanUp(ctx)
	}
}

// choose makes the webhook: of an event that the settings send, and that no money is counted for.
func (d *testDelivery) choose() bool {
	app, catalogue := d.settings, webhook.EmbeddedCatalogue()
	usable := func(name string) bool {
		t := catalogue.Event([]byte(name))
		return t != nil && t.Known() && !t.Money && app.Event([]byte(name)).Send
	}
	names := append([]string{"TRIAL_STARTED"}, app.EventNames()...)
	i := slices.IndexFunc(names, usable)
	if i < 0 {
		return false
	}
	d.name, d.sent = names[i], app.Event([]byte(names[i])).Name
	body := sample.Webhook(catalogue.Event([]byte(d.name)), mathrand.Uint64()) //nolint:gosec // values of a sample
	for _, change := range [...][2]string{
		{"event_id", "check-" + rand.Text()}, {"user_id", d.person}, {"anonymous_user_id", ""},
		{"event_created_at", time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}, {"environment", "PRODUCTION"},
	} {
		body = sample.Change(body, change[0], change[1])
	}
	d.body = body
	return true
}

// follow waits for the outcome, and reports whether the event was delivered.
func (d *testDelivery) follow(ctx context.Context, begun time.Time) bool {
	const what = "its outcome"
	erase := fmt.Sprintf("'bridge user erase --app %s --user %s' deletes what there is of it later", d.App, d.person)
	if d.table == nil {
		d.unsure(what, "the stack has no journal, which would tell it", "Subscribers=on and Journal=on; "+erase)
		return false
	}
	waiting, cancel := context.WithTimeout(ctx, outcomeTime)
	defer cancel()
	entry, err := journal.Follow(waiting, d.table, d.App, d.body, begun, func(journal.Entry) {})
	switch {
	case err != nil:
		d.unsure(what, stack.Explain(err).Error(), erase)
	case entry == nil:
		d.unsure(what, "the journal has none after "+outcomeTime.String(),
			"'bridge status' says what waits, and the forwarder's log why; "+erase)
	case entry.Outcome == forward.Delivered.String():
		d.right(what, fmt.Sprintf("delivered, %s after it was sent", entry.Settled.Sub(begun).Round(time.Second)))
		return true
	case entry.Outcome == forward.Retried.String():
		d.unsure(what, "still on its way, because "+journal.Because(entry.Reason, entry.Code), erase)
	default:
		d.wrong(what, entry.Outcome+", because "+journal.Because(entry.Reason, entry.Code),
			"docs/guide/delivery.md says what to do about it; "+erase)
	}
	return false
}

func (d *testDelivery) readBack(ctx context.Context) {
	what := d.sent + " at CleverTap"
	begun := time.Now()
	for {
		profile, err := d.reader.Profile(ctx, d.account, d.person)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && fault.Of(err).Kind == fault.Operator:
			d.unsure(what, "the account's credentials may upload, and not read", "look for it in CleverTap's dashboard")
			return
		case err == nil && profile != nil && profile.Events[d.sent] > 0:
			d.right(what, fmt.Sprintf("its profile shows the event, %s later", time.Since(begun).Round(time.Second)))
			return
		case time.Since(begun) < readBackTime:
		case err != nil:
			d.unsure(what, err.Error(), "look for it in CleverTap's dashboard")
			return
		default:
			d.wrong(what, "CleverTap has accepted it and does not show it after "+readBackTime.String(),
				"its Error Stream says whether the account's schema drops it (Settings → Schema)")
			return
		}
		_ = cli.Pause(ctx, readAgain) // the next look says that it was interrupted
	}
}

// cleanUp deletes the profile and the items of the table, and says what stays.
func (d *testDelivery) cleanUp(ctx context.Context) {
	const what = "what the test leaves"
	if err := d.uploader.DeleteProfile(ctx, d.account, clevertap.ProfileIdentity, d.person); err != nil {
		d.unsure(what, "the profile "+d.person+" could not be deleted: "+string(fault.Of(err).Reason),
			"delete it in CleverTap's dashboard")
		return
	}
	for e, err := range d.table.Partition(ctx, subscriber.Partition(webhook.ByUser.String(), d.person), "") {
		if err == nil {
			_, err = d.table.Delete(ctx, e.Key)
		}
		if err != nil {
			d.unsure(what, stack.Explain(err).Error(), "its items in the subscribers table expire by themselves")
			return
		}
	}
	d.right(what, "profile and journal are deleted; the event's name in CleverTap's schema stays, its counts in "+
		"CloudWatch, and what your own back end was passed")
}
