package clevertaptest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// ask calls the second port.
func ask(t *testing.T, s *clevertaptest.Server, method, target, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestSecondPortShowsWhatIsThere(t *testing.T) {
	s := serverOf(twoAccounts)
	post(t, s, list(strings.Replace(event(1, `,"seen":"2026-11-02"`), "reader-7731", "a", 1)))
	post(t, s, list(`{"type":"event","identity":"a","ts":1793620800,"evtName":"Charged","evtData":{"Amount":9.90,"Currency":"EUR","event_id":"1"}}`))
	post(t, s, list(strings.Replace(event(1, ""), "reader-7731", "b", 1), `7`))
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":"b"}`))
	const at = `"time":"2026-11-02T12:00:00Z"`
	for target, want := range map[string]string{
		"/health":     `{"status":"ok"}`,
		"/objections": `[{"account":"TEST-123-4567","request":1,"position":1,"rule":"iso_date","key":"seen"},{"account":"TEST-123-4567","request":3,"position":1,"rule":"duplicate","key":"event_id"}]`,
		"/duplicates": `[{"account":"TEST-123-4567","event_id":"1","name":"TRIAL_STARTED","first":1,"number":3}]`,
		"/profiles":   `[{"account":"TEST-123-4567","key":"identity","id":"a","data":{},"unknown":true,"request":1,"records":2}]`,
		"/deletions":  `[{"account":"TEST-123-4567","request":4,` + at + `,"key":"identity","id":"b"}]`,
		"/revenue":    `[{"account":"TEST-123-4567","currency":"EUR","amount":"9.9","count":1}]`,
		"/records?after=2": `[{"number":3,"account":"TEST-123-4567","request":3,"position":1,` + at + `,"type":"event","key":"identity","id":"b",` +
			`"name":"TRIAL_STARTED","event_id":"1","raw":"{\"type\":\"event\",\"identity\":\"b\",\"ts\":1793620800,\"evtName\":\"TRIAL_STARTED\",\"evtData\":{\"event_id\":\"1\"}}"}]`,
		"/records?id=a&key=objectId":     `[]`,
		"/records?account=TEST-2":        `[]`,
		"/profiles?account=TEST-2":       `[]`,
		"/requests?account=TEST-2":       `[]`,
		"/accounts?account=TEST-2":       `[{"id":"TEST-2","region":"in1","label":"sandbox","records":0,"profiles":0,"unknown":0,"in_flight":0,"highest_in_flight":0,"dry_runs":0,"deletions":0,"objections":0,"duplicates":0,"refusals":{}}]`,
		"/accounts?account=" + account:   `[{"id":"TEST-123-4567","region":"eu1","records":3,"profiles":1,"unknown":1,"in_flight":0,"highest_in_flight":1,"dry_runs":0,"deletions":1,"objections":2,"duplicates":1,"refusals":{"524":1}}]`,
		"/objections?account=TEST-2":     `[]`,
		"/records?id=b&key=identity&a=1": "",
	} {
		status, got := ask(t, s, http.MethodGet, target, "")
		if want == "" {
			if status != http.StatusOK || strings.Count(got, `"number"`) != 1 {
				t.Errorf("%s: %d %s", target, status, got)
			}
			continue
		}
		if diff := cmp.Diff(want, strings.ReplaceAll(strings.TrimSpace(got), localTime(), "2026-11-02T12:00:00Z")); status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d %s", target, status, diff)
		}
	}
	if _, got := ask(t, s, http.MethodGet, "/requests", ""); strings.Contains(got, passcode) || strings.Count(got, `"number"`) != 4 || !strings.Contains(got, `"duration":"0s"`) {
		t.Errorf("requests: %s", got)
	}
}

// localTime is how the servers' time is written where the tests run.
func localTime() string { return time.Unix(now, 0).Format(time.RFC3339Nano) }

