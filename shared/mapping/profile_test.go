package mapping_test

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

var ranks = map[string]subscriber.Rank{
	"other": subscriber.Other, "grants": subscriber.OtherGrants, "deactivate": subscriber.Deactivate,
	"activate": subscriber.Activate,
}

// states makes states of reader-1, each of milliseconds, purchase, rank, and keys: "5000 a other n=1; 6000 …".
func states(t testing.TB, text string) (all []*mapping.Profile) {
	t.Helper()
	for state := range strings.SplitSeq(text, "; ") {
		words := strings.Split(state, " ")
		at, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		id := mapping.Identity{Value: []byte("reader-1")}
		p := &mapping.Profile{Identity: id, TS: at / 1000, At: at, Purchase: words[1], Rank: ranks[words[2]]}
		for _, key := range words[3:] {
			name, value, _ := strings.Cut(key, "=")
			p.Set(name, value)
		}
		all = append(all, p)
	}
	return all
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ states, ts, want string }{
		"one state is itself":                    {`5000 a other plan="gold" n=1`, "5", `"plan":"gold","n":1`},
		"milliseconds count for the order alone": {"5999 a other k=2; 5001 a other k=1", "5", `"k":2`},
		"the newest value of a key stays, at the oldest one's position": {
			"7000 a other plan=2 late=1; 5000 a other early=1 plan=1", "7", `"early":1,"plan":2,"late":1`,
		},
		"at one instant the queue decides between purchases": {"5000 a activate k=1; 5000 b deactivate k=2", "5", `"k":2`},
		"but the grant of a purchase wins over its end":      {"5000 a activate k=1; 5000 a deactivate k=2", "5", `"k":1`},
		"and the end over what is neither end nor grant":     {"5000 a deactivate k=1; 5000 a grants k=2", "5", `"k":1`},
		"the queue decides between what is neither":          {"5000 a grants k=1; 5000 a other k=2", "5", `"k":2`},
		"a purchase shares out its own positions only": {
			"5000 a activate k=1 a=1; 5000 b activate k=2; 5000 a other k=3 b=1", "5", `"k":1,"b":1,"a":1`,
		},
		"states without a purchase are one purchase": {"5000  activate k=1; 5000  other k=2", "5", `"k":1`},
		"equal ranks keep the queue's order":         {"5000 a other k=1; 5000 a other k=2; 5000 a other k=3", "5", `"k":3`},
		"an earlier instant is not reordered":        {"5000 a activate k=1; 5001 a other k=2", "5", `"k":2`},
		"keys that CleverTap treats as one are one":  {"5000 a other AB=1 x=1; 6000 a other ab=2", "6", `"ab":2,"x":1`},
	} {
		want := `before {"type":"profile","identity":"reader-1","ts":` + c.ts + `,"profileData":{` + c.want + `}}`
		if got := string(mapping.Merge([]byte("before "), states(t, c.states))); got != want {
			t.Errorf("%s: got\n%s, want\n%s", name, got, want)
		}
	}
}

func TestMergeOrdersTheEventsOfOneRenewalAlikeInAnyOrder(t *testing.T) {
	t.Parallel()
	renewed := []string{
		"5000 a activate active=1 status=2", "5000 a grants active=1 status=2", "5000 a other active=3 status=3",
		"5000 a deactivate active=4 status=4",
	}
	rapid.Check(t, func(r *rapid.T) {
		order := rapid.Permutation(renewed).Draw(r, "order")
		got := string(mapping.Merge(nil, states(t, strings.Join(order, "; "))))
		if !strings.HasSuffix(got, `"profileData":{"active":1,"status":2}}`) {
			r.Fatalf("%v: got %s", order, got)
		}
	})
}

// TestMergeIsWhatSendingOneAfterTheOtherWouldLeave replays the states in their order into a map.
func TestMergeIsWhatSendingOneAfterTheOtherWouldLeave(t *testing.T) {
	t.Parallel()
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 1, 5, rapid.ID)
	rapid.Check(t, func(r *rapid.T) {
		var texts []string
		left := map[string]any{}
		for i := range rapid.IntRange(1, 8).Draw(r, "states") {
			words := []string{strconv.Itoa(1000 + i/2), "", "other"}
			for _, name := range names.Draw(r, "keys") {
				words = append(words, fmt.Sprintf("%s=%d", name, i))
				left[name] = float64(i)
			}
			texts = append(texts, strings.Join(words, " "))
		}
		var record struct {
			ProfileData map[string]any `json:"profileData"`
		}
		if err := json.Unmarshal(mapping.Merge(nil, states(t, strings.Join(texts, "; "))), &record); err != nil {
			r.Fatal(err)
		}
		if !maps.Equal(record.ProfileData, left) {
			r.Fatalf("got %v, want %v", record.ProfileData, left)
		}
	})
}

