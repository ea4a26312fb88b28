package mapping

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Identity is the one identity key of a record.
type Identity struct {
	ObjectID bool   // key objectId, else identity
	Value    []byte // unescaped, never empty, never cut
}

func (i Identity) equal(other Identity) bool {
	return i.ObjectID == other.ObjectID && bytes.Equal(i.Value, other.Value)
}

// append writes the key and its value, without a comma.
func (i Identity) append(dst []byte) []byte {
	if i.ObjectID {
		dst = append(dst, `"objectId":`...)
	} else {
		dst = append(dst, `"identity":`...)
	}
	return appendQuoted(dst, i.Value)
}

// identify finds whom to address, or the reason why nobody is.
func (w *work) identify() (Identity, fault.Reason) {
	if id := w.cleverTapID(); id != nil {
		w.addressed = true
		return Identity{ObjectID: true, Value: id}, ""
	}
	return w.subscriber(w.at.userID, w.at.anonymousID)
}

// subscriber addresses a subscriber by the app's own id, else by Purchasely's anonymous one.
func (w *work) subscriber(user, anonymous int) (Identity, fault.Reason) {
	if id := w.e.Text(user); !webhook.Absent(id) {
		return Identity{Value: w.keep(id)}, ""
	}
	id := w.e.Text(anonymous)
	if webhook.Absent(id) {
		return Identity{}, fault.NoIdentity
	}
	switch w.app.Anonymous {
	case integration.AnonymousSkip:
		return Identity{}, fault.Anonymous
	case integration.AnonymousObjectID:
		prefix := customPrefix(w.e.Text(w.at.store))
		if prefix != "" && isCustomID(id) && len(prefix)+len(id) <= clevertap.MaxCustomIDBytes {
			start := len(w.values)
			w.values = append(append(w.values, prefix...), id...)
			return Identity{ObjectID: true, Value: w.values[start:len(w.values):len(w.values)]}, ""
		}
	}
	return Identity{Value: w.keep(id)}, ""
}

// customPrefix is what CleverTap's SDK puts before an id that the app gave it, by the platform that a store belongs to
// (developer.clevertap.com, pages on custom CleverTap ids, November 2026). Other stores do not tell the platform.
func customPrefix(store []byte) string {
	switch string(store) {
	case "APPLE_APP_STORE":
		return "-h"
	case "GOOGLE_PLAY_STORE", "AMAZON_APPSTORE", "AMAZON_APP_STORE", "HUAWEI_APPGALLERY", "HUAWEI_APP_GALLERY":
		return "__h"
	}
	return ""
}

// isCustomID tells whether CleverTap's SDK would take an id from the app.
func isCustomID(id []byte) bool {
	for _, c := range id {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && bytes.IndexByte([]byte("()!:@$_-"), c) < 0 {
			return false
		}
	}
	return true
}

// cleverTapID finds a CleverTap ID in the payload: first at the top, then in the objects that may hold one. nil: there is none.
func (w *work) cleverTapID() []byte {
	for _, row := range w.at.cleverTapIDs {
		if id := w.e.Text(row); !webhook.Absent(id) {
			return w.keep(id)
		}
	}
	for _, row := range w.at.containers {
		if object := w.e.Value(row); len(object) > 0 && object[0] == '{' {
			if id := w.cleverTapIDIn(object); id != nil {
				return id
			}
		}
	}
	return nil
}

func (w *work) cleverTapIDIn(object jsontext.Value) []byte {
	from, to := w.openObject(object)
	defer w.closeObject(from)
	for _, row := range w.at.cleverTapIDs {
		for _, m := range w.members[from:to] {
			if string(m.name) != w.catalogue.Attributes[row].Name {
				continue
			}
			if id := w.idText(m.value); !webhook.Absent(id) {
				return id
			}
		}
	}
	return nil
}

// idText gives an id's text, kept in the Result. A number gives its digits, anything else is no id.
func (w *work) idText(raw jsontext.Value) []byte {
	switch raw.Kind() {
	case '"':
		start := len(w.values)
		w.values = appendUnquoted(w.values, raw)
		return w.values[start:len(w.values):len(w.values)]
	case '0':
		return w.keep(raw)
	}
	return nil
}
