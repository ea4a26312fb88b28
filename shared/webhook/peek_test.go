package webhook_test

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestAnIDThatIsNobodysIsAbsent(t *testing.T) {
	nobodys := strings.Fields("null NULL Null (null) (NULL) <null> nil Nil none None undefined Undefined nan NaN")
	nobodys = append(nobodys, "", " ", "null ", "\t\n", "\u00a0", "\u200b", "\u2060none\ufeff", "\u3164", "\u2800",
		"\u180e\ufe0f",
		"[object Object]", "00000000-0000-0000-0000-000000000000", strings.Repeat("0", 32))
	for _, id := range nobodys {
		if !webhook.Absent(id) || !webhook.Absent([]byte(id)) {
			t.Errorf("%q counts as an id", id)
		}
	}
	for _, id := range []string{
		"0", "nulls", "n/a", "(nil)", "no", "undef", "ïd", "(none)", "nanny", " x", "<nil>", "[]", "0000", "n u l l",
		"00000000-0000-0000-0000-000000000001", "\u200bx",
	} {
		if webhook.Absent(id) || webhook.Absent([]byte(id)) {
			t.Errorf("%q does not count as an id", id)
		}
	}
}

func TestKindsOfSubscribersKeepTheirNames(t *testing.T) {
	names := ""
	for kind := webhook.NoSubscriber; kind <= webhook.ByPurchase; kind++ {
		names += kind.String() + ","
	}
	if names != ",user,anonymous,device,purchase," {
		t.Errorf("names are %s: stored states would be lost", names)
	}
}

// subscribers are bodies with the subscriber that both Peek and Event.Subscriber must find, as kind and id.
var subscribers = map[string]struct{ body, want string }{
	"user": {
		`{"event_name":"X","anonymous_user_id":"a","user_id":"u","device_id":"d","store_original_transaction_id":"47"}`,
		"user u",
	},
	"anonymous user": {
		`{"event_name":"X","anonymous_user_id":"a","device_id":"d","purchasely_subscription_id":"subs_1"}`,
		"anonymous a",
	},
	"device": {`{"event_name":"X","device_id":"d","purchasely_subscription_id":"subs_1"}`, "device d"},
	"subscription": {
		`{"event_name":"X","store_original_transaction_id":"47","purchasely_one_time_purchase_id":"otp_1",` +
			`"purchasely_subscription_id":"subs_1"}`, "purchase subs_1",
	},
	"one-time purchase": {
		`{"event_name":"X","store_original_transaction_id":"47","purchasely_one_time_purchase_id":"otp_1"}`,
		"purchase otp_1",
	},
	"original transaction": {
		`{"event_name":"X","store_original_transaction_id":"47","store_transaction_id":"48"}`, "purchase 47",
	},
	"no id":                  {`{"event_name":"X","store_transaction_id":"48"}`, " "},
	"a number is its digits": {`{"event_name":"X","user_id":10.50}`, "user 10.50"},
	"empty is no id":         {`{"event_name":"X","user_id":"","anonymous_user_id":"a"}`, "anonymous a"},
	"a word for nothing is no id": {
		`{"event_name":"X","user_id":"(Null)","anonymous_user_id":"UNDEFINED","device_id":"d"}`, "device d",
	},
	"null is no id":    {`{"event_name":"X","user_id":null,"anonymous_user_id":"a"}`, "anonymous a"},
	"a boolean is not": {`{"event_name":"X","user_id":true,"anonymous_user_id":"a"}`, "anonymous a"},
	"an object is no id": {
		`{"event_name":"X","user_id":{"user_id":"x"},"anonymous_user_id":["y"],"device_id":"d"}`, "device d",
	},
	"escapes are undone":      {`{"event_name":"X","user\u005fid":"r\u006fs\u00e9e \ud83c\udf3f"}`, "user rosée 🌿"},
	"the last of equal names": {`{"event_name":"X","user_id":"first","user_id":"last"}`, "user last"},
	"the last, though null":   {`{"event_name":"X","user_id":"first","user_id":null}`, " "},
	"names inside do not count": {
		`{"event_name":"X","properties":{"user_id":"x","purchase_id":"subs_1"},"user":{"vendor_id":"y"}}`, " ",
	},
	"version 2 user": {
		`{"name":"X","user":{"vendor_id":"u","anonymous_id":"a"},"properties":{"purchase_id":"subs_1"}}`, "user u",
	},
	"version 2 anonymous user": {
		`{"properties":{"purchase_id":"subs_1"},"user":{"vendor_id":"none","anonymous_id":"a"},"name":"X"}`,
		"anonymous a",
	},
	"version 2 subscription": {
		`{"name":"X","user":{},"properties":{"original_transaction_id":"47","purchase_id":"subs_1"}}`,
		"purchase subs_1",
	},
	"version 2 one-time purchase": {
		`{"name":"X","properties":{"purchase_id":"otp_1","original_transaction_id":"47"}}`, "purchase otp_1",
	},
	"version 2 purchase id of another form": {
		`{"name":"X","properties":{"purchase_id":17,"product":{"plan":{"type":"CONSUMABLE"}}}}`, "purchase 17",
	},
	"version 2 original transaction": {
		`{"name":"X","properties":{"purchase_id":null,"original_transaction_id":"47"}}`, "purchase 47",
	},
	"version 2 with an event name of null": {
		`{"event_name":null,"name":"X","user":{"vendor_id":"u"},"properties":{}}`, "user u",
	},
	"version 2 ids win over others": {
		`{"user_id":"top","name":"X","user":{"vendor_id":"u"},"properties":{}}`, "user u",
	},
	"version 2 ids at the top fill gaps": {`{"name":"X","user":{},"properties":{},"device_id":"d"}`, "device d"},
	"version 2: the last of equal objects, whole": {
		`{"name":"X","user":{"vendor_id":"u","anonymous_id":"a"},"user":{"anonymous_id":"b"},"properties":{}}`,
		"anonymous b",
	},
	"version 2: an id by another name is no id": {`{"name":"X","user":{"id":"internal"},"properties":{}}`, " "},
	"version 2: both kinds of purchase, the subscription first": {
		`{"name":"X","purchasely_subscription_id":"subs_9","properties":{"purchase_id":"otp_1"}}`, "purchase subs_9",
	},
	"version 2: one-time by type does not hide the subscription": {
		`{"name":"X","purchasely_subscription_id":"subs_9","properties":` +
			`{"purchase_id":"x","product":{"plan":{"type":"NON_CONSUMABLE"}}}}`, "purchase subs_9",
	},
	"a flat body that claims version 2": {
		`{"api_version":2,"event_name":"X","user_id":"u","user":{"vendor_id":"v"},"name":"X","properties":{}}`,
		"user u",
	},
	"what is no character elsewhere": {
		`{"event_name":"X","user_id":"u","plan":"\ud83c","store":"` + "\xff" + `"}`, "user u",
	},
	"what is no character in an id that is no person's": {
		`{"event_name":"X","device_id":"\ud83cd` + "\xff" + `"}`, "device \ufffdd\ufffd",
	},
	"version 2 with what is no character": {
		`{"name":"X","user":{"vendor_id":"u","` + "\xff" + `":"\ud83c"},"properties":{}}`, "user u",
	},
	"a nested body that claims version 3": {
		`{"api_version":3,"name":"X","user":{"vendor_id":"v"},"properties":{}}`, "user v",
	},
}

