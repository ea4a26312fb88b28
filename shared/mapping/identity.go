package mapping

import (
	"bytes"
	"slices"
	"strconv"

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

// appendRecord begins a record of the identity: its type, identity and time.
func (i Identity) appendRecord(dst []byte, kind string, ts int64) []byte {
	dst = append(append(append(dst, `{"type":"`...), kind...), '"')
	if i.ObjectID {
		dst = append(dst, `,"objectId":`...)
	} else {
		dst = append(dst, `,"identity":`...)
	}
	dst = append(appendQuoted(dst, i.Value), `,"ts":`...)
	return strconv.AppendInt(dst, ts, 10)
}

// identify finds whom to address, or why nobody is. addressed reports whether a CleverTap ID of the payload does it.
func (run *mapperRun) identify() (id Identity, addressed bool, skip fault.Reason) {
	if id := run.cleverTapID(); id != nil {
		if run.known.Suppressed {
			return Identity{}, true, fault.Suppressed
		}
		return Identity{ObjectID: true, Value: id}, true, ""
	}
	id, _, skip = run.identityOf(run.col.userID, run.col.anonymousID, run.known.Link)
	switch {
	case skip == fault.NoIdentity:
	case run.known.Suppressed:
		return Identity{}, false, fault.Suppressed
	case run.app.CleverTapID != integration.CleverTapIDNever:
		run.Unlinked = run.id(run.col.userID) == nil && run.known.Link == ""
	}
	return id, false, skip
}

// identityOf addresses a subscriber by the linked CleverTap ID, by the app's own id, or by Purchasely's anonymous one.
// linked reports whether it is by the link.
func (run *mapperRun) identityOf(user, anonymous int, link string) (id Identity, linked bool, skip fault.Reason) {
	userID, anonymousID := run.id(user), run.id(anonymous)
	switch {
	case userID == nil && anonymousID == nil:
		return Identity{}, false, fault.NoIdentity
	case link != "" && run.usesLinks(userID != nil):
		return Identity{ObjectID: true, Value: run.values.keep([]byte(link))}, true, ""
	case userID != nil:
		return Identity{Value: run.values.keep(userID)}, false, ""
	}
	switch run.app.Anonymous {
	case integration.AnonymousSkip:
		return Identity{}, false, fault.Anonymous
	case integration.AnonymousObjectID:
		prefix := customPrefix(run.text(run.col.store))
		if id := prefix + string(anonymousID); prefix != "" && clevertap.IsCustomID(id) {
			return Identity{ObjectID: true, Value: []byte(id)}, false, ""
		}
	}
	return Identity{Value: run.values.keep(anonymousID)}, false, ""
}

// usesLinks reports whether the file wants a subscriber addressed by a link.
func (run *mapperRun) usesLinks(hasUserID bool) bool {
	switch run.app.CleverTapID {
	case integration.CleverTapIDAlways:
		return true
	case integration.CleverTapIDAnonymous:
		return !hasUserID
	}
	return false
}

// People are those whom a webhook concerns, by the ids that it has of them: the user id before the anonymous one.
type People struct {
	Subscriber []webhook.Subscriber
	Former     []webhook.Subscriber // from whom a subscription came: SUBSCRIPTION_RECEIVED
	Next       []webhook.Subscriber // to whom a subscription went: SUBSCRIPTION_TRANSFERRED
}

// FindPeople finds them.
func FindPeople(e *webhook.Event) (p People) {
	col := theColumns()
	p.Subscriber = subscribers(e, col.userID, col.anonymousID)
	if e.Type == nil || !e.Type.Known() {
		return p
	}
	switch e.Type.Canonical() {
	case eventReceived:
		p.Former = subscribers(e, col.fromUser, col.fromAnonymous)
	case eventTransferred:
		p.Next = subscribers(e, col.toUser, col.toAnonymous)
	}
	return p
}

// subscribers are one person by both ids, as far as they are known.
func subscribers(e *webhook.Event, user, anonymous int) (found []webhook.Subscriber) {
	if id := e.Text(user); !webhook.Absent(id) {
		found = append(found, webhook.Subscriber{Kind: webhook.ByUser, ID: string(id)})
	}
	if id := e.Text(anonymous); !webhook.Absent(id) {
		found = append(found, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: string(id)})
	}
	return found
}

// customPrefix is what CleverTap's SDK puts before an id that the app gave it, by the platform that a store belongs to
// (developer.clevertap.com, pages on custom CleverTap ids, November 2026). Other stores belong to no one platform.
func customPrefix(store []byte) string {
	switch string(store) {
	case "APPLE_APP_STORE":
		return "-h"
	case "GOOGLE_PLAY_STORE", "AMAZON_APPSTORE", "AMAZON_APP_STORE", "HUAWEI_APPGALLERY", "HUAWEI_APP_GALLERY":
		return "__h"
	}
	return ""
}

// CustomIDs are the CleverTap IDs that an anonymous subscriber may have where the app gives CleverTap its anonymous
// ids.
func CustomIDs(anonymousID string) (ids []string) {
	for _, prefix := range []string{"-h", "__h"} {
		if id := prefix + anonymousID; clevertap.IsCustomID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// cleverTapID finds a CleverTap ID in the payload: first at the top, then in the objects that may hold one. It is nil
// if there is none.
func (run *mapperRun) cleverTapID() []byte {
	for _, column := range run.col.cleverTapIDs {
		if id := run.id(column); id != nil {
			return run.values.keep(id)
		}
	}
	for _, column := range run.col.idObjects {
		if object := run.payload.Value(column); object.Kind() == jsontext.KindBeginObject {
			if id := run.cleverTapIDIn(object); id != nil {
				return id
			}
		}
	}
	return nil
}

func (run *mapperRun) cleverTapIDIn(object jsontext.Value) []byte {
	members := run.open(object)
	defer run.close(members)
	for _, column := range run.col.cleverTapIDs {
		id := run.textOf(find(members, []byte(run.catalogue.Attributes[column].Name)))
		if !webhook.Absent(id) {
			return run.values.keep(id)
		}
	}
	return nil
}

// isCleverTapID reports whether an attribute's name is that of a CleverTap ID.
func (run *mapperRun) isCleverTapID(name []byte) bool {
	a := run.catalogue.Attribute(name)
	return a != nil && slices.Contains(run.col.cleverTapIDs[:], a.Index)
}
