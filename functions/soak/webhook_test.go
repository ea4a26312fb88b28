//go:build soak

package soak_test

import (
	"encoding/base64"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// personal is part of every identity that the run makes up, so that one search finds any of them where none may be.
const personal = "pii7q"

// The integration files. The receiver knows an app that the forwarder does not: it was removed while webhooks were under way.
const (
	forwarderFile = `apps:
  parla:
    revenue: {charged: true}
  duet:
    anonymous: skip
    sandbox: skip
    server_events: {events: {ACTIVATE: {send: false}, DEACTIVATE: {send: false}}}
  solo:
    anonymous: object_id
    sandbox: send
  mute:
    enabled: false
`
	receiverFile = forwarderFile + "  gone: {}\n"
)

// Markers in a webhook's content_id, which goes into its event record only: such a record is what the stand-in always refuses.
const (
	poison400 = "poison-400"
	poison413 = "poison-413"
	mystery   = "mystery-777" // a code that is on no list
	discarded = "TREAT_DISCARDED"
)

// spoiled says why CleverTap refuses what bears a marker, or is named so.
var spoiled = map[string]fault.Reason{
	poison400: "clevertap_http_400", poison413: "clevertap_http_413", mystery: "clevertap_777", discarded: "clevertap_528",
	"App Launched": "clevertap_513",
}

// sent is a webhook with what has to become of it.
type sent struct {
	app, body  string
	key        string // by which its messages are known
	odd        bool   // put on the queue by hand
	subscriber *subscriber
	place      int // among its subscriber's webhooks
	event      string
	charged    string
	account    string
	users      []user // whose profiles it concerns
	outcome    forward.Outcome
	reason     fault.Reason
	nameless   bool // no event_id, so that the stand-in objects
}

// user is how a record addresses a subscriber.
type user struct{ account, key, id string }

// judge says what has to become of a webhook. Which records it makes is what the mapping says, whose own tests prove it; that they
// arrive is what this run is about.
func (a *author) judge(app, body string, h *subscriber) *sent {
	s := &sent{app: app, body: body, key: keyOf(app, body), subscriber: h, outcome: forward.Rejected}
	known := a.file.Apps[app]
	switch {
	case known == nil:
		s.reason = fault.UnknownApp
		return s
	case !known.Enabled:
		s.outcome, s.reason = forward.Skipped, fault.Disabled
		return s
	case a.event.Read([]byte(body)) != nil:
		s.reason = fault.Malformed
		return s
	}
	to, err := mapping.Route(&a.event, known, func() (bool, error) { return app == "parla", nil })
	if err != nil {
		panic(err)
	}
	a.mapper.Map(&a.result, &a.event, known, to, time.Now(), nil)
	r := &a.result
	switch {
	case r.Reject != "":
		s.reason = r.Reject
		return s
	case r.Skip != "":
		s.outcome, s.reason = forward.Skipped, r.Skip
		return s
	}
	s.outcome, s.account, s.nameless = forward.Delivered, accountOf(app, to), len(r.EventID) == 0
	if r.Event != nil {
		s.event = digest(r.Event)
		s.spoil()
	}
	if r.Charged != nil {
		s.charged = digest(r.Charged)
	}
	for _, p := range []*mapping.Profile{r.Profile, r.Other} {
		if p != nil {
			key := "identity"
			if p.Identity.ObjectID {
				key = "objectId"
			}
			s.users = append(s.users, user{s.account, key, string(p.Identity.Value)})
		}
	}
	return s
}

// spoil notes that the stand-in will refuse the event record.
func (s *sent) spoil() {
	var marks struct {
		Name    string `json:"event_name"`
		Content string `json:"content_id"`
	}
	_ = json.Unmarshal([]byte(s.body), &marks)
	for _, mark := range []string{marks.Name, marks.Content} {
		if reason := spoiled[mark]; reason != "" {
			s.outcome, s.reason = forward.Rejected, reason
			return
		}
	}
}

// keyOf names a webhook by its app and its bytes.
func keyOf(app, body string) string { return digest([]byte(app + "\n" + body)) }

// plainBody undoes a message's encoding, if it can be undone.
func plainBody(body, encoding string) string {
	if encoding == "base64" {
		if decoded, err := base64.StdEncoding.DecodeString(body); err == nil {
			return string(decoded)
		}
	}
	return body
}
