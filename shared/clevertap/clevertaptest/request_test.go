package clevertaptest_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// padded is an upload of exactly so many bytes.
func padded(size int) string {
	body := []byte(events(1))
	return string(append(body, bytes.Repeat([]byte(" "), size-len(body))...))
}

// Each rule for whole requests has a request on either side of it.
func TestWholeRequests(t *testing.T) {
	const (
		badBody, badAuth, html = "body cannot be read", "credentials refused", "<html>"
		local, id, pass, typ   = "http://127.0.0.1:9900", "X-CleverTap-Account-Id", "X-CleverTap-Passcode", "Content-Type"
		huge                   = 4 << 20
	)
	users := func(n int) string { return `{"identity":["a"` + strings.Repeat(`,"a"`, n-1) + `]}` }
	put := func(r *http.Request) { r.Method = http.MethodPut }
	host := func(host string) string { return "http://" + host + "/1/upload" }
	type test struct {
		url    string // an upload's
		body   string // an event
		change func(*http.Request)
		status int
		answer string // a part of it
	}
	tests := map[string]test{
		"a proper upload":                   {"", "", nil, 200, `{"status":"success","processed":1,"unprocessed":[]}`},
		"another path":                      {"https://api.clevertap.com/1/uploads", "", nil, 404, html},
		"a path with a slash too many":      {upload + "/", "", nil, 404, html},
		"the host in the path":              {local + "/api.clevertap.com/1/upload", "", nil, 200, ""},
		"the host in the path with a port":  {local + "/api.clevertap.com:443/1/upload", "", nil, 200, ""},
		"another method":                    {"", "", put, 405, "method not allowed"},
		"the path comes before the method":  {"https://api.clevertap.com/x", "", put, 404, ""},
		"another region":                    {uploadIn1, "", nil, 401, badAuth},
		"another region in the path":        {local + "/in1.api.clevertap.com/1/upload", "", nil, 401, badAuth},
		"the account's region":              {host("IN1.api.clevertap.com"), "", bySecond, 200, ""},
		"the bare host for another region":  {"", "", bySecond, 401, badAuth},
		"the other name of Europe":          {host("eu1.api.clevertap.com"), "", nil, 200, ""},
		"another host serves every region":  {local + "/1/upload", "", bySecond, 200, ""},
		"what is no region is another host": {host("proxy.api.clevertap.com"), "", bySecond, 200, ""},
		"a region nobody has heard of yet":  {host("abcde12.api.clevertap.com"), "", nil, 401, badAuth},
		"credentials come before the body":  {"", "x", header(pass, "x"), 401, ""},
		"plain JSON":                        {"", "", header(typ, "application/json"), 200, ""},
		"a charset in capitals and quotes":  {"", "", header(typ, `Application/JSON; Charset="UTF-8"`), 200, ""},
		"a compressed body":                 {"", "", header("Content-Encoding", "gzip"), 400, badBody},
		"a dry run":                         {upload + "?dryRun=1", "", nil, 200, ""},
		"another dry run":                   {upload + "?dryRun=true", "", nil, 400, badBody},
		"a body at the limit":               {"", padded(huge), nil, 200, ""},
		"a body over the limit":             {"", padded(huge + 1), nil, 413, html},
		"headers come before the size":      {"", padded(huge + 1), header(typ, "text/plain"), 400, badBody},
		"1000 records":                      {"", events(1000), nil, 200, `"processed":1000`},
		"a delete":                          {deletion, `{"identity":"a"}`, nil, 200, `{"status":"success"}`},
		"a delete by CleverTap ID":          {deletion, `{"guid":["-a","-b"]}`, nil, 200, ""},
		"a delete of 100":                   {deletion, users(100), nil, 200, ""},
		"a delete as a dry run":             {deletion + "?dryRun=1", `{"identity":"a"}`, nil, 400, badBody},
	}
	for i, change := range []func(*http.Request){
		header(id), header(id, ""), header(id, account, account), header(id, "TEST-999-9999"),
		header(pass), header(pass, ""), header(pass, passcode, passcode), header(pass, "x"),
	} {
		tests[fmt.Sprint("wrong credentials ", i)] = test{"", "", change, 401, badAuth}
	}
	for _, types := range [][]string{
		nil, {"application/json", "application/json"}, {"application/json; charset=latin1"}, {"application/json; version=1"},
		{"text/plain"},
	} {
		tests[fmt.Sprint("content types ", types)] = test{"", "", header(typ, types...), 400, badBody}
	}
	for _, body := range []string{
		" ", `[]`, `{}`, `{"D":[{}]}`, `{"d":[{}],"source":"x"}`, `{"d":{}}`, `{"d":[]}`, events(1001), "\ufeff" + events(1),
		"/* */" + events(1), strings.Replace(events(1), "]}", ",]}", 1), events(1) + "{}", events(1)[:20],
		list(event(1, `,"a":"`+"\xff"+`"`)), list(event(1, `,"a":"\ud800"`)), list(event(1, `,"a":1,"a":1`)),
		list(event(1, `,"a":1,"\u0061":1`)), list(event(1, `,"a":{"b":[{"c":1,"c":1}]}`)),
	} {
		tests["upload "+body] = test{"", body, nil, 400, badBody}
	}
	for _, body := range []string{
		users(101), `{"identity":[]}`, `{"identity":""}`, `{"identity":7}`,
		`{"objectId":"-a"}`, `{"identity":"a","guid":"-a"}`, `{`,
	} {
		tests["delete "+body] = test{deletion, body, nil, 400, badBody}
	}
	for name, test := range tests {
		s := serverOf()
		r := requestOf(t, cmp.Or(test.url, upload), cmp.Or(test.body, events(1)), test.change)
		got := call(t, s.Transport(), r)
		if got.status != test.status || !strings.Contains(got.body, test.answer) || s.Requests()[0].Status != got.status {
			t.Errorf("%.60s: status %d, %.200s, want %d, %s", name, got.status, got.body, test.status, test.answer)
		}
		if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") != http.MethodPost {
			t.Error("405 without Allow")
		}
		if got.status != http.StatusOK && len(s.Records("")) > 0 {
			t.Errorf("%.60s: a refused request was stored", name)
		}
	}
}

