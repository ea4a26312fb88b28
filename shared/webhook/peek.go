package webhook

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// SubscriberKind is which id names the subscriber.
type SubscriberKind uint8

// The kinds, in the order in which they are tried.
const (
	NoSubscriber SubscriberKind = iota
	ByUser
	ByAnonymous
	ByDevice
	ByPurchase
)

// String returns the kind's name. It is part of the queue's group ids and of the subscriber table's keys, so it never
// changes.
func (k SubscriberKind) String() string {
	return [...]string{"", "user", "anonymous", "device", "purchase"}[k]
}

// Subscriber is the person a webhook is about.
type Subscriber struct {
	Kind SubscriberKind
	ID   string // empty if there is no subscriber
}

// idAttributes are the attributes that can name the subscriber, in the order in which they are tried.
var idAttributes = [...]struct {
	name string
	kind SubscriberKind
}{
	{"user_id", ByUser},
	{"anonymous_user_id", ByAnonymous},
	{"device_id", ByDevice},
	{"purchasely_subscription_id", ByPurchase},
	{"purchasely_one_time_purchase_id", ByPurchase},
	{"store_original_transaction_id", ByPurchase},
}

// idValues are the values of idAttributes; nil if the body does not have them.
type idValues [len(idAttributes)]jsontext.Value

func (v *idValues) set(name []byte, value jsontext.Value) {
	for i := range idAttributes {
		if idAttributes[i].name == string(name) {
			v[i] = value
		}
	}
}

// subscriber returns the subscriber by the first id that is present. A number counts as its digits.
func (v *idValues) subscriber() Subscriber {
	for i, value := range v {
		if id := textOf(value); !Absent(id) {
			return Subscriber{idAttributes[i].kind, string(id)}
		}
	}
	return Subscriber{}
}

// Absent reports whether an id is nobody's: it is empty, has nothing but white space and invisible characters, is the
// all-zero UUID, or is a word that broken apps send for nothing, in any letter case.
func Absent[T ~string | ~[]byte](id T) bool {
	if len(id) > 0 && id[0] > ' ' && id[0] < utf8.RuneSelf && strings.IndexByte("nNuU(<[0", id[0]) < 0 {
		return false // as nearly all ids
	}
	visible := strings.TrimFunc(string(id), invisible)
	switch strings.ToLower(visible) {
	case "", "null", "(null)", "<null>", "nil", "none", "undefined", "nan", "[object object]",
		"00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000":
		return true
	}
	return false
}

// invisible reports whether nothing of a character can be seen. Besides white space, control and format characters
// these are the fillers and blanks of Unicode's other classes.
func invisible(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0', '\ufffc':
		return true
	}
	variation := '\ufe00' <= r && r <= '\ufe0f' || '\U000e0100' <= r && r <= '\U000e01ef' ||
		'\u180b' <= r && r <= '\u180f'
	return variation || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp)
}

// IDs are all that the receiver reads from a body.
type IDs struct {
	EventName  string
	EventID    string
	Subscriber Subscriber
}

// Peek reads the ids of a body of either version. It never fails: if the body is not one JSON object, there are none.
// It reads bodies of any depth, for whether an event nests too deep is not the queue's business. What is no character
// becomes U+FFFD.
//
// For every body that [Event.Read] accepts, the subscriber is that of [Event.Subscriber].
func Peek(body []byte) IDs {
	r := reader{maxDepth: math.MaxInt, lenient: true}
	var ids idValues
	var eventID, eventName, name, user, properties jsontext.Value
	for r.open(body); r.next(); {
		switch string(r.name) {
		case "event_id":
			eventID = r.value
		case "event_name":
			eventName = r.value
		case "name":
			name = r.value
		case "user":
			user = r.value
		case "properties":
			properties = r.value
		default:
			ids.set(r.name, r.value)
		}
	}
	if r.close() != nil {
		return IDs{}
	}
	if absent(eventName) {
		ids.setVersion2(user, properties)
		if properties.Kind() == jsontext.KindBeginObject {
			eventName = name
		}
	}
	return IDs{EventName: string(textOf(eventName)), EventID: string(textOf(eventID)), Subscriber: ids.subscriber()}
}

// setVersion2 sets the ids of version 2, which take precedence over ids at the top level, as in [Event.Read].
func (v *idValues) setVersion2(user, properties jsontext.Value) {
	purchase := "purchasely_subscription_id"
	id := find(properties, "purchase_id")
	if oneTime(id, properties) {
		purchase = "purchasely_one_time_purchase_id"
	}
	for name, value := range map[string]jsontext.Value{
		"user_id":                       find(user, "vendor_id"),
		"anonymous_user_id":             find(user, "anonymous_id"),
		purchase:                        id,
		"store_original_transaction_id": find(properties, "original_transaction_id"),
	} {
		if value != nil {
			v.set([]byte(name), value)
		}
	}
}
