package user

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// futureAllowed is how far a time may lie ahead: clocks differ.
const futureAllowed = time.Hour

var purchaseLines = layout{
	columns:  []string{"app", "user_id", "anonymous_user_id", "purchase_id", "active", "at", "environment"},
	required: []string{"app", "purchase_id", "active", "at"},
}

var errNoPurchase = errors.New("no purchase_id, which is purchasely_subscription_id or, without one, " +
	"store_original_transaction_id")

// purchase is one line of an export: one purchase of one user.
type purchase struct {
	app        string
	subscriber webhook.Subscriber
	sandbox    bool
	update     subscriber.Update
}

// readExport reads CSV with a header, or JSON lines. It goes on after a faulty line, so that all faults are reported
// at once, each with its line.
func readExport(text []byte, apps []string, now time.Time) (purchases []purchase, problems []string) {
	add := func(line int, fields map[string]string, err error) {
		var p purchase
		if err == nil {
			p, err = newPurchase(fields, apps, now)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", line, err))
			return
		}
		purchases = append(purchases, p)
	}
	purchaseLines.read(text, add)
	if len(purchases)+len(problems) == 0 {
		problems = []string{"there is nothing in it"}
	}
	return purchases, problems
}

func newPurchase(fields map[string]string, apps []string, now time.Time) (p purchase, err error) {
	p.app = fields["app"]
	p.subscriber = webhook.Subscriber{Kind: webhook.ByUser, ID: fields["user_id"]}
	if webhook.Absent(p.subscriber.ID) {
		p.subscriber = webhook.Subscriber{Kind: webhook.ByAnonymous, ID: fields["anonymous_user_id"]}
	}
	ms, timed := webhook.ParseTime([]byte(fields["at"]))
	u := &p.update
	u.Purchase, u.Known, u.At = fields["purchase_id"], true, time.UnixMilli(ms).UTC()
	switch {
	case !utf8.ValidString(p.app + p.subscriber.ID + u.Purchase):
		return p, errors.New("not UTF-8: save the file in that encoding")
	case !slices.Contains(apps, p.app):
		return p, fmt.Errorf("app %q is not in the integration file", p.app)
	case webhook.Absent(p.subscriber.ID):
		return p, errors.New("neither user_id nor anonymous_user_id")
	case webhook.Absent(u.Purchase):
		return p, errNoPurchase
	case !timed || ms <= 0:
		return p, fmt.Errorf("at %q is no time such as 2026-03-14T12:00:00Z", fields["at"])
	case u.At.After(now.Add(futureAllowed)):
		return p, fmt.Errorf("at %s lies in the future; it is when the purchase became what it is", fields["at"])
	}
	// An event of the same instant outranks this line, unless it says the same.
	switch strings.ToLower(fields["active"]) {
	case "true", "1", "yes":
		u.Active, u.Rank = true, subscriber.OtherGrants
	case "false", "0", "no":
	default:
		return p, fmt.Errorf("active %q is neither true nor false", fields["active"])
	}
	switch strings.ToUpper(fields["environment"]) {
	case "", "PRODUCTION":
	case "SANDBOX":
		p.sandbox = true
	default:
		return p, fmt.Errorf("environment %q is neither PRODUCTION nor SANDBOX", fields["environment"])
	}
	return p, nil
}
