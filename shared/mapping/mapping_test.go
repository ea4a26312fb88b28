package mapping_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// atReceipt is when the webhooks of the tests were received.
var atReceipt = time.Date(2026, time.November, 23, 8, 15, 30, 417_000_000, time.UTC)

// load reads an integration file with an app called demo.
func load(t testing.TB, text string) *integration.App {
	t.Helper()
	file, problems := integration.Load("integrations.yaml", []byte(text))
	if file == nil {
		t.Fatalf("integration file: %v", problems)
	}
	return file.Apps["demo"]
}

// demo is the app with some settings.
func demo(t testing.TB, settings string) *integration.App {
	t.Helper()
	return load(t, "apps:\n  demo: "+settings+"\n")
}

// read reads a webhook.
func read(t testing.TB, body string) *webhook.Event {
	t.Helper()
	e := new(webhook.Event)
	if err := e.Read([]byte(body)); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

// mapped maps a webhook for an app with some settings.
func mapped(t testing.TB, body, settings string, to mapping.Destination) *mapping.Result {
	t.Helper()
	r := new(mapping.Result)
	mapping.New().Map(r, read(t, body), demo(t, settings), to, atReceipt, mapping.Known{}, nil)
	return r
}

// encoded is a profile's record; nil if there is none.
func encoded(p *mapping.Profile) []byte {
	if p == nil {
		return nil
	}
	return mapping.Merge(nil, []*mapping.Profile{p})
}

// golden is what became of a webhook: want.json.
type golden struct {
	Skip    string         `json:"skip,omitempty"`
	Reject  string         `json:"reject,omitempty"`
	Event   jsontext.Value `json:"event,omitempty"`
	Profile jsontext.Value `json:"profile,omitempty"`
	Charged jsontext.Value `json:"charged,omitempty"`
	Other   jsontext.Value `json:"other,omitempty"`
	Drift   []string       `json:"drift,omitempty"`
}

// TestGolden maps every in.json below testdata with the app of its folder's integrations.yaml, else with demo: {}. The
// records, with a line for every property, must be want.json to the byte. The secret has a sandbox account if the
// folder's name says routed. UPDATE_GOLDEN=1 writes want.json instead: read it before you keep it.
func TestGolden(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join("testdata", "*", "in.json"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("testdata is empty: %v", err)
	}
	for _, in := range folders {
		folder := filepath.Dir(in)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(filepath.Join(folder, "integrations.yaml"))
			if errors.Is(err, os.ErrNotExist) {
				file = []byte("apps:\n  demo: {}\n")
			}
			app, e, r := load(t, string(file)), read(t, string(body)), new(mapping.Result)
			routed := strings.Contains(folder, "routed")
			to, err := mapping.Route(e, app, func() (bool, error) { return routed, nil })
			if err != nil {
				t.Fatal(err)
			}
			mapping.New().Map(r, e, app, to, atReceipt, mapping.Known{}, nil)
			got, err := json.Marshal(golden{
				string(r.Skip), string(r.Reject), r.Event, encoded(r.Profile), r.Charged, encoded(r.Other), r.Drift,
			}, jsontext.Multiline(true), jsontext.WithIndent("  "), jsontext.PreserveRawStrings(true))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(filepath.Join(folder, "want.json"), got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(filepath.Join(folder, "want.json"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("records differ (-want +got):\n%s", diff)
			}
		})
	}
}

// What the answers are, the oracle says too: this is about the question.
func TestRouteAsksForTheSandboxAccountIfItMatters(t *testing.T) {
	t.Parallel()
	out := errors.New("secret is out of reach")
	for name, c := range map[string]struct {
		environment, settings string
		want                  mapping.Destination
		err                   error // nil if nobody asks
	}{
		"a sandbox purchase, in any letter case": {"Sandbox", "{}", mapping.NoAccount, out},
		"not a purchase in production":           {"PRODUCTION", "{}", mapping.Production, nil},
		"not if it is sent anyway":               {"SANDBOX", "{sandbox: send}", mapping.Production, nil},
		"not if it is skipped anyway":            {"SANDBOX", "{sandbox: skip}", mapping.NoAccount, nil},
		"not for an app that is off":             {"SANDBOX", "{enabled: false}", mapping.Production, nil},
	} {
		e := read(t, `{"event_name":"ACTIVATE","user_id":"a","environment":"`+c.environment+`"}`)
		to, err := mapping.Route(e, demo(t, c.settings), func() (bool, error) { return false, out })
		if to != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: to %v, error %v; want to %v, error %v", name, to, err, c.want, c.err)
		}
	}
}

