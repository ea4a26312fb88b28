package clevertaptest_test

import (
	"net/http"
	"strings"
	"testing"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// The tests of package query show that proper questions are answered.
func TestReadsThatAreRefused(t *testing.T) {
	const (
		api    = "https://api.clevertap.com/1/"
		proper = `{"event_name":"TRIAL_STARTED","from":20261120,"to":20261122}`
		trends = "counts/trends.json"
	)
	asked := func(from, to string) string {
		return `{"event_name":"TRIAL_STARTED","from":` + from + `,"to":` + to + `}`
	}
	with := func(more string) string { return strings.Replace(proper, "}", ","+more+"}", 1) }
	wrongRegion := func(r *http.Request) { r.Host = "in1.api.clevertap.com" }
	for name, c := range map[string]struct {
		method, path, query, body string
		change                    func(*http.Request)
		status                    int
	}{
		"no name":               {"POST", "events.json", "", `{"from":20261120,"to":20261122}`, nil, 400},
		"no day":                {"POST", "events.json", "", `{"event_name":"TRIAL_STARTED","from":20261120}`, nil, 400},
		"a day that is none":    {"POST", "events.json", "", asked("20261131", "20261201"), nil, 400},
		"days as texts":         {"POST", "events.json", "", asked(`"20261120"`, "1"), nil, 400},
		"backwards":             {"POST", "events.json", "", asked("20261122", "20261120"), nil, 400},
		"too large a page":      {"POST", "events.json", "batch_size=5001", proper, nil, 400},
		"an unknown cursor":     {"GET", "events.json", "cursor=x", "", nil, 400},
		"a query that is wrong": {"GET", "events.json", "cursor=%zz", "", nil, 400},
		"no trends":             {"POST", trends, "", with(`"groups":{}`), nil, 400},
		"an unknown trend":      {"POST", trends, "", with(`"groups":{"g":{"trend_type":"unheard"}}`), nil, 400},
		"an unknown member":     {"POST", trends, "", with(`"groups":{"g":{"trend_type":"daily"}},"x":1`), nil, 400},
		"an unknown request":    {"GET", trends, "req_id=7", "", nil, 400},
		"nobody's profile":      {"GET", "profile.json", "", "", nil, 400},
		"two people's profile":  {"GET", "profile.json", "identity=a&objectId=b", "", nil, 400},
		"a posted profile":      {"POST", "profile.json", "identity=a", "", nil, 405},
		"a fetched upload":      {"GET", "upload", "", "", nil, 405},
		"a wrong passcode":      {"POST", "events.json", "", proper, header("X-CleverTap-Passcode", "x"), 401},
		"another region":        {"POST", "events.json", "", proper, wrongRegion, 401},
	} {
		s := serverOf()
		post(t, s, events(1))
		r := requestOf(t, api+c.path, c.body, c.change)
		r.Method, r.URL.RawQuery = c.method, c.query
		if got := call(t, s.Transport(), r); got.status != c.status {
			t.Errorf("%s: status %d, want %d: %s", name, got.status, c.status, got.body)
		}
	}
	if err := (ct.Account{TimeZone: "Paris/Europe"}).Check(); err == nil {
		t.Error("a time zone that does not exist is taken")
	}
}
