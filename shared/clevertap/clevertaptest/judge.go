package clevertaptest

import (
	"bytes"
	"time"
)

// identityKeys are the four ways to address a user.
var identityKeys = [...]string{"identity", "objectId", "FBID", "GPID"}

// topKeys are the keys that each type of record may have beside the identity keys.
var topKeys = map[string]map[string]bool{
	"event":   {"type": true, "ts": true, "evtName": true, "evtData": true},
	"profile": {"type": true, "ts": true, "profileData": true},
	"token":   {"type": true, "tokenData": true},
}

// judge holds what the rules need to know of an account, as it was when the upload came.
type judge struct {
	limits    Limits
	discarded map[string]bool
	operators bool
	now       time.Time
}

// finding is what the rules found in one record.
type finding struct {
	node     *node
	position int // in the upload, from 1
	code     int // why it is refused; 0: it is not
	kind     string
	key, id  string // which identity key, and its value
	name     string // of an event
	eventID  string
	data     *node
	remarks  []remark
}

// remark is an objection before it is known whether the record is stored.
type remark struct{ rule, key string }

func (f *finding) object(rule, key string) { f.remarks = append(f.remarks, remark{rule, key}) }

// record applies the rules in their order and stops at the first that fails.
func (j *judge) record(n *node, position int) finding {
	f := finding{node: n, position: position}
	for _, rule := range [...]func(*finding) int{j.shape, j.user, j.time, j.content} {
		if f.code = rule(&f); f.code != 0 {
			break
		}
	}
	return f
}

// shape looks at the type and at the keys at the top.
func (j *judge) shape(f *finding) int {
	if f.node.kind != '{' {
		return 524
	}
	typ := f.node.find("type")
	if typ == nil || typ.kind != '"' {
		return 524
	}
	f.kind = string(typ.text)
	allowed, known := topKeys[f.kind]
	if !known {
		return 524
	}
	for i := range f.node.kids {
		if key := string(f.node.kids[i].key); !allowed[key] && !isIdentityKey(key) {
			return 512
		}
	}
	return 0
}

func isIdentityKey(key string) bool {
	for _, k := range identityKeys {
		if k == key {
			return true
		}
	}
	return false
}

// user demands exactly one identity key with a string in it. Two count as none, and so does null.
func (j *judge) user(f *finding) int {
	missing, invalid := 523, 526
	if f.kind == "token" {
		missing, invalid = 530, 530
	}
	found := 0
	for _, key := range identityKeys {
		if n := f.node.find(key); n != nil {
			found++
			if n.kind == '"' {
				f.key, f.id = key, string(n.text)
			}
		}
	}
	switch {
	case found != 1 || f.id == "", f.kind == "token" && f.key != "objectId":
		return missing
	case f.key != "objectId":
		return 0
	case !isObjectID(f.id):
		return invalid
	case f.id[0] != '-' && (len(f.id) < 2 || f.id[:2] != "__"):
		f.object(NoPrefix, "objectId")
	}
	return 0
}

// isObjectID knows the characters of a CleverTap ID: those of a custom id, at most 64 of them, behind a prefix of three.
func isObjectID(id string) bool {
	for _, c := range []byte(id) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', bytes.IndexByte([]byte("()!:@$_-"), c) >= 0:
		default:
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 67
}

// futureTolerance is how far ahead of the clock an event may be and still reach live campaigns (page upload-events-api,
// November 2026).
const futureTolerance = 2 * time.Minute

// time demands whole seconds. Milliseconds have more digits than it takes.
func (j *judge) time(f *finding) int {
	n := f.node.find("ts")
	if n == nil {
		if f.kind != "token" {
			f.object(NoTime, "ts")
		}
		return 0
	}
	seconds := int64(0)
	for _, c := range n.raw {
		if c < '0' || c > '9' || len(n.raw) > 11 {
			return 525
		}
		seconds = seconds*10 + int64(c-'0')
	}
	if n.kind != '0' || seconds == 0 {
		return 525
	}
	if time.Unix(seconds, 0).After(j.now.Add(futureTolerance)) {
		f.object(FutureTime, "ts")
	}
	return 0
}

// content looks at what the record says, by its type.
func (j *judge) content(f *finding) int {
	switch f.kind {
	case "event":
		return j.event(f)
	case "profile":
		return j.profile(f)
	default:
		return j.token(f)
	}
}
