package mapping_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

func TestExplanationsSayWhatIsDroppedOrChangedAndWhy(t *testing.T) {
	t.Parallel()
	const money = `"event_name":"TRANSACTION_PROCESSED"`
	property := func(setting string) string { return "{server_events: {properties: {" + setting + "}}}" }
	user := func(setting string) string { return "{user_properties: {properties: {" + setting + "}}}" }
	for name, c := range map[string]struct {
		members, settings string
		want              string // subject | name | sent | words of the rule | line
	}{
		"the app is off":      {``, "{enabled: false}", "message|||disabled|2"},
		"the sandbox is off":  {`"environment":"SANDBOX"`, "{sandbox: skip}", "message|||sandbox|2"},
		"nobody is addressed": {`"user_id":null`, "{}", "message|||no_identity|0"},
		"anonymous subscribers are off": {
			`"user_id":"","anonymous_user_id":"a"`, "{anonymous: skip}", "message|||anonymous|2",
		},
		"the event is off": {``, "{server_events: {events: {ACTIVATE: {send: false}}}}", "event|ACTIVATE|||2"},
		"the event is renamed": {
			``, "{server_events: {events: {ACTIVATE: {name: On}}}}", "event|ACTIVATE|On|rename|2",
		},
		"the event has a prefix":         {``, "{server_events: {prefix: 'P '}}", "event|ACTIVATE|P ACTIVATE||2"},
		"an unknown event is cleaned":    {`"event_name":"a.b"`, "{}", "event|a.b|ab|forbidden|0"},
		"an unknown event must not pass": {`"event_name":"charged"`, "{}", "event|charged|_charged|outside|0"},
		"a name of CleverTap's own":      {`"event_name":"app launched"`, "{}", "event|app launched|app launched|513|0"},
		"an event without a name":        {`"event_name":"$"`, "{}", "message|$||nothing is left|0"},

		"a property is off":     {`"plan":"x"`, property("plan: {send: false}"), "property|plan||off|2"},
		"a property is renamed": {`"plan":"x"`, property("plan: {name: P}"), "property|plan|P|rename|2"},
		"an object is off": {
			`"attribution":{"a":1}`, property("attribution: {send: false}"), "property|attribution||off|2",
		},
		"an inner object is off":       {`"x":{"y":{"z":1}}`, property("x_y: {send: false}"), "property|x_y||off|2"},
		"a system property is renamed": {`"device_type":"TV"`, "{}", "property|device_type|purchase_device_type|default|0"},
		"a token is off":               {`"purchase_token":"x"`, "{}", "property|purchase_token||unless named|0"},
		"an address is no property":    {`"clevertap_id":"x"`, "{}", "property|clevertap_id||address|0"},
		"nor is one in an object": {
			`"attributes":{"clevertap_id":"x"}`, "{}", "property|attributes_clevertap_id||address|0",
		},
		"null is left out":         {`"plan":null`, "{}", "property|plan||null|0"},
		"empty texts are left out": {`"x":{"y":""}`, "{}", "property|x_y||empty|0"},
		"dates change":             {`"purchased_at":"2026-01-02"`, "{}", "property|purchased_at|purchased_at|$D_|0"},
		"milliseconds are dropped": {
			`"purchased_at":"2026-01-02","purchased_at_ms":1`, "{}", "property|purchased_at_ms||milliseconds|0",
		},
		"milliseconds stand in": {
			`"purchased_at_ms":1`, "{}", "property|purchased_at_ms|purchased_at|milliseconds|0",
		},
		"milliseconds that cannot be read":  {`"purchased_at_ms":"x"`, "{}", "property|purchased_at_ms||cannot be read|0"},
		"milliseconds of unknown dates":     {`"x_at":"2026-01-02","x_at_ms":1`, "{}", "property|x_at_ms||milliseconds|0"},
		"types follow the documentation":    {`"plan":7`, "{}", "property|plan|plan|type|0"},
		"arrays are text":                   {`"x":[1]`, "{}", "property|x|x|arrays|0"},
		"what is no character is replaced":  {`"plan":"\ud83c"`, "{}", "property|plan|plan|U+FFFD|0"},
		"long values are cut":               {`"plan":"` + strings.Repeat("x", 513) + `"`, "{}", "property|plan|plan|512|0"},
		"names are cleaned":                 {`"x%":1`, "{}", "property|x%|x|forbidden|0"},
		"names with nothing left fall":      {`"%":1`, "{}", "property|%||nothing is left|0"},
		"names that are there fall":         {`"x":1,"X":2`, "{}", "property|X||same name|0"},
		"properties beyond the limit fall":  {many(110), "{}", "property|n100||at most 100|0"},
		"a user property is off by default": {`"product":"x"`, "{}", "user property|product||published|0"},
		"a user property is off":            {`"plan":"x"`, user("plan: {send: false}"), "user property|plan||off|2"},
		"a user property is renamed":        {`"plan":"x"`, user("plan: {name: P}"), "user property|plan|P|rename|2"},
		"one that only the file knows":      {`"x":1`, user("x: {send: false}"), "user property|x||off|2"},
		"a derived one is off": {
			``, user("has_active_subscription: {send: false}"), "user property|has_active_subscription||off|2",
		},
		"a derived one is renamed": {
			``, user("has_active_subscription: {name: P}"), "user property|has_active_subscription|P|rename|2",
		},
		"a derived one is unknown":           {``, "{}", "user property|subscription_started_at||does not say|0"},
		"objects do not go into profiles":    {`"plan":{"a":1}`, "{}", "user property|plan||objects|0"},
		"keys beyond the limit fall":         {many(110), user(keys(110)), "user property|n109||at most 100|0"},
		"one-time purchases have no profile": {`"purchase_type":"CONSUMABLE"`, "{}", "profile|||one-time|0"},
		"no user property is left":           {``, "{user_properties: {default: none}}", "profile|||no user property|0"},
		"the other address is not known": {
			`"event_name":"SUBSCRIPTION_RECEIVED","clevertap_id":"x","transferred_from_user_id":"b"`, "{}",
			"profile|||CleverTap ID|0",
		},
		"Charged is off": {money, "{revenue: {charged: false}}", "charged|||off|2"},
		"refunds are not charged": {
			money + `,"amount_in_eur":-1`, "{revenue: {charged: true}}", "charged|amount_in_eur||refunds|0",
		},
		"an amount is missing": {money, "{revenue: {charged: true}}", "charged|amount_in_xxx||missing|0"},
		"a currency is missing": {
			money + `,"amount_in_customer_currency":1`, "{revenue: {charged: true, currency: customer}}",
			"charged|customer_currency||currency|2",
		},
		"the environment is not known": {
			money + `,"environment":null`, "{revenue: {charged: true}}", "charged|||PRODUCTION|0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, found := strings.Split(c.want, "|"), 0
			notes := explained(t, c.members, c.settings)
			for _, note := range notes {
				got := strings.Split(note, "|")
				if strings.Contains(got[3], want[3]) {
					got[3] = want[3]
				}
				if slices.Equal(got, want) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%d notes are like %q:\n%s", found, c.want, strings.Join(notes, "\n"))
			}
		})
	}
}

func TestLongNamesAreExplainedWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 50)
	notes := strings.Join(explained(t, `"x":{"`+long+`":1}`, "{}"), "\n")
	if want := "property|x_" + long + "|x_" + long[:118] + "|limit: names"; !strings.Contains(notes, want) {
		t.Errorf("no %s in\n%s", want, notes)
	}
}

func TestThePropertiesOfAnEventThatIsOffAreNotExplained(t *testing.T) {
	t.Parallel()
	for _, note := range explained(t, `"x%":1,"plan":null,"purchased_at":"2026-01-02"`,
		"{server_events: {default: skip}}") {
		if strings.HasPrefix(note, "property|") {
			t.Error(note)
		}
	}
}

// explained lists the notes on an ACTIVATE with further members: subject, name, sent, rule, and the line of the file.
func explained(t *testing.T, members, settings string) (notes []string) {
	t.Helper()
	if members != "" {
		members = "," + members
	}
	e := read(t, `{"event_name":"ACTIVATE","user_id":"a","environment":"PRODUCTION"`+members+`}`)
	app := demo(t, settings)
	to, _ := mapping.Route(e, app, func() (bool, error) { return false, nil })
	mapping.New().Map(new(mapping.Result), e, app, to, atReceipt, mapping.Known{}, func(n mapping.Explanation) {
		notes = append(notes, fmt.Sprintf("%s|%s|%s|%s|%d", n.Subject, n.Name, n.Sent, n.Rule, n.Origin.Line))
	})
	return notes
}

// many makes n members, keys the settings that make them user properties.
func many(n int) string { return numbered(n, `"n%d":1`) }
func keys(n int) string { return numbered(n, `n%d: {send: true}`) }

func numbered(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(list, ",")
}