func TestABlockedAccountIsForbidden(t *testing.T) {
	s := serverOf()
	s.SetAccount(ct.Account{ID: account, Passcodes: []string{"first-one", passcode}, Blocked: true})
	if got := post(t, s, events(1)); got.status != http.StatusForbidden {
		t.Errorf("status %d", got.status)
	}
	got := call(t, s.Transport(), requestOf(t, upload, "", header("X-CleverTap-Passcode", "x")))
	if got.status != http.StatusUnauthorized {
		t.Errorf("with a wrong passcode: %d", got.status)
	}
}

func TestRequestsAreKept(t *testing.T) {
	s := serverOf()
	call(t, s.Transport(), requestOf(t, "http://127.0.0.1/api.clevertap.com/1/upload?dryRun=0", bad(3, 1)))
	got := s.Requests()[0]
	where := fmt.Sprint(got.Number, got.Account, " ", got.Host, got.Path, got.Query, got.Size, got.Records, got.Status)
	if want := fmt.Sprint("1", account, " api.clevertap.com/1/uploaddryRun=0", len(bad(3, 1)), 3, 200); where != want {
		t.Errorf("%s, want %s", where, want)
	}
	if got.Header.Get("X-CleverTap-Passcode") != "[secret]" || got.Header.Get("X-CleverTap-Account-Id") != account {
		t.Errorf("headers %v", got.Header)
	}
}

// slow lets every request take a minute of virtual time.
var slow = ct.Fault{Kind: ct.Latency, Wait: time.Minute}

// together sends n requests at once and counts the answers by status.
func together(t *testing.T, s *ct.Server, n int, url, body string, change func(*http.Request)) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	counts := map[int]int{}
	for range n {
		r := requestOf(t, url, body, change)
		all.Go(func() {
			got, _ := attempt(s.Transport(), r)
			mu.Lock()
			defer mu.Unlock()
			counts[got.status]++
		})
	}
	all.Wait()
	return counts
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	throttled := ct.Fault{Kind: ct.Throttle, InFlight: 1}
	const remove = `{"identity":"a"}`
	for name, test := range map[string]struct {
		faults    []ct.Fault
		n         int
		url, body string
		change    func(*http.Request)
		want      map[int]int
		highest   int
	}{
		"15 at once":              {nil, 15, upload, events(1), nil, map[int]int{200: 15}, 15},
		"16 at once":              {nil, 16, upload, events(1), nil, map[int]int{200: 15, 429: 1}, 16},
		"a throttled account":     {[]ct.Fault{throttled}, 3, upload, events(1), nil, map[int]int{200: 1, 429: 2}, 2},
		"dry runs count":          {nil, 16, upload + "?dryRun=1", events(1), nil, map[int]int{200: 15, 429: 1}, 16},
		"3 deletes at once":       {nil, 3, deletion, remove, nil, map[int]int{200: 3}, 0},
		"4 deletes at once":       {nil, 4, deletion, remove, nil, map[int]int{200: 3, 429: 1}, 0},
		"strangers do not count":  {nil, 20, upload, events(1), header("X-CleverTap-Passcode"), map[int]int{401: 20}, 0},
		"another account's apart": {[]ct.Fault{throttled}, 1, uploadIn1, events(1), bySecond, map[int]int{200: 1}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serverOf(append(test.faults, slow)...)
			if got := together(t, s, test.n, test.url, test.body, test.change); !maps.Equal(got, test.want) {
				t.Errorf("%s: %v, want %v", name, got, test.want)
			}
			if got := s.HighestInFlight(account); got != test.highest {
				t.Errorf("%s: highest %d, want %d", name, got, test.highest)
			}
			if got := together(t, s, 1, test.url, test.body, test.change); got[429] != 0 {
				t.Errorf("%s: a slot was kept", name)
			}
		})
	}
}

// One request follows another over HTTP where only one is allowed.
func TestNobodyWhoHasTheirAnswerIsInFlight(t *testing.T) {
	s := serverOf()
	s.SetAccount(ct.Account{ID: account, Passcodes: []string{passcode}, InFlight: 1})
	url, client := listening(t, s)
	for n := range 300 {
		if got := call(t, client, requestOf(t, url+"/1/upload", events(3))); got.status != http.StatusOK {
			t.Fatalf("request %d: status %d", n+1, got.status)
		}
	}
	if got := s.HighestInFlight(account); got != 1 {
		t.Errorf("highest %d", got)
	}
}
