//go:build soak

package soak_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// personal is part of every identity that the run makes up, so that one search finds any of them where none may be.
const personal = "pii7q"

// What the fake CleverTap always refuses: event records with a marker, which only the webhook's content_id has,
// and some names.
const (
	marker400      = "poison-400"
	marker413      = "poison-413"
	marker777      = "mystery-777" // a code that is on no list
	discardedEvent = "TREAT_DISCARDED"
)

var refusedFor = map[string]fault.Reason{
	marker400: "clevertap_http_400", marker413: "clevertap_http_413", marker777: "clevertap_777",
	discardedEvent: "clevertap_528", "App Launched": "clevertap_513",
}

// testWebhook is a webhook with what has to become of it.
type testWebhook struct {
	app, body string
	key       string    // by which its messages are known
	user      *testUser // nil for nobody's
	index     int       // among its user's webhooks

	outcome        forward.Outcome
	reason         fault.Reason
	account        string
	event, charged string // digests of its records, "" for none
	profiles       []profileKey
}

// profileKey is how a record addresses a user.
type profileKey struct{ account, key, id string }

// testUser is one user, and the webhooks that the receiver has taken for them, in order.
type testUser struct {
	id        string
	app       string // of a plain user; others have webhooks of all apps
	purchases int    // of a plain user: one or two
	generated int    // webhooks
	sent      []*testWebhook
	active    [2]bool     // which purchases are, by the webhooks generated so far
	states    []planState // what a plain user's webhooks say, in order
}

// planState is what a plain webhook makes of its user's profile.
type planState struct {
	plan   string // unique to the webhook
	active bool   // whether any purchase is
}

// generator makes up webhooks. Each has its own bytes, and a user's webhooks have rising times.
type generator struct {
	random    *rand.Rand
	number    int // of the sender
	file      *integration.File
	mapper    *mapping.Mapper
	result    mapping.Result
	event     webhook.Event
	generated int
	users     []*testUser
	began     time.Time
}

func newGenerator(s options, number int, file *integration.File) *generator {
	return &generator{
		random: s.random(100 + number), number: number, file: file, mapper: mapping.New(),
		began: time.Now().Add(-24 * time.Hour),
	}
}

// next makes the next webhook. Most are those of plain users, whose profiles are foreseen to the last property; the
// others are of every kind there is.
func (g *generator) next() *testWebhook {
	g.generated++
	if g.random.IntN(10) < 6 {
		return g.plain()
	}
	app := oneOf(g.random, "parla", "parla", "duet", "solo", "mute", "gone")
	switch g.random.IntN(20) {
	case 0:
		return g.expect(app, fmt.Sprintf("no JSON %s %d", personal, g.unique()), nil)
	case 1:
		return g.expect(app, string([]byte{0xff, 0x00, byte(g.random.IntN(256))})+fmt.Sprint(g.unique()), nil)
	case 2:
		const body = `{"event_id":"nobody-%d","event_name":"TRIAL_STARTED","event_created_at_ms":%d}`
		return g.expect(app, fmt.Sprintf(body, g.unique(), g.began.UnixMilli()), nil)
	default:
		return g.sample(app)
	}
}

// unique is a number that no other webhook of the run has.
func (g *generator) unique() int { return g.number*10_000_000 + g.generated }

// nextTime is later than that of every earlier webhook of the user.
func (g *generator) nextTime(u *testUser) time.Time {
	u.generated++
	return g.began.Add(time.Duration(u.generated) * 1001 * time.Millisecond).UTC()
}

// usersAtATime is how many users of a kind a generator writes about at a time: few, so that several webhooks of one
// are under way together.
const usersAtATime = 8

// user returns one of the users of an app, or now and then a new one.
func (g *generator) user(app string) *testUser {
	var known []*testUser
	for _, u := range g.users {
		if u.app == app {
			known = append(known, u)
		}
	}
	if len(known) < usersAtATime || g.random.IntN(usersAtATime) == 0 {
		id := fmt.Sprintf("%s-%d-%d", personal, g.number, len(g.users))
		g.users = append(g.users, &testUser{id: id, app: app, purchases: 1 + g.random.IntN(2)})
		return g.users[len(g.users)-1]
	}
	return oneOf(g.random, known[len(known)-usersAtATime:]...)
}

