package clevertaptest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestRecordsAndDuplicatesAreOfOneAccount(t *testing.T) {
	s := serverOf()
	post(t, s, events(2))
	call(t, s.Transport(), requestOf(t, uploadIn1, events(2), bySecond))
	post(t, s, events(1))
	want := []ct.Warning{{Account: account, Request: 3, Position: 1, Rule: ct.Repeated, Key: "event_id"}}
	if got := s.Duplicates(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := s.Records(second); len(got) != 2 || got[0].Number != 3 || got[1].Position != 2 || got[0].Request != 2 {
		t.Errorf("%+v", got)
	}
}

func TestAnswersDiffer(t *testing.T) {
	s := serverOf()
	forms := map[string]int{}
	for range 30 {
		var order []int
		for _, e := range post(t, s, bad(6, 1, 2, 4, 5, 6)).read(t).Unprocessed {
			order = append(order, e.position())
			before, _, _ := strings.Cut(e.Error, "Skipped")
			forms["code "+e.Code.Kind().String()]++
			forms["ends "+before[len(strings.TrimRight(before, ". ")):]]++
			forms[fmt.Sprint("code in the text ", strings.Contains(e.Error, "ErrorCode: 513 - "))]++
		}
		forms[fmt.Sprint("in order ", slices.IsSorted(order))]++
	}
	for _, form := range []string{
		"code string", "code number", "ends .", "ends . ", "ends ..", "code in the text true",
		"code in the text false", "in order false",
	} {
		if forms[form] < 10 {
			t.Errorf("%s: %d times", form, forms[form])
		}
	}
}

// An echo is the record in other words, of which there may be two.
func TestEchoes(t *testing.T) {
	for _, test := range [][]string{
		{
			`{"type":"event","identity":"12345678901234","ts":1,"evtName":"Stayed","evtData":{"n":9.90}}`,
			`{"evtData":{"n":9.90},"evtName":"Stayed","ts":1,"identity":12345678901234,"type":"event"}`,
			`{"evtData":{"n":"9.90"},"evtName":"Stayed","ts":"1","identity":12345678901234,"type":"event"}`,
		},
		{
			`{"type":"event","identity":"1234567890123456","evtName":"Stayed"}`,
			`{"evtName":"Stayed","identity":"1234567890123456","type":"event"}`,
		},
		{`{"type":"event","identity":"007","evtName":"Stayed"}`, `{"evtName":"Stayed","identity":"007","type":"event"}`},
		{
			`{"type":"profile","identity":"é","profileData":{"Phone":"+49301234567","é":"\u00fc","Age":"x"}}`,
			`{"profileData":{"Age":"x","é":"ü","Phone":49301234567},"identity":"é","type":"profile"}`,
		},
	} {
		s, seen := serverOf(), map[string]bool{}
		for range 24 {
			seen[string(post(t, s, list(test[0])).read(t).Unprocessed[0].Record)] = true
		}
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, slices.Sorted(slices.Values(test[1:]))) {
			t.Errorf("%s: %s", test[0], got)
		}
	}
}

func TestASeedRepeatsEverything(t *testing.T) {
	run := func(seed uint64) string {
		s := ct.New(ct.Config{
			Seed: seed, Accounts: []ct.Account{{ID: account, Passcodes: []string{passcode}}},
			Faults: []ct.Fault{{Kind: ct.Status, Rate: 0.3}, {Kind: ct.BadCount, Rate: 0.3}, {Kind: ct.Transient, Share: 0.3}},
		})
		var b strings.Builder
		for range 20 {
			got := post(t, s, bad(6, 1, 2, 4))
			fmt.Fprintln(&b, got.status, got.body)
		}
		return b.String()
	}
	if run(7) != run(7) || run(7) == run(8) {
		t.Error("one seed with two runs, or two seeds with one")
	}
}

func TestListenersAreForLoopback(t *testing.T) {
	for address, good := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false, "[::]:0": false, "192.0.2.1:0": false,
		"example.com:80": false, "127.0.0.1": false,
	} {
		l, err := serverOf().Listen(address)
		if (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = l.Close()
		}
	}
}

