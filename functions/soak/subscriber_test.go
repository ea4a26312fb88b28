//go:build soak

package soak_test

import "fmt"

// subscriber is one user, and the webhooks that the receiver has taken for them, in order.
type subscriber struct {
	id        string
	app       string // of a plain subscriber; an odd one has webhooks of all apps
	purchases int    // that a plain subscriber has: one or two
	written   int    // webhooks made up so far
	taken     []*sent
	active    [2]bool      // which of them are, by the webhooks made up so far
	states    []plainState // what a plain subscriber's webhooks say, in order
}

// plainState is what a plain webhook makes of its subscriber's profile.
type plainState struct {
	plan   string // unique to the webhook
	active bool   // whether either purchase is
}

// circle is how many subscribers of a kind a worker writes about at a time: few, so that several webhooks of one are under way together.
const circle = 8

// person gives one of the subscribers of a kind, or now and then a new one.
func (a *author) person(app string) *subscriber {
	var known []*subscriber
	for _, h := range a.people {
		if h.app == app {
			known = append(known, h)
		}
	}
	known = known[max(0, len(known)-circle):]
	if len(known) < circle || a.dice.IntN(circle) == 0 {
		h := &subscriber{id: fmt.Sprintf("%s-%d-%d", personal, a.worker, len(a.people)), app: app, purchases: 1 + a.dice.IntN(2)}
		a.people = append(a.people, h)
		return h
	}
	return oneOf(a.dice, known...)
}

func (a *author) odd() *subscriber { return a.person("") }

// plain makes a webhook of a subscriber. All have the same attributes, so that the last one decides.
func (a *author) plain() *sent {
	h := a.person(oneOf(a.dice, "parla", "duet", "solo"))
	h.written++
	n, purchase := a.number(), a.dice.IntN(h.purchases)
	name, status, active := "SUBSCRIPTION_RENEWED", "AUTO_RENEWING", true
	switch a.dice.IntN(4) {
	case 0:
		name, status, active = "SUBSCRIPTION_TERMINATED", "DEACTIVATED", false
		if a.dice.IntN(2) == 0 {
			name = "DEACTIVATE"
		}
	case 1:
		name = "ACTIVATE"
	}
	h.active[purchase] = active
	h.states = append(h.states, plainState{fmt.Sprintf("plan-%d", n), h.active[0] || h.active[1]})
	body := fmt.Sprintf(`{"api_version":3,"event_name":%q,"event_id":"plain-%d","event_created_at_ms":%d,"user_id":%q,"environment":"PRODUCTION",`+
		`"purchase_type":"RENEWING_SUBSCRIPTION","purchasely_subscription_id":"subs_%s_%d","subscription_status":%q,"plan":"plan-%d",`+
		`"store":"APPLE_APP_STORE","padding":%q}`, name, n, a.time(h), h.id, h.id, purchase, status, n, padding[:a.dice.IntN(len(padding))])
	return a.judge(h.app, body, h)
}

// padding makes some uploads larger than others.
var padding = fmt.Sprintf("%0400d", 0)
