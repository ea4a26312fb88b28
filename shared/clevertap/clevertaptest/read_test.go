package clevertaptest_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

const api = "https://api.clevertap.com/1/"

// at is an event of somebody at a time, with a price.
func at(id int, identity, when, price string) string {
	t, err := time.Parse(time.DateTime, when)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"type":"event","identity":%q,"ts":%d,"evtName":"Bought","evtData":{"event_id":"e%d","price":%s}}`,
		identity, t.Unix(), id, price)
}

// question asks a question, again for as long as the answer is not ready.
func question(t *testing.T, s *ct.Server, path, body string) answer {
	t.Helper()
	a := call(t, s.Transport(), requestOf(t, api+path, body))
	partial := regexp.MustCompile(`^\{"status":"partial","req_id":"?(\d+)"?\}$`)
	for match := partial.FindStringSubmatch(a.body); match != nil; match = partial.FindStringSubmatch(a.body) {
		a = call(t, s.Transport(), get(t, path+"?req_id="+match[1]))
	}
	return a
}

func get(t *testing.T, path string) *http.Request {
	t.Helper()
	return requestOf(t, api+path, "", func(r *http.Request) {
		r.Method = http.MethodGet
		r.Header.Del("Content-Type")
	})
}

func TestCountsAreByDayOfTheAccount(t *testing.T) {
	for seed := range uint64(20) {
		s := ct.New(ct.Config{Seed: seed, Accounts: []ct.Account{
			{ID: account, Passcodes: []string{passcode}, TimeZone: "Asia/Kolkata"}, // five and a half hours ahead
		}})
		post(t, s, list(
			at(1, "a", "2026-11-20 18:29:59", "4.99"), at(2, "a", "2026-11-20 18:30:00", "7"),
			at(3, "a", "2026-11-21 10:00:00", "-2.5"), at(4, "b", "2026-11-21 10:00:01", `"9"`),
			at(5, "b", "2026-11-22 18:30:00", "100"),
		))
		for asked, want := range map[string]map[string]int{
			`"groups":{"g":{"trend_type":"daily"}}`:                              {"20261120": 1, "20261121": 3},
			`"unique":true,"groups":{"g":{"trend_type":"daily"}}`:                {"20261120": 1, "20261121": 2},
			`"sum_event_prop":"price","groups":{"g":{"trend_type":"daily"}}`:     {"20261120": 4, "20261121": 5},
			`"sum_event_prop":"colour","groups":{"g":{"trend_type":"daily"}}`:    {},
			`"groups":{"g":{"trend_type":"daily"},"h":{"trend_type":"unheard"}}`: nil, // refused
			`"groups":{}`: nil,
			`"groups":{"g":{"trend_type":"daily"}},"event_properties":[{"name":1}]`: nil,
		} {
			got := question(t, s, "counts/trends.json", `{"event_name":"BOUGHT","from":20261120,"to":20261122,`+asked+`}`)
			if got.status != http.StatusOK {
				if want != nil || got.status != http.StatusBadRequest {
					t.Errorf("seed %d, %s: status %d", seed, asked, got.status)
				}
				continue
			}
			var read struct {
				G map[string]int `json:"g"`
			}
			if err := json.Unmarshal([]byte(got.body), &read); err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(read.G, func(_ string, n int) bool { return n == 0 })
			if want == nil || !maps.Equal(read.G, want) {
				t.Errorf("seed %d, %s: %v, want %v", seed, asked, read.G, want)
			}
		}
	}
}

func TestRowsComeInPages(t *testing.T) {
	s := serverOf()
	var records []string
	for i := range 50 {
		records = append(records, at(i, strconv.Itoa(100+i%3), fmt.Sprintf("2026-11-21 10:00:%02d", 59-i), "1"))
	}
	post(t, s, list(records...))
	post(t, s, list(`{"type":"event","objectId":"__gx","ts":1795255200,"evtName":"Bought","evtData":{}}`))
	cursor := regexp.MustCompile(`"(?:next_)?cursor":"(\w+)"`)
	a := question(t, s, "events.json?batch_size=7&profile=false", `{"event_name":"bought","from":20261121,"to":20261121}`)
	var times, ids []string
	pages := 0
	for match := cursor.FindStringSubmatch(a.body); match != nil; match = cursor.FindStringSubmatch(a.body) {
		a = call(t, s.Transport(), get(t, "events.json?cursor="+match[1]))
		for _, row := range regexp.MustCompile(`"ts":"?(\d+)"?`).FindAllStringSubmatch(a.body, -1) {
			times = append(times, row[1])
		}
		for _, row := range regexp.MustCompile(`"identity":"?(\d+)"?`).FindAllStringSubmatch(a.body, -1) {
			ids = append(ids, row[1])
		}
		if n := strings.Count(a.body, `"CT Source":"API"`); n > 7 {
			t.Errorf("%d rows on a page", n)
		}
		pages++
	}
	if len(times) != 51 || len(ids) != 50 || times[0] != "20261121100000" || times[50] != "20261121100059" || pages < 8 {
		t.Errorf("%d rows on %d pages, %d identities, from %q", len(times), pages, len(ids), times)
	}
}

func TestAProfileShowsWhatTheUserDid(t *testing.T) {
	s := serverOf()
	later, first := at(1, "a b", "2026-11-21 10:00:01", "1"), at(2, "a b", "2026-11-21 10:00:00", "1")
	post(t, s, list(later, first, profile("a b", `"Plan":"gold"`)))
	for _, c := range []struct{ query, want string }{
		{"identity=a+b", `"events":{"Bought":{"count":2,"first_seen":1795255200,"last_seen":1795255201}}`},
		{"identity=a+b", `"profileData":{"Plan":"gold"}`},
		{"identity=c", `"status":`},
		{"", "body cannot be read"},
		{"identity=a+b&objectId=c", "body cannot be read"},
	} {
		a := call(t, s.Transport(), get(t, "profile.json?"+c.query))
		if !strings.Contains(a.body, c.want) || strings.Contains(a.body, "record") != strings.Contains(c.want, "{") {
			t.Errorf("%s: %s, want %s", c.query, a.body, c.want)
		}
	}
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":"a b"}`))
	a := question(t, s, "counts/trends.json",
		`{"event_name":"Bought","from":20261121,"to":20261121,"groups":{"g":{"trend_type":"daily"}}}`)
	if strings.Contains(a.body, `:2`) {
		t.Errorf("of a deleted user: %s", a.body)
	}
}

