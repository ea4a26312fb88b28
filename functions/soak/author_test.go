//go:build soak

package soak_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// author makes up webhooks. Each has its own bytes, and a subscriber's webhooks have rising times.
type author struct {
	dice   *rand.Rand
	worker int
	file   *integration.File
	mapper *mapping.Mapper
	result mapping.Result
	event  webhook.Event
	made   int
	people []*subscriber
	began  time.Time
}

func newAuthor(s settings, worker int, file *integration.File) *author {
	return &author{dice: s.dice(uint64(100 + worker)), worker: worker, file: file, mapper: mapping.New(), began: time.Now().Add(-time.Hour * 24)}
}

// next makes the next webhook. Most are those of subscribers whose profiles are foreseen to the last property; the others are of every
// kind there is.
func (a *author) next() *sent {
	a.made++
	if a.dice.IntN(10) < 6 {
		return a.plain()
	}
	app := oneOf(a.dice, "parla", "parla", "duet", "solo", "mute", "gone")
	switch a.dice.IntN(20) {
	case 0:
		return a.judge(app, fmt.Sprintf("no JSON %s %d", personal, a.number()), nil)
	case 1:
		return a.judge(app, string([]byte{0xff, 0x00, byte(a.dice.IntN(256))})+fmt.Sprint(a.number()), nil)
	case 2:
		return a.judge(app, fmt.Sprintf(`{"event_id":"nobody-%d","event_name":"TRIAL_STARTED","event_created_at_ms":%d}`, a.number(), a.time(nil)), nil)
	default:
		return a.sample(app)
	}
}

// number is one that no other webhook of the run has.
func (a *author) number() int { return a.worker*10_000_000 + a.made }

// time is later than that of every webhook of the subscriber before, in milliseconds.
func (a *author) time(h *subscriber) int64 {
	if h == nil {
		return a.began.UnixMilli()
	}
	return a.began.Add(time.Duration(h.written) * 1001 * time.Millisecond).UnixMilli()
}

// sample takes a template and gives it an identity, a time and sometimes a marker.
func (a *author) sample(app string) *sent {
	types := webhook.EmbeddedCatalogue().Events
	t := &types[a.dice.IntN(len(types))]
	var facts map[string]jsontext.Value
	if err := json.Unmarshal(sample.Webhook(t, a.dice.Uint64()), &facts); err != nil {
		panic(err)
	}
	h := a.odd()
	h.written++
	set := func(name string, value any) { facts[name], _ = json.Marshal(value) }
	at := time.UnixMilli(a.time(h)).UTC()
	set("event_created_at", at.Format("2006-01-02T15:04:05.000Z"))
	set("event_created_at_ms", at.UnixMilli())
	if nested := facts["properties"] != nil; nested {
		set("received_at", at.Format("2006-01-02T15:04:05.000Z"))
		set("user", map[string]string{"vendor_id": h.id, "anonymous_id": h.id})
		return a.judge(app, encode(facts), h)
	}
	set("event_id", fmt.Sprintf("odd-%d", a.number()))
	identity := "user_id"
	if a.dice.IntN(4) == 0 {
		identity = "anonymous_user_id"
	}
	delete(facts, "user_id")
	delete(facts, "anonymous_user_id")
	set(identity, h.id)
	for _, other := range []string{"transferred_from_user_id", "transferred_from_anonymous_user_id", "transferred_to_user_id"} {
		if facts[other] != nil {
			set(other, a.odd().id)
		}
	}
	switch a.dice.IntN(12) {
	case 0:
		set("environment", "SANDBOX")
	case 1:
		set("content_id", oneOf(a.dice, poison400, poison413, mystery))
	case 2:
		set("event_name", oneOf(a.dice, discarded, "App Launched", "SOMETHING_NEW"))
	case 3:
		delete(facts, "event_id")
	}
	return a.judge(app, encode(facts), h)
}

func encode(facts map[string]jsontext.Value) string {
	text, err := json.Marshal(facts, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return string(text)
}
