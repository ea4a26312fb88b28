package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestNotesTellWhatIsDroppedOrChangedAndWhy(t *testing.T) {
	t.Parallel()
	const subscription = `{"event_name":"ACTIVATE","user_id":"a","environment":"PRODUCTION"`
	const money = `{"event_name":"TRANSACTION_PROCESSED","user_id":"a","environment":"PRODUCTION"`
	for name, c := range map[string]struct {
		body, file string
		to         mapping.Destination
		want       string // subject | name | sent | words of the rule | line
	}{
		"the app is off":                {subscription + `}`, "{enabled: false}", 0, "message|||disabled|2"},
		"the sandbox is off":            {subscription + `}`, "{sandbox: skip}", mapping.NoAccount, "message|||sandbox|2"},
		"nobody is addressed":           {`{"event_name":"ACTIVATE"}`, "{}", 0, "message|||no_identity|0"},
		"anonymous subscribers are off": {`{"event_name":"ACTIVATE","anonymous_user_id":"a"}`, "{anonymous: skip}", 0, "message|||anonymous|2"},
		"the event is off":              {subscription + `}`, "{server_events: {events: {ACTIVATE: {send: false}}}}", 0, "event|ACTIVATE|||2"},
		"the event is renamed":          {subscription + `}`, "{server_events: {events: {ACTIVATE: {name: On}}}}", 0, "event|ACTIVATE|On|rename|2"},
		"the event has a prefix":        {subscription + `}`, "{server_events: {prefix: 'P '}}", 0, "event|ACTIVATE|P ACTIVATE||2"},
		"an unknown event is cleaned": {
			`{"event_name":"a.b","user_id":"a"}`, "{}", 0, "event|a.b|ab|forbidden|0",
		},
		"an unknown event must not be money": {`{"event_name":"charged","user_id":"a"}`, "{}", 0, "event|charged|_charged||0"},
		"an event without a name":            {`{"event_name":"$","user_id":"a"}`, "{}", 0, "message|$||nothing is left|0"},
		"a property is off":                  {subscription + `,"plan":"x"}`, "{server_events: {properties: {plan: {send: false}}}}", 0, "property|plan||off|2"},
		"a property is renamed":              {subscription + `,"plan":"x"}`, "{server_events: {properties: {plan: {name: P}}}}", 0, "property|plan|P|rename|2"},
		"an object is off":                   {subscription + `,"attribution":{"a":1}}`, "{server_events: {properties: {attribution: {send: false}}}}", 0, "property|attribution||off|2"},
		"an inner object is off":             {subscription + `,"x":{"y":{"z":1}}}`, "{server_events: {properties: {x_y: {send: false}}}}", 0, "property|x_y||off|2"},
		"a system property is renamed":       {subscription + `,"device_type":"TV"}`, "{}", 0, "property|device_type|purchase_device_type|default|0"},
		"a token is off":                     {subscription + `,"purchase_token":"x"}`, "{}", 0, "property|purchase_token||unless named|0"},
		"an address is no property":          {subscription + `,"clevertap_id":"x"}`, "{}", 0, "property|clevertap_id||address|0"},
		"nor is one in an object":            {subscription + `,"attributes":{"clevertap_id":"x"}}`, "{}", 0, "property|attributes_clevertap_id||address|0"},
		"null is left out":                   {subscription + `,"plan":null}`, "{}", 0, "property|plan||null|0"},
		"empty texts are left out":           {subscription + `,"x":{"y":""}}`, "{}", 0, "property|x_y||empty|0"},
		"dates change":                       {subscription + `,"purchased_at":"2026-01-02"}`, "{}", 0, "property|purchased_at|purchased_at|$D_|0"},
		"twins are dropped":                  {subscription + `,"purchased_at":"2026-01-02","purchased_at_ms":1}`, "{}", 0, "property|purchased_at_ms||milliseconds|0"},
		"twins stand in":                     {subscription + `,"purchased_at_ms":1}`, "{}", 0, "property|purchased_at_ms|purchased_at|milliseconds|0"},
		"twins that cannot be read":          {subscription + `,"purchased_at_ms":"x"}`, "{}", 0, "property|purchased_at_ms||cannot be read|0"},
		"twins of unknown dates are dropped": {subscription + `,"x_at":"2026-01-02","x_at_ms":1}`, "{}", 0, "property|x_at_ms||milliseconds|0"},
		"types follow the documentation":     {subscription + `,"plan":7}`, "{}", 0, "property|plan|plan|type|0"},
		"arrays are text":                    {subscription + `,"x":[1]}`, "{}", 0, "property|x|x|arrays|0"},
		"long values are cut":                {subscription + `,"plan":"` + strings.Repeat("x", 513) + `"}`, "{}", 0, "property|plan|plan|512|0"},
		"names are cleaned":                  {subscription + `,"x%":1}`, "{}", 0, "property|x%|x|forbidden|0"},
		"names with nothing left fall":       {subscription + `,"%":1}`, "{}", 0, "property|%||nothing is left|0"},
		"names that are there fall":          {subscription + `,"x":1,"X":2}`, "{}", 0, "property|X||same name|0"},
		"properties beyond the limit fall":   {subscription + many(110) + `}`, "{}", 0, "property|n100||at most 100|0"},
		"a user property is off by default":  {subscription + `,"product":"x"}`, "{}", 0, "user property|product||published|0"},
		"a user property is off":             {subscription + `,"plan":"x"}`, "{user_properties: {properties: {plan: {send: false}}}}", 0, "user property|plan||off|2"},
		"a user property is renamed":         {subscription + `,"plan":"x"}`, "{user_properties: {properties: {plan: {name: P}}}}", 0, "user property|plan|P|rename|2"},
		"a user property of the file is off": {subscription + `,"x":1}`, "{user_properties: {properties: {x: {send: false}}}}", 0, "user property|x||off|2"},
		"a derived one is off":               {subscription + `}`, "{user_properties: {properties: {has_active_subscription: {send: false}}}}", 0, "user property|has_active_subscription||off|2"},
		"a derived one cannot be told":       {subscription + `}`, "{}", 0, "user property|subscription_started_at||does not tell|0"},
		"objects do not go into profiles":    {subscription + `,"plan":{"a":1}}`, "{}", 0, "user property|plan||objects|0"},
		"one-time purchases have no profile": {subscription + `,"purchase_type":"CONSUMABLE"}`, "{}", 0, "profile|||one-time|0"},
		"no user property is left":           {subscription + `}`, "{user_properties: {default: none}}", 0, "profile|||no user property|0"},
		"the other subscriber's address is not known": {
			`{"event_name":"SUBSCRIPTION_RECEIVED","clevertap_id":"x","transferred_from_user_id":"b"}`, "{}", 0, "profile|||CleverTap ID|0",
		},
		"Charged is off":               {money + `}`, "{revenue: {charged: false}}", 0, "charged|||off|2"},
		"refunds are not charged":      {money + `,"amount_in_eur":-1}`, "{revenue: {charged: true}}", 0, "charged|amount_in_eur||refunds|0"},
		"an amount is missing":         {money + `}`, "{revenue: {charged: true}}", 0, "charged|amount_in_xxx||missing|0"},
		"a currency is missing":        {money + `,"amount_in_customer_currency":1}`, "{revenue: {charged: true, currency: customer}}", 0, "charged|customer_currency||currency|2"},
		"the environment is not known": {`{"event_name":"TRANSACTION_PROCESSED","user_id":"a","amount_in_eur":1}`, "{revenue: {charged: true}}", 0, "charged|||PRODUCTION|0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e webhook.Event
			if err := e.Read([]byte(c.body)); err != nil {
				t.Fatal(err)
			}
			want := strings.Split(c.want, "|")
			var told []string
			found := 0
			mapping.New().Map(new(mapping.Result), &e, load(t, "apps:\n  demo: "+c.file+"\n"), c.to, atReceipt, func(n mapping.Note) {
				told = append(told, fmt.Sprintf("%s|%s|%s|%s|%d", n.Subject, n.Name, n.Sent, n.Rule, n.Origin.Line))
				if n.Subject == want[0] && n.Name == want[1] && n.Sent == want[2] && strings.Contains(n.Rule, want[3]) && fmt.Sprint(n.Origin.Line) == want[4] {
					found++
				}
			})
			if found != 1 {
				t.Errorf("%d notes are like %q:\n%s", found, c.want, strings.Join(told, "\n"))
			}
		})
	}
}

func TestNothingIsNewsAboutThePropertiesOfAnEventThatIsOff(t *testing.T) {
	t.Parallel()
	var e webhook.Event
	if err := e.Read([]byte(`{"event_name":"ACTIVATE","user_id":"a","x%":1,"plan":null,"purchased_at":"2026-01-02"}`)); err != nil {
		t.Fatal(err)
	}
	mapping.New().Map(new(mapping.Result), &e, load(t, "apps:\n  demo: {server_events: {default: skip}}\n"), mapping.Production, atReceipt, func(n mapping.Note) {
		if n.Subject == "property" {
			t.Errorf("told of %q: %s", n.Name, n.Rule)
		}
	})
}

// many makes n members.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":1`, i)
	}
	return b.String()
}