func TestASubscriberWithoutALinkIsNamedIfALinkCouldMatter(t *testing.T) {
	t.Parallel()
	const anonymous = `"anonymous_user_id":"a"`
	for name, c := range map[string]struct {
		members, settings string
		known             mapping.Known
		want              bool
	}{
		"known by an anonymous id only": {anonymous, "{}", mapping.Known{}, true},
		"also if they are skipped":      {anonymous, "{anonymous: skip}", mapping.Known{}, true},
		"not with a link":               {anonymous, "{}", mapping.Known{Link: "x"}, false},
		"not with a user id": {
			anonymous + `,"user_id":"u"`, "{clevertap_id: always}", mapping.Known{}, false,
		},
		"not with a CleverTap ID":             {anonymous + `,"clevertap_id":"c"`, "{}", mapping.Known{}, false},
		"not if links are not used":           {anonymous, "{clevertap_id: never}", mapping.Known{}, false},
		"not if nothing is sent about them":   {anonymous, "{}", mapping.Known{Suppressed: true}, false},
		"not if nobody knows who they are":    {`"device_id":"d"`, "{}", mapping.Known{}, false},
		"not if the app's switch says it all": {anonymous, "{enabled: false}", mapping.Known{}, false},
	} {
		var r mapping.Result
		e := read(t, `{"event_name":"ACTIVATE",`+c.members+`}`)
		mapping.New().Map(&r, e, demo(t, c.settings), mapping.Production, atReceipt, c.known, nil)
		if r.Unlinked != c.want {
			t.Errorf("%s: Unlinked is %t", name, r.Unlinked)
		}
	}
}