func TestSecondPortCommands(t *testing.T) {
	s := serverOf()
	for _, c := range []struct {
		method, target, body string
		want                 int
		upload               int // the status of an upload afterwards
	}{
		{http.MethodPost, "/faults", `{"kind":"status","status":429,"retry_after":"1","until":"1h"}`, 200, 429},
		{http.MethodDelete, "/faults", ``, 200, 200},
		{http.MethodPost, "/faults", ` [{"kind":"latency","wait":"1ns"},{"kind":"status","count":1}]`, 200, 503},
		{http.MethodPost, "/faults", `{"kind":"thunder"}`, 400, 200},
		{http.MethodPost, "/faults", `{"kind":"status","sTatus":429}`, 400, 200},
		{http.MethodPost, "/faults", `{"kind":"latency","wait":"soon"}`, 400, 200},
		{http.MethodPost, "/faults", `x`, 400, 200},
		{http.MethodPost, "/accounts", `{"id":"TEST-123-4567","passcodes":["new-passcode"]}`, 200, 401},
		{http.MethodPost, "/accounts", `{"id":"TEST-123-4567","passcodes":["demo-passcode"],"limits":{"bytes":1}}`, 200, 413},
		{http.MethodPost, "/accounts", `{"passcodes":["x"]}`, 400, 413},
		{http.MethodPost, "/accounts", `{"id":"TEST-123-4567","passcodes":["demo-passcode"]}`, 200, 200},
		{http.MethodPost, "/faults", `{"kind":"status"}`, 200, 503},
		{http.MethodPost, "/reset", ``, 200, 200},
		{http.MethodGet, "/reset", ``, 405, 200},
		{http.MethodGet, "/nothing", ``, 404, 200},
		{http.MethodPost, "/faults", strings.Repeat(" ", 1<<20+1), 400, 200},
	} {
		status, got := ask(t, s, c.method, c.target, c.body)
		if status != c.want {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.target, c.body, status, got)
		}
		if status == http.StatusBadRequest && !strings.HasPrefix(got, `{"error":"`) {
			t.Errorf("%s %.60s: %s", c.target, c.body, got)
		}
		if status := post(t, s, events(1)).status; status != c.upload {
			t.Errorf("after %s %s %.60s an upload is answered %d", c.method, c.target, c.body, status)
		}
	}
}

func TestFaultsKeepTheirShapeInJSON(t *testing.T) {
	text := `[{"kind":"status","account":"a","path":"/1/upload","from":2,"count":3,"rate":0.5,"after":"1s","until":"2s","status":500,"body":"html",` +
		`"retry_after":"9","location":"/x","over":7,"stored":true},{"kind":"passing","marker":"m","share":0.1,"times":2,"code":599},` +
		`{"kind":"expire","passcode":"p"},{"kind":"throttle","in_flight":4},{"kind":"wrong_index","index":"zero"},{"kind":"bad_count","by":-2},{"kind":"trickle","wait":"1ms"}]`
	want := []clevertaptest.Fault{
		{
			Kind: clevertaptest.Status, Account: "a", Path: "/1/upload", From: 2, Count: 3, Rate: 0.5, After: time.Second, Until: 2 * time.Second,
			Status: 500, Body: "html", RetryAfter: "9", Location: "/x", Over: 7, Stored: true,
		},
		{Kind: clevertaptest.Passing, Marker: "m", Share: 0.1, Times: 2, Code: 599},
		{Kind: clevertaptest.Expire, Passcode: "p"},
		{Kind: clevertaptest.Throttle, InFlight: 4},
		{Kind: clevertaptest.WrongIndex, Index: "zero"},
		{Kind: clevertaptest.BadCount, By: -2},
		{Kind: clevertaptest.Trickle, Wait: time.Millisecond},
	}
	got, err := clevertaptest.ParseFaults([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTextIsExactInJSON(t *testing.T) {
	want := clevertaptest.Text("{ \"a\" : \"é\\u0041\" }\n")
	encoded, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got clevertaptest.Text
	if err := json.Unmarshal(encoded, &got); err != nil || string(got) != string(want) {
		t.Errorf("%q, %v", got, err)
	}
}
