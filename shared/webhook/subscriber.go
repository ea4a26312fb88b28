package webhook

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// SubscriberKind says which id names the subscriber.
type SubscriberKind uint8

// The kinds, in the order in which they are tried.
const (
	NoSubscriber SubscriberKind = iota
	ByUser
	ByAnonymous
	ByDevice
	ByPurchase
)

// String names the kind. The name is part of the hash that groups the queue and of the subscriber table's keys, so it never changes.
func (k SubscriberKind) String() string {
	return [...]string{"", "user", "anonymous", "device", "purchase"}[k]
}

// Subscriber is whose webhook it is.
type Subscriber struct {
	Kind SubscriberKind
	ID   string // empty if there is no subscriber
}

// Absent tells whether an id counts as not given: empty, or a word that broken apps send for nothing, in any letter case.
func Absent[T ~string | ~[]byte](id T) bool {
	switch len(id) {
	case 0:
		return true
	case len("nil"):
		return strings.EqualFold(string(id), "nil") || strings.EqualFold(string(id), "nan")
	case len("null"):
		return strings.EqualFold(string(id), "null") || strings.EqualFold(string(id), "none")
	case len("(null)"):
		return strings.EqualFold(string(id), "(null)")
	case len("undefined"):
		return strings.EqualFold(string(id), "undefined")
	default:
		return false
	}
}

// ids are what may name a subscriber, under their version 3 names; nil: not in the body.
type ids struct {
	user, anonymous, device         jsontext.Value
	subscription, oneTime, original jsontext.Value
}

// subscriber takes the first id that is given. A number counts as its digits.
func (i *ids) subscriber(memory *arena) Subscriber {
	candidates := [...]struct {
		kind  SubscriberKind
		value jsontext.Value
	}{
		{ByUser, i.user},
		{ByAnonymous, i.anonymous},
		{ByDevice, i.device},
		{ByPurchase, i.subscription},
		{ByPurchase, i.oneTime},
		{ByPurchase, i.original},
	}
	for _, c := range candidates {
		if id := memory.text(c.value); !Absent(id) {
			return Subscriber{c.kind, string(id)}
		}
	}
	return Subscriber{}
}
