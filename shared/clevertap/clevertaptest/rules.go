package clevertaptest

import (
	"regexp"
	"slices"
	"strings"
)

// The vendor's limits, the smallest where its pages give several, lengths in bytes of the decoded text (pages
// platform-considerations, upload-events-api and delete-user-profile-api, November 2026).
const (
	maxRecords    = 1000
	maxProperties = 100
	maxItems      = 50
	maxName       = 512 // where an SDK cuts event names
	maxKey        = 120
	maxValue      = 512
	maxEventNames = 512
	maxDeleted    = 100 // users of one call
)

// Characters that no event or property name may hold, and the one that no profile key may hold besides.
const (
	forbiddenInNames    = `%><!|&.:;$'"\`
	forbiddenInProfiles = forbiddenInNames + `#`
)

// identityKeys are the four ways to address a user, and topKeys what else each type of record may hold.
var (
	identityKeys = []string{"identity", "objectId", "FBID", "GPID"}
	topKeys      = map[string][]string{
		"event":   {"type", "ts", "evtName", "evtData"},
		"profile": {"type", "ts", "profileData"},
	}
)

// record is a record under examination.
type record struct {
	*value
	position  int // in the upload, from 1
	code      int // why it is refused and not stored; 0: it is
	answered  int // the code that the answer gives; 0: it is accepted
	typ       string
	key, id   string // which identity key, and its value
	name      string // of an event
	discarded bool   // by that name
	eventID   string
	data      *value // evtData or profileData
	items     *value // of a Charged event; nil if there are none
}

// examine finds out what a record is and which rule it breaks first.
func (a *account) examine(v *value, position int) *record {
	r := &record{value: v, position: position, typ: v.textOf("type"), name: v.textOf("evtName"), data: &value{}}
	r.discarded = a.discarded[fold(r.name)]
	identities := 0
	for _, key := range identityKeys {
		if v.find(key) != nil {
			identities++
			r.key, r.id = key, v.textOf(key)
		}
	}
	if identities != 1 {
		r.id = "" // two count as none, and so does null
	}
	if data := v.find(map[string]string{"event": "evtData", "profile": "profileData"}[r.typ]); data != nil {
		r.data = data
	}
	if r.typ == "event" {
		r.eventID = r.data.textOf("event_id")
	}
	if r.name == "Charged" {
		r.items = r.data.find("Items")
	}
	for _, rule := range rules {
		if (rule.typ == "" || rule.typ == r.typ) && rule.broken(r) {
			r.code, r.answered = rule.code, rule.code
			break
		}
	}
	return r
}

var (
	customID = regexp.MustCompile(`^[A-Za-z0-9()!:@$_-]{1,67}$`) // 64 characters and a prefix
	seconds  = regexp.MustCompile(`^[1-9][0-9]{0,10}$`)          // milliseconds have more digits
)

// rule is a rule for records. Codes are the vendor's (page api-errors, November 2026), 512 if it does not say.
type rule struct {
	typ    string // of the records that it is for; "": all
	code   int
	broken func(r *record) bool
}

