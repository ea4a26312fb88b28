package sample_test

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

func TestChange(t *testing.T) {
	const dates = `"2026-01-01T00:00:00.000Z","purchased_at_ms":1767225600000`
	const body = `{"event_name":"X","plan":"silver","amount_in_eur":9.90,"purchased_at":` + dates +
		`,"attribution":{"utm_source":"mail"}}`
	for what, c := range map[string]struct{ name, text, before, after string }{
		"a text":                            {"plan", "gold", `"silver"`, `"gold"`},
		"a text that looks like a number":   {"plan", "12", `"silver"`, `"12"`},
		"a text in need of escapes":         {"plan", "a\"\n", `"silver"`, `"a\"\n"`},
		"a number":                          {"amount_in_eur", "1.50", `9.90`, `1.50`},
		"no number where one is documented": {"amount_in_eur", "much", `9.90`, `"much"`},
		"nothing":                           {"plan", "", `"plan":"silver",`, ``},
		"nothing where there is nothing":    {"user_id", "", ``, ``},
		"a date, with its milliseconds": {
			"purchased_at", "2026-01-02", dates, `"2026-01-02","purchased_at_ms":1767312000000`,
		},
		"a date that is none":            {"purchased_at", "soon", dates, `"soon"`},
		"a member of an object":          {"attribution.utm_source", "radio", `"mail"`, `"radio"`},
		"a new attribute":                {"user_id", "anna", `"}}`, `"},"user_id":"anna"}`},
		"an attribute that nobody knows": {"streak", "12", `"}}`, `"},"streak":12}`},
		"a new object":                   {"extra.level", "high", `"}}`, `"},"extra":{"level":"high"}}`},
	} {
		want := strings.Replace(body, c.before, c.after, 1)
		if got := string(sample.Change([]byte(body), c.name, c.text)); got != want {
			t.Errorf("%s: got\n%s, want\n%s", what, got, want)
		}
	}
}
