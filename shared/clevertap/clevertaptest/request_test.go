package clevertaptest_test

import (
	"bytes"
	"io"
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
	const badBody, badAuth, html = "body cannot be read", "credentials refused", "<html>"
	local := "http://127.0.0.1:9900"
	lowerCase := func(r *http.Request) {
		for name, values := range r.Header {
			delete(r.Header, name)
			r.Header[strings.ToLower(name)] = values
		}
	}
	method := func(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }
	type row struct {
		url    string // an upload's
		body   string // an event
		change func(*http.Request)
		status int
		answer string // a part of it
	}
	tests := map[string]row{
		"a proper upload":                    {"", "", nil, 200, `{"status":"success","processed":1,"unprocessed":[]}`},
		"another path":                       {"https://api.clevertap.com/1/uploads", "", nil, 404, html},
		"another version":                    {"https://api.clevertap.com/2/upload", "", nil, 404, html},
		"a path with a slash too many":       {upload + "/", "", nil, 404, html},
		"the host in the path":               {local + "/api.clevertap.com/1/upload", "", nil, 200, ""},
		"the host in the path with a port":   {local + "/api.clevertap.com:443/1/upload", "", nil, 200, ""},
		"something else before the path":     {local + "/proxy/1/upload", "", nil, 404, html},
		"another method":                     {"", "", method(http.MethodPut), 405, "method not allowed"},
		"the path comes before the method":   {"https://api.clevertap.com/x", "", method(http.MethodGet), 404, ""},
		"no account":                         {"", "", header("X-CleverTap-Account-Id"), 401, badAuth},
		"an empty account":                   {"", "", header("X-CleverTap-Account-Id", ""), 401, badAuth},
		"two accounts":                       {"", "", header("X-CleverTap-Account-Id", account, account), 401, badAuth},
		"an unknown account":                 {"", "", header("X-CleverTap-Account-Id", "TEST-999-9999"), 401, badAuth},
		"no passcode":                        {"", "", header("X-CleverTap-Passcode"), 401, badAuth},
		"an empty passcode":                  {"", "", header("X-CleverTap-Passcode", ""), 401, badAuth},
		"two passcodes":                      {"", "", header("X-CleverTap-Passcode", passcode, passcode), 401, badAuth},
		"a wrong passcode":                   {"", "", header("X-CleverTap-Passcode", "x"), 401, badAuth},
		"header names in lower case":         {"", "", lowerCase, 200, ""},
		"another region":                     {uploadIn1, "", nil, 401, badAuth},
		"another region in the path":         {local + "/in1.api.clevertap.com/1/upload", "", nil, 401, badAuth},
		"the account's region":               {strings.Replace(uploadIn1, "in1", "IN1", 1), "", bySecond, 200, ""},
		"the bare host for another region":   {"", "", bySecond, 401, badAuth},
		"the other name of Europe":           {strings.Replace(upload, "api", "eu1.api", 1), "", nil, 200, ""},
		"another host serves every region":   {local + "/1/upload", "", bySecond, 200, ""},
		"what is no region is another host":  {"http://proxy.api.clevertap.com/1/upload", "", bySecond, 200, ""},
		"a region nobody has heard of yet":   {"http://abcde12.api.clevertap.com/1/upload", "", nil, 401, badAuth},
		"credentials come before the body":   {"", "x", header("X-CleverTap-Passcode", "x"), 401, ""},
		"no content type":                    {"", "", header("Content-Type"), 400, badBody},
		"two content types":                  {"", "", header("Content-Type", "application/json", "application/json"), 400, badBody},
		"plain JSON":                         {"", "", header("Content-Type", "application/json"), 200, ""},
		"a charset in capitals and quotes":   {"", "", header("Content-Type", `Application/JSON; Charset="UTF-8"`), 200, ""},
		"another charset":                    {"", "", header("Content-Type", "application/json; charset=latin1"), 400, badBody},
		"another parameter":                  {"", "", header("Content-Type", "application/json; version=1"), 400, badBody},
		"another type":                       {"", "", header("Content-Type", "text/plain"), 400, badBody},
		"a compressed body":                  {"", "", header("Content-Encoding", "gzip"), 400, badBody},
		"a dry run":                          {upload + "?dryRun=1", "", nil, 200, ""},
		"no dry run, and saying so":          {upload + "?dryRun=0", "", nil, 200, ""},
		"another dry run":                    {upload + "?dryRun=true", "", nil, 400, badBody},
		"a body at the limit":                {"", padded(4 << 20), nil, 200, ""},
		"a body over the limit":              {"", padded(4<<20 + 1), nil, 413, html},
		"a body over the limit, unannounced": {"", padded(4<<20 + 1), func(r *http.Request) { r.ContentLength = -1 }, 413, html},
		"headers come before the size":       {"", padded(4<<20 + 1), header("Content-Type", "text/plain"), 400, badBody},
		"1000 records":                       {"", events(1000), nil, 200, `"processed":1000`},
		"trailing blanks":                    {"", events(1) + " \n", nil, 200, ""},
		"a delete":                           {deletion, `{"identity":"a"}`, nil, 200, `{"status":"success"}`},
		"a delete by CleverTap ID":           {deletion, `{"guid":["-a","-b"]}`, nil, 200, ""},
		"a delete of 100":                    {deletion, `{"identity":["a"` + strings.Repeat(`,"a"`, 99) + `]}`, nil, 200, ""},
		"a delete as a dry run":              {deletion + "?dryRun=1", `{"identity":"a"}`, nil, 400, badBody},
	}
	for _, body := range []string{
		" ", `[]`, `{}`, `{"D":[{}]}`, `{"d":[{}],"source":"x"}`, `{"d":{}}`, `{"d":[]}`, events(1001), "\ufeff" + events(1),
		"/* */" + events(1), strings.Replace(events(1), "]}", ",]}", 1), events(1) + "{}", strings.TrimSuffix(events(1), "}"),
		list(event(1, `,"a":"`+"\xff"+`"`)), list(event(1, `,"a":"\ud800"`)), list(event(1, `,"a":1,"a":1`)),
		list(event(1, `,"a":1,"\u0061":1`)), list(event(1, `,"a":{"b":[{"c":1,"c":1}]}`)),
	} {
		tests["upload "+body] = row{"", body, nil, 400, badBody}
	}
	for _, body := range []string{
		`{"identity":["a"` + strings.Repeat(`,"a"`, 100) + `]}`, `{"identity":[]}`, `{"identity":""}`, `{"identity":7}`,
		`{"objectId":"-a"}`, `{"identity":"a","guid":"-a"}`, `{`,
	} {
		tests["delete "+body] = row{deletion, body, nil, 400, badBody}
	}
	for name, test := range tests {
		s := serverOf()
		if test.url == "" {
			test.url = upload
		}
		if test.body == "" {
			test.body = events(1)
		}
		got := call(t, s.Transport(), requestOf(t, test.url, test.body, test.change))
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
	if got := call(t, s.Transport(), requestOf(t, upload, "", header("X-CleverTap-Passcode", "x"))); got.status != http.StatusUnauthorized {
		t.Errorf("with a wrong passcode: %d", got.status)
	}
}

// A body over the limit is answered before it is read to its end: this one has none.
func TestTooLargeIsAnsweredBeforeItIsRead(t *testing.T) {
	url, client := listening(t, serverOf())
	in, out := io.Pipe()
	r := requestOf(t, url+"/1/upload", "")
	r.Body, r.ContentLength, r.GetBody = in, 5<<20, nil
	go func() { _, _ = out.Write([]byte(`{"d":[`)) }()
	if got := call(t, client, r); got.status != http.StatusRequestEntityTooLarge || !got.last {
		t.Errorf("%+v", got)
	}
	_ = out.Close()
}

func TestRequestsAreKept(t *testing.T) {
	s := serverOf()
	call(t, s.Transport(), requestOf(t, "http://127.0.0.1/api.clevertap.com/1/upload?dryRun=0", bad(3, 1)))
	got := s.Requests()[0]
	if got.Number != 1 || got.Account != account || got.Host != "api.clevertap.com" || got.Path != "/1/upload" || got.Query != "dryRun=0" ||
		got.Size != int64(len(bad(3, 1))) || got.Records != 3 || got.Status != http.StatusOK {
		t.Errorf("%+v", got)
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
		"strangers do not count":  {nil, 20, upload, events(1), header("X-CleverTap-Passcode", "x"), map[int]int{401: 20}, 0},
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
				t.Errorf("%s: a place was kept", name)
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
	if got := s.HighestInFlight(account); got != 1 || s.HighestInFlight("nobody") != 0 {
		t.Errorf("highest %d", got)
	}
}