// padding makes some uploads larger than others.
var padding = fmt.Sprintf("%0400d", 0)

// plain makes a webhook of a plain user. All have the same attributes, so that the last one decides.
func (g *generator) plain() *testWebhook {
	u := g.user(oneOf(g.random, "parla", "duet", "solo"))
	n, purchase, at := g.unique(), g.random.IntN(u.purchases), g.nextTime(u).UnixMilli()
	name, status, active := "SUBSCRIPTION_RENEWED", "AUTO_RENEWING", true
	switch g.random.IntN(4) {
	case 0:
		name, status, active = oneOf(g.random, "SUBSCRIPTION_TERMINATED", "DEACTIVATE"), "DEACTIVATED", false
	case 1:
		name = "ACTIVATE"
	}
	u.active[purchase] = active
	u.states = append(u.states, planState{fmt.Sprintf("plan-%d", n), u.active[0] || u.active[1]})
	return g.expect(u.app, fmt.Sprintf(`{"api_version":3,"event_name":%q,"event_id":"plain-%d",`+
		`"event_created_at_ms":%d,"user_id":%q,"environment":"PRODUCTION","purchase_type":"RENEWING_SUBSCRIPTION",`+
		`"purchasely_subscription_id":"subs_%s_%d","subscription_status":%q,"plan":"plan-%d","padding":%q}`,
		name, n, at, u.id, u.id, purchase, status, n, padding[:g.random.IntN(len(padding))]), u)
}

// sample makes a webhook of any event and gives it an identity, a time and sometimes a marker.
func (g *generator) sample(app string) *testWebhook {
	types := webhook.EmbeddedCatalogue().Events
	body := sample.Webhook(&types[g.random.IntN(len(types))], g.random.Uint64())
	var attributes map[string]jsontext.Value
	if err := json.Unmarshal(body, &attributes); err != nil {
		panic(err)
	}
	set := func(name string, value any) { attributes[name], _ = json.Marshal(value) }
	u := g.user("")
	at := g.nextTime(u)
	set("event_created_at", at.Format("2006-01-02T15:04:05.000Z"))
	set("event_created_at_ms", at.UnixMilli())
	if attributes["properties"] != nil { // an older version
		set("received_at", at.Format("2006-01-02T15:04:05.000Z"))
		set("user", map[string]string{"vendor_id": u.id, "anonymous_id": u.id})
		return g.expect(app, encode(attributes), u)
	}
	set("event_id", fmt.Sprintf("sample-%d", g.unique()))
	delete(attributes, "user_id")
	delete(attributes, "anonymous_user_id")
	set(oneOf(g.random, "user_id", "user_id", "user_id", "anonymous_user_id"), u.id)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if strings.HasPrefix(name, "transferred_") && strings.HasSuffix(name, "_user_id") {
			set(name, g.user("").id)
		}
	}
	switch g.random.IntN(12) {
	case 0:
		set("environment", "SANDBOX")
	case 1:
		set("content_id", oneOf(g.random, marker400, marker413, marker777))
	case 2:
		set("event_name", oneOf(g.random, discardedEvent, "App Launched", "SOMETHING_NEW"))
	case 3:
		delete(attributes, "event_id")
	}
	return g.expect(app, encode(attributes), u)
}