func TestReadsThatAreRefused(t *testing.T) {
	const proper = `{"event_name":"Bought","from":20261120,"to":20261122}`
	asked := func(from, to string) string { return `{"event_name":"Bought","from":` + from + `,"to":` + to + `}` }
	wrongRegion := func(r *http.Request) { r.Host = "in1.api.clevertap.com" }
	for name, c := range map[string]struct {
		method, path, query, body string
		change                    func(*http.Request)
		status                    int
	}{
		"no name":               {"POST", "events.json", "", `{"from":20261120,"to":20261122}`, nil, 400},
		"no day":                {"POST", "events.json", "", `{"event_name":"Bought","from":20261120}`, nil, 400},
		"a day that is none":    {"POST", "events.json", "", asked("20261131", "20261201"), nil, 400},
		"days as texts":         {"POST", "events.json", "", asked(`"20261120"`, "1"), nil, 400},
		"backwards":             {"POST", "events.json", "", asked("20261122", "20261120"), nil, 400},
		"too large a page":      {"POST", "events.json", "batch_size=5001", proper, nil, 400},
		"an unknown cursor":     {"GET", "events.json", "cursor=x", "", nil, 400},
		"an unknown request":    {"GET", "counts/trends.json", "req_id=7", "", nil, 400},
		"a posted profile":      {"POST", "profile.json", "identity=a", "", nil, 405},
		"a fetched upload":      {"GET", "upload", "", "", nil, 405},
		"a query that is wrong": {"GET", "events.json", "cursor=%zz", "", nil, 400},
		"a wrong passcode":      {"POST", "events.json", "", proper, header("X-CleverTap-Passcode", "x"), 401},
		"another region":        {"POST", "events.json", "", proper, wrongRegion, 401},
	} {
		s := serverOf()
		post(t, s, list(at(1, "a", "2026-11-21 10:00:00", "1")))
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

func TestDroppedRecordsAreAnsweredAsAccepted(t *testing.T) {
	three := ct.Fault{Kind: ct.Drop, Marker: `"type":"event"`, Count: 3}
	s := serverOf(three, ct.Fault{Kind: ct.Drop, Marker: `"event_id":"9"`})
	for range 2 {
		if v := post(t, s, list(event(1, ""), profile("reader", ""), event(2, ""),
			event(9, ""))).read(t); *v.Processed != 4 {
			t.Errorf("%+v", v)
		}
	}
	var stored []string
	for _, r := range s.Records("") {
		stored = append(stored, r.Type+r.EventID)
	}
	if got := strings.Join(stored, " "); got != "profile event1 profile event2" {
		t.Errorf("stored: %s", got)
	}
}
