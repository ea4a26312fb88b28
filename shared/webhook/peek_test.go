package webhook_test

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestPeekReadsTheEventID(t *testing.T) {
	for body, want := range map[string]string{
		`{"event_id":"0c5f"}`:                     "0c5f",
		`{"event_id":"null"}`:                     "null", // an id like any other: only a subscriber can be a word for nothing
		`{"event_id":""}`:                         "",
		`{"event_id":null}`:                       "",
		`{"event_id":true}`:                       "",
		`{"event_id":{"event_id":"x"}}`:           "",
		`{"event_id":12345678901234567890}`:       "12345678901234567890",
		`{"event\u005fid":"a\tb"}`:                "a\tb",
		`{"event_id":"a","x":[{"event_id":"b"}]}`: "a",
		`{"event_id":"a","event_id":"b"}`:         "b",
		` {"event_id" : "a" } `:                   "a",
		`{"event_id":"a","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}": "a",
		`{"event_id":"a","name":"X","properties":{}}`:                                        "a",
		`{"event_id":"` + strings.Repeat("é", 1000) + `"}`:                                   strings.Repeat("é", 1000),
	} {
		if got := webhook.Peek([]byte(body)).EventID; got != want {
			t.Errorf("%s: event id is %q, want %q", body, got, want)
		}
	}
}

func TestPeekTellsNothingOfWhatIsNoEvent(t *testing.T) {
	for _, body := range append(garbage(), `{"event_id":"a","user_id":"u"} {}`, `{"event_id":"a","user_id":"u","x":"`+"\xff"+`"}`) {
		if got := webhook.Peek([]byte(body)); got != (webhook.IDs{}) {
			t.Errorf("%.60q: Peek tells %+v", body, got)
		}
	}
}

// garbage are bodies that a signed request may have, though nobody can read them.
func garbage() []string {
	return []string{
		"", " ", "\n", "x", "null", "true", "1", `"x"`, "[]", "[{}]", "{", "}", "{]", "{}}", "{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{1:2}`, `{[]:1}`,
		`{"a":01}`, `{"a":1.}`, `{"a":nul}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\ud800"}`, "\xef\xbb\xbf{}", "\x00", "\xff\xfe{\x00}\x00",
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), `{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		strings.Repeat(`{"`+strings.Repeat("deep", 5)+`":`, 9_000) + "x", `{"a":` + strings.Repeat("9", 100_000),
	}
}

// FuzzPeek checks that Peek never panics, and agrees with Event on every body that Event reads.
func FuzzPeek(f *testing.F) {
	for _, c := range subscribers {
		f.Add([]byte(c.body))
	}
	for _, body := range garbage() {
		if len(body) < 1000 {
			f.Add([]byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		glance := webhook.Peek(body)
		var e webhook.Event
		if e.Read(body) != nil {
			return
		}
		if got := e.Subscriber(); got != glance.Subscriber {
			t.Fatalf("Event has %+v, Peek %+v", got, glance.Subscriber)
		}
		id := webhook.EmbeddedCatalogue().Attribute([]byte("event_id")).Index
		if got := string(e.Text(id)); got != glance.EventID {
			t.Fatalf("Event has id %q, Peek %q", got, glance.EventID)
		}
	})
}
