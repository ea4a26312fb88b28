package clevertaptest_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// The account that most tests use, a second one, and where they send to.
const (
	account   = "TEST-123-4567"
	passcode  = "demo-passcode"
	second    = "TEST-2"
	upload    = "https://api.clevertap.com/1/upload"
	uploadIn1 = "https://in1.api.clevertap.com/1/upload"
	deletion  = "https://api.clevertap.com/1/delete/profiles.json"
)

// serverOf returns a server with the accounts and these faults.
func serverOf(faults ...ct.Fault) *ct.Server {
	return ct.New(ct.Config{Faults: faults, Accounts: []ct.Account{
		{ID: account, Passcodes: []string{passcode}, Discarded: []string{"old news"}},
		{ID: second, Region: "in1", Passcodes: []string{"other-passcode"}},
	}})
}

// requestOf returns a proper request, which a test may change.
func requestOf(t testing.TB, url, body string, change ...func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-CleverTap-Account-Id", account)
	r.Header.Set("X-CleverTap-Passcode", passcode)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	for _, c := range change {
		if c != nil {
			c(r)
		}
	}
	return r
}

// header sets a header, or removes it if there are no values.
func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

// bySecond makes a request the second account's.
func bySecond(r *http.Request) {
	header("X-CleverTap-Account-Id", second)(r)
	header("X-CleverTap-Passcode", "other-passcode")(r)
}

type answer struct {
	status int
	header http.Header
	body   string
}

// attempt sends a request and reads the answer to its end.
func attempt(by http.RoundTripper, r *http.Request) (answer, error) {
	response, err := by.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// call is attempt for a request that must not fail.
func call(t testing.TB, by http.RoundTripper, r *http.Request) answer {
	t.Helper()
	a, err := attempt(by, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// post uploads a body without a network.
func post(t testing.TB, s *ct.Server, body string) answer {
	t.Helper()
	return call(t, s.Transport(), requestOf(t, upload, body))
}

type verdict struct {
	Status      string    `json:"status"`
	Error       string    `json:"error"`
	Processed   *int      `json:"processed"`
	Unprocessed []refused `json:"unprocessed"`
}

type refused struct {
	Status string         `json:"status"`
	Code   jsontext.Value `json:"code"`
	Error  string         `json:"error"`
	Record jsontext.Value `json:"record"`
}

func (r refused) code() int {
	code, _ := strconv.Atoi(strings.Trim(string(r.Code), `"`))
	return code
}

var skipped = regexp.MustCompile(`Skipped record number : (\d+)$`)

func (r refused) position() int {
	n, _ := strconv.Atoi(skipped.FindStringSubmatch(r.Error)[1])
	return n
}

func (a answer) read(t testing.TB) (v verdict) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != http.StatusOK {
		t.Fatalf("status %d, answer %q: %v", a.status, a.body, err)
	}
	return v
}

// String is the status, the count and, of each entry, the number in its text, its code and whether it has an echo:
// "?" is none.
func (v verdict) String() string {
	words := []string{v.Status, "?"}
	if v.Processed != nil {
		words[1] = strconv.Itoa(*v.Processed)
	}
	for _, e := range v.Unprocessed {
		number := "?"
		if match := skipped.FindStringSubmatch(e.Error); match != nil {
			number = match[1]
		}
		words = append(words, fmt.Sprintf("%s:%d:%t", number, e.code(), e.Record != nil))
	}
	return strings.Join(words, " ")
}

// event is a proper record with an id of its own and further properties.
func event(id int, properties string) string {
	const form = `{"type":"event","identity":"reader","ts":1,"evtName":"TRIAL_STARTED","evtData":{"event_id":"%d"%s}}`
	return fmt.Sprintf(form, id, properties)
}

// profile is a proper profile record.
func profile(id, data string) string {
	return `{"type":"profile","identity":"` + id + `","ts":946684800,"profileData":{` + data + `}}`
}

// list wraps records into an upload.
func list(records ...string) string { return `{"d":[` + strings.Join(records, ",") + `]}` }

// bad is an upload of n records, of which those at some positions are refused with 513.
func bad(n int, positions ...int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = event(i+1, "")
		if slices.Contains(positions, i+1) {
			records[i] = strings.Replace(records[i], "TRIAL_STARTED", "Stayed", 1)
		}
	}
	return list(records...)
}

func events(n int) string { return bad(n) }

func rules(s *ct.Server) (all []string) {
	for _, w := range s.Warnings() {
		all = append(all, w.Rule)
	}
	return all
}
