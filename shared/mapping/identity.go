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
		return Identity{ObjectID: true, Value: id}, true, ""
	}
	id, skip = run.identityOf(run.col.userID, run.col.anonymousID)
	return id, false, skip
}

// identityOf addresses a subscriber by the app's own id, else by Purchasely's anonymous one.
func (run *mapperRun) identityOf(user, anonymous int) (Identity, fault.Reason) {
	if id := run.id(user); id != nil {
		return Identity{Value: run.values.keep(id)}, ""
	}
	id := run.id(anonymous)
	if id == nil {
		return Identity{}, fault.NoIdentity
	}
	switch run.app.Anonymous {
	case integration.AnonymousSkip:
		return Identity{}, fault.Anonymous
	case integration.AnonymousObjectID:
		prefix := customPrefix(run.text(run.col.store))
		if prefix != "" && isCustomID(id) && len(prefix)+len(id) <= clevertap.MaxCustomIDBytes {
			start := len(run.values)
			run.values = append(append(run.values, prefix...), id...)
			return Identity{ObjectID: true, Value: run.values.since(start)}, ""
		}
	}
	return Identity{Value: run.values.keep(id)}, ""
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

// isCustomID reports whether CleverTap's SDK would take an id from the app.
func isCustomID(id []byte) bool {
	for _, c := range id {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && bytes.IndexByte([]byte("()!:@$_-"), c) < 0 {
			return false
		}
	}
	return true
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