// ask calls the admin API.
func ask(t *testing.T, s *ct.Server, method, target, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestTheAdminAPIShowsWhatIsThere(t *testing.T) {
	s := serverOf()
	for _, target := range []string{"/records", "/requests", "/warnings", "/profiles", "/deletions"} {
		if status, got := ask(t, s, http.MethodGet, target, ""); status != http.StatusOK || got != `[]` {
			t.Errorf("%s of an empty server: %d %s", target, status, got)
		}
	}
	post(t, s, list(strings.Replace(event(1, `,"seen":"2026-11-02"`), "reader", "a", 1)))
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":"b"}`))
	for target, want := range map[string]string{
		"/warnings":  `[{"account":"TEST-123-4567","request":1,"position":1,"rule":"iso_date","key":"seen"}]`,
		"/profiles":  `[{"account":"TEST-123-4567","key":"identity","id":"a","data":{}}]`,
		"/deletions": `[{"account":"TEST-123-4567","key":"identity","id":"b"}]`,
		"/records":   `"key":"identity","id":"a","name":"TRIAL_STARTED","event_id":"1","record":{"type":"event",`,
		"/requests":  `"path":"/1/delete/profiles.json"`,
	} {
		status, got := ask(t, s, http.MethodGet, target, "")
		if status != http.StatusOK || !strings.Contains(got, want) || strings.Contains(got, passcode) {
			t.Errorf("%s: %d %s, want %s", target, status, got, want)
		}
	}
}

func TestPeopleSeeWhatArrived(t *testing.T) {
	s := serverOf()
	post(t, s, list(event(1, `,"until":"$D_1793620800","seen":"2026-11-02"`), profile("<b>", `"plan":"gold & silver"`)))
	text := `People (2)

TEST-123-4567 identity reader

TEST-123-4567 identity <b>
    plan  gold & silver

Records, the newest first (2)

`
	status, got := ask(t, s, http.MethodGet, "/", "")
	if status != http.StatusOK || !strings.HasPrefix(got, text) {
		t.Errorf("%d %s", status, got)
	}
	for _, want := range []string{"TEST-123-4567 event TRIAL_STARTED identity reader\n", "  2026-11-02 12:00:00 UTC\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
	request, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), httptest.NewRecorder()
	request.Header.Set("Accept", "text/html,*/*")
	s.Admin().ServeHTTP(w, request)
	for _, want := range []string{
		"<span>&lt;b&gt;</span>", `<th scope="row">plan</th><td>gold &amp; silver</td>`, "<h2>Warnings</h2>",
		"iso_date seen", "</html>",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q is not in:\n%s", want, w.Body)
		}
	}
}

func TestTheAdminAPITakesCommands(t *testing.T) {
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
		{http.MethodPost, "/accounts", `{"id":"TEST-123-4567","passcodes":["demo-passcode"],"in_flight":2}`, 200, 200},
		{http.MethodGet, "/nothing", ``, 404, 200},
	} {
		status, got := ask(t, s, c.method, c.target, c.body)
		if status != c.want || status == http.StatusBadRequest && !strings.HasPrefix(got, `{"error":"`) {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.target, c.body, status, got)
		}
		if status := post(t, s, events(1)).status; status != c.upload {
			t.Errorf("after %s %s %.60s an upload is answered %d", c.method, c.target, c.body, status)
		}
	}
}

func TestFaultsInJSON(t *testing.T) {
	text := `{"kind":"status","account":"a","path":"/1/upload","count":3,"rate":0.5,"until":"2s","wait":"1ms",
		"status":500,"body":"html","retry_after":"9","over":7,"stored":true,"index":"zero","by":-2,"marker":"m",
		"share":0.1,"times":2,		"code":599,"passcode":"p","in_flight":4}`
	want := ct.Fault{
		Kind: ct.Status, Account: "a", Path: "/1/upload", Count: 3, Rate: 0.5, Until: 2 * time.Second,
		Wait: time.Millisecond, Status: 500, Body: "html", RetryAfter: "9", Over: 7, Stored: true, Index: "zero", By: -2,
		Marker: "m", Share: 0.1, Times: 2, Code: 599, Passcode: "p", InFlight: 4,
	}
	if got, err := ct.ParseFaults([]byte(text)); err != nil || !slices.Equal(got, []ct.Fault{want}) {
		t.Errorf("%+v, %v", got, err)
	}
}