// rules are in their order: the first that is broken refuses the record.
var rules = []rule{
	{"", 524, func(r *record) bool { return topKeys[r.typ] == nil }},
	{"", 512, func(r *record) bool {
		return r.has(func(m *value) bool {
			return !slices.Contains(topKeys[r.typ], m.key) && !slices.Contains(identityKeys, m.key)
		})
	}},
	{"", 523, func(r *record) bool { return r.id == "" }},
	{"", 526, func(r *record) bool { return r.key == "objectId" && !customID.MatchString(r.id) }},
	{"", 525, func(r *record) bool { ts := r.find("ts"); return ts != nil && !seconds.Match(ts.raw) }},
	{"event", 509, func(r *record) bool { return strings.TrimSpace(r.name) == "" }},
	{"event", 512, func(r *record) bool {
		return len(r.name) > maxName || strings.ContainsAny(r.name, forbiddenInNames) ||
			strings.TrimSpace(r.name) != r.name
	}},
	{"event", 513, func(r *record) bool { return strings.Contains(reserved, ","+fold(r.name)+",") }},
	{"event", 528, func(r *record) bool { return r.discarded }},
	{"event", 512, func(r *record) bool {
		return r.data.kind != '{' || r.data.has(func(m *value) bool {
			return m != r.items && !isProperty(m, forbiddenInNames)
		})
	}},
	{"event", 522, func(r *record) bool { return len(r.data.members) > maxProperties }},
	{"event", 512, func(r *record) bool {
		bad := func(m *value) bool { return !isProperty(m, forbiddenInNames) }
		badItem := func(item *value) bool { return item.kind != '{' || item.has(bad) }
		return r.items != nil && (r.items.kind != '[' || len(r.items.members) == 0 || r.items.has(badItem))
	}},
	{"event", 522, func(r *record) bool {
		long := func(item *value) bool { return len(item.members) > maxProperties }
		return r.items != nil && (len(r.items.members) > maxItems || r.items.has(long))
	}},
	{"profile", 512, func(r *record) bool {
		return r.data.kind != '{' || r.data.has(func(m *value) bool { return !isProperty(m, forbiddenInProfiles) })
	}},
	{"profile", 522, func(r *record) bool { return len(r.data.members) > maxProperties }},
	profileRule(514, `gender`, `"(M|F)"`),
	profileRule(515, `email`, `"[^@ ,;<>()\\"]+@[^@. ,;<>()\\"]+(\.[^@. ,;<>()\\"]+)+"`),
	profileRule(516, `phone`, `"\+[0-9]{8,15}"`),
	profileRule(517, `employed`, `"(Y|N)"`),
	profileRule(518, `education`, `"(School|College|Graduate)"`),
	profileRule(519, `married`, `"(Y|N)"`),
	profileRule(520, `age`, `"[0-9]+"|[0-9].*`),
	profileRule(512, `dob`, `"\$D_-?[0-9]{1,11}"`),
	profileRule(512, `msg-.*`, `true|false`),
}

// profileRule demands of a reserved profile key, compared as names are, that its value in JSON has a form (page
// upload-user-profiles-api, November 2026).
func profileRule(code int, key, form string) rule {
	keys, forms := regexp.MustCompile(`^(`+key+`)$`), regexp.MustCompile(`^(`+form+`)$`)
	return rule{"profile", code, func(r *record) bool {
		return r.data.has(func(m *value) bool { return keys.MatchString(fold(m.key)) && !forms.Match(m.raw) })
	}}
}

// isProperty reports whether a member may be a property: a short key without forbidden characters and a scalar value.
func isProperty(m *value, forbidden string) bool {
	if m.key == "" || len(m.key) > maxKey || strings.ContainsAny(m.key, forbidden) {
		return false
	}
	return m.kind == '"' && len(m.text) <= maxValue || m.kind == '0' || m.kind == 't' || m.kind == 'f'
}

// reserved are CleverTap's own events, folded: the vendor's list for code 513, what its SDK adds, further system
// events, and one that was refused in production though it is on no list.
var reserved = fold(`,Notification Sent,Notification Viewed,Notification Clicked,Notification Delivered,
	Notification Replied,UTM Visited,App Launched,App Uninstalled,App Version Changed,Stayed,Reply Sent,
	Experiment Rendered,Reachable By,Identity Reset,Identity Set,Identity Error,wzrk_d,Notification Bounced,
	Geocluster Entered,Geocluster Exited,SCOutgoing,SCIncoming,SCEnd,SCCampaignOptOut,App Installed,
	Web Session Started,Notification Failed,Push Impressions,State Transitioned,Session Concluded,Channel Subscribed,
	Channel Unsubscribed,App Upgraded,AB Test Enter,AB Test Exit,Push Unregistered,Partner Sync,Web Page Viewed,`)

// fold returns a name as CleverTap compares it: without letter case and without spaces.
func fold(name string) string {
	return strings.ToLower(strings.ToUpper(strings.Join(strings.Fields(name), "")))
}