func TestPlanPeriodicityIsReadOffTheDays(t *testing.T) {
	t.Parallel()
	period := func(days, hours int, members string) string { // renewals are not always to the minute
		from := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
		to := from.Add(time.Duration(24*days+hours) * time.Hour)
		body := fmt.Sprintf(`{"event_name":"ACTIVATE","user_id":"a","purchase_type":"RENEWING_SUBSCRIPTION",`+
			`"offer_type":"NONE","purchased_at_ms":%d,"next_renewal_at_ms":%d%s}`, from.UnixMilli(), to.UnixMilli(), members)
		const settings = "{sandbox: send, user_properties: {default: none, properties: {plan_periodicity: {send: true}}}}"
		_, data, _ := strings.Cut(string(encoded(mapped(t, body, settings, mapping.Production).Profile)), "profileData")
		return strings.Trim(data, `":{}`)
	}
	for days, want := range map[int]string{
		6: "", 7: "P1W", 8: "", 13: "", 14: "P2W", 15: "", 27: "", 28: "P1M", 31: "P1M", 32: "", 58: "", 59: "P2M",
		62: "P2M", 63: "", 88: "", 89: "P3M", 92: "P3M", 93: "", 180: "", 181: "P6M", 184: "P6M", 185: "", 364: "",
		365: "P1Y", 366: "P1Y", 367: "",
	} {
		if want != "" {
			want = `plan_periodicity":"` + want
		}
		if early, late := period(days, -11, ""), period(days, 11, ""); early != want || late != want {
			t.Errorf("%d days are %q and %q, want %q", days, early, late, want)
		}
	}
	for _, members := range []string{
		`,"commitment_number":1`, `,"offer_type":"PROMO_CODE"`, `,"environment":"SANDBOX"`, `,"next_renewal_at_ms":null`,
		`,"purchase_type":"NON_RENEWING_SUBSCRIPTION"`,
	} {
		if got := period(30, 0, members); got != "" {
			t.Errorf("%s: %q", members, got)
		}
	}
}

func TestProfileTakesTheDecisionOfSubscriberState(t *testing.T) {
	t.Parallel()
	const (
		body = `{"event_name":"SUBSCRIPTION_RENEWED","user_id":"a","plan":"gold","anonymous_user_id":"b",` +
			`"original_purchased_at":"2026-01-02T00:00:00Z"`
		unpaid  = body + `,"subscription_status":"UNPAID"}`
		unknown = body + `}`
		off     = "{user_properties: {properties: {has_active_subscription: {send: false}}}}"
		renamed = "{user_properties: {properties: {has_active_subscription: {name: Premium}}}}"
		none    = "{user_properties: {default: none}}"
		ids     = `"user_id":"a","plan":"gold","anonymous_user_id":"b"`
		started = `,"subscription_started_at":"$D_1767312000"`
	)
	active := subscriber.Decision{Known: true, Active: true}
	others := subscriber.Decision{Others: true, Known: true, Active: true}
	for name, c := range map[string]struct {
		body, settings string
		decision       subscriber.Decision
		want           string // nothing if there is no record
	}{
		"a value is replaced in its place": {
			unpaid, "{}", active, ids + `,"subscription_status":"UNPAID","has_active_subscription":true` + started,
		},
		"a missing value is added in its place": {unknown, "{}", active, ids + `,"has_active_subscription":true` + started},
		"under its name in the file": {
			unknown, renamed, subscriber.Decision{Known: true}, ids + `,"Premium":false` + started,
		},
		"a value that is alone is replaced": {
			unpaid, "{user_properties: {default: none, properties: {has_active_subscription: {send: true}}}}", active,
			`"has_active_subscription":true`,
		},
		"nothing is added if it is switched off": {unknown, off, active, ids + started},
		"nothing is known": {
			unpaid, "{}", subscriber.Decision{}, ids + `,"subscription_status":"UNPAID","has_active_subscription":false` +
				started,
		},
		"while another purchase is active only that and the ids go out": {
			unpaid, "{}", others, `"user_id":"a","anonymous_user_id":"b","has_active_subscription":true`,
		},
		"also if it had to be added": {
			unknown, "{}", others, `"user_id":"a","anonymous_user_id":"b","has_active_subscription":true`,
		},
		"only the ids if it is switched off":  {unpaid, off, others, `"user_id":"a","anonymous_user_id":"b"`},
		"nothing if the state has newer news": {unpaid, "{}", subscriber.Decision{Older: true}, ""},
		"nothing if nothing would be left": {
			unpaid, "{user_properties: {default: none, properties: {plan: {send: true}}}}", others, "",
		},
		"nothing if there is no profile at all": {unpaid, none, active, ""},
	} {
		p := mapped(t, c.body, c.settings, mapping.Production).Profile.Apply(c.decision)
		want := ""
		if c.want != "" {
			want = `{"type":"profile","identity":"a","ts":1795421730,"profileData":{` + c.want + `}}`
		}
		if got := string(encoded(p)); got != want || p != nil && p.HasActive() != (c.settings != off) {
			t.Errorf("%s: got\n%s, want\n%s", name, got, want)
		}
	}
}

func TestCopiesOutliveTheirResult(t *testing.T) {
	t.Parallel()
	var r mapping.Result
	var copies mapping.Copies
	m, app := mapping.New(), demo(t, "{}")
	for range 2 {
		copies.Forget()
		var kept []*mapping.Profile
		var want []string
		for _, plan := range []string{"gold", "silver", "bronze"} {
			body := `{"event_name":"ACTIVATE","user_id":"` + plan + `-reader","plan":"` + plan +
				`","purchasely_subscription_id":"s"}`
			m.Map(&r, read(t, body), app, mapping.Production, atReceipt, mapping.Known{}, nil)
			kept, want = append(kept, copies.Of(r.Profile)), append(want, string(encoded(r.Profile)))
		}
		for i, p := range kept {
			if got := string(encoded(p)); got != want[i] || p.Purchase != "s" {
				t.Errorf("got  %s\nwant %s", got, want[i])
			}
		}
	}
}
