package clevertap

import "strings"

// reservedEvents are the names that CleverTap keeps for its own events. Charged is special, but not reserved. The list is
// not complete: the vendor names the first sixteen (developer.clevertap.com/docs/api-errors), its SDKs and its page of
// system events most of the others, and the last was seen refused. A name that is missing here comes back as code 513.
// November 2026.
var reservedEvents = foldAll(
	"Notification Sent", "Notification Viewed", "Notification Clicked", "Notification Delivered", "Notification Replied",
	"UTM Visited", "App Launched", "App Uninstalled", "App Version Changed", "Stayed", "Reply Sent", "Experiment Rendered",
	"Reachable By", "Identity Reset", "Identity Set", "Identity Error",
	"wzrk_d", "Notification Bounced", "Geocluster Entered", "Geocluster Exited", "SCOutgoing", "SCIncoming", "SCEnd",
	"SCCampaignOptOut",
	"App Installed", "Web Session Started", "Notification Failed", "Push Impressions", "State Transitioned",
	"Session Concluded", "Channel Subscribed", "Channel Unsubscribed", "App Upgraded", "AB Test Enter", "AB Test Exit",
	"Push Unregistered", "Partner Sync",
	"Web Page Viewed",
)

// reservedKeys are the profile keys with a meaning of their own: one bad value there refuses the whole record, some opt the
// user out, and the ids would merge users (developer.clevertap.com/docs/upload-user-profiles-api, November 2026).
var reservedKeys = foldAll(
	"Name", "Email", "Phone", "Gender", "Employed", "Married", "Education", "Age", "DOB", "Tz", "Photo", "Customer Type",
	"category-unsubscribe", "category-resubscribe",
	"identity", "objectId", "FBID", "GPID",
)

// reservedPrefix begins the profile keys that switch channels on and off, folded.
const reservedPrefix = "msg-"

// ReservedEvent tells whether an event's name is one of CleverTap's own, in whatever case and spacing.
func ReservedEvent(name string) bool {
	var few [64]byte
	return reservedEvents[string(Fold(few[:0], name))]
}

// ReservedProfileKey tells whether a profile key has a meaning of its own for CleverTap, in whatever case and spacing.
func ReservedProfileKey(name string) bool {
	var few [64]byte
	key := Fold(few[:0], name)
	return reservedKeys[string(key)] || strings.HasPrefix(string(key), reservedPrefix)
}

func foldAll(names ...string) map[string]bool {
	folded := make(map[string]bool, len(names))
	for _, name := range names {
		folded[string(Fold(nil, name))] = true
	}
	return folded
}
