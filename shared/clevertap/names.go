package clevertap

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleverTap's limits, as the bridge keeps them. Where the vendor's pages disagree, the smaller number counts, and
// lengths are bytes of the decoded UTF-8, because whoever keeps bytes keeps characters too. The numbers come from
// developer.clevertap.com/docs, pages upload-events-api, upload-user-profiles-api, events-object and
// set-clevertap-id, and docs.clevertap.com/docs/platform-considerations, read in November 2026.
const (
	MaxRecords        = 1000           // of one upload
	MaxUploadBytes    = 1 << 20        // of one upload's body; the bridge's own limit, as the vendor states none
	MaxProperties     = 100            // of an event, and of a profile as far as the bridge writes it
	MaxKeyBytes       = 120            // of a property's name, prefix included
	MaxValueBytes     = 512            // of a text value; identities are not cut, for they have no limit that is known
	MaxEventNameBytes = 120            // of an event's name; the bridge's own limit, as the vendor states none
	MaxEventTypes     = 512            // event names of one account, CleverTap's own included
	maxCustomIDBytes  = 64             // of an id that an app gives CleverTap as its own, the prefix included
	MaxInFlight       = 15             // uploads of one account at a time, whoever sends them (api-request-limit)
	MaxTime           = 99_999_999_999 // seconds; a greater ts could be in milliseconds
)

// Fold appends a name as CleverTap compares it: without letter case and white space. CleverTap treats two names as
// one exactly if their folds are equal; an underscore counts (docs.clevertap.com/docs/events, November 2026).
func Fold[T ~string | ~[]byte](dst []byte, name T) []byte {
	for _, r := range string(name) {
		if !unicode.IsSpace(r) {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

// Same reports whether CleverTap treats two names as one.
func Same[T, U ~string | ~[]byte](a T, b U) bool { return bytes.Equal(Fold(nil, a), Fold(nil, b)) }

// Forbidden returns the first character of a name that CleverTap takes in no name of an event or property, and in
// profiles also '#', or 0 if there is none (developer.clevertap.com/docs/upload-events-api, November 2026).
func Forbidden(name string, profile bool) rune {
	for _, r := range name {
		if isForbidden(r, profile) {
			return r
		}
	}
	return 0
}

func isForbidden(r rune, profile bool) bool {
	return strings.ContainsRune(`%<>!|&.:;$'"\`, r) || profile && r == '#'
}

// CleanName appends a name without forbidden characters and without white space around it, cut at a rune to limit
// bytes, and reports whether that is another name. Nothing may be left of it.
func CleanName(dst, name []byte, limit int, profile bool) (out []byte, changed bool) {
	start := len(dst)
	for rest := name; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if !isForbidden(r, profile) {
			dst = append(dst, rest[:size]...)
		}
		rest = rest[size:]
	}
	clean := bytes.TrimLeftFunc(dst[start:], unicode.IsSpace)
	clean = bytes.TrimRightFunc(Cut(clean, limit), unicode.IsSpace)
	return append(dst[:start], clean...), len(clean) != len(name)
}

// Cut returns the longest beginning of a text that has at most limit bytes and ends between two runes.
func Cut[T ~string | ~[]byte](text T, limit int) T {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// reservedEvents are the names that CleverTap keeps for its own events. Charged is special, but not reserved. The
// list is not complete: the vendor names the first sixteen (developer.clevertap.com/docs/api-errors), its SDKs and
// its page of system events most of the others, and the last was seen refused. A name that is missing here comes back
// as code 513. November 2026.
var reservedEvents = foldAll(
	"Notification Sent", "Notification Viewed", "Notification Clicked", "Notification Delivered",
	"Notification Replied", "UTM Visited", "App Launched", "App Uninstalled", "App Version Changed", "Stayed",
	"Reply Sent", "Experiment Rendered", "Reachable By", "Identity Reset", "Identity Set", "Identity Error",
	"wzrk_d", "Notification Bounced", "Geocluster Entered", "Geocluster Exited", "SCOutgoing", "SCIncoming", "SCEnd",
	"SCCampaignOptOut", "App Installed", "Web Session Started", "Notification Failed", "Push Impressions",
	"State Transitioned", "Session Concluded", "Channel Subscribed", "Channel Unsubscribed", "App Upgraded",
	"AB Test Enter", "AB Test Exit", "Push Unregistered", "Partner Sync", "Web Page Viewed",
)

// reservedKeys are the profile keys with a meaning of their own: one bad value refuses the whole record, some opt the
// user out, and the ids would merge users (developer.clevertap.com/docs/upload-user-profiles-api, November 2026).
var reservedKeys = foldAll(
	"Name", "Email", "Phone", "Gender", "Employed", "Married", "Education", "Age", "DOB", "Tz", "Photo",
	"Customer Type", "category-unsubscribe", "category-resubscribe", "identity", "objectId", "FBID", "GPID",
)

// reservedPrefix begins the profile keys that switch channels on and off, folded.
const reservedPrefix = "msg-"

// ReservedEvent reports whether an event's name is one of CleverTap's own, in whatever case and spacing.
func ReservedEvent(name string) bool { return reservedEvents[string(Fold(nil, name))] }

// ReservedProfileKey reports whether a profile key has a meaning of its own for CleverTap, in whatever case and
// spacing.
func ReservedProfileKey(name string) bool {
	key := string(Fold(nil, name))
	return reservedKeys[key] || strings.HasPrefix(key, reservedPrefix)
}

func foldAll(names ...string) map[string]bool {
	folded := make(map[string]bool, len(names))
	for _, name := range names {
		folded[string(Fold(nil, name))] = true
	}
	return folded
}

// IsCustomID reports whether CleverTap would take a text as a CleverTap ID: letters, digits and some punctuation
// (developer.clevertap.com, pages on custom CleverTap IDs, November 2026).
func IsCustomID(id string) bool {
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789()!:@$_-"
	return id != "" && len(id) <= maxCustomIDBytes && strings.Trim(id, characters) == ""
}
