//go:build blackbox

package main_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// letter is a message for the queue as the receiver would have written it, but for what a test changes.
type letter struct {
	app     string // "": demo
	group   string // "": one of its own
	body    string
	changes []string // attributes, as name, value, name, value; an empty value takes one away
}

// numbers make every webhook another one.
var numbers atomic.Int64

// send puts letters on the queue and gives their ids.
func (s *stage) send(letters ...letter) []string {
	s.Helper()
	ids := make([]string, len(letters))
	for i, l := range letters {
		sent, err := s.events.Send(l.message(s.events.FIFO()))
		if err != nil {
			s.Fatal(err)
		}
		ids[i] = sent.ID
	}
	return ids
}

func (l letter) message(fifo bool) awstest.Message {
	if l.app == "" {
		l.app = "demo"
	}
	attributes := map[string]string{
		"schema": "1", "app": l.app, "encoding": "raw", "received_at": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	for i := 0; i < len(l.changes); i += 2 {
		attributes[l.changes[i]] = l.changes[i+1]
	}
	m := awstest.Message{Body: l.body, Attributes: map[string]awstest.Attribute{}}
	for name, value := range attributes {
		if value != "" {
			m.Attributes[name] = awstest.Attribute{DataType: "String", StringValue: value}
		}
	}
	if fifo {
		number := strconv.FormatInt(numbers.Add(1), 10)
		m.GroupID, m.DeduplicationID = l.group, "dedup-"+number
		if l.group == "" {
			m.GroupID = "group-" + number
		}
	}
	return m
}

// bought is a webhook about a subscription: it makes an event record and a profile record. Changes are keys and JSON values; an empty
// value takes a key away.
func bought(user string, changes ...string) string {
	n := numbers.Add(1)
	at := time.Now().Add(-time.Hour).Add(time.Duration(n) * time.Millisecond).UTC()
	all := []string{
		"api_version", `3`,
		"event_name", `"SUBSCRIPTION_RENEWED"`,
		"event_id", fmt.Sprintf(`"event-%d"`, n),
		"event_created_at", at.Format(`"2006-01-02T15:04:05.000Z"`),
		"event_created_at_ms", strconv.FormatInt(at.UnixMilli(), 10),
		"user_id", `"person-` + user + `"`,
		"store", `"APPLE_APP_STORE"`,
		"purchase_type", `"RENEWING_SUBSCRIPTION"`,
		"plan", `"private-plan"`,
		"purchasely_subscription_id", `"private-subscription"`,
		"subscription_status", `"AUTO_RENEWING"`,
		"environment", `"PRODUCTION"`,
	}
changes:
	for i := 0; i < len(changes); i += 2 {
		for j := 0; j < len(all); j += 2 {
			if all[j] == changes[i] {
				all[j+1] = changes[i+1]
				continue changes
			}
		}
		all = append(all, changes[i], changes[i+1])
	}
	var members []string
	for i := 0; i < len(all); i += 2 {
		if all[i+1] != "" {
			members = append(members, strconv.Quote(all[i])+":"+all[i+1])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// lamp is a webhook about a thing bought once: it makes one record, an event.
func lamp(user string, changes ...string) string {
	return bought(user, append([]string{"purchase_type", `"CONSUMABLE"`, "subscription_status", ""}, changes...)...)
}

// named is a lamp whose event has another name.
func named(user, event string) string { return lamp(user, "event_name", strconv.Quote(event)) }

// bulky is a lamp whose record has about 50 kB, so that an upload holds twenty.
func bulky(user string) string {
	var changes []string
	for i := range 90 {
		changes = append(changes, fmt.Sprintf("private_note_%d", i), strconv.Quote(strings.Repeat("x", 500)))
	}
	return lamp(user, changes...)
}
