package mapping

import (
	"slices"
	"sync"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// policy is what is decided on a name whatever its value: whether it is sent, and under which name.
type policy struct {
	name     []byte                    // in CleverTap
	key      []byte                    // name as a JSON string, with its colon
	folded   []byte                    // name as CleverTap compares it
	rule     rule                      // why it is not sent; none if it is
	from     *integration.PropertyRule // what decided; nil if only the bridge's default did
	isUserID bool                      // it is user_id or anonymous_user_id
	isActive bool                      // it is has_active_subscription
}

// newPolicy takes over a decision of the file.
func newPolicy(p *integration.PropertyRule) *policy {
	decided := &policy{name: []byte(p.Name), key: p.Key, folded: clevertap.Fold(nil, p.Name), from: p}
	if !p.Send {
		decided.rule = ruleSwitched
	}
	return decided
}

// ownPolicy sends something under its own name. What it points to stays in place when the memory grows.
func (r *Result) ownPolicy(name []byte) *policy {
	folded, start := name, len(r.values)
	if !isPlain(name) {
		r.values = clevertap.Fold(r.values, name)
		folded = r.values.since(start)
	}
	start = len(r.values)
	r.values = append(appendQuoted(r.values, name), ':')
	r.own = append(r.own, policy{name: name, key: r.values.since(start), folded: folded})
	return &r.own[len(r.own)-1]
}

// listed is what is decided on one row of the catalogue.
type listed struct {
	property *policy // as a property of the event
	class    class
	user     *policy // as a user property
	isUser   bool    // it is a user property at all
}

// policies are what one app's file decides on every row of the catalogue.
type policies struct {
	rows    []listed // by catalogue index
	derived []derived
	extras  map[string]*policy // user properties that the catalogue does not have, by attribute
	active  *policy            // has_active_subscription; nil if the file switches it off
}

// derived is a user property that is not in the payload.
type derived struct {
	source []byte // its name
	user   *policy
}

func newPolicies(app *integration.App, c *webhook.Catalogue, col *columns) *policies {
	p := &policies{rows: make([]listed, len(c.Attributes)), extras: make(map[string]*policy)}
	for i := range c.Attributes {
		a, row := &c.Attributes[i], &p.rows[i]
		row.property, row.class = newPolicy(app.Property(i)), known
		switch {
		case slices.Contains(col.cleverTapIDs[:], i):
			row.property.rule = ruleAddress
		case i == col.eventID, i == col.environment:
			row.class = reserved
		}
		if a.Property != webhook.NoProperty {
			row.user, row.isUser = newPolicy(app.UserProperty(i)), true
			row.user.isUserID = i == col.userID || i == col.anonymousID
			if row.user.isActive = a.Name == activeProperty; row.user.isActive && row.user.rule == none {
				p.active = row.user
			}
		}
		if a.Derived {
			p.derived = append(p.derived, derived{[]byte(a.Name), row.user})
		}
	}
	for _, named := range app.NamedUserProperties() {
		p.extras[named.Source] = newPolicy(&named.PropertyRule)
	}
	return p
}

// columns are the indexes of the catalogue's attributes that have a meaning of their own here.
type columns struct {
	eventID, environment, userID, anonymousID, store                     int
	createdAt, purchasedAt, originalAt, renewalAt, effectiveAt           int
	purchaseType, subscriptionID, oneTimeID, chainID, transactionID      int
	offer, status, product, plan, storeProduct, customerCurrency, amount int
	fromUser, fromAnonymous, toUser, toAnonymous                         int

	cleverTapIDs [3]int // in the order in which they are looked for
	idObjects    [3]int // objects that may hold a CleverTap ID, likewise
}

// theColumns finds them once. The catalogue is part of the program, so a missing attribute is a mistake in it.
var theColumns = sync.OnceValue(func() *columns {
	c := webhook.EmbeddedCatalogue()
	at := func(name string) int {
		a := c.Attribute([]byte(name))
		if a == nil || a.Name != name {
			panic("catalogue without " + name)
		}
		return a.Index
	}
	return &columns{
		eventID: at("event_id"), environment: at("environment"), store: at("store"),
		userID: at("user_id"), anonymousID: at("anonymous_user_id"),
		createdAt: at("event_created_at"), purchasedAt: at("purchased_at"), originalAt: at("original_purchased_at"),
		renewalAt: at("next_renewal_at"), effectiveAt: at("effective_next_renewal_at"),
		purchaseType: at("purchase_type"), subscriptionID: at("purchasely_subscription_id"),
		oneTimeID: at("purchasely_one_time_purchase_id"), chainID: at("store_original_transaction_id"),
		transactionID: at("store_transaction_id"), offer: at("offer_type"), status: at("subscription_status"),
		product: at("product"), plan: at("plan"), storeProduct: at("store_product_id"),
		customerCurrency: at("customer_currency"), amount: at("amount_in_customer_currency"),
		fromUser: at("transferred_from_user_id"), fromAnonymous: at("transferred_from_anonymous_user_id"),
		toUser: at("transferred_to_user_id"), toAnonymous: at("transferred_to_anonymous_user_id"),
		cleverTapIDs: [3]int{at("clevertap_id"), at("clever_tap_id"), at("integration_clevertap_id")},
		idObjects:    [3]int{at("user_attributes"), at("attributes"), at("integrations")},
	}
})
