package sample_test

import (
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

func TestChange(t *testing.T) {
	const body = `{"event_name":"X","plan":"silver","amount_in_eur":9.90,"purchased_at":"2026-01-01T00:00:00.000Z",` +
		`"purchased_at_ms":1767225600000,` +
		`"attribution":{"utm_source":"mail"}}`
	const rest = `"purchased_at":"2026-01-01T00:00:00.000Z","purchased_at_ms":1767225600000,` +
		`"attribution":{"utm_source":"mail"}}`
	for _, c := range []struct{ what, name, text, want string }{
		{"a text", "plan", "gold", `{"event_name":"X","plan":"gold","amount_in_eur":9.90,` + rest},
		{"a text that looks like a number", "plan", "12", `{"event_name":"X","plan":"12","amount_in_eur":9.90,` + rest},
		{"a text in need of escapes", "plan", "a\"\n", `{"event_name":"X","plan":"a\"\n","amount_in_eur":9.90,` + rest},
		{"a number", "amount_in_eur", "1.50", `{"event_name":"X","plan":"silver","amount_in_eur":1.50,` + rest},
		{"no number where one is documented", "amount_in_eur", "much",
			`{"event_name":"X","plan":"silver","amount_in_eur":"much",` + rest},
		{"nothing", "plan", "", `{"event_name":"X","amount_in_eur":9.90,` + rest},
		{"nothing where there is nothing", "user_id", "", body},
		{"a date, with its milliseconds", "purchased_at", "2026-01-02", `{"event_name":"X","plan":"silver",` +
			`"amount_in_eur":9.90,"purchased_at":"2026-01-02","purchased_at_ms":1767312000000,` +
			`"attribution":{"utm_source":"mail"}}`},
		{"a date that is none", "purchased_at", "soon", `{"event_name":"X","plan":"silver","amount_in_eur":9.90,` +
			`"purchased_at":"soon","attribution":{"utm_source":"mail"}}`},
		{"a member of an object", "attribution.utm_source", "radio", `{"event_name":"X","plan":"silver",` +
			`"amount_in_eur":9.90,"purchased_at":"2026-01-01T00:00:00.000Z","purchased_at_ms":1767225600000,` +
			`"attribution":{"utm_source":"radio"}}`},
		{"a new attribute", "user_id", "anna", body[:len(body)-1] + `,"user_id":"anna"}`},
		{"an attribute that nobody knows", "streak", "12", body[:len(body)-1] + `,"streak":12}`},
		{"a new object", "extra.level", "high", body[:len(body)-1] + `,"extra":{"level":"high"}}`},
	} {
		if got := string(sample.Change([]byte(body), c.name, c.text)); got != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.what, got, c.want)
		}
	}
}
