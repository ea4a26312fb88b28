package clevertap_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestSame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		a, b string
		want bool
	}{
		"letter case does not count":              {"Trial Started", "TRIAL STARTED", true},
		"spaces do not count":                     {"Trial Started", "trialstarted", true},
		"spaces at the ends do not count":         {" trial", "trial  ", true},
		"a tab and a hard space are spaces":       {"a\tb\u00a0c", "abc", true},
		"an underscore counts":                    {"TRIAL_STARTED", "Trial Started", false},
		"one name begins the other":               {"trial", "trials", false},
		"letters beyond ASCII have a case too":    {"ÉTÉ", "été", true},
		"other letters beyond ASCII are others":   {"été", "ete", false},
		"nothing and spaces are one":              {"", "  ", true},
		"nothing and something are not":           {" ", "a", false},
		"what is not UTF-8 is still compared":     {"a\xff", "A \xff", true},
		"a rune cut off does not run into an end": {"a\xe2\x82", "a", false},
	} {
		same, reverse := clevertap.Same(test.a, []byte(test.b)), clevertap.Same([]byte(test.b), test.a)
		folds := bytes.Equal(clevertap.Fold(nil, test.a), clevertap.Fold(nil, test.b))
		if same != test.want || reverse != test.want || folds != test.want {
			t.Errorf("%s: same %t, the other way round %t, equal folds %t", name, same, reverse, folds)
		}
	}
	if got := string(clevertap.Fold([]byte("x:"), []byte("A b"))); got != "x:ab" {
		t.Errorf("fold does not append: %q", got)
	}
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, c := range "%<>!|&.:;$'\"\\" {
		if got := clevertap.Forbidden("plan"+string(c), false); got != c {
			t.Errorf("in %q: %q, want %q", "plan"+string(c), got, c)
		}
	}
	for name, want := range map[string]rune{
		"Subscription Started": 0, "a.b$c": '.', "a#b": '#', "prénom_日本": 0, // in a profile
	} {
		if got := clevertap.Forbidden(name, true); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := clevertap.Forbidden("a#b", false); got != 0 {
		t.Errorf("a hash in an event's name: %q", got)
	}
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		name    string
		limit   int
		profile bool
		want    string
	}{
		"a clean name stays":                   {"Plan name", 120, true, "Plan name"},
		"forbidden characters go":              {"a.b$c%", 120, false, "abc"},
		"a hash stays in an event":             {"a#b", 120, false, "a#b"},
		"a hash goes from a profile":           {"a#b", 120, true, "ab"},
		"outer spaces go, inner ones stay":     {"  a  b \t", 120, false, "a  b"},
		"what becomes an outer space goes too": {"$ a .", 120, false, "a"},
		"a long name is cut":                   {"abcdef", 4, false, "abcd"},
		"it is cut between runes":              {"abc€", 5, false, "abc"},
		"a rune that fits stays":               {"abc€", 6, false, "abc€"},
		"it is cut after it is cleaned":        {"$$$$abcd", 4, false, "abcd"},
		"the cut leaves no space at the end":   {"abc def", 4, false, "abc"},
		"nothing may be left":                  {" $.! ", 120, false, ""},
		"nothing stays nothing":                {"", 120, false, ""},
		"a limit of nothing leaves nothing":    {"€", 1, false, ""},
	} {
		out, changed := clevertap.CleanName([]byte("x:"), []byte(test.name), test.limit, test.profile)
		if got := strings.TrimPrefix(string(out), "x:"); got != test.want || changed != (test.want != test.name) {
			t.Errorf("%s: %q, changed %t, want %q", name, got, changed, test.want)
		}
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	check := func(what string, reserved func(string) bool, want bool, names ...string) {
		for _, name := range names {
			if reserved(name) != want {
				t.Errorf("%s %q reserved: %t", what, name, !want)
			}
		}
	}
	check("event", clevertap.ReservedEvent, true, "Notification Sent", "notificationsent", "APP LAUNCHED",
		"Identity Error", "wzrk_d", "SCCampaignOptOut", "Partner Sync", "Web Page Viewed", "webpageviewed", "stayed")
	check("event", clevertap.ReservedEvent, false, "Charged", "SUBSCRIPTION_STARTED", "App_Launched", "", "Appt")
	check("profile key", clevertap.ReservedProfileKey, true, "Name", "email", "PHONE", "customertype", "dob", "tz",
		"Customer Type", "MSG-email", "msg-anything", "M S G -x", "category-unsubscribe", "Category-Resubscribe",
		"identity", "objectid", "objectId", "fbid", "GPID")
	check("profile key", clevertap.ReservedProfileKey, false, "MSG_email", "plan", "", "store_name", "Premium")
}

func FuzzNames(f *testing.F) {
	f.Add("Trial Started", "trialstarted", 5)
	f.Add(" a.b\u00a0", "été", 3)
	f.Fuzz(func(t *testing.T, a, b string, limit int) {
		limit = max(0, limit%200)
		if clevertap.Same(a, b) != bytes.Equal(clevertap.Fold(nil, a), clevertap.Fold(nil, b)) {
			t.Error("Same and Fold disagree")
		}
		out, changed := clevertap.CleanName(nil, []byte(a), limit, true)
		if len(out) > limit || clevertap.Forbidden(string(out), true) != 0 || changed != (string(out) != a) {
			t.Errorf("cleaned to %q, changed %t", out, changed)
		}
		if utf8.ValidString(a) && !utf8.Valid(out) {
			t.Errorf("cut inside a rune: %q", out)
		}
		again, changed := clevertap.CleanName(nil, out, limit, true)
		if utf8.ValidString(a) && (changed || !bytes.Equal(again, out)) { // names are, once a webhook is read
			t.Errorf("a clean name was cleaned to %q", again)
		}
		cut := clevertap.Cut(a, limit)
		tooShort := len(a) > limit && utf8.ValidString(a) && len(cut) < limit-3
		if len(cut) > limit || !strings.HasPrefix(a, cut) || tooShort {
			t.Errorf("cut to %q", cut)
		}
	})
}
