package mapping_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// result maps a body as the forwarder does, and gives the outcome in the oracle's words.
func result(t testing.TB, m *mapping.Mapper, r *mapping.Result, e *webhook.Event, body []byte, app *integration.App, sandbox bool) outcome {
	t.Helper()
	if err := e.Read(body); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	to, err := mapping.Route(e, app, func() (bool, error) { return sandbox, nil })
	if err != nil {
		t.Fatal(err)
	}
	m.Map(r, e, app, to, atReceipt, nil)
	if r.Reject != "" {
		return outcome{Skip: string(r.Reject)}
	}
	got := outcome{Skip: string(r.Skip), Event: string(r.Event), Charged: string(r.Charged), Drift: slices.Compact(slices.Sorted(slices.Values(r.Drift)))}
	if r.Profile != nil {
		got.Profile, got.At = string(mapping.Merge(nil, []*mapping.Profile{r.Profile})), r.Profile.At
	}
	if r.Other != nil {
		got.Other = string(mapping.Merge(nil, []*mapping.Profile{r.Other}))
	}
	return got
}

func TestTenThousandWebhooksMeanWhatTheOracleSays(t *testing.T) {
	t.Parallel()
	const files, webhooks = 100, 100
	var r mapping.Result
	var e webhook.Event
	m := mapping.New()
	said := map[string]int{}
	for f := range files {
		d := newDice(uint64(f))
		s, file := d.settings()
		app := load(t, file)
		for range webhooks {
			body := d.body()
			want := ask(body, s)
			if diff := cmp.Diff(want, result(t, m, &r, &e, body, app, s.hasSandboxAccount)); diff != "" {
				t.Fatalf("the oracle says otherwise (-oracle +mapping):\n%s\n%s\n%s", diff, body, file)
			}
			said[want.Skip]++
			for what, record := range map[string]string{"event": want.Event, "profile": want.Profile, "charged": want.Charged, "other": want.Other} {
				if record != "" {
					said[what]++
				}
			}
		}
	}
	for _, what := range []string{"", "disabled", "sandbox", "no_identity", "anonymous", "event_off", "event", "profile", "charged", "other"} {
		if said[what] < 20 {
			t.Errorf("only %d webhooks of the kind %q: the comparison says little about it", said[what], what)
		}
	}
}

func TestOneMapperServesManyAtOnce(t *testing.T) {
	t.Parallel()
	m := mapping.New()
	app := load(t, "apps:\n  demo: {}\n")
	var want string
	for i := range 8 {
		var e webhook.Event
		var r mapping.Result
		got := result(t, m, &r, &e, renewal, app, false).Event
		if i == 0 {
			want = got
		}
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			for range 100 {
				if got := result(t, m, &r, &e, renewal, app, false).Event; got != want {
					t.Fatalf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

// TestMapDoesNotAllocate maps webhooks again that it has seen before, as a warm forwarder does with those of a kind.
func TestMapDoesNotAllocate(t *testing.T) {
	app := load(t, "apps:\n  demo: {revenue: {charged: true}, user_properties: {default: all}}\n")
	m := mapping.New()
	for name, body := range map[string][]byte{
		"a renewal": renewal,
		"a payment": []byte(`{"event_name":"TRANSACTION_PROCESSED","event_id":"e","user_id":"a","environment":"PRODUCTION","amount_in_eur":9.90}`),
		"what nobody knows": []byte(`{"event_name":"ACTIVATE","user_id":"a","attribution":{"utm_source":"x","at":"2026-01-02"},"Tier %":"g\u00e9","x":{"y":{"z":[1,{"a":2}]}},` +
			`"list":["\u00e9"],"plan":7,"purchased_at":"soon"}`),
	} {
		var e webhook.Event
		var r mapping.Result
		var upload []byte
		states := make([]*mapping.Profile, 1)
		allocations := testing.AllocsPerRun(100, func() {
			if err := e.Read(body); err != nil {
				t.Fatal(err)
			}
			m.Map(&r, &e, app, mapping.Production, atReceipt, nil)
			states[0] = r.Profile
			upload = mapping.Merge(append(upload[:0], r.Event...), states)
		})
		if allocations > 2 { // names that the catalogue does not list, such as amount_in_eur
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}
