package clevertaptest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestRecordsAreKeptInOrder(t *testing.T) {
	s := serverOf()
	odd := `{ "type":"profile", "objectId":"-a", "ts":946684800, "profileData":{ "n" : 9.90 } }`
	post(t, s, list(event(1, ""), odd))
	call(t, s.Transport(), requestOf(t, uploadIn1, events(1), bySecond))
	post(t, s, bad(3, 1))
	one := func(number, request, position, id int) ct.Record {
		return ct.Record{
			Number: number, Account: account, Request: request, Position: position, Type: "event", Key: "identity", ID: "reader-7731",
			Name: "TRIAL_STARTED", EventID: fmt.Sprint(id), Raw: event(id, ""),
		}
	}
	want := []ct.Record{
		one(1, 1, 1, 1),
		{Number: 2, Account: account, Request: 1, Position: 2, Type: "profile", Key: "objectId", ID: "-a", Raw: odd},
		one(4, 3, 2, 2),
		one(5, 3, 3, 3),
	}
	if diff := cmp.Diff(want, s.Records(account), cmpopts.IgnoreFields(ct.Record{}, "Time")); diff != "" {
		t.Error(diff)
	}
	if got := s.Records(second); len(got) != 1 || got[0].Number != 3 || len(s.Records("")) != 5 {
		t.Errorf("the other account: %+v", got)
	}
}

func TestProfilesAreMergedAndDeleted(t *testing.T) {
	s := serverOf()
	post(t, s, list(profile("a", `"plan":"gold","n":1`), strings.Replace(event(1, ""), "reader-7731", "b", 1)))
	post(t, s, list(profile("a", `"plan":"silver"`), strings.Replace(event(2, ""), `"identity":"reader-7731"`, `"objectId":"-c"`, 1)))
	expect := func(want ...ct.Profile) {
		t.Helper()
		if diff := cmp.Diff(want, s.Profiles()); diff != "" {
			t.Error(diff)
		}
	}
	data := map[string]jsontext.Value{"plan": jsontext.Value(`"silver"`), "n": jsontext.Value(`1`)}
	b := ct.Profile{Account: account, Key: "identity", ID: "b", Data: map[string]jsontext.Value{}}
	c := ct.Profile{Account: account, Key: "objectId", ID: "-c", Data: map[string]jsontext.Value{}}
	expect(ct.Profile{Account: account, Key: "identity", ID: "a", Data: data}, b, c)
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":["a","nobody"]}`))
	expect(b, c)
	call(t, s.Transport(), requestOf(t, deletion, `{"guid":"-c"}`))
	expect(b)
	want := []ct.Deletion{{account, "identity", "a"}, {account, "identity", "nobody"}, {account, "objectId", "-c"}}
	if got := s.Deletions(); !slices.Equal(got, want) {
		t.Errorf("deletions: %+v", got)
	}
	post(t, s, list(profile("a", `"x":1`)))
	if got := s.Profiles(); len(got) != 2 || len(got[1].Data) != 1 {
		t.Errorf("who comes back is new: %+v", got)
	}
}

