package subscriber

import "time"

// BreakersPartition holds the breakers of all apps: they are few, and written only when one opens or closes. No
// person's partition has this name.
const BreakersPartition = "breakers"

const (
	// openLifetime is how long an open breaker counts after its next try is due. Messages come back within a quarter of
	// an hour, and then the breaker is closed or written anew, unless the process that opened it is gone.
	openLifetime = 20 * time.Minute
	// closedLifetime is how long a closed breaker is remembered.
	closedLifetime = 24 * time.Hour
)

// Breaker is why an app's messages wait for an account. Every forwarder has breakers of its own: this is what the one
// says that opened or closed its breaker last.
type Breaker struct {
	App     string
	Account string // host and id
	Reason  string
	Code    string    // the vendor's number, where there is one
	Opened  time.Time // when the account was first left alone
	Until   time.Time // when it is tried again
	Closed  time.Time // zero: it is open
}

// BreakerKey is the key of an app's breaker for an account.
func BreakerKey(app, account string) Key {
	return Key{BreakersPartition, BreakerPrefix + app + "#" + account}
}

// Item is the breaker as the table has it.
func (b Breaker) Item() Item {
	i := Item{
		"app": b.App, "account": b.Account, "reason": b.Reason,
		"opened": b.Opened.UnixMilli(), "until": b.Until.UnixMilli(),
	}
	if b.Code != "" {
		i["code"] = b.Code
	}
	if b.Closed.IsZero() {
		i.expireAfter(b.Until, openLifetime)
	} else {
		i["closed"] = b.Closed.UnixMilli()
		i.expireAfter(b.Closed, closedLifetime)
	}
	return i
}

// ReadBreaker reads an item. What is missing or of another type stays empty.
func ReadBreaker(i Item) Breaker {
	return Breaker{
		App: i.Text("app"), Account: i.Text("account"), Reason: i.Text("reason"), Code: i.Text("code"),
		Opened: i.milliseconds("opened"), Until: i.milliseconds("until"), Closed: i.milliseconds("closed"),
	}
}