func TestThePeopleOfAWebhook(t *testing.T) {
	t.Parallel()
	by := func(kind webhook.SubscriberKind, id string) webhook.Subscriber {
		return webhook.Subscriber{Kind: kind, ID: id}
	}
	user, anonymous := by(webhook.ByUser, "u"), by(webhook.ByAnonymous, "a")
	const own = `"anonymous_user_id":"a","user_id":"u"`
	const from = `,"transferred_from_user_id":"f","transferred_from_anonymous_user_id":"fa"`
	const to = `,"transferred_to_anonymous_user_id":"ta"`
	both := []webhook.Subscriber{user, anonymous}
	for name, c := range map[string]struct {
		event, members string
		want           mapping.People
	}{
		"by both ids, the user id first": {"ACTIVATE", own, mapping.People{Subscriber: both}},
		"by one": {
			"ACTIVATE", `"user_id":null,"anonymous_user_id":"a"`, mapping.People{Subscriber: []webhook.Subscriber{anonymous}},
		},
		"a device is nobody": {"ACTIVATE", `"device_id":"d","user_id":"null"`, mapping.People{}},
		"from whom a subscription came": {"SUBSCRIPTION_RECEIVED", own + from + to, mapping.People{
			Subscriber: both, Former: []webhook.Subscriber{by(webhook.ByUser, "f"), by(webhook.ByAnonymous, "fa")},
		}},
		"to whom it went": {"SUBSCRIPTION_TRANSFERRED", own + from + to, mapping.People{
			Subscriber: both, Next: []webhook.Subscriber{by(webhook.ByAnonymous, "ta")},
		}},
		"other events transfer nothing": {"SUBSCRIPTION_RENEWED", own + from + to, mapping.People{Subscriber: both}},
		"nor do those nobody knows":     {"BRAND_NEW", own + from + to, mapping.People{Subscriber: both}},
	} {
		got := mapping.FindPeople(read(t, `{"event_name":"`+c.event+`",`+c.members+`}`))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestResultHasIDAndTimeOfTheEvent(t *testing.T) {
	t.Parallel()
	const body = `{"event_name":"ACTIVATE","event_id":"e-\u0031","event_created_at":"2026-03-14T07:41:52.318Z"}`
	r := mapped(t, body, "{}", mapping.Production)
	if string(r.EventID) != "e-1" || r.Created != 1773474112318 || r.Skip != fault.NoIdentity {
		t.Errorf("id %q, created %d, skip %q", r.EventID, r.Created, r.Skip)
	}
	if r = mapped(t, `{"event_name":"ACTIVATE"}`, "{}", mapping.Production); len(r.EventID) > 0 || r.Created != 0 {
		t.Errorf("id %q, created %d of a webhook that has neither", r.EventID, r.Created)
	}
}

// A label that was cut in the middle of a character must not keep an ended subscriber active.
func TestWhatIsNoCharacterIsDriftAndTheRestCounts(t *testing.T) {
	t.Parallel()
	const body = `{"event_name":"DEACTIVATE","user_id":"u","environment":"PRODUCTION","plan":"gold ` + "\xf0\x9f\x98" +
		`",` +
		`"store":"\ud83c","attribution":{"utm":"\ud83c"},"x":["\ud83c"],"` + "\xff" + `":1}`
	r := mapped(t, body, "{}", mapping.Production)
	want := []string{"attribute plan", "value store", "attribute attribution", "attribute x", "attribute \ufffd"}
	if diff := cmp.Diff(want, r.Drift); diff != "" {
		t.Error(diff)
	}
	if !r.Update.Known || r.Update.Active || !r.Profile.HasActive() || !utf8.Valid(r.Event) ||
		!strings.Contains(string(r.Event), `"plan":"gold `+"\ufffd\ufffd\ufffd"+`"`) {
		t.Errorf("%+v %s", r.Update, r.Event)
	}
}

func TestOneMapperServesManyAtOnce(t *testing.T) {
	t.Parallel()
	m, app := mapping.New(), demo(t, "{}")
	want := string(mapped(t, string(renewal), "{}", mapping.Production).Event)
	for range 8 {
		t.Run("worker", func(t *testing.T) {
			t.Parallel()
			var r mapping.Result
			e := read(t, string(renewal))
			for range 100 {
				if m.Map(&r, e, app, mapping.Production, atReceipt, mapping.Known{}, nil); string(r.Event) != want {
					t.Fatalf("got  %s\nwant %s", r.Event, want)
				}
			}
		})
	}
}

// A process lives for hours, and each change of the settings brings new apps.
func TestAMapperForgetsAppsThatAreGone(t *testing.T) {
	m, e := mapping.New(), read(t, string(renewal))
	var r mapping.Result
	use := func(apps int) uint64 {
		for range apps {
			m.Map(&r, e, demo(t, "{}"), mapping.Production, atReceipt, mapping.Known{}, nil)
		}
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	before := use(400)
	if after := use(800); after > before+(4<<20) {
		t.Errorf("%d bytes became %d", before, after)
	}
	runtime.KeepAlive(m)
}

// Anybody who may sign webhooks may make up names for ever.
func TestNamesFromOutsideAreForgotten(t *testing.T) {
	m, app, most := mapping.New(), demo(t, "{}"), 0
	var r mapping.Result
	for n := range 3000 {
		e := read(t, fmt.Sprintf(`{"event_name":"ACTIVATE","user_id":"a","made_up_%d":1}`, n))
		m.Map(&r, e, app, mapping.Production, atReceipt, mapping.Known{}, nil)
		most = max(most, r.Remembered())
	}
	if most < 1000 || most > 1100 {
		t.Errorf("%d names are remembered", most)
	}
}

// TestMapDoesNotAllocate maps webhooks again that it has seen before, as a warm forwarder does with those of a kind.
func TestMapDoesNotAllocate(t *testing.T) {
	app := demo(t, "{revenue: {charged: true}, user_properties: {default: all}}")
	m := mapping.New()
	for name, body := range map[string]string{
		"a renewal": string(renewal),
		"a payment": `{"event_name":"TRANSACTION_PROCESSED","event_id":"e","user_id":"a",` +
			`"environment":"PRODUCTION","amount_in_eur":9.90}`,
		"what nobody knows": `{"event_name":"ACTIVATE","user_id":"a","plan":7,"purchased_at":"soon",` +
			`"attribution":{"utm_source":"x","at":"2026-01-02T03:04:05Z"},"Tier %":"g\u00e9",` +
			`"x":{"y":{"z":[1,{"a":2}]}},"list":["\u00e9"]}`,
	} {
		e := read(t, body)
		var r mapping.Result
		var upload []byte
		states := make([]*mapping.Profile, 1)
		allocations := testing.AllocsPerRun(100, func() {
			m.Map(&r, e, app, mapping.Production, atReceipt, mapping.Known{}, nil)
			states[0] = r.Profile
			upload = mapping.Merge(append(upload[:0], r.Event...), states)
		})
		if allocations > 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}