func encode(attributes map[string]jsontext.Value) string {
	text, err := json.Marshal(attributes, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// expect says what has to become of a webhook. Which records it makes is what the mapping says, whose own tests prove
// it; that they arrive is what this run is about.
func (g *generator) expect(app, body string, u *testUser) *testWebhook {
	w := &testWebhook{app: app, body: body, key: webhookKey(app, body, ""), user: u, outcome: forward.Rejected}
	known := g.file.Apps[app]
	switch {
	case known == nil:
		w.reason = fault.UnknownApp
		return w
	case !known.Enabled:
		w.outcome, w.reason = forward.Skipped, fault.Disabled
		return w
	case g.event.Read([]byte(body)) != nil:
		w.reason = fault.Malformed
		return w
	}
	to, err := mapping.Route(&g.event, known, func() (bool, error) { return app == "parla", nil })
	if err != nil {
		panic(err)
	}
	r := &g.result
	g.mapper.Map(r, &g.event, known, to, time.Now(), mapping.Known{}, nil)
	switch {
	case r.Reject != "":
		w.reason = r.Reject
		return w
	case r.Skip != "":
		w.outcome, w.reason = forward.Skipped, r.Skip
		return w
	}
	w.outcome, w.account = forward.Delivered, sharedAccount
	if app == "parla" {
		w.account = map[bool]string{false: parlaAccount, true: sandboxAccount}[to == mapping.SandboxAccount]
	}
	if r.Event != nil {
		w.event = digest(r.Event)
		for mark, reason := range refusedFor { // at most one is in a webhook
			if strings.Contains(body, strconv.Quote(mark)) {
				w.outcome, w.reason = forward.Rejected, reason
			}
		}
	}
	if r.Charged != nil {
		w.charged = digest(r.Charged)
	}
	for _, p := range []*mapping.Profile{r.Profile, r.Other} {
		if p != nil {
			key := map[bool]string{false: "identity", true: "objectId"}[p.Identity.ObjectID]
			w.profiles = append(w.profiles, profileKey{w.account, key, string(p.Identity.Value)})
		}
	}
	return w
}

// webhookKey names a webhook by its app and its bytes, whatever encoding its message has.
func webhookKey(app, body, encoding string) string {
	if encoding == "base64" {
		if decoded, err := base64.StdEncoding.DecodeString(body); err == nil {
			body = string(decoded)
		}
	}
	return digest([]byte(app + "\n" + body))
}

// sender is Purchasely: it sends a webhook again until it sees 200, and now and then once more although it did. A
// user's webhooks wait for one another.
type sender struct {
	generator *generator
	receiver  *receiver
	sign      func(app, timestamp, body string) string
	random    *rand.Rand

	sent     []*testWebhook
	answers  totals // by status
	repeated int    // sent again although they were taken
}

// repeatable is how many of the last webhooks may be sent once more.
const repeatable = 20

// run sends until ctx ends, and then until the last webhook is taken.
func (s *sender) run(ctx context.Context, busy func() bool) {
	for ctx.Err() == nil {
		wait(ctx, time.Duration(s.random.Int64N(int64(2*sendEvery))))
		if busy() {
			continue
		}
		w := s.generator.next()
		for !s.post(w) {
			wait(context.Background(), time.Duration(50+s.random.IntN(200))*time.Millisecond)
		}
		s.sent = append(s.sent, w)
		if w.user != nil {
			w.index = len(w.user.sent)
			w.user.sent = append(w.user.sent, w)
		}
		if n := len(s.sent); n > repeatable {
			s.sent[n-repeatable-1].body = "" // a long run has many
		}
		for s.random.IntN(30) == 0 {
			s.repeated++
			s.post(oneOf(s.random, s.sent[max(0, len(s.sent)-repeatable):]...))
		}
	}
}

// post sends a webhook once and reports whether it was taken.
func (s *sender) post(w *testWebhook) bool {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	body, encoded := w.body, false
	if !utf8.ValidString(body) || s.random.IntN(10) == 0 {
		body, encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	payload, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "POST /purchasely/{app}", "rawPath": "/purchasely/" + w.app,
		"pathParameters": map[string]any{"app": w.app}, "body": body, "isBase64Encoded": encoded,
		"requestContext": map[string]any{"requestId": "r", "http": map[string]any{"method": "POST"}},
		"headers": map[string]any{
			"content-type": "application/json", "x-purchasely-timestamp": timestamp,
			"x-purchasely-request-signature": s.sign(w.app, timestamp, w.body),
		},
	})
	if err != nil {
		panic(err)
	}
	status := s.receiver.post(payload)
	s.answers.add(strconv.Itoa(status))
	return status == 200
}
