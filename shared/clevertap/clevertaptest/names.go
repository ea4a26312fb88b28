package clevertaptest

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Characters that no event or property name may hold, and the one that no profile key may hold besides (pages
// upload-events-api and upload-user-profiles-api, November 2026).
const (
	forbiddenInNames    = `%><!|&.:;$'"\`
	forbiddenInProfiles = forbiddenInNames + `#`
)

// reservedNames are CleverTap's own events: the vendor's list for code 513, what its SDK adds, further system events, and
// one that was refused in production though it is on no list.
const reservedNames = `
Notification Sent,Notification Viewed,Notification Clicked,Notification Delivered,Notification Replied,UTM Visited,App Launched
App Uninstalled,App Version Changed,Stayed,Reply Sent,Experiment Rendered,Reachable By,Identity Reset,Identity Set,Identity Error
wzrk_d,Notification Bounced,Geocluster Entered,Geocluster Exited,SCOutgoing,SCIncoming,SCEnd,SCCampaignOptOut
App Installed,Web Session Started,Notification Failed,Push Impressions,State Transitioned,Session Concluded,Channel Subscribed
Channel Unsubscribed,App Upgraded,AB Test Enter,AB Test Exit,Push Unregistered,Partner Sync
Web Page Viewed`

var reserved = func() map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsFuncSeq(reservedNames, func(r rune) bool { return r == ',' || r == '\n' }) {
		set[fold([]byte(name))] = true
	}
	return set
}()

// fold gives a name as CleverTap compares it: without letter case and without spaces.
func fold(name []byte) string {
	folded := make([]byte, 0, len(name))
	for _, r := range string(name) {
		if unicode.IsSpace(r) {
			continue
		}
		folded = utf8.AppendRune(folded, smallestCase(r))
	}
	return string(folded)
}

// smallestCase gives the same rune for all runes that differ by case only: the smallest of them.
func smallestCase(r rune) rune {
	smallest := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		smallest = min(smallest, other)
	}
	return smallest
}

// hasOuterSpace tells whether a name begins or ends with white space.
func hasOuterSpace(name []byte) bool { return len(bytes.TrimSpace(name)) != len(name) }