func TestSubscriber(t *testing.T) {
	var e webhook.Event // one for all, to see that nothing is left over from the previous body
	if got := e.Subscriber(); got != (webhook.Subscriber{}) {
		t.Errorf("an event that was never read has the subscriber %+v", got)
	}
	for name, c := range subscribers {
		if err := e.Read([]byte(c.body)); err != nil {
			t.Fatal(name, err)
		}
		for _, got := range []webhook.Subscriber{webhook.Peek([]byte(c.body)).Subscriber, e.Subscriber()} {
			if got := got.Kind.String() + " " + got.ID; got != c.want {
				t.Errorf("%s: subscriber is %q, want %q", name, got, c.want)
			}
		}
	}
}

// Whatever Event reads, FuzzPeek compares; this is about the rest, and the words that count for subscribers only.
func TestPeekReadsTheEventsIDAndName(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"event_id":"0c5f"}`:                      {"0c5f", ""},
		`{"event_id":"null","event_name":"X"}`:     {"null", "X"},
		`{"event_id":true,"event_name":["X"]}`:     {"", ""},
		`{"event_id":12345678901234567890}`:        {"12345678901234567890", ""},
		`{"event\u005fid":"a\tb"}`:                 {"a\tb", ""},
		`{"event_id":"a","x":[{"event_id":"b"}]}`:  {"a", ""},
		`{"event_id":"a","event_id":"b","name":7}`: {"b", ""},
		`{"event_id":"a","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}": {"a", ""},
		`{"event_name":"X","name":"Y","properties":{}}`:                                      {"", "X"},
		`{"event_name":null,"name":"Y","properties":{}}`:                                     {"", "Y"},
	} {
		if ids := webhook.Peek([]byte(body)); ids.EventID != want[0] || ids.EventName != want[1] {
			t.Errorf("%s: %+v, want %q", body, ids, want)
		}
	}
}

func TestPeekFindsNothingInWhatIsNotAnEvent(t *testing.T) {
	for _, body := range append(garbage(), `{"event_id":"a"} {}`, `{"event_id":"a","user_id":"u","x":`+"\xff"+`}`) {
		if got := webhook.Peek([]byte(body)); got != (webhook.IDs{}) {
			t.Errorf("%.60q: Peek finds %+v", body, got)
		}
	}
}

// garbage returns bodies that a signed request may have, although nobody can read them.
func garbage() []string {
	return []string{
		"", " ", "\n", "x", "null", "true", "1", `"x"`, "[]", "[{}]", "{", "}", "{]", "{}}", "{,}", `{"a"}`, `{"a":}`,
		`{"a":1,}`, `{"a":1 "b":2}`, `{1:2}`, `{[]:1}`, `{"a":01}`, `{"a":1.}`, `{"a":nul}`,
		`{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\ud800"}`, "\xef\xbb\xbf{}", "\x00", "\xff\xfe{\x00}\x00",
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
		`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		`{"a":` + strings.Repeat("9", 100_000), strings.Repeat(`{"deepdeepdeepdeep":`, 9_000) + "x",
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
		ids := webhook.Peek(body)
		var e webhook.Event
		if e.Read(body) != nil {
			return
		}
		if got := e.Subscriber(); got != ids.Subscriber {
			t.Fatalf("Event has %+v, Peek %+v", got, ids.Subscriber)
		}
		id := webhook.EmbeddedCatalogue().Attribute([]byte("event_id")).Index
		if got := string(e.Text(id)); got != ids.EventID {
			t.Fatalf("Event has id %q, Peek %q", got, ids.EventID)
		}
		if string(e.Name) != ids.EventName {
			t.Fatalf("Event has name %q, Peek %q", e.Name, ids.EventName)
		}
	})
}