func TestDuplicatesAreOfOneAccount(t *testing.T) {
	s := serverOf()
	post(t, s, events(2))
	call(t, s.Transport(), requestOf(t, uploadIn1, events(2), bySecond))
	post(t, s, events(1))
	want := []ct.Warning{{Account: account, Request: 3, Position: 1, Rule: ct.Repeated, Key: "event_id"}}
	if got := s.Duplicates(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestADryRunStoresNothing(t *testing.T) {
	s := serverOf()
	got := call(t, s.Transport(), requestOf(t, upload+"?dryRun=1", bad(2, 2))).read(t)
	if got.Status != "partial" || got.processed() != 1 || got.Unprocessed[0].code() != 513 {
		t.Errorf("%+v", got)
	}
	if len(s.Records("")) != 0 || len(s.Profiles()) != 0 || len(s.Warnings()) != 0 {
		t.Error("a dry run left something behind")
	}
	if call(t, s.Transport(), requestOf(t, upload+"?dryRun=0", events(1))); len(s.Records("")) != 1 {
		t.Error("dryRun=0 is no dry run")
	}
}

func TestAnswersNameEveryRefusedRecordOnce(t *testing.T) {
	s := serverOf()
	for n := 1; n <= 12; n++ {
		var positions []int
		for p := 1; p <= n; p++ {
			if rand.IntN(2) == 0 {
				positions = append(positions, p)
			}
		}
		got := post(t, s, bad(n, positions...)).read(t)
		want := "partial"
		switch len(positions) {
		case 0:
			want = "success"
		case n:
			want = "fail"
		}
		var named []int
		for _, e := range got.Unprocessed {
			named = append(named, e.position())
		}
		slices.Sort(named)
		if got.Status != want || got.processed() != n-len(positions) || !slices.Equal(named, positions) {
			t.Errorf("%d with %v refused: %+v", n, positions, got)
		}
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
		"code string", "code number", "ends .", "ends . ", "ends ..", "code in the text true", "code in the text false", "in order false",
	} {
		if forms[form] < 10 {
			t.Errorf("%s: %d times", form, forms[form])
		}
	}
}

// An echo is the record in other words.
func TestEchoes(t *testing.T) {
	for record, forms := range map[string]map[string][]any{ // by key, what must occur, and nothing else
		`{"type":"event","identity":"123456789012345","ts":946684800,"evtName":"Stayed","evtData":{}}`: {
			"identity": {123456789012345.0}, "ts": {946684800.0, "946684800"}, "evtName": {"Stayed"},
		},
		`{"type":"event","identity":"1234567890123456","evtName":"Stayed","evtData":{}}`:     {"identity": {"1234567890123456"}},
		`{"type":"event","identity":"007","evtName":"Stayed","evtData":{}}`:                  {"identity": {"007"}},
		profile("a", `"Phone":"+49301234567","Age":"x","n":9.90`):                            {"Phone": {49301234567.0}, "n": {9.9, "9.90"}, "Age": {"x"}},
		`{"type":"event","identity":"\u00e9\n","evtName":"Stayed","evtData":{"é":"\u00fc"}}`: {"identity": {"é\n"}, "é": {"ü"}},
	} {
		s := serverOf()
		seen := map[string]map[any]bool{}
		for range 24 {
			echoed := post(t, s, list(record)).read(t).Unprocessed[0].Record
			var echo map[string]any
			if err := json.Unmarshal(echoed, &echo); err != nil || string(echoed) == record {
				t.Fatalf("%s, %v", echoed, err)
			}
			for _, data := range []string{"evtData", "profileData"} {
				inner, _ := echo[data].(map[string]any)
				maps.Copy(echo, inner)
			}
			for key := range forms {
				if seen[key] == nil {
					seen[key] = map[any]bool{}
				}
				seen[key][echo[key]] = true
			}
		}
		for key, values := range forms {
			want := map[any]bool{}
			for _, value := range values {
				want[value] = true
			}
			if !maps.Equal(seen[key], want) {
				t.Errorf("%s of %s: %v, want %v", key, record, seen[key], want)
			}
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
	post(t, s, list(strings.Replace(event(1, `,"seen":"2026-11-02"`), "reader-7731", "a", 1)))
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":"b"}`))
	for target, want := range map[string]string{
		"/health":    `{"status":"ok"}`,
		"/warnings":  `[{"account":"TEST-123-4567","request":1,"position":1,"rule":"iso_date","key":"seen"}]`,
		"/profiles":  `[{"account":"TEST-123-4567","key":"identity","id":"a","data":{}}]`,
		"/deletions": `[{"account":"TEST-123-4567","key":"identity","id":"b"}]`,
		"/records":   `"type":"event","key":"identity","id":"a","name":"TRIAL_STARTED","event_id":"1","raw":"{\"type\":\"event\",`,
		"/requests":  `"path":"/1/delete/profiles.json"`,
	} {
		status, got := ask(t, s, http.MethodGet, target, "")
		if status != http.StatusOK || !strings.Contains(got, want) || strings.Contains(got, passcode) {
			t.Errorf("%s: %d %s, want %s", target, status, got, want)
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
		{http.MethodPost, "/accounts", `{"passcodes":["x"]}`, 400, 401},
		{http.MethodPost, "/accounts", `{"id":"TEST-123-4567","passcodes":["demo-passcode"],"in_flight":2}`, 200, 200},
		{http.MethodGet, "/nothing", ``, 404, 200},
		{http.MethodPost, "/faults", strings.Repeat(" ", 1<<20+1), 400, 200},
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
	text := `[{"kind":"status","account":"a","path":"/1/upload","count":3,"rate":0.5,"until":"2s","status":500,"body":"html",` +
		`"retry_after":"9","over":7,"stored":true},{"kind":"transient","marker":"m","share":0.1,"times":2,"code":599},` +
		`{"kind":"expire","passcode":"p"},{"kind":"throttle","in_flight":4},{"kind":"wrong_index","index":"zero"},` +
		`{"kind":"bad_count","by":-2},{"kind":"trickle","wait":"1ms"}]`
	want := []ct.Fault{
		{
			Kind: ct.Status, Account: "a", Path: "/1/upload", Count: 3, Rate: 0.5, Until: 2 * time.Second, Status: 500, Body: "html",
			RetryAfter: "9", Over: 7, Stored: true,
		},
		{Kind: ct.Transient, Marker: "m", Share: 0.1, Times: 2, Code: 599},
		{Kind: ct.Expire, Passcode: "p"},
		{Kind: ct.Throttle, InFlight: 4},
		{Kind: ct.WrongIndex, Index: "zero"},
		{Kind: ct.BadCount, By: -2},
		{Kind: ct.Trickle, Wait: time.Millisecond},
	}
	if got, err := ct.ParseFaults([]byte(text)); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
